"""Products with transposed weights, their weights transposed once a step.

A product with a transposed matrix reads it across, and every task of some rows transposes it again for itself. Where tasks have few rows
that costs more than the product; so it is transposed before, by the cores that hold its rows, and an ordinary product reads the result.
"""

from collections.abc import Sequence

import numpy as np

from gpunn.backend.schedule import Node
from gpunn.kernels.gemm import GEMM_NN, GEMM_NT
from gpunn.kernels.gemm_flipped import FLIP
from gpunn.kernels.record import matrix

ROWS = range(64, 1025)  # fewer make no more tasks than there are cores; tasks of more rows hardly feel it
LEAST_WEIGHTS = 1 << 16  # fewer stay in the cache of each core, where transposing them costs little


def flip_weights(nodes: Sequence[Node]) -> list[Node]:
    """The same launches, with the same bits."""
    out: list[Node] = []
    for node in nodes:
        if node.kernel is GEMM_NT and node.extent in ROWS and node.arguments[1].size >= LEAST_WEIGHTS:
            a, b, add, product = node.arguments
            b = matrix(b)
            flipped = np.empty(b.shape[::-1], b.dtype)
            out += [Node(FLIP, [b, flipped], len(b)), Node(GEMM_NN, [a, flipped, add, product], node.extent)]
        else:
            out.append(node)
    return out
