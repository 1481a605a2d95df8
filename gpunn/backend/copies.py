"""A recorded program without copies that nobody needs: what is copied is made where it is copied to."""

from collections.abc import Callable, Sequence
from typing import Any

from gpunn.backend.hazards import Touch, conflict, touches
from gpunn.backend.schedule import Node
from gpunn.kernels.record import REGISTRY


def made_in_place(nodes: Sequence[Node], address: Callable[[Any], int], lasting: Sequence[Any] = ()) -> list[Node]:
    """The launches without those copies whose source is memory of this program alone (no part of the arrays `lasting`, which others read
    between two runs; written before it is read, and not touched after the copy) and whose target nobody touches from then on until the
    copy: what makes the source makes the target instead."""
    left = list(nodes)
    outlive = tuple(Touch(address(a), address(a) + a.nbytes, True) for a in lasting)
    touched = [touches(node, address) for node in left]
    i = 0
    while i < len(left):
        if left[i].kernel is REGISTRY["linear"] and (first := _made_by(left, touched, i, address, outlive)) is not None:
            source, target = left[i].arguments
            for k in range(first, i):
                pairs = zip(left[k].kernel.operands, left[k].arguments, strict=True)
                left[k].arguments[:] = [a if o.kind == "const" else _moved(a, source, target, address) for o, a in pairs]
                touched[k] = touches(left[k], address)
            del left[i], touched[i]
        else:
            i += 1
    return left


def _made_by(
    nodes: Sequence[Node], touched: Sequence[tuple[Touch, ...]], copy: int, address: Callable[[Any], int], outlive: tuple[Touch, ...]
) -> int | None:
    """The first launch that touches a copy's source, if the source can be where the target is."""
    (source, target), (read, written) = nodes[copy].arguments, touched[copy]
    mine, wanted = (Touch(read.start, read.end, True),), (Touch(written.start, written.end, True),)
    users = [k for k, t in enumerate(touched) if k != copy and conflict(mine, t)]
    if not users or users[-1] > copy or conflict(mine, wanted) or conflict(mine, outlive) or source.dtype != target.dtype:
        return None
    first = users[0]
    if any(t.start < read.end and read.start < t.end for t in _read(nodes[first], address)):
        return None  # it was there before
    within = all(t.start >= read.start and t.end <= read.end for k in users for t in touched[k] if conflict(mine, (t,)))
    return first if within and not any(conflict(wanted, touched[k]) for k in range(first, copy)) else None


def _read(node: Node, address: Callable[[Any], int]) -> list[Touch]:
    """What a launch reads; not what a product or a sum adds to, where it adds nothing."""
    operands = list(zip(node.kernel.operands, node.arguments, strict=True))
    blank = any(o.name == "add" and o.kind == "const" and a == 0 for o, a in operands)
    given = [a for o, a in operands if o.kind != "const" and o.read and not (o.written and blank)]
    return [Touch(address(a), address(a) + a.nbytes, False) for a in given if a.nbytes]


def _moved(value: Any, source: Any, target: Any, address: Callable[[Any], int]) -> Any:
    """An operand, or the same part of the target where it is a part of the source."""
    at = (address(value) - address(source)) // source.itemsize
    if not value.nbytes or not 0 <= at < source.size:
        return value
    return target.reshape(-1)[at : at + value.size].reshape(value.shape)
