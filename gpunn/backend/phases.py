"""A recorded step as phases of independent launches, for one kernel that holds them all; see `kernels.persistent`.

The launches are fused by rules of their own: inside a kernel no library can be called, so a product is one of ours, and takes in the
elementwise kernel behind it.
"""

from collections.abc import Sequence
from typing import Any

from gpunn.backend import fuse_nodes
from gpunn.backend.fuse_nodes import Program, Replacement, node_of
from gpunn.backend.hazards import Address, Touch, conflict, touches
from gpunn.backend.products import TRANSPOSES
from gpunn.backend.schedule import Node
from gpunn.kernels import gemm, products
from gpunn.kernels.device import Properties
from gpunn.kernels.record import Kernel, matrix

KINDS = {kernel: kind for kind, kernel in (("nn", gemm.GEMM_NN), ("nt", gemm.GEMM_NT), ("tn", gemm.GEMM_TN))}


def fused(nodes: Sequence[Node], ops: Any) -> list[Node]:
    """The launches that a kernel of our own would hold."""
    rules = (
        fuse_nodes.gather_with_labels, fuse_nodes.loss_with_hits, product_with_elementwise, product_alone, fuse_nodes.finish_step,
    )  # fmt: skip
    return fuse_nodes.fuse(nodes, ops, rules).nodes


def product_with_elementwise(program: Program) -> Replacement | None:
    """A product and the elementwise kernel that alone needs it, or that writes in its place."""
    for i, node in program.find(*KINDS):
        a, b, add, z = node.arguments
        for j in range(i + 1, len(program.nodes)) if not add else ():
            then, values = program.nodes[j].kernel, program.nodes[j].arguments
            place = _place(program, then, values, z)
            if place is None or not program.may_move(i, j, (j,)):
                continue
            y = values[-1]
            if (program.same(y, z) or program.private(z, (i, j))) and not _overlap(program, y, a, b):
                others = [v for k, v in enumerate(values[:-1]) if k != place]
                kernel = products.product_then(KINDS[node.kernel], _tile(program, node), then, place)
                return (i, j), j, node_of(kernel, a, b, _inner(node), *others, y)
    return None


def product_alone(program: Program) -> Replacement | None:
    for i, node in program.find(*KINDS):
        a, b, add, z = node.arguments
        kernel = products.product(KINDS[node.kernel], _tile(program, node))
        return (i,), i, node_of(kernel, a, b, _inner(node), add, z)
    return None


def _place(program: Program, then: Kernel, values: Sequence[Any], z: Any) -> int | None:
    """Which operand of an elementwise kernel the product is, where the kernel can be done of each value of the product."""
    if then.formula is None:
        return None
    arrays = [(k, o, v) for k, (o, v) in enumerate(zip(then.operands, values, strict=True)) if o.kind != "const"]
    places = [k for k, o, v in arrays if o.read and program.same(v, z)]
    if len(places) != 1 or not products.can_follow(then, places[0]):
        return None
    full = [v for _, o, v in arrays if o.kind == "full"]
    y = values[-1]
    apart = all(program.same(v, y) or not _overlap(program, y, v) for k, o, v in arrays if o.read and k != places[0])
    alike = all(matrix(v).shape == matrix(z).shape and v.dtype == z.dtype for v in full)
    return places[0] if apart and alike else None


def _overlap(program: Program, written: Any, *others: Any) -> bool:
    """Whether an array shares memory with one of the others: blocks would read there what other blocks have written already."""
    address = program.ops.address
    start = address(written)
    mine = (Touch(start, start + written.nbytes, True),)
    return any(conflict(mine, (Touch(address(x), address(x) + x.nbytes, False),)) for x in others)


def _inner(node: Node) -> int:
    a = matrix(node.arguments[0])
    return a.shape[0] if TRANSPOSES[node.kernel.name][0] else a.shape[1]


def _tile(program: Program, node: Node) -> tuple[int, int]:
    device: Properties = program.ops.properties
    rows, columns = matrix(node.arguments[3]).shape
    return products.best_tile(rows, columns, _inner(node), device.persistent_threads, device.multiprocessors)


# ---------------------------------------------------------------------- phases
def phases(nodes: Sequence[Node], address: Address) -> tuple[list[list[Node]], bool]:
    """-> (the launches phase by phase, whether the first phase may run beside the last one of the step before).

    A launch is in the first phase in which nothing that it must wait for is left. The first phase can be carried where it does not touch
    what the last one writes, nor the other way round: all else of the step before has ended by then.
    """
    touched = [touches(n, address) for n in nodes]
    at: list[int] = []
    for i, mine in enumerate(touched):
        at.append(max((at[j] + 1 for j in range(i) if conflict(mine, touched[j])), default=0))
    count = max(at, default=-1) + 1
    out = [[n for n, p in zip(nodes, at, strict=True) if p == phase] for phase in range(count)]
    first, last = ([t for t, p in zip(touched, at, strict=True) if p == phase] for phase in (0, count - 1))
    return out, count > 1 and not any(conflict(a, b) for a in first for b in last)


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
        arrays = [(o, a) for o, a in zip(node.kernel.operands, node.arguments, strict=True) if o.kind != "const" and a.nbytes]
        assigned = _assigned(node)
        whole = [Touch(address(a), address(a) + a.nbytes, o.written) for o, a in arrays]
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
