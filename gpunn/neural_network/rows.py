"""The door of the estimators: rows, targets and weights as scikit-learn's conventions have them, as dense arrays for the engine."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from gpunn.neural_network._sklearn import assert_all_finite, validate_data
from gpunn.training.finite import first_not_finite

WITHOUT = "no_validation"  # scikit-learn's word for: there are no targets here


def inputs(estimator: Any, x: Any, y: Any = WITHOUT, *, reset: bool, **options: Any) -> Any:
    """x, or (x, y) with y given, checked by scikit-learn's `validate_data`; rows become a dense C-contiguous array.

    float32, float64 and bytes (uint8: converted batch by batch) stay what they are, other numbers become float64. A sparse matrix is
    converted to a dense one: gpunn computes on dense rows only.
    """
    is_bytes = isinstance(x, np.ndarray) and x.dtype == np.uint8
    options |= {"dtype": np.uint8 if is_bytes else (np.float64, np.float32), "accept_sparse": ("csr", "csc"), "reset": reset}
    checked = validate_data(estimator, x, y, ensure_all_finite=False, **options)  # that is seen in half the time below
    x, *rest = (checked,) if y is WITHOUT else checked
    x = np.ascontiguousarray(x.toarray() if hasattr(x, "toarray") else x)
    if first_not_finite(x) is not None:
        assert_all_finite(x, estimator_name=type(estimator).__name__, input_name="X")
    return (x, *rest) if rest else x


def wholly(method: Callable[..., Any]) -> Callable[..., Any]:
    """A method that either does its work or, with a ValueError, leaves the estimator as it was."""

    @functools.wraps(method)
    def run(self: Any, *arguments: Any, **named: Any) -> Any:
        before = {name: list(value) if isinstance(value, list) else value for name, value in vars(self).items()}
        try:
            return method(self, *arguments, **named)
        except ValueError:
            vars(self).clear()
            vars(self).update(before)
            raise

    return run


def floating(x: np.ndarray) -> str:
    """The type the engine computes in for these rows."""
    return "float32" if x.dtype == np.float32 else "float64"


def weights(sample_weight: Any, rows: int, name: str) -> np.ndarray | None:
    """One finite float64 a row, from a sequence or a number. Raises ValueError for another shape or weights that are all zero."""
    if sample_weight is None:
        return None
    given = np.asarray(sample_weight)
    if given.ndim == 0:
        given = np.full(rows, given)
    if given.ndim != 1 or given.dtype.kind not in "iubf":
        raise ValueError(
            f"Argument sample_weight of {name}: Sample weights must be 1D array or scalar, one number a row, shape ({rows},). "
            f"Received: dtype {given.dtype} and shape {given.shape}."
        )
    if len(given) != rows:
        raise ValueError(f"Argument sample_weight of {name}: expected shape ({rows},). Received: {given.shape}.")
    given = given.astype(np.float64)
    if not np.isfinite(given).all():
        raise ValueError(f"Argument sample_weight of {name}: expected finite numbers. Received: NaN or infinity.")
    if not given.any():
        raise ValueError(f"Argument sample_weight of {name}: expected at least one weight that is not zero. Received: all zero.")
    return given
