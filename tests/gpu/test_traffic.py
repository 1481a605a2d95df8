"""bench/gpu/traffic.py: sectors are counted as a device moves them."""

import pathlib
import shutil
import subprocess
import sys

import numpy as np
import pytest

from gpunn.backend.sim import HostModule

GPU = pathlib.Path(__file__).parents[2] / "bench" / "gpu"
pytestmark = pytest.mark.skipif(shutil.which("g++") is None, reason="the stand-in needs g++")

COPY = """
extern "C" __global__ void copy(const float* __restrict__ x, float* __restrict__ y, long long apart) {
  const long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x;
  __shared__ float s[64];
  s[threadIdx.x] = x[i * apart];
  __syncthreads();
  y[i] = s[threadIdx.x] + x[0];
}
"""


@pytest.mark.parametrize(("apart", "sectors"), [(1, 32), (2, 64), (8, 256), (16, 256)])
def test_sectors_of_a_copy(apart, sectors):
    module = HostModule(code=COPY, watch=GPU / "traffic.cpp")
    module.library.traffic_of(2)
    raw = np.zeros(4 * 256 * apart + 4 * 256 + 64, np.uint8)
    raw = raw[-raw.ctypes.data % 32 :]
    x, y = raw[: 4 * 256 * apart].view("f4"), raw[4 * 256 * apart :][: 4 * 256].view("f4")
    module.get_function("copy")((4,), (64,), (x, y, np.int64(apart)))
    numbers = np.zeros(10, np.uint64)
    module.library.traffic(numbers.ctypes)
    read, written = numbers[:8].reshape(2, 4)
    # bytes asked for; sectors of each warp, in which x[0] is one more; of each of two multiprocessors; of all
    assert list(read) == [4 * 512, 32 * (sectors + 8), 32 * (sectors + 1), 32 * sectors]
    assert list(written) == [4 * 256, 32 * 32, 32 * 32, 32 * 32]


def test_the_program_runs():
    command = [sys.executable, str(GPU / "traffic.py"), "--rows", "64", "--columns", "64", "--kernels", "relu", "column_sum"]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert {line.split()[0] for line in lines} == {"relu", "column_sum"}
    assert all(0.95 < float(line.split()[-1]) <= 1 for line in lines)
