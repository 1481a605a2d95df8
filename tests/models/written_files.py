"""A model that the tests of damaged and of half-written files save."""

import json
import zipfile

import numpy as np
import pytest

import gpunn
from gpunn import layers as L

h5py = pytest.importorskip("h5py")
pytest.importorskip("safetensors")
X = np.random.default_rng(0).standard_normal((16, 6)).astype("float32")


def made(units=5):
    hidden = [L.Dense(units, "relu", name="hidden"), L.BatchNormalization(name="norm")]
    model = gpunn.Sequential([L.Input((6,)), *hidden, L.Dense(3, name="last")])
    model.compile("adam", "mse", ["mae"])
    return model


def written(path):
    model = made()
    model.train_on_batch(X, X[:, :3])
    whole = path.suffix == ".keras" or path.name == "m.h5"
    (model.save if whole else model.save_weights)(path)
    return model


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def zipped(path, change):
    """The archive with its members, a dict, changed."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data, zipfile.ZIP_DEFLATED if len(data) > 10**6 else zipfile.ZIP_STORED)


def configured(change):
    """The JSON of the model changed, wherever it stands."""

    def damage(path):
        if path.suffix == ".h5":
            with h5py.File(path, "a") as file:
                config = json.loads(file.attrs["model_config"])
                change(config)
                file.attrs["model_config"] = json.dumps(config)
            return

        def within(members):
            config = json.loads(members["config.json"])
            change(config)
            members["config.json"] = json.dumps(config)

        zipped(path, within)

    return damage
