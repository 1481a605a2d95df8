"""Names in logs, of functions and of the outputs of a class that gives `call`, are Keras 3's; so is the order of what `evaluate` lists."""

import numpy as np
import pytest
from keras_twin import compute_in, keras

import gpunn

pytestmark = pytest.mark.usefixtures("float64", "cpu")
RNG = np.random.default_rng(0)
X, FIRST, SECOND = RNG.standard_normal((8, 3)), RNG.uniform(0.1, 0.9, (8, 1)), RNG.integers(0, 2, (8, 1)).astype(float)


def two_outputs(library, packed):
    class Two(library.Model):
        def __init__(self):
            super().__init__()
            self.price, self.kind = library.layers.Dense(1, name="one"), library.layers.Dense(1, "sigmoid", name="two")

        def call(self, x):
            return packed(self.price(x), self.kind(x))

    return Two()


def both(packed, loss, **options):
    compute_in("float64")
    models = [two_outputs(library, packed) for library in (gpunn, keras)]
    for model in models:
        model(X)  # which makes weights
        model.compile("sgd", loss, **options)
    ours, theirs = models
    theirs.set_weights(ours.get_weights())
    return ours, theirs


PACKS = {
    "tuple": lambda a, b: (a, b), "list": lambda a, b: [a, b], "dict": lambda a, b: {"price": a, "kind": b},
}
COMPILED = {
    "losses": {}, "metrics": {"metrics": ["mae", "accuracy"]}, "lists of metrics": {"metrics": [["mae", "mse"], ["accuracy"]]},
    "weighted": {"weighted_metrics": ["mae", "accuracy"]},
}


@pytest.mark.parametrize("options", COMPILED.values(), ids=COMPILED)
@pytest.mark.parametrize("packed", PACKS.values(), ids=PACKS)
def test_outputs_of_a_class(packed, options):
    ours, theirs = both(packed, ["mse", "binary_crossentropy"], **options)
    y = packed(FIRST, SECOND)
    mine, other = (m.fit(X, y, batch_size=8, verbose=0).history for m in (ours, theirs))
    assert set(mine) == set(other)
    for name in other:
        np.testing.assert_allclose(mine[name], other[name], rtol=1e-5, err_msg=name)
    np.testing.assert_allclose(*(m.evaluate(X, y, batch_size=8, verbose=0) for m in (ours, theirs)), rtol=1e-5)


def test_metrics_of_one_name():
    ours, theirs = both(PACKS["tuple"], ["mse", "mae"], metrics=["mae", "mae"], weighted_metrics=[None, "mae"])
    mine, other = (m.fit(X, (FIRST, SECOND), verbose=0).history for m in (ours, theirs))
    assert set(mine) == set(other)


def test_losses_of_one_name_are_counted():
    """Keras keeps one of them."""
    ours, _ = both(PACKS["tuple"], "mse")
    assert ours.evaluate(X, (FIRST, SECOND), verbose=0, return_dict=True).keys() == {"loss", "mse_loss", "mse_loss_1"}


def myMetric(y, p):
    return abs(y - p)


class Called:
    def __call__(self, y, p):
        return abs(y - p)


@pytest.mark.parametrize("metric", [lambda y, p: abs(y - p), myMetric, Called()], ids=["lambda", "function", "object"])
def test_functions(metric):
    names = []
    for library in (gpunn, keras):
        model = library.Sequential([library.layers.Input((3,)), library.layers.Dense(1)])
        model.compile("sgd", "mse", metrics=[metric])
        names.append(set(model.fit(X, FIRST, verbose=0).history))
    assert names[0] == names[1]
