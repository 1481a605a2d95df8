"""A watched module: what threads do to the same memory without a barrier between, and accesses outside arrays or not aligned."""

import shutil

import numpy as np
import pytest

from gpunn.backend.sim import HostModule

pytestmark = pytest.mark.skipif(shutil.which("g++") is None, reason="the sim backend needs g++")
ORDERS = ("forward", "reverse", "shuffled")

SAMPLES = """
extern "C" __global__ void reversed_block(const float* __restrict__ x, float* __restrict__ y) {
  __shared__ float s[64];
  s[threadIdx.x] = x[threadIdx.x];
  __syncthreads();
  y[threadIdx.x] = s[blockDim.x - 1 - threadIdx.x];
  __syncthreads();
  s[threadIdx.x ^ 1] = 0;
}
extern "C" __global__ void no_barrier(const float* __restrict__ x, float* __restrict__ y) {
  __shared__ float s[64];
  s[threadIdx.x] = x[threadIdx.x];
  y[threadIdx.x] = s[threadIdx.x ^ 32];
}
extern "C" __global__ void no_second_barrier(const float* __restrict__ x, float* __restrict__ y) {
  __shared__ float s[64];
  s[threadIdx.x] = x[threadIdx.x];
  __syncthreads();
  y[threadIdx.x] = s[threadIdx.x ^ 1];
  s[threadIdx.x] = 1;
}
extern "C" __global__ void first_of_a_row(float* __restrict__ x) {
  const float most = __shfl_xor_sync(0xffffffffu, x[0] + x[threadIdx.x], 1);
  x[threadIdx.x] = most;
}
extern "C" __global__ void shuffled_then_read(float* __restrict__ x) {
  x[threadIdx.x] = 1;
  const float most = __shfl_xor_sync(0xffffffffu, 1.f, 1);
  if (x[threadIdx.x ^ 1] == most) x[threadIdx.x] = 1;
}
extern "C" __global__ void warp_barrier(float* __restrict__ x, float* __restrict__ y) {
  x[threadIdx.x] = 1;
  __syncwarp();
  y[threadIdx.x] = x[threadIdx.x ^ 1];
}
extern "C" __global__ void all_write_one(float* __restrict__ x) { x[0] = 1; }
extern "C" __global__ void all_add(float* __restrict__ x) { atomicAdd(x, 1.f); }
extern "C" __global__ void all_add_and_read(float* __restrict__ x, float* __restrict__ y) {
  atomicAdd(x, 1.f);
  y[blockIdx.x * blockDim.x + threadIdx.x] = x[0];
}
extern "C" __global__ void bytes_of_a_word(unsigned char* __restrict__ x) { x[blockIdx.x * blockDim.x + threadIdx.x] = 1; }
extern "C" __global__ void word_of_bytes(unsigned char* __restrict__ x) {
  if (threadIdx.x == 0) *(unsigned*)x = 1; else x[3] = 2;
}
extern "C" __global__ void whole_grid(float* __restrict__ part, float* __restrict__ y) {
  __shared__ float s[1];
  if (threadIdx.x == 0) s[0] = part[blockIdx.x] = blockIdx.x;
  shim_grid_sync();
  y[blockIdx.x * blockDim.x + threadIdx.x] = s[0] + part[(blockIdx.x + 1) % gridDim.x];
}
extern "C" __global__ void half_a_grid(float* __restrict__ part, float* __restrict__ y) {
  if (threadIdx.x == 0) part[blockIdx.x] = blockIdx.x;
  __syncthreads();
  y[blockIdx.x * blockDim.x + threadIdx.x] = part[(blockIdx.x + 1) % gridDim.x];
}
extern "C" __global__ void read_before(const float* __restrict__ x, float* __restrict__ y) { float a = x[-1]; y[0] = a != a ? 1.f : 2.f; }
extern "C" __global__ void four(const float* __restrict__ x, float* __restrict__ y) { *(float4*)y = *(const float4*)x; }
"""


def run(name, grid, block, *arrays, order="forward", guard=True, cooperative=False):
    module = HostModule(code=SAMPLES, order=order, guard=guard, watch=True)
    module.get_function(name)((grid,), (block,), arrays, cooperative=cooperative)


def floats(count):
    return np.zeros(count, "f4")


@pytest.mark.parametrize("order", ORDERS)
def test_what_has_its_barriers_passes(order):
    x, y = np.arange(64, dtype="f4"), floats(64)
    run("reversed_block", 1, 64, x, y, order=order)
    np.testing.assert_array_equal(y, x[::-1])
    run("first_of_a_row", 1, 32, floats(32), order=order)
    run("warp_barrier", 1, 32, floats(32), floats(32), order=order)
    run("all_add", 3, 40, x := floats(1), order=order)
    assert x[0] == 120
    run("bytes_of_a_word", 3, 33, np.zeros(99, "u1"), order=order)
    run("whole_grid", 4, 40, floats(4), y := floats(160), order=order, cooperative=True)
    np.testing.assert_array_equal(y.reshape(4, 40), np.repeat([[1], [3], [5], [3]], 40, 1))
    run("four", 1, 1, floats(4), floats(4), order=order)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(
    ("name", "grid", "block", "arrays", "where"),
    [
        ("no_barrier", 1, 64, (64, 64), "shared memory"), ("no_second_barrier", 1, 64, (64, 64), "shared memory"),
        ("shuffled_then_read", 1, 32, (32,), r"byte \d+ of argument 0"), ("all_write_one", 1, 2, (1,), "byte 0 of argument 0"),
        ("all_write_one", 2, 1, (1,), "byte 0 of argument 0"), ("all_add_and_read", 2, 1, (1, 2), "byte 0 of argument 0"),
        ("half_a_grid", 2, 32, (2, 64), r"byte \d+ of argument 0"), ("word_of_bytes", 1, 2, (1,), "byte 3 of argument 0"),
    ],
)
def test_what_has_none_does_not(name, grid, block, arrays, where, order):
    message = rf"{name}: thread \d+ of block \d+ \w+ what thread \d+ of block \d+ \w+, with no barrier between: {where}"
    with pytest.raises(RuntimeError, match=message):
        run(name, grid, block, *map(floats, arrays), order=order, cooperative=name == "half_a_grid")


def test_reads_outside_an_array():
    with pytest.raises(RuntimeError, match="read_before: thread 0 of block 0 reads outside an array"):
        run("read_before", 1, 1, floats(3), floats(1))


def test_addresses_that_are_not_aligned():
    for x, y in ((floats(5)[1:], floats(4)), (floats(4), floats(5)[1:])):
        with pytest.raises(RuntimeError, match="four: thread 0 of block 0 uses an address that is no multiple of its alignment"):
            run("four", 1, 1, x, y, guard=False)


def test_launches_come_one_after_another():
    x = floats(2)
    for _ in range(2):
        run("warp_barrier", 1, 2, x, floats(2))
