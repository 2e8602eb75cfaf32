"""tf.data pipelines that feed recurrent models.

Those for training are endless. Batch n, counted over all epochs, depends only on the seed and n: a run
that starts at `first_batch` sees the same batches as an unbroken run from there on. They also return
the number of batches of an epoch, which `fit` takes as `steps_per_epoch`.
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
