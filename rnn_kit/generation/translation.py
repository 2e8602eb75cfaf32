"""Translates a model's layers into functions that take a run and tensors.

Keras's recurrent layers hold their states. A translated one calls `run.recur` instead, so that each run
decides where the states come from and go. The functions hold the model's layers, not the model, and no
state of a run: several threads may use them at once.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass

import keras
from keras import layers, ops, tree

from rnn_kit._internals import get_keras_mask, is_graph, run_through_graph, set_keras_mask
from rnn_kit.generation.steppable import (
    check_layer,
    check_operands,
    check_operation,
    check_recurrent,
    refusal,
)
from rnn_kit.layers import LearnedInitialState
from rnn_kit.layers._inference import inference_arguments


def _ignore(op, y):
    pass


@dataclass
class Run:
    """One run of a translated model.

    Attributes:
        recur: `recur(layer, learned_start, x, mask) -> y` runs a recurrent layer, `learned_start` being
            the `LearnedInitialState` around it, or `None`.
        observe: Called with every layer and operation and its output, in order.
    """

    recur: Callable
    observe: Callable = _ignore


def translate(layer):
    """Translates a layer, model or operation into `function(run, *args, **kwargs)`.

    Raises:
        ValueError: naming the layer that cannot be stepped through, and why. (The function itself
            raises for what only the arguments of its call show.)
    """
    if isinstance(layer, keras.Sequential) and is_graph(layer):
        return _translate_sequential(layer)
    if is_graph(layer):
        return _translate_functional(layer)
    if isinstance(layer, layers.RNN):
        return _translate_recurrent(layer)
    if isinstance(layer, LearnedInitialState) and type(layer).call is LearnedInitialState.call:
        return _translate_recurrent(layer.layer, learned_start=layer)
    if type(layer) is layers.TimeDistributed:
        return _observed(layer, _translate_time_distributed(layer.layer))
    if isinstance(layer, layers.Layer):
        return _observed(layer, _translate_layer(layer))
    return _observed(layer, _translate_operation(layer))


def _translate_sequential(model):
    steps = [translate(layer) for layer in model.layers]

    def run_chain(run, x, mask=None, **_):
        if mask is not None:
            set_keras_mask(x, mask)
        for step in steps:
            x = step(run, x)
        return x

    return run_chain


def _translate_functional(model):
    # A Function of the same tensors holds the graph without holding the model.
    graph = keras.Function(model.inputs, model.outputs)
    steps = {id(op): translate(op) for op in graph.operations if not isinstance(op, layers.InputLayer)}

    def run_graph(run, *inputs, mask=None, **_):
        if mask is not None:
            set_keras_mask(inputs[0], mask)
        outputs = run_through_graph(
            graph, list(inputs), lambda op: functools.partial(steps[id(op)], run)
        )
        return outputs[0] if len(outputs) == 1 else outputs

    return run_graph


def _translate_recurrent(layer, learned_start=None):
    check_recurrent(layer)

    def recur(run, x, *more, initial_state=None, mask=None, **_):
        if more or initial_state is not None:
            raise refusal(layer, "its initial state comes from inside the model")
        y = run.recur(layer, learned_start, x, get_keras_mask(x) if mask is None else mask)
        if not layer.return_state:
            return y
        return (y, *[_FinalState(layer) for _ in tree.flatten(layer.state_size)])

    return _observed(layer, recur)


def _translate_time_distributed(inner):
    """Runs the inner layer on all positions at once.

    Keras 3.15's own call, with masks and a time dimension unknown at tracing, applies the mask of one
    length to another.
    """
    training = inference_arguments(inner)

    def call(run, x, mask=None, **_):
        mask = get_keras_mask(x) if mask is None else mask
        batch, time = ops.shape(x)[:2]
        y = inner(ops.reshape(x, (-1, *x.shape[2:])), **training)
        y = ops.reshape(y, (batch, time, *y.shape[1:]))
        if mask is not None:
            set_keras_mask(y, mask)
        return y

    return call


def _translate_layer(layer):
    check_layer(layer)
    training = inference_arguments(layer)

    def call(run, *args, **kwargs):
        return layer(*args, **{**kwargs, **training})

    return call


def _translate_operation(op):
    check_operation(op)

    def call(run, *args, **kwargs):
        check_operands(op, (args, kwargs))
        return op(*args, **kwargs)

    return call


def _observed(op, call):
    """Makes the run observe a call's outputs, and refuses final states among its arguments."""

    def observed(run, *args, **kwargs):
        for argument in tree.flatten((args, kwargs)):
            if isinstance(argument, _FinalState):
                raise refusal(argument.layer, "its state is used inside the model")
        result = call(run, *args, **kwargs)
        run.observe(op, result[0] if isinstance(result, tuple) else result)
        return result

    return observed


class _FinalState:
    """A stand-in for the final state of a layer with `return_state`, which the run has instead."""

    def __init__(self, layer):
        self.layer = layer
