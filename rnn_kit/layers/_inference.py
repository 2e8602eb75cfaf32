"""Calling a layer for inference, whether or not its `call` knows training."""

import inspect


def inference_arguments(layer):
    """The arguments that call a layer for inference: `training=False` where its `call` takes it."""
    return {"training": False} if "training" in inspect.signature(layer.call).parameters else {}
