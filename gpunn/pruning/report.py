"""How sparse a model is."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from gpunn.pruning.masks import prunable


@dataclass(frozen=True)
class Sparsity:
    """Weights that are not zero. `rows`: (parameter, shape, how many are not zero, how many there are). Printed as a table."""

    rows: tuple[tuple[str, tuple[int, ...], int, int], ...]

    @property
    def kept(self) -> int:
        return sum(kept for _, _, kept, _ in self.rows)

    @property
    def total(self) -> int:
        return sum(total for _, _, _, total in self.rows)

    @property
    def left(self) -> float:
        """The share that is not zero; 1 of no weights."""
        return self.kept / self.total if self.total else 1.0

    def __str__(self) -> str:
        rows = [*self.rows, ("All", "", self.kept, self.total)]
        lines = [(name, str(shape), f"{kept:,}", f"{total:,}", f"{kept / max(total, 1):.1%}") for name, shape, kept, total in rows]
        lines.insert(0, ("Weights", "Shape", "Not zero", "Of", "Left"))
        widths = [max(len(line[i]) for line in lines) for i in range(5)]
        aligned = [f"{{:<{w}}}" if i < 2 else f"{{:>{w}}}" for i, w in enumerate(widths)]
        return "\n".join("  ".join(f.format(cell) for f, cell in zip(aligned, line, strict=True)) for line in lines)


def sparsity(model: Any) -> Sparsity:
    """Of the weights that can be pruned. Raises ValueError for a model that is not built."""
    model._need_built("sparsity")
    arrays = [(p.name, p.numpy()) for p in prunable(model)]
    return Sparsity(tuple((name, w.shape, int(np.count_nonzero(w)), w.size) for name, w in arrays))
