"""RandAugment: a few random operations, one after another."""

from typing import Any

from gpunn.layers.augmentation_operations import OPERATIONS, Operating
from gpunn.layers.base import Pullback, positive


class RandAugment(Operating):
    """Takes an image through `num_ops` random operations of one strength (Cubuk et al. 2020).

    Every image draws its own each time (Keras draws those of a batch), all alike: shear, translation, rotation, posterization,
    solarization, auto-contrast, equalization, brightness, colour degeneration (towards grey; images of three channels), contrast and
    sharpness. factor, from 0 to 1: their strength, a number f for (0, f), or a pair.
    """

    recordable = True

    def __init__(
        self, value_range: Any = (0, 255), num_ops: int = 2, factor: Any = 0.5, interpolation: str = "bilinear", seed: int | None = None,
        data_format: str | None = None, **common: Any,
    ):
        super().__init__(value_range, factor, [name for name in OPERATIONS if name != "none"], interpolation, seed, data_format, **common)
        self.num_ops = positive("num_ops", num_ops, self.name)

    def forward(self, x: Any, training: bool = False) -> tuple[Any, Pullback]:
        if not training:
            return x, lambda dy, need_dx=True: dy
        for i in range(self.num_ops):
            x = self.link(x, i)
        return x, self.no_gradient

    def config(self) -> dict[str, Any]:
        return {
            "value_range": self.limits, "num_ops": self.num_ops, "factor": self.factor, "interpolation": self.interpolation,
            "seed": self.seed,
        }
