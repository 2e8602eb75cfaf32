"""Recipes start alike for every user: their keras.json, and standard streams that are closed."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import keras
import pytest

from recipe_kit import quiet_tensorflow

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no sh")
QUIETLY = Path(quiet_tensorflow.__file__)
RECIPES = str(QUIETLY.parents[1])


def test_what_a_keras_json_says_otherwise_is_for_other_programs():
    try:
        keras.config.set_floatx("float16")
        keras.config.set_epsilon(1e-3)
        keras.config.set_image_data_format("channels_first")
        quiet_tensorflow._use_defaults()
        assert keras.config.floatx() == "float32" and keras.config.epsilon() == 1e-7
        assert keras.config.image_data_format() == "channels_last"
    finally:
        quiet_tensorflow._use_defaults()


# What it does before TensorFlow, which `raise SystemExit` in its place ends, is quick to try.
BEFORE_TENSORFLOW = """
import importlib.util, os, sys
sys.path.insert(0, {recipes!r})
from recipe_kit import lazy_imports
def found(name):
    os.write({to}, repr(({what})).encode())
    raise SystemExit(7)
importlib.util.find_spec = found
{first}
exec(compile(open({path!r}, encoding="utf-8").read(), "quietly", "exec"), {{"__name__": "quietly"}})
"""


def before_tensorflow(what, to=1, env=(), redirection="", first=""):
    about = {"what": what, "path": str(QUIETLY), "to": to, "recipes": RECIPES, "first": first}
    program = BEFORE_TENSORFLOW.format(**about)
    return subprocess.run(
        ["sh", "-c", f'exec "$0" -S -c "$1" {redirection}', sys.executable, program],
        capture_output=True,
        env={**os.environ, **dict(env)},
        text=True,
    )


@pytest.mark.parametrize("env", [{"KERAS_BACKEND": ""}, {"KERAS_BACKEND": "tensorflow"}])
def test_an_empty_backend_is_the_default_and_goes_before_keras_json(env):
    done = before_tensorflow("os.environ['KERAS_BACKEND']", env=env)
    assert (done.returncode, done.stdout) == (7, "'tensorflow'")


def test_without_a_home_keras_keeps_its_files_where_temporary_ones_are():
    """TensorFlow's own copy of Keras makes a folder called ~ where it is started."""
    homeless = "os.path.expanduser = lambda path: path"
    done = before_tensorflow("os.environ['KERAS_HOME']", first=homeless)
    assert done.stdout == repr(os.path.join(tempfile.gettempdir(), ".keras"))


@pytest.mark.parametrize(("closed", "name"), [("<&-", "stdin"), (">&-", "stdout"), ("2>&-", "stderr")])
def test_a_closed_standard_stream_is_the_null_device_and_no_file_gets_its_number(closed, name):
    told = 2 if name == "stdout" else 1
    what = f"sys.{name}.name, os.open('/dev/null', os.O_RDONLY) > 2"
    done = before_tensorflow(what, to=told, redirection=closed)
    assert done.returncode == 7
    assert (done.stderr if told == 2 else done.stdout) == f"({os.devnull!r}, True)"
