"""Shared parts of the fused loops: time first, masks, dropout, products with the inputs, residuals."""

import tensorflow as tf
from keras import ops


def run(recurrence, layer, sequences, initial_state, mask, training):
    """Runs `recurrence` over a batch of sequences, as `keras.layers.RNN.inner_loop` runs a cell.

    Args:
        recurrence: `lstm.peephole_lstm` or `gru.gru`; called with the cell, the inputs `(T, B, F)`, the
            list of initial states, the mask, `(T, B, 1)` or `None`, and `in_place` of
            `Residuals.save`; returns all states h, `(T, B, units)`, and the list of the last states.
        layer, sequences, initial_state, mask, training: as in `keras.layers.RNN.inner_loop`; the mask
            `(B, T)` or `(B, T, 1)`.

    Returns:
        The last output `(B, units)`, all outputs `(B, T, units)`, the list of the last states.
    """
    cell = layer.cell
    sequences = ops.cast(sequences, cell.compute_dtype)
    if training and cell.dropout:
        sequences *= cell.get_dropout_mask(sequences[:, 0, :])[:, None, :]
    x = tf.transpose(sequences, [1, 0, 2])
    if mask is not None:
        mask = tf.cast(mask, tf.bool)
        mask = mask[:, :, None] if mask.shape.rank == 2 else mask
        mask = tf.transpose(mask, [1, 0, 2])
    if layer.go_backwards:
        x = tf.reverse(x, [0])
        mask = None if mask is None else tf.reverse(mask, [0])

    compiled = _is_compiled_by_xla(x)
    in_place = bool(training) and not tf.executing_eagerly() and not compiled

    def loop(x, initial_state, mask):
        return recurrence(cell, x, initial_state, mask, in_place)

    if compiled:
        loop = tf.function(loop, jit_compile=True, autograph=False)
    # A stateful layer's states are variables, which an inner function cannot capture.
    h, last_states = loop(x, [tf.convert_to_tensor(state) for state in initial_state], mask)

    outputs = h
    if mask is not None:
        # Before its first unmasked step a row outputs zeros, whatever its initial state.
        shown = mask if layer.zero_output_for_mask else tf.cumsum(tf.cast(mask, tf.int32)) > 0
        outputs = tf.where(shown, h, tf.zeros_like(h))
    return outputs[-1], tf.transpose(outputs, [1, 0, 2]), last_states


def has_gpu():
    """Returns whether TensorFlow sees a GPU."""
    return bool(tf.config.list_logical_devices("GPU"))


def is_placed_on_gpu():
    """Returns whether operations run on a GPU here: one exists, and no `tf.device` names a CPU."""
    return has_gpu() and "CPU" not in tf.zeros([]).device


def _is_compiled_by_xla(x):
    """Returns whether XLA compiles the loop as one program, as a step's operations are small.

    It does so only on a GPU; not if the shape of x is unknown, as XLA compiles each shape separately;
    nor outside a `tf.function`, where it would compile at every call.
    """
    return is_placed_on_gpu() and x.shape.is_fully_defined() and tf.inside_function()


def input_products(x, kernels, biases):
    """Computes x(t) W + b of every gate, `(T, B, units)` each, for all t at once."""
    shape = tf.concat([tf.shape(x)[:2], [kernels[0].shape[-1]]], axis=0)
    products = [
        tf.reshape(tf.nn.bias_add(tf.matmul(_merge_steps(x), W), b), shape)
        for W, b in zip(kernels, biases, strict=True)
    ]
    return [tf.ensure_shape(product, [*x.shape[:2], product.shape[-1]]) for product in products]


def input_gradient(deltas, kernels, x):
    """Computes dx = Σ_gates δ W^T, of the shape of x."""
    products = [
        tf.matmul(_merge_steps(δ), W, transpose_b=True) for δ, W in zip(deltas, kernels, strict=True)
    ]
    return tf.reshape(tf.add_n(products), tf.shape(x))


class Residuals:
    """Arrays over time, `(T, B, units)` each, that the forward loop fills and the backward pass reads.

    Args:
        like: A tensor of the shape and dtype of one array.

    Attributes:
        steps: T.
    """

    def __init__(self, like):
        self._like = like
        self.steps = tf.shape(like)[0]

    def array(self, first=None):
        """Makes an empty array of T entries, or of T + 1 with `first` as entry 0."""
        array = self._empty(self.steps if first is None else self.steps + 1)
        return array if first is None else array.write(0, first)

    def arrays(self, count):
        """Makes `count` empty arrays."""
        return [self.array() for _ in range(count)]

    def save(self, arrays, in_place):
        """Saves filled arrays for the backward pass.

        Args:
            arrays: `tf.TensorArray`s.
            in_place: Whether to save the arrays themselves, without a copy, as suits a training step.
                Otherwise they are stacked into tensors: a SavedModel holds the gradients of its
                functions, which take tensors but no arrays, and so do XLA programs; and eager arrays
                would change under a gradient that is computed twice. Without a gradient, a graph
                drops the stacking.

        Returns:
            A list for `restore`.
        """
        return list(arrays) if in_place else [array.stack() for array in arrays]

    def restore(self, saved):
        """Returns the arrays that `save` saved."""
        return [
            self._empty(tf.shape(value)[0]).unstack(value) if tf.is_tensor(value) else value
            for value in saved
        ]

    def _empty(self, size):
        return tf.TensorArray(
            self._like.dtype, size, element_shape=self._like.shape[1:], clear_after_read=False
        )


def read(t, arrays):
    """Reads entry t of each array."""
    return [array.read(t) for array in arrays]


def write(t, arrays, values):
    """Writes one value an array at entry t. Returns the arrays."""
    return [array.write(t, value) for array, value in zip(arrays, values, strict=True)]


def scan(steps, body, *state):
    """Runs `state = body(t, *state)` for t = 0, 1, …, T-1. Returns the last state."""
    return _loop(steps, lambda t, *state: [t + 1, *body(t, *state)], 0, state)


def scan_backwards(steps, body, *state):
    """Runs `state = body(t, *state)` for t = T-1, …, 1, 0. Returns the last state."""
    return _loop(steps, lambda t, *state: [t - 1, *body(t, *state)], steps - 1, state)


def _loop(steps, body, start, state):
    def unfinished(t, *_):
        return tf.logical_and(t >= 0, t < steps)

    state = tf.while_loop(unfinished, body, [start, *state], maximum_iterations=steps)[1:]
    # Outside a tf.function TensorFlow logs an error for each unused array, such as those saved for a
    # gradient that is never computed.
    tf.nest.map_structure(lambda value: value.dtype, state)
    return state


def _merge_steps(x):
    """Reshapes `(T, B, n)` to `(T * B, n)`."""
    return tf.reshape(x, [-1, x.shape[-1]])


def kernel_gradient(a, δ):
    """Computes dW = Σ_t a(t)^T δ(t), for the product a W."""
    return tf.matmul(_merge_steps(a), _merge_steps(δ), transpose_a=True)


def sum_over_steps(x):
    """Computes Σ_t Σ_b x(t, b), as a product with a row of ones, which uses all cores."""
    x = _merge_steps(x)
    return tf.matmul(tf.ones([1, tf.shape(x)[0]], x.dtype), x)[0]


def first_order_only(*gradients):
    """Returns the gradients unchanged, and raises `NotImplementedError` on second-order gradients."""
    # One by one, so that TensorFlow drops those that are not needed, such as one-hot inputs'.
    return [_first_order_only(gradient) for gradient in gradients]


@tf.custom_gradient
def _first_order_only(gradient):
    def refuse(_):
        raise NotImplementedError(
            "The fused loop of this recurrent layer has no second-order gradients. "
            "Make the layer with fused=False to differentiate its gradients."
        )

    return gradient, refuse
