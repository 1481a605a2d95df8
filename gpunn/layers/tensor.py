"""Tensors that have their values: what calls give while a `GradientTape` records. Each knows how it was made, and so the way back."""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextvars import ContextVar
from typing import Any

import numpy as np

from gpunn.backend.traced import trace
from gpunn.layers.graph import KerasTensor, flat, mapped
from gpunn.layers.parameter import Parameter, name_of
from gpunn.operators import Operators, in_place

Pullback = Callable[[list[Any], Sequence[bool]], list[Any]]
Rule = Callable[["Record", list["Tensor | None"], Sequence[bool]], list["Tensor | None"]]
Again = Callable[[Sequence["Tensor"], Sequence[bool]], list["Tensor"]]
numbers = itertools.count()  # of records and tensors
_tapes: ContextVar[tuple[Any, ...]] = ContextVar("the tapes that record in this thread", default=())


class Record:
    """One call: its ``inputs``, the numbers of its ``outputs``, the ``parameters`` it read, each with its version then, the ``tapes`` that
    saw it, and ``pullback(gradients of the outputs, needs) -> those of the inputs``, which writes the parameters' gradients.

    For gradients of gradients it has one of these: ``rule(record, gradients, needs)``, the pullback of tensors, made of operations; or
    ``again(inputs, needs) -> outputs``, the call on tensors, made of operations, which have rules. A parameter's own record has none.
    """

    __slots__ = ("again", "inputs", "number", "outputs", "parameters", "pullback", "rule", "tapes", "versions")

    def __init__(
        self, inputs: Sequence["Tensor"], outputs: Sequence["Tensor"], pullback: Pullback, parameters: Sequence[Parameter] = (),
        rule: "Rule | None" = None, again: "Again | None" = None,
    ):
        self.number, self.inputs, self.outputs = next(numbers), tuple(inputs), tuple(t.number for t in outputs)
        self.pullback, self.parameters, self.rule, self.again = pullback, tuple(parameters), rule, again
        self.versions = tuple(p.version for p in self.parameters)
        self.tapes = frozenset(tape.mark for tape in _tapes.get())
        if self.parameters:
            for tape in _tapes.get():
                tape.read.update((id(p), p) for p in self.parameters)
        for tensor in outputs:
            tensor.made_by = self


class Tensor(KerasTensor):
    """A value on a device: ``array``, one of ``backend``; ``made_by``, the `Record` of the call that gave it, or None; ``mask`` of its
    steps, or None. In a tape's block arithmetic with it is recorded; elsewhere, and in NumPy's hands, it is its values."""

    has_values = True
    shape: tuple[int, ...]  # all of it is known

    def __init__(self, array: Any, backend: Any, dtype: str | None = None):
        super().__init__(array.shape, dtype or name_of(array.dtype), "tensor")
        self.array, self.backend, self.number = array, backend, next(numbers)
        self.made_by: Record | None = None
        self.mask: Any = None

    @property
    def computed_in(self) -> str:
        """The floating type of the array, which holds integers and truths too."""
        return name_of(self.array.dtype)

    def numpy(self) -> Any:
        """The values on the host; a NumPy number where there are no axes."""
        return self.backend.to_numpy(self.array).reshape(self.shape).astype(self.dtype, copy=False)[()]

    def _plain(self, of_its_shape: bool) -> Any:
        """An array of its shape, which reads nothing, or its values."""
        return np.broadcast_to(np.float32(0), self.shape) if of_its_shape else self.numpy()

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return np.asarray(self.numpy(), dtype)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        from gpunn import ops  # which is made of layers

        own = getattr(ops, ufunc.__name__, None) if method == "__call__" else None
        if own is not None and (not options or (in_place(inputs, options) and tapes())):
            return own(*inputs)
        return getattr(ufunc, method)(*(v.numpy() if isinstance(v, Tensor) else v for v in inputs), **options)

    def __array_function__(self, function: Any, types: Any, arguments: Any, named: Any) -> Any:
        """NumPy's functions take the values, also ``squeeze`` and ``reshape``, which would ask for the method; shapes are known without."""
        def values(part: Any) -> Any:
            return mapped(lambda v: v._plain(function in (np.shape, np.ndim, np.size)) if isinstance(v, Tensor) else v, part)

        return function(*values(list(arguments)), **values(named))

    __add__, __sub__, __mul__ = Operators.__add__, Operators.__sub__, Operators.__mul__

    def _number(self) -> Any:
        """The one value, whatever axes it has; of several all, which are no number."""
        values = self.numpy()
        return values.reshape(()) if values.size == 1 else values

    def __float__(self) -> float:
        return float(self._number())

    def __int__(self) -> int:
        return int(self._number())

    __index__ = __int__

    def __bool__(self) -> bool:
        return bool(self.numpy())

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("A tensor of no axes has no length.")
        return self.shape[0]

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __format__(self, how: str) -> str:
        return format(self.numpy(), how)

    def __str__(self) -> str:
        return str(self.numpy())

    def __repr__(self) -> str:
        return f"<Tensor shape={self.shape}, dtype={self.dtype}, values={self.numpy()!r}>"


class Block:
    """The block of a `gpunn.function`, in which calls give tensors as in a tape's: it remembers no way back, but which parameters were
    read."""

    differentiates = False

    def __init__(self) -> None:
        self.mark, self.read, self.losses = object(), dict[int, Parameter](), dict[int, Any]()

    def stands_for(self, value: Any) -> Tensor | None:
        return None


# ---------------------------------------------------------------------- what records
def tapes() -> tuple[Any, ...]:
    """The tapes that record in this thread."""
    return _tapes.get()


def set_tapes(those: Iterable[Any]) -> None:
    _tapes.set(tuple(those))


def records(*given: Any) -> bool:
    """Whether a call on these is one that a tape records: there is one, and none of them is a symbolic tensor without values."""
    return bool(_tapes.get()) and not any(isinstance(v, KerasTensor) and not v.has_values for v in flat(list(given)))


def keep_losses(layer: Any, losses: list[Tensor]) -> None:
    """What the last call of a layer or a model added to the loss beside the penalties of its weights."""
    if trace() is None:  # arrays of a recording are not of this call alone
        layer.added = [(loss.backend, loss.array) for loss in losses]
    for tape in _tapes.get():
        tape.losses[id(layer)] = layer, losses


def losses_of(layer: Any) -> list[Tensor]:
    """The same, as the innermost tape saw it."""
    found = _tapes.get()[-1].losses.get(id(layer))
    return [] if found is None else list(found[1])


def watched(value: Any) -> Tensor | None:
    """The tensor that stands for an array which a tape watches."""
    return next((found for tape in _tapes.get() if (found := tape.stands_for(value)) is not None), None)


def standing(value: Any) -> Any:
    """The tensor that stands for an array which a tape watches; anything else as it is."""
    return value if (found := watched(value)) is None else found


def of_parameter(p: Parameter) -> Tensor:
    """A parameter's value as a tensor; its pullback writes the parameter's gradient."""
    tensor = Tensor(p.value.reshape(p.shape), p.backend, p.shown)

    def pullback(gradients: list[Any], needs: Sequence[bool]) -> list[Any]:
        p.add_gradient(gradients[0])
        return []

    Record([], [tensor], pullback, [p])
    return tensor
