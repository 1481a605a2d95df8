"""Discretization: numbers sorted into bins."""

from typing import Any

import numpy as np

from gpunn import ops
from gpunn.layers.base import positive
from gpunn.layers.category_encoding import MODES, Numbering, encoded

SAMPLE = 1 << 20  # numbers that quantiles are taken of, at most


class Discretization(Numbering):
    """The bin of each number: 0 below the first of the `bin_boundaries`, and one more from each boundary on.

    `num_bins`: `adapt` finds boundaries that put as many numbers into each bin: quantiles, exact up to a million numbers, of that many
    taken evenly above (Keras's are approximate by `epsilon`, which changes nothing here). output_mode: "int", or bins as columns, see
    `CategoryEncoding`. Raises ValueError for arguments that cannot be, boundaries out of order, and where there are none yet.
    """

    def __init__(
        self, bin_boundaries: Any = None, num_bins: int | None = None, epsilon: float = 0.01, output_mode: str = "int",
        sparse: bool = False, **common: Any,
    ):
        super().__init__(**common)
        if (bin_boundaries is None) == (num_bins is None):
            raise ValueError(
                f"Layer {self.name!r}: expected bin_boundaries or num_bins. Received: bin_boundaries={bin_boundaries!r}, "
                f"num_bins={num_bins!r}."
            )
        self.num_bins = None if num_bins is None else positive("num_bins", num_bins, self.name)
        self.epsilon, self.output_mode = epsilon, self.mode(output_mode, ("int", *MODES), sparse)
        self.bin_boundaries: list[float] | None = None
        if bin_boundaries is not None:
            self.bin_boundaries = [float(b) for b in bin_boundaries]
            if not self.bin_boundaries or any(b <= a for a, b in zip(self.bin_boundaries, self.bin_boundaries[1:], strict=False)):
                raise self.wrong("bin_boundaries", "numbers in order, at least one", bin_boundaries)

    def adapt(self, data: Any, batch_size: int | None = None, steps: int | None = None) -> None:
        """Find boundaries for these numbers: an array, or what gives such batch by batch (`steps` of them). Raises ValueError where
        boundaries were given, and for no numbers."""
        if self.num_bins is None:
            raise ValueError(f"Layer {self.name!r}: bin_boundaries were given. Expected num_bins in their place for adapt.")
        batches = [data] if hasattr(data, "dtype") or isinstance(data, (list, tuple)) else data
        parts = [np.asarray(b, np.float64).reshape(-1) for n, b in enumerate(batches) if steps is None or n < steps]
        numbers = np.sort(np.concatenate(parts)) if parts else np.empty(0)
        if not numbers.size:
            raise ValueError(f"Layer {self.name!r}: expected at least one number to adapt to. Received none.")
        numbers = numbers[np.linspace(0, len(numbers) - 1, min(len(numbers), SAMPLE)).astype(np.int64)]
        places = (np.arange(1, self.num_bins) * len(numbers)) // self.num_bins
        self.bin_boundaries = np.unique(numbers[places].astype(np.float32)).tolist()

    @property
    def depth(self) -> int:
        """How many bins there may be."""
        return self.num_bins or len(self.bin_boundaries or ()) + 1

    def numbered(self, inputs: Any) -> Any:
        if self.bin_boundaries is None:
            raise ValueError(f"Layer {self.name!r} has no boundaries: call adapt(numbers) first, or give bin_boundaries.")
        above = ops.greater_equal(ops.expand_dims(inputs, -1), np.asarray(self.bin_boundaries, np.float32))
        bins = ops.sum(ops.cast(above, "int32"), axis=-1)
        return bins if self.output_mode == "int" else encoded(self, bins, self.output_mode, self.depth)

    def config(self) -> dict[str, Any]:
        given = {"num_bins": self.num_bins, "bin_boundaries": self.bin_boundaries}
        return given | {"epsilon": self.epsilon, "output_mode": self.output_mode}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Discretization":
        """A layer that adapted has both, `num_bins` and the boundaries it found."""
        if config.get("num_bins") is None or config.get("bin_boundaries") is None:
            return cls(**config)
        layer = cls(**{name: value for name, value in config.items() if name != "bin_boundaries"})
        layer.bin_boundaries = [float(b) for b in config["bin_boundaries"]]
        return layer
