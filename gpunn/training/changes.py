"""Data that is changed on its way into a step: texts made numbers, flows of images; a warning where flips change what an image shows."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gpunn.datasets.labels import warn_of_flips
from gpunn.training.feeds.iterables import batched


@dataclass
class InStep:
    """What a flow hands over where its changes can be part of the recorded step: its arrays, how it goes through them, and
    ``change(ops, x, rng) -> x``, launches on a gathered batch; where targets change with it, ``targets(ops, y) -> y`` comes after."""

    x: Any
    y: Any
    sample_weight: Any
    batch_size: int
    shuffle: bool
    change: Callable[[Any, Any, Any], Any]
    targets: Callable[[Any, Any], Any] | None = None


def in_step(x: Any, steps: int | None, optimizer: Any) -> InStep | None:
    """A flow of images whose changes the step can make itself; None for everything else, which gives batches or arrays as ever."""
    offer = getattr(x, "in_step", None)
    if offer is None or optimizer.whole_data or steps not in (None, len(x)):
        return None
    return offer()


def converted(layers: list[Any], x: Any) -> Any:
    """x as numbers, where the model's first layer is one that takes something else, as TextVectorization does."""
    front: Any = layers[0] if layers else None
    return front.convert(x) if getattr(front, "converts", False) and x is not None and batched(x) is None else x


def check_flips(layers: list[Any], y: Any) -> None:
    """Warn where a layer flips images whose labels are handwritten digits."""
    if y is not None and any(getattr(layer, "flips", False) for layer in layers):
        warn_of_flips(y)
