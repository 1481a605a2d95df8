"""``tf.debugging.assert_...``: checks of values, each of which raises one error that says what was expected and what came."""

from collections.abc import Callable
from typing import Any

import numpy as np

from gpunn.layers.graph import symbolic


class InvalidArgumentError(ValueError):
    """``tf.errors.InvalidArgumentError``: values that are not as an assertion says."""


def _check(name: str, given: tuple[Any, ...], holds: Callable[..., Any], expected: str, message: str | None) -> None:
    """What is symbolic has no values yet, and passes."""
    if symbolic(list(given)):
        return
    arrays = [np.asarray(v) for v in given]
    try:
        found = np.all(holds(*arrays))
    except ValueError as error:  # shapes that do not go together
        raise InvalidArgumentError(f"tf.debugging.{name}: {error}") from error
    if not found:
        values = ", ".join(np.array2string(a, threshold=6, edgeitems=2) for a in arrays)
        raise InvalidArgumentError(f"{message + ' ' if message else ''}tf.debugging.{name}: expected {expected}. Received: {values}.")


def _of_two(name: str, holds: Callable[..., Any], words: str) -> Callable[..., None]:
    def check(x: Any, y: Any, message: str | None = None, summarize: Any = None, name_: Any = None, **unused: Any) -> None:
        _check(name, (x, y), holds, f"x {words} y everywhere", message)

    check.__name__, check.__doc__ = name, f"Raises InvalidArgumentError unless x {words} y everywhere."
    return check


def _of_one(name: str, holds: Callable[..., Any], words: str) -> Callable[..., None]:
    def check(x: Any, message: str | None = None, summarize: Any = None, name_: Any = None, **unused: Any) -> None:
        _check(name, (x,), holds, f"numbers {words}", message)

    check.__name__, check.__doc__ = name, f"Raises InvalidArgumentError unless all numbers are {words}."
    return check


assert_equal = _of_two("assert_equal", np.equal, "==")
assert_none_equal = _of_two("assert_none_equal", np.not_equal, "!=")
assert_less = _of_two("assert_less", np.less, "<")
assert_less_equal = _of_two("assert_less_equal", np.less_equal, "<=")
assert_greater = _of_two("assert_greater", np.greater, ">")
assert_greater_equal = _of_two("assert_greater_equal", np.greater_equal, ">=")
assert_positive = _of_one("assert_positive", lambda x: x > 0, "above 0")
assert_negative = _of_one("assert_negative", lambda x: x < 0, "below 0")
assert_non_negative = _of_one("assert_non_negative", lambda x: x >= 0, "of 0 or more")
assert_non_positive = _of_one("assert_non_positive", lambda x: x <= 0, "of 0 or less")


def assert_near(x: Any, y: Any, rtol: Any = None, atol: Any = None, message: str | None = None, **unused: Any) -> None:
    """Raises InvalidArgumentError unless |x - y| <= atol + rtol * |y| everywhere; both are ten times the type's spacing at 1, if not given.
    """
    kinds = [np.asarray(v).dtype for v in (x, y) if not symbolic(v)]
    spacing = 10 * max([float(np.finfo(kind).eps) for kind in kinds if kind.kind == "f"], default=0.0)
    rtol, atol = (spacing if v is None else v for v in (rtol, atol))
    words = f"x and y within {atol:.3g} + {rtol:.3g} |y|"
    _check("assert_near", (x, y), lambda a, b: np.abs(a - b) <= atol + rtol * np.abs(b), words, message)


def assert_all_finite(x: Any, message: str | None = None, name: str | None = None) -> Any:
    """The same. Raises InvalidArgumentError where a number is NaN or infinite."""
    _check("assert_all_finite", (x,), np.isfinite, "finite numbers", message)
    return x


def assert_rank(x: Any, rank: int, message: str | None = None, name: str | None = None) -> None:
    """Raises ValueError unless there are so many axes."""
    shape = tuple(x.shape) if hasattr(x, "shape") else np.shape(x)
    if len(shape) != int(rank):
        raise ValueError(f"{message + ' ' if message else ''}tf.debugging.assert_rank: expected {rank} axes. Received: shape {shape}.")
