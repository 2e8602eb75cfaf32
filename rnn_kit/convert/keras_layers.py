"""Converts `keras.layers.LSTM` and `GRU` into the kit's layers, and back."""

import keras

from rnn_kit.convert.checks import (
    called,
    check_kit_layer,
    check_no_peepholes,
    check_update_gate,
    name_of,
)
from rnn_kit.convert.weights import assign, weights_of
from rnn_kit.layers import GRU, PeepholeLSTM

# The arguments that Keras's layers and the kit's have in common, apart from `dtype`, `seed` and
# `implementation`, which `_shared_arguments` adds. They are passed on as objects, not as their
# configuration, so that a lambda or another unregistered object is kept.
_SHARED_ARGUMENTS = (
    *("name", "trainable", "units", "activation", "recurrent_activation", "use_bias"),
    *("kernel_initializer", "recurrent_initializer", "bias_initializer"),
    *("kernel_regularizer", "recurrent_regularizer", "bias_regularizer", "activity_regularizer"),
    *("kernel_constraint", "recurrent_constraint", "bias_constraint"),
    *("dropout", "recurrent_dropout", "return_sequences", "return_state", "go_backwards"),
    *("stateful", "unroll", "zero_output_for_mask"),
)


def from_keras(layer):
    """Converts a `keras.layers.LSTM` or `GRU` into a layer of this kit that computes the same.

        keras.layers.LSTM    PeepholeLSTM with zero peepholes, output_activation = activation
        keras.layers.GRU     GRU with update_gate="keep", and reset_gate="after" for
                             reset_after=True, "before" for reset_after=False
        use_cudnn            the same, but for an LSTM "auto" in the place of True, as cuDNN has no
                             peepholes; and fused=False for False, else fused="auto"

    Args:
        layer: A `keras.layers.LSTM` or `keras.layers.GRU`, built or not. It is not changed.

    Returns:
        A `PeepholeLSTM` or `GRU` with the same arguments and name. If `layer` is built it is built
        too, with the same weights, and with the states that a stateful `layer` carries.

    Raises:
        ValueError: if `layer` is of any other class, also of a subclass, which may compute anything.

    Example:

    >>> layer = keras.layers.GRU(4, reset_after=False, name="encoder")
    >>> layer.build((None, None, 3))
    >>> converted = rnn_kit.convert.from_keras(layer)
    >>> converted.name, converted.reset_gate
    ('encoder', 'before')
    >>> x = np.ones((2, 5, 3))
    >>> bool(np.allclose(layer(x), converted(x), atol=1e-6))
    True
    """
    if type(layer) is keras.layers.LSTM:
        kit_class = PeepholeLSTM
        form = {
            "unit_forget_bias": layer.unit_forget_bias,
            "output_activation": layer.activation,
        }
    elif type(layer) is keras.layers.GRU:
        kit_class = GRU
        form = {"reset_gate": "after" if layer.reset_after else "before"}
    else:
        raise ValueError(
            f"Expected a keras.layers.LSTM or keras.layers.GRU. Received: {called(layer)}. Of a "
            "Bidirectional convert `forward_layer` and `backward_layer`, each on its own."
        )
    fused = False if layer.use_cudnn is False else "auto"
    use_cudnn = "auto" if kit_class is PeepholeLSTM and layer.use_cudnn is True else layer.use_cudnn
    target = kit_class(**_shared_arguments(layer), **form, fused=fused, use_cudnn=use_cudnn)
    _build_alike(target, layer)
    return target


def to_keras(layer):
    """Converts a layer of this kit into the `keras.layers.LSTM` or `GRU` that computes the same.

        PeepholeLSTM                 keras.layers.LSTM
        GRU(reset_gate="after")      keras.layers.GRU(reset_after=True)
        GRU(reset_gate="before")     keras.layers.GRU(reset_after=False)
        update_gate="write"          the blocks of z in kernel, recurrent kernel and bias negated
        use_cudnn                    the same, but False for fused=False

    Keras's update gate is "keep". Since 1 - σ(a) = σ(-a), a unit that writes with z is one that
    keeps with the negated z; `sigmoid` and `hard_sigmoid` have that symmetry about (0, 1/2), other
    functions do not. Regularizers and constraints are passed on and will see the negated weights.

    Args:
        layer: A `PeepholeLSTM` or `GRU` of this kit, built or not. It is not changed.

    Returns:
        A `keras.layers.LSTM` or `keras.layers.GRU` with the same arguments and name. If `layer` is
        built it is built too, with the same weights, and with the states that a stateful `layer`
        carries. The arguments for peepholes have no counterpart and are left out.

    Raises:
        ValueError: if `layer` is not a layer of this kit, or Keras cannot express it: peepholes that
            are not all zero (or will not start at zero), an `output_activation` other than
            `activation`, `reset_gate=None`, `update_gate="write"` with another
            `recurrent_activation` than those two, or on a layer that has no weights yet to negate.

    Example:

    >>> layer = rnn_kit.layers.GRU(4, update_gate="write")
    >>> x = np.ones((2, 5, 3))
    >>> y = layer(x)
    >>> bool(np.allclose(y, rnn_kit.convert.to_keras(layer)(x), atol=1e-6))
    True
    """
    check_kit_layer(layer)
    if isinstance(layer, PeepholeLSTM):
        check_no_peepholes(layer)
        if layer.output_activation is not layer.activation:
            raise ValueError(
                f"{called(layer)} has output_activation={name_of(layer.output_activation)} and "
                f"activation={name_of(layer.activation)}. In keras.layers.LSTM they are one."
            )
        keras_class = keras.layers.LSTM
        form = {"unit_forget_bias": layer.unit_forget_bias}
    else:
        check_update_gate(layer)
        if layer.reset_gate is None:
            raise ValueError(
                f"{called(layer)} has reset_gate=None. keras.layers.GRU always has a reset gate."
            )
        keras_class = keras.layers.GRU
        form = {"reset_after": layer.reset_gate == "after"}
    use_cudnn = False if layer.fused is False else layer.use_cudnn
    target = keras_class(**_shared_arguments(layer), **form, use_cudnn=use_cudnn)
    _build_alike(target, layer)
    return target


def _shared_arguments(layer):
    return {
        **{name: getattr(layer, name) for name in _SHARED_ARGUMENTS},
        "dtype": layer.dtype_policy,
        "seed": layer.cell.seed,
        "implementation": layer.cell.implementation,
    }


def _build_alike(target, source):
    if not source.built:
        return
    batch_size = source.states[0].shape[0] if source.stateful else None
    target.build((batch_size, None, source.cell.kernel.shape[0]))
    assign(target, weights_of(source))
    if source.stateful:
        for state, carried in zip(target.states, source.states, strict=True):
            state.assign(keras.ops.convert_to_numpy(carried))
