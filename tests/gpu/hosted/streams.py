"""Streams, events and captured graphs as CUDA's programming guide has them, in host memory.

What is given to a stream waits until somebody must have it done, and runs then in one of the orders that a device may choose. A copy that
forgot to wait for the steps before it, or memory that is given away too early, shows as wrong numbers. Calls that a capture forbids raise
CUDA's own error numbers.
"""

import itertools
import random
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from gpunn.backend.sim.graph import drain

UNSUPPORTED, INVALIDATED, UNMATCHED, UNJOINED, ISOLATION, IMPLICIT = 900, 901, 903, 904, 905, 906  # cudaErrorStreamCapture...
INVALID_VALUE, INVALID_HANDLE = 1, 400


class Refused(Exception):
    """What CUDA would answer; `status` is its number."""

    def __init__(self, status: int, why: str):
        super().__init__(why)
        self.status = status


class Capture:
    """What is recorded between the beginning and the end of a capture."""

    def __init__(self, origin: int):
        self.origin = origin
        self.items: dict[int, list[tuple[str, Any]]] = {origin: []}
        self.broken: str | None = None

    def joined(self) -> bool:
        """Whether the origin waits, at last, for everything that was forked from it."""
        place = {mark: (lane, i) for lane, items in self.items.items() for i, (kind, mark) in enumerate(items) if kind == "signal"}
        reached = dict.fromkeys(self.items, -1)  # of each lane: the last item that the origin's end comes after
        work = [(self.origin, len(self.items[self.origin]) - 1)]
        while work:
            lane, last = work.pop()
            for kind, mark in self.items[lane][reached[lane] + 1 : last + 1]:
                if kind == "wait":
                    work.append(place[mark])
            reached[lane] = max(reached[lane], last)
        return all(
            not any(kind == "run" for kind, _ in items[reached[lane] + 1 :]) for lane, items in self.items.items()
        )


class Graph:
    """The captured work; `run` does it once, lanes in an order of their own."""

    def __init__(self, capture: Capture, order: str):
        self.items, self._order, self._draw = capture.items, order, random.Random(2)

    @property
    def nodes(self) -> int:
        return sum(kind == "run" for items in self.items.values() for kind, _ in items)

    def run(self) -> None:
        drain({lane: deque(items) for lane, items in self.items.items()}, self._order, set(), self._draw)


class Streams:
    """All streams of the device. Handles are numbers; 0 is the default stream, which waits for blocking streams and they for it (there
    are none: whoever makes one is told so)."""

    def __init__(self, order: str = "forward"):
        self.order = order
        self.lock = threading.RLock()
        self._draw = random.Random(1)
        self._handles = itertools.count(0x1000, 0x10)
        self._queues: dict[int, deque[tuple[str, Any]]] = {0: deque(), 1: deque(), 2: deque()}
        self._seen: set[Any] = set()
        self._events: dict[int, tuple[Any, Capture | None]] = {}  # the mark that was recorded last, and in which capture
        self._captures: dict[int, Capture] = {}  # of a stream
        self._graphs: dict[int, Graph] = {}
        self.launched = 0

    def handle(self) -> int:
        return next(self._handles)

    # ------------------------------------------------------------------ streams
    def create(self) -> int:
        with self.lock:
            stream = self.handle()
            self._queues[stream] = deque()
            return stream

    def destroy(self, stream: int) -> None:
        with self.lock:
            if self._queues.get(stream):
                self.finish(stream)
            self._queues.pop(stream, None)

    def enqueue(self, stream: int, run: Callable[[], None]) -> None:
        """Give work to a stream, or to the graph that it is part of."""
        with self.lock:
            if (capture := self._captures.get(stream)) is not None:
                self._whole(capture)
                capture.items[stream].append(("run", run))
            else:
                self._queue(stream).append(("run", run))

    def any_capture(self) -> bool:
        return bool(self._captures)

    def capturing(self, stream: int) -> bool:
        return stream in self._captures

    def finish(self, stream: int | None = None) -> None:
        """Wait for a stream, or for all."""
        with self.lock:
            for s in [stream] if stream is not None else list(self._captures):
                if (capture := self._captures.get(s)) is not None:
                    capture.broken = "it was waited for"
                    raise Refused(UNSUPPORTED, "a stream that is being captured cannot be waited for")
            if stream is None:
                drain(self._queues, self.order, self._seen, self._draw)
            else:
                mark = object()
                self._queue(stream).append(("signal", mark))
                drain(self._queues, self.order, self._seen, self._draw, mark)

    def idle(self, stream: int) -> bool:
        with self.lock:
            if stream in self._captures:
                raise Refused(UNSUPPORTED, "a stream that is being captured cannot be asked")
            return not self._queue(stream)

    def _queue(self, stream: int) -> deque[tuple[str, Any]]:
        if stream not in self._queues:
            raise Refused(INVALID_HANDLE, f"there is no stream {stream:#x}")
        return self._queues[stream]

    # ------------------------------------------------------------------ events
    def record(self, event: int, stream: int) -> None:
        with self.lock:
            mark, capture = object(), self._captures.get(stream)
            if capture is not None:
                self._whole(capture)
                capture.items[stream].append(("signal", mark))
            else:
                self._queue(stream).append(("signal", mark))
            self._events[event] = (mark, capture)

    def wait(self, stream: int, event: int) -> None:
        """What is given to the stream from now on comes after what was recorded. A stream that waits for an event of a capture joins it."""
        with self.lock:
            if event not in self._events:
                return  # never recorded: nothing to wait for
            mark, capture = self._events[event]
            own = self._captures.get(stream)
            if capture is None:
                if own is not None:
                    own.broken = "it waits for what lies outside"
                    raise Refused(ISOLATION, "a stream that is being captured cannot wait for an event from outside of the capture")
                self._queue(stream).append(("wait", mark))
                return
            if capture not in self._captures.values():
                raise Refused(INVALID_VALUE, "the capture in which the event was recorded has ended")
            self._whole(capture)
            if own is not None and own is not capture:
                raise Refused(902, "two captures would become one")
            if own is None:
                self._captures[stream] = capture
                capture.items.setdefault(stream, [])
            capture.items[stream].append(("wait", mark))

    def reached(self, event: int) -> bool:
        with self.lock:
            mark, capture = self._events.get(event, (None, None))
            if capture is not None:
                raise Refused(UNSUPPORTED, "an event of a capture cannot be asked")
            return mark is None or mark in self._seen

    def finish_event(self, event: int) -> None:
        with self.lock:
            mark, capture = self._events.get(event, (None, None))
            if capture is not None:
                capture.broken = "an event of it was waited for"
                raise Refused(UNSUPPORTED, "an event of a capture cannot be waited for")
            if mark is not None:
                drain(self._queues, self.order, self._seen, self._draw, mark)

    def forget_event(self, event: int) -> None:
        with self.lock:
            self._events.pop(event, None)

    # ------------------------------------------------------------------ graphs
    def begin(self, stream: int) -> None:
        with self.lock:
            if stream in (0, 1):
                raise Refused(UNSUPPORTED, "the default stream cannot be captured")
            if stream in self._captures:
                raise Refused(UNMATCHED, "the stream is being captured already")
            self._queue(stream)
            self._captures[stream] = Capture(stream)

    def end(self, stream: int) -> int:
        with self.lock:
            capture = self._captures.get(stream)
            if capture is None or capture.origin != stream:
                raise Refused(UNMATCHED, "the capture did not begin on this stream")
            for s in [s for s, c in self._captures.items() if c is capture]:
                del self._captures[s]
            if capture.broken:
                raise Refused(INVALIDATED, f"the capture is invalid: {capture.broken}")
            if not capture.joined():
                raise Refused(UNJOINED, "work was forked from the capture and not joined")
            graph = self.handle()
            self._graphs[graph] = Graph(capture, self.order)
            return graph

    def instantiate(self, graph: int) -> int:
        with self.lock:
            made = self.handle()
            self._graphs[made] = self._graphs[graph]
            return made

    def launch(self, graph: int, stream: int) -> None:
        self.launched += 1
        with self.lock:
            if stream in self._captures:
                raise Refused(UNSUPPORTED, "the stand-in has no graphs within graphs")
            self.enqueue(stream, self._graphs[graph].run)

    def drop(self, graph: int) -> None:
        with self.lock:
            self._graphs.pop(graph, None)

    def _whole(self, capture: Capture) -> None:
        if capture.broken:
            raise Refused(INVALIDATED, f"the capture is invalid: {capture.broken}")
