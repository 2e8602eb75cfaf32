"""Converts `torch.nn.LSTM` and `GRU` into the kit's layers, and back.

Only the functions that take or make a module import torch.
"""

import keras
import numpy as np

from rnn_kit.convert.checks import (
    called,
    check_directions,
    check_kit_layer,
    check_no_peepholes,
    check_torch_equations,
)
from rnn_kit.convert.weights import assign, swap_z_r, weights_of
from rnn_kit.layers import GRU, PeepholeLSTM


def to_torch_weights(layer, layer_index=0, reverse=False):
    """Returns the weights of a layer of this kit as one layer's part of a `torch.nn` state dict.

        weight_ih_l0    kernel, transposed                        LSTM: blocks in the kit's order
        weight_hh_l0    recurrent kernel, transposed              GRU: z, r, h become r, z, n
        bias_ih_l0      LSTM: bias                                GRU: row 0 of the bias
        bias_hh_l0      LSTM: zeros (torch adds the two up)       GRU: row 1 of the bias

    `update_gate="write"` is converted by negating the blocks of z, as in `to_keras`. PyTorch is not
    needed: the arrays are contiguous, as `safetensors.numpy.save_file` wants them.

    Args:
        layer: A built `PeepholeLSTM` or `GRU` of this kit. It is left as it is.
        layer_index: k in the keys `..._lk`.
        reverse: Whether to name the weights as those of torch's backward direction, `..._lk_reverse`.
            The weights are the same for either direction.

    Returns:
        A dict of NumPy arrays of the weights' dtype: weights `(gates * units, F)` and
        `(gates * units, units)`, biases `(gates * units,)`; no biases if `use_bias=False`.

    Raises:
        ValueError: if `layer` is not a layer of this kit, is not built, or computes what torch
            cannot: peepholes that are not all zero, another `activation` or `output_activation` than
            tanh, another `recurrent_activation` than sigmoid, another `reset_gate` than "after".

    Example:

    >>> layer = rnn_kit.layers.GRU(4)
    >>> layer.build((None, None, 3))
    >>> weights = rnn_kit.convert.to_torch_weights(layer)
    >>> {key: weights[key].shape for key in ("weight_ih_l0", "bias_hh_l0")}
    {'weight_ih_l0': (12, 3), 'bias_hh_l0': (12,)}
    """
    check_kit_layer(layer)
    check_torch_equations(layer)
    if not layer.built:
        raise ValueError(f"{called(layer)} has no weights yet. Build it, or call it, first.")
    if isinstance(layer, PeepholeLSTM):
        check_no_peepholes(layer)

    kernel, recurrent_kernel, *bias = (swap_z_r(layer, w) for w in weights_of(layer))
    arrays = {"weight_ih": kernel.T, "weight_hh": recurrent_kernel.T}
    if bias and isinstance(layer, PeepholeLSTM):
        arrays |= {"bias_ih": bias[0], "bias_hh": np.zeros_like(bias[0])}
    elif bias:
        arrays |= {"bias_ih": bias[0][0], "bias_hh": bias[0][1]}
    suffix = _suffix(layer_index, reverse)
    return {name + suffix: np.ascontiguousarray(array) for name, array in arrays.items()}


def set_torch_weights(layer, weights, layer_index=0, reverse=False):
    """Sets the weights of a layer of this kit from one layer's part of a `torch.nn` state dict.

    The mapping is the inverse of `to_torch_weights`; the bias of an LSTM is the sum of
    torch's two, and its peepholes become zero.

    Args:
        layer: A `PeepholeLSTM` or `GRU` of this kit; if it is not built, it is built for the inputs
            that `weight_ih` is for.
        weights: A mapping from torch's names to arrays, such as `safetensors.numpy.load_file` or
            a `state_dict()` on the CPU gives. If the LSTM or GRU is part of a larger module, remove
            that part's prefix from the names. Entries of other layers and directions are ignored.
        layer_index: k in the keys `..._lk`.
        reverse: Whether to take the backward direction, the keys `..._lk_reverse`.

    Raises:
        ValueError: if `layer` is not a layer of this kit or computes what torch cannot (see
            `to_torch_weights`); if a key is missing, or there are biases and the layer has
            `use_bias=False`; if a shape is wrong; or if the weights have a projection (`proj_size`).
            The layer is then unchanged.

    Example:

    >>> source, target = rnn_kit.layers.PeepholeLSTM(4), rnn_kit.layers.PeepholeLSTM(4)
    >>> x = np.ones((2, 5, 3))
    >>> y = source(x)
    >>> rnn_kit.convert.set_torch_weights(target, rnn_kit.convert.to_torch_weights(source))
    >>> bool(np.allclose(y, target(x)))
    True
    """
    check_kit_layer(layer)
    check_torch_equations(layer)
    arrays = _torch_arrays(layer, weights, _suffix(layer_index, reverse))
    new = [arrays["weight_ih"].T, arrays["weight_hh"].T]
    if layer.use_bias and isinstance(layer, PeepholeLSTM):
        new.append(arrays["bias_ih"] + arrays["bias_hh"])
    elif layer.use_bias:
        new.append(np.stack([arrays["bias_ih"], arrays["bias_hh"]]))
    if not layer.built:
        layer.build((None, None, new[0].shape[0]))
    assign(layer, [swap_z_r(layer, w) for w in new])


def from_torch(module):
    """Converts a `torch.nn.LSTM` or `GRU` into layers of this kit that compute the same.

        layer k of the module             PeepholeLSTM or GRU, with return_sequences=True
        layer k of a bidirectional one    keras.layers.Bidirectional of it, merge_mode="concat"
        dropout between the layers        keras.layers.Dropout between the layers

    Keras's inputs are always `(B, T, F)`: if the module has `batch_first=False`, swap the first two
    axes of its input and output.

    Args:
        module: A `torch.nn.LSTM` or `torch.nn.GRU`, on any device. It is left as it is.

    Returns:
        A list of layers, for `keras.Sequential(from_torch(module))`: `num_layers` recurrent layers,
        built, with the module's weights and dtype and `recurrent_initializer="glorot_uniform"`, the
        rest being the kit's defaults; and, if the module has `dropout`, a `Dropout` layer after each
        but the last.

    Raises:
        ValueError: if the module is anything else, including a subclass, or has a `proj_size`.

    Example:

    >>> import torch  # doctest: +SKIP
    >>> module = torch.nn.GRU(3, 4, num_layers=2, batch_first=True)  # doctest: +SKIP
    >>> model = keras.Sequential(rnn_kit.convert.from_torch(module))  # doctest: +SKIP
    >>> x = np.ones((2, 5, 3), "float32")  # doctest: +SKIP
    >>> expected = module(torch.from_numpy(x))[0].detach().numpy()  # doctest: +SKIP
    >>> bool(np.allclose(model.predict(x, verbose=0), expected, atol=1e-5))  # doctest: +SKIP
    True
    """
    import torch

    kit_class = {torch.nn.LSTM: PeepholeLSTM, torch.nn.GRU: GRU}.get(type(module))
    if kit_class is None:
        raise ValueError(f"Expected a torch.nn.LSTM or torch.nn.GRU. Received: {type(module).__name__}")
    # In float64, which holds every other dtype: NumPy has no bfloat16.
    weights = {key: w.cpu().double().numpy() for key, w in module.state_dict().items()}
    dtype = str(module.weight_ih_l0.dtype).removeprefix("torch.")

    layers, features = [], module.input_size
    for index in range(module.num_layers):
        if index > 0 and module.dropout:
            layers.append(keras.layers.Dropout(module.dropout, dtype=dtype))
        layer = kit_class(
            module.hidden_size,
            use_bias=module.bias,
            # Overwritten below, but drawn first: orthogonal matrices cannot be drawn in half precision.
            recurrent_initializer="glorot_uniform",
            return_sequences=True,
            dtype=dtype,
        )
        if module.bidirectional:
            layer = keras.layers.Bidirectional(layer, dtype=dtype)
        layer.build((None, None, features))
        for reverse, direction in enumerate(_directions(layer)):
            set_torch_weights(direction, weights, index, bool(reverse))
        layers.append(layer)
        features = module.hidden_size * len(_directions(layer))
    return layers


def to_torch(layers):
    """Converts layers of this kit into the `torch.nn.LSTM` or `GRU` that computes the same.

        PeepholeLSTM                      torch.nn.LSTM(..., batch_first=True)
        GRU                               torch.nn.GRU(..., batch_first=True)
        a list of n of them               num_layers=n
        keras.layers.Bidirectional        bidirectional=True
        keras.layers.Dropout in between   dropout

    The module returns its last layer's whole sequence and every layer's final states, whatever the
    layers' `return_sequences` and `return_state` are; it neither carries states nor masks. Drops what
    only affects training and torch lacks: the layers' `dropout` and `recurrent_dropout`,
    regularizers and constraints.

    Args:
        layers: A `PeepholeLSTM` or `GRU` of this kit or a `keras.layers.Bidirectional` of one, built;
            or a list of them in the order of a model, all of one kind, either without any
            `keras.layers.Dropout` or with one of the same rate between any two.

    Returns:
        A `torch.nn.LSTM` or `torch.nn.GRU` of the layers' dtype, in training mode as any new module:
        call `eval()` if it has dropout.

    Raises:
        ValueError: naming the layer, if torch cannot express it (see `to_torch_weights`), if it runs
            backwards alone or has another `merge_mode` than "concat", or if it differs from the
            others in kind, `units`, `use_bias`, dtype, input size, or direction.

    Example:

    >>> import torch  # doctest: +SKIP
    >>> model = keras.Sequential([keras.Input((None, 3)), rnn_kit.layers.GRU(4)])  # doctest: +SKIP
    >>> module = rnn_kit.convert.to_torch(model.layers)  # doctest: +SKIP
    >>> module  # doctest: +SKIP
    GRU(3, 4, batch_first=True)
    """
    import torch

    layers = list(layers) if isinstance(layers, (list, tuple)) else [layers]
    if not layers:
        raise ValueError("Expected at least one layer. Received: an empty list")
    stack, rate = _stack_and_dropout(layers)
    weights = _stack_weights(stack)
    first, *others = _directions(stack[0])
    torch_class = torch.nn.LSTM if isinstance(first, PeepholeLSTM) else torch.nn.GRU
    module = torch_class(
        first.cell.kernel.shape[0],
        first.units,
        num_layers=len(stack),
        bias=first.use_bias,
        batch_first=True,
        dropout=rate,
        bidirectional=bool(others),
        dtype=getattr(torch, first.variable_dtype),
    )
    # By way of float64, which holds every other dtype: torch reads no bfloat16 from NumPy.
    module.load_state_dict({k: torch.from_numpy(w.astype("float64")) for k, w in weights.items()})
    return module


def _suffix(layer_index, reverse):
    return f"_l{layer_index}" + ("_reverse" if reverse else "")


def _torch_arrays(layer, weights, suffix):
    """Selects and checks one layer's arrays of a state dict: names without the suffix to arrays."""
    if f"weight_hr{suffix}" in weights:
        raise ValueError(
            f"The weights hold 'weight_hr{suffix}', the projection of a torch.nn.LSTM with proj_size. "
            f"{called(layer)} has none."
        )
    biases = [name + suffix for name in ("bias_ih", "bias_hh") if name + suffix in weights]
    if biases and not layer.use_bias:
        raise ValueError(f"The weights hold '{biases[0]}', and {called(layer)} has use_bias=False.")
    names = ["weight_ih", "weight_hh", *(["bias_ih", "bias_hh"] if layer.use_bias else [])]
    missing = [name + suffix for name in names if name + suffix not in weights]
    if missing:
        raise ValueError(
            f"{called(layer)} with use_bias={layer.use_bias} needs {', '.join(missing)}. "
            f"The weights hold {', '.join(sorted(weights)[:8]) or 'nothing'}."
        )
    arrays = {name: np.asarray(weights[name + suffix]) for name in names}
    rows = (4 if isinstance(layer, PeepholeLSTM) else 3) * layer.units
    features = layer.cell.kernel.shape[:1] if layer.built else arrays["weight_ih"].shape[1:2]
    columns = {"weight_ih": features or ("F",), "weight_hh": (layer.units,)}
    for name, array in arrays.items():
        expected = (rows, *columns.get(name, ()))
        if array.shape != expected:
            raise ValueError(
                f"{called(layer)} expects '{name}{suffix}' of shape {expected}. "
                f"Received: shape {array.shape}"
            )
    return arrays


def _directions(layer):
    """Lists the kit's layers in a layer: itself, or the two of a `Bidirectional`."""
    if isinstance(layer, keras.layers.Bidirectional):
        return [layer.forward_layer, layer.backward_layer]
    return [layer]


def _stack_and_dropout(layers):
    """Returns the recurrent layers, and the rate of the `Dropout` layers between them."""
    dropouts = [layer for layer in layers if isinstance(layer, keras.layers.Dropout)]
    if not dropouts:
        return layers, 0.0
    rates = {layer.rate for layer in dropouts}
    by_element = all(layer.noise_shape is None for layer in dropouts)
    if layers[1::2] != dropouts or len(layers) % 2 == 0 or len(rates) > 1 or not by_element:
        raise ValueError(
            "torch.nn drops single elements at one rate between any two layers, or nowhere. "
            f"Received: {[layer.name for layer in layers]} with rates {sorted(rates)}"
        )
    return layers[::2], rates.pop()


def _stack_weights(stack):
    """Makes the state dict of a stack of layers, and checks that they make one module of torch."""
    weights, wanted = {}, None
    for index, layer in enumerate(stack):
        parts = _directions(layer)
        check_directions(layer, parts)
        for reverse, part in enumerate(parts):
            weights |= to_torch_weights(part, index, bool(reverse))
            wanted = wanted or _properties(part, parts)  # those of the first layer
            _check_properties(part, _properties(part, parts), wanted, stack[0])
        if not layer.return_sequences and index < len(stack) - 1:
            raise ValueError(f"{called(layer)} has return_sequences=False, and is not the last.")
        wanted["input size"] = wanted["directions"] * wanted["units"]
    return weights


def _properties(layer, parts):
    """Collects what the layers of one module must have in common."""
    return {
        "kind": type(layer).__name__,
        "directions": len(parts),
        "units": layer.units,
        "use_bias": layer.use_bias,
        "dtype": layer.variable_dtype,
        "input size": layer.cell.kernel.shape[0],
    }


def _check_properties(layer, received, expected, first):
    for what, value in expected.items():
        if received[what] != value:
            raise ValueError(
                f"{called(layer)} has {what} {received[what]!r}. In a module of torch.nn that "
                f"begins with {called(first)} it would be {value!r}."
            )
