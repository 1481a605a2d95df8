"""A launch done several times at once, at places a fixed distance apart: for replicas of a model, or parts of a tall matrix."""

from dataclasses import dataclass, field
from typing import Any

from gpunn.backend.schedule import Node
from gpunn.kernels.many import many_arguments


@dataclass
class Many(Node):
    """A launch over `count` places: the first one's arguments, and how many elements lie between two places' arrays.

    ``tables``: constants that differ, on the device, by name. ``together``: how many places the geometry of a block may count on beside
    it; 1, and each is done as it would be alone, to the bit.
    """

    count: int = 1
    steps: tuple[int, ...] = ()
    tables: dict[str, Any] = field(default_factory=dict)
    together: int = 1

    @property
    def entry(self) -> tuple[Any, str, tuple[str, ...]]:
        return self.kernel, self.kernel.dtype(self.arguments).name, tuple(self.tables)

    @property
    def device_arguments(self) -> tuple[Any, ...]:
        return many_arguments(self.kernel, self.arguments, self.steps, self.tables)
