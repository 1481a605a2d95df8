"""What losses and metrics make of targets: which arrays a step needs, and who takes which."""

from collections.abc import Sequence
from typing import Any

import numpy as np

Shape = tuple[int | None, ...]


class Targets:
    """Prepares targets for one loss and its metrics. A metric that wants what the loss (or another metric) takes shares it; who shares is
    decided at the first preparation and holds for all later ones.

    Attributes: ``chosen``, the target each metric takes; the loss takes the first.
    seen: the output's shape as the loss takes it, if another.
    """

    def __init__(self, loss: Any, metrics: list[Any], output_shape: Shape, dtype: str, seen: Shape | None = None):
        self._loss, self._metrics, self._shape, self._seen, self._dtype = loss, metrics, output_shape, seen or output_shape, dtype
        self.chosen: list[int] = []
        self.count = 1  # arrays that are made

    def first(self, y: Any, prepared: Any, whole: bool = True) -> list[Any]:
        """The targets of y, of which the loss's are `prepared`. Where y is not the `whole` of the targets, equality by chance must not
        count: numbers that are all alike, which two preparations may leave alone that treat others differently, are not shared.

        Raises ValueError for targets that do not fit."""
        out = [prepared]
        self.chosen = []
        for metric in self._metrics:
            t = metric.prepare(y, self._shape, self._dtype)
            same = next((i for i, other in enumerate(out) if other.dtype == t.dtype and np.array_equal(other, t)), None)
            if same is not None and not whole and t.dtype != np.int32 and t.min() == t.max():
                same = None
            if same is None:
                out.append(t)
            self.chosen.append(len(out) - 1 if same is None else same)
        self.count = len(out)
        return out

    def again(self, y: Any, prepared: Any = None, shape: Shape | None = None, seen: Shape | None = None) -> list[Any]:
        """The same for more rows; `shape` and `seen`: the output's and as the loss takes it, where these rows have other lengths. Raises
        ValueError, too, where those who share would want different targets."""
        out = [self._loss.prepare(y, seen or self._seen, self._dtype) if prepared is None else prepared]
        for metric, place in zip(self._metrics, self.chosen, strict=True):
            t = metric.prepare(y, shape or self._shape, self._dtype)
            if place == len(out):
                out.append(t)
            elif t.shape != out[place].shape or not np.array_equal(out[place], t):
                raise ValueError(f"Metric {metric.name} makes something else of these targets than of those before.")
        return out


class NoTargets(Targets):
    """Targets that are not there, or not for the loss of compile: one array, which the metrics are said to take too."""

    def __init__(self, loss: Any, metrics: list[Any], output_shape: Shape, dtype: str):
        super().__init__(loss, [], output_shape, dtype)
        self.chosen = [0] * len(metrics)

    def again(self, y: Any, prepared: Any = None, shape: Shape | None = None, seen: Shape | None = None) -> list[Any]:
        return [self._loss.prepare(y, shape or self._shape, self._dtype)]


class ManyTargets:
    """The targets of several outputs, one behind the other. ``losses``: the place of each loss's; ``chosen``: of each metric's, in the
    order of the logs."""

    def __init__(self, parts: Sequence[Targets], measured: Sequence[tuple[int, bool, Any]]):
        self.parts = parts
        self._heads = [k for k, _, _ in measured]

    @property
    def losses(self) -> list[int]:
        return [sum(part.count for part in self.parts[:k]) for k in range(len(self.parts))]

    @property
    def chosen(self) -> list[int]:
        rest = [iter(part.chosen) for part in self.parts]
        return [self.losses[k] + next(rest[k]) for k in self._heads]

    def again(self, ys: Any) -> list[Any]:
        """Targets of more rows; ys: one for each output, or an array where there is one."""
        given = ys if isinstance(ys, list) else [ys]
        return [t for part, y in zip(self.parts, given, strict=True) for t in part.again(y)]
