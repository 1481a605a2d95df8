"""Control flow of ``keras.ops``, which here is Python's: conditions are looked at, loops are gone through.

In a graph, whose tensors have no values yet, a loop of a known number of rounds becomes as many copies of its body; what depends on values
raises TypeError, as `bool` of a symbolic tensor does.
"""

from collections.abc import Callable
from typing import Any

from gpunn.layers.graph import flat, mapped, packed
from gpunn.ops import shaping


def cond(pred: Any, true_fn: Callable[[], Any], false_fn: Callable[[], Any]) -> Any:
    """What the one function gives, or the other."""
    return true_fn() if bool(pred) else false_fn()


def switch(index: Any, branches: Any, *operands: Any) -> Any:
    """What the function of this number gives; numbers beyond the ends are those of the ends."""
    return branches[min(max(int(index), 0), len(branches) - 1)](*operands)


def while_loop(cond: Callable[..., Any], body: Callable[..., Any], loop_vars: Any, maximum_iterations: int | None = None) -> Any:
    """The variables after rounds of ``body(*variables)`` as long as ``cond(*variables)`` holds."""
    single = not isinstance(loop_vars, (tuple, list))
    variables, rounds = (loop_vars,) if single else tuple(loop_vars), 0
    while (maximum_iterations is None or rounds < maximum_iterations) and bool(cond(*variables)):
        found = body(*variables)
        variables, rounds = tuple(found) if isinstance(found, (tuple, list)) else (found,), rounds + 1
    return variables[0] if single else variables


def fori_loop(lower: Any, upper: Any, body_fun: Callable[[int, Any], Any], init_val: Any) -> Any:
    """What ``body_fun(i, value)`` makes of a value, for each i from `lower` up to `upper`."""
    value = init_val
    for i in range(int(lower), int(upper)):
        value = body_fun(i, value)
    return value


def _element(xs: Any, i: int) -> Any:
    return mapped(lambda x: x[i], xs)


def scan(
    f: Callable[[Any, Any], Any], init: Any, xs: Any = None, length: int | None = None, reverse: bool = False, unroll: Any = 1
) -> tuple[Any, Any]:
    """(the last state, what came out of each round, along a first axis) of ``f(state, x) -> (state, y)``. Raises ValueError where nobody
    says how many rounds there are."""
    count = length if xs is None else flat(xs)[0].shape[0]
    if count is None:
        raise ValueError("scan: expected xs of a known first length, or `length`. Received: neither.")
    state, made = init, []
    for i in reversed(range(count)) if reverse else range(count):
        state, y = f(state, None if xs is None else _element(xs, i))
        made.append(y)
    made = made[::-1] if reverse else made
    if not made or any(v is None for v in flat(made[0])):
        return state, None
    return state, packed(made[0], [shaping.stack(parts) for parts in zip(*[flat(y) for y in made], strict=True)])


def map(f: Callable[[Any], Any], xs: Any) -> Any:
    """What the function makes of each element along the first axis, along a first axis."""
    return scan(lambda _, x: (None, f(x)), None, xs)[1]


def vectorized_map(function: Callable[[Any], Any], elements: Any) -> Any:
    """`map`."""
    return map(function, elements)
