"""What every test shares: the backend's settings, and seeds that start from one place."""

import os
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("MPLBACKEND", "agg")

import keras
import numpy as np
import pytest
from download_server import serving

pytest_plugins = ["shares", "pytester"]
HERE = Path(__file__).parent
BACKEND = keras.backend.backend()

# On another backend only the files that are marked for it are imported: the others need TensorFlow.
collect_ignore = (
    []
    if BACKEND == "tensorflow"
    else [str(p) for p in HERE.rglob("test_*.py") if "pytest.mark.backends" not in p.read_text()]
)


@pytest.fixture(autouse=True)
def _one_seed():
    keras.utils.set_random_seed(1234)
    yield
    keras.config.set_dtype_policy("float32")


@pytest.fixture
def rng():
    return np.random.default_rng(1234)


@pytest.fixture
def server():
    """A web server on the loopback address, `.url`, whose pages fail in the ways of a network."""
    with serving() as server:
        yield server


@pytest.fixture
def real_data():
    """The folder of real data sets, which `RNN_KIT_DATA` names."""
    folder = os.environ.get("RNN_KIT_DATA")
    if not folder:
        pytest.skip("RNN_KIT_DATA is not set: this test reads real data")
    return Path(folder)
