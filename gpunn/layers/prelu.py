"""PReLU: a rectifier that learns its slope (He et al. 2015)."""

import itertools
import math
from typing import Any

from gpunn.kernels import rectifiers, shared_axes
from gpunn.layers.base import Layer, Pullback
from gpunn.layers.spelling import old_names


class PReLU(Layer):
    """y = x where it is positive, alpha * x elsewhere, with a learned alpha for each feature.

    Features along `shared_axes` (counted from 1, as axis 0 is the batch) share one: alpha has size 1 there. Alpha's gradient is the sum of
    dy * x over what shares it, where x is not positive.
    Raises ValueError for axes that are not there, or a size that is not known.
    """

    recordable = True
    supports_masking = True

    @old_names(init="alpha_initializer")
    def __init__(
        self, alpha_initializer: Any = "zeros", alpha_regularizer: Any = None, alpha_constraint: Any = None, shared_axes: Any = None,
        **common: Any,
    ):
        super().__init__(**common)
        self.weight_options("alpha", alpha_initializer, alpha_regularizer, alpha_constraint)
        given = shared_axes if isinstance(shared_axes, (list, tuple)) else [] if shared_axes is None else [shared_axes]
        self.shared_axes = None if shared_axes is None else [int(a) for a in given]
        self.alpha: Any = None

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        rank = len(input_shape)
        axes = {a + rank if a < 0 else a for a in self.shared_axes or ()}
        if any(not 1 <= a < rank for a in axes):
            raise ValueError(
                f"Layer {self.name!r}: expected shared_axes from 1 to {rank - 1}, for inputs of shape {input_shape}. "
                f"Received: {self.shared_axes}."
            )
        if None in input_shape[1:]:
            raise ValueError(f"Layer {self.name!r}: all sizes but the batch's must be known. Received: input_shape={input_shape}.")
        self.alpha = self.add_weight("alpha", [1 if a in axes else n or 0 for a, n in enumerate(input_shape)][1:])

    def _layout(self, features: tuple[int, ...]) -> tuple[int, int, list[tuple[int, int]]]:
        """-> (columns, elements of alpha, the (shared, inner) of each step that lays alpha out over the columns).

        Leading shared axes go to the rows: what is left are the columns, over which alpha is laid out axis group by axis group.
        """
        sizes = list(zip(features, self.alpha.shape, strict=True))
        while len(sizes) > 1 and sizes[0][1] == 1:
            sizes.pop(0)
        groups = [(shared, list(g)) for shared, g in itertools.groupby(sizes, key=lambda s: s[0] != s[1])]
        steps = []
        for i, (shared, group) in enumerate(groups):
            if shared:
                steps.append((math.prod(n for n, _ in group), math.prod(a for _, later in groups[i + 1 :] for _, a in later)))
        return math.prod(n for n, _ in sizes), math.prod(a for _, a in sizes), steps

    def forward(self, x: Any, training: bool = False) -> tuple[Any, Pullback]:
        ops, alpha = self.backend, self.alpha
        if tuple(n for n, a in zip(x.shape[1:], alpha.shape, strict=False) if a != 1) != tuple(a for a in alpha.shape if a != 1):
            raise ValueError(f"Input of layer {self.name!r}: expected features that fit alpha's {alpha.shape}. Received: shape {x.shape}.")
        columns, size, steps = self._layout(x.shape[1:])
        rows = x.reshape(-1, columns)
        slope = alpha.value.reshape(size)
        for shared, inner in steps:
            wide = ops.empty((slope.size * shared,), x.dtype)
            ops.launch(shared_axes.SPREAD, slope, shared, inner, wide)
            slope = wide
        y = ops.empty(rows.shape, x.dtype)
        ops.launch(rectifiers.prelu, rows, slope, y)

        def pullback(dy: Any, need_dx: bool = True) -> Any:
            d = dy.reshape(rows.shape)
            if alpha.learns:
                self._slope_gradient(d, rows, steps)
            if not need_dx:
                return None
            ops.launch(rectifiers.prelu_bwd, d, rows, slope, d)
            return d.reshape(x.shape)

        return y.reshape(x.shape), pullback

    def _slope_gradient(self, d: Any, rows: Any, steps: list[tuple[int, int]]) -> None:
        ops, alpha = self.backend, self.alpha
        add = float(alpha.claim())
        target = alpha.gradient.reshape(-1)
        total = ops.empty((rows.shape[1],), d.dtype) if steps else target
        ops.launch(shared_axes.PRELU_SUM, d, rows, 0.0 if steps else add, total)
        for i, (shared, inner) in enumerate(reversed(steps)):
            last = i == len(steps) - 1
            less = target if last else ops.empty((total.size // shared,), d.dtype)
            ops.launch(shared_axes.GROUP_SUM, total, shared, inner, add if last else 0.0, less)
            total = less

    def config(self) -> dict[str, Any]:
        return {"shared_axes": self.shared_axes}
