"""Doing something every N train batches without a call after each."""

from typing import Any


class Every:
    """Counts train batches across epochs; `due` says when N of them have run since it last said so."""

    def __init__(self, batches: int):
        self.batches, self._since, self._seen = batches, 0, 0

    def epoch(self) -> None:
        """A new epoch counts its batches from 0 again."""
        self._seen = 0

    def due(self, batch: int) -> bool:
        self._since += batch + 1 - self._seen
        self._seen = batch + 1
        if self._since < self.batches:
            return False
        self._since = 0
        return True

    def left(self) -> int:
        return self.batches - self._since

    def get_state(self) -> list[int]:
        return [self._since, self._seen]

    def set_state(self, state: list[int]) -> None:
        self._since, self._seen = state


def frequency(name: str, value: Any, where: str) -> Any:
    """"epoch", or an `Every` for a number of batches. Raises ValueError for anything else."""
    if value == "epoch":
        return value
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"Unrecognized {name} of {where}: {value!r}. Expected 'epoch' or a number of batches of at least 1.")
    return Every(value)
