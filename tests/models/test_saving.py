"""Files: a round trip is exact, training goes on bit for bit, and what is damaged or foreign is refused by name."""

import json
import os

import numpy as np
import pytest

from gpunn import losses, metrics
from gpunn.layers import Activation, BatchNormalization, Dense, Dropout, Flatten, Input, Layer, Reshape
from gpunn.models import Sequential, load_model
from gpunn.optimizers import SGD, Adam
from gpunn.random import set_random_seed

pytestmark = pytest.mark.usefixtures("cpu")
X = np.random.default_rng(0).standard_normal((50, 12)).astype("float32")
LABELS = np.arange(50) % 3


def model_of(optimizer=None, dtype=None):
    model = Sequential(
        [
            Input((12,), dtype=dtype),
            Reshape((3, 4), dtype=dtype),
            Flatten(dtype=dtype),
            Dense(8, use_bias=False, dtype=dtype),
            BatchNormalization(momentum=0.8, dtype=dtype),
            Activation("tanh", dtype=dtype),
            Dropout(0.4, dtype=dtype),
            Dense(3, activation="softmax", kernel_initializer="he_normal", dtype=dtype),
        ],
        name="kept",
    )
    model.compile(
        optimizer or Adam(0.02, beta_2=0.98),
        losses.SparseCategoricalCrossentropy(),
        ["accuracy", metrics.SparseCategoricalAccuracy("again")],
    )
    return model


@pytest.mark.parametrize("name", ["model.gpunn", "model_file.h5", "model.keras", "no_suffix"])
def test_round_trip_f_api_15(tmp_path, name):
    model = model_of()
    model.fit(X, LABELS, verbose=0)
    model.save(tmp_path / name)
    assert [f.name for f in tmp_path.iterdir()] == [name]
    again = load_model(tmp_path / name)
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    assert again.name == "kept" and again.get_config() == model.get_config()
    assert again.evaluate(X, LABELS, return_dict=True) == model.evaluate(X, LABELS, return_dict=True)
    lines = []
    again.summary(print_fn=lines.append)
    assert "Total params: 155" in lines[0]


def test_float64_and_an_uncompiled_model(tmp_path):
    model = Sequential([Dense(2, input_dim=12, dtype="float64")])
    model.save(str(tmp_path / "m"))
    again = load_model(str(tmp_path / "m"))
    assert again.dtype == "float64" and again.optimizer is None
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    compiled = model_of()
    compiled.save(tmp_path / "n")
    assert load_model(tmp_path / "n", compile=False).optimizer is None


@pytest.mark.parametrize(
    "optimizer", [lambda: Adam(0.02), lambda: SGD(0.1, momentum=0.9), lambda: SGD(0.1, momentum=0.5, nesterov=True), SGD]
)
def test_training_goes_on_as_if_it_had_never_stopped(tmp_path, optimizer):
    """Six epochs = three, save, load, three: weights, moving statistics, moments, dropout masks and epoch orders, bit for bit."""
    set_random_seed(3)
    whole = model_of(optimizer())
    start = whole.get_weights()
    long = whole.fit(X, LABELS, epochs=6, batch_size=16, verbose=0)
    set_random_seed(3)
    first = model_of(optimizer())
    for a, b in zip(start, first.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    first.fit(X, LABELS, epochs=3, batch_size=16, verbose=0)
    first.save(tmp_path / "half")
    set_random_seed(99)  # another process knows nothing of the first one's seed
    second = load_model(tmp_path / "half")
    assert second.optimizer.iterations == 12
    short = second.fit(X, LABELS, epochs=3, batch_size=16, verbose=0)
    assert short.history["loss"] == long.history["loss"][3:]
    for a, b in zip(whole.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    for slot in whole.optimizer.state:
        np.testing.assert_array_equal(whole.optimizer.state[slot], second.optimizer.state[slot])


def test_freezing_after_compile_is_saved_as_it_is(tmp_path):
    model = model_of()
    model.fit(X, LABELS, verbose=0)
    model.layers[2].trainable = False
    model.save(tmp_path / "m")
    again = load_model(tmp_path / "m")
    assert not again.layers[2].trainable
    again.fit(X, LABELS, verbose=0)
    np.testing.assert_array_equal(again.get_weights()[0], model.get_weights()[0])


class Doubled(Layer):
    """A layer of the user's."""

    def __init__(self, factor=2.0, **common):
        super().__init__(**common)
        self.factor = factor

    def forward(self, x, training=False):
        return x * self.factor, lambda dy: dy * self.factor

    def config(self):
        return {"factor": self.factor}


def test_a_users_layer_needs_custom_objects(tmp_path):
    model = Sequential([Dense(2, input_dim=12), Doubled(3.0)])
    model.save(tmp_path / "m")
    with pytest.raises(ValueError, match=r"Unknown layer class 'Doubled'. Pass custom_objects=\{'Doubled': the_class\}"):
        load_model(tmp_path / "m")
    again = load_model(tmp_path / "m", custom_objects={"Doubled": Doubled})
    np.testing.assert_array_equal(again.predict(X), model.predict(X))


def test_overwrite_false(tmp_path):
    model = model_of()
    model.save(tmp_path / "m")
    before = (tmp_path / "m").read_bytes()
    with pytest.raises(ValueError, match="exists, and overwrite=False"):
        model.save(tmp_path / "m", overwrite=False)
    assert (tmp_path / "m").read_bytes() == before


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, OSError("disk full")])
def test_an_interrupted_save_leaves_the_old_file(tmp_path, monkeypatch, interrupt):
    model = model_of()
    model.save(tmp_path / "m")
    before = (tmp_path / "m").read_bytes()

    def half(file, **arrays):
        file.write(b"PK half a file")
        raise interrupt

    monkeypatch.setattr(np, "savez", half)
    with pytest.raises((KeyboardInterrupt, OSError)):
        model.save(tmp_path / "m")
    assert (tmp_path / "m").read_bytes() == before
    assert os.listdir(tmp_path) == ["m"], "no rubbish stays behind"


def test_unbuilt_models_cannot_be_saved(tmp_path):
    with pytest.raises(ValueError, match=r"is not built: call build\(\), fit\(\) or give an Input before `save\(\)`"):
        Sequential([Dense(2)]).save(tmp_path / "m")
    assert not list(tmp_path.iterdir())


# ------------------------------------------------------------------ files that are not models
def rewritten(path, change):
    """The file with its arrays and configuration changed."""
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    config = json.loads(arrays.pop("config").tobytes())
    change(config, arrays)
    with open(path, "wb") as file:
        np.savez(file, config=np.frombuffer(json.dumps(config).encode(), np.uint8), **arrays)


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(path):
    """A byte of a weight (a file's checksums do not cover every byte of its headers)."""
    with np.load(path) as file:
        weight = file["weight/0"].tobytes()
    data = bytearray(path.read_bytes())
    data[data.index(weight) + 1] ^= 0xFF
    path.write_bytes(data)


def pickled(path):
    with open(path, "wb") as file:
        np.savez(file, config=np.array([{"a": 1}], dtype=object))


DAMAGE = {
    "truncated": cut,
    "empty": lambda p: p.write_bytes(b""),
    "one byte": flip,
    "text": lambda p: p.write_text("a model"),
    "a single array": lambda p: np.save(open(p, "wb"), np.zeros(3)),
    "another archive": lambda p: np.savez(open(p, "wb"), a=np.zeros(3)),
    "a pickle": pickled,
    "a missing weight": lambda p: rewritten(p, lambda c, a: a.pop("weight/0")),
    "one weight too few": lambda p: rewritten(p, lambda c, a: a.pop("weight/7")),
    "a weight of another shape": lambda p: rewritten(p, lambda c, a: a.update({"weight/0": np.zeros((2, 2))})),
    "no optimizer state": lambda p: rewritten(p, lambda c, a: a.pop(next(n for n in a if n.startswith("optimizer/")))),
    "optimizer state of another shape": lambda p: rewritten(p, lambda c, a: a.update({"optimizer/momentum/" + KERNEL: np.zeros(3)})),
    "another format": lambda p: rewritten(p, lambda c, a: c.update(format="gpunn-99")),
    "no random state": lambda p: rewritten(p, lambda c, a: c.pop("rng")),
    "an unknown layer": lambda p: rewritten(p, lambda c, a: c["config"]["layers"][3].update(class_name="Mystery")),
    "an unknown argument": lambda p: rewritten(p, lambda c, a: c["config"]["layers"][3]["config"].update(evil=1)),
    "an unknown loss": lambda p: rewritten(p, lambda c, a: c["compile"]["loss"].update(class_name="Mystery")),
}
KERNEL = "hidden/kernel"
MESSAGES = {
    "one weight too few": "expected 8 weights. Received: 7",
    "a weight of another shape": r"weight hidden/kernel has shape \(12, 5\). Received: \(2, 2\)",
    "optimizer state of another shape": r"momentum of hidden/kernel: expected shape \(12, 5\). Received: \(3,\)",
    "another format": "expected a Sequential in the format gpunn-1. Received: 'Sequential' in 'gpunn-99'",
    "an unknown layer": "Unknown layer class 'Mystery'",
    "an unknown loss": "Unknown loss: 'Mystery'. Expected one of: .*mse",
}


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_and_foreign_files_are_refused(tmp_path, damage):
    model = Sequential([Input((12,)), Dense(5, name="hidden"), BatchNormalization(), Dense(3, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    model.save(tmp_path / "the_model")
    DAMAGE[damage](tmp_path / "the_model")
    with pytest.raises(ValueError, match=f"the_model.*{MESSAGES.get(damage, 'is not a whole gpunn model file')}"):
        load_model(tmp_path / "the_model")


def test_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"No model file at .*nowhere"):
        load_model(tmp_path / "nowhere")
