"""Functions of the user's whose gradient the user gives."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gpunn.layers.tensor import Block, Tensor, set_tapes, tapes
from gpunn.ops.at_once import as_tensor
from gpunn.ops.moves import copy
from gpunn.ops.operation import Back, Definition, Place, apply


class Own(Definition):
    """The option ``function(*operands) -> (result, grad)``, where ``grad(dy)`` gives a gradient for each operand; both run on tensors."""

    def numpy(self, *operands: Any, **options: Any) -> Any:
        return np.asarray(options["function"](*operands)[0])

    def device(self, op: Place, operands: list[Any], options: dict[str, Any]) -> tuple[Any, Back]:
        ops = op.backend

        def alone(function: Callable[..., Any], *values: Any) -> Any:
            before = tapes()
            set_tapes((Block(),))  # operations on tensors are launches, and nobody records them
            try:
                return function(*(v if isinstance(v, float) else Tensor(v, ops) for v in values))
            finally:
                set_tapes(before)

        result, grad = alone(options["function"], *operands)

        def back(dy: Any, needs: Sequence[bool]) -> list[Any]:
            found = gradients_for(operands, alone(grad, dy))
            wanted = [None if g is None or not need else as_tensor(g, ops, op.dtype).array for g, need in zip(found, needs, strict=True)]
            return [None if g is None else copy(ops, g) for g in wanted]

        return copy(ops, as_tensor(result, ops, op.dtype).array), back


OWN = Own("own_gradient")


def gradients_for(operands: Sequence[Any], found: Any) -> list[Any]:
    """What a function's `grad` gave, one for each operand. Raises ValueError where it gave more or fewer."""
    given = list(found) if isinstance(found, (list, tuple)) else [found]
    if len(given) != len(operands):
        raise ValueError(f"custom_gradient: expected a gradient for each of {len(operands)} arguments. Received: {len(given)}.")
    return given


def custom_gradient(f: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator: ``f(*tensors)`` returns (result, grad), and ``grad(upstream)`` one gradient for each argument (a tuple for several)::

        @gpunn.ops.custom_gradient
        def log1pexp(x):
            e = ops.exp(x)

            def grad(upstream):
                return upstream * (1 - 1 / (1 + e))

            return ops.log(1 + e), grad

    The result is one tensor. Where `grad` is made of operations it has gradients itself, which nested tapes give. Weights that `f` reads
    without their being arguments get none. Raises ValueError for another number of gradients than of arguments.
    """

    @functools.wraps(f)
    def function(*arguments: Any) -> Any:
        return apply(OWN, *arguments, function=f)

    return function
