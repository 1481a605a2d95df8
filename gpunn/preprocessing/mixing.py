"""Mixup, CutMix, Cutout and AugMix on arrays, and flows that mix for `fit`."""

from typing import Any

import numpy as np

from gpunn import random
from gpunn.backend import get_backend
from gpunn.layers.augmentation_augmix import AugMix
from gpunn.layers.augmentation_mix import Mixing
from gpunn.layers.augmentation_parts import Cutout
from gpunn.training.changes import InStep
from gpunn.utils import Sequence, to_categorical

MIXED = random.ORDER + 0x10  # streams of mixtures: two of them


def mixup(x: Any, y: Any, alpha: float = 0.2, num_classes: int | None = None, seed: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """A batch with every row mixed with another: x = m x_a + (1 - m) x_b, y = m y_a + (1 - m) y_b, m ~ Beta(alpha, alpha).

    x: (rows, ...); y: one-hot rows, numbers (rows, targets), or integer labels, which become one-hot. -> (x, y) as float arrays."""
    return _mixed(Mixing(mixup=alpha), x, y, num_classes, seed)


def cutmix(x: Any, y: Any, alpha: float = 1.0, num_classes: int | None = None, seed: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Images (rows, height, width[, channels]) with a box of another image each; labels by the pixels that are the one's and the other's.
    The box's share of the image ~ Beta(alpha, alpha). y and the result as in `mixup`."""
    if np.ndim(x) not in (3, 4):
        raise ValueError(f"Argument x of cutmix: expected images, (rows, height, width[, channels]). Received: shape {np.shape(x)}.")
    return _mixed(Mixing(cutmix=alpha), x, y, num_classes, seed)


def cutout(x: Any, size: Any, fill_value: float = 0.0, seed: int | None = None) -> np.ndarray:
    """Images with a square of `size` pixels, anywhere, set to fill_value; labels stay. See `gpunn.layers.Cutout`."""
    return _applied(Cutout(size, fill_value, seed=seed, dtype=_float(x)), x)


def augmix(x: Any, value_range: Any = (0, 255), factor: float = 0.3, alpha: float = 1.0, seed: int | None = None) -> np.ndarray:
    """Images mixed with changed versions of themselves; labels stay. See `gpunn.layers.AugMix`."""
    return _applied(AugMix(value_range, factor=factor, alpha=alpha, seed=seed, dtype=_float(x)), x)


def mix(
    flow: Any, mixup: float | None = 0.2, cutmix: float | None = None, num_classes: int | None = None, seed: int | None = None
) -> "MixedFlow":
    """The batches of a flow, or of any `gpunn.utils.Sequence` of (x, y), mixed: for `fit` with a loss that takes one-hot targets.

    ``model.fit(mix(ImageDataGenerator(rotation_range=10).flow(x, y), mixup=0.2, cutmix=1.0))``: the flow's own changes come first. What can
    be part of the recorded step is, as `ImageDataGenerator.flow` says. num_classes: of integer labels, where the flow does not know.
    """
    return MixedFlow(flow, Mixing(mixup, cutmix), num_classes, seed)


class MixedFlow(Sequence):
    """See `mix`."""

    def __init__(self, flow: Any, mixing: Mixing, num_classes: int | None, seed: int | None):
        super().__init__(workers=getattr(flow, "workers", 1))
        self.flow, self.mixing, self._passes = flow, mixing, 0
        self.seed = random.current_seed() if seed is None else int(seed)
        self.given_seed = seed is not None
        labels = getattr(flow, "y", None)
        known = getattr(flow, "num_classes", None) or (None if labels is None or labels.ndim > 1 else int(labels.max()) + 1)
        self.num_classes = num_classes or known

    def __len__(self) -> int:
        return len(self.flow)

    def on_epoch_begin(self) -> None:
        self.flow.on_epoch_begin()
        self._passes += 1

    def on_epoch_end(self) -> None:
        self.flow.on_epoch_end()

    def __getitem__(self, index: int) -> Any:
        x, y, *weights = self.flow[index]
        if weights:
            raise ValueError("A mixed row has two labels, but one sample weight. Expected batches (x, y). Received: (x, y, sample_weight).")
        step = self._passes * len(self) + index
        return _mixed(self.mixing, x, y, self.num_classes, self.seed, step)

    def in_step(self) -> InStep | None:
        inner = self.flow.in_step() if hasattr(self.flow, "in_step") else None
        if inner is None or inner.sample_weight is not None:
            return None
        partners: Any = None

        def change(ops: Any, x: Any, rng: Any) -> Any:
            nonlocal partners
            source = (rng.step, self.seed if self.given_seed else rng.seed, MIXED)
            x, partners = self.mixing.inputs(ops, inner.change(ops, x, rng), source)
            return x

        def targets(ops: Any, y: Any) -> Any:
            return self.mixing.targets(ops, y, partners)

        return InStep(inner.x, _rows(inner.y, self.num_classes), None, inner.batch_size, inner.shuffle, change, targets)


def _mixed(mixing: Mixing, x: Any, y: Any, num_classes: int | None, seed: int | None, step: int = 0) -> tuple[np.ndarray, np.ndarray]:
    ops, targets = get_backend("cpu"), _rows(y, num_classes)
    if len(targets) != len(x):
        raise ValueError(f"Argument y: expected as many rows as x, {len(x)}. Received: {len(targets)}.")
    source = (np.array([step], np.int64), int(np.random.randint(2**31)) if seed is None else int(seed), MIXED)
    given = ops.asarray(np.asarray(x), _float(x))
    mixed, partners = mixing.inputs(ops, given, source)
    return mixed, mixing.targets(ops, ops.asarray(targets, given.dtype), partners)


def _rows(y: Any, num_classes: int | None) -> np.ndarray:
    """Targets as rows of numbers; integer labels one-hot."""
    y = np.asarray(y)
    if y.ndim == 1 and y.dtype.kind in "iu":
        return to_categorical(y, num_classes).astype(np.float32)
    return y.reshape(len(y), -1) if y.ndim == 1 else y


def _applied(layer: Any, x: Any) -> np.ndarray:
    layer.backend = get_backend("cpu")
    if layer.seed is None:
        layer.seed = int(np.random.randint(2**31))
    return np.asarray(layer(x))


def _float(x: Any) -> str:
    return "float64" if np.asarray(x).dtype == np.float64 else "float32"
