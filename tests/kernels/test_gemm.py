"""Matrix products on the CPU: what parity alone does not show."""

import numpy as np
import pytest

from gpunn.backend.cpu import CpuBackend
from gpunn.backend.schedule import Node, Schedule
from gpunn.kernels import gemm, gemm_symmetric

native = pytest.importorskip("gpunn.backend.native", reason="Numba is not installed", exc_type=ImportError)
KINDS = {"nn": gemm.GEMM_NN, "nt": gemm.GEMM_NT, "tn": gemm.GEMM_TN}


def operands(kind, rows, columns, inner, dtype, zeros=0.5):
    rng = np.random.default_rng(rows * 7 + columns)
    a = rng.standard_normal((inner, rows) if kind == "tn" else (rows, inner))
    a[rng.random(a.shape) < zeros] = 0
    b = rng.standard_normal((columns, inner) if kind == "nt" else (inner, columns))
    return a.astype(dtype), b.astype(dtype), rng.standard_normal((rows, columns)).astype(dtype)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("columns", [29, 293])
def test_a_row_does_not_depend_on_its_neighbours(kind, dtype, columns):
    """The same bits whether a row is computed alone, in a ragged tile or in a whole one, on however many threads.

    With many columns, panels of the right matrix are laid out where there are rows enough, and only there."""
    for add in (0.0, 1.0):
        a, b, out = operands(kind, 37, columns, 1100, dtype)
        whole = out.copy()
        CpuBackend(compiled=True, threads=1).launch(KINDS[kind], a, b, add, whole)
        product = (a.T if kind == "tn" else a).astype(float) @ (b.T if kind == "nt" else b).astype(float)
        np.testing.assert_allclose(whole, product + add * out, rtol=1e-4, atol=1e-4)
        for cut in (1, 5, 16, 17, 36):
            parts = out.copy()
            tasks = np.array([[0, 1, 0, cut], [0, 1, cut, 37]], np.int64)
            native.Replay(Schedule([Node(KINDS[kind], [a, b, add, parts], 37)], tasks, np.array([[0, 2]], np.int64), 0.0), 1)(1)
            np.testing.assert_array_equal(parts, whole, err_msg=f"cut at {cut}, add={add}")


@pytest.mark.parametrize("kind", KINDS)
def test_skipped_zeros_change_nothing(kind):
    """Terms that are zero for a whole tile are skipped."""
    a, b, out = operands(kind, 24, 33, 600, "float32", zeros=0.9)
    dense = out.copy()
    CpuBackend(compiled=True, threads=1).launch(KINDS[kind], a, b, 0.0, dense)
    product = (a.T if kind == "tn" else a).astype(float) @ (b.T if kind == "nt" else b).astype(float)
    np.testing.assert_allclose(dense, product, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_stays_visible(kind, bad):
    for side in (0, 1):
        args = list(operands(kind, 19, 21, 30, "float32", zeros=0.0))
        args[side][3, 5] = bad
        CpuBackend(compiled=True, threads=1).launch(KINDS[kind], args[0], args[1], 0.0, args[2])
        assert not np.isfinite(args[2]).all()
        with np.errstate(invalid="ignore"):
            wanted = (args[0].T if kind == "tn" else args[0]) @ (args[1].T if kind == "nt" else args[1])
        np.testing.assert_array_equal(np.isfinite(args[2]), np.isfinite(wanted))


def test_no_rows_and_no_terms():
    for kernel, a, b in ((gemm.GEMM_TN, (0, 3), (0, 4)), (gemm.GEMM_NN, (3, 0), (0, 4)), (gemm.GEMM_NT, (3, 0), (4, 0))):
        for add, value in ((0.0, 0.0), (1.0, 7.0)):
            empty = np.full((3, 4), 7 if add else np.nan, np.float32)
            CpuBackend(compiled=True, threads=1).launch(kernel, np.empty(a, "f4"), np.empty(b, "f4"), add, empty)
            np.testing.assert_array_equal(empty, np.full((3, 4), value))
    none = np.empty((0, 4), np.float32)
    CpuBackend(compiled=True, threads=1).launch(gemm.GEMM_NN, np.empty((0, 3), "f4"), np.ones((3, 4), "f4"), 0.0, none)


@pytest.mark.parametrize(("ta", "tb"), [(False, False), (True, False), (False, True)])
def test_matmul_chooses_the_product(ta, tb):
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((3, 5) if ta else (5, 3)), rng.standard_normal((4, 3) if tb else (3, 4))
    out = CpuBackend(compiled=True, threads=1).matmul(a, b, ta=ta, tb=tb)
    np.testing.assert_allclose(out, (a.T if ta else a) @ (b.T if tb else b), rtol=1e-13)


@pytest.mark.parametrize("rows", [1, 8, 37, 64, 300])
@pytest.mark.parametrize("columns", [False, True])
def test_products_of_all_rows_with_each_other(rows, columns):
    """The same bits as the product in full has, whole and symmetric, on however many threads."""
    x = np.random.default_rng(rows).standard_normal((1100, rows) if columns else (rows, 1100)).astype(np.float32)
    full = CpuBackend(compiled=True, threads=1).matmul(*((np.ascontiguousarray(x.T), x) if columns else (x, np.ascontiguousarray(x.T))))
    for threads in (1, 2, 3):
        ops, out = CpuBackend(compiled=True, threads=threads), np.full((rows, rows), np.nan, np.float32)
        with ops.record() as program:
            ops.gram(x, out, columns=columns)
        program.run()
        np.testing.assert_array_equal(out, full)
        squared, twice = ops.square(out, np.empty_like(out)), ops.matmul(out, out)
        np.testing.assert_allclose(squared, twice, rtol=1e-4, atol=1e-4 * abs(twice).max())
        np.testing.assert_array_equal(squared, squared.T)


def test_no_rows_have_no_products():
    out = np.empty((0, 0), np.float32)
    CpuBackend(compiled=True, threads=1).launch(gemm_symmetric.GEMM_SYMMETRIC, np.empty((0, 3), "f4"), np.empty((3, 0), "f4"), out)
    assert CpuBackend(compiled=True).gram(np.empty((3, 0), np.float32)).tolist() == [[0.0] * 3] * 3
