"""gpunn.function: what a function does with tensors is recorded once and replayed, as a step of `fit` is."""

import threading
from collections.abc import Callable, Hashable, Iterable
from functools import partial, update_wrapper
from types import MethodType
from typing import Any

import numpy as np

from gpunn.backend import get_backend
from gpunn.backend.base import Backend
from gpunn.backend.foreign import as_array
from gpunn.backend.traced import as_written
from gpunn.layers.fed import Fed
from gpunn.layers.graph import KerasTensor, flat, packed
from gpunn.layers.parameter import Parameter
from gpunn.layers.tensor import Block, Tensor, set_tapes, tapes
from gpunn.printed import printed
from gpunn.training.recording import Recording, record, renewed

MOST = 16  # recordings kept at a time: numbers as arguments, or batches, of ever new values must not fill the memory


def function(func: Callable[..., Any] | None = None, **options: Any) -> Any:
    """A function of arrays and tensors, such as a step of a training loop of one's own, that runs as fast as a step of `fit`::

        @gpunn.function
        def train_step(x, y):
            with gpunn.GradientTape() as tape:
                loss = loss_fn(y, model(x, training=True))
            gradients = tape.gradient(loss, model.trainable_weights)
            optimizer.apply(gradients, model.trainable_weights)
            accuracy.update_state(y, ...)
            return loss

    The rules are TensorFlow's. Array arguments are tensors inside, and tensors come out. The first call with arguments of these shapes and
    types (of other arguments: of these values) runs as it is written, the second is recorded, and every later one fills in its arrays and
    replays: Python in the function runs no more, but metrics are updated and numbers of `gpunn.ops.drawing` drawn, each time. What a
    recording cannot do again (a value that is read in the function, or set to an array; a batch that it takes of a data set) makes each
    call run as it is written; `explain` says so. Within another such function, or a `GradientTape`'s block, it is part of that.

    TensorFlow's options, ``input_signature`` and the like, are taken and mean nothing.
    """
    return Function(func) if func is not None else Function


_eagerly = False


def run_functions_eagerly(run_eagerly: bool) -> None:
    """Whether each call of every such function runs as it is written: to look into one. Recordings are kept meanwhile."""
    global _eagerly
    _eagerly = bool(run_eagerly)


class Function:
    """See `function`. ``python_function`` is what it was made of."""

    def __init__(self, func: Callable[..., Any]):
        update_wrapper(self, func)
        self.python_function = func
        self._lock = threading.RLock()
        self._known: dict[Hashable, Recording | Backend | str] = {}  # where it ran once, or why it cannot be recorded

    def __get__(self, owner: Any, kind: Any = None) -> Any:
        return self if owner is None else MethodType(self, owner)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        leaves = [_arrayed(v) for v in flat([list(arguments), named])]
        given = packed([list(arguments), named], leaves)
        if _eagerly or as_written() or tapes() or any(isinstance(v, KerasTensor) and not v.has_values for v in leaves):
            return self.python_function(*arguments, **named)
        with self._lock:  # threads share a recording's arrays
            return self._looked_up(_form(given), given, leaves)

    def _looked_up(self, key: Hashable, given: Any, leaves: list[Any]) -> Any:
        known = self._known.get(key)
        if isinstance(known, Recording):
            if known.holds():
                known.fill([v for v in leaves if _is_array(v)])
            else:
                place = _place_of(known.read)
                known = place if isinstance(place, str) else renewed(known, partial(self._recorded, given, leaves, place))
        elif isinstance(known, Backend):
            known = self._recorded(given, leaves, known)
        if isinstance(known, Recording):
            known.run()
            result = known.result()
        else:
            block = Block()
            result = _finished(self._call(given, _fed(leaves, get_backend()), block))
            known = known or _place_of(block.read.values())
        self._known.pop(key, None)
        self._known[key] = known
        if len(self._known) > MOST:
            self._known.pop(next(iter(self._known)))
        return result

    def _call(self, given: Any, leaves: list[Any], block: Block) -> Any:
        """The function's own call, with these in the place of its arguments."""
        arguments, named = packed(given, leaves)
        set_tapes((block,))
        try:
            return self.python_function(*arguments, **named)
        finally:
            set_tapes(())

    def _recorded(self, given: Any, leaves: list[Any], ops: Backend) -> "Recording | str":
        """A recording of this call, which has not run; or why there is none."""
        placed = _fed(leaves, ops)
        fed = [v for v in placed if isinstance(v, Fed)]
        for v in fed:
            v.fetch()  # before nothing can be read
        block = Block()
        return record(lambda: self._call(given, placed, block), self.python_function, ops, block, fed)

    def explain(self, print_fn: Any = None) -> str:
        """For each kind of arguments that it was called with: what runs, or why it is not recorded. Printed and returned."""
        lines = [f"Function {getattr(self.python_function, '__name__', self.python_function)!r}"]
        for key, known in self._known.items():
            lines.append(f"  {key[1]}:" if isinstance(key, tuple) else "  :")
            if isinstance(known, Recording):
                lines += [f"    {line}" for line in known.program.describe()]
            else:
                lines.append(f"    runs as it is written: {known}" if isinstance(known, str) else "    ran once; the next call is recorded")
        return printed("\n".join(lines), print_fn)


def _fed(leaves: list[Any], ops: Backend) -> list[Any]:
    return [Fed(v, ops) if _is_array(v) else v for v in leaves]


def _finished(out: Any) -> Any:
    """The same with tensors that know nothing of how they were made."""
    return packed(out, [Tensor(v.array, v.backend, v.dtype) if isinstance(v, Tensor) else v for v in flat(out)])


def _place_of(parameters: Iterable[Parameter]) -> Backend | str:
    """Where they all are; why a function that reads them is not recorded, if they are not in one place."""
    places = {p.backend.name: p.backend for p in parameters}
    return f"it uses several devices, {', '.join(places)}" if len(places) > 1 else next(iter(places.values()), get_backend())


class _Itself:
    """A value that is found again as this very object."""

    def __init__(self, value: Any):
        self.value = value

    def __hash__(self) -> int:
        return id(self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Itself) and self.value is other.value

    def __repr__(self) -> str:
        return type(self.value).__name__


def _arrayed(value: Any) -> Any:
    """A table or another library's tensor as an array, of what may be another one's memory: it is looked up by its shape, not by itself."""
    known = isinstance(value, (np.ndarray, np.generic, KerasTensor, Parameter))
    if known or not hasattr(value, "shape") or not hasattr(value, "__array__"):
        return value
    here = get_backend().adopt(value, "of a function")
    return as_array(value) if here is None else here


def _is_array(value: Any) -> bool:
    if isinstance(value, Parameter) or not hasattr(value, "shape") or not hasattr(value, "dtype"):
        return False
    try:
        return np.dtype(value.dtype).kind in "iubf"
    except TypeError:
        return False


def _form(given: Any) -> Hashable:
    """What a recording is looked up by: the structure, shapes and types of arrays, other values as they are."""
    if isinstance(given, dict):
        return "dict", *((key, _form(given[key])) for key in sorted(given))
    if isinstance(given, (list, tuple)):
        return type(given).__name__, *map(_form, given)
    if _is_array(given):
        return "array", tuple(given.shape), np.dtype(given.dtype).name
    return (type(given), given) if isinstance(given, (int, float, str, bytes, type(None))) else _Itself(given)
