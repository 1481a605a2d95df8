"""Whole models that are classes of the user's, in files: ours and Keras's."""

import numpy as np
import pytest
from keras_twin import keras

import gpunn
from gpunn.models import load_model

X = np.random.default_rng(0).standard_normal((12, 6)).astype(np.float32)


def net(k):
    class Net(k.Model):
        def __init__(self, units, depth=2, **named):
            super().__init__(**named)
            self.units, self.depth = units, depth
            self.out = k.layers.Dense(2)  # behind "layers" in the alphabet
            self.blocks = [k.layers.Dense(units, activation="relu") for _ in range(depth)]

        def call(self, x):
            for block in self.blocks:
                x = block(x)
            return self.out(x)

        def get_config(self):
            return {**super().get_config(), "units": self.units, "depth": self.depth}

    return Net


OURS, THEIRS = net(gpunn), net(keras)


class Bare(gpunn.Model):
    """Without get_config, called with a dict."""

    def __init__(self, sizes, rate=0.5, name=None):
        super().__init__(name=name)
        self.left, self.right = (gpunn.layers.Dense(n) for n in sizes)
        self.drop, self.join = gpunn.layers.Dropout(rate), gpunn.layers.Concatenate()

    def call(self, x, training=False):
        both = self.join([self.left(x["a"]), self.right(x["b"])])
        return self.drop(both) if training else both


def trained(model, x=X, y=X[:, :2]):
    model.compile("adam", "mse", ["mae"])
    model.fit(x, y, epochs=2, verbose=0)
    return model


@pytest.mark.parametrize("suffix", ["keras", "npz"])
def test_it_comes_back_and_goes_on_training(suffix, tmp_path):
    model = trained(OURS(5, name="net"))
    model.save(tmp_path / f"m.{suffix}")
    again = load_model(tmp_path / f"m.{suffix}", custom_objects={"Net": OURS})
    assert type(again) is OURS and again.name == "net" and (again.units, again.depth) == (5, 2)
    np.testing.assert_array_equal(again.predict(X, verbose=0), model.predict(X, verbose=0))
    histories = [m.fit(X, X[:, :2], epochs=2, batch_size=5, verbose=0).history for m in (model, again)]
    assert histories[0] == histories[1]


@pytest.mark.parametrize("suffix", ["keras", "npz"])
def test_arguments_of_a_constructor_without_get_config(suffix, tmp_path):
    x = {"b": X[:, :2], "a": X[:, 2:]}
    model = trained(Bare([3, 1], rate=0.25), x, X[:, :4])
    assert model.get_config() == {"sizes": [3, 1], "rate": 0.25}
    model.save(tmp_path / f"m.{suffix}")
    again = load_model(tmp_path / f"m.{suffix}", {"Bare": Bare})
    assert again.drop.rate == 0.25
    np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))


def test_in_float64(tmp_path, float64):
    model = trained(OURS(5))
    model.save(tmp_path / "m.keras")
    gpunn.config.set_floatx("float32")
    again = load_model(tmp_path / "m.keras", {"Net": OURS})
    assert again.dtype == "float64" and gpunn.config.floatx() == "float32"
    np.testing.assert_array_equal(again.predict(X, verbose=0), model.predict(X, verbose=0))


def test_to_keras_and_from_keras(tmp_path):
    model = trained(OURS(5, name="net"))
    model.save(tmp_path / "ours.keras")
    theirs = keras.models.load_model(tmp_path / "ours.keras", custom_objects={"Net": THEIRS})
    np.testing.assert_allclose(np.asarray(theirs.predict(X, verbose=0)), model.predict(X, verbose=0), rtol=1e-5, atol=1e-6)
    theirs.fit(X, X[:, :2], verbose=0)
    theirs.save(tmp_path / "theirs.keras")
    again = load_model(tmp_path / "theirs.keras", {"Net": OURS})
    np.testing.assert_allclose(again.predict(X, verbose=0), np.asarray(theirs.predict(X, verbose=0)), rtol=1e-5, atol=1e-6)
    assert again.optimizer.steps == 3


def test_one_within_a_graph(tmp_path):
    x = gpunn.Input((6,))
    model = trained(gpunn.Model(x, gpunn.layers.Dense(2)(OURS(4)(x))))
    model.save(tmp_path / "m.keras")
    again = load_model(tmp_path / "m.keras", {"Net": OURS})
    np.testing.assert_array_equal(again.predict(X, verbose=0), model.predict(X, verbose=0))


def test_errors(tmp_path):
    model = trained(OURS(5))
    path = tmp_path / "m.keras"
    model.save(path)
    with pytest.raises(ValueError, match=r"or of a class of yours: custom_objects=\{'Net': the_class\}. Received: 'Net'"):
        load_model(path)

    class Other(gpunn.Model):
        def __init__(self):
            super().__init__()
            self.out = gpunn.layers.Dense(3)

        def call(self, x):
            return self.out(x)

    with pytest.raises(ValueError, match=r"m.keras: Model 'other': weight .*kernel has shape \(6, 3\). Received: \(5, 2\)"):
        load_model(path, {"Net": Other})
    with pytest.raises(ValueError, match=r"the .h5 format holds Sequential and functional models. Save Net to a .keras or .npz file"):
        model.save(tmp_path / "m.h5")
    assert not (tmp_path / "m.h5").exists()

    class Odd(Other):
        def __init__(self, layer):
            super().__init__()

    odd = Odd(gpunn.layers.Dense(2))
    odd.build((None, 6))
    with pytest.raises(NotImplementedError, match=r"Odd gives no get_config\(\), and its argument 'layer' is no plain value \(Dense\)"):
        odd.save(path)
    assert type(load_model(path, {"Net": OURS})) is OURS, "what was there is still whole"


def stacked(k):
    class Stacked(k.layers.Layer):
        """Layers in a list, which is called ``layers``."""

        def __init__(self, **named):
            super().__init__(**named)
            self.layers = [k.layers.Dense(5, activation="tanh"), k.layers.Dense(4), k.layers.LayerNormalization()]

        def build(self, shape):
            for layer in self.layers:
                layer.build(shape)
                shape = layer.compute_output_shape(shape)

        def call(self, x):
            for layer in self.layers:
                x = layer(x)
            return x

        def get_config(self):
            return super().get_config()

    return Stacked


def test_layers_in_lists_to_keras_and_from_keras(tmp_path):
    kinds = [stacked(k) for k in (gpunn, keras)]
    ours, theirs = (k.Sequential([k.layers.Input((6,)), kind()]) for k, kind in zip((gpunn, keras), kinds, strict=True))
    ours.save(tmp_path / "ours.keras")
    there = keras.models.load_model(tmp_path / "ours.keras", custom_objects={"Stacked": kinds[1]})
    np.testing.assert_allclose(np.asarray(there(X)), ours.predict(X, verbose=0), rtol=1e-5, atol=1e-6)
    theirs.save(tmp_path / "theirs.keras")
    here = load_model(tmp_path / "theirs.keras", {"Stacked": kinds[0]})
    np.testing.assert_allclose(here.predict(X, verbose=0), np.asarray(theirs(X)), rtol=1e-5, atol=1e-6)
