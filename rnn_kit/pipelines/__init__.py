"""tf.data pipelines that feed recurrent models.

Those for training are endless. Batch n, counted over all epochs, depends on the seed and on n alone: a
run that starts at `first_batch` sees the batches that an unbroken run sees from there on. They return
the number of batches of an epoch too, which `fit` takes as `steps_per_epoch`.
"""

from rnn_kit.pipelines.sequences import padded_rows, sequence_batches, sequence_dataset
from rnn_kit.pipelines.windows import ordered_windows, stream_dataset, window_dataset

__all__ = [
    "ordered_windows",
    "padded_rows",
    "sequence_batches",
    "sequence_dataset",
    "stream_dataset",
    "window_dataset",
]
