"""Data that is changed on its way into a step: texts made numbers, flows of images; a warning where flips change what an image shows."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gpunn.datasets.labels import warn_of_flips
from gpunn.layers import words
from gpunn.layers.input import TEXT
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


def converted(model: Any, x: Any) -> Any:
    """x as numbers, where an input of the model takes something else: texts for a TextVectorization, say, or for lookups."""
    layers, names = model.first_layers(), model.input_names
    fronts = {i: change for i, layer in enumerate(layers) if (change := _change(layer, model.inputs[i : i + 1])) is not None}
    if not fronts or x is None or batched(x) is not None:
        return x
    if isinstance(x, dict):
        by_name = {names[i]: change for i, change in fronts.items()} if names else {}
        return {name: by_name[name](a) if name in by_name else a for name, a in x.items()}
    if len(layers) == 1:
        alone = isinstance(x, (list, tuple)) and len(x) == 1 and len(getattr(x[0], "shape", ())) > 0
        return [fronts[0](x[0])] if alone else fronts[0](x)
    return [fronts[i](a) if i in fronts else a for i, a in enumerate(x)] if isinstance(x, (list, tuple)) else x


def _change(layer: Any, inputs: list[Any]) -> Callable[[Any], Any] | None:
    """What is done to the rows of an input whose first layer this is; None where they are numbers already."""
    texts = any(tensor.dtype == TEXT for tensor in inputs)
    if getattr(layer, "converts", False):
        integers = getattr(layer, "takes_integers", False) and inputs and not texts
        return None if integers else layer.convert
    if getattr(layer, "takes_words", False) or texts:
        return lambda x: words.numbered(x) if words.are_texts(x) else x
    return None


def check_flips(layers: list[Any], y: Any) -> None:
    """Warn where a layer flips images whose labels are handwritten digits."""
    if y is not None and any(getattr(layer, "flips", False) for layer in layers):
        warn_of_flips(y)
