"""What an optimizer keeps between steps: vectors as long as the parameters, scalars, the number of steps. It lives on the device."""

from typing import Any

import numpy as np

from gpunn.optimizers import variables
from gpunn.optimizers.rate import Rate


class State:
    """``state``, a vector for each of `all_slots`; ``scalars``; ``step``, the batches seen: made by `bind`, taken along by `move`, written
    down by `export` and put back by `restore`."""

    slots: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()  # scalars that are state too, and saved
    gradient_accumulation_steps: int | None
    use_ema: bool
    _rate: Rate

    def __init__(self) -> None:
        self._ops: Any = None
        self._places: dict[str, tuple[int, tuple[int, ...]]] = {}
        self._size = 0
        self._tables: dict[str, Any] = {}
        self.step: Any = None
        self.state: dict[str, Any] = {}
        self.scalars: dict[str, Any] = {}

    def initial(self, slot: str) -> float:
        """What a slot starts with."""
        return 0.0

    # ------------------------------------------------------------------ as Keras's files have it
    def stored_shape(self, slot: str, name: str, shape: tuple[int, ...]) -> tuple[int, ...] | None:
        """Of a slot's part for a parameter of this name and shape; None where Keras keeps none."""
        return shape

    def stored(self, slot: str, array: np.ndarray) -> np.ndarray:
        """A slot's part in that shape."""
        return array

    def unstored(self, slot: str, array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """And back, for a parameter of this shape."""
        return array

    @property
    def all_slots(self) -> tuple[str, ...]:
        more = ("gradient_accumulator",) * bool(self.gradient_accumulation_steps) + ("average",) * self.use_ema
        return (*self.slots, *more)

    def scalar(self, name: str, dtype: str = "float64", initial: float = 0) -> Any:
        """A number of the optimizer's on the device, made at the first call."""
        if name not in self.scalars:
            self.scalars[name] = self._ops.asarray(np.array([initial], dtype))
        return self.scalars[name]

    def bind(self, ops: Any, storage: Any) -> None:
        """Make the state for the parameters that learn in `storage` (a `models.storage.Storage`).

        What is there already for a parameter of that name and shape is kept, so that training goes on where it was.
        """
        if self._ops is None:
            self._ops = ops
            self.step = ops.zeros((1,), "int64")
        bound = self._places == storage.places and set(self.state) == set(self.all_slots)
        if bound and "rate" in self.scalars:
            return
        self._rate.write(self)
        if bound:
            return
        for slot in self.all_slots:
            vector = ops.zeros((storage.trainable_size,), storage.values.dtype)
            ops.write(vector, storage.values[: storage.trainable_size] if slot == "average" else self.initial(slot))
            if slot in self.state:
                before = storage.split(self.state[slot], self._places)
                for name, view in storage.split(vector).items():
                    if name in before and before[name].shape == view.shape:
                        ops.write(view, ops.to_numpy(before[name]))
            self.state[slot] = vector
        self._places, self._size, self._tables = dict(storage.places), storage.trainable_size, {}

    def move(self, ops: Any) -> None:
        """Take the state to another device; the model binds again afterwards."""
        if self._ops is None:
            return
        before = self._ops

        def moved(arrays: dict[str, Any]) -> dict[str, Any]:
            return {name: ops.asarray(before.to_numpy(a)) for name, a in arrays.items()}

        self.step = ops.asarray(before.to_numpy(self.step))
        self.state, self.scalars, self._tables = moved(self.state), moved(self.scalars), {}
        self._ops = ops

    def export(self, storage: Any) -> dict[str, np.ndarray]:
        """The whole state: ``slot/parameter`` and ``scalar/name`` -> host array. (The number of steps is `steps`.)"""
        out = {}
        for slot, vector in self.state.items():
            for name, view in storage.split(vector).items():
                out[f"{slot}/{name}"] = self._ops.to_numpy(view)
        return out | {f"scalar/{name}": self._ops.to_numpy(self.scalars[name]) for name in self.kept if name in self.scalars}

    def restore(self, storage: Any, steps: int, arrays: dict[str, np.ndarray]) -> None:
        """Go on from a state that `export` gave. Raises KeyError for what is missing, ValueError for another shape."""
        targets = {f"{slot}/{name}": view for slot, v in self.state.items() for name, view in storage.split(v).items()}
        for key, view in targets.items():
            if arrays[key].shape != view.shape:
                slot, _, name = key.partition("/")
                raise ValueError(f"Optimizer state {slot} of {name}: expected shape {view.shape}. Received: {arrays[key].shape}.")
        for key, view in targets.items():
            self._ops.write(view, arrays[key])
        for name in self.kept:
            if (saved := arrays.get(f"scalar/{name}")) is not None:
                self._ops.write(self.scalar(name), saved)
        self.set_steps(int(steps))

    def set_steps(self, steps: int) -> None:
        """Go on from another number of batches. Raises ValueError where no model and no variables are known yet."""
        if self.step is None:
            raise ValueError(f"{type(self).__name__} counts from the first model or variables on. Expected build(variables) before.")
        self._ops.write(self.step, steps)
        self._rate.restart()

    # ------------------------------------------------------------------ one by one
    @property
    def variables(self) -> list[variables.Kept]:
        """All of it in Keras's order: ``iteration``, ``learning_rate`` where it is a number, the slots of each parameter. What they are
        assigned counts from the next step on."""
        return variables.of(self)

    def save_own_variables(self, store: Any) -> None:
        """`variables` into a mapping, under "0", "1" and so on."""
        for i, variable in enumerate(self.variables):
            store[str(i)] = variable.numpy()

    def load_own_variables(self, store: Any) -> None:
        """Go on from what `save_own_variables` wrote. Raises ValueError for another number of arrays, or another shape."""
        own = self.variables
        if len(store) != len(own):
            raise ValueError(f"{type(self).__name__}: expected {len(own)} variables. Received: {len(store)}.")
        for i, variable in enumerate(own):
            variable.assign(np.asarray(store[str(i)]))
