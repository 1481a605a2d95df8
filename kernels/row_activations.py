"""Activations of a whole row beside softmax: log-softmax, sparsemax, the gated linear unit; and the turn that brings another axis last."""

import numpy as np

from gpunn.kernels import vector_math
from gpunn.kernels.activations import sigmoid
from gpunn.kernels.cuda_text import cuda_kernel
from gpunn.kernels.formula import Formula
from gpunn.kernels.record import Kernel, columns_of, first_rows, matrix, parse, register


def _log_softmax_reference(z, y):
    shifted = matrix(z) - matrix(z).max(axis=1, keepdims=True)
    matrix(y)[...] = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def _log_softmax_native(z, y, lo, hi, scratch):
    for i in range(lo, hi):
        top = vector_math.largest(z[i])
        total = z.dtype.type(0)
        for j in range(z.shape[1]):
            total += vector_math.exp(z[i, j] - top)
        top += np.log(total)
        for j in range(z.shape[1]):
            y[i, j] = z[i, j] - top


def _log_softmax_bwd_reference(dy, y, dx):
    dy, y = matrix(dy), matrix(y)
    matrix(dx)[...] = dy - np.exp(y) * dy.sum(axis=1, keepdims=True)


def _log_softmax_bwd_native(dy, y, dx, lo, hi, scratch):
    for i in range(lo, hi):
        total = y.dtype.type(0)
        for j in range(y.shape[1]):
            total += dy[i, j]
        for j in range(y.shape[1]):
            dx[i, j] = dy[i, j] - vector_math.exp(y[i, j]) * total


def _sparsemax_reference(z, y):
    """Martins & Astudillo 2016, algorithm 1: by the sorted row."""
    z = matrix(z) - matrix(z).max(axis=1, keepdims=True)
    ordered = -np.sort(-z, axis=1)
    sums = np.cumsum(ordered, axis=1) - 1
    count = (ordered * np.arange(1, z.shape[1] + 1) > sums).sum(axis=1, keepdims=True)
    level = np.take_along_axis(sums, np.maximum(count - 1, 0), axis=1) / np.maximum(count, 1)
    matrix(y)[...] = np.maximum(z - level, 0)


def _sparsemax_native(z, y, lo, hi, scratch):
    """Without sorting (Michelot 1986): what lies below the level goes, and the level rises, until nothing goes. It starts at the top less
    1, as no row of y sums to more."""
    zero, one = z.dtype.type(0), z.dtype.type(1)
    for i in range(lo, hi):
        top, level, count = vector_math.largest(z[i]), -one, z.dtype.type(z.shape[1] + 1)
        while True:
            total, left = -one, zero
            for j in range(z.shape[1]):
                v = z[i, j] - top
                total += v if v > level else zero
                left += one if v > level else zero
            if left == count:
                break
            count, level = left, total / left
            if left == zero:  # not a number, or infinite
                break
        for j in range(z.shape[1]):
            y[i, j] = np.maximum(z[i, j] - top - level, zero)


def _sparsemax_bwd_reference(dy, y, dx):
    dy, on = matrix(dy), matrix(y) > 0
    matrix(dx)[...] = np.where(on, dy - np.where(on, dy, 0).sum(axis=1, keepdims=True) / np.maximum(on.sum(axis=1, keepdims=True), 1), 0)


def _sparsemax_bwd_native(dy, y, dx, lo, hi, scratch):
    zero = y.dtype.type(0)
    for i in range(lo, hi):
        total, count = zero, 0
        for j in range(y.shape[1]):
            if y[i, j] > zero:
                total += dy[i, j]
                count += 1
        mean = total / y.dtype.type(max(count, 1))
        for j in range(y.shape[1]):
            dx[i, j] = dy[i, j] - mean if y[i, j] > zero else zero


def _record(name: str, signature: str, reference, native, cost: float) -> Kernel:
    return register(
        Kernel(
            name=name, operands=parse(signature), extent=first_rows, reference=reference, native=native, family=name.removesuffix("_bwd"),
            cuda=cuda_kernel("row_activations.cu", name), geometry="warps", cost=lambda z, *a: cost * columns_of(z),
        )
    )


LOG_SOFTMAX = _record("log_softmax", "z -> y", _log_softmax_reference, _log_softmax_native, 1.0)
LOG_SOFTMAX_BWD = _record("log_softmax_bwd", "dy, y -> dx", _log_softmax_bwd_reference, _log_softmax_bwd_native, 1.0)
SPARSEMAX = _record("sparsemax", "z -> y", _sparsemax_reference, _sparsemax_native, 5.0)
SPARSEMAX_BWD = _record("sparsemax_bwd", "dy, y -> dx", _sparsemax_bwd_reference, _sparsemax_bwd_native, 1.0)


# ---------------------------------------------------------------------- the gated linear unit: the first half, gated by the second
def gated(a, b):
    return a * sigmoid(b)


def gated_bwd(dy, a, b):
    s = sigmoid(b)
    return dy * s, dy * a * s * (1.0 - s)


_GATED, _GATED_BWD = Formula(gated), Formula(gated_bwd)
_SPACE: dict = {"np": np}
for _formula in dict.fromkeys((*_GATED.closure(), *_GATED_BWD.closure())):
    exec(_formula.python("numpy"), _SPACE)


def _glu_reference(x, y):
    x, half = matrix(x), columns_of(y)
    with np.errstate(over="ignore"):
        matrix(y)[...] = _SPACE["gated"](x[:, :half], x[:, half:])


def _glu_bwd_reference(dy, x, dx):
    dy, x, dx, half = matrix(dy), matrix(x), matrix(dx), columns_of(dy)
    with np.errstate(over="ignore"):
        dx[:, :half], dx[:, half:] = _SPACE["gated_bwd"](dy, x[:, :half], x[:, half:])


def _native(formula: Formula, *body: str) -> str:
    return "\n".join([*("@inlined\n" + f.python("numba") for f in formula.closure()), *body])


_AHEAD = "from gpunn.kernels.ahead_native import ask, rows_ahead"
GLU = register(
    Kernel(
        name="glu", operands=parse("x -> y"), extent=first_rows, reference=_glu_reference, family="glu", formulas=tuple(_GATED.closure()),
        native_text=_native(
            _GATED, _AHEAD, "def body(x, y, lo, hi, scratch):", "    half, ahead = y.shape[1], rows_ahead(x, x.shape[1])",
            "    for i in range(lo, hi):", "        ask(x, i + ahead, 0, x.shape[1])",
            # slices, so that LLVM sees that the halves are apart and makes vectors
            "        a, b, t = x[i, :half], x[i, half:], y[i]", "        for j in range(half):", "            t[j] = gated(a[j], b[j])",
        ),
        cuda=cuda_kernel("row_activations.cu", "glu"), geometry="rows", per_thread=4, cost=lambda x, y: 0.5 * columns_of(y),
    )
)
GLU_BWD = register(
    Kernel(
        name="glu_bwd", operands=parse("dy, x -> dx"), extent=first_rows, reference=_glu_bwd_reference, family="glu",
        formulas=tuple(_GATED_BWD.closure()),
        native_text=_native(
            _GATED_BWD, _AHEAD, "def body(dy, x, dx, lo, hi, scratch):", "    half, ahead = dy.shape[1], rows_ahead(x, x.shape[1])",
            "    for i in range(lo, hi):", "        ask(x, i + ahead, 0, x.shape[1])", "        ask(dy, i + ahead, 0, half)",
            "        d, a, b, da, db = dy[i], x[i, :half], x[i, half:], dx[i, :half], dx[i, half:]",
            "        for j in range(half):", "            da[j], db[j] = gated_bwd(d[j], a[j], b[j])",
        ),
        cuda=cuda_kernel("row_activations.cu", "glu_bwd"), geometry="rows", per_thread=2, cost=lambda dy, x, dx: 0.8 * columns_of(dy),
    )
)


# ---------------------------------------------------------------------- (rows, n, inner) -> (rows, inner, n)
def _turn_reference(x, inner, y):
    x, y = matrix(x), matrix(y)
    y[...] = x.reshape(x.shape[0], x.shape[1] // inner, inner).transpose(0, 2, 1).reshape(y.shape)


def _turn_native(x, inner, y, lo, hi, scratch):
    n = x.shape[1] // inner[0]
    for row in range(lo, hi):
        for i in range(inner[0]):
            for k in range(n):
                y[row, i * n + k] = x[row, k * inner[0] + i]


TURN = register(
    Kernel(
        name="turn", operands=parse("x, inner:const:i8 -> y"), extent=first_rows, reference=_turn_reference, native=_turn_native,
        cuda=cuda_kernel("row_activations.cu", "turn"), family="turn", cost=lambda x, *a: 1.0 * columns_of(x),
    )
)
