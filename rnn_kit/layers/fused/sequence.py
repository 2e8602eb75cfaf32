"""What every fused loop shares: time first, masks, dropout, and the products with the inputs."""

import tensorflow as tf
from keras import ops


def run(recurrence, layer, sequences, initial_state, mask, training):
    """Runs `recurrence` over a batch of sequences, as `keras.layers.RNN.inner_loop` runs a cell.

    Args:
        recurrence: `lstm.peephole_lstm` or `gru.gru`; called with the cell, the inputs `(T, B, F)`, the
            list of initial states, the mask, `(T, B, 1)` or `None`, and `in_place`, of `Tape.keep`;
            returns all states h, `(T, B, units)`, and the list of the last states.
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

    compiled = _is_compiled(x)
    in_place = bool(training) and not tf.executing_eagerly() and not compiled

    def loop(x, initial_state, mask):
        return recurrence(cell, x, initial_state, mask, in_place)

    if compiled:
        loop = tf.function(loop, jit_compile=True, autograph=False)
    # A stateful layer's states are variables, which a function inside another cannot take in.
    h, last_states = loop(x, [tf.convert_to_tensor(state) for state in initial_state], mask)

    outputs = h
    if mask is not None:
        # Before its first step that counts a row puts out zeros, whatever its initial state is.
        shown = mask if layer.zero_output_for_mask else tf.cumsum(tf.cast(mask, tf.int32)) > 0
        outputs = tf.where(shown, h, tf.zeros_like(h))
    return outputs[-1], tf.transpose(outputs, [1, 0, 2]), last_states


def has_gpu():
    return bool(tf.config.list_logical_devices("GPU"))


def is_placed_on_gpu():
    """Whether what is called now runs on a GPU: there is one, and no `tf.device` around names a CPU."""
    return has_gpu() and "CPU" not in tf.zeros([]).device


def _is_compiled(x):
    """Whether the loop becomes one XLA program, as a GPU needs it: a step's operations are small to it.

    Not where the shape is unknown, for XLA compiles every shape anew; nor outside a `tf.function`,
    where it would compile at every call.
    """
    return is_placed_on_gpu() and x.shape.is_fully_defined() and tf.inside_function()


def input_products(x, kernels, biases):
    """x(t) W + b for every gate and all t at once, `(T, B, units)` each: no loop is needed for them."""
    shape = tf.concat([tf.shape(x)[:2], [kernels[0].shape[-1]]], axis=0)
    products = [
        tf.reshape(tf.nn.bias_add(tf.matmul(rows(x), W), b), shape)
        for W, b in zip(kernels, biases, strict=True)
    ]
    return [tf.ensure_shape(product, [*x.shape[:2], product.shape[-1]]) for product in products]


def input_gradient(deltas, kernels, x):
    """dx = Σ_gates δ W^T, of the shape of x."""
    products = [tf.matmul(rows(δ), W, transpose_b=True) for δ, W in zip(deltas, kernels, strict=True)]
    return tf.reshape(tf.add_n(products), tf.shape(x))


class Tape:
    """Arrays over time, `(T, B, units)` each, that loops fill and read step by step."""

    def __init__(self, like):
        self.like = like
        self.steps = tf.shape(like)[0]

    def array(self, first=None):
        """An array of T entries, or of T + 1 whose entry 0 is `first`."""
        array = self._empty(self.steps if first is None else self.steps + 1)
        return array if first is None else array.write(0, first)

    def arrays(self, count):
        return [self.array() for _ in range(count)]

    def keep(self, arrays, in_place):
        """What the gradient is to find of a loop's arrays, for `kept`.

        In training the arrays themselves, `in_place`, which costs no copy. Else they are stacked: a
        SavedModel holds the gradients of its functions too, and can take in tensors, but no arrays (so
        it is between two XLA programs); where no gradient is asked for, nothing is stacked. Eager
        arrays would change under a gradient that is asked for twice.
        """
        return list(arrays) if in_place else [array.stack() for array in arrays]

    def kept(self, values):
        """The arrays again."""
        return [
            self._empty(tf.shape(value)[0]).unstack(value) if tf.is_tensor(value) else value
            for value in values
        ]

    def _empty(self, size):
        return tf.TensorArray(
            self.like.dtype, size, element_shape=self.like.shape[1:], clear_after_read=False
        )


def read(t, arrays):
    """Entry t of each."""
    return [array.read(t) for array in arrays]


def write(t, arrays, values):
    """The arrays with the values at entry t."""
    return [array.write(t, value) for array, value in zip(arrays, values, strict=True)]


def forwards(steps, body, *state):
    """The states after `body(t, *state)` for t = 0, 1, …, T-1."""
    return _loop(steps, lambda t, *state: [t + 1, *body(t, *state)], 0, state)


def backwards(steps, body, *state):
    """The states after `body(t, *state)` for t = T-1, …, 1, 0."""
    return _loop(steps, lambda t, *state: [t - 1, *body(t, *state)], steps - 1, state)


def _loop(steps, body, start, state):
    def unfinished(t, *_):
        return tf.logical_and(t >= 0, t < steps)

    state = tf.while_loop(unfinished, body, [start, *state], maximum_iterations=steps)[1:]
    # Outside a tf.function TensorFlow logs an error for every array that nobody looked at, as all are
    # that wait for a gradient that is never asked for.
    tf.nest.map_structure(lambda value: value.dtype, state)
    return state


def rows(x):
    """`(T, B, n)` as `(T * B, n)`."""
    return tf.reshape(x, [-1, x.shape[-1]])


def outer(a, δ):
    """Σ_t a(t)^T δ(t): the gradient of W where a W was the product."""
    return tf.matmul(rows(a), rows(δ), transpose_a=True)


def total(x):
    """Σ_t Σ_b x(t, b), as a product with a row of ones, which uses all cores."""
    x = rows(x)
    return tf.matmul(tf.ones([1, tf.shape(x)[0]], x.dtype), x)[0]


def first_order_only(*gradients):
    """The gradients as they are; whoever differentiates them again is told how to.

    Each by itself, so that TensorFlow leaves those out that nobody asks for, such as that of one-hot
    inputs.
    """
    return [_first_order_only(gradient) for gradient in gradients]


@tf.custom_gradient
def _first_order_only(gradient):
    def refuse(_):
        raise NotImplementedError(
            "The fused loop of this recurrent layer has no second-order gradients. "
            "Make the layer with fused=False to differentiate its gradients."
        )

    return gradient, refuse
