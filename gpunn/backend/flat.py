"""Launches over flat vectors (an optimizer's update), cut where earlier launches wrote the pieces.

The update of a weight can then follow the sum of its gradient at once, on the core and out of the cache that hold it, and needs to wait for
no other weight's. Results are the same to the bit: these kernels treat every element alone.
"""

from collections.abc import Sequence
from typing import Any

from gpunn.backend.schedule import Node, root_of

Piece = tuple[int, int, int]  # first element, one past the last, rows of the launch that wrote it


def cut_flat(nodes: Sequence[Node]) -> list[Node]:
    """The same launches, flat ones in pieces."""
    out: list[Node] = []
    written: dict[int, list[tuple[int, int, int]]] = {}  # by memory: (address, one past the end, rows) of what aligned outputs wrote
    for node in nodes:
        for piece in _pieces(node, written):
            out.append(piece)
            for o, a in zip(piece.kernel.operands, piece.arguments, strict=True):
                if o.written and piece.kernel.aligned(o) and a.nbytes:
                    start = a.ctypes.data
                    written.setdefault(root_of(a), []).append((start, start + a.nbytes, piece.extent))
    return out


def _pieces(node: Node, written: dict[int, list[tuple[int, int, int]]]) -> list[Node]:
    full = flat_arrays(node)
    found: set[Piece] = set()
    for a in full:
        start, size = a.ctypes.data, a.itemsize
        for lo, hi, rows in written.get(root_of(a), ()):
            if lo >= start and hi <= start + a.nbytes:
                found.add(((lo - start) // size, (hi - start) // size, rows))
    return pieces(node, sorted(found))


def flat_arrays(node: Node) -> list[Any]:
    """The vectors of a launch that can be cut: of an elementwise kernel of nothing but vectors of one length and numbers."""
    full = [a for o, a in zip(node.kernel.operands, node.arguments, strict=True) if o.kind == "full"]
    others = {o.kind for o in node.kernel.operands} - {"full", "scalar", "const"}
    if node.kernel.formula is None or others or any(a.ndim != 1 or a.size != full[0].size for a in full):
        return []
    return full


def pieces(node: Node, found: Sequence[Piece]) -> list[Node]:
    """The launch in pieces, those found and the gaps between them; as it is where they cross, or there are none."""
    size = max((a.size for a in flat_arrays(node)), default=0)
    cut = _apart(found, size)
    return [node] if cut in ([], [(0, size, size)]) else [_part(node, *piece) for piece in cut]


def _apart(found: Sequence[Piece], size: int) -> list[Piece]:
    """Pieces without overlap that cover everything, or nothing when the writers' ranges cross."""
    out: list[Piece] = []
    at = 0
    for lo, hi, rows in found:
        if lo < at:
            if out and (lo, hi) == out[-1][:2]:  # written twice, in rows of different lengths: either will do
                continue
            return []
        if lo > at:
            out.append((at, lo, lo - at))
        out.append((lo, hi, rows))
        at = hi
    if at < size:
        out.append((at, size, size - at))
    return out


def _part(node: Node, lo: int, hi: int, rows: int) -> Node:
    def part(kind: str, a: Any) -> Any:
        return a[lo:hi].reshape(rows, -1) if kind == "full" else a

    arguments = [part(o.kind, a) for o, a in zip(node.kernel.operands, node.arguments, strict=True)]
    return Node(node.kernel, arguments, rows)
