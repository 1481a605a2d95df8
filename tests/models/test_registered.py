"""Classes and functions of the user's that are known by name: registered, in a scope, put into the dict; `gpunn.saving`."""

import json

import numpy as np
import pytest

import gpunn
from gpunn import layers, lookup, losses, metrics, optimizers, saving
from gpunn.optimizers import schedules

pytestmark = pytest.mark.usefixtures("cpu")
X = np.random.default_rng(3).normal(size=(8, 4)).astype("float32")


@pytest.fixture(autouse=True)
def _nothing_registered(monkeypatch):
    monkeypatch.setattr(lookup, "REGISTERED", {})
    monkeypatch.setattr(lookup, "_keys", {})


def squares(y, p):
    return ((y - p) ** 2).mean(-1), 2 * (p - y) / y.shape[-1]


def distance(y, p):
    return np.abs(y - p).mean(-1)


def registered():
    """A layer with a name of its own, one with a name of the library's, a loss, a metric, an optimizer and a schedule."""

    class Mine(layers.Dense):
        pass

    class Dense(layers.Dense):
        pass

    class Slow(optimizers.SGD):
        pass

    class Falling(schedules.ExponentialDecay):
        pass

    for thing in (Mine, Dense, Slow, Falling, squares, distance):
        saving.register_keras_serializable("pack")(thing)
    return Mine, Dense, Slow, Falling


@pytest.mark.parametrize("suffix", ["keras", "h5", "npz"])
def test_a_file_of_what_is_registered(tmp_path, suffix):
    pytest.importorskip("h5py")
    kinds = registered()
    model = gpunn.Sequential([kinds[0](3, input_shape=(4,)), kinds[1](2), layers.TimeDistributed(kinds[0](1), input_shape=(2,))][:2])
    model.compile(kinds[2](kinds[3](0.1, 10, 0.9)), squares, metrics=[distance])
    model.fit(X, X[:, :2], verbose=0)
    model.save(tmp_path / f"m.{suffix}")
    loaded = saving.load_model(tmp_path / f"m.{suffix}")
    assert [type(layer) for layer in loaded.layers] == list(kinds[:2]) and type(loaded.optimizer) is kinds[2]
    assert type(loaded.optimizer.schedule) is kinds[3] and loaded.loss.fn is squares
    np.testing.assert_array_equal(loaded.predict(X, verbose=0), model.predict(X, verbose=0))
    again = gpunn.models.model_from_json(model.to_json())
    assert [type(layer) for layer in again.layers] == list(kinds[:2])


@pytest.mark.parametrize("suffix", ["keras", "npz"])
def test_a_registered_class_of_model(tmp_path, suffix):
    @saving.register_keras_serializable()
    class Whole(gpunn.Model):
        def __init__(self, units=3, **common):
            super().__init__(**common)
            self.units, self.inner = units, layers.Dense(units)

        def call(self, x):
            return self.inner(x)

    model = Whole(2)
    model.build((None, 4))
    model.save(tmp_path / f"m.{suffix}")
    loaded = saving.load_model(tmp_path / f"m.{suffix}")
    assert type(loaded) is Whole and loaded.units == 2
    saving.get_custom_objects().clear()
    with pytest.raises(ValueError, match=r"a class of yours: custom_objects="):
        saving.load_model(tmp_path / f"m.{suffix}")
    assert type(saving.load_model(tmp_path / f"m.{suffix}", {"Whole": Whole})) is Whole


def test_names():
    @saving.register_keras_serializable("pack", "other")
    def f(x):
        return x

    assert saving.get_registered_name(f) == "pack>other" and saving.get_registered_object("pack>other") is f
    assert saving.get_registered_name(squares) == "squares" and saving.get_registered_object("squares") is None
    assert saving.get_registered_object("squares", {"squares": squares}) is squares
    assert saving.get_custom_objects() == {"pack>other": f}
    with pytest.raises(ValueError, match="Cannot register the class object"):
        saving.register_keras_serializable()(object)


def test_a_scope():
    """Found in the block, also by the library's lookups, and not after it; blocks within each other add up."""
    one, two = {"small": gpunn.regularizers.L2(0.5)}, {"leak": lambda x: gpunn.activations.leaky_relu(x, 0.1)}
    with saving.custom_object_scope(one), gpunn.utils.CustomObjectScope(two):
        layer = layers.Dense(2, activation="leak", kernel_regularizer="small")
        assert layer.kernel_regularizer is one["small"] and layer.activation.name == "leaky_relu"
    with pytest.raises(ValueError, match="Unknown activation: 'leak'"):
        layers.Dense(2, activation="leak")
    with saving.custom_object_scope({"relu": gpunn.activations.tanh}):  # before the library's own
        assert layers.Dense(2, activation="relu").activation.name == "tanh"
    gpunn.utils.get_custom_objects().update(two)
    assert layers.Dense(2, activation="leak").activation.name == "leaky_relu"


def test_registered_names_do_not_hide_the_librarys():
    registered()
    assert type(layers.deserialize({"class_name": "Dense", "config": {"units": 1}})) is layers.Dense
    assert type(layers.deserialize({"class_name": "pack>Dense", "config": {"units": 1}})) is not layers.Dense


OBJECTS = [
    lambda: layers.Dense(3, "relu", kernel_regularizer="l2"), lambda: layers.Bidirectional(layers.LSTM(2)),
    lambda: losses.BinaryCrossentropy(True, 0.1),
    lambda: metrics.AUC(20), lambda: optimizers.Adam(schedules.CosineDecay(0.1, 9)), lambda: gpunn.regularizers.L1L2(0.1, 0.2),
    lambda: gpunn.initializers.HeNormal(3), lambda: gpunn.constraints.MaxNorm(2), lambda: schedules.ExponentialDecay(0.1, 10, 0.9),
]


def described(thing):
    """A configuration, but for what Keras leaves out or keeps elsewhere."""
    return str(thing.get_config()).replace("'seed': None", "")


@pytest.mark.parametrize("make", OBJECTS)
def test_configurations_go_round_as_text(make):
    thing = make()
    written = saving.serialize_keras_object(thing)
    back = saving.deserialize_keras_object(json.loads(json.dumps(written)))
    assert type(back) is type(thing) and back.get_config() == thing.get_config()


@pytest.mark.parametrize("make", OBJECTS)
def test_keras_writes_and_reads_the_same(make):
    keras = pytest.importorskip("keras_twin").keras
    thing = make()
    theirs = keras.saving.deserialize_keras_object(saving.serialize_keras_object(thing))
    back = saving.deserialize_keras_object(keras.saving.serialize_keras_object(theirs))
    assert type(back) is type(thing) and type(theirs).__name__ == type(thing).__name__
    assert described(back) == described(thing)


def test_a_model_as_a_configuration():
    model = gpunn.Sequential([layers.Input((3,)), layers.Dense(2)])
    back = saving.deserialize_keras_object(saving.serialize_keras_object(model))
    assert type(back) is gpunn.Sequential and back.get_config() == model.get_config() and back.built


def test_plain_values_and_functions():
    value = {"a": [1, 2.5, None, "s"], "b": (True, np.float32(2)), "c": np.arange(3.0)}
    back = saving.deserialize_keras_object(saving.serialize_keras_object(value))
    np.testing.assert_array_equal(back.pop("c"), [0, 1, 2])
    assert back == {"a": [1, 2.5, None, "s"], "b": (True, 2.0)}
    registered()
    for f in (squares, losses.mean_squared_error):
        assert saving.deserialize_keras_object(saving.serialize_keras_object(f)) is f
    assert saving.serialize_keras_object(gpunn.activations.relu)["config"] == "relu"
    with pytest.raises(ValueError, match="Unknown function: 'nobody'"):
        saving.deserialize_keras_object({"class_name": "function", "config": "nobody"})
    with pytest.raises(TypeError, match="expected an object of gpunn's"):
        saving.serialize_keras_object(object())


def test_code_in_a_configuration_is_not_run():
    entry = {"module": "keras.layers", "class_name": "Lambda", "config": {"function": {"class_name": "__lambda__", "config": {}}}}
    with pytest.raises(ValueError, match="__lambda__"):
        saving.deserialize_keras_object(entry)
    with pytest.raises(ValueError, match="expected an array of numbers"):
        saving.deserialize_keras_object({"class_name": "__numpy__", "config": {"value": [1], "dtype": "object"}})
    with pytest.raises(ValueError, match="Unknown class"):
        saving.deserialize_keras_object({"module": "os", "class_name": "system", "config": {}})


def test_weights_as_functions(tmp_path):
    a, b = (gpunn.Sequential([layers.Dense(2, input_shape=(4,))]) for _ in range(2))
    saving.save_weights(a, tmp_path / "w.npz")
    saving.load_weights(b, tmp_path / "w.npz")
    np.testing.assert_array_equal(a.predict(X, verbose=0), b.predict(X, verbose=0))
    with pytest.raises(ValueError, match="skip_mismatch"):
        saving.load_weights(b, tmp_path / "w.npz", skip_mismatch=True)


def test_layers_and_second_names():
    assert layers.deserialize(layers.serialize(layers.Dense(3, "relu"))).units == 3
    spec = layers.InputSpec(ndim=2, axes={-1: 4})
    assert (spec.ndim, spec.axes, spec.shape) == (2, {-1: 4}, None)
    for name in ("Identity", "Orthogonal", "STFT"):
        assert getattr(gpunn.initializers, f"{name}Initializer") is getattr(gpunn.initializers, name)
