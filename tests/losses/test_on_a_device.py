"""Every loss trains on a device (`sim`: the CUDA text on the CPU) as it does on the CPU, recorded and replayed; and with NumPy alone."""

import importlib.util

import numpy as np
import pytest
from loss_cases import CASES, COLUMNS, draw

import gpunn
from gpunn import losses
from gpunn.backend.cpu import CpuBackend
from gpunn.layers import Activation, Dense, Input, Reshape, UnitNormalization
from gpunn.models import Sequential

pytestmark = pytest.mark.skipif(importlib.util.find_spec("numba") is None, reason="one of the targets is Numba")
ROWS, STEPS = 19, 3
ENDS = {"positive": "relu", "bits": "sigmoid", "shares": "softmax", "labels": "softmax"}


def trained(case, sequences, x, y, weights):
    gpunn.utils.set_random_seed(2)
    body = [Reshape((STEPS, 2))] if sequences else []
    last = {"bias_initializer": "ones"} if case.kind == "positive" else {}
    end = UnitNormalization() if case.kind == "pairs" else Activation(ENDS.get(case.kind))
    model = Sequential([Input((6,)), *body, Dense(COLUMNS, **last), end])
    model.compile(gpunn.optimizers.SGD(0.01), getattr(losses, case.name)(**case.options))
    history = model.fit(x, y, batch_size=8, epochs=2, verbose=0, sample_weight=weights).history["loss"]
    assert "Nodes:" in model.explain(print_fn=str)
    return [np.array(history), *model.get_weights()]


@pytest.mark.parametrize(("name", "sequences"), [(n, s) for n, c in CASES.items() for s in (False, True) if c.sequences or not s])
def test_training(name, sequences, sim_with, float64, monkeypatch):
    case, rng = CASES[name], np.random.default_rng(4)
    x, weights = rng.standard_normal((ROWS, 6)), rng.uniform(0, 2, ROWS)
    y, _ = draw(case.kind, rng, (ROWS, STEPS, COLUMNS) if sequences else (ROWS, COLUMNS))
    sim_with(order="shuffled")
    results = []
    for where in ("cpu", "numpy", "sim"):
        monkeypatch.setitem(gpunn.backend._made, "cpu", CpuBackend(compiled=where != "numpy"))
        with gpunn.device("sim" if where == "sim" else "cpu"):
            results.append(trained(case, sequences, x, y, weights if getattr(losses, case.name)(**case.options).weighable else None))
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            np.testing.assert_allclose(b, a, rtol=1e-9, atol=1e-12)
