"""Selects the devices that a recipe trains on: one, or with `--distribute` all of this machine."""

import tensorflow as tf

from recipe_kit.cli.errors import UserError
from rnn_kit import distribution


def strategy(settings):
    """Returns the `tf.distribute.Strategy` for building and compiling a model."""
    return distribution.local_devices() if settings.distribute else tf.distribute.get_strategy()


def check_devices(settings, batch_size):
    """Prints the devices of `--distribute`. Raises `UserError` if they cannot share a batch evenly."""
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
