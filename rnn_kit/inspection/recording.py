"""Steps a recurrent layer in a loop of our own, which records the states of every step.

`inner_loop` is the method by which a recurrent layer runs its cell. Temporarily the layer gets another
one, which runs the layer's own cell for inference, with the layer's mask, direction and initial states:
the model's outputs are unchanged.
"""

import contextlib
import threading
from dataclasses import dataclass

import keras
import numpy as np
from keras import ops, tree

from rnn_kit._internals import rnn_loop
from rnn_kit.inspection.finding import recurrent_layers
from rnn_kit.layers._inference import inference_arguments

# A layer with its own `call` may do anything with its cell.
_CALLS = {
    kind.call
    for kind in (keras.layers.RNN, keras.layers.LSTM, keras.layers.GRU, keras.layers.SimpleRNN)
}


@dataclass
class RecordedCall:
    """One call of a recurrent layer, with time in the order of its input.

    Attributes:
        inputs: `(B, T, F)`.
        initial: The states before the first step, each `(B, n)`.
        states: The states after every step, each `(B, T, n)`.
        perturbations: Zeros added to those states, each `(B, T, n)`; none, unless they are watched. The
            derivative with respect to them is that with respect to the states.
        mask: `(B, T)`, or `None`.
    """

    inputs: object
    initial: list
    states: list
    perturbations: list
    mask: object = None


@contextlib.contextmanager
def record_calls(layer, watch=None):
    """Records the calls of a recurrent layer as long as the context is open.

    Calls from other threads, which may be training the model, are neither changed nor recorded.

    Args:
        layer: A `keras.layers.RNN`.
        watch: Called with each tensor of zeros, which is then added to the states of every step before
            anything reads them: `GradientTape.watch`. Default: none is added.

    Yields:
        A list to which every call of the layer adds its `RecordedCall`.

    Raises:
        ValueError: if the layer has a `call` of its own.
    """
    if type(layer).call not in _CALLS:
        raise ValueError(
            f"Cannot look into '{layer.name}' ({type(layer).__name__}): its `call` is its own, so what "
            "it does with its cell is unknown."
        )
    recorder = _Recorder(layer, watch)
    layer.inner_loop = recorder.inner_loop
    try:
        yield recorder.calls
    finally:
        del layer.inner_loop


class _Recorder:
    """The loop of a layer while its calls are recorded."""

    def __init__(self, layer, watch):
        self.calls = []
        self._layer, self._watch = layer, watch
        self._thread = threading.get_ident()
        self._inference = inference_arguments(layer.cell)

    def inner_loop(self, sequences, initial_state, mask, training=False):
        layer = self._layer
        if threading.get_ident() != self._thread:
            return type(layer).inner_loop(layer, sequences, initial_state, mask, training)
        initial = tree.flatten(initial_state)
        perturbations = self._perturbations(sequences, initial)
        outputs, states, final = self._scan(sequences, initial_state, perturbations, mask)
        if mask is not None:
            in_loop_order = ops.flip(mask, 1) if layer.go_backwards else mask
            states = _begin_with(initial, states, in_loop_order)
            if layer.zero_output_for_mask:
                counts = ops.expand_dims(in_loop_order, -1)
                outputs = ops.where(counts, outputs, ops.zeros_like(outputs))
        if layer.go_backwards:
            states = [ops.flip(s, 1) for s in states]
        self.calls.append(RecordedCall(sequences, initial, states, perturbations, mask))
        return outputs[:, -1], outputs, tree.pack_sequence_as(initial_state, list(final))

    def _perturbations(self, sequences, initial):
        """Returns zeros to add to the states of every step, `(B, T, n)` each, if they are watched."""
        if self._watch is None:
            return []
        batch, time = ops.shape(sequences)[:2]
        dtype = self._layer.cell.compute_dtype
        zeros = [ops.zeros((batch, time, int(state.shape[-1])), dtype) for state in initial]
        for tensor in zeros:
            self._watch(tensor)
        return zeros

    def _scan(self, sequences, initial_state, perturbations, mask):
        """Steps the cell through the sequences.

        Returns:
            The outputs and the states of all steps, in the order of the loop, `(B, T, n)` each; and the
            last states.
        """
        layer, initial = self._layer, tree.flatten(initial_state)
        sizes = [int(state.shape[-1]) for state in initial]
        # Keras's loop takes and returns one tensor, so this concatenates x and the perturbations on the
        # way in, the output and the states on the way out.
        input_sizes = [sequences.shape[-1], *(sizes if perturbations else [])]

        def step(inputs, states):
            x, *perturbation = _split(inputs, input_sizes)
            states = tree.pack_sequence_as(initial_state, list(states))
            output, new = layer.cell(x, states, **self._inference)
            unperturbed = new = tree.flatten(new)
            if perturbations:
                new = [s + zeros for s, zeros in zip(new, perturbation, strict=True)]
            # The output of most cells is a state: then outputs the perturbed one.
            output = next((s for u, s in zip(unperturbed, new, strict=True) if u is output), output)
            return ops.concatenate([output, *new], axis=-1), new

        _, every_step, final = rnn_loop(
            step,
            ops.concatenate([sequences, *perturbations], axis=-1),
            initial,
            go_backwards=layer.go_backwards,
            mask=mask,
            input_length=sequences.shape[1],
            return_all_outputs=True,
        )
        outputs, *states = _split(every_step, [every_step.shape[-1] - sum(sizes), *sizes])
        return outputs, states, final


def _split(x, sizes):
    ends = np.cumsum(sizes)[:-1].tolist()
    return ops.split(x, ends, axis=-1) if ends else [x]  # Keras 3.15 fails to split into one


def _begin_with(initial, states, mask):
    """Puts the initial states before a row's first unmasked step, where Keras's loop has zeros."""
    begun = ops.expand_dims(ops.cumsum(ops.cast(mask, "int32"), axis=1) > 0, -1)
    return [ops.where(begun, s, ops.expand_dims(s0, 1)) for s, s0 in zip(states, initial, strict=True)]


def only_call(layer, calls):
    """Returns the recorded call of a layer that was called once.

    Raises:
        ValueError: if it was not called, or called more than once.
    """
    if len(calls) != 1:
        raise ValueError(
            f"Layer '{layer.name}' is called {len(calls)} times where its model reads once, so its "
            "states over time are not one sequence."
        )
    return calls[0]


@contextlib.contextmanager
def state_preserved(model):
    """Restores at the end what a call of the model may change: states, seeds, statistics."""
    variables = list(model.non_trainable_variables)
    for layer in recurrent_layers(model):
        if layer.stateful:  # Keras does not list these among the model's
            variables += [v for v in tree.flatten(layer.states) if v is not None]
    before = [ops.convert_to_numpy(v) for v in variables]
    try:
        yield
    finally:
        for variable, value in zip(variables, before, strict=True):
            variable.assign(value)
