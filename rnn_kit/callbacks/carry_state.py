"""Truncated back-propagation through time with a state that is carried from batch to batch."""

import functools
import re

import keras
import tensorflow as tf
from keras import tree

from rnn_kit._internals import flatten_layers
from rnn_kit.callbacks.executions import end_with_the_epoch
from rnn_kit.distribution import replica_values


def carried_states(layers):
    """The variables of these layers' states, each device's own: `rnn_kit.distribution`."""
    return tree.flatten([layer.states for layer in layers])


def stateful_layers(model):
    """The model's stateful recurrent layers, however deep they are nested."""
    return [
        layer
        for layer in flatten_layers(model)
        if isinstance(layer, keras.layers.RNN) and layer.stateful
    ]


class CarryState(keras.callbacks.Callback):
    """Truncated back-propagation through time with a carried state, done right.

    A stateful model starts each batch from the states that the batch before left, and cuts the
    gradient there. Keras 3 leaves four gaps, which this callback closes:

    - Epochs: Keras starts an epoch from the states of the last one's end. Here it starts from zeros.
    - Validation in `fit` starts from the training states, and training goes on from the states that
      validation left. Here it starts from zeros, and the training states come back untouched. So too
      for `evaluate` and `predict`, if they are given the callback.
    - A batch of one row is broadcast to the states' batch size in silence, and another wrong size ends
      in the depths of a graph. Here both are one ValueError.
    - A stateful model cannot be evaluated at another batch size: see `with_batch_size`.

    Batches must come in order (`shuffle=False`), row b of one going on where row b of the one before
    ended: `rnn_kit.text.streams` cuts a text that way. Needs the TensorFlow backend.

    Under a `tf.distribute.MirroredStrategy` each device carries the states of its own rows: the model's
    batch size is that of one device, the dataset's that of all together.

    Raises:
        ValueError: from `fit`, `evaluate` or `predict`: if no layer of the model is stateful, or if a
            batch has another size than the states.

    Source: truncated BPTT in Tollef Jahren, "INF 5400 lecture 11" (University of Oslo, 2019); states
    carried from window to window in `ptb_word_lm.py` of the lecture after Graves.

    Example:

    >>> model = keras.Sequential([
    ...     keras.Input(batch_shape=(2, None, 3)),
    ...     rnn_kit.layers.GRU(4, stateful=True, return_sequences=True)])
    >>> model.compile("sgd", "mse")
    >>> x, y = np.zeros((8, 5, 3)), np.zeros((8, 5, 4))
    >>> from rnn_kit.callbacks import CarryState
    >>> history = model.fit(
    ...     x, y, batch_size=2, shuffle=False, callbacks=[CarryState()], verbose=0)
    """

    def __init__(self):
        super().__init__()
        self._trained = None  # the model that `fit` is training with this callback
        self._set_asides = []  # (variables, values) of the states to give back, innermost last

    def set_model(self, model):
        super().set_model(model)
        layers = stateful_layers(model)
        if not layers:
            raise ValueError(
                f"CarryState has nothing to carry: no recurrent layer of model '{model.name}' has "
                "stateful=True."
            )
        if any(layer.states is None for layer in layers):
            raise ValueError(
                f"The states of model '{model.name}' are not there yet. Give it an Input with a "
                "batch_shape, or call it once."
            )
        if self._trained is None:
            self._put_all_back()  # what an evaluation that broke off has left
        self._target = model
        _check_batch_size(model, int(tree.flatten(layers[0].states)[0].shape[0]))

    def on_train_begin(self, logs=None):
        self._put_all_back()
        self._trained = self._target
        _explain_batch_errors(self._trained, "train_function")

    def on_train_end(self, logs=None):
        self._trained = None

    def on_epoch_begin(self, epoch, logs=None):
        self._target = self._trained
        _reset(stateful_layers(self._trained))

    def on_train_batch_begin(self, batch, logs=None):
        # A batch of the next epoch would start from this one's end.
        end_with_the_epoch(self._trained, batch, self.params.get("steps"))

    def on_test_begin(self, logs=None):
        _explain_batch_errors(self._target, "test_function")
        self._set_aside()

    def on_test_end(self, logs=None):
        self._put_back()

    def on_predict_begin(self, logs=None):
        _explain_batch_errors(self._target, "predict_function")
        self._set_aside()

    def on_predict_end(self, logs=None):
        self._put_back()

    def _set_aside(self):
        layers = stateful_layers(self._target)
        variables = [copy for state in carried_states(layers) for copy in replica_values(state)]
        self._set_asides.append((variables, [tf.identity(v) for v in variables]))
        _reset(layers)

    def _put_back(self):
        for variable, value in zip(*self._set_asides.pop(), strict=True):
            variable.assign(value)
        # Inside `fit` another model may have been evaluated with this callback: training goes on.
        self._target = self._trained or self._target

    def _put_all_back(self):
        while self._set_asides:
            self._put_back()


def _reset(layers):
    """`reset_state`, also for stacked cells, whose nested states Keras 3.15 does not reset."""
    for state in carried_states(layers):
        for copy in replica_values(state):
            copy.assign(tf.zeros_like(copy))


_BATCH_CHECK = "carried_state_batch_size"  # the name of the op, by which its error is known


def _check_batch_size(model, batch_size):
    """Makes the model's steps check their batches. Once a model; `fit` traces them anew then."""
    if getattr(model, "_checks_batch_size", False):
        return
    model._checks_batch_size = True

    def checked(step):
        @functools.wraps(step)
        def run(data):
            return step(tree.map_structure(ensure, data))

        return run

    def ensure(tensor):
        if tensor is None or not len(tensor.shape):
            return tensor
        if tensor.shape[0] not in (None, batch_size):
            raise ValueError(_wrong_batch(tensor.shape[0], batch_size))
        # A check at run time, which XLA keeps too, unlike an assertion.
        shape = [batch_size] + [None] * (len(tensor.shape) - 1)
        return tf.ensure_shape(tensor, shape, name=_BATCH_CHECK)

    for name in ("train_step", "test_step", "predict_step"):
        setattr(model, name, checked(getattr(model, name)))
    model.train_function = model.test_function = model.predict_function = None


def _explain_batch_errors(model, name):
    """Turns the graph's error about a batch of the wrong size into one line."""
    function = getattr(model, name)
    if getattr(function, "_explains", False):
        return

    @functools.wraps(function)
    def run(iterator):
        try:
            return function(iterator)
        except tf.errors.InvalidArgumentError as error:
            shapes = re.search(
                r"\[(\d+)[,\d]*\] is not compatible with expected shape \[(\d+)", str(error)
            )
            if not shapes:
                raise
            raise ValueError(_wrong_batch(*shapes.groups())) from None

    run._explains = True
    setattr(model, name, run)


def _wrong_batch(received, expected):
    return (
        f"A batch has {received} rows, and the carried states have {expected}. Each row goes on where "
        f"it ended in the batch before, so every batch must have {expected} rows: drop the remainder, "
        f"or rebuild the model with rnn_kit.callbacks.with_batch_size."
    )
