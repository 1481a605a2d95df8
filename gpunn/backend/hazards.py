"""Which launches must keep their order: those that touch the same memory, one of them writing."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from gpunn.backend.schedule import Node

Address = Callable[[Any], int]


@dataclass(frozen=True)
class Touch:
    """Bytes [start, end) that a launch reads or writes."""

    start: int
    end: int
    written: bool


def touches(node: Node, address: Address) -> tuple[Touch, ...]:
    out = []
    for o, a in zip(node.kernel.operands, node.arguments, strict=True):
        if o.kind != "const" and a.nbytes:
            start = address(a)
            out.append(Touch(start, start + a.nbytes, o.written))
    return tuple(out)


def conflict(one: Iterable[Touch], other: Sequence[Touch]) -> bool:
    return any((a.written or b.written) and a.start < b.end and b.start < a.end for a in one for b in other)


def same(a: Any, b: Any, address: Address) -> bool:
    """Whether two arrays are the same memory as a whole."""
    return a.nbytes == b.nbytes and address(a) == address(b)
