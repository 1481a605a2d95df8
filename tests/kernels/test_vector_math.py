"""exp and tanh of the compiled CPU kernels against extended precision: a few units in the last place, and the C library's ends."""

import numpy as np
import pytest

pytest.importorskip("numba", reason="the compiled kernels need Numba")

from gpunn.backend.cpu import CpuBackend
from gpunn.kernels.elementwise import elementwise


@elementwise("x -> y")
def plain_exp(x):
    return exp(x)  # noqa: F821


@elementwise("x -> y")
def plain_tanh(x):
    return tanh(x)  # noqa: F821


WIDE = {"float32": (-110.0, 95.0), "float64": (-750.0, 715.0)}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("kernel", "exact", "units"), [(plain_exp, np.exp, 2.0), (plain_tanh, np.tanh, 4.0)], ids=["exp", "tanh"])
def test_a_few_units_in_the_last_place(kernel, exact, units, dtype):
    rng = np.random.default_rng(5)
    low, high = WIDE[dtype]
    near = [rng.normal(0, 1, 100_000), rng.normal(0, 1e-3, 10_000), [0.0, 0.625, -0.625]]
    x = np.concatenate([np.linspace(low, high, 200_001), *near]).astype(dtype)
    y = np.empty_like(x)
    CpuBackend(compiled=True).launch(kernel, x, y)
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


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_is_not_finite(dtype):
    x = np.array([np.inf, -np.inf, np.nan, -0.0], dtype)
    y = np.empty_like(x)
    CpuBackend(compiled=True).launch(plain_exp, x, y)
    np.testing.assert_array_equal(y, np.array([np.inf, 0, np.nan, 1], dtype))
    CpuBackend(compiled=True).launch(plain_tanh, x, y)
    np.testing.assert_array_equal(y, np.array([1, -1, np.nan, -0.0], dtype))
