"""Calls a layer for inference, whether or not its `call` has a `training` argument."""

import inspect


def inference_arguments(layer):
    """Returns the arguments of a call for inference: `training=False`, if `call` takes it."""
    return {"training": False} if "training" in inspect.signature(layer.call).parameters else {}
