"""Matrix products. On a device a library does them; on a CPU they are tiles of registers over matrices packed just enough.

A block of rows of the left matrix is packed k by k beside the list of those k at which the block is not all zeros: the borders of an
image and many pixels of a batch are zero, and are skipped. (Adding an exact zero changes nothing, so the result does not depend on it;
only 0 times infinity or NaN counts as 0.) The right matrix is read in place, but where its rows are long: there a panel of its columns
is laid out, row behind row, for all blocks of rows that read it. One that is to be transposed is transposed so, panel by panel. The sum
over k runs in one order whatever the threads and the blocks, so results are the same to the bit.
"""

import numpy as np

from gpunn.kernels.record import Kernel, columns_of, matrix, parse, register, rows_of

BLOCK_ROWS = 128  # rows packed at a time
BLOCK_K = 1024  # terms that packed rows have room for; symmetric and recurrent products cut their sums here
PANEL_K = 256  # the others cut theirs here, so that a panel of the right matrix stays in the first-level cache, or nearly so
BLOCK_K_TN = 128  # the same where columns of the left matrix are packed


def _store(product, add, out):
    target = matrix(out)
    if add:
        target += product
    else:
        target[...] = product


def _nn_reference(a, b, add, out):
    if add:
        _store(matrix(a) @ matrix(b), add, out)
    else:
        np.matmul(matrix(a), matrix(b), out=matrix(out))


def _nt_reference(a, b, add, out):
    _store(matrix(a) @ matrix(b).T, add, out)


def _tn_reference(a, b, add, out):
    if add:
        _store(matrix(a).T @ matrix(b), add, out)
    else:
        np.matmul(matrix(a).T, matrix(b), out=matrix(out))


def _scratch(*arguments):
    """Packed rows, their index lists and one tile. Bytes, generous."""
    size = arguments[0].dtype.itemsize
    rows = BLOCK_ROWS + 16
    return rows * BLOCK_K * (size + 4) + 64 * 1024


def _kernel(name: str, signature: str, reference, native: str, extent, cost, grain: int) -> Kernel:
    text = f"from gpunn.kernels.gemm_native import {native} as body"
    return register(
        Kernel(
            name=name, operands=parse(signature), extent=extent, reference=reference, native_text=text,
            geometry="library", cost=cost, scratch=_scratch, grain=grain,
        )
    )


# out[r, :] = a[r, :] @ b
GEMM_NN = _kernel(
    "gemm_nn", "a, b:whole, add:const, out -> out", _nn_reference, "gemm_nn", lambda a, *r: rows_of(a),
    lambda a, b, *r: float(columns_of(a)) * columns_of(b) * 0.02, 16,
)
# out[r, :] = a[r, :] @ b.T
GEMM_NT = _kernel(
    "gemm_nt", "a, b:whole, add:const, out -> out", _nt_reference, "gemm_nt", lambda a, *r: rows_of(a),
    lambda a, b, *r: float(columns_of(a)) * rows_of(b) * 0.02, 16,
)
# out = a.T @ b, split over the rows of out, that is the columns of a
GEMM_TN = _kernel(
    "gemm_tn", "a:cols, b:whole, add:const, out -> out", _tn_reference, "gemm_tn", lambda a, *r: columns_of(a),
    lambda a, b, *r: float(rows_of(a)) * columns_of(b) * 0.02, 16,
)
