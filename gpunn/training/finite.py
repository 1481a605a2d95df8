"""Rows must be finite: said once, by the row's number."""

import numpy as np

WIDE = 64  # numbers in a row


def not_finite(name: str, where: str, row: int) -> ValueError:
    return ValueError(f"Argument {name} of {where}: expected finite numbers. Received: NaN or infinity in row {row}.")


def first_not_finite(x: np.ndarray) -> int | None:
    """The first row with NaN or infinity in it."""
    if x.dtype.kind != "f":
        return None
    with np.errstate(all="ignore"):
        wide = x.ndim > 1 and x.size >= WIDE * len(x) and len(x) > 1  # NumPy adds rows at memory speed, the numbers of a row at half of it
        if np.isfinite(x.sum(axis=0) if wide else x.sum()).all():  # NaN and infinity stay in a sum
            return None
    bad = ~np.isfinite(x.reshape(len(x), -1)).all(axis=1)
    return int(np.argmax(bad)) if bad.any() else None


def check_finite(x: np.ndarray, name: str, where: str) -> None:
    """Raises ValueError naming the first row with NaN or infinity."""
    if (row := first_not_finite(x)) is not None:
        raise not_finite(name, where, row)
