"""What is worth keeping for the next time, a few at most."""

from collections.abc import Callable
from typing import Any

MOST = 16  # forms of calls that a layer or a model keeps: plain values that are others in every call must not fill the memory


def recent(kept: dict[Any, Any], key: Any, make: Callable[[], Any], most: int = MOST) -> Any:
    """What was kept under this key, or is made now. Of more than `most` the one whose last use is the oldest goes."""
    found = kept.pop(key) if key in kept else make()
    kept[key] = found
    while len(kept) > most:
        kept.pop(next(iter(kept)))
    return found
