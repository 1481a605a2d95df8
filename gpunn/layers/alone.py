"""A call of a layer outside any model."""

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from gpunn import random
from gpunn.layers.parameter import Rng


@contextmanager
def drawing_alone(layer: Any) -> Iterator[None]:
    """In the block a layer that draws random numbers, and what is within it, draws from a random state of its own: other numbers each time.

    The state follows from the seed in force at the first call and from the layer's name; a model that holds the layer keeps its own.
    """
    kept, draws = layer.rng, layer.traced or layer.drawing
    if draws:
        if layer.alone is None or layer.alone[0] is not layer.backend:
            layer.alone = layer.backend, Rng(layer.backend, random.current_seed() ^ zlib.crc32(layer.name.encode()))
        layer.rng = layer.alone[1]
    elif kept is None:
        layer.rng = Rng(layer.backend, random.current_seed())
    for inner in layer.leaves if layer.traced else ():
        inner.backend, inner.rng = layer.backend, layer.rng
    try:
        yield
    finally:
        if draws:
            layer.rng.advance(layer.backend)
            layer.rng = kept
