"""A metric's calls that leave it as it is: its variables' values are given, and the new ones come back."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np


class Stateless:
    """`stateless_update_state`, `stateless_result` and `stateless_reset_state`, under Keras's names. They take and give what
    ``metric.variables`` lists, as arrays."""

    name: str
    variables: Any
    update_state: Any
    result: Any
    reset_state: Any

    def stateless_update_state(self, metric_variables: Sequence[Any], *arguments: Any, **named: Any) -> list[np.ndarray]:
        """-> the values after `update_state` with these arguments. Raises ValueError for another number of values, and as that does."""
        with self._holding(metric_variables, "stateless_update_state"):
            self.update_state(*arguments, **named)
            return [np.array(v.numpy()) for v in self.variables]

    def stateless_result(self, metric_variables: Sequence[Any]) -> Any:
        """The `result` that these values give. Raises ValueError for another number of values."""
        with self._holding(metric_variables, "stateless_result"):
            return self.result()

    def stateless_reset_state(self) -> list[np.ndarray]:
        """-> the values after `reset_state`."""
        with self._holding([v.numpy() for v in self.variables], "stateless_reset_state"):
            self.reset_state()
            return [np.array(v.numpy()) for v in self.variables]

    @contextmanager
    def _holding(self, values: Sequence[Any], where: str) -> Iterator[None]:
        """In the block the variables have these values, after it their own again."""
        own = self.variables
        if len(values) != len(own):
            raise ValueError(f"Metric {self.name}: {where}: expected {len(own)} values in metric_variables. Received: {len(values)}.")
        before = [np.array(v.numpy()) for v in own]
        try:
            for variable, value in zip(own, values, strict=True):
                variable.assign(np.asarray(value))
            yield
        finally:
            for variable, value in zip(own, before, strict=True):
                variable.assign(value)
