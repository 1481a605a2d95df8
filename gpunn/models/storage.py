"""All parameters of a model as views of one flat vector, their gradients of another, running statistics of a third."""

import math
from collections.abc import Sequence
from typing import Any

from gpunn.backend.base import Backend
from gpunn.kernels.segments import ROW, views
from gpunn.layers.base import Parameter

ALIGN = ROW  # elements: every parameter starts on a cache line


class Storage:
    """Packs parameters: those that learn first, so that one launch over ``values[:trainable_size]`` updates them all. Frozen ones that
    another model has packed stay there: two models may train in turns, each freezing what the other one trains, and nothing moves."""

    def __init__(self, ops: Backend, parameters: Sequence[Parameter], dtype: str):
        learning = [p for p in parameters if p.learns]
        elsewhere = [p for p in parameters if p.frozen and p.home is not None and p.backend is ops]
        self._elsewhere = {id(p): p.value for p in elsewhere}
        resting = [p for p in parameters if not p.learns and id(p) not in self._elsewhere]
        sizes = [_padded(p) for p in learning]
        self.trainable_size = sum(sizes)
        total = self.trainable_size + sum(_padded(p) for p in resting)
        self.values, self.gradients = ops.zeros((total,), dtype), ops.zeros((self.trainable_size,), dtype)
        self.places: dict[str, tuple[int, tuple[int, ...]]] = {}
        at = 0
        for p in [*learning, *resting]:
            n = math.prod(p.shape)
            view = self.values[at : at + n].reshape(p.shape)
            ops.write(view, p.backend.to_numpy(p.value))
            p.value, p.backend, p.home = view, ops, self
            p.gradient = self.gradients[at : at + n].reshape(p.shape) if p.learns else None
            if p.learns:
                self.places[p.name] = (at, p.shape)
            at += _padded(p)

    def fits(self, parameters: Sequence[Parameter]) -> bool:
        """Whether all parameters are still where they were (a layer may have gone into another model too), the same ones learning."""
        there = all(p.home is self or self._elsewhere.get(id(p)) is p.value for p in parameters)
        return there and {p.name for p in parameters if p.learns} == set(self.places)

    def split(self, vector: Any, places: dict[str, tuple[int, tuple[int, ...]]] | None = None) -> dict[str, Any]:
        """Views of a flat vector of trainable size by parameter name, as laid out here or in other `places`."""
        return views(vector, self.places if places is None else places)


def _padded(p: Parameter) -> int:
    n = math.prod(p.shape)
    return -(-n // ALIGN) * ALIGN
