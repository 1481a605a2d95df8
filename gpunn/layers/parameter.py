"""Parameter: a named array of a layer; and the random state that layers draw from."""

import functools
from typing import Any

import numpy as np

from gpunn import constraints, regularizers
from gpunn.backend.base import Backend
from gpunn.kernels import REGISTRY
from gpunn.kernels.data import ADVANCE
from gpunn.operators import Operators, in_place
from gpunn.results import shaped


class Parameter(Operators):
    """A named array of a layer. Arithmetic with it is done at once, or becomes part of the graph where its layer's `call` is being traced.

    Attributes: ``name``, ``shape``, ``trainable`` (False for running statistics), ``value`` and ``gradient`` (views of the model's flat
    vectors once a model owns the layer), ``regularizer`` and ``constraint`` (objects, or None).
    """

    shown: str | None = None  # the type of whole numbers that do not learn, kept as floats as all numbers of a step are

    def __init__(self, name: str, value: np.ndarray, trainable: bool, backend: Backend):
        self.name, self.shape, self.trainable = name, shaped(value.shape), trainable
        self.backend = backend
        self.value = backend.asarray(value).reshape(self.shape)  # a backend may give a number of no axes one
        self.gradient: Any = None
        self.regularizer: regularizers.Regularizer | None = None
        self.constraint: constraints.Constraint | None = None
        self.home: Any = None  # the model's storage that holds it
        self.frozen = False
        self._written = False
        self.version = 0  # how often it was assigned, or updated outside of `fit`

    def claim(self) -> bool:
        """Whether a gradient written now must be added to what is there; called once for each write."""
        if self.gradient is None:
            self.gradient = self.backend.zeros(self.shape, self.value.dtype)
        written, self._written = self._written, True
        return written

    def add_gradient(self, dy: Any) -> None:
        """Write this gradient, or add it to what the step has written; nothing where the parameter does not learn."""
        if not self.learns:
            return
        if self.claim():
            self.backend.launch(REGISTRY["add"], whole(self.gradient), whole(dy))
        else:
            self.backend.launch(REGISTRY["linear"], whole(dy), whole(self.gradient))

    def begin_step(self) -> None:
        """The next gradient write assigns."""
        self._written = False

    def end_step(self) -> None:
        """A gradient that no pullback has written in this step is zero, not the last step's."""
        if self.learns and not self._written:
            self.backend.write(self.gradient, 0)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        """NumPy's operators of an array and a parameter are operations; NumPy's other functions take the values."""
        from gpunn import ops  # which is made of layers
        from gpunn.layers.tensor import tapes

        own = getattr(ops, ufunc.__name__, None) if method == "__call__" and len(inputs) == 2 else None
        if own is not None and (not options or (in_place(inputs, options) and tapes())):
            return own(*inputs)
        return getattr(ufunc, method)(*(v.numpy() if isinstance(v, Parameter) else v for v in inputs), **options)

    @property
    def path(self) -> str:
        """The name, which begins with the layer's."""
        return self.name

    @property
    def learns(self) -> bool:
        return self.trainable and not self.frozen

    def numpy(self) -> np.ndarray:
        kept = self.backend.to_numpy(self.value)
        return kept if self.shown is None else kept.astype(self.shown)

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return self.numpy().astype(dtype or self.dtype, copy=False)

    def __float__(self) -> float:
        return float(self.numpy())

    def __int__(self) -> int:
        return int(self.numpy())

    @property
    def dtype(self) -> str:
        return self.shown or name_of(self.value.dtype)

    def show_as(self, dtype: Any) -> None:
        """Be whole numbers of this type from now on, if it is one of such. Raises ValueError for numbers that floats do not hold."""
        kind = str(getattr(dtype, "name", getattr(dtype, "__name__", dtype)))
        if kind.startswith(("int", "uint", "bool")):
            self.shown = np.dtype(kind).name
            self.assign(self.backend.to_numpy(self.value))

    def assign(self, value: Any) -> "Parameter":
        """Replace the values; by a tensor within a layer's `call`, whenever that runs. -> itself. Raises ValueError when the shape
        differs."""
        from gpunn.ops.assigning import assigned_here, assigned_in_graph  # which are made of parameters

        if assigned_in_graph(self, value) or assigned_here(self, value):
            return self
        value = np.asarray(value)
        if value.shape != self.shape:
            raise ValueError(f"Cannot assign to {self.name}: expected shape {self.shape}. Received: {value.shape}.")
        if self.shown is not None:
            value = value.astype(self.shown)
            if (np.abs(value) > 1 / np.finfo(self.value.dtype).eps).any():
                most = int(1 / np.finfo(self.value.dtype).eps)
                raise ValueError(f"Cannot assign to {self.name}: a step keeps whole numbers up to {most}. Received: {np.abs(value).max()}.")
        self.backend.write(self.value, value.astype(self.value.dtype))
        self.version += 1
        return self

    def assign_add(self, value: Any) -> "Parameter":
        return self._change_by(value, 1)

    def assign_sub(self, value: Any) -> "Parameter":
        return self._change_by(value, -1)

    def _change_by(self, value: Any, sign: int) -> "Parameter":
        """Add values, or take them away. Raises TypeError for whole numbers that a layer's `call` would count up."""
        from gpunn.layers.tensor import tapes  # which is made of parameters, as operations are
        from gpunn.ops.assigning import counted_here
        from gpunn.ops.operation import current

        if self.value.dtype.kind != "f" and current() is not None:
            raise TypeError(f"{self.name}, of type {self.dtype}, cannot be counted up within a layer's call. Expected a float.")
        if self.value.dtype.kind == "f" and (current() is not None or tapes()):
            return self.assign(self + value if sign > 0 else self - value)
        if counted_here(self, value, sign):
            return self
        return self.assign(self.numpy() + sign * np.asarray(value))

    def __repr__(self) -> str:
        return f"<Parameter {self.name} {self.shape}>"


class Rng:
    """The random state a step reads: the seed, and the step number in device memory."""

    def __init__(self, backend: Backend, seed: int):
        self.seed, self.step = seed, backend.zeros((1,), "int64")

    def advance(self, ops: Backend) -> None:
        """The next step draws other numbers."""
        ops.launch(ADVANCE, ops.zeros((1,), "int64"), self.step, 0, 1)


def whole(array: Any) -> Any:
    """Itself; a number of no axes as an array of one, as kernels take them."""
    return array if array.ndim else array.reshape(1)


@functools.cache
def name_of(dtype: Any) -> str:
    """The name of a NumPy type, which NumPy puts together anew each time."""
    return np.dtype(dtype).name
