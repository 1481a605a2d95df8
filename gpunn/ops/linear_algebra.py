"""Inverses, determinants and solutions of linear equations, with their gradients: the names of ``keras.ops``.

NumPy's LAPACK does them on the host, where a device has its arrays copied to: a step with one of them is not recorded. Each gradient is one
formula of operations, for arrays as for tensors, so that gradients have gradients (Giles 2008, "Collected matrix derivative results").
"""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gpunn import config
from gpunn.layers.graph import KerasTensor
from gpunn.ops import along_axes as along
from gpunn.ops import arithmetic as a
from gpunn.ops import shaping
from gpunn.ops.one_type import floats_of, of_one_type
from gpunn.ops.operation import Back, Definition, Place, apply

__all__ = ["cholesky", "cholesky_inverse", "det", "inv", "logdet", "slogdet", "solve", "solve_triangular"]


class OnHost(Definition):
    """``function(*arrays, **options)``, NumPy's. A subclass gives `shape` and `gradients`."""

    recordable = False

    def __init__(self, name: str, function: Callable[..., Any]):
        super().__init__(name)
        self.function = function

    @abstractmethod
    def shape(self, *shapes: tuple[int, ...]) -> tuple[int, ...]:
        """That of the result."""

    @abstractmethod
    def gradients(self, dy: Any, y: Any, *operands: Any, **options: Any) -> list[Any]:
        """One for each operand, made of operations."""

    def numpy(self, *operands: Any, **options: Any) -> Any:
        arrays = of_one_type([np.asarray(v) for v in operands], True)
        with np.errstate(all="ignore"):
            return np.asarray(self.function(*arrays, **options), np.result_type(*arrays))

    def outcome(self, operands: Sequence[Any], options: dict[str, Any]) -> tuple[Any, str]:
        kinds = [v.dtype for v in operands if isinstance(v, KerasTensor) and str(v.dtype).startswith("float")]
        return self.shape(*(tuple(v.shape) for v in operands)), str(kinds[0] if kinds else config.floatx())

    def device(self, op: Place, operands: list[Any], options: dict[str, Any]) -> tuple[Any, Back]:
        ops = op.backend
        arrays = [ops.to_numpy(v).reshape(v.shape) for v in operands]
        y = self.numpy(*arrays, **options)

        def back(dy: Any, needs: Sequence[bool]) -> list[Any]:
            found = self.gradients(ops.to_numpy(dy).reshape(y.shape), y, *arrays, **options)
            return [ops.asarray(np.asarray(d, op.dtype)) if need else None for d, need in zip(found, needs, strict=True)]

        return ops.asarray(y.astype(op.dtype)).reshape(y.shape), back


def _turned(x: Any) -> Any:
    return shaping.swapaxes(x, -1, -2)


def _number(dy: Any) -> Any:
    return shaping.expand_dims(dy, (-2, -1))


def _folded(d: Any, like: Any) -> Any:
    """The gradient of what was broadcast to other matrices."""
    wide, own = shaping.ndim(d), tuple(like.shape)
    extra = wide - len(own)
    axes = [i for i in range(wide) if i < extra or (own[i - extra] == 1 and d.shape[i] != 1)]
    return shaping.reshape(along.sum(d, axes, keepdims=True), own) if axes else d


class Inverse(OnHost):
    def shape(self, *shapes: tuple[int, ...]) -> tuple[int, ...]:
        return shapes[0]

    def gradients(self, dy: Any, y: Any, *operands: Any, **options: Any) -> list[Any]:
        return [a.negative(along.matmul(along.matmul(_turned(y), dy), _turned(y)))]


class Determinant(OnHost):
    """The determinant, or the logarithm of its size."""

    def shape(self, *shapes: tuple[int, ...]) -> tuple[int, ...]:
        return shapes[0][:-2]

    def gradients(self, dy: Any, y: Any, *operands: Any, **options: Any) -> list[Any]:
        scale = a.multiply(dy, y) if self.name == "det" else dy
        return [a.multiply(_number(scale), _turned(inv(operands[0])))]


class Sign(OnHost):
    constant = True

    def shape(self, *shapes: tuple[int, ...]) -> tuple[int, ...]:
        return shapes[0][:-2]

    def gradients(self, dy: Any, y: Any, *operands: Any, **options: Any) -> list[Any]:
        return [None]


class Solution(OnHost):
    """Of matrix @ y = right side, which is a matrix or a vector; with a triangle of the matrix alone, where an option says which."""

    def shape(self, *shapes: tuple[int, ...]) -> tuple[int, ...]:
        matrix, right = shapes
        if len(right) == 1:
            return (*matrix[:-2], *right)
        before = [n if m == 1 else m for m, n in zip(*_level(matrix[:-2], right[:-2]), strict=True)]
        return (*before, *right[-2:])

    def gradients(self, dy: Any, y: Any, *operands: Any, **options: Any) -> list[Any]:
        matrix, right = operands
        vector, lower = shaping.ndim(right) == 1, options.get("lower")
        dy, y = (shaping.expand_dims(v, -1) if vector else v for v in (dy, y))
        turned = {} if lower is None else {"lower": not lower}
        of_right = apply(self, _turned(matrix), dy, **turned)
        of_matrix = a.negative(along.matmul(of_right, _turned(y)))
        if lower is not None:
            of_matrix = a.multiply(of_matrix, _triangle(matrix, lower))
        return [_folded(of_matrix, matrix), _folded(shaping.squeeze_all(of_right, -1) if vector else of_right, right)]


class Cholesky(OnHost):
    """Lower triangles L with L L^T = (x + x^T) / 2."""

    def shape(self, *shapes: tuple[int, ...]) -> tuple[int, ...]:
        return shapes[0]

    def gradients(self, dy: Any, y: Any, *operands: Any, **options: Any) -> list[Any]:
        """L^-T P(L^T dL) L^-1 with its transpose, halved: P takes a lower triangle and half the diagonal (Murray 2016)."""
        half = np.tril(np.ones((y.shape[-1],) * 2)) - 0.5 * np.eye(y.shape[-1])
        inner = a.multiply(along.matmul(_turned(y), dy), half.astype(floats_of(y)))
        left = apply(TRIANGULAR, _turned(y), inner, lower=False)
        d = _turned(apply(TRIANGULAR, _turned(y), _turned(left), lower=False))
        return [a.multiply(0.5, a.add(d, _turned(d)))]


def _level(first: Sequence[Any], second: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    wide = max(len(first), len(second))
    return [1] * (wide - len(first)) + list(first), [1] * (wide - len(second)) + list(second)


def _triangle(matrix: Any, lower: bool) -> np.ndarray:
    inside = np.tri(matrix.shape[-1], dtype=floats_of(matrix))
    return inside if lower else inside.T


def _solved(matrix: Any, right: Any, lower: bool) -> Any:
    return np.linalg.solve(np.tril(matrix) if lower else np.triu(matrix), right)


def _root(x: Any) -> Any:
    return np.linalg.cholesky((x + np.swapaxes(x, -1, -2)) / 2)


INVERSE, CHOLESKY = Inverse("inv", np.linalg.inv), Cholesky("cholesky", _root)
DETERMINANT, LOGARITHM = Determinant("det", np.linalg.det), Determinant("logdet", lambda x: np.linalg.slogdet(x)[1])
SIGN = Sign("sign_of_det", lambda x: np.linalg.slogdet(x)[0])
SOLUTION, TRIANGULAR = Solution("solve", np.linalg.solve), Solution("solve_triangular", _solved)


def _square(what: str, x: Any) -> Any:
    """Raises ValueError for what are no square matrices."""
    x = x if hasattr(x, "shape") else np.asarray(x)
    shape = tuple(x.shape)
    if len(shape) < 2 or shape[-1] != shape[-2] or shape[-1] is None:
        raise ValueError(f"{what}: expected square matrices (..., n, n) of known size. Received: shape {shape}.")
    return x


def inv(x: Any) -> Any:
    """The inverse of each matrix (..., n, n)."""
    return apply(INVERSE, _square("inv", x))


def det(x: Any) -> Any:
    """The determinant of each matrix (..., n, n)."""
    return apply(DETERMINANT, _square("det", x))


def logdet(x: Any) -> Any:
    """The logarithm of the size of each determinant."""
    return apply(LOGARITHM, _square("logdet", x))


def slogdet(x: Any) -> tuple[Any, Any]:
    """(the sign of each determinant, `logdet`)."""
    return apply(SIGN, _square("slogdet", x)), logdet(x)


def cholesky(x: Any, upper: bool = False) -> Any:
    """The lower triangle L with L L^T = x, or the upper one. Raises ValueError for what is not positive definite."""
    lower = apply(CHOLESKY, _square("cholesky", x))
    return _turned(lower) if upper else lower


def solve(a: Any, b: Any) -> Any:
    """x with a x = b: matrices (..., n, n), and a vector (n,) or matrices (..., n, columns). Raises ValueError for others."""
    return apply(SOLUTION, *_equations("solve", a, b))


def solve_triangular(a: Any, b: Any, lower: bool = False) -> Any:
    """The same of the upper triangle of each matrix, or of the lower one."""
    return apply(TRIANGULAR, *_equations("solve_triangular", a, b), lower=bool(lower))


def cholesky_inverse(x: Any, upper: bool = False) -> Any:
    """The inverse of the matrix whose `cholesky` this is."""
    part = solve_triangular(x, np.eye(_square("cholesky_inverse", x).shape[-1], dtype=floats_of(x)), lower=not upper)
    return along.matmul(part, _turned(part)) if upper else along.matmul(_turned(part), part)


def _equations(what: str, matrix: Any, right: Any) -> tuple[Any, Any]:
    right = right if hasattr(right, "shape") else np.asarray(right)
    n, shape = _square(what, matrix).shape[-1], tuple(right.shape)
    if not shape or shape[-1 if len(shape) == 1 else -2] != n:
        raise ValueError(f"{what}: expected a right side (n,) or (..., n, columns) for n = {n}. Received: shape {shape}.")
    return matrix, right
