"""Numbers too small for a normal float: zero inside a run on x86, as they were outside of it."""

import numpy as np
import pytest

pytest.importorskip("numba", reason="the compiled kernels need Numba")

from gpunn.backend.cpu import CpuBackend
from gpunn.kernels import runner
from gpunn.kernels.elementwise import elementwise


@elementwise("x -> y")
def tenfold(x):
    return x * 10.0


@pytest.mark.skipif(not runner.X86, reason="only x86's control word is set")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_denormal_operands_and_results_are_zero_in_a_run_only(dtype):
    smallest = np.finfo(dtype).smallest_normal
    x = np.array([smallest / 4, smallest / 16, -smallest / 4, smallest, 1.0], dtype)
    y = np.empty_like(x)
    for threads in (1, 2):
        CpuBackend(threads=threads, compiled=True).launch(tenfold, x, y)
        np.testing.assert_array_equal(y, np.array([0, 0, 0, smallest * 10, 10], dtype))
        assert x[0] / 2 != 0, "this thread's mode is as it was"
