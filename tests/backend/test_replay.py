"""Whether a step runs on all threads or on one: decided by comparing them now and then, with every step run exactly once."""

import numpy as np
import pytest

pytest.importorskip("numba", reason="replaying compiled kernels needs Numba")

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


def test_every_step_runs_once_whatever_is_compared():
    position = np.zeros(1, np.int64)
    replay = Replay(schedule([_advance(position)], 2), 2)
    for steps in (1, 15, 16, 1000):
        replay._look = 0.0  # compare in this call
        before = int(position[0])
        replay(steps)
        assert position[0] - before == steps


def _advance(position):
    arguments = [position, np.zeros(1, np.int64), 1, 1]
    return Node(ADVANCE, arguments, ADVANCE.extent(*arguments))
