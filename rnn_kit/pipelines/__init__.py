"""tf.data pipelines that feed recurrent models.

Those for training are endless and numbered: which batch comes when depends on the seed and on the
batch's number alone, counted over all epochs, so that a run that starts at `first_batch` sees what an
unbroken one sees from there on. Give `fit` their number of batches as `steps_per_epoch`.
"""

from rnn_kit.pipelines.sequences import sequence_batches, sequence_dataset
from rnn_kit.pipelines.windows import ordered_windows, stream_dataset, window_dataset

__all__ = [
    "ordered_windows",
    "sequence_batches",
    "sequence_dataset",
    "stream_dataset",
    "window_dataset",
]
