"""Two streams for one step: weight gradients beside the chain of input gradients.

A launch off the chain goes to the side lane. Where a launch of one lane touches memory that a launch of the other wrote (or writes what
the other read), it waits for a mark there; nothing else is ordered between the lanes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from gpunn.backend.hazards import Address, conflict, touches
from gpunn.backend.schedule import Node
from gpunn.kernels.gemm import GEMM_TN

MAIN, SIDE = 0, 1
COPY = 2  # uploads beside the steps: never part of one
BESIDE = {GEMM_TN.name, "column_sum", "accumulate", "finish", "finish_adam"}  # what nothing on the chain of gradients needs


@dataclass
class Placed:
    """A launch in its lane. ``after``: the launch of the other lane whose mark it waits for; ``marked``: somebody waits for it."""

    node: Node
    lane: int = MAIN
    after: int | None = None
    marked: bool = field(default=False)


def place(nodes: Sequence[Node], address: Address, fork: bool) -> list[Placed]:
    """Give every launch its lane and its waits. A lone launch beside the chain is not worth two waits: then all stay on the main lane."""
    placed = [Placed(n, SIDE if fork and beside(n) else MAIN) for n in nodes]
    if not any(p.node.kernel.name.startswith(GEMM_TN.name) for p in placed):
        return [Placed(n) for n in nodes]
    _last_to_main(placed, address)
    touched = [touches(n, address) for n in nodes]
    waited = {MAIN: -1, SIDE: -1}  # the latest launch of the other lane that this lane has waited for
    for i, p in enumerate(placed):
        others = [j for j in range(i) if placed[j].lane != p.lane and conflict(touched[i], touched[j])]
        if others and others[-1] > waited[p.lane]:
            p.after = waited[p.lane] = others[-1]
            placed[p.after].marked = True
    return placed


def beside(node: Node) -> bool:
    name = node.kernel.name
    return name in BESIDE or name.startswith(GEMM_TN.name)


def _last_to_main(placed: list[Placed], address: Address) -> None:
    """The last product of the side lane ends the chain itself: the main lane has nothing else to do meanwhile."""
    last = max((i for i, p in enumerate(placed) if p.lane == SIDE and p.node.kernel.name.startswith(GEMM_TN.name)), default=None)
    if last is not None and all(p.lane == SIDE or i < last for i, p in enumerate(placed) if _is_product(p)):
        placed[last].lane = MAIN


def _is_product(p: Placed) -> bool:
    return p.node.kernel.name.startswith("gemm")
