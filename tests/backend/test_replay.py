"""Whether a step runs on all threads or on one: decided by comparing them now and then, with every step run exactly once."""

import threading

import numpy as np
import pytest

pytest.importorskip("numba", reason="replaying compiled kernels needs Numba")

from gpunn.backend import native
from gpunn.backend.cpu import CpuBackend
from gpunn.backend.native import Replay
from gpunn.backend.schedule import Node, schedule
from gpunn.kernels.data import ADVANCE


@pytest.mark.parametrize(("single", "chosen"), [(0.5, 1), (0.7, 1), (0.8, 2), (2.0, 2)])
def test_one_thread_only_where_it_is_clearly_faster(monkeypatch, single, chosen):
    ran = []
    replay = Replay(schedule([_advance(np.zeros(1, np.int64))], 2), 2)
    monkeypatch.setattr(replay, "_run", lambda steps, threads: ran.append((steps, threads)) or steps * (single if threads == 1 else 1.0))
    replay(320)
    assert ran[-1][1] == chosen
    assert sum(steps for steps, _ in ran) == 320


@pytest.mark.parametrize(("single", "chosen"), [(0.9, 1), (1.1, 2)])
def test_calls_of_one_step_are_compared_with_each_other(monkeypatch, single, chosen):
    """By medians, and not by those that had to wake a thread."""
    ran = []
    replay = Replay(schedule([_advance(np.zeros(1, np.int64))], 2), 2)

    def run(steps, threads):
        ran.append(threads)
        return (single if threads == 1 else 1.0) * (50 if len(ran) in (1, 3, 9) else 1)

    monkeypatch.setattr(replay, "_run", run)
    for _ in range(native.GLANCES):
        replay(1)
    assert sorted(ran) == [1] * 6 + [2] * 6 and replay._look > 0
    for _ in range(5):
        replay(1)
    assert ran[native.GLANCES :] == [chosen] * 5


def test_every_step_runs_once_whatever_is_compared():
    position = np.zeros(1, np.int64)
    replay = Replay(schedule([_advance(position)], 2), 2)
    for steps in (1, 15, 16, 1000):
        replay._look = 0.0  # compare in this call
        before = int(position[0])
        replay(steps)
        assert position[0] - before == steps


@pytest.mark.parametrize("rows", [1, 32, 700])
def test_a_launch_by_itself_gives_the_same_bits_on_one_thread_and_on_two(monkeypatch, rows):
    """A product of 700 rows is long enough to be shared; one of 32 is not."""
    x, w = (np.random.default_rng(n).standard_normal(shape).astype(np.float32) for n, shape in enumerate([(rows, 784), (784, 300)]))
    shared, honest = [], native.Replay.__call__
    monkeypatch.setattr(native.Replay, "__call__", lambda self, steps: shared.append(self.threads) or honest(self, steps))
    one, two = (CpuBackend(threads=n).matmul(x, w) for n in (1, 2))
    assert shared == ([2] if rows == 700 else [])
    np.testing.assert_array_equal(one, two)
    np.testing.assert_allclose(one, x @ w, atol=2e-4)


def test_launches_from_several_python_threads():
    """Each has memory of its own for what its kernels lay out."""
    rng = np.random.default_rng(0)
    given = [(rng.standard_normal((n, 300), np.float32), rng.standard_normal((300, 100), np.float32)) for n in range(20, 28)]
    ops, made = CpuBackend(threads=1), {}

    def work(number):
        made[number] = [ops.matmul(*given[number]) for _ in range(200)]

    threads = [threading.Thread(target=work, args=(n,)) for n in range(len(given))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, (x, w) in enumerate(given):
        for y in made[number]:
            np.testing.assert_allclose(y, x @ w, atol=1e-4)


def _advance(position):
    arguments = [position, np.zeros(1, np.int64), 1, 1]
    return Node(ADVANCE, arguments, ADVANCE.extent(*arguments))
