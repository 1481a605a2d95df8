"""The launches of a step that one kernel of our own holds; see `persistent`.

They are fused by rules of their own: inside a kernel no library can be called, so a product is one of ours, and takes in the elementwise
kernel behind it. So does the sum of a bias's gradient. An optimizer's update is cut into the pieces that these make: then it runs within
them, and gradients need not be stored but in the last step of a run, after which somebody may look at them.
"""

from collections.abc import Sequence
from typing import Any

from gpunn.backend import flat, fuse_nodes
from gpunn.backend.fuse_nodes import Program, Replacement, node_of
from gpunn.backend.hazards import Touch, conflict
from gpunn.backend.products import TRANSPOSES
from gpunn.backend.schedule import Node
from gpunn.kernels import gemm, products
from gpunn.kernels.device import Properties
from gpunn.kernels.endings import Ending, can_end
from gpunn.kernels.record import Kernel, matrix
from gpunn.kernels.reductions import COLUMN_SUM, column_sum_then

KINDS = {kernel: kind for kind, kernel in (("nn", gemm.GEMM_NN), ("nt", gemm.GEMM_NT), ("tn", gemm.GEMM_TN))}
LAST = 1.0  # the number that stands for "in the last step of a run"; see `gpunn.kernels.persistent`


def fused(nodes: Sequence[Node], ops: Any, cut: bool = True) -> list[Node]:
    """The launches that a kernel of our own would hold; `cut`: with updates in pieces, which are more launches in fewer phases."""
    rules = (fuse_nodes.gather_with_labels, fuse_nodes.loss_with_hits, made_and_ended, product_alone, fuse_nodes.finish_step)
    return fuse_nodes.fuse(cut_updates(nodes, ops) if cut else nodes, ops, rules).nodes


def cut_updates(nodes: Sequence[Node], ops: Any) -> list[Node]:
    """The same launches; those over flat vectors are in pieces where a product or a sum makes what they alone read there."""
    program = Program(nodes, ops)
    return [piece for j, node in enumerate(nodes) for piece in flat.pieces(node, _made_for(program, j))]


def _made_for(program: Program, j: int) -> list[flat.Piece]:
    node = program.nodes[j]
    if not flat.flat_arrays(node):
        return []
    for place, g in enumerate(node.arguments):
        if not can_end(node.kernel, place):
            continue
        found, start = [], program.ops.address(g)
        for i, maker in program.find(*KINDS, COLUMN_SUM):
            *_, add, z = maker.arguments
            lo = program.ops.address(z) - start
            if i < j and not add and 0 <= lo and lo + z.nbytes <= g.nbytes and z.size and program.private(z, (i, j)):
                found.append((lo // g.itemsize, (lo + z.nbytes) // g.itemsize, z.shape[0]))
        if found:
            return sorted(found)
    return []


# ---------------------------------------------------------------------- rules
def made_and_ended(program: Program) -> Replacement | None:
    """A product or a column sum, and the elementwise kernel that alone needs it, or that writes in its place."""
    for i, node in program.find(*KINDS, COLUMN_SUM):
        *sources, add, z = node.arguments
        for j in range(i + 1, len(program.nodes)) if not add else ():
            then, values = program.nodes[j].kernel, program.nodes[j].arguments
            place = _place(program, then, values, z)
            if place is None or not program.may_move(i, j, (j,)):
                continue
            written = [v for o, v in zip(then.operands, values, strict=True) if o.written]
            mine = program.private(z, (i, j)) or any(program.same(y, z) for y in written)
            if not mine or any(_overlap(program, y, *sources) for y in written):
                continue
            others = [v for k, v in enumerate(values) if k != place] + ([LAST, z] if Ending(then, place).update else [])
            if node.kernel is not COLUMN_SUM:
                kernel = products.product_then(KINDS[node.kernel], _tile(program, node), then, place)
                return (i, j), j, node_of(kernel, *sources, _inner(node), *others)
            if all(o.kind in ("full", "scalar", "const") for o in then.operands):
                return (i, j), j, node_of(column_sum_then(then, place), *sources, *others)
    return None


def product_alone(program: Program) -> Replacement | None:
    for i, node in program.find(*KINDS):
        a, b, add, z = node.arguments
        kernel = products.product(KINDS[node.kernel], _tile(program, node))
        return (i,), i, node_of(kernel, a, b, _inner(node), add, z)
    return None


def _place(program: Program, then: Kernel, values: Sequence[Any], z: Any) -> int | None:
    """Which operand of an elementwise kernel the array made is, where the kernel can be done of each of its values."""
    if then.formula is None:
        return None
    arrays = [(k, o, v) for k, (o, v) in enumerate(zip(then.operands, values, strict=True)) if o.kind != "const"]
    places = [k for k, o, v in arrays if o.read and program.same(v, z)]
    if len(places) != 1 or not can_end(then, places[0]):
        return None
    full = [v for _, o, v in arrays if o.kind == "full"]
    written, read = [v for _, o, v in arrays if o.written], [v for k, o, v in arrays if o.read and k != places[0]]
    apart = all(program.same(v, y) or not _overlap(program, y, v) for y in written for v in read)
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
