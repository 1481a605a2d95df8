"""Philox4x32-10 against Random123's known answers, and the same bits on every target."""

import numpy as np
import pytest
from kernel_targets import MARKED, TARGETS, needs_gxx, needs_numba

from gpunn.backend.cpu import CpuBackend
from gpunn.backend.sim import HostModule
from gpunn.kernels import philox
from gpunn.kernels.cuda_text import prelude

ONES = 0xFFFFFFFF
KNOWN = [  # counter, key, words: Random123's kat_vectors for philox4x32 with 10 rounds
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((ONES, ONES, ONES, ONES), (ONES, ONES), (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344), (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]
KERNEL = """
extern "C" __global__ void known(const unsigned int* __restrict__ in, unsigned int* __restrict__ out) {
  const uint4 r = philox4x32(make_uint4(in[0], in[1], in[2], in[3]), in[4], in[5]);
  out[0] = r.x; out[1] = r.y; out[2] = r.z; out[3] = r.w;
}
"""


def on_sim(counter, key, text=None):
    module = HostModule(code=(prelude() if text is None else text) + KERNEL)
    out = np.zeros(4, np.uint32)
    module.get_function("known")((1,), (1,), (np.array([*counter, *key], np.uint32), out))
    return tuple(map(int, out))


def on_numba(counter, key):
    import numba

    block = numba.njit(getattr(philox.philox_block, "py_func", philox.philox_block))
    return tuple(map(int, block(*(np.uint64(v) for v in (*counter, *key)))))


def on_numpy(counter, key):
    return tuple(int(w) for w in philox.philox(*(np.array(c) for c in counter), *key))


@pytest.mark.parametrize(("counter", "key", "words"), KNOWN)
@pytest.mark.parametrize("run", [on_numpy, pytest.param(on_numba, marks=needs_numba), pytest.param(on_sim, marks=needs_gxx)])
def test_known_answers(run, counter, key, words):
    assert run(counter, key) == words


@needs_gxx
@pytest.mark.parametrize("wrong", ["0xD2511F53u", "0xCD9E8D57u", "0x9E3779B9u", "0xBB67AE85u", "round < 10"])
def test_a_wrong_constant_shows(wrong):
    """The known answers would notice any constant of the CUDA text that is wrong."""
    text = prelude().replace(wrong, "round < 9" if wrong == "round < 10" else f"({wrong} + 2u)")
    counter, key, words = KNOWN[2]
    assert on_sim(counter, key, text) != words


def masked(target, n, seed, step, stream=3, rate=0.3, offset=0, dtype="float32"):
    x = np.ones((n + offset,), dtype)[offset:]
    y = np.full((n + offset,), np.nan, dtype)[offset:]
    TARGETS[target](philox.DROPOUT, [x, np.array([step]), seed, stream, int(rate * 2**32), 1 / (1 - rate), y])
    return y


@pytest.mark.parametrize("target", MARKED)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_masks_are_the_same_bits_on_every_target(target, dtype):
    for n in (1, 2, 3, 4, 5, 31, 257, 1023, 4096):
        for seed, step in ((0, 0), (2**40 + 17, 5), (-1, 2**32 - 1), (-(2**63), 2**32), (2**63 - 1, 2**50)):
            words = philox.words(n, seed & (2**64 - 1), 3, step)
            want = np.where(words >= np.uint32(int(0.3 * 2**32)), np.dtype(dtype).type(1 / 0.7), 0)
            for offset in (0, 1):  # an array that does not start at a multiple of 16 bytes
                assert masked(target, n, seed, step, offset=offset, dtype=dtype).tobytes() == want.astype(dtype).tobytes()


@needs_numba
def test_masks_do_not_depend_on_how_rows_are_cut(monkeypatch):
    from gpunn.backend import cpu, schedule

    monkeypatch.setattr(schedule, "PIECE", 20.0)
    monkeypatch.setattr(cpu, "ONE_THREAD", 0.0)
    x, step = np.ones((101, 7), "f4"), np.array([3])
    results = []
    for threads in (1, 3):
        backend, y = CpuBackend(threads=threads, compiled=True), np.empty_like(x)
        with backend.record() as program:
            backend.launch(philox.DROPOUT, x, step, 5, 0, 2**31, 2.0, y)
        program.run()
        assert threads == 1 or len(program.plan.tasks) > 3
        results.append(y)
    np.testing.assert_array_equal(*results)


def test_streams_and_steps_differ_and_the_rate_is_kept():
    a = masked("numpy", 100_000, 1, 0)
    assert abs((a == 0).mean() - 0.3) < 0.005
    for other in (masked("numpy", 100_000, 1, 1), masked("numpy", 100_000, 2, 0), masked("numpy", 100_000, 1, 0, stream=4)):
        assert abs(((a == 0) & (other == 0)).mean() - 0.09) < 0.005
