"""The first layer of a training step on small batches, split by its inputs: each core keeps its part of the weights.

Split by rows of the batch, every core reads all the weights in every step, and each has just been changed by one of them. Split by the
layer's inputs, a core gathers its columns of the batch, multiplies them with its rows of the weights, and later sums the gradient of the
same rows and updates them: weights and moments never leave its cache. What travels is the batch's sums before the activation.
"""

from collections.abc import Sequence

import numpy as np

from gpunn.backend.schedule import Node, root_of
from gpunn.kernels.gemm import GEMM_NN
from gpunn.kernels.gemm_parts import GATHER_COLUMNS, GEMM_PARTS, SUM_PARTS, part_of
from gpunn.kernels.record import matrix

MOST_ROWS = 256  # a larger batch has more numbers than the weights it would spare
LEAST_WEIGHTS = 1 << 16  # fewer fit every core's cache anyway


def split_first(nodes: Sequence[Node]) -> list[Node]:
    """The same launches; where it pays, with the product that follows the gather in parts."""
    for j, product in enumerate(nodes):
        if product.kernel is GEMM_NN:
            i = next((i for i, n in enumerate(nodes[:j]) if _gathers(n, product)), None)
            if i is not None and _pays(product, nodes[j + 1 :]):
                return [*nodes[:i], _columns(nodes[i], product), *nodes[i + 1 : j], *_parts(product), *nodes[j + 1 :]]
            return list(nodes)
    return list(nodes)


def _gathers(node: Node, product: Node) -> bool:
    x = product.arguments[0]
    return node.kernel.name in GATHER_COLUMNS and node.arguments[-1].ctypes.data == x.ctypes.data and node.arguments[-1].nbytes == x.nbytes


def _pays(product: Node, after: Sequence[Node]) -> bool:
    """Whether this is a small batch against many weights that the step changes, and reads here only."""
    x, weights, add, _ = product.arguments
    if add or not 0 < len(x) <= MOST_ROWS or weights.size < LEAST_WEIGHTS:
        return False
    root, start, end = root_of(weights), weights.ctypes.data, weights.ctypes.data + weights.nbytes
    changed = False
    for node in after:
        for o, a in zip(node.kernel.operands, node.arguments, strict=True):
            if o.kind == "const" or root_of(a) != root or a.ctypes.data >= end or a.ctypes.data + a.nbytes <= start:
                continue
            along = node.kernel.aligned(o) and node.extent == weights.shape[0] and a.ctypes.data == start and a.nbytes == weights.nbytes
            if not o.written and not along:  # a penalty, say, may read the same rows on the same core
                return False
            changed = changed or o.written
    return changed


def _columns(gather: Node, product: Node) -> Node:
    x = product.arguments[0]
    return Node(GATHER_COLUMNS[gather.kernel.name], [*gather.arguments[:-1], x], x.shape[1])


def _parts(product: Node) -> tuple[Node, Node]:
    x, weights, _, out = product.arguments
    out = matrix(out)
    part = part_of(*x.shape)
    parts = np.empty((-(-x.shape[1] // part), *out.shape), out.dtype)
    return Node(GEMM_PARTS, [x, weights, part, parts], x.shape[1]), Node(SUM_PARTS, [parts, out], len(out))
