"""Places in rows: the order of a row's elements, what stands at places, and back. Places are whole numbers of the floating type."""

import math

import numpy as np

from gpunn.kernels.cuda_text import cuda_kernel
from gpunn.kernels.record import Kernel, columns_of, first_rows, matrix, parse, register


def _record(name: str, signature: str, reference, cost, **more) -> Kernel:
    return register(
        Kernel(
            name=name, operands=parse(signature), extent=first_rows, reference=reference, geometry="rows", family="places",
            cuda=cuda_kernel("places.cu", name), cost=cost, **more,
        )
    )


def _order_reference(x, at):
    matrix(at)[...] = np.argsort(matrix(x), axis=1, kind="stable")


def _order_room(x, at) -> int:
    """Bytes: a row's elements and their places, twice."""
    return 2 * columns_of(x) * (x.itemsize + 4) + 4 * 64


def _at_places_reference(x, at, width, y):
    places = np.clip(matrix(at).astype(np.int64), 0, columns_of(x) - 1)
    matrix(y)[...] = np.take_along_axis(matrix(x), places, axis=1)


def _at_places_native(x, at, width, y, lo, hi, scratch):
    for i in range(lo, hi):
        for t in range(width[0]):
            y[i, t] = x[i, min(max(np.int64(at[i, t]), 0), x.shape[1] - 1)]


def _from_places_reference(dy, at, width, dx):
    rows, places = matrix(dx), np.clip(matrix(at).astype(np.int64), 0, columns_of(dx) - 1)
    rows[...] = 0
    np.add.at(rows, (np.arange(len(rows))[:, None], places), matrix(dy))


def _from_places_native(dy, at, width, dx, lo, hi, scratch):
    dx[lo:hi] = dx.dtype.type(0)
    for i in range(lo, hi):
        for t in range(dy.shape[1]):
            dx[i, min(max(np.int64(at[i, t]), 0), width[0] - 1)] += dy[i, t]


# at[i] = the places of row i from its smallest element to its largest: equal ones as they stand, what is no number behind all
ORDER = _record(
    "order", "x -> at", _order_reference, lambda x, at: 5.0 * columns_of(x) * math.log2(columns_of(x) + 2),
    native_text="from gpunn.kernels.places_native import order as body", scratch=_order_room,
)
# y[i, t] = x[i, at[i, t]], of `width` places a row; a place beyond the row is its end
AT_PLACES = _record(
    "at_places", "x, at, width:const:i8 -> y", _at_places_reference, lambda x, at, *a: 1.0 * columns_of(at), native=_at_places_native,
)
# dx[i, j] = the sum of dy[i, t] over the t with at[i, t] = j, in their order; dx has rows of `width`
FROM_PLACES = _record(
    "from_places", "dy, at, width:const:i8 -> dx", _from_places_reference,
    lambda dy, at, width, dx: 1.0 * (columns_of(dy) + columns_of(dx)), native=_from_places_native,
)
