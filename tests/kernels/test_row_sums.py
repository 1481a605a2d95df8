"""Sums over rows of formulas with operands of every kind, and formulas of several lines and results, on every target."""

import numpy as np
import pytest
from kernel_targets import needs_gxx, needs_numba, run_numba, run_numpy, run_sim

from gpunn.backend.sim import HostModule
from gpunn.kernels import REGISTRY
from gpunn.kernels.device import module_text
from gpunn.kernels.elementwise import composed, text_formula
from gpunn.kernels.row_sums import ROW_SUM, row_sum

pytestmark = [needs_gxx, needs_numba]
SHAPES = [(1, 1), (3, 5), (33, 70), (2, 1000), (0, 4), (5, 0)]


def terms():
    source = "def of_all_kinds(x, gain, shift, slope):\n    z = x * gain + shift\n    return z if z > 0.0 else slope * z\n"
    formula = text_formula("of_all_kinds", source, {})
    return row_sum("of_all_kinds_sum", "x, gain:row, shift:col, slope:const", formula)


def everywhere(kernel, args):
    library = HostModule(code=module_text(kernels=[kernel]).source)
    for run in (run_numpy, run_numba, run_sim("forward", library=library), run_sim("shuffled", library=library)):
        mine = [a.copy() if isinstance(a, np.ndarray) else a for a in args]
        run(kernel, mine)
        yield mine


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES)
def test_sums_of_formulas(shape, dtype):
    rng = np.random.default_rng(0)
    x, gain, shift = (rng.standard_normal(s).astype(dtype) for s in (shape, shape[1:], shape[:1]))
    z = x.astype(float) * gain + shift[:, None].astype(float)
    want = 0.25 * np.where(z > 0, z, 0.5 * z).sum(axis=1)
    for *_, total in everywhere(terms(), [x, gain, shift, 0.5, 0.25, np.full(shape[0], np.nan, dtype)]):
        if shape[1]:  # a device launches nothing over no columns
            near = 1e-12 if dtype == "float64" else 2e-5
            np.testing.assert_allclose(total, want, rtol=near, atol=near * max(shape[1], 1))


@pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_shows_in_its_row_alone(poison):
    x = np.ones((4, 37), "f4")
    x[2, 36] = poison
    for *_, total in everywhere(ROW_SUM, [x, 1.0, np.empty(4, "f4")]):
        np.testing.assert_array_equal(total[[0, 1, 3]], 37)
        np.testing.assert_array_equal(total[2], np.float32(poison))


def test_one_kernel_a_name():
    assert terms() is terms() is REGISTRY["of_all_kinds_sum"]


@pytest.mark.parametrize("shape", SHAPES)
def test_lines_and_several_results(shape):
    """As going back through several operations has it: common parts once, a result for each operand."""
    kernel = composed(
        "of_lines", "dy:col, x:full, b:row -> dx, db", "dy, x, b", "g * b, g * x", {"half": 0.5}, ["t = x * b", "g = dy * (t - half)"]
    )
    rng = np.random.default_rng(1)
    dy, x, b = rng.standard_normal(shape[0]), rng.standard_normal(shape), rng.standard_normal(shape[1])
    g = dy[:, None] * (x * b - 0.5)
    for *_, dx, db in everywhere(kernel, [dy, x, b, np.empty(shape), np.empty(shape)]):
        np.testing.assert_allclose(dx, g * b, rtol=1e-12, atol=1e-13)
        np.testing.assert_allclose(db, g * x, rtol=1e-12, atol=1e-13)
