"""What callbacks receive: names with values; a batch's are read from the device only when somebody looks."""

from collections.abc import Callable
from typing import Any

_PAIRS = (("acc", "accuracy"), ("val_acc", "val_accuracy"), ("lr", "learning_rate"))
_SPELLINGS = {name: other for pair in _PAIRS for name, other in (pair, pair[::-1])}


class Logs(dict):
    """Logs in which ``acc`` and ``accuracy`` name the same entry, whichever was asked for; likewise ``val_acc``; and ``lr``."""

    def _spelling(self, key: Any) -> Any:
        other = _SPELLINGS.get(key)
        return key if other is None or dict.__contains__(self, key) or not dict.__contains__(self, other) else other

    def __missing__(self, key: Any) -> Any:
        other = self._spelling(key)
        if other == key:
            raise KeyError(key)
        return dict.__getitem__(self, other)

    def get(self, key: Any, default: Any = None) -> Any:
        return dict.get(self, self._spelling(key), default)

    def __contains__(self, key: object) -> bool:
        return dict.__contains__(self, self._spelling(key))


class LazyLogs(Logs):
    """Logs filled by ``read()`` at the first look at them."""

    def __init__(self, read: Callable[[], dict[str, float]]):
        super().__init__()
        self._read: Callable[[], dict[str, float]] | None = read

    def fill(self) -> None:
        """Read now what has not been read yet; entries somebody has set meanwhile stay."""
        if self._read is not None:
            read, self._read = self._read, None
            for name, value in read().items():
                dict.setdefault(self, name, value)


def _after_filling(name: str) -> Callable[..., Any]:
    inherited = getattr(Logs, name)

    def method(self: LazyLogs, *arguments: Any, **named: Any) -> Any:
        self.fill()
        return inherited(self, *arguments, **named)

    method.__name__ = name
    return method


for _name in (
    "__getitem__", "__contains__", "__iter__", "__reversed__", "__len__", "__repr__", "__eq__", "__ne__", "__or__", "__ror__",
    "__delitem__", "get", "keys", "values", "items", "copy", "pop", "popitem", "setdefault",
):
    setattr(LazyLogs, _name, _after_filling(_name))
