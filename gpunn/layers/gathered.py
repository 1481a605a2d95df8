"""Gathered: a part of the batch that a recorded step gathers itself, as its user's function sees it."""

from collections.abc import Hashable
from typing import Any

import numpy as np

from gpunn.backend.traced import NotRecorded, refuse
from gpunn.kernels.weighing import NUMBER
from gpunn.layers.fed import Fed, Recipe

PROBES = (0, 0.5, 1)


class Gathered(Fed):
    """An array of the device, with other values in every step; `sample`: those of one step, on the host.

    What losses and metrics make of it must be its own numbers, which they only check: ``checks`` are those that were asked to.
    """

    on_host = False

    def __init__(self, array: Any, backend: Any, sample: np.ndarray):
        super().__init__(array, backend)
        self._host = sample
        self.checks: list[Recipe] = []

    def typed(self, dtype: str) -> Any:
        if self.given.dtype == dtype:
            return self.given
        if self.given.dtype != np.int32:
            refuse(f"computes in {dtype} with a batch of {self.dtype}")
        if dtype not in self._made:
            out = self.backend.empty(self.shape, dtype)
            self.backend.launch(NUMBER, self.given.reshape(-1), out.reshape(-1))
            self._made[dtype] = out, np.asarray
        return self._made[dtype][0]

    def of(self, key: Hashable, recipe: Recipe) -> Any:
        if key not in self._made:
            made = same_numbers(recipe, self.fetch())
            if made.dtype.kind == "f":
                self._probe(recipe)
            self.checks.append(recipe)
            array = self.given if made.dtype == self.given.dtype else self.typed(made.dtype.name)
            self._made[key] = array.reshape(made.shape), recipe
        return self._made[key][0]

    def _probe(self, recipe: Recipe) -> None:
        """Numbers stay as they are, whatever they are; some are refused."""
        for probe in PROBES:
            try:
                same_numbers(recipe, np.full(self.shape, probe, self.given.dtype))
            except ValueError:
                continue

    def on(self, backend: Any) -> "Gathered":
        if backend is not self.backend:
            refuse("uses a batch on another device")
        return self


def same_numbers(recipe: Recipe, value: np.ndarray) -> np.ndarray:
    """What the recipe makes of a value. Raises `NotRecorded` where these are other numbers."""
    made = recipe(value)
    if made.size != value.size or not np.array_equal(made.reshape(-1), value.reshape(-1).astype(made.dtype)):
        raise NotRecorded("changes targets that it was given, as label_smoothing does")
    return made
