"""Optimizers: one launch over the whole model's flat vectors. Forms and defaults are Keras 3's."""

import weakref
from typing import Any

import numpy as np

from gpunn.kernels import optimizers as kernels
from gpunn.kernels.data import ADVANCE
from gpunn.lookup import from_identifier


class Optimizer:
    """Base class.

    ``learning_rate`` may be read and set at any time; it and the step count live on the device once a model uses the optimizer. An
    optimizer belongs to the first model that is compiled with it. Raises ValueError for a rate that is negative or not a number.
    """

    slots: tuple[str, ...] = ()  # names of the moment vectors, each as long as the trainable parameters

    def __init__(self, learning_rate: float, name: str | None = None):
        self.name = name or type(self).__name__.lower()
        self._rate = _number("learning_rate", learning_rate, type(self).__name__)
        self._ops: Any = None
        self._device_rate: Any = None
        self._unused: Any = None
        self._owner: Any = None
        self._places: dict[str, Any] = {}
        self.step: Any = None
        self.state: dict[str, Any] = {}

    # ------------------------------------------------------------------ public
    @property
    def learning_rate(self) -> float:
        return self._rate

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        self._rate = _number("learning_rate", value, type(self).__name__)
        if self._ops is not None:
            self._ops.write(self._device_rate, self._rate)

    lr = learning_rate

    @property
    def rate(self) -> Any:
        """The learning rate of the step that runs, a scalar of the device."""
        return self._device_rate

    @property
    def iterations(self) -> int:
        """Steps taken so far (a read from the device)."""
        return 0 if self.step is None else int(self._ops.to_numpy(self.step)[0])

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "learning_rate": self._rate}

    # ------------------------------------------------------------------ state
    @property
    def steps(self) -> int:
        """Batches seen so far (a read from the device)."""
        return self.iterations

    def export(self, storage: Any) -> dict[str, np.ndarray]:
        """The whole state: ``slot/parameter`` -> host array. (The number of steps is `steps`.)"""
        views = ((slot, name, view) for slot, vector in self.state.items() for name, view in storage.split(vector).items())
        return {f"{slot}/{name}": self._ops.to_numpy(view) for slot, name, view in views}

    def restore(self, storage: Any, steps: int, arrays: dict[str, np.ndarray]) -> None:
        """Go on from a state that `export` gave. Raises KeyError for what is missing."""
        for slot, vector in self.state.items():
            for name, view in storage.split(vector).items():
                self._ops.write(view, arrays[f"{slot}/{name}"])
        self._ops.write(self.step, int(steps))

    # ------------------------------------------------------------------ for the train step
    def claim(self, model: Any) -> None:
        """Say that `model` uses this optimizer. Raises ValueError when another one does: its moments and step count are not for sharing."""
        owner = None if self._owner is None else self._owner()
        if self._owner is not None and owner is not model:
            name = "another model" if owner is None else f"model {owner.name!r}"
            raise ValueError(f"Optimizer {self.name!r} belongs to {name} already. Expected a new one for model {model.name!r}.")
        self._owner = weakref.ref(model)

    def bind(self, ops: Any, storage: Any) -> None:
        """Make the state for the parameters that learn in `storage` (a `models.storage.Storage`).

        What is there already for a parameter of that name and shape is kept, so that training goes on where it was.
        """
        if self._ops is None:
            self._ops = ops
            self._device_rate, self.step, self._unused = ops.zeros((1,), "float64"), ops.zeros((1,), "int64"), ops.zeros((1,), "int64")
        ops.write(self._device_rate, self._rate)
        if self._places == storage.places and set(self.state) == set(self.slots):
            return
        for slot in self.slots:
            vector = ops.zeros((storage.trainable_size,), storage.values.dtype)
            if slot in self.state:
                before = storage.split(self.state[slot], self._places)
                for name, view in storage.split(vector).items():
                    if name in before and before[name].shape == view.shape:
                        ops.write(view, ops.to_numpy(before[name]))
            self.state[slot] = vector
        self._places = dict(storage.places)

    def move(self, ops: Any) -> None:
        """Take the state to another device; the model binds again afterwards."""
        if self._ops is None:
            return
        before = self._ops
        for name in ("_device_rate", "_unused", "_alpha", "step"):
            if (value := getattr(self, name, None)) is not None:
                setattr(self, name, ops.asarray(before.to_numpy(value)))
        self.state = {slot: ops.asarray(before.to_numpy(vector)) for slot, vector in self.state.items()}
        self._ops = ops

    def record(self, ops: Any, parameters: Any, gradients: Any) -> None:
        """Launch the update of the flat vectors, and count the step."""
        self.update(ops, parameters, gradients)
        ops.launch(ADVANCE, self._unused, self.step, 0, 1)

    def update(self, ops: Any, parameters: Any, gradients: Any) -> None:
        """Launch the update of the flat vectors: what a subclass gives."""
        raise NotImplementedError


class SGD(Optimizer):
    """w += v with v = momentum * v - rate * g; with `nesterov`, w += momentum * v - rate * g. Momentum 0: w -= rate * g.

    Raises ValueError for momentum outside [0, 1], or nesterov without momentum.
    """

    def __init__(self, learning_rate: float = 0.01, momentum: float = 0.0, nesterov: bool = False, name: str | None = None):
        super().__init__(learning_rate, name)
        self.momentum, self.nesterov = _share("momentum", momentum, "SGD", closed=True), bool(nesterov)
        if nesterov and momentum == 0:
            raise ValueError("SGD: nesterov=True needs momentum > 0. Received: momentum=0.")
        self.slots = ("momentum",) if momentum else ()

    def update(self, ops: Any, parameters: Any, gradients: Any) -> None:
        if not self.momentum:
            ops.launch(kernels.sgd, parameters, gradients, self._device_rate)
            return
        kernel = kernels.sgd_nesterov if self.nesterov else kernels.sgd_momentum
        ops.launch(kernel, parameters, self.state["momentum"], gradients, self._device_rate, self.momentum)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"momentum": self.momentum, "nesterov": self.nesterov}


class Adam(Optimizer):
    """Adam (Kingma & Ba 2015) as Keras writes it: both bias corrections in the rate, epsilon beside the uncorrected root.

    Raises ValueError for betas outside [0, 1) or epsilon that is not positive.
    """

    slots = ("momentum", "velocity")

    def __init__(
        self, learning_rate: float = 0.001, beta_1: float = 0.9, beta_2: float = 0.999, epsilon: float = 1e-7, name: str | None = None
    ):
        super().__init__(learning_rate, name)
        self.beta_1, self.beta_2 = _share("beta_1", beta_1, "Adam"), _share("beta_2", beta_2, "Adam")
        self.epsilon = _number("epsilon", epsilon, "Adam")
        self._alpha: Any = None

    def bind(self, ops: Any, storage: Any) -> None:
        super().bind(ops, storage)
        if self._alpha is None:
            self._alpha = ops.zeros((1,), "float64")

    def update(self, ops: Any, parameters: Any, gradients: Any) -> None:
        ops.launch(kernels.adam_rate, self._device_rate, self.step, self.beta_1, self.beta_2, self._alpha)
        ops.launch(
            kernels.adam, parameters, self.state["momentum"], self.state["velocity"], gradients, self._alpha, 1 - self.beta_1,
            1 - self.beta_2, self.epsilon,
        )

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon}


def _number(name: str, value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)) or not np.isfinite(value) or value < 0:
        raise ValueError(f"{where}: {name} must be a number that is not negative. Received: {name}={value!r}.")
    return float(value)


def _share(name: str, value: Any, where: str, closed: bool = False) -> float:
    value = _number(name, value, where)
    if value > 1 or (value == 1 and not closed):
        raise ValueError(f"{where}: {name} must be in [0, 1{']' if closed else ')'}. Received: {name}={value!r}.")
    return value


NAMES: dict[str, Any] = {"sgd": SGD, "SGD": SGD, "adam": Adam, "Adam": Adam}


def get(identifier: Any) -> Optimizer:
    """An optimizer from its name, itself or its configuration. Raises ValueError listing the names."""
    return from_identifier("optimizer", identifier, NAMES, Optimizer)
