"""Jacobians and the variables a tape saw: against JAX and what was computed by hand."""

import numpy as np
import pytest

import gpunn
from gpunn import GradientTape, Variable, ops
from gpunn import layers as L

pytestmark = pytest.mark.usefixtures("cpu")
X = np.random.default_rng(0).standard_normal((5, 6)).astype(np.float32)


def network():
    gpunn.utils.set_random_seed(1)
    return gpunn.Sequential([gpunn.Input((6,)), L.Dense(4, "tanh"), L.Dense(6), L.Reshape((2, 3))])


def theirs(w, x):
    jnp = pytest.importorskip("jax.numpy")
    return (jnp.tanh(x @ w[0] + w[1]) @ w[2] + w[3]).reshape(-1, 2, 3)


def test_as_jax_has_it():
    """Of a model's outputs, by weights in a dict and by its inputs."""
    jax = pytest.importorskip("jax")
    model, unused = network(), Variable(1.0)
    with GradientTape() as tape:
        tape.watch(X)
        out = model(X)
    found = tape.jacobian(out, {"weights": model.trainable_weights, "x": X, "none": unused})
    assert list(found) == ["weights", "x", "none"] and found["none"] is None
    weights, inputs = jax.jacobian(theirs, (0, 1))(model.get_weights(), X)
    for ours, other in zip([*found["weights"], found["x"]], [*weights, inputs], strict=True):
        np.testing.assert_allclose(ours, other, rtol=1e-5, atol=1e-6)


def test_of_each_row():
    """The rows' own parts of the whole Jacobian."""
    model = network()
    with GradientTape(persistent=True) as tape:
        tape.watch(X)
        out = model(X)
    whole, rows = tape.jacobian(out, X).numpy(), tape.batch_jacobian(out, X)
    assert rows.shape == (5, 2, 3, 6) and whole.shape == (5, 2, 3, 5, 6)
    np.testing.assert_array_equal(rows, np.stack([whole[i, :, :, i] for i in range(5)]))
    assert np.abs(whole[0, :, :, 1]).max() == 0 < np.abs(rows).min()


def test_numbers_and_what_is_not_connected():
    w, v = Variable(np.arange(6.0).reshape(2, 3)), Variable(2.0)
    with GradientTape(persistent=True) as tape:
        y = ops.square(w)[:, :2] * v
        z = ops.sum(y)
    np.testing.assert_array_equal(tape.jacobian(y, v), w.numpy()[:, :2] ** 2)
    np.testing.assert_array_equal(tape.jacobian(z, w), tape.gradient(z, w))
    assert tape.jacobian(z, v).shape == () and tape.jacobian(z, Variable(3.0)) is None and tape.jacobian(4.0, w) is None
    zeros = tape.jacobian(y, [v, Variable(np.ones(3))], unconnected_gradients="zero")[1]
    np.testing.assert_array_equal(zeros, np.zeros((2, 2, 3)))


def test_refused():
    w = Variable(np.ones((2, 3)))
    with GradientTape() as tape:
        y = w * w
    tape.jacobian(y, w)
    with pytest.raises(RuntimeError, match="non-persistent GradientTape can only be used to compute one set of gradients"):
        tape.jacobian(y, w)
    with pytest.raises(ValueError, match=r"as many rows in target and source\. Received: shapes \(2, 3\), \(3,\)"):
        tape.batch_jacobian(y, Variable(np.ones(3)))
    with pytest.raises(ValueError, match=r"Received: shapes \(\), \(2, 3\)"):
        tape.batch_jacobian(5.0, w)


def test_watched_variables():
    """In the order they were read in: what learns, and what was watched."""
    model, w, fixed = gpunn.Sequential([L.Dense(3), L.BatchNormalization()]), Variable(2.0), Variable(3.0, trainable=False)
    with GradientTape() as tape:
        y = model(X) * w * fixed
    assert [p.name for p in tape.watched_variables()] == [*(p.name for p in model.trainable_weights), w.name]
    assert len(model.weights) == 6 > len(model.trainable_weights)
    with GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(fixed)
        y = w * fixed
    assert tape.watched_variables() == (fixed,) and tape.gradient(y, fixed) is not None
    with tape:
        y = w * 2
    assert float(y) == 4 and tape.watched_variables() == (fixed,)
    tape.reset()
    assert tape.watched_variables() == ()
