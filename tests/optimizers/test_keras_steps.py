"""Twenty steps of every optimizer with each of its arguments end where Keras 3 ends; on every backend."""

import keras_twin  # noqa: F401  (says that Keras runs on JAX)
import numpy as np
import pytest
from kernel_targets import needs_gxx, needs_numba
from optimizer_cases import COMMON, NAMES, OWN, common
from optimizer_steps import ours, theirs

from gpunn.backend import get_backend
from gpunn.backend.cpu import CpuBackend

BACKENDS = {
    "numpy": lambda: CpuBackend(compiled=False), "numba": lambda: CpuBackend(compiled=True, threads=2), "sim": lambda: get_backend("sim"),
}
MARKS = {"numpy": (), "numba": needs_numba, "sim": needs_gxx}
# what is written around a formula is the same for all: on compiled backends a few stand for the others
EVERYWHERE = [("SGD", c) for c in COMMON] + [(n, "all, by each parameter") for n in ("Adam", "Lamb", "Muon")]
EVERYWHERE += [("Nadam", "all, by the whole")]
CASES = [pytest.param(b, n, o, marks=MARKS[b]) for b in BACKENDS for n in NAMES for o in OWN[n]]
CASES += [("numpy", n, common(n, c)) for n in NAMES for c in COMMON if c.startswith("all, ") or n in ("SGD", "Adam")]
CASES += [pytest.param(b, n, common(n, c), marks=MARKS[b]) for b in ("numba", "sim") for n, c in EVERYWHERE]


def compare(mine, other, near):
    for name, value in other.items():
        assert np.isfinite(value).all()
        np.testing.assert_allclose(mine[name], value, rtol=1e-5, atol=near, err_msg=name)


def near(name):
    """Keras's norm, which Muon divides by, is float32 also of a float64 matrix."""
    return 1e-6 if name == "Muon" else 1e-9


@pytest.mark.one_in(2)
@pytest.mark.parametrize(("backend", "name", "options"), CASES, ids=str)
def test_twenty_steps(backend, name, options):
    mine, optimizer = ours(BACKENDS[backend](), name, options)
    compare(mine, theirs(name, options), near(name))
    assert optimizer.steps == 20 and optimizer.iterations == 20 // options.get("gradient_accumulation_steps", 1)


@pytest.mark.parametrize("name", ["SGD", "AdamW", "Lamb", "Muon"])
def test_excluded_from_weight_decay(name):
    options = {"learning_rate": 0.05, "weight_decay": 0.5}
    want = theirs(name, options, exclude=("bia",))
    compare(ours(CpuBackend(compiled=False), name, options, exclude=("bia",))[0], want, near(name))
    with pytest.raises(AssertionError):
        compare(ours(CpuBackend(compiled=False), name, options)[0], want, near(name))


@pytest.mark.parametrize("name", NAMES)
def test_float32(name):
    """In the library's usual type: the same to what float32 can tell."""
    options = OWN[name][0]
    mine, _ = ours(CpuBackend(compiled=False), name, options, dtype="float32")
    compare(mine, theirs(name, options), 2e-4 if name == "Muon" else 2e-5)
