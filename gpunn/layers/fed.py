"""Fed: an argument of a `gpunn.function`, whose arrays on the device are filled anew at every call."""

from collections.abc import Callable, Hashable
from typing import Any

import numpy as np

from gpunn import config
from gpunn.backend import get_backend
from gpunn.backend.traced import refuse, trace
from gpunn.kernels import REGISTRY
from gpunn.layers.graph import KerasTensor
from gpunn.layers.parameter import whole
from gpunn.layers.tensor import Tensor, numbers

Recipe = Callable[[Any], np.ndarray]


class Fed(Tensor):
    """The value of an argument in this call, ``given``, as a tensor: of its shape and type, integers and truths computed with as floats.

    What is made of the value on the host is made by `of`, which does it again at the next call. ``on_host``: whether the host has the value
    of each call.
    """

    on_host = True

    def __init__(self, given: Any, backend: Any):
        KerasTensor.__init__(self, tuple(given.shape), np.dtype(given.dtype).name, "tensor")
        self.given, self.backend, self.number = given, backend, next(numbers)
        self.made_by, self.mask = None, None
        self._host: np.ndarray | None = None
        self._made: dict[Hashable, tuple[Any, Recipe]] = {}

    def fetch(self) -> np.ndarray:
        """The value on the host, which comes there once."""
        if self._host is None:
            self._host = np.asarray(self.given.get() if hasattr(self.given, "get") else self.given)
        return self._host

    @property
    def computed_in(self) -> str:
        return self.dtype if self.dtype in ("float32", "float64") else config.floatx()

    @property
    def array(self) -> Any:
        return self.typed(self.computed_in)

    def typed(self, dtype: str) -> Any:
        """The value in a floating type, on the device."""
        return self.of(dtype, lambda value: np.asarray(value, dtype))

    def of(self, key: Hashable, recipe: Recipe) -> Any:
        """An array on the device of what the recipe makes of the value on the host, always of one shape and type: one for each key."""
        if key not in self._made:
            made = recipe(self.fetch())
            self._made[key] = self.backend.asarray(np.array(made)).reshape(made.shape), recipe
        return self._made[key][0]

    def fill(self, given: Any) -> None:
        """Another call's value. Raises what the recipes raise, before anything has changed."""
        before = self.given, self._host
        self.given, self._host = given, None
        here = given.array if isinstance(given, Tensor) and given.backend is self.backend else self.backend.adopt(given, "of a function")
        made = []
        try:
            for key, (array, recipe) in self._made.items():
                straight = here is not None and key == self.computed_in and here.dtype == array.dtype
                made.append((array, None if straight else recipe(self.fetch())))
        except Exception:
            self.given, self._host = before
            raise
        for array, values in made:
            if values is None:  # from one place of the device to another
                self.backend.launch(REGISTRY["linear"], whole(here), whole(array))
            elif self.backend.writes_later and np.may_share_memory(values, self.fetch()):  # the caller's, who may write to it
                self.backend.write(array, values.copy())
            else:
                self.backend.write(array, values)

    def on(self, backend: Any) -> "Fed":
        """The same on this device: itself, where nothing has been made of it on another one yet."""
        if self._made and backend is not self.backend:
            refuse("uses an argument on several devices")
            return Fed(self.given, backend)
        self.backend = backend
        return self

    def numpy(self) -> Any:
        refuse("reads the value of an argument")
        return self.fetch()[()]


def drawn(make: Callable[[], np.ndarray]) -> Any:
    """What `make` gives: random numbers. To a function that is being recorded they are an argument which is drawn anew in every call."""
    values = [make()]
    if (recorded := trace()) is None:
        return values[0]
    fed = Fed(values[0], get_backend())
    recorded.before.append(lambda: fed.fill(values.pop() if values else make()))
    return fed
