"""Loads captioners saved when their attention was a cell of their own, not yet the kit's."""

import io
import tempfile
import zipfile
from pathlib import Path

import h5py
import keras

WEIGHTS = "model.weights.h5"  # of a .keras file
BEFORE, NOW = "layers/rnn", "layers/attention_rnn"
# Earlier places of the weights of `rnn_kit.layers.AttentionCell`, in its order: one layer each.
PLACES = ("of_values/vars/0", "of_state/vars/0", "of_values/vars/1")
PLACES += ("energy/vars/0", "gate/vars/0", "gate/vars/1")


def load(path):
    """Loads a captioner from a `.keras` file, in the current form or the earlier one."""
    with (
        zipfile.ZipFile(path) as archive,
        archive.open(WEIGHTS) as member,
        h5py.File(member) as file,
    ):
        if f"{BEFORE}/cell/energy" not in file:
            return keras.models.load_model(path)
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    weights = io.BytesIO(files[WEIGHTS])
    with h5py.File(weights, "r+") as file:
        file.move(BEFORE, NOW)
        cell = file[f"{NOW}/cell"]
        for number, place in enumerate(PLACES):
            values = cell[place][:]
            one = values.shape[-1] == 1  # the energy and the gate came from dense layers of one unit
            cell[f"vars/{number}"] = values.squeeze(-1) if one else values
    files[WEIGHTS] = weights.getvalue()
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "model.keras")
        with zipfile.ZipFile(copy, "w") as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        return keras.models.load_model(copy)
