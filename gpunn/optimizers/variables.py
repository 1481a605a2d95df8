"""What an optimizer keeps, one by one and in the order in which Keras lists and files it."""

from collections.abc import Callable
from typing import Any

import numpy as np

from gpunn.kernels.segments import views

APART = {"RMSprop"}  # slot by slot; all others parameter by parameter
LAST = ("velocity_hat",)  # slots that come after all others
FIRST = ("average", "gradient_accumulator")


class Kept:
    """A number or an array that an optimizer keeps, as a variable of Keras: ``path``, ``name``, ``shape``, ``dtype``, `numpy`, `assign`."""

    def __init__(self, path: str, shape: tuple[int, ...], dtype: Any, read: Callable[[], Any], write: Callable[[np.ndarray], None]):
        self.path, self.name, self.shape, self.dtype = path, path.rpartition("/")[2], shape, np.dtype(dtype).name
        self._read, self._write = read, write

    def numpy(self) -> np.ndarray:
        return np.asarray(self._read(), self.dtype).reshape(self.shape)

    def assign(self, value: Any) -> None:
        """Raises ValueError for another shape."""
        if np.shape(value) != self.shape:
            raise ValueError(f"Variable {self.path}: expected a value of shape {self.shape}. Received: {np.shape(value)}.")
        self._write(np.asarray(value, self.dtype))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self.numpy().astype(dtype or self.dtype)

    def __repr__(self) -> str:
        return f"<Variable path={self.path}, shape={self.shape}, dtype={self.dtype}, value={self.numpy()}>"


def of(optimizer: Any) -> list[Kept]:
    """The number of batches, the rate where it is a number, the slots, and scalars that are state, too."""
    title, ops, places = optimizer.name, optimizer._ops, optimizer._places
    parts = {slot: views(vector, places) for slot, vector in optimizer.state.items()}
    dtype = next((vector.dtype for vector in optimizer.state.values()), np.dtype("float32"))

    def set_rate(value: np.ndarray) -> None:
        if value != np.asarray(float(optimizer.learning_rate), dtype):  # else it is what it was, rounded
            optimizer.learning_rate = float(value)

    def slot_of(slot: str, name: str) -> Kept:
        shape = places[name][1]
        view = parts[slot][name]
        return Kept(
            f"{title}/{name.replace('/', '_')}_{slot}", optimizer.stored_shape(slot, name, shape), dtype,
            lambda: optimizer.stored(slot, ops.to_numpy(view)), lambda value: ops.write(view, optimizer.unstored(slot, value, shape)),
        )

    def scalar_of(name: str) -> Kept:
        def read() -> Any:
            return ops.to_numpy(optimizer.scalars[name]) if name in optimizer.scalars else 1.0  # no step has been yet

        return Kept(f"{title}/{name}", (), dtype, read, lambda value: ops.write(optimizer.scalar(name), float(value)))

    out = [Kept(f"{title}/iteration", (), "int32", lambda: optimizer.steps, lambda value: optimizer.set_steps(int(value)))]
    if optimizer.schedule is None:
        out.append(Kept(f"{title}/learning_rate", (), dtype, lambda: float(optimizer.learning_rate), set_rate))
    return out + [slot_of(*where) for where in _order(optimizer)] + [scalar_of(name) for name in optimizer.kept if ops is not None]


def _order(optimizer: Any) -> list[tuple[str, str]]:
    """The (slot, parameter) of each array after the counter and the rate."""
    places, slots = optimizer._places, list(optimizer.state)
    out = [(slot, name) for slot in FIRST if slot in slots for name in places]
    rest = [s for s in slots if s not in (*FIRST, *LAST)]
    if type(optimizer).__name__ in APART:
        out += [(slot, name) for slot in rest for name in places]
    else:
        out += [(slot, name) for name in places for slot in rest if optimizer.stored_shape(slot, name, places[name][1]) is not None]
    return out + [(slot, name) for slot in LAST if slot in slots for name in places]
