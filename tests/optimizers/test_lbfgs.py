"""L-BFGS against SciPy's own, closed forms and scikit-learn; what it refuses."""

import numpy as np
import pytest

from gpunn.callbacks import EarlyStopping, LearningRateScheduler
from gpunn.constraints import NonNeg
from gpunn.layers import BatchNormalization, Dense, Dropout, Input
from gpunn.models import Sequential, load_model
from gpunn.optimizers import LBFGS, get
from gpunn.random import set_random_seed

scipy_optimize = pytest.importorskip("scipy.optimize")
pytestmark = pytest.mark.usefixtures("float64")
RNG = np.random.default_rng(0)
X = RNG.standard_normal((90, 5))
Y = X @ RNG.standard_normal((5, 2)) + 0.3 * RNG.standard_normal((90, 2))
LABELS = RNG.integers(0, 3, 90)
CLOSED = np.linalg.lstsq(np.c_[X, np.ones(90)], Y, rcond=None)[0]


def linear(optimizer=None, loss="mse", **options):
    model = Sequential([Input((5,)), Dense(2, **options)])
    model.compile(optimizer or LBFGS(200, gradient_tolerance=1e-10, value_tolerance=1e-16), loss)
    return model


def flat(model):
    return np.concatenate([w.reshape(-1) for w in model.get_weights()])


@pytest.mark.parametrize("batch_size", [None, 32, 90, 7])
def test_least_squares_is_its_closed_form(batch_size, either_cpu):
    """Whatever number of rows is worked out at a time."""
    model = linear()
    history = model.fit(X, Y, batch_size=batch_size, verbose=0)
    want = CLOSED
    np.testing.assert_allclose(np.vstack(model.get_weights()), want, rtol=1e-6, atol=1e-7)
    assert history.history["loss"][-1] == pytest.approx(np.square(np.c_[X, np.ones(90)] @ want - Y).mean(), rel=1e-9)
    assert model.evaluate(X, Y, verbose=0) == pytest.approx(history.history["loss"][-1])


def test_the_same_search_as_scipys(either_cpu):
    """A network with one hidden layer: loss and gradient in plain NumPy, the same driver, the same iterations."""
    model = Sequential([Input((5,)), Dense(4, activation="tanh"), Dense(3, activation="softmax")])
    model.compile(LBFGS(12), "sparse_categorical_crossentropy", ["accuracy"])
    start = flat(model)

    def objective(w):
        w1, b1, w2, b2 = w[:20].reshape(5, 4), w[20:24], w[24:36].reshape(4, 3), w[36:]
        h = np.tanh(X @ w1 + b1)
        z = h @ w2 + b2
        p = np.exp(z - z.max(1, keepdims=True))
        p /= p.sum(1, keepdims=True)
        dz = (p - np.eye(3)[LABELS]) / 90
        dh = (dz @ w2.T) * (1 - h * h)
        return -np.log(p[np.arange(90), LABELS]).mean(), np.concatenate([(X.T @ dh).ravel(), dh.sum(0), (h.T @ dz).ravel(), dz.sum(0)])

    want = scipy_optimize.minimize(objective, start, jac=True, method="L-BFGS-B", options={"maxiter": 12, "maxcor": 10, "gtol": 1e-5})
    logs = model.fit(X, LABELS, verbose=0).history
    assert want.nit == 12 == model.optimizer.iterations
    np.testing.assert_allclose(flat(model), want.x, rtol=1e-5, atol=1e-7)
    assert logs["loss"][0] == pytest.approx(want.fun, rel=1e-7) and logs["accuracy"][0] == model.evaluate(X, LABELS, verbose=0)[1]
    w = flat(model)
    model.fit(X, LABELS, verbose=0, epochs=2)
    for _ in range(2):
        w = scipy_optimize.minimize(objective, w, jac=True, method="L-BFGS-B", options={"maxiter": 12, "maxcor": 10, "gtol": 1e-5}).x
    np.testing.assert_allclose(flat(model), w, rtol=1e-4, atol=1e-6)


def test_logistic_regression_is_scikit_learns(cpu):
    """With the penalty of scikit-learn's C, and with weights of rows."""
    sklearn = pytest.importorskip("sklearn.linear_model")
    from gpunn.regularizers import L2

    weights = RNG.uniform(0.1, 2, 90)
    model = Sequential([Input((5,)), Dense(3, activation="softmax", kernel_regularizer=L2(0.5 / 90))])
    model.compile(LBFGS(500, gradient_tolerance=1e-9, value_tolerance=1e-16), "sparse_categorical_crossentropy")
    model.fit(X, LABELS, sample_weight=weights, verbose=0)
    other = sklearn.LogisticRegression(C=1.0, tol=1e-9, max_iter=1000).fit(X, LABELS, weights)
    kernel, _ = model.get_weights()
    np.testing.assert_allclose(kernel - kernel.mean(1, keepdims=True), other.coef_.T - other.coef_.T.mean(1, keepdims=True), atol=1e-5)
    np.testing.assert_allclose(model.predict(X, verbose=0), other.predict_proba(X), atol=1e-5)


def test_summed_losses(cpu):
    model = linear(loss={"class_name": "MeanSquaredError", "config": {"reduction": "sum"}})
    model.fit(X, Y, batch_size=8, verbose=0)
    np.testing.assert_allclose(np.vstack(model.get_weights()), CLOSED, rtol=1e-5, atol=1e-6)


def test_training_ends_when_a_search_has_converged(cpu):
    model = linear()
    history = model.fit(X, Y, epochs=50, verbose=0)
    assert len(history.history["loss"]) < 5
    slow = linear(LBFGS(2, gradient_tolerance=0, value_tolerance=0))
    losses = slow.fit(X, Y, epochs=6, verbose=0, validation_data=(X, Y), callbacks=[EarlyStopping(patience=3)]).history
    assert len(losses["loss"]) == 6 and slow.optimizer.iterations == 12
    assert all(b < a for a, b in zip(losses["loss"], losses["loss"][1:], strict=False))
    np.testing.assert_allclose(losses["loss"], losses["val_loss"], rtol=1e-9)


def test_dropout_masks_hold_during_a_search(cpu):
    """Else no line search would succeed: the same point has the same loss."""
    model = Sequential([Input((5,)), Dense(30, activation="tanh"), BatchNormalization(), Dropout(0.3), Dense(2)])
    model.compile(LBFGS(15), "mse")
    before = model.evaluate(X, Y, verbose=0)
    losses = model.fit(X, Y, epochs=4, verbose=0).history["loss"]
    assert losses[-1] < before / 3
    steps = int(model.rng.step[0]) if not hasattr(model.rng.step, "get") else int(model.rng.step.get()[0])
    assert steps == 4, "each epoch has a mask of its own"


def test_one_call_on_a_batch(cpu):
    model = linear()
    loss = model.train_on_batch(X, Y)
    assert loss == pytest.approx(model.test_on_batch(X, Y), rel=1e-9) and loss < 0.1


def test_saved_and_resumed(tmp_path, cpu):
    set_random_seed(1)
    whole = linear(LBFGS(3))
    whole.fit(X, Y, epochs=4, verbose=0)
    set_random_seed(1)
    first = linear(LBFGS(3))
    first.fit(X, Y, epochs=2, verbose=0)
    first.save(tmp_path / "m")
    again = load_model(tmp_path / "m")
    assert type(again.optimizer) is LBFGS and again.optimizer.iterations == 6
    again.fit(X, Y, epochs=2, verbose=0)
    np.testing.assert_array_equal(flat(again), flat(whole))


def test_the_device(monkeypatch):
    import shutil

    if shutil.which("g++") is None:
        pytest.skip("the sim backend needs g++")
    from gpunn import device

    with device("sim"):
        model = linear()
    model.fit(X, Y, batch_size=40, verbose=0)
    np.testing.assert_allclose(np.vstack(model.get_weights()), CLOSED, rtol=1e-6, atol=1e-7)


def test_float32_gets_near(cpu):
    from gpunn import config

    config.set_floatx("float32")
    model = linear(LBFGS(100))
    model.fit(X, Y, verbose=0)
    np.testing.assert_allclose(np.vstack(model.get_weights()), CLOSED, atol=2e-3)


def test_what_it_refuses(cpu):
    model = linear(kernel_constraint=NonNeg())
    start = flat(model)
    with pytest.raises(ValueError, match="LBFGS cannot train weights with a constraint or a proximal step"):
        model.fit(X, Y, verbose=0)
    np.testing.assert_array_equal(flat(model), start)
    model = linear()
    with pytest.raises(ValueError, match=r"Expected no steps_per_epoch. Received: steps_per_epoch=3"):
        model.fit(X, Y, steps_per_epoch=3, verbose=0)
    with pytest.raises(ValueError, match=r"LBFGS goes through the data many times. Expected arrays"):
        model.fit(iter([(X, Y)] * 3), verbose=0)
    with pytest.raises(TypeError, match=r"LBFGS has no learning rate to set.*learning_rate=0.1"):
        model.fit(X, Y, verbose=0, callbacks=[LearningRateScheduler(lambda epoch: 0.1)])
    with pytest.raises(TypeError, match="momentum"):
        LBFGS(momentum=0.9)
    with pytest.raises(ValueError, match=r"LBFGS: max_iterations must be an integer of at least 1. Received: max_iterations=0"):
        LBFGS(0)
    assert type(get("lbfgs")) is LBFGS


def test_without_scipy(cpu, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "scipy.optimize", None)
    with pytest.raises(ImportError, match=r'LBFGS needs SciPy. Install it with: pip install "gpunn\[scipy\]"'):
        linear().fit(X, Y, verbose=0)
