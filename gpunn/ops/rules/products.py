"""Rules of products: of matrices, and of images with kernels, whose gradients are products again."""

import math
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from gpunn.backend.volumes import convolution
from gpunn.kernels.windows import Volume, Windows
from gpunn.layers.tensor import Tensor
from gpunn.ops import along_axes as along
from gpunn.ops import shaping
from gpunn.ops.at_once import as_tensor
from gpunn.ops.convolving import CONV, CONV_TRANSPOSE
from gpunn.ops.operation import Back, Place, apply
from gpunn.ops.products import MATMUL
from gpunn.ops.rules.base import Asked, Found, OfTensors, folded, rule, shaped


# ---------------------------------------------------------------------- matrices
class Product(OfTensors):
    """a @ b of two matrices, each perhaps transposed: options ``ta``, ``tb``."""

    def device(self, op: Place, operands: list[Any], options: dict[str, Any]) -> tuple[Any, Back]:
        (a, b), ta, tb, ops = operands, options["ta"], options["tb"], op.backend

        def back(dy: Any, needs: Sequence[bool]) -> list[Any]:
            return [ops.matmul(*v, ta=t, tb=u) if need else None for (v, t, u), need in zip(_factors(dy, a, b, ta, tb), needs, strict=True)]

        return ops.matmul(a, b, ta=ta, tb=tb), back


def _factors(dy: Any, a: Any, b: Any, ta: bool, tb: bool) -> list[Any]:
    """The two products that are the gradients of a and b: ((first, second), whether the first is transposed, whether the second is)."""
    of_a = ((b, dy), tb, True) if ta else ((dy, b), False, not tb)
    of_b = ((dy, a), True, ta) if tb else ((a, dy), not ta, False)
    return [of_a, of_b]


PRODUCT = Product("product")


@rule(PRODUCT)
def product(asked: Asked) -> Found:
    factors = _factors(asked.dy, *asked.operands, **asked.call.options)
    return [apply(PRODUCT, *v, ta=t, tb=u) if need else None for (v, t, u), need in zip(factors, asked.needs, strict=True)]


@rule(MATMUL)
def matmul(asked: Asked) -> Found:
    """Vectors as matrices of one row or column; rows before the last two axes in one where the second is a matrix."""
    a, b = (_tensor(v, asked.dy) for v in asked.operands)
    left, right = (shaped(a, (1, *a.shape)) if a.ndim == 1 else a), (shaped(b, (*b.shape, 1)) if b.ndim == 1 else b)
    (m, k), n = left.shape[-2:], right.shape[-1]
    if right.ndim == 2:
        count = math.prod(left.shape[:-1])
        d, rows = shaped(asked.dy, (count, n)), shaped(left, (count, k))
        da = apply(PRODUCT, d, right, ta=False, tb=True) if asked.needs[0] else None
        db = apply(PRODUCT, rows, d, ta=True, tb=False) if asked.needs[1] else None
        return [None if g is None else shaped(g, v.shape) for g, v in zip((da, db), (a, b), strict=True)]
    before = asked.dy.shape[: max(left.ndim, right.ndim) - 2]
    d = shaped(asked.dy, (*before, m, n))
    da = along.matmul(d, shaping.swapaxes(right, -1, -2)) if asked.needs[0] else None
    db = along.matmul(shaping.swapaxes(left, -1, -2), d) if asked.needs[1] else None
    wide = [None if g is None else folded(g, v) for g, v in zip((da, db), (left, right), strict=True)]
    return [None if g is None else shaped(g, v.shape) for g, v in zip(wide, (a, b), strict=True)]


def _tensor(value: Any, like: Tensor) -> Tensor:
    return as_tensor(value, like.backend, like.computed_in)


# ---------------------------------------------------------------------- convolutions
class Slid(OfTensors):
    """One of three products of images x, (rows, ..., channels), kernels w and outputs y, (rows, ..., filters): of two of these it makes the
    third, and the other two products make its gradients. Options: ``windows``, and the ``shape`` of what comes out."""

    def __init__(self, name: str, first: int, second: int):
        super().__init__(name)
        self.parts = first, second  # of (x, w, y), by number

    def device(self, op: Place, operands: list[Any], options: dict[str, Any]) -> tuple[Any, Back]:
        g, shapes = options["windows"], [tuple(v.shape) for v in operands]
        run = convolution(op.backend, g)
        out = _slid(run, self, operands).reshape(options["shape"])

        def back(dy: Any, needs: Sequence[bool]) -> list[Any]:
            products = _others(self, operands, dy)
            return [
                _slid(run, other, parts).reshape(shape) if need else None
                for (other, parts), shape, need in zip(products, shapes, needs, strict=True)
            ]

        return out, back


FORWARD, INPUTS, WEIGHTS = Slid("conv_forward", 0, 1), Slid("conv_inputs", 2, 1), Slid("conv_weights", 0, 2)
_MADE = {FORWARD: 2, INPUTS: 0, WEIGHTS: 1}
_BY_PARTS = {frozenset(s.parts): s for s in _MADE}


def _others(made: Slid, operands: Sequence[Any], gradient: Any) -> list[tuple[Slid, list[Any]]]:
    """Of the two operands and the gradient of what they made: the product that is each operand's gradient, and what it is made of."""
    have = {**dict(zip(made.parts, operands, strict=True)), _MADE[made]: gradient}
    chosen = [_BY_PARTS[frozenset(set(have) - {part})] for part in made.parts]
    return [(other, [have[part] for part in other.parts]) for other in chosen]


def _slid(run: Any, made: Slid, operands: Sequence[Any]) -> Any:
    first, second = operands
    if made is FORWARD:
        return run.forward(first, second, None)
    g = run.g
    if made is INPUTS:
        return run.inputs(first.reshape(first.shape[0], g.places * g.filters), second)
    gradient = run.ops.empty((g.taps, g.filters), first.dtype)
    into = SimpleNamespace(learns=True, claim=lambda: False, gradient=gradient)
    run.weights(first, second.reshape(first.shape[0], g.places * g.filters), into, None)
    return gradient


@rule(Slid)
def slid(asked: Asked) -> Found:
    return _gradients(asked.call.definition, asked.operands, asked, asked.call.options["windows"])


def _gradients(made: Slid, operands: Sequence[Any], asked: Asked, windows: Windows) -> Found:
    found: Found = []
    for (other, parts), like, need in zip(_others(made, operands, asked.dy), operands, asked.needs, strict=True):
        found.append(apply(other, *parts, windows=windows, shape=tuple(like.shape)) if need else None)
    return found


def convolved(x: Tensor, kernel: Any, windows: Windows | Volume, shape: Sequence[int]) -> Any:
    """The convolution of this geometry; its result in this shape."""
    return apply(FORWARD, x, kernel, windows=windows, shape=tuple(shape))


def transposed(y: Tensor, kernel: Any, windows: Windows | Volume, shape: Sequence[int]) -> Any:
    """The adjoint of `convolved`: images, in this shape, of what it gives."""
    return apply(INPUTS, y, kernel, windows=windows, shape=tuple(shape))


@rule(CONV)
def conv(asked: Asked) -> Found:
    definition = asked.call.definition
    x, kernel = (_tensor(v, asked.dy) for v in asked.operands)
    windows = definition.geometry([tuple(x.shape), tuple(kernel.shape)], asked.call.options)
    dx = transposed(asked.dy, kernel, windows, x.shape) if asked.needs[0] else None
    return [dx, apply(WEIGHTS, x, asked.dy, windows=windows, shape=tuple(kernel.shape)) if asked.needs[1] else None]


@rule(CONV_TRANSPOSE)
def conv_transpose(asked: Asked) -> Found:
    operands = [_tensor(v, asked.dy) for v in asked.operands]
    windows = asked.call.definition.geometry([tuple(v.shape) for v in operands], asked.call.options)
    return _gradients(INPUTS, operands, asked, windows)
