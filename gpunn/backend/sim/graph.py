"""Recorded graphs of several lanes, and the lanes themselves.

Work is put off and taken up in orders that a GPU may choose: a lane runs ahead as far as its waits allow.
"""

import random
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from gpunn.backend.sim.host_module import HostGraph

Queues = dict[int, deque[tuple[str, Any]]]
ORDERS = ("forward", "reverse", "shuffled")  # the first lane runs ahead, the last one, or whichever is drawn


def drain(queues: Queues, order: str, seen: Any, draw: random.Random, until: object = None) -> None:
    """Run what is queued, lane by lane; everything, or no more once the mark `until` was passed."""
    while any(queues.values()) and not (until is not None and until in seen):
        ready = [lane for lane, q in queues.items() if q and not (q[0][0] == "wait" and q[0][1] not in seen)]
        if not ready:
            raise RuntimeError("The lanes of a graph wait for each other for ever.")
        lane = min(ready) if order == "forward" else max(ready) if order == "reverse" else draw.choice(ready)
        kind, what = queues[lane].popleft()
        if kind == "run":
            what()
        elif kind == "signal":
            seen.add(what)


class LaneGraph(HostGraph):
    """A captured graph; its lanes start and end together. ``order``: see `ORDERS`."""

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
        drain({lane: deque(items) for lane, items in self._queues.items()}, self._order, set(), random.Random(0))


class Mark:
    """A place in a lane, passed or not."""

    passed = False


class Passed:
    """The marks that were passed, as a set."""

    def add(self, mark: Mark) -> None:
        mark.passed = True

    def __contains__(self, mark: Mark) -> bool:
        return mark.passed


class Streams:
    """The lanes of a device outside of graphs: what is given to one runs when somebody must wait for it, and not before. So a copy that
    forgot to wait for the steps before it, or steps that forgot to wait for a copy, compute something else than they should."""

    def __init__(self, order: str = "forward"):
        self._order = order
        self._queues: Queues = {}
        self._draw = random.Random(1)
        self.lock = threading.RLock()  # nothing runs while a graph is recorded

    def _add(self, lane: int, kind: str, what: Any) -> None:
        with self.lock:
            self._queues.setdefault(lane, deque()).append((kind, what))

    def run(self, lane: int, call: Callable[[], None]) -> None:
        self._add(lane, "run", call)

    def mark(self, lane: int) -> Mark:
        mark = Mark()
        self._add(lane, "signal", mark)
        return mark

    def follow(self, lane: int, mark: Mark) -> None:
        self._add(lane, "wait", mark)

    def finish(self, until: Mark | None = None) -> None:
        """Run everything, or until a mark was passed."""
        with self.lock:
            drain(self._queues, self._order, Passed(), self._draw, until)
