"""Activations of the user's: formulas, kernels, files."""

import numpy as np
import pytest

import gpunn
from gpunn import activations, layers, models
from gpunn.activations import FromFormula
from gpunn.kernels import REGISTRY

pytestmark = pytest.mark.usefixtures("cpu")
exp = None  # for the linter: a name of the formula language


@pytest.fixture(autouse=True)
def registry():
    """Kernels made here do not stay."""
    before = set(REGISTRY)
    yield
    for name in set(REGISTRY) - before:
        del REGISTRY[name]


def bump_formulas():
    @gpunn.elementwise("x, width:const -> y")
    def bump(x, width):
        """A bell."""
        return exp(-x * x / width)

    @gpunn.elementwise("dy, x, width:const -> dx")
    def bump_bwd(dy, x, width):
        return -2.0 * dy * x / width * exp(-x * x / width)

    return bump, bump_bwd


def squared_formulas():
    @gpunn.elementwise("z -> a")
    def squared_relu(z):
        return z * z if z > 0.0 else 0.0

    @gpunn.elementwise("da, z -> dz")
    def squared_relu_bwd(da, z):
        return 2.0 * da * z if z > 0.0 else 0.0

    return squared_relu, squared_relu_bwd


def trained(activation, alone, layer=None):
    gpunn.utils.set_random_seed(3)
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((40, 5)), rng.integers(0, 3, 40)
    first = [layers.Dense(6), layer or layers.Activation(activation)] if alone else [layers.Dense(6, activation=activation)]
    model = models.Sequential([layers.Input((5,)), *first, layers.Dense(3, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(x, y, epochs=3, batch_size=16, verbose=0)
    return model, model.predict(x, verbose=0)


def test_formulas_of_the_users_train_as_a_layer_of_the_users(either_cpu, float64):
    class Own(layers.Layer):
        def forward(self, x, training=False):
            return np.exp(-x * x / 0.7), lambda dy: dy * np.exp(-x * x / 0.7) * (-2 * x / 0.7)

    bump = FromFormula(*bump_formulas(), 0.7)
    assert bump.__doc__ == "A bell."
    _, want = trained(None, True, Own())
    for alone in (False, True):
        model, got = trained(bump, alone)
        np.testing.assert_allclose(got, want, rtol=1e-9)
        assert model.recordable


def test_a_kernel_itself_and_by_its_name(either_cpu, tmp_path):
    squared, _ = squared_formulas()
    model, want = trained(squared, False)
    text = model.explain(16, print_fn=str)
    assert "bias + squared_relu in one pass" in text and "bias_squared_relu" in text
    for given in ("squared_relu", FromFormula(squared), activations.serialize(squared)):
        np.testing.assert_array_equal(trained(given, False)[1], want)
    model.save(tmp_path / "model.npz")
    again = models.load_model(tmp_path / "model.npz")
    np.testing.assert_array_equal(again.get_weights()[0], model.get_weights()[0])
    bump = FromFormula(*bump_formulas(), 0.5)
    assert activations.serialize(bump) == {"class_name": "bump", "config": {"width": 0.5}}
    assert activations.get(activations.serialize(bump)).parameters == {"width": 0.5}
    np.testing.assert_allclose(bump(np.array([1.0]), 2.0), np.exp(-0.5))
    assert bump.configured(width=2.0).parameters == {"width": 2.0}
    assert squared_formulas()[0] is squared, "the same formula again is the same kernel"


def test_an_activation_given_when_a_model_is_loaded(tmp_path):
    squared, gradient_ = squared_formulas()
    model, _ = trained(FromFormula(squared, gradient_), False)
    model.save(tmp_path / "model.npz")
    for name in ("squared_relu", "squared_relu_bwd"):
        del REGISTRY[name]
    with pytest.raises(ValueError, match="Unknown activation: 'squared_relu'"):
        models.load_model(tmp_path / "model.npz")
    again = models.load_model(tmp_path / "model.npz", custom_objects={"squared_relu": FromFormula(squared, gradient_)})
    np.testing.assert_array_equal(again.get_weights()[0], model.get_weights()[0])


def test_formulas_that_do_not_fit():
    bump, bump_bwd = bump_formulas()
    squared, squared_bwd = squared_formulas()
    with pytest.raises(ValueError, match=r"Activation 'bump': expected 1 constants \(width\)\. Received: \(\)\."):
        layers.Dense(3, activation=bump)
    with pytest.raises(ValueError, match=r"Activation 'squared_relu': expected no constants\. Received: \(1\.0,\)"):
        FromFormula(squared, squared_bwd, 1.0)
    with pytest.raises(ValueError, match=r"bump_bwd must take dy, then z or a, then constants of \(none\)\. Received: dy, x, width"):
        FromFormula(squared, bump_bwd)
    with pytest.raises(ValueError, match=r"must be an elementwise kernel with one output that is no input"):
        FromFormula(REGISTRY["softmax"])
    with pytest.raises(ValueError, match=r"expected a function of one array and constants\. Received: z:full, b:row"):
        FromFormula(REGISTRY["bias_relu"], squared_bwd)

    @gpunn.elementwise("x -> y")
    def lonely(x):
        return x * x

    with pytest.raises(ValueError, match=r'needs its gradient: write lonely_bwd too, with @gpunn\.elementwise\("dy, x -> dx"\)'):
        layers.Dense(3, activation=lonely)
    with pytest.raises(ValueError, match=r"A kernel named 'relu' is there already, with another formula"):

        @gpunn.elementwise("x -> y")
        def relu(x):
            return x + 1.0
