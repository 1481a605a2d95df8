"""A recorded step as phases of independent launches, for one kernel that holds them all; see `kernels.persistent`.

Between two phases all blocks of the grid meet. Two launches share a phase, too, where a block of the later one needs nothing but rows that
one block of the earlier one has made: the same block runs both, a chain, and only its own threads meet between.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from gpunn.backend.hazards import Address, Touch, conflict, same, touches
from gpunn.backend.schedule import Node
from gpunn.kernels.persistent import Launch, follows

Chain = list[Node]


@dataclass
class Phases:
    """``phases``: of each its chains, most of one launch; ``carried``: whether the first phase runs beside the last one of the step before;
    ``twice``: arrays of which steps must have two in turns for that: the first phase writes what the last one still reads."""

    phases: list[list[Chain]]
    carried: bool = False
    twice: list[Any] = field(default_factory=list)


def phases(nodes: Sequence[Node], ops: Any) -> Phases:
    """A launch is in the first phase in which nothing that it must wait for is left.

    When a phase is carried, all but the last one of the step before has ended: so only what that one touches matters. A launch of the first
    phase that conflicts with it is left to the second one, if that makes the step no longer; else what it writes must be there twice.
    """
    touched = [touches(n, ops.address) for n in nodes]
    plain = _placed(nodes, touched, ops, ())
    count = _count(plain)
    late: list[int] = []
    for i, _ in _clashes(touched, plain):
        if i not in late and _count(_placed(nodes, touched, ops, [*late, i])) == count:
            late.append(i)
    placed = _placed(nodes, touched, ops, late)
    twice = [_new_each_step(nodes, touched, touch, ops.address) for _, touch in _clashes(touched, placed)]
    if count < 2 or any(array is None for array in twice):
        return Phases(_grouped(nodes, plain))
    return Phases(_grouped(nodes, placed), True, list({ops.address(a): a for a in twice}.values()))


def _clashes(touched: Sequence[tuple[Touch, ...]], placed: Sequence[tuple[int, int]]) -> list[tuple[int, Touch]]:
    """Launches of the first phase, with what they touch of what the last phase touches, one of the two writing."""
    first, last = ([i for i, (p, _) in enumerate(placed) if p == phase] for phase in (0, _count(placed) - 1))
    return [(i, t) for i in first for t in touched[i] if any(conflict((t,), touched[j]) for j in last)]


def _placed(nodes: Sequence[Node], touched: Sequence[tuple[Touch, ...]], ops: Any, late: Sequence[int]) -> list[tuple[int, int]]:
    """(phase, launch that begins its chain) of each launch; those that are `late` are not in the first phase."""
    out: list[tuple[int, int]] = []
    for i, node in enumerate(nodes):
        before = [j for j in range(i) if conflict(touched[i], touched[j])]
        phase = max((out[j][0] for j in before), default=-1)
        near = [j for j in before if out[j][0] == phase]
        heads = {out[j][1] for j in near}
        if len(heads) == 1 and all(_row_by_row(nodes[j], node, ops.address) for j in near):
            (head,) = heads
            if follows(*(Launch(n.kernel, n.arguments) for n in (nodes[head], node)), ops.properties):
                out.append((phase, head))
                continue
        out.append((max(phase + 1, int(i in late)), i))
    return out


def _count(placed: Sequence[tuple[int, int]]) -> int:
    return max((phase for phase, _ in placed), default=-1) + 1


def _grouped(nodes: Sequence[Node], placed: Sequence[tuple[int, int]]) -> list[list[Chain]]:
    out: list[dict[int, Chain]] = [{} for _ in range(_count(placed))]
    for node, (phase, head) in zip(nodes, placed, strict=True):
        out[phase].setdefault(head, []).append(node)
    return [list(chains.values()) for chains in out]


def _row_by_row(one: Node, other: Node, address: Address) -> bool:
    """Whether two launches conflict in rows alone: row i of the one and row i of the other, of the same memory."""
    for o, a in _arrays(one):
        for p, b in _arrays(other):
            if not conflict((_touch(o, a, address),), (_touch(p, b, address),)):
                continue
            if not (o.kind in ("full", "col") and p.kind in ("full", "col") and same(a, b, address)):
                return False
    return True


def _new_each_step(nodes: Sequence[Node], touched: Sequence[tuple[Touch, ...]], one: Touch, address: Address) -> Any:
    """The array that a touch means, if a step writes it anew before it reads it, and touches it as a whole only; else None."""
    users = [(i, t) for i, mine in enumerate(touched) for t in mine if t.start < one.end and one.start < t.end]
    whole = all((t.start, t.end) == (one.start, one.end) for _, t in users)
    first = [(o, a) for o, a in _arrays(nodes[users[0][0]]) if address(a) == one.start]
    anew = all(o.written and not o.read and o.kind in ("full", "col") for o, _ in first)
    return first[0][1] if whole and anew else None


def _arrays(node: Node) -> list[tuple[Any, Any]]:
    return [(o, a) for o, a in zip(node.kernel.operands, node.arguments, strict=True) if o.kind != "const" and a.nbytes]


def _touch(o: Any, a: Any, address: Address) -> Touch:
    return Touch(address(a), address(a) + a.nbytes, o.written)


def written_bytes(nodes: Sequence[Node], address: Address) -> int:
    """Bytes that a step writes, each counted once: what must stay on the chip from phase to phase."""
    total, end = 0, 0
    for start, stop in sorted((t.start, t.end) for n in nodes for t in touches(n, address) if t.written):
        total += max(0, stop - max(start, end))
        end = max(end, stop)
    return total


def lasting(nodes: Sequence[Node], address: Address) -> list[Any]:
    """The arrays that a step takes over from the step before and leaves to the next: weights, moments, sums, counters."""
    reads: list[Touch] = []  # of what no launch of the step had written before
    writes: list[Touch] = []
    out: dict[int, Any] = {}
    for node in nodes:
        arrays = _arrays(node)
        assigned = _assigned(node)
        whole = [_touch(o, a, address) for o, a in arrays]
        reads += [t for (o, _), t in zip(arrays, whole, strict=True) if o.read and o.name != assigned and not conflict((t,), writes)]
        for (_, a), t in zip(arrays, whole, strict=True):
            if t.written and conflict((t,), reads) and (t.start not in out or out[t.start].nbytes < a.nbytes):
                out[t.start] = a
        writes += [t for t in whole if t.written]
    return list(out.values())


def _assigned(node: Node) -> str | None:
    """The operand behind a constant `add` of zero: it is written, and not added to."""
    operands = node.kernel.operands
    for o, following, value in zip(operands, operands[1:], node.arguments, strict=False):
        if o.name == "add" and o.kind == "const" and not value:
            return following.name
    return None
