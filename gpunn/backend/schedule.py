"""From recorded kernel launches to phases of independent tasks.

Two launches conflict when they touch the same memory and one writes. If they meet only in aligned operands (row i of one needs row i of
the other), they form a chain that can run a few rows at a time; otherwise the later one waits for the whole of the earlier: the next
phase. What comes out for a dense network is what one would write by hand: all rows forward and backward, then all weight gradients, then
the update.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gpunn.kernels.record import Kernel

PIECE = 12_000.0  # nanoseconds a task should last at least: well above the cost of drawing it
PIECES_PER_THREAD = 4


@dataclass
class Node:
    """One launch: a kernel, its operands (arrays, numbers for constants), and the length of its axis."""

    kernel: Kernel
    arguments: list[Any]
    extent: int
    phase: int = 0
    chain: int = -1

    @property
    def cost(self) -> float:
        return self.kernel.cost(*self.arguments)

    @property
    def grain(self) -> int:
        grain = self.kernel.grain
        return grain if isinstance(grain, int) else grain(*self.arguments)


@dataclass(frozen=True)
class _Access:
    node: int
    start: int
    end: int
    aligned: bool
    written: bool
    pitch: float


def root_of(array: Any) -> int:
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array.ctypes.data


def place(nodes: Sequence[Node]) -> None:
    """Give every node its phase and its chain within the phase (see the module's text)."""
    seen: dict[int, list[_Access]] = {}
    chains: dict[int, list[int]] = {}
    fresh = 0
    for i, node in enumerate(nodes):
        accesses = []
        for o, a in zip(node.kernel.operands, node.arguments, strict=True):
            if o.kind != "const" and a.nbytes:
                start, aligned = a.ctypes.data, node.kernel.aligned(o)
                pitch = -a.itemsize if o.kind == "cols" else a.nbytes / max(node.extent, 1)
                accesses.append((root_of(a), _Access(i, start, start + a.nbytes, aligned, o.written, pitch)))
        phase, partners = 0, set()
        for root, mine in accesses:
            for other in seen.get(root, ()):
                if not (mine.written or other.written) or mine.end <= other.start or other.end <= mine.start:
                    continue
                before = nodes[other.node]
                together = mine.aligned and other.aligned and before.extent == node.extent
                together = together and mine.start == other.start and mine.pitch == other.pitch
                together = together or before.extent == node.extent == 1
                phase = max(phase, before.phase + (0 if together else 1))
                if together:
                    partners.add(other.node)
        node.phase = phase
        joined = {nodes[p].chain for p in partners if nodes[p].phase == phase}
        if not joined and phase == 0:  # nothing to wait for: ride along with rows of the same batch
            joined = {n.chain for n in nodes[:i] if n.phase == 0 and n.extent == node.extent}
        if joined:
            node.chain = min(joined)
            for other_chain in joined - {node.chain}:
                for member in chains.pop(other_chain):
                    nodes[member].chain = node.chain
                    chains[node.chain].append(member)
            chains[node.chain].append(i)
        else:
            node.chain, chains[fresh] = fresh, [i]
            fresh += 1
        for root, mine in accesses:
            seen.setdefault(root, []).append(mine)


@dataclass(frozen=True)
class Schedule:
    """``order``: nodes as they are laid out; ``tasks``: (first, end, lo, hi) over that order.

    ``queues[p, q]:queues[p, q + 1]`` are the tasks of phase p that thread q takes first: the same part of each axis in every phase.
    ``places``: where the nodes of the order stood among those that were given.
    """

    order: list[Node]
    tasks: np.ndarray
    queues: np.ndarray
    cost: float  # nanoseconds of one run on one core, estimated
    places: tuple[int, ...] = ()

    def of(self, nodes: Sequence[Node]) -> "Schedule | None":
        """The same for the launches of another model of the same architecture; None where they are not the same kernels on as many rows."""
        if len(nodes) != len(self.order):
            return None
        order = [nodes[i] for i in self.places]
        same = all(a.kernel is b.kernel and a.extent == b.extent for a, b in zip(order, self.order, strict=True))
        return Schedule(order, self.tasks, self.queues, self.cost, self.places) if same else None


def schedule(nodes: Sequence[Node], threads: int) -> Schedule:
    place(nodes)
    order: list[Node] = []
    tasks: list[tuple[int, int, int, int]] = []
    queues: list[list[int]] = []
    total = 0.0
    for phase in range(max((n.phase for n in nodes), default=-1) + 1):
        shares: list[list[tuple[float, tuple[int, int, int, int]]]] = [[] for _ in range(threads)]
        for chain in dict.fromkeys(n.chain for n in nodes if n.phase == phase):
            members = [n for n in nodes if n.phase == phase and n.chain == chain]
            first, extent = len(order), members[0].extent
            order += members
            unit = sum(n.cost for n in members)
            total += unit * extent
            for lo, hi in _cut(members, extent, unit, threads):
                shares[(lo + hi) * threads // (2 * extent + 1)].append((unit * (hi - lo), (first, len(order), lo, hi)))
        if any(shares):  # a phase without tasks would be nobody's to end
            offsets = [len(tasks)]
            for share in shares:
                tasks += [task for _, task in sorted(share, key=lambda piece: -piece[0])]  # the longest first: threads end together
                offsets.append(len(tasks))
            queues.append(offsets)
    places = {id(node): i for i, node in enumerate(nodes)}
    tables = np.array(tasks, np.int64).reshape(-1, 4), np.array(queues, np.int64).reshape(-1, threads + 1)
    return Schedule(order, *tables, total, tuple(places[id(node)] for node in order))


def _cut(members: Sequence[Node], extent: int, unit: float, threads: int) -> list[tuple[int, int]]:
    if extent == 0:
        return []
    grain = max(n.grain for n in members)
    count = max(1, min(int(unit * extent / PIECE), PIECES_PER_THREAD * max(threads, 2)))
    share = _rounded(extent / min(count, threads), grain)  # of a thread, then cut into pieces that another may take
    size = _rounded(share / max(1, count // threads), grain)
    ends = [min(first + share, extent) for first in range(0, extent, share)]
    return [(lo, min(lo + size, end)) for first, end in zip(range(0, extent, share), ends, strict=True) for lo in range(first, end, size)]


def _rounded(size: float, grain: int) -> int:
    return math.ceil(size / grain) * grain
