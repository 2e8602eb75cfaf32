"""Runs a translated model to find its recurrent calls and to check that it is causal."""

import numpy as np
from keras import ops

from rnn_kit.generation.stateless_rnn import StatelessRNN
from rnn_kit.generation.steppable import refusal
from rnn_kit.generation.translation import Run

_SHAPE = (3, 2)  # batch and time of the first probe, different and above 1
_TEXT = np.array([[0, 1, 1, 0], [1, 0, 0, 1], [1, 1, 0, 1]])  # ids in every vocabulary


def find_rnns(execute, name):
    """Runs a translated model on a small batch, and finds its recurrent calls.

    Args:
        execute: `execute(ids, run) -> outputs`.
        name: The model's name.

    Returns:
        A `StatelessRNN` for each call of a recurrent layer, in order; and V, the size of the outputs'
        last axis.

    Raises:
        ValueError: if a stateful layer is called twice, a layer changes batch or time, or the outputs
            are not `(B, T, V)`.
    """
    rnns = []

    def recur(layer, learned_start, x, mask):
        if layer.stateful and any(rnn.layer is layer for rnn in rnns):
            raise refusal(layer, "it is stateful and called twice, so the calls share one state")
        rnn = StatelessRNN(layer, mask is not None, learned_start)
        rnns.append(rnn)
        return rnn(x, rnn.initial_states(_SHAPE[0]), mask)[0]

    def check_shape(op, y):
        if tuple(y.shape[:2]) != _SHAPE:
            raise refusal(op, f"it turned batch and time {_SHAPE} into {tuple(y.shape[:2])}")

    outputs = execute(ops.zeros(_SHAPE, "int32"), Run(recur, check_shape))
    if len(outputs.shape) != 3:
        raise ValueError(
            f"Model '{name}' must map (B, T) ids to (B, T, V) logits. For input of shape {_SHAPE} its "
            f"output has the shape {tuple(outputs.shape)}."
        )
    return rnns, int(outputs.shape[-1])


def check_causality(model):
    """Checks that a text read whole and in two halves gives the same outputs of every layer.

    An activation function may be anything, so a layer's class does not suffice.

    Args:
        model: A `StepwiseModel`.

    Returns:
        The model's outputs for the whole text, `(B, T, V)`.

    Raises:
        ValueError: naming the first layer whose outputs differ.
    """
    ids = ops.convert_to_tensor(_TEXT % model.vocabulary_size, "int32")
    half = ids.shape[1] // 2
    whole, first, second = [], [], []

    def run(ids, states, trace):
        return model.run(ids, states, lambda op, y: trace.append((op, ops.convert_to_numpy(y))))

    outputs, _ = run(ids, model.initial_states(len(_TEXT)), whole)
    _, states = run(ids[:, :half], model.initial_states(len(_TEXT)), first)
    run(ids[:, half:], states, second)
    for (op, y), (_, y1), (_, y2) in zip(whole, first, second, strict=True):
        halves = np.concatenate([y1, y2], axis=1)
        tolerance = 1e-4 if y.dtype in ("float32", "float64") else 5e-2
        if not np.allclose(y, halves, rtol=tolerance, atol=tolerance / 10, equal_nan=True):
            raise refusal(op, "what it says of a position changes with where the text is cut")
    return outputs
