"""A recorded graph of two lanes. Replaying it takes liberties that a GPU may take: a lane runs ahead as far as its waits allow."""

import random
from collections import deque
from collections.abc import Callable
from typing import Any

from gpunn.backend.sim.host_module import HostGraph


class LaneGraph(HostGraph):
    """``order``: "forward" lets the first lane run ahead, "reverse" the last one, "shuffled" draws."""

    def __init__(self, order: str = "forward"):
        super().__init__()
        self._order, self.lane = order, 0
        self._queues: dict[int, list[tuple[str, Any]]] = {}

    def node(self, name: str, run: Callable[[], None]) -> None:
        super().node(name, run)
        self._queues.setdefault(self.lane, []).append(("run", run))

    def signal(self, lane: int) -> object:
        mark = object()
        self._queues.setdefault(lane, []).append(("signal", mark))
        return mark

    def wait(self, lane: int, mark: object) -> None:
        self._queues.setdefault(lane, []).append(("wait", mark))

    def launch(self) -> None:
        if HostGraph.recording is not None:
            raise RuntimeError("A graph cannot be launched while one is being recorded.")
        queues = {lane: deque(items) for lane, items in self._queues.items()}
        seen: set[object] = set()
        draw = random.Random(0)
        while any(queues.values()):
            ready = [lane for lane, q in queues.items() if q and not (q[0][0] == "wait" and q[0][1] not in seen)]
            if not ready:
                raise RuntimeError("The lanes of a graph wait for each other for ever.")
            lane = min(ready) if self._order == "forward" else max(ready) if self._order == "reverse" else draw.choice(ready)
            kind, what = queues[lane].popleft()
            if kind == "run":
                what()
            elif kind == "signal":
                seen.add(what)
