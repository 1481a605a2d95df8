"""Masks of weights: chosen by magnitude or by chance, and held in training by a kernel behind each update."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from gpunn.constraints import Constraint
from gpunn.kernels.weighing import mask as keep_only
from gpunn.layers.base import Parameter

Masks = dict[str, np.ndarray]


class Mask(Constraint):
    """Keeps weights at zero where `kept` (booleans of the parameter's shape) is False, after every update and after `inner`, if any."""

    def __init__(self, kept: Any, inner: Constraint | None = None):
        self.kept, self.inner = np.array(kept, bool), inner
        self._there: Any = None  # the mask on a device, and which

    @property
    def recordable(self) -> bool:
        """As `inner` is: the mask itself is a kernel."""
        return self.inner is None or self.inner.recordable

    def check(self, name: str, w: Any) -> None:
        if w.shape != self.kept.shape:
            raise ValueError(f"Mask of {name}: expected the shape {w.shape}. Received: {self.kept.shape}.")

    def __call__(self, w: Any) -> np.ndarray:
        return np.where(self.kept, w if self.inner is None else self.inner(w), 0)

    def record(self, ops: Any, w: Any, name: str) -> None:
        if self.inner is not None:
            self.inner.record(ops, w, name)
        ops.launch(keep_only, w, self._on(ops, w.dtype))

    def _on(self, ops: Any, dtype: Any) -> Any:
        if self._there is None or self._there[0] is not ops or self._there[1].dtype != dtype:
            self._there = ops, ops.asarray(self.kept.astype(dtype))
        return self._there[1]

    def __repr__(self) -> str:
        inner = "" if self.inner is None else f", after {self.inner!r}"
        return f"Mask({np.count_nonzero(self.kept):,} of {self.kept.size:,} kept{inner})"


def prunable(model: Any) -> list[Parameter]:
    """The weights that may be pruned: those that learn and have two axes or more (kernels, not biases)."""
    return [p for p in model.trainable_weights if len(p.shape) > 1]


def magnitude(
    model: Any, share: float, layers: Mapping[str, float] | None = None, masks: Masks | None = None, scope: str = "layer"
) -> Masks:
    """Masks without the smallest `share` of the weights that `masks` (or all) still keep, by parameter name.

    layers: other shares, by the name of the layer; scope: "layer", each layer loses its share, or "model", the smallest of all together go
    (`layers` is then not for use). Where weights are equal, the first ones go.
    Raises ValueError for shares outside [0, 1), a layer that has nothing to prune, another scope, or a model that is not built.
    """
    model._need_built("magnitude")
    shares, parameters = dict(layers or {}), prunable(model)
    names = {p.name.rpartition("/")[0] for p in parameters}
    for name, value in [("share", share), *shares.items()]:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1:
            raise ValueError(f"A share to prune must be at least 0 and below 1. Received: {name}={value!r}.")
    if unknown := sorted(set(shares) - names):
        known = ", ".join(sorted(names))
        raise ValueError(f"Model {model.name!r} has no weights to prune in {', '.join(unknown)}. Expected names of: {known}.")
    if scope not in ("layer", "model") or (scope == "model" and shares):
        raise ValueError(f'scope must be "layer", or "model" without shares of layers. Received: scope={scope!r}, layers={layers!r}.')
    kept = {p.name: np.array(masks[p.name] if masks and p.name in masks else np.ones(p.shape, bool)) for p in parameters}
    sizes = {p.name: np.abs(p.numpy()) for p in parameters}
    if scope == "layer":
        for name, mask in kept.items():
            mask.reshape(-1)[_smallest(sizes[name], mask, shares.get(name.rpartition("/")[0], share))] = False
        return kept
    whole, size = (np.concatenate([a[n].reshape(-1) for n in kept]) for a in (kept, sizes))
    whole[_smallest(size, whole, share)] = False
    ends = np.cumsum([mask.size for mask in kept.values()])
    return {n: part.reshape(kept[n].shape) for n, part in zip(kept, np.split(whole, ends[:-1]), strict=True)}


def _smallest(size: np.ndarray, kept: np.ndarray, share: float) -> np.ndarray:
    """Flat places of the smallest share of those kept."""
    places = np.flatnonzero(kept)
    order = np.argsort(size.reshape(-1)[places], kind="stable")
    return places[order[: round(share * places.size)]]


def random(masks: Masks, seed: int) -> Masks:
    """Masks that keep as many weights of each parameter, in other places: the control of an experiment."""
    rng = np.random.default_rng(seed)
    return {name: rng.permutation(mask.reshape(-1)).reshape(mask.shape) for name, mask in masks.items()}


def hold(model: Any, masks: Mapping[str, Any]) -> None:
    """Set weights outside the masks to zero, now and after every update from now on. Other masks held before are let go.

    Raises ValueError, changing nothing, for names or shapes that are not the model's. Masks are not part of a model's file: its zeros are,
    and ``hold(model, {name: w != 0 ...})`` takes them up again.
    """
    model._need_built("hold")
    known = {p.name: p for p in prunable(model)}
    if unknown := sorted(set(masks) - set(known)):
        raise ValueError(f"Model {model.name!r} has no weights {', '.join(unknown)} to prune. Expected: {', '.join(known)}.")
    made = {}
    for name, kept in masks.items():
        p = known[name]
        inner = p.constraint.inner if isinstance(p.constraint, Mask) else p.constraint
        made[name] = Mask(kept, inner)
        made[name].check(name, p.value)
    release(model)
    for name, mask in made.items():
        p = known[name]
        p.constraint = mask
        p.assign(np.where(mask.kept, p.numpy(), 0))
    _again(model)


def release(model: Any) -> None:
    """Let go of all masks: the weights stay as they are, and learn again."""
    for p in model.parameters:
        if isinstance(p.constraint, Mask):
            p.constraint = p.constraint.inner
    _again(model)


def _again(model: Any) -> None:
    """What was recorded does not hold any more."""
    model._programs.clear()
    model._arrange()


def held(model: Any) -> Masks:
    """The masks that are held, by parameter name."""
    return {p.name: p.constraint.kept for p in model.parameters if isinstance(p.constraint, Mask)}
