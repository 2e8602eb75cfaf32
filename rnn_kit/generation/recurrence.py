"""A recurrent layer with its states outside of it."""

import inspect

from keras import ops, tree

from rnn_kit._internals import set_keras_mask


class Recurrence:
    """One call of a recurrent layer in a model, with its states outside of it.

    Its state is the layer's states, flat, each `(B, units)`; and, where the input is masked, the output
    of the step before, which a masked step repeats.

    Args:
        layer: A `keras.layers.RNN`.
        masked: Whether its input has a mask.
        start: The `LearnedInitialState` around it, whose states a text begins with. Default: `None`,
            the layer's own.
    """

    def __init__(self, layer, masked, start=None):
        self.layer = layer
        self._start = start
        self._loop = _rolled(layer)
        self.repeats = masked and not layer.zero_output_for_mask
        self._nest = layer.get_initial_state(1)
        dtype = layer.cell.compute_dtype
        self.shapes = [(tuple(s.shape[1:]), dtype) for s in tree.flatten(self._nest)]
        if self.repeats:
            output_size = getattr(layer.cell, "output_size", None) or layer.state_size[0]
            self.shapes.append(((int(output_size),), layer.compute_dtype))
        self._inference = inference(layer.cell)

    def initial_states(self, batch_size):
        if self._start is None:
            flat = tree.flatten(self.layer.get_initial_state(batch_size))
        else:
            learned = map(ops.convert_to_tensor, self._start.initial_states)
            flat = [ops.broadcast_to(w, (batch_size, *w.shape)) for w in learned]
        states = [ops.cast(s, self.layer.cell.compute_dtype) for s in flat]
        if self.repeats:
            shape, dtype = self.shapes[-1]
            states.append(ops.zeros((batch_size, *shape), dtype))
        return states

    def __call__(self, x, state, mask):
        states, repeated = (state[:-1], state[-1]) if self.repeats else (state, None)
        run = self._one_step if x.shape[1] == 1 else self._sequence
        y, states = run(x, states, mask, repeated)
        y = ops.cast(y, self.layer.compute_dtype)
        if mask is not None:
            set_keras_mask(y, mask)  # as `keras.layers.RNN` hands it on
        return y, [*states, y[:, -1]] if self.repeats else states

    def _sequence(self, x, states, mask, repeated):
        _, y, new_states = type(self._loop).inner_loop(
            self._loop,
            sequences=x,
            initial_state=tree.pack_sequence_as(self._nest, states),
            mask=mask,
            training=False,
        )
        if self.repeats:
            # Before the first step that counts Keras repeats zeros; here the sequence goes on.
            begun = ops.cumsum(ops.cast(mask, "int32"), axis=1) > 0
            y = ops.where(ops.expand_dims(begun, -1), y, ops.expand_dims(repeated, 1))
        return y, tree.flatten(new_states)

    def _one_step(self, x, states, mask, repeated):
        y, new_states = self.layer.cell(
            x[:, 0], tree.pack_sequence_as(self._nest, states), **self._inference
        )
        new_states = tree.flatten(new_states)
        if mask is not None:
            y = ops.where(mask, y, ops.zeros_like(y) if repeated is None else repeated)
            new_states = [
                ops.where(ops.reshape(mask, (-1, *[1] * (len(new.shape) - 1))), new, old)
                for new, old in zip(new_states, states, strict=True)
            ]
        return ops.expand_dims(y, 1), new_states


def _rolled(layer):
    """The layer, or where it unrolls its loop a twin of the same weights that does not.

    The length of what is read is not known here. The layer itself stays as it is, since other threads
    may be calling it.
    """
    if not layer.unroll:
        return layer
    twin = object.__new__(type(layer))
    vars(twin).update(vars(layer), unroll=False)
    return twin


def inference(layer):
    """The arguments that call a layer for inference, whether or not it takes `training`."""
    return {"training": False} if "training" in inspect.signature(layer.call).parameters else {}
