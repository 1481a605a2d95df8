"""The host shim: it runs CUDA text as a device would, and notices what a device forgives by luck."""

import shutil

import numpy as np
import pytest

from gpunn.backend.sim import HostCompileError, HostGraph, HostModule, host_compiler
from gpunn.kernels import REGISTRY
from gpunn.kernels.device import Properties, launch_arguments, launch_geometry, module_text

pytestmark = pytest.mark.skipif(shutil.which("g++") is None, reason="the sim backend needs g++")
ORDERS = ("forward", "reverse", "shuffled")

SAMPLES = """
extern "C" __global__ void fill(float* __restrict__ out, float value, long long n) {
  const long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x;
  if (i < n) out[i] = value;
}
extern "C" __global__ void reverse_block(const float* __restrict__ x, float* __restrict__ y) {
  __shared__ float s[64];
  s[threadIdx.x] = x[threadIdx.x];
  __syncthreads();
  y[threadIdx.x] = s[blockDim.x - 1 - threadIdx.x];
}
extern "C" __global__ void reverse_block_wrong(const float* __restrict__ x, float* __restrict__ y) {
  __shared__ float s[64];
  s[threadIdx.x] = x[threadIdx.x];
  y[threadIdx.x] = s[blockDim.x - 1 - threadIdx.x];
}
extern "C" __global__ void uninitialised(float* __restrict__ y) {
  __shared__ float s[32];
  if (threadIdx.x == 99) __syncthreads();
  y[threadIdx.x] = s[threadIdx.x];
}
extern "C" __global__ void divergent(float* __restrict__ y) {
  if (threadIdx.x & 1) { __syncthreads(); y[0] = 1; } else { __syncthreads(); y[1] = 1; }
}
extern "C" __global__ void partial(float* __restrict__ y) {
  if (threadIdx.x & 1) __syncthreads();
  else while (__shfl_sync(0xffffffffu, 1, 0) == 1) y[0] = 1;
}
extern "C" __global__ void lanes(const int* __restrict__ x, int* __restrict__ y) {
  const int lane = threadIdx.x & 31, v = x[threadIdx.x];
  y[threadIdx.x] = __shfl_xor_sync(0xffffffffu, v, 1) * 1000000 + __shfl_down_sync(0xffffffffu, v, 2) * 10000
                 + __shfl_up_sync(0xffffffffu, v, 3) * 100 + __shfl_sync(0xffffffffu, v, 5);
  if (lane == 0) y[threadIdx.x] = (int)__ballot_sync(0xffffffffu, v & 1);
  else __ballot_sync(0xffffffffu, v & 1);
}
extern "C" __global__ void short_warp(float* __restrict__ y) { y[threadIdx.x] = __shfl_xor_sync(0xffffffffu, y[threadIdx.x], 16); }
extern "C" __global__ void outside(float* __restrict__ y, long long at) { y[at] = 1; }
extern "C" __global__ void dynamic(float* __restrict__ y) {
  float* s = (float*)shim_dynamic_shared();
  s[threadIdx.x] = threadIdx.x;
  __syncthreads();
  y[threadIdx.x] = s[threadIdx.x ^ 1];
}
extern "C" __global__ void whole_grid(const float* __restrict__ x, float* __restrict__ part, float* __restrict__ y) {
  __shared__ float s[8];
  s[threadIdx.x] = x[blockIdx.x * blockDim.x + threadIdx.x];
  __syncthreads();
  if (threadIdx.x == 0) { part[blockIdx.x] = 0; for (int i = 0; i < 8; ++i) part[blockIdx.x] += s[i]; }
  shim_grid_sync();
  float total = 0;
  for (int i = 0; i < (int)gridDim.x; ++i) total += part[i];
  y[blockIdx.x * blockDim.x + threadIdx.x] = s[threadIdx.x] / total;
}
extern "C" __global__ void coordinates(int* __restrict__ y) {
  const int block = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
  const int thread = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
  y[block * (int)(blockDim.x * blockDim.y * blockDim.z) + thread] = block * 100 + thread;
}
extern "C" __global__ void neighbour(float* __restrict__ x) { x[threadIdx.x] = x[(threadIdx.x + 1) % blockDim.x] + 1; }
"""


def kernel(name, order="forward", guard=True):
    return HostModule(code=SAMPLES, order=order, guard=guard).get_function(name)


@pytest.mark.parametrize("order", ORDERS)
def test_barriers_shuffles_and_coordinates(order):
    x, y = np.arange(64, dtype="f4"), np.full(64, np.nan, "f4")
    kernel("reverse_block", order)((1,), (64,), (x, y))
    np.testing.assert_array_equal(y, x[::-1])
    v, out = np.arange(32, dtype="i4") * 3, np.zeros(32, "i4")
    kernel("lanes", order)((1,), (32,), (v, out))
    lane = np.arange(32)
    down, up = np.where(lane + 2 > 31, lane, lane + 2), np.where(lane < 3, lane, lane - 3)
    want = v[lane ^ 1] * 1000000 + v[down] * 10000 + v[up] * 100 + v[5]
    np.testing.assert_array_equal(out[1:], want[1:])
    assert out.view("u4")[0] == sum(1 << i for i in range(32) if v[i] & 1)
    out = np.zeros(2 * 3 * 4 * 2 * 3 * 4, "i4")
    kernel("coordinates", order)((2, 3, 4), (4, 3, 2), (out,))
    np.testing.assert_array_equal(out.reshape(24, 24), np.arange(24)[:, None] * 100 + np.arange(24))
    y = np.zeros(8, "f4")
    kernel("dynamic", order)((1,), (8,), (y,), shared_mem=32)
    np.testing.assert_array_equal(y, np.arange(8) ^ 1)


@pytest.mark.parametrize("order", ORDERS)
def test_a_barrier_over_the_whole_grid(order):
    x, part, y = np.arange(1, 41, dtype="f4"), np.zeros(5, "f4"), np.zeros(40, "f4")
    kernel("whole_grid", order)((5,), (8,), (x, part, y), cooperative=True)
    np.testing.assert_allclose(y, x / x.sum(), rtol=1e-6)


# ------------------------------------------------------------------ what it notices
def test_a_missing_barrier_is_noticed():
    x, wrong = np.arange(64, dtype="f4"), 0
    for order in ORDERS:
        y = np.zeros(64, "f4")
        kernel("reverse_block_wrong", order)((1,), (64,), (x, y))
        wrong += not np.array_equal(y, x[::-1])
    assert wrong == 3


def test_threads_that_depend_on_each_other_differ_between_orders():
    results = []
    for order in ORDERS:
        x = np.arange(16, dtype="f4")
        kernel("neighbour", order)((1,), (16,), (x,))
        results.append(tuple(x))
    assert len(set(results)) == 3


def test_uninitialised_shared_memory_is_nan():
    y = np.zeros(32, "f4")
    kernel("uninitialised")((1,), (32,), (y,))
    assert np.isnan(y).all()


@pytest.mark.parametrize(
    ("name", "threads", "message"),
    [
        ("divergent", 64, "divergent: threads of a block wait at different __syncthreads"),
        ("partial", 32, "partial: deadlock: some threads never reach a barrier that others wait at"),
        ("short_warp", 20, "short_warp: a shuffle reads lane (16|2[0-9]|3[01]), which takes no part in it"),
    ],
)
def test_barriers_that_some_miss(name, threads, message):
    with pytest.raises(RuntimeError, match=message):
        kernel(name)((1,), (threads,), (np.zeros(64, "f4"),))


@pytest.mark.parametrize("at", [-1, 32, 1000])
def test_a_write_outside_an_array(at):
    with pytest.raises(RuntimeError, match=r"outside: wrote outside an array of shape \(32,\)"):
        kernel("outside")((1,), (1,), (np.zeros(32, "f4"), np.int64(at)))


def test_launches_that_no_device_takes():
    for grid, block in (((0,), (32,)), ((1,), (1025,)), ((1,), (0,)), ((1, 65536), (1,)), ((1, 1, 65536), (1,)), ((1,), (1, 1, 65))):
        with pytest.raises(RuntimeError, match="fill: a launch of"):
            kernel("fill")(grid, block, (np.zeros(4, "f4"), np.float32(1), np.int64(4)))


@pytest.mark.parametrize(
    ("args", "error", "message"),
    [
        ((np.zeros(4, "f4"), np.float32(1)), TypeError, r"fill: expected 3 arguments\. Received: 2"),
        ((np.zeros(4, "f4"), 1.0, np.int64(4)), TypeError, r"fill, argument 1: expected an array or a NumPy scalar\. Received: float"),
        ((np.zeros(4, "f4"), np.float64(1), np.int64(4)), TypeError, r"argument 1: expected a number of 4 bytes\. Received: float64"),
        ((np.float64(0), np.float32(1), np.int64(4)), TypeError, r"argument 0: expected an array\. Received: float64"),
        ((np.zeros(4, "f4"), np.float32(1), np.zeros(1)), TypeError, r"argument 2: expected a number of 8 bytes\. Received: an array"),
        ((np.zeros((4, 4), "f4")[:, 1], np.float32(1), np.int64(4)), ValueError, r"argument 0: expected a C-contiguous array\. Received"),
    ],
)
def test_arguments_are_checked(args, error, message):
    with pytest.raises(error, match=message):
        kernel("fill")((1,), (32,), args)


def test_unknown_names():
    with pytest.raises(AttributeError, match=r"no kernel 'gone'\. It has: fill, reverse_block"):
        kernel("gone")
    with pytest.raises(ValueError, match=r"Invalid order: expected one of .*Received: 'random'"):
        HostModule(code=SAMPLES, order="random")


# ------------------------------------------------------------------ gpunn's own text, damaged
def run(text, order, name, args):
    k = REGISTRY[name]
    launch = launch_geometry(k, args, Properties(7, 1024))
    HostModule(code=text, order=order, guard=True).get_function(f"{name}_f32")(*launch, launch_arguments(k, args))


def barriers(text):
    return [at for at in range(len(text)) if text.startswith("__syncthreads();", at)]


def test_each_barrier_of_the_prelude_is_needed():
    """Take any one __syncthreads() away: some order of threads gives a wrong result."""
    rng = np.random.default_rng(0)
    kernels = [REGISTRY["moments"], REGISTRY["accumulate"], REGISTRY["augment_tone"]]
    text = module_text(["float32"], kernels).source
    assert len(barriers(text)) == 7
    for at in barriers(text):
        damaged = text[:at] + text[at + len("__syncthreads();") :]
        noticed = False
        for order in ORDERS:
            x, mean, variance = rng.standard_normal((300, 33)).astype("f4"), np.empty(33, "f4"), np.empty(33, "f4")
            run(damaged, order, "moments", [x, mean, variance])
            noticed |= not (np.allclose(mean, x.mean(axis=0), atol=1e-5) and np.allclose(variance, x.var(axis=0), atol=1e-5))
            values, weights, sums = rng.standard_normal(1000).astype("f4"), rng.random(1000).astype("f4"), np.zeros(3)
            run(damaged, order, "accumulate", [values, weights, np.zeros(1, "i8"), sums])
            noticed |= not np.allclose(sums[:2], [values @ weights, weights.sum()], rtol=1e-5)
            tripled, y = np.full((5, 20), 3.0), np.empty((5, 200), "f4")
            run(damaged, order, "augment_tone", [x[:5].repeat(7, axis=1)[:, :200].copy(), tripled, 1, 0, -1, 2, 0.0, 1.0, y])
            within = x[:5].repeat(7, axis=1)[:, :200]
            noticed |= not np.array_equal(y, np.clip(3 * within, within.min(axis=1, keepdims=True), within.max(axis=1, keepdims=True)))
        assert noticed, f"the barrier in {text[at - 120 : at + 20]!r} is not missed"


# ------------------------------------------------------------------ graphs
def test_a_graph_records_and_replays():
    y, z = np.zeros(4, "f4"), np.zeros(4, "f4")
    fill = kernel("fill")
    with HostGraph() as graph:
        value = np.float32(3)
        fill((1,), (32,), (y, value, np.int64(4)))
        graph.node("copy", lambda: np.copyto(z, y))
        with pytest.raises(RuntimeError, match="recorded already"), HostGraph():
            pass
        with pytest.raises(RuntimeError, match="cannot be launched while one is being recorded"):
            graph.launch()
        with pytest.raises(TypeError, match="expected 3 arguments"):
            fill((1,), (32,), (y,))
    assert not y.any(), "recording runs nothing"
    graph.launch()
    assert (z == 3).all() and [n for n, _ in graph.nodes] == ["fill", "copy"]
    y[...] = 0
    graph.launch()
    assert (y == 3).all()


def test_a_graph_that_failed_does_not_go_on_recording():
    with pytest.raises(ZeroDivisionError), HostGraph():
        raise ZeroDivisionError
    y = np.zeros(4, "f4")
    kernel("fill")((1,), (32,), (y, np.float32(1), np.int64(4)))
    assert y.all()


# ------------------------------------------------------------------ compiling
def test_the_cache_is_keyed_by_the_text(tmp_path, monkeypatch):
    monkeypatch.setenv("GPUNN_CACHE", str(tmp_path))
    calls = []
    real = host_compiler.subprocess.run
    monkeypatch.setattr(host_compiler.subprocess, "run", lambda *a, **k: (calls.append(a), real(*a, **k))[1])
    text = 'extern "C" __global__ void one(float* __restrict__ y) { y[0] = VALUE; }'
    for value, compiled in (("1", 2), ("1", 2), ("2", 3)):  # the shim once, before the first
        y = np.zeros(1, "f4")
        HostModule(code=text, options=[f"-DVALUE={value}"]).get_function("one")((1,), (1,), (y,))
        assert y[0] == float(value) and len(calls) == compiled
    assert len(list((tmp_path / "sim").glob("*.so"))) == 2 and not list((tmp_path / "sim").glob("tmp*"))


def test_errors_of_the_compiler(tmp_path, monkeypatch):
    monkeypatch.setenv("GPUNN_CACHE", str(tmp_path))
    with pytest.raises(HostCompileError, match=r"(?s)g\+\+ refused the text:.*gpunn.cu:2.*wrong_name"):
        HostModule(code='\nextern "C" __global__ void bad(float* y) { y[0] = wrong_name; }')
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(HostCompileError, match=r"no-such-compiler was not found\. The sim backend compiles CUDA text .*: install g\+\+"):
        HostModule(code=SAMPLES)


def test_float_functions_stay_float():
    """exp of a float is computed in float: 1 + 1e-9 in double would show."""
    text = """
extern "C" __global__ void sizes(int* __restrict__ y) {
  y[0] = sizeof(exp(1.0f)); y[1] = sizeof(pow(1.0f, 2.0f)); y[2] = sizeof(log1p(1.0f)); y[3] = sizeof(fabs(1.0f)); y[4] = sizeof(exp(1.0));
}
"""
    y = np.zeros(5, "i4")
    HostModule(code=text).get_function("sizes")((1,), (1,), (y,))
    np.testing.assert_array_equal(y, [4, 4, 4, 4, 8])


def test_order_and_options_do_not_mix_up_the_cache():
    """Two modules of one text share the library and still keep their own order."""
    x = np.arange(64, dtype="f4")
    first, second = (HostModule(code=SAMPLES, order=order) for order in ("forward", "reverse"))
    results = []
    for module in (first, second, first):
        y = x[:16].copy()
        module.get_function("neighbour")((1,), (16,), (y,))
        results.append(tuple(y))
    assert results[0] == results[2] != results[1]
