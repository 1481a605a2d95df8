"""EX-10, EX-11, EX-19, EX-24, EX-27, EX-32, EX-33, EX-36: numbers of parameters, of updates, of units that dropout keeps."""

import numpy as np
import pytest

from gpunn.layers import Dense, Dropout
from gpunn.models import Sequential
from gpunn.tuning import capacity_search

pytestmark = pytest.mark.usefixtures("cpu")


def dense(inputs, *units, activations=None):
    activations = activations or ["sigmoid"] * len(units)
    first = Dense(units[0], activations[0], input_dim=inputs)
    return Sequential([first, *(Dense(n, a) for n, a in zip(units[1:], activations[1:], strict=True))])


@pytest.mark.parametrize(
    ("model", "layers"),
    [
        pytest.param(lambda: dense(784, 15, 10), [11_775, 160], id="EX-10"),
        pytest.param(lambda: dense(784, 16, 16, 10), [12_560, 272, 170], id="EX-11, ERR-28"),
        pytest.param(lambda: dense(784, 32, 10, 10, activations=["relu", "sigmoid", "relu"]), [25_120, 330, 110], id="EX-24, ERR-23"),
        pytest.param(lambda: dense(3, 2, 3, 4), [8, 9, 16], id="SN-12"),
        pytest.param(lambda: dense(784, 64, 64, 10), [50_240, 4_160, 650], id="SN-13"),
        pytest.param(lambda: dense(10, 64, 32, 1), [704, 2_080, 33], id="SN-21"),
    ],
)
def test_parameters(model, layers):
    """EX-32 too; the tests of the snippets count the others."""
    model = model()
    assert [layer.count_params() for layer in model.layers] == layers and model.count_params() == sum(layers)
    lines = []
    model.summary(print_fn=lines.append)
    assert f"Total params: {sum(layers):,}" in "\n".join(lines)


def test_totals_that_the_slides_give():
    assert dense(784, 15, 10).count_params() == 11_935 and dense(784, 16, 16, 10).count_params() == 13_002
    assert dense(784, 32, 10, 10).count_params() == 25_560


@pytest.mark.parametrize(("batch", "updates"), [(100, 11), (1_050, 1), (1, 1_050)])
def test_ex19_updates_in_an_epoch(batch, updates):
    """10 batches of 100 and one of 50: 11 updates (ERR-20: n / m, rounded up); the whole set at once: 1; online: one a row."""
    x = np.random.default_rng(0).normal(size=(1_050, 3))
    model = dense(3, 1)
    model.compile(loss="mse", optimizer="sgd")
    model.fit(x, x[:, 0], batch_size=batch, verbose=0)
    assert model.optimizer.iterations == updates


@pytest.mark.parametrize("rate", [0.2, 0.5])
def test_ex33_dropout(rate):
    """The rate is the share that is dropped (DEC-07); what is left is scaled, so that the mean stays."""
    layer = Dropout(rate)
    y = layer(np.ones((500, 400)), training=True)
    assert np.mean(y != 0) == pytest.approx(1 - rate, abs=0.005) and y.mean() == pytest.approx(1, abs=0.01)
    np.testing.assert_allclose(y[y != 0], 1 / (1 - rate), rtol=1e-6)
    np.testing.assert_array_equal(layer(np.ones((5, 4))), 1)


def test_ex36_a_bounding_box():
    """Two outputs for the centre, two for the size."""
    assert dense(784, 10, 4).output_shape == (None, 4)


def test_ex27_capacity():
    """The slide's table, its errors given by hand: grow while it falls, one step back after it rose, done."""
    errors = {(1, 100): 5.4, (1, 250): 4.8, (2, 250): 4.4, (3, 250): 4.5, (3, 200): 4.3}
    found = capacity_search(lambda layers, nodes: errors[layers, nodes])
    assert [(t.layers, t.nodes, t.score) for t in found.trials] == [(*capacity, error) for capacity, error in errors.items()]
    assert [t.decision for t in found.trials] == ["Increase capacity"] * 3 + ["Decrease capacity", "Done"]
    assert (found.best.layers, found.best.nodes) == (3, 200)
