"""Sums over the rows of tall matrices on a device: a launch over columns alone would leave most multiprocessors idle.

The rows are cut into parts, each summed by blocks of its own into a row of partial sums (`Many`: a part is a replica, so to speak), and
these are joined by one more launch, in their order. How many parts there are follows from shapes and device alone, so results do not change
from run to run.
"""

from collections.abc import Sequence
from typing import Any

from gpunn.backend.many import Many
from gpunn.backend.schedule import Node
from gpunn.kernels.device import Properties
from gpunn.kernels.group_norms import GROUP_SUMS
from gpunn.kernels.record import bytes_moved, columns_of, rows_of
from gpunn.kernels.reductions import COLUMN_SUM, JOIN_MOMENTS, MOMENTS, NORMALIZE_SUMS
from gpunn.kernels.shared_axes import PRELU_SUM
from gpunn.kernels.step import is_gradient_sum

LEAST_ROWS = 256  # of a part: fewer, and a block has hardly begun
STRIP, SECTOR = 32, 8  # columns that a block takes; the fewest, where it has no others beside it
WAVES = 2  # blocks for each multiprocessor
NEAR = 1 << 16  # bytes of a strip that are read twice: as many stay in the first-level cache
MOST_PARTS = 4096
RATE = 3e10  # bytes a second that one multiprocessor reads, about
LAUNCH = 1.5e-6  # seconds that one more launch costs, about; both estimates are still to be measured


def cut(nodes: Sequence[Node], ops: Any) -> list[Node]:
    """The same launches; of tall matrices, in parts."""
    return [launch for node in nodes for launch in (_parts(node, ops) if _sums(node) else [node])]


def _sums(node: Node) -> bool:
    kernel = node.kernel
    own = kernel in (COLUMN_SUM, MOMENTS, NORMALIZE_SUMS, PRELU_SUM, GROUP_SUMS) or is_gradient_sum(kernel)
    return own and getattr(node, "count", 1) == 1


def pays(rows: int, columns: int, moved: int, device: Properties) -> bool:
    """Whether parts are worth another launch: by the bytes that each multiprocessor has to read without them and with them."""
    blocks = (-(-columns // SECTOR), -(-columns // STRIP) * (rows // LEAST_ROWS))
    busy, after = (min(max(b, 1), device.multiprocessors) for b in blocks)
    return moved / RATE * (1 / busy - 1 / after) > LAUNCH


def rows_of_part(rows: int, columns: int, device: Properties, multiple: int = 1) -> int:
    """Rows of a part, a multiple of `multiple`; the last may have fewer."""
    parts = min(rows // LEAST_ROWS, -(-WAVES * device.multiprocessors // -(-columns // STRIP)))
    return -(-rows // max(1, parts * multiple)) * multiple


def _parts(node: Node, ops: Any) -> list[Node]:
    kernel, x = node.kernel, node.arguments[0]
    rows, columns = rows_of(x), columns_of(x)
    places = int(node.arguments[4]) if kernel is GROUP_SUMS else 1
    if not pays(rows, columns, bytes_moved(kernel, node.arguments), ops.properties):
        return [node]
    part = rows_of_part(rows, columns, ops.properties, places)
    if kernel is MOMENTS:
        part = min(part, max(NEAR // (STRIP * x.dtype.itemsize), -(-rows // MOST_PARTS)))
    count = -(-rows // part)
    if count < 2:
        return [node]
    outputs = [i for i, o in enumerate(kernel.operands) if o.written and o.kind == "row"]
    add = next((i for i, o in enumerate(kernel.operands) if o.name == "add"), None)
    partial = {i: ops.empty((count, columns), x.dtype) for i in outputs}
    full = rows // part
    launches: list[Node] = [_part(node, partial, add, part, 0, part, places, full)]
    if full < count:
        launches.append(_part(node, partial, add, part, full, rows - full * part, places, 1))
    if kernel is MOMENTS:
        means, variances = (partial[i] for i in outputs)
        return [*launches, Node(JOIN_MOMENTS, [means, variances, part, rows, *node.arguments[1:]], columns)]
    more = 0.0 if add is None else node.arguments[add]
    return launches + [Node(COLUMN_SUM, [partial[i], more, node.arguments[i]], columns) for i in outputs]


def _part(node: Node, partial: dict[int, Any], add: int | None, part: int, first: int, rows: int, places: int, count: int) -> Node:
    """The launch over `count` parts of so many rows each, from part `first` on."""
    kernel, tall = node.kernel, rows_of(node.arguments[0])
    arguments, steps = list(node.arguments), [0] * len(node.arguments)
    for i, (o, a) in enumerate(zip(kernel.operands, node.arguments, strict=True)):
        if i in partial:
            arguments[i], steps[i] = partial[i][first], partial[i].shape[1]
        elif o.kind in ("full", "whole"):  # as many rows as x, or one for so many of its
            each = 1 if rows_of(a) == tall else places
            arguments[i], steps[i] = a[first * part // each :][: rows // each], part // each * columns_of(a)
    if add is not None:
        arguments[add] = 0.0
    return Many(kernel, arguments, node.extent, count=count, steps=tuple(steps), together=count)
