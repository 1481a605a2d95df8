"""What an operation is: a function of arrays, and the same as a call in a graph, with its pullback.

`apply` decides: on arrays a definition's `numpy` computes at once; where a symbolic tensor is among the operands, or a layer's weight while
that layer's `call` is being traced, an `Operation` becomes part of the graph, and the step runs the definition's `device`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol

import numpy as np

from gpunn import config
from gpunn.backend import get_backend
from gpunn.backend.foreign import on_host
from gpunn.layers.base import Layer, Parameter
from gpunn.layers.graph import KerasTensor, Node, Shape, symbolic
from gpunn.layers.input import TEXT
from gpunn.layers.names import fresh_name
from gpunn.layers.tensor import Tensor, of_parameter, tapes, watched
from gpunn.ops.configuration import plain, unplain
from gpunn.ops.one_type import narrowed
from gpunn.results import dressed


class Place(Protocol):
    """Where an operation runs: arrays of ``backend``, in the floating type ``dtype``."""

    @property
    def backend(self) -> Any: ...

    @property
    def dtype(self) -> str: ...


Back = Callable[[Any, Sequence[bool]], list[Any]]
DEFINITIONS: dict[str, "Definition"] = {}


class Definition(ABC):
    """An operation's forward and backward. A subclass gives `numpy` and `device`; a definition is found by its name.

    ``numpy(*operands, **options)`` -> an array. ``device(op, operands, options)`` -> (array of op.backend, back): operands are arrays of
    the device, and numbers; ``back(dy, needs)`` -> a gradient for each operand, of its shape, None
    where it is not needed or there is none. It may overwrite dy, and what it returns is the caller's. ``recordable``: whether it only
    launches kernels.
    """

    recordable = True
    constant = False  # whether nothing of it has a gradient

    def __init__(self, name: str):
        self.name = name
        DEFINITIONS[name] = self

    def numpy(self, *operands: Any, **options: Any) -> Any:
        """The operation on arrays, at once; what rules of gradients alone use has none."""
        raise NotImplementedError(f"Operation {self.name!r} is of tensors alone.")

    def of_arrays(self, operands: Sequence[Any], options: dict[str, Any]) -> Any:
        return narrowed(self.numpy(*operands, **options), operands)

    @abstractmethod
    def device(self, op: Place, operands: list[Any], options: dict[str, Any]) -> tuple[Any, Back]:
        """The same as launches: what comes out, and the way back."""

    def outcome(self, operands: Sequence[Any], options: dict[str, Any]) -> tuple[Shape, str]:
        """Shape and type of what comes out: tried on two and on three rows, whose number shows as None."""
        tried = []
        for rows in (2, 3):
            with np.errstate(all="ignore"):
                tried.append(np.asarray(self.of_arrays([_sample(v, rows) for v in operands], options)))
        a, b = tried
        return tuple(n if n == m else None for n, m in zip(a.shape, b.shape, strict=True)), a.dtype.name


def _sample(value: Any, rows: int) -> Any:
    if not isinstance(value, KerasTensor):
        return value
    return np.ones([rows if n is None else n for n in value.shape], config.floatx() if value.dtype == TEXT else value.dtype)


class Trace:
    """What goes on while a user's function runs on symbolic tensors: ``owner``, whose device and random state its operations use."""

    def __init__(self, owner: Any):
        self.owner = owner
        self.weights: dict[int, KerasTensor] = {}
        self.losses: list[KerasTensor] = []
        self.assigned: list[KerasTensor] = []  # what parameters were set to, in order: see `assigning`


_trace: ContextVar[Trace | None] = ContextVar("the function that is being traced", default=None)


@contextmanager
def tracing(owner: Any) -> Iterator[Trace]:
    """Within the ``with`` block operations belong to `owner`, and its weights are symbolic."""
    trace = Trace(owner)
    token = _trace.set(trace)
    try:
        yield trace
    finally:
        _trace.reset(token)


def current() -> Trace | None:
    return _trace.get()


class Owned(Layer):
    """A part of a graph that lives where its owner does: the layer or loss whose function was traced, or itself."""

    recordable = True
    owner: Any = None

    def __init__(self, dtype: str, name: str):
        trace = current()
        self.owner = None if trace is None else trace.owner
        super().__init__(name=fresh_name(name), dtype=dtype)
        self.built = True

    def config(self) -> dict[str, Any]:
        raise ValueError(f"{self.name!r} ({type(self).__name__}) cannot be written down. Expected it within the `call` of a layer's class.")

    @property
    def backend(self) -> Any:
        return self._backend if self.owner is None else self.owner.backend

    @backend.setter
    def backend(self, value: Any) -> None:
        self._backend = value

    @property
    def rng(self) -> Any:
        return self._rng if self.owner is None else self.owner.rng

    @rng.setter
    def rng(self, value: Any) -> None:
        self._rng = value


class Weight(Owned):
    """A parameter as a symbolic value: its pullback writes the parameter's gradient. ``copied``: the parameter is set later."""

    recordable = True
    copied = False

    def __init__(self, parameter: Parameter):
        super().__init__(parameter.value.dtype.name, "weight")
        self.reads = [parameter]
        Node(self, [], [KerasTensor(parameter.shape, parameter.dtype)], many_in=True, arguments=([],))

    def forward(self, x: Any, training: bool = False) -> tuple[Any, Any]:
        p = self.reads[0]

        def pullback(dy: Any, need_dx: Any = True) -> list[Any]:
            p.add_gradient(dy)
            return []

        value = p.value.reshape(p.shape)
        if self.copied:
            from gpunn.ops.moves import copy  # which is made of definitions

            value = copy(self.backend, value)
        return value, pullback


class Operation(Owned):
    """A call of a definition in a graph. ``constants``: operands that are no tensors, by their places among `count`."""

    recordable = True

    def __init__(self, operation: str, count: int, constants: dict[int, Any], options: dict[str, Any], dtype: str):
        super().__init__(dtype, operation)
        self.definition = DEFINITIONS[operation]
        self.count, self.constants, self.options = count, constants, options

    @property
    def all_recordable(self) -> bool:
        return self.definition.recordable

    def config(self) -> dict[str, Any]:
        """Raises ValueError where a constant or an option is something that cannot be written down."""
        try:
            constants, options = plain({str(i): v for i, v in self.constants.items()}), plain(self.options)
        except TypeError as error:
            raise ValueError(f"Operation {self.name!r} cannot be written down: it holds {error}.") from error
        return {"operation": self.definition.name, "count": self.count, "constants": constants, "options": options}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Operation":
        constants = {int(i): v for i, v in unplain(config["constants"]).items()}
        made = cls(config["operation"], config["count"], constants, unplain(config["options"]), config["dtype"])
        made.name = config["name"]
        return made

    def operands(self, given: Sequence[Any]) -> list[Any]:
        """Inputs and constants in the order of the operation's arguments."""
        rest = iter(given)
        return [self.constants[i] if i in self.constants else next(rest) for i in range(self.count)]

    def __call__(self, x: Any = None, *others: Any, **options: Any) -> Any:
        inputs = list(x) if isinstance(x, (list, tuple)) else [x]
        if not symbolic(inputs):
            return self.definition.of_arrays(self.operands([np.asarray(v) for v in inputs]), self.options)
        shape, kind = self.definition.outcome(self.operands(inputs), self.options)
        output = KerasTensor(shape, self.dtype if np.dtype(kind).kind == "f" else kind)
        Node(self, inputs, [output], many_in=True, arguments=(inputs,))
        return output

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """For tensors of other shapes than those it was called on."""
        return self.definition.outcome(self.operands([KerasTensor(shape, self.dtype) for shape in input_shape]), self.options)[0]

    def placed(self, constant: Any) -> Any:
        """A constant as a definition's `device` takes it: a number, or an array of the device."""
        return float(constant) if np.ndim(constant) == 0 else self.backend.asarray(np.asarray(constant, self.dtype))

    def forward(self, x: Any, training: bool = False) -> tuple[Any, Any]:
        placed = {i: self.placed(v) for i, v in self.constants.items()}
        rest = iter(x)
        operands = [placed[i] if i in placed else next(rest) for i in range(self.count)]
        y, back = self.definition.device(self, operands, self.options)
        places = [i for i in range(self.count) if i not in self.constants]

        def pullback(dy: Any, need_dx: Any = True) -> list[Any]:
            asked = need_dx if isinstance(need_dx, tuple) else (bool(need_dx),) * len(x)
            needs = [False] * self.count
            for place, need in zip(places, asked, strict=True):
                needs[place] = need
            gradients = back(dy.reshape(y.shape), needs)
            return [None if gradients[i] is None else gradients[i].reshape(a.shape) for i, a in zip(places, x, strict=True)]

        return y, pullback


def apply(definition: Definition, *operands: Any, **options: Any) -> Any:
    """The operation on arrays, at once; or, where one of them is symbolic, as part of the graph."""
    trace = current()
    values = [_operand(v, trace) for v in operands]
    tensors = [v for v in values if isinstance(v, KerasTensor)]
    if not tensors:
        found = definition.of_arrays(values, options)
        return dressed(found) if any(isinstance(v, (Tensor, Parameter)) for v in operands) else found
    if any(isinstance(t, Tensor) for t in tensors):
        from gpunn.ops.at_once import operate

        return operate(definition, values, options)
    dtype = next((t.dtype for t in tensors if t.dtype in ("float32", "float64")), None) or _type_before(tensors[0])
    constants = {i: v for i, v in enumerate(values) if not isinstance(v, KerasTensor)}
    return Operation(definition.name, len(values), constants, options, dtype)(tensors)


def _type_before(tensor: KerasTensor) -> str:
    """The floating type that a graph computes in, where a tensor holds integers or truths."""
    return tensor.node.layer.dtype if tensor.node is not None else config.floatx()


def _recorded(value: Any) -> Tensor | None:
    """What a tape takes part in: a tensor, a parameter, an array that is watched, a list with tensors in it; None for anything else."""
    if isinstance(value, Tensor):
        return value
    if isinstance(value, Parameter):
        return of_parameter(value)
    if isinstance(value, (list, tuple)) and any(isinstance(v, (Tensor, Parameter)) for v in value):
        from gpunn.ops.shaping import stack

        return stack(value)
    return watched(value)


def has_part(*values: Any) -> bool:
    """Whether one of these is a tensor, a parameter, or an array that a tape watches: what is made of others then takes part itself."""
    return any(isinstance(v, (KerasTensor, Parameter)) or watched(v) is not None for v in values)


def operand(value: Any) -> Any:
    """What `apply` takes it for: a tensor, a number, or a NumPy array."""
    return value if isinstance(value, KerasTensor) else _operand(value, current())


def _operand(value: Any, trace: Trace | None) -> Any:
    """A tensor, a number, or a NumPy array."""
    if trace is None and tapes() and (found := _recorded(value)) is not None:
        return found
    if isinstance(value, Tensor):
        return value.numpy()
    if isinstance(value, Parameter):
        if trace is None or value.value.dtype.kind != "f":  # integers do not learn: they are the numbers they are now
            return value.numpy()
        if id(value) not in trace.weights:
            trace.weights[id(value)] = Weight(value).output
        return trace.weights[id(value)]
    if isinstance(value, (KerasTensor, bool, int, float, np.ndarray, np.generic)):
        return value
    if symbolic(value):
        raise TypeError(f"Expected a tensor or an array; gpunn.ops.stack makes one of several tensors. Received: {value!r}.")
    array = np.asarray(on_host(value, get_backend()))
    return array.astype(config.floatx()) if array.dtype == np.float64 and isinstance(value, (list, tuple)) else array
