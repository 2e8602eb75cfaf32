"""The devices that a recipe trains on: one, or with `--distribute` all of this machine."""

import tensorflow as tf

from recipe_kit.cli.errors import UserError
from rnn_kit import distribution


def strategy(settings):
    """The `tf.distribute.Strategy` to build and compile a model in, by `settings.distribute`."""
    return distribution.local_devices() if settings.distribute else tf.distribute.get_strategy()


def check_devices(settings, batch_size):
    """Says what `--distribute` comes to; a `UserError` if the devices cannot share a batch evenly."""
    if not settings.distribute:
        return
    devices = [
        name.split("device:")[-1] for name in distribution.local_devices().extended.worker_devices
    ]
    if batch_size % len(devices):
        raise UserError(
            f"--distribute: {len(devices)} devices cannot share batches of {batch_size} evenly. Give a "
            f"--batch-size that {len(devices)} divides."
        )
    if len(devices) == 1:
        print(f"--distribute: there is one device here, {devices[0]}, and nothing to share.")
    else:
        share = batch_size // len(devices)
        print(f"on {len(devices)} devices, {' '.join(devices)}: {share} rows of a batch each")
