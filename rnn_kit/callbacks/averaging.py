"""Averaged weights, with a memory that survives the process."""

import keras

from rnn_kit._internals import average_in_model, set_average_in_model


class AveragedWeights(keras.callbacks.SwapEMAWeights):
    """Validates, keeps and ends with the moving average of the weights that the optimizer makes.

        θ̄ ← m θ̄ + (1 - m) θ        after each step, with `Adam(use_ema=True, ema_momentum=m)`

    `keras.callbacks.SwapEMAWeights(swap_on_epoch=True)`: validation and the callbacks that come after
    this one see θ̄, training goes on with θ. Keras's own does not know, in a run that is resumed, that
    the two were exchanged when it was saved; this one does, through a `Checkpoint` behind it. A run
    that has come to its last epoch has θ̄ for both, and goes on from there if it is given more epochs.
    """

    def __init__(self):
        super().__init__(swap_on_epoch=True)
        self._optimizer = None  # the one whose average it has exchanged

    def on_train_begin(self, logs=None):
        if self.model.optimizer is not self._optimizer:  # of another model, or of a new `compile`
            set_average_in_model(self, False)
        self._optimizer = self.model.optimizer

    def on_predict_end(self, logs=None):
        self.on_test_end(logs)  # Keras's own leaves the average in the model

    def on_epoch_end(self, epoch, logs=None):
        super().on_epoch_end(epoch, logs)
        self._keep()

    def on_train_end(self, logs=None):
        # `fit` has assigned what the optimizer keeps: θ, where the training was stopped early.
        if average_in_model(self):
            for variable, average in zip(self.model.trainable_variables, self._average, strict=True):
                variable.assign(average)

    def get_state(self):
        return {"average_in_model": average_in_model(self)}, []

    def set_state(self, notes, arrays):
        set_average_in_model(self, notes["average_in_model"])
        self._keep()

    def _keep(self):
        self._average = [keras.ops.convert_to_numpy(v) for v in self.model.trainable_variables]
