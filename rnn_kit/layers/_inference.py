"""Calling a layer for inference, whether or not its `call` knows training."""

import inspect


def inference_arguments(layer):
    """Makes the arguments of a call for inference: `training=False`, where `call` takes it."""
    return {"training": False} if "training" in inspect.signature(layer.call).parameters else {}
