"""Muon: a momentum whose matrices are made orthogonal (Jordan et al. 2024), beside Adam for everything that is no matrix."""

import re
from collections.abc import Callable, Sequence
from typing import Any, Unpack

import numpy as np

from gpunn.kernels import optimizers as kernels
from gpunn.kernels import segments
from gpunn.kernels.record import Kernel
from gpunn.optimizers.base import NotDecay, Optimizer
from gpunn.optimizers.checks import finite, number, positive, share, whole
from gpunn.optimizers.recording import Step


class Muon(Optimizer):
    """m = momentum * m + g; w -= rate * rms_rate * sqrt(max(rows, columns)) * O(g + momentum * m), or O(m) without `nesterov`.

    O makes a matrix nearly orthogonal by `ns_steps` Newton-Schulz steps x = a x + (b x x' + c (x x')^2) x, from x of norm 1.
    Parameters with other than two axes, those of embeddings (with `exclude_embeddings`) and those in whose name, like ``dense/kernel``,
    one of the patterns `exclude_layers` is found take AdamW's step instead, at adam_lr_ratio times the rate. The weight decay of matrices
    is `weight_decay`, of the others `adam_weight_decay`. `rms_rate` None leaves its factor out (Liu et al. 2025 for the factor).
    Raises ValueError for numbers out of range.
    """

    slots = ("momentum", "velocity")

    def __init__(
        self, learning_rate: Any = 0.001, adam_beta_1: float = 0.9, adam_beta_2: float = 0.999, adam_weight_decay: float | None = 0.004,
        epsilon: float = 1e-7, weight_decay: float | None = 0.004, *, exclude_layers: Sequence[str] | None = None,
        exclude_embeddings: bool = True, muon_a: float = 3.4445, muon_b: float = -4.7750, muon_c: float = 2.0315, adam_lr_ratio: float = 1,
        momentum: float = 0.95, ns_steps: int = 5, nesterov: bool = True, rms_rate: float | None = 0.2, **common: Unpack[NotDecay],
    ):
        super().__init__(learning_rate, weight_decay=weight_decay, **common)
        self.adam_beta_1, self.adam_beta_2 = share("adam_beta_1", adam_beta_1, "Muon"), share("adam_beta_2", adam_beta_2, "Muon")
        self.adam_weight_decay = None if adam_weight_decay is None else number("adam_weight_decay", adam_weight_decay, "Muon")
        self.epsilon, self.momentum = positive("epsilon", epsilon, "Muon"), share("momentum", momentum, "Muon", closed=True)
        self.muon_a, self.muon_b, self.muon_c = (
            finite(n, v, "Muon") for n, v in (("muon_a", muon_a), ("muon_b", muon_b), ("muon_c", muon_c))
        )
        self.adam_lr_ratio, self.ns_steps = number("adam_lr_ratio", adam_lr_ratio, "Muon"), whole("ns_steps", ns_steps, "Muon", 0)
        self.nesterov, self.exclude_embeddings = bool(nesterov), bool(exclude_embeddings)
        self.exclude_layers = list(exclude_layers or ())
        self.rms_rate = None if rms_rate is None else number("rms_rate", rms_rate, "Muon")

    def takes(self, name: str, shape: tuple[int, ...]) -> bool:
        """Whether a parameter takes Muon's step; the others take AdamW's."""
        if len(shape) != 2 or (self.exclude_embeddings and "embedding" in name.lower()):
            return False
        return not any(re.search(pattern, name) for pattern in self.exclude_layers)

    def stored_shape(self, slot: str, name: str, shape: tuple[int, ...]) -> tuple[int, ...] | None:
        return None if slot == "velocity" and self.takes(name, shape) else shape

    def weight_decays(self) -> float | Callable[[str, tuple[int, ...]], float]:
        matrices, others = self.weight_decay or 0.0, self.adam_weight_decay or 0.0
        if not (matrices or others):
            return 0.0
        return lambda name, shape: 0.0 if name in self.exclusion else matrices if self.takes(name, shape) else others

    @property
    def kernel(self) -> Kernel:
        return kernels.muon_moments

    def _factor(self, name: str, shape: tuple[int, ...]) -> float:
        if not self.takes(name, shape):
            return 0.0
        return 1.0 if self.rms_rate is None else max(shape) ** 0.5 * self.rms_rate

    def update(self, step: Step) -> None:
        ops, alpha, u = step.ops, step.scalar("alpha"), step.vector("u")
        ops.launch(kernels.adam_rate, step.rate, step.updates, self.adam_beta_1, self.adam_beta_2, alpha)
        step.launch(
            self.kernel, {
                "m": self.state["momentum"], "v": self.state["velocity"], "alpha": alpha, "u": u, "ratio": self.adam_lr_ratio,
                "matrix": step.rows("matrix", lambda name, shape: float(self.takes(name, shape))), "momentum": self.momentum,
                "nesterov": float(self.nesterov), "share_1": 1 - self.adam_beta_1, "share_2": 1 - self.adam_beta_2, "epsilon": self.epsilon,
            }, end=False,
        )
        parts = step.parts("matrices", self.takes)
        inverse = parts.numbers(ops, segments.INVERSE_NORM, [u], [1e-7])
        ops.launch(kernels.scale_rows, u.reshape(-1, segments.ROW), parts.spread(ops, inverse))
        for name in parts.names:
            at, shape = self._places[name]
            self._orthogonalize(step, u[at : at + int(np.prod(shape))].reshape(shape))
        step.launch(kernels.scaled_step, {"u": u, "ratio": step.rows("factor", self._factor)}, begin=False)

    def _orthogonalize(self, step: Step, x: Any) -> None:
        """Newton-Schulz, in place. The product of x with itself is over its longer axis, so that it is the smaller matrix."""
        ops, tall = step.ops, x.shape[0] > x.shape[1]
        side = min(x.shape)
        gram, power, moved = ops.empty((side, side), x.dtype), ops.empty((side, side), x.dtype), ops.empty(x.shape, x.dtype)
        for _ in range(self.ns_steps):
            ops.gram(x, gram, columns=tall)
            ops.square(gram, power)
            ops.launch(kernels.blend, gram, power, self.muon_b, self.muon_c)
            if tall:
                ops.matmul(x, power, moved)
            else:
                ops.matmul(power, x, moved)
            ops.launch(kernels.blend, moved, x, 1.0, self.muon_a)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "adam_beta_1": self.adam_beta_1, "adam_beta_2": self.adam_beta_2, "epsilon": self.epsilon,
            "exclude_layers": self.exclude_layers, "muon_a": self.muon_a, "muon_b": self.muon_b, "muon_c": self.muon_c,
            "adam_lr_ratio": self.adam_lr_ratio, "momentum": self.momentum, "ns_steps": self.ns_steps, "nesterov": self.nesterov,
            "exclude_embeddings": self.exclude_embeddings, "adam_weight_decay": self.adam_weight_decay, "rms_rate": self.rms_rate,
        }
