"""What a step with penalties and constraints records and explains; the same on a device, with threads, and with a scaled loss."""

import shutil

import numpy as np
import pytest
from penalised import LABELS, NUMBERS, SPARSE, Quartic, X, quartic, stack

import gpunn
from gpunn.backend.cpu import CpuBackend
from gpunn.constraints import Constraint
from gpunn.layers import Dense, Input
from gpunn.models import Sequential
from gpunn.optimizers import SGD
from gpunn.regularizers import L1

pytestmark = pytest.mark.usefixtures("float64", "cpu")


def test_all_weights_in_one_launch_and_one_read_an_epoch():
    model = stack()
    model.compile("adam", SPARSE)
    text = model.explain(print_fn=str)
    assert text.count("l1_l2__l1_l2_gradient_value") == 1 and "penalties, values in one launch over" in text
    for word in ("/kernel L1L2(l1=0.1, l2=0.2)", "/beta Lasso(alpha=0.5, scale='mean')", "OrthogonalRegularizer", "(OutputPenalty)"):
        assert word in text
    assert "l1_l2__l1_l2_gradient_both" in model.to("sim").explain(print_fn=str).split("Nodes:")[1] if shutil.which("g++") else True
    model.to("cpu")
    before = model.backend.reads
    model.fit(X, LABELS, epochs=3, batch_size=5, verbose=0)
    assert model.backend.reads - before == 3


class OfNumPy(Constraint):
    """One that cannot be traced."""

    def __call__(self, w):
        return np.clip(w, -1, 1)


def test_explain_names_constraints_and_what_python_does():
    model = Sequential([Input((6,)), Dense(2, name="d", kernel_constraint="max_norm", kernel_regularizer=L1(0.5, proximal=True))])
    model.compile("sgd", "mse")
    text = model.explain(print_fn=str)
    assert "constraint of d/kernel after the update: MaxNorm(max_value=2, axis=0)" in text
    assert "proximal step of d/kernel after the update: shrunk by the learning rate times 0.5" in text and "norm_columns" in text
    own = {"kernel_regularizer": quartic, "bias_constraint": OfNumPy(), "activity_regularizer": quartic}
    model = Sequential([Input((6,)), Dense(2, name="d", **own)])
    model.compile("sgd", "mse")
    text = model.explain(print_fn=str)
    assert "penalty of d/kernel: quartic, called from Python in every step" in text and "quartic, called from Python" in text
    assert "constraint of d/bias after the update: OfNumPy(), called from Python in every step" in text and "Not recorded" in text


def test_a_loss_that_a_penalty_makes_infinite_is_seen():
    model = Sequential([Input((6,)), Dense(2, kernel_regularizer="l2", kernel_initializer=gpunn.initializers.Constant(1e200))])
    model.compile(SGD(0.0), "mse")
    with pytest.warns(RuntimeWarning, match="The loss became NaN or infinite at step 1 of epoch 1"):
        model.fit(X * 0, NUMBERS, verbose=0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_sim_takes_the_same_steps(dtype, monkeypatch):
    if shutil.which("g++") is None:
        pytest.skip("sim needs g++")
    gpunn.config.set_floatx(dtype)
    results = []
    for device in ("cpu", "sim"):
        gpunn.random.set_random_seed(4)
        with gpunn.device(device):
            model = stack()
            last = {"kernel_constraint": "unit_norm", "kernel_regularizer": L1(0.02, proximal=True), "bias_constraint": "non_neg"}
            model.add(Dense(3, "softmax", **last))
        model.compile("adam", SPARSE, ["accuracy"])
        losses = model.fit(X, LABELS, epochs=2, batch_size=16, verbose=0).history["loss"]
        results.append([losses, model.evaluate(X, LABELS), *model.get_weights()])
    assert model.backend.name == "sim"
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3 if dtype == "float32" else 1e-9, atol=1e-5 if dtype == "float32" else 1e-12)


def test_threads_give_the_same_bits(monkeypatch):
    from gpunn import backend

    results = []
    for threads in (1, 2, 3):
        monkeypatch.setitem(backend._made, "cpu", CpuBackend(threads=threads))
        gpunn.random.set_random_seed(4)
        model = Sequential([Input((6,)), Dense(400, "relu", kernel_regularizer="l1_l2", kernel_constraint="max_norm"), Dense(3, "softmax")])
        model.compile("adam", SPARSE)
        results.append((model.fit(X, LABELS, epochs=2, verbose=0).history["loss"], model.get_weights()[0].tobytes()))
    assert results[0] == results[1] == results[2]


def test_a_scaled_loss_scales_the_penalties_gradients_and_nothing_else(either_cpu):
    results = []
    for factor in (None, 64.0):
        gpunn.random.set_random_seed(4)
        model = stack()
        model.layers[0].bias.regularizer = Quartic()
        model.compile(SGD(0.0, loss_scale_factor=factor), "mse")
        results.append((model.train_on_batch(X[:9], X[:9, :3]), model.storage.gradients.copy()))
    assert results[0][0] == results[1][0]
    np.testing.assert_allclose(64 * results[0][1], results[1][1], rtol=1e-10, atol=1e-12)
