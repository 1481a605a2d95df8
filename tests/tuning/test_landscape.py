"""The loss along weights against the closed form."""

import numpy as np
import pytest

from gpunn.layers import Dense, Input
from gpunn.models import Sequential
from gpunn.tuning import loss_along

RNG = np.random.default_rng(0)
X = RNG.standard_normal((50, 2))
TRUE = np.array([1.5, -0.5])
Y = X @ TRUE + 0.3


def linear():
    model = Sequential([Input((2,)), Dense(1, name="unit")])
    model.compile("sgd", "mse")
    return model


def mse(w0, w1, b):
    return np.mean((X[:, 0] * w0 + X[:, 1] * w1 + b - Y) ** 2)


def test_one_weight_is_a_parabola(either_cpu, float64):
    model = linear()
    (kernel, bias), before = model.parameters, model.get_weights()
    curve = loss_along(model, X, Y, (kernel, (0, 0)), span=2.0, points=21, batch_size=7)
    w = before[0][:, 0]
    np.testing.assert_allclose(curve.axes[0], np.linspace(w[0] - 2, w[0] + 2, 21))
    np.testing.assert_allclose(curve.losses, [mse(v, w[1], 0.0) for v in curve.axes[0]], rtol=1e-12)
    assert curve.names == ["unit/kernel[0, 0]"] and curve.here == [w[0]] and curve.loss == pytest.approx(mse(*w, 0.0))
    np.testing.assert_allclose(np.diff(curve.losses, 3), 0, atol=1e-11)  # third differences of a parabola
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(ValueError, match="expected one weight or two"):
        loss_along(model, X, Y)
    assert bias.name == "unit/bias"


def test_two_weights_and_values_of_ones_own_cl_05(cpu, float64):
    model = linear()
    values = [np.array([0.0, 1.0, 1.5]), [-1.0, 0.3]]
    curve = loss_along(model, X, Y, ("unit/kernel", (0, 0)), ("unit/bias", 0), values=values)
    w1 = model.get_weights()[0][1, 0]
    np.testing.assert_allclose(curve.losses, [[mse(a, w1, b) for b in values[1]] for a in values[0]], rtol=1e-12)
    model.set_weights([np.array([[0.0], [TRUE[1]]]), np.zeros(1)])
    curve = loss_along(model, X, Y, ("unit/kernel", (0, 0)), ("unit/bias", 0), values=values)
    assert curve.lowest[0] == [1.5, 0.3] and curve.lowest[1] == pytest.approx(0, abs=1e-20)
    both = loss_along(model, X, Y, ("unit/kernel", (0, 0)), ("unit/kernel", (1, 0)), span=1.0, points=5)
    np.testing.assert_allclose(both.losses, [[mse(a, b, 0.0) for b in both.axes[1]] for a in both.axes[0]], rtol=1e-12)


def test_pictures(cpu, tmp_path):
    pytest.importorskip("matplotlib")
    from matplotlib.image import imread

    model = linear()
    line = loss_along(model, X, Y, ("unit/bias", 0), points=9)
    figure = line.plot(tmp_path / "line.png")
    np.testing.assert_array_equal(figure.axes[0].lines[0].get_ydata(), line.losses)
    assert figure.axes[0].get_xlabel() == "unit/bias[0]"
    surface = loss_along(model, X, Y, ("unit/kernel", (0, 0)), ("unit/kernel", (1, 0)), points=9)
    assert surface.plot(tmp_path / "surface.png").axes[0].get_ylabel() == "unit/kernel[1, 0]"
    assert imread(tmp_path / "line.png").ndim == imread(tmp_path / "surface.png").ndim == 3


def test_put_back_after_an_error(cpu, monkeypatch):
    from gpunn.training.loop import Evaluation

    model, count = linear(), []
    before, honest = model.get_weights(), Evaluation.run

    def run(self, chain=None):
        count.append(1)
        if len(count) == 5:
            raise KeyboardInterrupt
        return honest(self, chain)

    monkeypatch.setattr(Evaluation, "run", run)
    with pytest.raises(KeyboardInterrupt):
        loss_along(model, X, Y, ("unit/kernel", (0, 0)))
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("weight", "options", "words"),
    [
        (("unit/kernal", 0), {}, "no such parameter: 'unit/kernal'. There are: unit/kernel, unit/bias"),
        (("unit/kernel", 0), {}, r"unit/kernel has shape \(2, 1\). Received: index 0"),
        (("unit/kernel", (2, 0)), {}, r"unit/kernel has shape \(2, 1\). Received: index \(2, 0\)"),
        ("unit/kernel", {}, "a weight is .parameter or its name, index."),
        (("unit/bias", 0), {"points": 1}, "points must be a number of at least 2"),
        (("unit/bias", 0), {"span": -1}, "span must be a number of at least 0"),
        (("unit/bias", 0), {"values": [np.nan]}, "values must be a sequence of numbers for each of the 1 weights"),
    ],
)
def test_what_is_refused(cpu, weight, options, words):
    with pytest.raises(ValueError, match=words):
        loss_along(linear(), X, Y, weight, **options)
