"""A recurrent layer whose states are arguments and results of a call."""

from keras import ops, tree

from rnn_kit._internals import set_keras_mask
from rnn_kit.layers._inference import inference_arguments


class StatelessRNN:
    """One call of a recurrent layer in a model, with its states outside of the layer.

        y (B, T, units), state = rnn(x (B, T, F), state, mask (B, T))

    The state is a flat list of the layer's states, each `(B, n)`; and, if the input is masked, the
    output of the step before, which a masked step repeats.

    Args:
        layer: A `keras.layers.RNN`. It is not changed.
        masked: Whether its input has a mask.
        learned_start: The `LearnedInitialState` around the layer, whose states start a text. Default:
            `None`, the layer's own.

    Attributes:
        layer: The layer.
        shapes: The shape without batch, and the dtype, of each tensor of the state.
    """

    def __init__(self, layer, masked, learned_start=None):
        self.layer = layer
        self._learned_start = learned_start
        self._rolled_layer = _without_unrolling(layer)
        self._repeats_output = masked and not layer.zero_output_for_mask
        self._nest = layer.get_initial_state(1)
        dtype = layer.cell.compute_dtype
        self.shapes = [(tuple(s.shape[1:]), dtype) for s in tree.flatten(self._nest)]
        if self._repeats_output:
            output_size = getattr(layer.cell, "output_size", None) or layer.state_size[0]
            self.shapes.append(((int(output_size),), layer.compute_dtype))
        self._inference = inference_arguments(layer.cell)

    def initial_states(self, batch_size):
        """Returns the state before the first step."""
        if self._learned_start is None:
            flat = tree.flatten(self.layer.get_initial_state(batch_size))
        else:
            learned = map(ops.convert_to_tensor, self._learned_start.initial_states)
            flat = [ops.broadcast_to(w, (batch_size, *w.shape)) for w in learned]
        states = [ops.cast(s, self.layer.cell.compute_dtype) for s in flat]
        if self._repeats_output:
            shape, dtype = self.shapes[-1]
            states.append(ops.zeros((batch_size, *shape), dtype))
        return states

    def __call__(self, x, state, mask):
        states, last_output = (state[:-1], state[-1]) if self._repeats_output else (state, None)
        run = self._run_step if x.shape[1] == 1 else self._run_sequence
        y, states = run(x, states, mask, last_output)
        y = ops.cast(y, self.layer.compute_dtype)
        if mask is not None:
            set_keras_mask(y, mask)  # as `keras.layers.RNN` passes it on
        return y, [*states, y[:, -1]] if self._repeats_output else states

    def _run_sequence(self, x, states, mask, last_output):
        _, y, new_states = type(self._rolled_layer).inner_loop(
            self._rolled_layer,
            sequences=x,
            initial_state=tree.pack_sequence_as(self._nest, states),
            mask=mask,
            training=False,
        )
        if self._repeats_output:
            # Before the first unmasked step Keras repeats zeros; here the sequence continues.
            begun = ops.cumsum(ops.cast(mask, "int32"), axis=1) > 0
            y = ops.where(ops.expand_dims(begun, -1), y, ops.expand_dims(last_output, 1))
        return y, tree.flatten(new_states)

    def _run_step(self, x, states, mask, last_output):
        y, new_states = self.layer.cell(
            x[:, 0], tree.pack_sequence_as(self._nest, states), **self._inference
        )
        new_states = tree.flatten(new_states)
        if mask is not None:
            y = ops.where(mask, y, ops.zeros_like(y) if last_output is None else last_output)
            new_states = [
                ops.where(ops.reshape(mask, (-1, *[1] * (len(new.shape) - 1))), new, old)
                for new, old in zip(new_states, states, strict=True)
            ]
        return ops.expand_dims(y, 1), new_states


def _without_unrolling(layer):
    """Returns the layer, or, if it has `unroll=True`, a rolled twin with the same weights.

    An unrolled loop needs the sequence's length, which is unknown here. The layer itself is not
    changed, since other threads may be calling it.
    """
    if not layer.unroll:
        return layer
    twin = object.__new__(type(layer))
    vars(twin).update(vars(layer), unroll=False)
    return twin
