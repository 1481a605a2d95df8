"""ScheduleFreeAdamW beside Keras's and by hand; and LossScaleOptimizer, which has nothing to do."""

import keras_twin  # noqa: F401  (says that Keras runs on JAX)
import numpy as np
import pytest
from kernel_targets import needs_gxx, needs_numba
from optimizer_cases import COMMON
from optimizer_steps import ours, theirs

import gpunn
from gpunn import layers
from gpunn.backend import get_backend
from gpunn.backend.cpu import CpuBackend
from gpunn.optimizers import Adam, LossScaleOptimizer, ScheduleFreeAdamW

NAME = "ScheduleFreeAdamW"
RNG = np.random.default_rng(0)
X = RNG.normal(size=(64, 4)).astype("float32")
Y = X @ np.array([[1.0], [2.0], [-1.0], [0.5]], "float32")
OPTIONS = [
    {"learning_rate": 0.02}, {"learning_rate": 0.05, "beta_1": 0.7, "beta_2": 0.9, "epsilon": 1e-3, "warmup_steps": 7},
    *({"learning_rate": 0.02, **COMMON[name]} for name in ("clipnorm", "use_ema", "gradient_accumulation_steps", "loss_scale_factor")),
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_twenty_steps(options):
    mine, optimizer = ours(CpuBackend(compiled=False), NAME, options)
    for name, value in theirs(NAME, options).items():
        np.testing.assert_allclose(mine[name], value, rtol=1e-9, atol=1e-12, err_msg=name, equal_nan=False)
    assert optimizer.steps == 20


@pytest.mark.parametrize("backend", [pytest.param("numba", marks=needs_numba), pytest.param("sim", marks=needs_gxx)])
def test_on_other_backends(backend):
    found, _ = ours(CpuBackend(compiled=True, threads=2) if backend == "numba" else get_backend("sim"), NAME, OPTIONS[1])
    for name, value in theirs(NAME, OPTIONS[1]).items():
        np.testing.assert_allclose(found[name], value, rtol=1e-9, atol=1e-12, err_msg=name, equal_nan=False)


def test_weight_decay_by_hand():
    """Of one weight: decay, then the update."""
    rate, decay, b1, b2, w = 0.1, 0.5, 0.9, 0.99, 2.0
    variable = gpunn.Variable([w], dtype="float64")
    optimizer = ScheduleFreeAdamW(rate, b1, b2, weight_decay=decay)
    z, x, v = None, None, 0.0
    for t in range(1, 5):
        optimizer.apply([np.array([float(t)])], [variable])
        w -= rate * decay * w
        z = w if z is None else z
        x = (w - (1 - b1) * z) / b1
        v = b2 * v + (1 - b2) * t**2
        z -= rate * t / (np.sqrt(v / (1 - b2**t)) + 1e-8)
        x += (z - x) / t
        w = b1 * x + (1 - b1) * z
        assert variable.numpy()[0] == pytest.approx(w, rel=1e-9)


def test_in_fit_and_in_a_file(cpu, tmp_path):
    def made(optimizer):
        gpunn.utils.set_random_seed(1)
        model = gpunn.Sequential([layers.Input((4,)), layers.Dense(1)])
        model.compile(optimizer, "mse")
        return model

    whole = made(ScheduleFreeAdamW(0.05))
    first, *_, last = whole.fit(X, Y, epochs=30, shuffle=False, verbose=0).history["loss"]
    assert last < first / 3 and "Not recorded" not in whole.explain(print_fn=len)
    half = made("schedulefreeadamw")
    half.optimizer.learning_rate = 0.05
    half.fit(X, Y, epochs=10, shuffle=False, verbose=0)
    half.save(tmp_path / "half.npz")
    again = gpunn.models.load_model(tmp_path / "half.npz")
    again.fit(X, Y, epochs=20, shuffle=False, verbose=0)
    np.testing.assert_array_equal(again.get_weights()[0], whole.get_weights()[0])


def test_what_does_not_fit():
    with pytest.raises(ValueError, match=r"ScheduleFreeAdamW: beta_1 must be above 0.*beta_1=0"):
        ScheduleFreeAdamW(beta_1=0.0)
    with pytest.raises(ValueError, match="warmup_steps"):
        ScheduleFreeAdamW(warmup_steps=-1)


def test_a_loss_scale_changes_nothing(cpu):
    """A loop of one's own for mixed precision, as TensorFlow's guide has it."""
    adam = Adam(0.1)
    optimizer = LossScaleOptimizer(adam, initial_scale=2.0**10)
    model, plain = (gpunn.Sequential([layers.Input((4,)), layers.Dense(1, kernel_initializer="ones")]) for _ in range(2))
    plain.compile(Adam(0.1), "mse")
    for scaled in (True, False):
        loss_scale = optimizer if scaled else LossScaleOptimizer(Adam(0.1, loss_scale_factor=8.0))
        model.set_weights([np.ones((4, 1)), np.zeros(1)])
        for _ in range(3):
            with gpunn.GradientTape() as tape:
                loss = loss_scale.get_scaled_loss(gpunn.losses.MeanSquaredError()(Y, model(X, training=True)))
            gradients = loss_scale.get_unscaled_gradients(tape.gradient(loss, model.trainable_variables))
            loss_scale.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        plain.set_weights([np.ones((4, 1)), np.zeros(1)])
        plain.compile(Adam(0.1), "mse")
        plain.fit(X, Y, batch_size=64, epochs=3, verbose=0)
        np.testing.assert_allclose(model.get_weights()[0], plain.get_weights()[0], rtol=1e-5)
    assert optimizer is adam
    with pytest.raises(TypeError, match=r"LossScaleOptimizer: expected an optimizer\. Received: 'adam'"):
        LossScaleOptimizer("adam")
