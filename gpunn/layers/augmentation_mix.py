"""Mixup and CutMix: rows of a batch mixed with other rows of it, and their labels with them."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from gpunn.kernels.augment_draw import DRAW, MIXING, PLACES
from gpunn.kernels.augment_partners import PARTNERS, ROLL
from gpunn.kernels.augment_tone import MIX, PASTE
from gpunn.layers.alone import drawing_alone
from gpunn.layers.augmentation import Augmentation, bounds, number
from gpunn.layers.base import Pullback
from gpunn.layers.graph import symbolic

SPLIT = 6  # column of a table that says how far partners are apart; see kernels.augment_partners for the others


@dataclass
class Partners:
    """What was drawn for a batch: the table, and the weights of each row's own and its partner's label."""

    drawn: Any
    labels: Any


class Mixing:
    """Rows mixed with others of their batch. `mixup` and `cutmix` are the parameters of the Beta distributions from which shares are drawn;
    with both, each row has one of the two, by chance. Raises ValueError for neither, and for numbers that are not positive."""

    def __init__(self, mixup: float | None = None, cutmix: float | None = None):
        given = [a for a in (mixup, cutmix) if a is not None]
        if not given or not all(number(a) and a > 0 for a in given):
            raise ValueError(f"Expected positive numbers for mixup, cutmix or both. Received: mixup={mixup!r}, cutmix={cutmix!r}.")
        self.mixup, self.cutmix = mixup, cutmix

    def inputs(self, ops: Any, x: Any, source: tuple[Any, int, int]) -> tuple[Any, Partners]:
        """A batch on a device, mixed: a few launches. source: (step, seed, stream) as the layers that draw have them."""
        rows, (step, seed, stream) = x.shape[0], source
        chance = 0.0 if self.cutmix is None else 1.0 if self.mixup is None else 0.5
        low, span = bounds({2: (0.0, 1.0), 3: (0.0, 1.0), 4: (chance, chance), 5: (0.0, 1.0), SPLIT: (0.0, 1.0)})
        drawn = ops.empty((rows, PLACES), "float64")
        ops.launch(DRAW, ops.asarray(low), ops.asarray(span), step, seed, stream, 0, drawn)
        shares = []
        for place, alpha in enumerate((self.mixup, self.cutmix)):
            share = ops.empty((rows, 2), "float64")
            ops.launch(MIXING, step, seed, stream + place, alpha or 1.0, share)
            shares.append(share)
        blend, boxes, labels = (ops.empty((rows, n), "float64") for n in (2, 4, 2))
        height, width, channels = (*x.shape[1:], 1)[:3] if x.ndim in (3, 4) else (1, int(np.prod(x.shape[1:])), 1)
        ops.launch(PARTNERS, *shares, drawn, height, width, blend, boxes, labels)
        other = self._rolled(ops, x, drawn)
        mixed = self._blended(ops, x, other, blend)
        if self.cutmix is not None:
            y = ops.empty(x.shape, x.dtype)
            limits = (-float("inf"), float("inf"))
            ops.launch(PASTE, mixed, boxes, other, height, width, channels, 1, 0.0, *limits, y)
            mixed = y
        return mixed, Partners(drawn, labels)

    def targets(self, ops: Any, y: Any, partners: Partners) -> Any:
        """Targets of the batch, rows of numbers, mixed as its inputs were."""
        return self._blended(ops, y, self._rolled(ops, y, partners.drawn), partners.labels)

    def _rolled(self, ops: Any, x: Any, drawn: Any) -> Any:
        other = ops.empty(x.shape, x.dtype)
        ops.launch(ROLL, x, drawn, SPLIT, other)
        return other

    def _blended(self, ops: Any, x: Any, other: Any, weights: Any) -> Any:
        y = ops.empty(x.shape, x.dtype)
        ops.launch(MIX, x, weights, 2, 0, 0, y)
        ops.launch(MIX, other, weights, 2, 1, 1, y)
        return y


class _Mixer(Augmentation):
    """A layer that mixes a batch given as {"images": ..., "labels": one-hot rows}, and returns such a dict; images alone, an array, are
    mixed alone. Not for use inside a model, where it would not see the labels: `gpunn.preprocessing.image.mix` is for `fit`."""

    mixing: Mixing

    def __call__(self, x: Any = None, *others: Any, training: bool | None = None, **options: Any) -> Any:
        if symbolic([x, *others]):
            return super().__call__(x, *others, training=training, **options)
        images = x["images"] if isinstance(x, dict) else x
        if training is False:
            return x
        ops = self.backend
        with drawing_alone(self):
            mixed, partners = self.mixing.inputs(ops, ops.asarray(np.asarray(images), self.dtype), self.source())
        if not isinstance(x, dict):
            return mixed
        out = {**x, "images": mixed}
        if x.get("labels") is not None:
            labels = np.asarray(x["labels"])
            if labels.ndim < 2:
                raise ValueError(f"Layer {self.name!r}: labels must be one-hot rows to be mixed. Received: shape {labels.shape}.")
            out["labels"] = self.mixing.targets(ops, ops.asarray(labels, self.dtype), partners)
        return out

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        raise ValueError(
            f"Layer {self.name!r} must see the labels, which a layer inside a model does not. Mix batches before the model: "
            "gpunn.preprocessing.image.mix(flow, ...) for fit, or call the layer with a dict."
        )

    def forward(self, x: Any, training: bool = False) -> tuple[Any, Pullback]:
        return x, self.no_gradient


class MixUp(_Mixer):
    """x = m x_a + (1 - m) x_b and the same for labels, m ~ Beta(alpha, alpha) for each row (Zhang et al. 2017)."""

    def __init__(self, alpha: float = 0.2, data_format: str | None = None, seed: int | None = None, **common: Any):
        super().__init__(seed, data_format, **common)
        self.alpha, self.mixing = alpha, Mixing(mixup=alpha)

    def config(self) -> dict[str, Any]:
        return {"alpha": self.alpha, "seed": self.seed}


class CutMix(_Mixer):
    """A box of another image in its place, labels mixed by area (Yun et al. 2019); the box's share ~ Beta(factor, factor). Keras draws its
    parameter from (0, factor) for a number and from a pair as it is; here the upper end counts."""

    def __init__(self, factor: Any = 1.0, seed: int | None = None, data_format: str | None = None, **common: Any):
        super().__init__(seed, data_format, **common)
        self.factor = self.between("factor", factor, 0.0, 1.0, mirrored=False)
        self.mixing = Mixing(cutmix=self.factor[1])

    def config(self) -> dict[str, Any]:
        return {"factor": self.factor, "seed": self.seed}
