"""The functions of the compiled CPU kernels against extended precision: a few units in the last place, and the C library's ends."""

import re

import numpy as np
import pytest

pytest.importorskip("numba", reason="the compiled kernels need Numba")

from scipy.special import erfcx

from gpunn.backend.cpu import CpuBackend
from gpunn.kernels import vector_math
from gpunn.kernels.elementwise import composed

# name: (exact, units in the last place, where it is looked at in float32 and in float64)
FUNCTIONS = {
    "exp": (np.exp, 2.0, (-110.0, 95.0), (-750.0, 715.0)),
    "expm1": (np.expm1, 2.0, (-70.0, 95.0), (-70.0, 715.0)),
    "log": (np.log, 2.0, (1.2e-38, 100.0), (2.3e-308, 100.0)),
    "log1p": (np.log1p, 3.0, (-1.0, 100.0), (-1.0, 100.0)),
    "log1pexp": (lambda x: np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))), 3.0, (-86.0, 100.0), (-707.0, 800.0)),
    "tanh": (np.tanh, 3.0, (-12.0, 12.0), (-25.0, 25.0)),
    "atan": (np.arctan, 3.0, (-50.0, 50.0), (-50.0, 50.0)),
    "erfcx": (lambda x: erfcx(x.astype(np.float64)).astype(np.longdouble), 14.0, (0.0, 30.0), (0.0, 30.0)),  # 7 of them SciPy's
}
KERNELS = {name: composed(f"plain_{name}", "x -> y", "x", f"{name}(x)", {}) for name in FUNCTIONS}
FLOATS = ("float32", "float64")


def launched(name, x):
    y = np.empty_like(x)
    CpuBackend(compiled=True).launch(KERNELS[name], x, y)
    return y


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_few_units_in_the_last_place(name, dtype):
    exact, units, *ranges = FUNCTIONS[name]
    low, high = ranges[FLOATS.index(dtype)]
    rng = np.random.default_rng(5)
    wide = np.exp(rng.uniform(-80, 80, 10_000)) * rng.choice([-1, 1], 10_000)
    near = [rng.normal(0, 1, 100_000), rng.normal(0, 1e-3, 10_000), 1 + rng.normal(0, 1e-3, 10_000), wide, [0.0, 0.4142135, 2.4142135]]
    x = np.concatenate([np.linspace(low, high, 200_001), *near]).astype(dtype)
    x = x[(x >= low) & ((x <= high) | (name in ("log", "log1p", "atan", "erfcx")))]
    y = launched(name, x)
    with np.errstate(all="ignore"):
        expected = exact(x.astype(np.longdouble))
        rounded = expected.astype(dtype)
    np.testing.assert_array_equal(np.isinf(y), np.isinf(rounded))
    finite = np.isfinite(rounded)
    finite &= (y != 0) | (np.abs(rounded) >= np.finfo(dtype).smallest_normal)  # a run may take what is smaller for zero
    unit = np.spacing(np.maximum(np.abs(rounded[finite]), np.finfo(dtype).smallest_normal))
    error = np.abs(y[finite].astype(np.longdouble) - expected[finite]) / unit
    worst = int(error.argmax())
    assert error[worst] <= units, f"{float(error[worst])} units at {x[finite][worst]!r}"


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_ends(name, dtype):
    kind = np.finfo(dtype)
    small = float(kind.smallest_normal)
    x = np.array([np.inf, -np.inf, np.nan, -0.0, 0.0, small, -small, -1.0, -2.0], dtype)
    if name == "erfcx":
        x = np.array([np.inf, np.nan, -0.0, 0.0, small], dtype)
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(launched(name, x), FUNCTIONS[name][0](x), rtol=4 * kind.eps, atol=small)


def test_numpy_erfcx():
    x = np.concatenate([np.linspace(0, 30, 3001), np.logspace(-5, 5, 101)])
    np.testing.assert_allclose(vector_math.erfcx(x), erfcx(x), rtol=2e-15)
    assert vector_math.erfcx(np.ones(3, np.float32)).dtype == np.float32


@pytest.mark.parametrize("name", FUNCTIONS)
def test_loops_become_vectors(name):
    """LLVM takes several numbers at a time: one call that it cannot see through would undo that."""
    from numba import types

    from gpunn.kernels import native

    native.entry(KERNELS[name], np.dtype("float32"))
    body = native._entries[KERNELS[name].name, np.dtype("float32")][1].body
    array = types.Array(types.float32, 1, "C")
    body.compile((array, array, types.int64, types.int64, types.int64))
    (text,) = body.inspect_llvm().values()
    assert re.search(r"store <\d+ x float>", text)
