"""Texts for the reader of the output: to the standard output, or to a logger where `gpunn.config` says so; and warnings."""

import logging
import sys
import warnings
from collections.abc import Callable
from typing import Any

from gpunn import config


class Printed(str):
    """A string that a notebook does not show once more where it is the value of a cell."""

    __slots__ = ()

    def _ipython_display_(self) -> None:
        """It was printed."""


def show(text: str) -> None:
    """Print it, or, after `gpunn.config.disable_interactive_logging`, log it."""
    if config.is_interactive_logging_enabled():
        print(text)
    else:
        logging.getLogger("gpunn").info(text)


def printed(text: str, print_fn: Callable[[str], Any] | None = None) -> str:
    (print_fn or print)(text)
    return text if print_fn else Printed(text)


def warn(text: str, category: type[Warning] = UserWarning, module: str | None = None) -> None:
    """A warning at the line of the user's that led here, however deep in gpunn this is; to filters of modules it comes from `module`, by
    default the user's."""
    level, frame = 1, sys._getframe(0)
    while frame.f_back is not None and str(frame.f_globals.get("__name__", "")).startswith("gpunn."):
        level, frame = level + 1, frame.f_back
    if module is None:
        warnings.warn(text, category, stacklevel=level)
    else:
        seen = frame.f_globals.setdefault("__warningregistry__", {})
        warnings.warn_explicit(text, category, frame.f_code.co_filename, frame.f_lineno, module, seen)
