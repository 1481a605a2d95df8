"""Arguments and calls as Keras 1 and 2 spelt them."""

import numpy as np
import pytest

from gpunn import layers
from gpunn.layers.spelling import old_names
from gpunn.models import Sequential
from gpunn.utils import to_categorical

pytestmark = pytest.mark.usefixtures("cpu")


def old(what):
    return pytest.warns(DeprecationWarning, match=what)


def test_layers():
    with old("output_dim is an old spelling of units") as seen:
        dense = layers.Dense(output_dim=5, input_dim=3)
    assert dense.units == 5 and seen[0].filename == __file__
    with old("init is an old spelling of kernel_initializer"):
        assert type(layers.Dense(2, init="he_normal").kernel_initializer).__name__ == "HeNormal"
    with old("bias is an old spelling of use_bias"):
        assert layers.Dense(2, bias=False).use_bias is False
    with old("p is an old spelling of rate"):
        assert layers.Dropout(p=0.25).rate == 0.25
    with old("gamma_init is an old spelling of gamma_initializer"):
        layers.BatchNormalization(gamma_init="ones")


def test_both_spellings():
    for arguments, named in [((), {"units": 3}), ((3,), {})]:
        with pytest.raises(TypeError, match=r"Dense got units and output_dim, its old spelling\. Expected one of them"):
            layers.Dense(*arguments, output_dim=4, **named)
    with pytest.raises(TypeError, match="to_categorical got num_classes and nb_classes"):
        to_categorical([0], 2, nb_classes=3)


def test_only_where_it_is_meant():
    """A name that stands for nothing here stays unknown; a user's layer may use an old name for something else."""
    with pytest.raises(TypeError, match="Dense got unknown arguments: nb_filter"):
        layers.Dense(3, nb_filter=4)

    class Mine(layers.Dense):
        def __init__(self, units, p=0, **common):
            super().__init__(units, **common)
            self.p = p

    mine = Mine(2, p=7)
    assert (mine.units, mine.p) == (2, 7)
    with old("init is an old spelling of kernel_initializer"):
        assert type(Mine(2, init="ones").kernel_initializer).__name__ == "Ones"


def test_a_function():
    @old_names(subsample="strides")
    def f(units, strides=1):
        return units, strides

    assert f(1) == (1, 1) and f.__name__ == "f"
    with old("subsample is an old spelling of strides"):
        assert f(1, subsample=2) == (1, 2)


def test_one_hot():
    with old("nb_classes is an old spelling of num_classes"):
        np.testing.assert_array_equal(to_categorical([0, 2], nb_classes=3), np.eye(3)[[0, 2]])
    with old("y is an old spelling of x"):
        np.testing.assert_array_equal(to_categorical(y=[1]), [[0, 1]])


def test_calls():
    model = Sequential([layers.Dense(3, input_dim=2, activation="softmax")])
    x = np.random.default_rng(0).normal(size=(6, 2)).astype("float32")
    np.testing.assert_array_equal(model.predict_proba(x), model.predict(x, verbose=0))
    np.testing.assert_array_equal(model.predict_classes(x), model.predict(x, verbose=0).argmax(axis=1))
    one = Sequential([layers.Dense(1, input_dim=2, activation="sigmoid")])
    assert one.predict_classes(x).shape == (6, 1) and set(np.unique(one.predict_classes(x))) <= {0, 1}
    np.testing.assert_array_equal(one.predict_classes(x), one.predict(x, verbose=0) > 0.5)


def test_generator_calls():
    """With the settings of workers that there is nothing to set for."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(12, 2)).astype("float32")

    def batches():
        while True:
            for start in range(0, 12, 4):
                yield x[start : start + 4], x[start : start + 4, :1]

    model = Sequential([layers.Dense(1, input_dim=2)])
    model.compile("sgd", "mse")
    history = model.fit_generator(batches(), steps_per_epoch=3, epochs=2, verbose=0, workers=2, use_multiprocessing=False, max_queue_size=5)
    assert len(history.history["loss"]) == 2 and model.optimizer.iterations == 6
    expected = float(np.mean((model.predict(x, verbose=0) - x[:, :1]) ** 2))
    assert model.evaluate_generator(batches(), steps=3, verbose=0) == pytest.approx(expected, rel=1e-5)
    np.testing.assert_allclose(model.predict_generator((x[i : i + 4] for i in (0, 4, 8)), steps=3, workers=1), model.predict(x), rtol=1e-6)
