"""Keras's early stopping, with a state that a checkpoint saves."""

import keras


class EarlyStopping(keras.callbacks.EarlyStopping):
    """`keras.callbacks.EarlyStopping` whose best weights and patience a `Checkpoint` saves.

    Keras's own starts over in a resumed run: it forgets the best epoch, so that it may restore worse
    weights, or wait too long. Takes the same arguments.

    Attributes:
        last_weights: After the training, the weights of its last epoch, even if others are restored.
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
