"""Arrays of the CPU start on a cache line, whatever their shape and type."""

import numpy as np
import pytest

from gpunn.backend.cpu import LINE, CpuBackend


@pytest.mark.parametrize("make", ["empty", "zeros"])
@pytest.mark.parametrize(("shape", "dtype"), [((3, 5), "float32"), ((0, 4), "float64"), ((), "float64"), ((1,), "int64"), ((9,), "uint8")])
def test_arrays_start_on_a_cache_line(make, shape, dtype):
    array = getattr(CpuBackend(), make)(shape, dtype)
    assert array.shape == shape and array.dtype == dtype and array.flags.c_contiguous and array.flags.writeable
    assert (array.size == 0 or array.ctypes.data % LINE == 0) and (make == "empty" or not array.any())
    array[...] = 1
    assert array.sum() == np.prod(shape)
