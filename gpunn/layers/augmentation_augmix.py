"""AugMix: images mixed with chains of operations on themselves, drawn as Keras 3 draws them."""

from typing import Any

from gpunn.kernels.augment_draw import MIXING
from gpunn.kernels.augment_tone import MIX, TONE
from gpunn.layers.augmentation import NOISE, number
from gpunn.layers.augmentation_operations import OPERATIONS, Operating
from gpunn.layers.base import Pullback, positive

FEW = tuple(OPERATIONS)[:-4]  # without `all_ops`


class AugMix(Operating):
    """Mixes an image with `num_chains` chains of `chain_depth` random operations (Hendrycks et al. 2020): weights of the chains from a
    Dirichlet distribution, the share of the image itself from a Beta distribution, both of parameter `alpha`.

    Every image draws its own operation for each link, all alike: none, shear, translation, rotation, posterization, solarization,
    auto-contrast, equalization, and with `all_ops` brightness, colour degeneration (towards grey; images of three channels), contrast and
    sharpness; from the ranges that Keras 3's AugMix gives its layers of these names. factor, from 0 to 1: their strength, a number f for
    (0, f), or a pair. The result is clipped to `value_range`.
    """

    recordable = True

    def __init__(
        self, value_range: Any = (0, 255), num_chains: int = 3, chain_depth: int = 3, factor: Any = 0.3, alpha: float = 1.0,
        all_ops: bool = True, interpolation: str = "bilinear", seed: int | None = None, data_format: str | None = None, **common: Any,
    ):
        operations = tuple(OPERATIONS) if all_ops else FEW
        super().__init__(value_range, factor, operations, interpolation, seed, data_format, **common)
        self.num_chains, self.chain_depth = positive("num_chains", num_chains, self.name), positive("chain_depth", chain_depth, self.name)
        if not number(alpha) or alpha <= 0:
            raise ValueError(f"Layer {self.name!r}: alpha must be a positive number. Received: alpha={alpha!r}.")
        self.alpha, self.all_ops = float(alpha), bool(all_ops)

    def forward(self, x: Any, training: bool = False) -> tuple[Any, Pullback]:
        if not training:
            return x, lambda dy, need_dx=True: dy
        ops, rows = self.backend, x.shape[0]
        step, seed, stream = self.source()
        weights, mixed = ops.empty((rows, self.num_chains + 1), "float64"), ops.empty(x.shape, x.dtype)
        ops.launch(MIXING, step, seed, stream + NOISE, self.alpha, weights)
        ops.launch(MIX, x, weights, self.num_chains + 1, 0, 0, mixed)
        for chain in range(self.num_chains):
            image = x
            for depth in range(self.chain_depth):
                image = self.link(image, chain * self.chain_depth + depth)
            ops.launch(MIX, image, weights, self.num_chains + 1, chain + 1, 1, mixed)
        y = ops.empty(x.shape, x.dtype)
        ops.launch(TONE, mixed, weights, self.image(x.shape)[2], -1, -1, 0, *self.limits, y)
        return y, self.no_gradient

    def config(self) -> dict[str, Any]:
        return {
            "value_range": self.limits, "num_chains": self.num_chains, "chain_depth": self.chain_depth, "factor": self.factor,
            "alpha": self.alpha, "all_ops": self.all_ops, "interpolation": self.interpolation, "seed": self.seed,
        }
