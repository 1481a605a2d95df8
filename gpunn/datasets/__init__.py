"""Data sets: ``mnist``, ``fashion_mnist``, ``digits`` and ``gates``, each with Keras's ``load_data()``; and Keras's ``cifar10``,
``cifar100``, ``imdb``, ``reuters``, ``boston_housing`` and ``california_housing``.

Nothing is imported until it is asked for: ``import gpunn.datasets`` alone costs next to nothing.
"""

import importlib
from typing import Any

_MODULES = {
    "boston_housing", "california_housing", "cifar10", "cifar100", "digits", "fashion_mnist", "gates", "idx", "imdb", "mnist",
    "places", "reuters",
}
_NAMES = {"DatasetError": "errors"}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"gpunn.datasets.{name}")
    if name in _NAMES:
        return getattr(importlib.import_module(f"gpunn.datasets.{_NAMES[name]}"), name)
    raise AttributeError(f"module 'gpunn.datasets' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*_MODULES, *_NAMES})
