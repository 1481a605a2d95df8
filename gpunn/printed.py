"""A text that is printed, and returned for whoever wants to read it again."""

from collections.abc import Callable
from typing import Any


class Printed(str):
    """A string that a notebook does not show once more where it is the value of a cell."""

    __slots__ = ()

    def _ipython_display_(self) -> None:
        """It was printed."""


def printed(text: str, print_fn: Callable[[str], Any] | None = None) -> str:
    (print_fn or print)(text)
    return text if print_fn else Printed(text)
