"""Data before it reaches a model: ``image``, ``sequence``, ``text``, ``audio`` and ``labels``.

Nothing is imported until it is asked for.
"""

import importlib
from typing import Any

_MODULES = ("audio", "image", "labels", "sequence", "text")


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"gpunn.preprocessing.{name}")
    raise AttributeError(f"module 'gpunn.preprocessing' has no attribute {name!r}")


def __dir__() -> list[str]:
    return list(_MODULES)
