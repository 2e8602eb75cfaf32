"""Truncated back-propagation through time with a state that is carried from batch to batch."""

import keras
import tensorflow as tf
from keras import tree

from rnn_kit._internals import flatten_layers
from rnn_kit.callbacks.batch_check import check_batches, explain_failed_check
from rnn_kit.callbacks.executions import end_with_the_epoch
from rnn_kit.distribution import replica_values


def stateful_layers(model):
    """Lists the model's stateful recurrent layers, however deep they are nested."""
    return [
        layer
        for layer in flatten_layers(model)
        if isinstance(layer, keras.layers.RNN) and layer.stateful
    ]


def carried_states(layers):
    """Lists the variables of the layers' states, of which each device has its own values."""
    return tree.flatten([layer.states for layer in layers])


def _state_variables(layers):
    """Lists the TensorFlow variables of the layers' states, one for each state and device."""
    return [variable for state in carried_states(layers) for variable in replica_values(state)]


def _reset(layers):
    """Sets the layers' states to zeros, those of stacked cells too, which Keras 3.15 leaves out."""
    for variable in _state_variables(layers):
        variable.assign(tf.zeros_like(variable))


class CarryState(keras.callbacks.Callback):
    """Truncated back-propagation through time with a carried state, done right.

    A stateful model starts each batch from the states that the batch before left, and cuts the
    gradient there. Keras 3 leaves four gaps, which this callback closes:

    - An epoch starts from the states at the end of the one before. Here it starts from zeros.
    - Validation in `fit` starts from the training states, and training continues from the states that
      validation left. Here validation starts from zeros, and the training states are restored after it.
      The same holds for `evaluate` and `predict`, if given the callback.
    - A batch of one row is broadcast to the states' batch size without an error, and another wrong size
      fails with TensorFlow's error from inside a graph. Here both raise one ValueError.
    - A stateful model cannot be evaluated at another batch size: see `with_batch_size`.

    Batches must come in order (`shuffle=False`), row b of each continuing where row b of the one
    before ended: `rnn_kit.text.streams` cuts a text that way. Needs the TensorFlow backend.

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
        self._current = None  # the model that is being trained or evaluated
        self._saved = []  # (variables, values) of the states to restore, innermost last

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
            self._restore_all()  # after an evaluation that was interrupted
        self._current = model
        check_batches(model, rows=int(tree.flatten(layers[0].states)[0].shape[0]))

    def on_train_begin(self, logs=None):
        self._restore_all()
        self._trained = self._current
        explain_failed_check(self._trained, "train_function")

    def on_train_end(self, logs=None):
        self._trained = None

    def on_epoch_begin(self, epoch, logs=None):
        self._current = self._trained
        _reset(stateful_layers(self._trained))

    def on_train_batch_begin(self, batch, logs=None):
        # Otherwise a batch of the next epoch would start from this one's last states.
        end_with_the_epoch(self._trained, batch, self.params.get("steps"))

    def on_test_begin(self, logs=None):
        explain_failed_check(self._current, "test_function")
        self._save_and_reset()

    def on_test_end(self, logs=None):
        self._restore()

    def on_predict_begin(self, logs=None):
        explain_failed_check(self._current, "predict_function")
        self._save_and_reset()

    def on_predict_end(self, logs=None):
        self._restore()

    def _save_and_reset(self):
        layers = stateful_layers(self._current)
        variables = _state_variables(layers)
        self._saved.append((variables, [tf.identity(v) for v in variables]))
        _reset(layers)

    def _restore(self):
        for variable, value in zip(*self._saved.pop(), strict=True):
            variable.assign(value)
        # Inside `fit` another model may have been evaluated with this callback: training continues.
        self._current = self._trained or self._current

    def _restore_all(self):
        while self._saved:
            self._restore()
