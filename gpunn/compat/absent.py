"""Names that other libraries look up as they are imported, of networks that gpunn does not have: an error once they are called."""

from collections.abc import Callable
from typing import Any

ABSENT = tuple(f"EfficientNetB{i}" for i in range(8))  # of KerasTuner


def __getattr__(name: str) -> Callable[..., Any]:
    if name not in ABSENT:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def absent(*arguments: Any, **options: Any) -> Any:
        raise NotImplementedError(f"gpunn has no keras.applications.{name}. It has FashionCNN, LeNet5 and ResNet, and layers for others.")

    absent.__name__ = name
    return absent
