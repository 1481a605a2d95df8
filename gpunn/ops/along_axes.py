"""Sums, means and other numbers along axes, and products of matrices, under the names of ``keras.ops``.

Axis 0 of a symbolic tensor is the batch: what is summed over it (also with axis=None) is that of one batch, in `predict` as in training,
and differs from batch to batch.
"""

import math
import string
from typing import Any

import numpy as np

from gpunn.layers.graph import KerasTensor
from gpunn.ops import arithmetic as a
from gpunn.ops import reductions as r
from gpunn.ops import shaping
from gpunn.ops.one_type import as_floats, narrowed
from gpunn.ops.operation import apply, has_part, operand
from gpunn.ops.products import MATMUL


def sum(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The sum over the axes, all by default."""
    return apply(r.SUM, x, axis=axis, keepdims=keepdims)


def mean(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The mean over the axes, all by default."""
    return apply(r.MEAN, x, axis=axis, keepdims=keepdims)


def max(x: Any, axis: Any = None, keepdims: bool = False, initial: Any = None) -> Any:
    """The largest along the axes; its gradient is shared by those that are alike."""
    found = apply(r.LARGEST, x, axis=axis, keepdims=keepdims)
    return found if initial is None else a.maximum(found, initial)


def min(x: Any, axis: Any = None, keepdims: bool = False, initial: Any = None) -> Any:
    """The smallest along the axes."""
    if not has_part(x):
        found = np.min(np.asarray(x), axis=tuple(axis) if isinstance(axis, list) else axis, keepdims=keepdims)
        return found if initial is None else a.minimum(found, initial)
    found = a.negative(apply(r.LARGEST, a.negative(x), axis=axis, keepdims=keepdims))
    return found if initial is None else a.minimum(found, initial)


def all(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Whether all along the axes hold."""
    return a.logical_not(any(a.logical_not(x), axis, keepdims))


def any(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Whether one along the axes holds."""
    if not has_part(x):
        return np.any(np.asarray(x), axis=tuple(axis) if isinstance(axis, list) else axis, keepdims=keepdims)
    return a.cast(max(a.cast(a.cast(x, "bool"), "float32"), axis, keepdims), "bool")


def var(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The mean of the squared distances from the mean."""
    return mean(a.square(a.subtract(x, mean(x, axis, keepdims=True))), axis, keepdims)


def std(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The root of `var`."""
    return a.sqrt(var(x, axis, keepdims))


def moments(x: Any, axes: Any, keepdims: bool = False, **unused: Any) -> tuple[Any, Any]:
    """(mean, variance)."""
    return mean(x, axes, keepdims), var(x, axes, keepdims)


def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """The Euclidean norm over the axes; with `ord` 1 or infinity the sum or the largest of the sizes. On arrays NumPy's others, too; with
    an `ord` those of two axes are of matrices."""
    of_matrices = ord is not None and (shaping.ndim(x) == 2 if axis is None else isinstance(axis, (tuple, list)) and len(axis) == 2)
    if not has_part(x) and (of_matrices or ord not in (None, 2, 1, math.inf, np.inf)):
        return np.linalg.norm(as_floats(np.asarray(x)), ord, tuple(axis) if isinstance(axis, list) else axis, keepdims)
    x = as_floats(x)
    if of_matrices and ord not in ("fro", "euclidean"):
        raise ValueError(f"norm: expected ord None or 'fro' of two axes of a tensor. Received: ord={ord!r}.")
    if ord in (None, 2, "fro", "euclidean"):
        return a.sqrt(sum(a.square(x), axis, keepdims))
    if ord in (1, math.inf, np.inf):
        return (sum if ord == 1 else max)(a.abs(x), axis, keepdims)
    raise ValueError(f"norm: expected ord None, 1, 2 or infinity. Received: ord={ord!r}.")


def normalize(x: Any, axis: int = -1, order: Any = 2, epsilon: float | None = None) -> Any:
    """x divided by its `norm` along the axis, which is taken as at least `epsilon` (1e-7)."""
    x, least = as_floats(x), 1e-7 if epsilon is None else epsilon
    if order == 2:  # the root of nothing has no slope
        return a.multiply(x, a.rsqrt(a.maximum(sum(a.square(x), axis, keepdims=True), least**2)))
    return a.divide(x, a.maximum(norm(x, order, axis, keepdims=True), least))


def logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """log(sum(exp(x))) over the axes, without overflow."""
    top = a.stop_gradient(max(x, axis, keepdims=True))
    top = a.where(a.less(a.abs(top), math.inf), top, 0.0)  # infinity less infinity is no number
    found = a.add(a.log(sum(a.exp(a.subtract(x, top)), axis, keepdims=True)), top)
    return found if keepdims else shaping.squeeze_all(found, axis)


def softmax(x: Any, axis: int = -1) -> Any:
    """exp(x) in shares of its sum along the axis."""
    return apply(r.SOFTMAX, as_floats(x), axis=axis)


def log_softmax(x: Any, axis: int = -1) -> Any:
    """The logarithm of `softmax`."""
    return apply(r.LOG_SOFTMAX, as_floats(x), axis=axis)


def argmax(x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
    """The place of the largest along the axis, the first where several are; of all without an axis. No gradient."""
    x = operand(x)
    if not isinstance(x, KerasTensor):
        return np.argmax(np.asarray(x), axis=axis, keepdims=keepdims).astype(np.int32)
    if axis is None:
        x, axis = shaping.reshape(x, (-1,)), 0
    n = x.shape[axis]
    if n is None:
        raise ValueError(f"argmax: expected an axis within a row. Received: axis={axis!r} of shape {x.shape}.")
    places = np.arange(n, dtype=np.float32).reshape([-1 if i == axis % x.ndim else 1 for i in range(x.ndim)])
    first = min(a.where(a.equal(x, max(x, axis, keepdims=True)), places, float(n)), axis, keepdims)
    return a.cast(first, "int32")


def argmin(x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
    """The place of the smallest along the axis."""
    x = operand(x)
    if not isinstance(x, KerasTensor):
        return np.argmin(np.asarray(x), axis=axis, keepdims=keepdims).astype(np.int32)
    return argmax(a.negative(x), axis, keepdims)


def prod(x: Any, axis: int | None = None, keepdims: bool = False, dtype: Any = None) -> Any:
    """The product along one axis, or of all."""
    x = operand(x)
    if not isinstance(x, KerasTensor):
        found = np.prod(np.asarray(x), axis=axis, keepdims=keepdims, dtype=dtype)
        return found if dtype is not None else narrowed(found, [x])
    if dtype is not None:
        x = a.cast(x, dtype)
    if axis is None:
        x, axis = shaping.reshape(x, (-1,)), 0
    if x.shape[axis] is None:
        raise ValueError(f"prod: expected an axis within a row. Received: axis={axis!r} of shape {x.shape}.")
    found = None
    for part in shaping.unstack(x, axis=axis):
        found = part if found is None else a.multiply(found, part)
    return shaping.expand_dims(found, axis) if keepdims else found


# ---------------------------------------------------------------------- products
def matmul(x1: Any, x2: Any) -> Any:
    """x1 @ x2, with axes before the last two as in NumPy."""
    return apply(MATMUL, x1, x2)


def dot(x1: Any, x2: Any) -> Any:
    """NumPy's dot: along the last axis of x1 and the last but one of x2."""
    many = [len(np.shape(v) if not hasattr(v, "shape") else v.shape) for v in (x1, x2)]
    if 0 in many:
        return a.multiply(x1, x2)
    return matmul(x1, x2) if many[1] <= 2 else tensordot(x1, x2, [[many[0] - 1], [many[1] - 2]])


def tensordot(x1: Any, x2: Any, axes: Any = 2) -> Any:
    """The sum of products over axes of both: so many last ones and first ones, or two lists of axes."""
    n, m = len(np.shape(x1)), len(np.shape(x2))
    left, right = (range(n - axes, n), range(axes)) if isinstance(axes, int) else axes
    left, right = ([v] if isinstance(v, int) else list(v) for v in (left, right))
    letters = "abcdefghijklmnopqrstuvwxyz"
    first, second = list(letters[:n]), list(letters[n : n + m])
    for i, j in zip(left, right, strict=True):
        second[j] = first[i]
    shared = {first[i] for i in left}
    out = [c for c in first + second if c not in shared]
    return einsum(f"{''.join(first)},{''.join(second)}->{''.join(out)}", x1, x2)


def einsum(subscripts: str, *operands: Any) -> Any:
    """Sums of products named by letters, ``"bij,bjk->bik"``, each letter at most once in each operand; "..." stands for axes of one number
    in all operands that have it. Without "->" the result has the letters that stand once, in the alphabet's order."""
    operands = tuple(v if hasattr(v, "shape") else a.convert_to_tensor(v) for v in operands)
    names, out = _letters(subscripts, [len(v.shape) for v in operands])
    if [n for n in names if len({*n}) != len(n)]:
        raise ValueError(f"einsum: a letter stands twice in one operand. Received: {subscripts!r}.")
    while len(names) > 2:  # two of them at a time
        later = {*out, *"".join(names[2:])}
        kept = "".join(dict.fromkeys(c for c in names[0] + names[1] if c in later))
        operands = (einsum(f"{names[0]},{names[1]}->{kept}", *operands[:2]), *operands[2:])
        names = [kept, *names[2:]]
    others = [*names[1:], ""]
    values = []
    for i, (name, value) in enumerate(zip(names, operands, strict=True)):  # what stands in one operand alone is summed first
        alone = [k for k, c in enumerate(name) if c not in out and c not in (others[0] if i == 0 else names[0])]
        values.append(sum(value, alone) if alone else value)
        names[i] = "".join(c for c in name if name.index(c) not in alone)
    if len(values) == 1:
        return _in_order(values[0], names[0], out)
    return _of_two(values, names, out)


def _letters(subscripts: str, ranks: list[int]) -> tuple[list[str], str]:
    """The letters of each operand, of so many axes, and of the result. Raises ValueError for what names no sums of products."""
    left, arrow, out = subscripts.replace(" ", "").partition("->")
    names = left.split(",")
    wide = [n - len(name.replace("...", "")) for name, n in zip(names, ranks, strict=False)]
    dots = [n for name, n in zip(names, wide, strict=False) if "..." in name]
    more = "".join(c for c in string.ascii_letters if c not in subscripts)[: dots[0] if dots else 0]
    if not arrow:
        bare = left.replace("...", "").replace(",", "")
        out = ("..." if dots else "") + "".join(sorted(c for c in {*bare} if bare.count(c) == 1))
    names, out = [name.replace("...", more) for name in names], out.replace("...", more)
    fits = len(names) == len(ranks) and [len(name) for name in names] == ranks and len({*dots}) < 2
    if not fits or not "".join([*names, out]).isalpha() or len({*out}) != len(out) or not {*out} <= {*"".join(names)}:
        raise ValueError(f"einsum: expected letters for the axes of each operand, such as 'bij,bjk->bik'. Received: {subscripts!r}.")
    return names, out


def _in_order(x: Any, name: str, wanted: str) -> Any:
    return x if name == wanted else shaping.transpose(x, [name.index(c) for c in wanted])


def _of_two(values: list[Any], names: list[str], out: str) -> Any:
    """Letters in both and in the result are the axes before; in both alone, those that are summed over."""
    shared = [c for c in names[0] if c in names[1]]
    before, summed = [c for c in shared if c in out], [c for c in shared if c not in out]
    free = [[c for c in name if c not in shared] for name in names]
    sizes = {c: n for name, value in zip(names, values, strict=True) for c, n in zip(name, value.shape, strict=True)}
    left = _in_order(values[0], names[0], "".join([*before, *free[0], *summed]))
    right = _in_order(values[1], names[1], "".join([*before, *summed, *free[1]]))

    def size(letters: list[str]) -> int:
        return -1 if None in [sizes[c] for c in letters] else math.prod(sizes[c] for c in letters)

    ahead = [-1 if sizes[c] is None else sizes[c] for c in before]
    left = shaping.reshape(left, [*ahead, size(free[0]), size(summed)])
    right = shaping.reshape(right, [*ahead, size(summed), size(free[1])])
    shape = [-1 if sizes[c] is None else sizes[c] for c in [*before, *free[0], *free[1]]]
    return _in_order(shaping.reshape(matmul(left, right), shape), "".join([*before, *free[0], *free[1]]), out)
