"""Keras's early stopping, with a memory that survives the process."""

import keras


class EarlyStopping(keras.callbacks.EarlyStopping):
    """`keras.callbacks.EarlyStopping`, whose best weights and patience go into a `Checkpoint`.

    Keras's own starts afresh in a resumed run: it forgets the best epoch, and may restore weights that
    are worse, or wait too long. Takes the same arguments.

    Attributes:
        last_weights: After the training, the weights of its last epoch, whatever is restored.
    """

    def on_train_end(self, logs=None):
        self.last_weights = self.model.get_weights()
        super().on_train_end(logs)

    def get_state(self):
        notes = {"wait": self.wait, "best": self.best, "best_epoch": self.best_epoch}
        return {**notes, "has_best": self.best_weights is not None}, self.best_weights or []

    def set_state(self, notes, arrays):
        self.wait, self.best, self.best_epoch = notes["wait"], notes["best"], notes["best_epoch"]
        self.best_weights = list(arrays) if notes["has_best"] else None
