"""Writing files: interrupted, without the package they need, in a format that holds one thing alone, to the bit, on a device."""

import numpy as np
import pytest
from written_files import X, made, written

import gpunn
from gpunn import callbacks
from gpunn.models import load_model
from gpunn.models.files import kinds

pytestmark = pytest.mark.usefixtures("cpu")


@pytest.mark.parametrize("name", ["m.keras", "m.h5", "m.weights.h5", "m.safetensors", "m.npz"])
def test_an_interrupted_save_leaves_the_old_file(tmp_path, monkeypatch, name):
    path = tmp_path / name
    model = written(path)
    before = path.read_bytes()

    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("os.replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        (model.save if name in ("m.keras", "m.h5", "m.npz") else model.save_weights)(path)
    assert path.read_bytes() == before and [f.name for f in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(
    ("name", "extra"), [("m.keras", "hdf5"), ("m.h5", "hdf5"), ("m.weights.h5", "hdf5"), ("m.safetensors", "safetensors")]
)
def test_a_missing_extra_names_its_command(tmp_path, monkeypatch, name, extra):
    model = written(tmp_path / name)
    monkeypatch.setattr(kinds, "find_spec", lambda package: None)
    command = rf"Install it with: pip install \"gpunn\[{extra}\]\""
    whole = name in ("m.keras", "m.h5")
    for call in ((model.save if whole else model.save_weights), model.load_weights, *([load_model] if whole else [])):
        with pytest.raises(ImportError, match=command):
            call(tmp_path / name)
    keeper = callbacks.ModelCheckpoint(tmp_path / "again" / name, save_weights_only=not whole)
    before = model.get_weights()
    with pytest.raises(ImportError, match=command):  # before the first epoch, not after it
        model.fit(X, X[:, :3], verbose=0, callbacks=[keeper])
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


def test_formats_that_hold_only_one_of_both(tmp_path):
    model = made()
    for name in ("m.weights.h5", "m.safetensors"):
        with pytest.raises(ValueError, match=r"this format holds weights alone. Use save_weights"):
            model.save(tmp_path / name)
    with pytest.raises(ValueError, match="this format holds whole models"):
        model.save_weights(tmp_path / "m.keras")
    with pytest.raises(ValueError, match="holds weights alone"):
        model.fit(X, X[:, :3], verbose=0, callbacks=[callbacks.ModelCheckpoint(tmp_path / "m.weights.h5")])
    (tmp_path / "m.keras").mkdir()
    with pytest.raises(ValueError, match="which is a directory"):
        model.save(tmp_path / "m.keras")


def test_the_same_model_gives_the_same_bytes(tmp_path):
    model = written(tmp_path / "a.keras")
    model.save(tmp_path / "b.keras")
    assert (tmp_path / "a.keras").read_bytes() == (tmp_path / "b.keras").read_bytes()


@pytest.mark.parametrize("name", ["m.keras", "m.h5", "m.npz"])
def test_saved_on_a_device_and_loaded_on_the_cpu_and_back(tmp_path, sim_with, name):
    """Every bit the same; the device goes on training where the CPU left."""
    sim_with()
    model = written(tmp_path / "start.keras").to("sim")
    model.train_on_batch(X, X[:, :3])
    model.save(tmp_path / name)
    there = load_model(tmp_path / name)
    assert there.backend.name != model.backend.name and there.optimizer.iterations == 2
    assert all(np.array_equal(a, b) for a, b in zip(there.get_weights(), model.get_weights(), strict=True))
    there.save(tmp_path / name)
    with gpunn.device("sim"):
        back = load_model(tmp_path / name)
    for one in (model, back):
        one.train_on_batch(X, X[:, :3])
    assert all(np.array_equal(a, b) for a, b in zip(back.get_weights(), model.get_weights(), strict=True))
