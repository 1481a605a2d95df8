"""A recorded step on a device: what runs of it, and how."""

from typing import Any

from gpunn.backend import fuse_nodes, lanes, products, tall, words
from gpunn.backend.choice import Choice, choose
from gpunn.backend.schedule import Node

STEPS_PER_GRAPH = 16  # steps captured together: the gaps between graphs vanish


class DeviceProgram:
    """A recorded step. Its launches are fused once; it is captured at its first run, alone and several steps long, or it runs as one
    kernel that holds many steps, where that is faster (see `choice`).

    ``nodes`` are the launches as they were recorded, ``launches`` those that run. Both keep every array a graph refers to.
    """

    repeated = False

    def __init__(self, ops: Any):
        self._ops = ops
        self._choice: Choice | None = None
        self.nodes: list[Node] = []
        self._launches: list[Node] | None = None
        self._plan: list[lanes.Placed] | None = None
        self._graphs: dict[int, Any] = {}

    @property
    def launches(self) -> list[Node]:
        if self._launches is None:
            program = fuse_nodes.fuse(self.nodes, self._ops)
            if self._ops.light is not None:
                products.plan(program)
            self._launches = words.merge(tall.cut(program.nodes, self._ops), self._ops)
        return self._launches

    @property
    def plan(self) -> "list[lanes.Placed]":
        if self._plan is None:
            self._plan = lanes.place(self.launches, self._ops.address, self._ops.fork)
        return self._plan

    def choice(self, try_it: bool = False) -> Choice:
        """Graph or persistent kernel; `try_it`: the step is about to run, and may be timed."""
        if self._choice is None or not (self._choice.settled or not try_it):
            self._choice = choose(self, self._ops, try_it)
        return self._choice

    def run(self, steps: int = 1) -> None:
        if steps > 0 and self.nodes and (kernel := self.choice(try_it=True).persistent) is not None:
            kernel.run(steps)
            return
        for size in (STEPS_PER_GRAPH, 1):
            while steps >= size and self.nodes:
                if size not in self._graphs:
                    self._graphs[size] = self._ops.capture_steps(self.plan, size)
                self._ops.replay(self._graphs[size])
                steps -= size

    def describe(self) -> list[str]:
        choice = self.choice()
        if choice.persistent is not None:
            return [f"recorded as {len(self.nodes)} launches; {choice.why}", *choice.persistent.describe()]
        path = sum(p.lane == lanes.MAIN for p in self.plan)
        lines = [f"{'beside, ' if p.lane else ''}node {i}: {p.node.kernel.name} x {p.node.extent}" for i, p in enumerate(self.plan)]
        return [f"recorded as {len(self.nodes)} launches; {len(self.plan)} run, {path} of them one after another; {choice.why}", *lines]
