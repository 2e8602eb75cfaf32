"""Keras's averaged weights, with a state that a checkpoint saves."""

import keras

from rnn_kit._internals import average_in_model, set_average_in_model


class AveragedWeights(keras.callbacks.SwapEMAWeights):
    """Validates, saves and ends with the optimizer's moving average of the weights.

        θ̄ ← m θ̄ + (1 - m) θ        after each step, with `Adam(use_ema=True, ema_momentum=m)`

    A `keras.callbacks.SwapEMAWeights(swap_on_epoch=True)`: validation and the callbacks after this one
    see θ̄, training continues with θ. In a resumed run Keras's own callback does not know whether the
    two were swapped when the checkpoint was written; this one does, if a `Checkpoint` follows it. After
    its last epoch a run has θ̄ for both, and continues from there if it is given more epochs.
    """

    def __init__(self):
        super().__init__(swap_on_epoch=True)
        self._optimizer = None  # the optimizer whose average it swaps

    def on_train_begin(self, logs=None):
        if self.model.optimizer is not self._optimizer:  # another model's, or made by another `compile`
            set_average_in_model(self, False)
        self._optimizer = self.model.optimizer

    def on_predict_end(self, logs=None):
        self.on_test_end(logs)  # Keras's own leaves the average in the model

    def on_epoch_end(self, epoch, logs=None):
        super().on_epoch_end(epoch, logs)
        self._remember_weights()

    def on_train_end(self, logs=None):
        # After early stopping, `fit` has assigned the optimizer's values by now: θ.
        if average_in_model(self):
            for variable, average in zip(self.model.trainable_variables, self._average, strict=True):
                variable.assign(average)

    def get_state(self):
        return {"average_in_model": average_in_model(self)}, []

    def set_state(self, notes, arrays):
        set_average_in_model(self, notes["average_in_model"])
        self._remember_weights()

    def _remember_weights(self):
        self._average = [keras.ops.convert_to_numpy(v) for v in self.model.trainable_variables]
