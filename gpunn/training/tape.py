"""GradientTape: what is computed in its block is recorded, and gradients of it are given. Names and rules are TensorFlow's."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np

from gpunn.layers.graph import KerasTensor, flat, packed
from gpunn.layers.parameter import Parameter
from gpunn.layers.tensor import Tensor, of_parameter, set_tapes, tapes
from gpunn.ops.at_once import as_tensor, operate
from gpunn.ops.moves import copy, filled
from gpunn.ops.shaping import RESHAPE, STACK
from gpunn.results import dressed
from gpunn.training.way_back import WayBack, WayInOperations


class GradientTape:
    """``with GradientTape() as tape:`` calls of models and layers, losses, and arithmetic (operators, `gpunn.ops`) with weights, variables
    and what comes of them give `Tensor`s: values, launched at once, which the tape remembers the way back from. Nothing is fused beyond
    what a model fuses itself, nothing is recorded for another step.

    Arguments: ``persistent``: gradients may be asked for more than once; ``watch_accessed_variables``: False, and only what `watch` was
    told counts. Several tapes may record the same computation, and a tape within the block of another gives second derivatives::

        with GradientTape() as outer:
            with GradientTape() as inner:
                y = x**3
            first = inner.gradient(y, x)
        second = outer.gradient(first, x)
    """

    differentiates = True

    def __init__(self, persistent: bool = False, watch_accessed_variables: bool = True):
        self.persistent, self.watch_accessed_variables = bool(persistent), bool(watch_accessed_variables)
        self._watched: dict[int, tuple[Any, Tensor | None]] = {}
        self.reset()

    def reset(self) -> None:
        """Forget what was recorded."""
        self.mark, self._used = object(), False
        self._watched.clear()
        self.read: dict[int, Parameter] = {}  # by their ids: what was read in the block
        self.losses: dict[int, Any] = {}  # by the ids of layers: what their last calls added to the loss

    def __enter__(self) -> "GradientTape":
        if self in tapes():
            raise ValueError("GradientTape: this tape is recording already. Expected a new one, or the block of this one to be over.")
        if not self.persistent:
            self.mark, self._used = object(), False
            self.read.clear()
        set_tapes((*tapes(), self))
        return self

    def __exit__(self, *error: Any) -> None:
        set_tapes(tape for tape in tapes() if tape is not self)

    @contextmanager
    def stop_recording(self) -> Iterator[None]:
        """Within this block nothing is recorded."""
        with self._recording(()):
            yield

    @staticmethod
    @contextmanager
    def _recording(those: Iterable[Any]) -> Iterator[None]:
        before = tapes()
        set_tapes(those)
        try:
            yield
        finally:
            set_tapes(before)

    # ------------------------------------------------------------------ what counts
    def watch(self, tensor: Any) -> None:
        """Gradients will be asked for with respect to this array, variable or tensor, or these in a list.

        Of an array models, layers, losses and `gpunn.ops` see that it is watched; NumPy's own arithmetic with it is recorded for what
        ``tf.constant`` and calls under `gpunn.compat` give, not for plain arrays. Raises TypeError for what is no array of floats.
        """
        for one in flat(tensor):
            if isinstance(one, (Parameter, Tensor)):
                self._watched[id(one)] = one, None
                continue
            if isinstance(one, KerasTensor) or not hasattr(one, "dtype") or np.dtype(one.dtype).kind != "f":
                raise TypeError(f"GradientTape.watch: expected an array of floats, a variable or a tensor. Received: {one!r}.")
            from gpunn.backend import get_backend

            self._watched[id(one)] = one, as_tensor(one, get_backend(), np.dtype(one.dtype).name)
            if hasattr(one, "be_watched"):
                one.be_watched()

    def stands_for(self, value: Any) -> Tensor | None:
        """The tensor in place of an array that is watched."""
        found = self._watched.get(id(value))
        return None if found is None or found[0] is not value else found[1]

    # ------------------------------------------------------------------ gradients
    def gradient(self, target: Any, sources: Any, output_gradients: Any = None, unconnected_gradients: str = "none") -> Any:
        """The gradient of the target (several: of their sum; one with axes: of the sum of its elements) with respect to the sources, which
        are weights, variables, watched arrays or tensors of this tape, alone or in lists and dicts. -> tensors in the sources' structure,
        None where the target does not depend on a source (zeros with ``unconnected_gradients="zero"``).

        `output_gradients`: what to begin with, of the target's structure, in place of ones.
        Within the block of another tape what makes the gradients is recorded by that tape, which gives their own gradients: second
        derivatives, and by more tapes higher ones; within its own block a persistent tape records them itself.

        Raises RuntimeError at the second call, unless the tape is persistent, and where weights have changed since they were read;
        NotImplementedError where another tape records and something on the way has no gradient of its gradient, which it names.
        """
        self._begin()
        found = self._gradient(flat(target), sources, output_gradients, unconnected_gradients)
        self._used = True
        return found

    def _begin(self) -> None:
        """Gradients are asked for. Raises where they may not be."""
        if self._used and not self.persistent:
            raise RuntimeError("A non-persistent GradientTape can only be used to compute one set of gradients. Use persistent=True.")

    def _gradient(self, targets: list[Any], sources: Any, given: Any, unconnected: str) -> Any:
        upstream = [None] * len(targets) if given is None else flat(given)
        chosen = flat(sources)
        for one in chosen:
            if not isinstance(one, (Parameter, Tensor)) and not (hasattr(one, "shape") or hasattr(one, "numpy")):
                raise TypeError(f"GradientTape.gradient: expected sources that are weights, variables or arrays. Received: {one!r}.")
        asked = [self._source(one) for one in chosen]
        others = [tape for tape in tapes() if tape is not self]
        if self.persistent and self in tapes():  # asked within its own block it records the way back, where that can be
            with suppress(NotImplementedError):
                return packed(sources, _or_zeros(self._way(targets, upstream, asked, tapes()), chosen, unconnected))
        return packed(sources, _or_zeros(self._way(targets, upstream, asked, others), chosen, unconnected))

    def _way(self, targets: list[Any], upstream: list[Any], sources: list[Any], others: Sequence[Any]) -> list[Any]:
        """The way back, which these tapes record."""
        recorded = any(tape.differentiates for tape in others)
        begin: list[tuple[Tensor, Any]] = []
        with self._recording(others if recorded else ()):
            for one, dy in zip(targets, upstream, strict=True):
                tensor = self._target(one, others)
                if tensor is not None:
                    begin.append((tensor, (_given_tensor if recorded else _given)(tensor, dy)))
            return (WayInOperations if recorded else WayBack)(self.mark, begin).back(sources)

    def _target(self, one: Any, others: Sequence[Any]) -> Tensor | None:
        """The tensor to begin at; None for what this tape did not watch."""
        if not isinstance(one, Parameter):
            return one if isinstance(one, Tensor) else self.stands_for(one)
        with self._recording((*others, self)):  # a variable itself
            return of_parameter(one)

    def _source(self, one: Any) -> Any:
        """A parameter, a tensor, or None for what this tape did not watch."""
        if isinstance(one, Parameter):
            return one if (self.watch_accessed_variables and one.trainable) or id(one) in self._watched else None
        return one if isinstance(one, Tensor) else self.stands_for(one)

    def watched_variables(self) -> tuple[Parameter, ...]:
        """The variables and weights that learn and were read in the block, or were given to `watch`, in that order."""
        seen = {id(p): p for p in self.read.values() if self.watch_accessed_variables and p.trainable}
        seen.update((id(one), one) for one, _ in self._watched.values() if isinstance(one, Parameter))
        return tuple(seen.values())

    def jacobian(self, target: Any, sources: Any, unconnected_gradients: str = "none", **unused: Any) -> Any:
        """The derivatives of each element of a target with respect to the sources, by one way back for each element. -> tensors of shape
        ``(*target.shape, *source.shape)`` in the sources' structure, None where the target does not depend on a source.

        ``parallel_iterations`` and ``experimental_use_pfor`` are taken and mean nothing. Raises as `gradient` does.
        """
        shape = np.shape(target)
        shapes = [(*shape, *np.shape(one)) for one in flat(sources)]
        return packed(sources, self._each(target, sources, np.ndindex(*shape), 0, shapes, unconnected_gradients))

    def batch_jacobian(self, target: Any, source: Any, unconnected_gradients: str = "none", **unused: Any) -> Any:
        """The derivatives of each row of a target with respect to the same row of a source, on which alone it may depend. -> a tensor of
        shape ``(rows, *target.shape[1:], *source.shape[1:])``, or None.

        Raises ValueError where the two have not as many rows, and as `gradient` does.
        """
        shape, other = np.shape(target), np.shape(source)
        if not shape or not other or shape[0] != other[0]:
            raise ValueError(f"GradientTape.batch_jacobian: expected as many rows in target and source. Received: shapes {shape}, {other}.")
        places = ((slice(None), *place) for place in np.ndindex(*shape[1:]))
        return self._each(target, source, places, 1, [(*shape, *other[1:])], unconnected_gradients)[0]

    def _each(self, target: Any, sources: Any, places: Iterable[Any], axis: int, shapes: list[Any], unconnected: str) -> list[Any]:
        """The gradients of the elements at these places of the target, those of a source joined along an axis and in its shape."""
        self._begin()
        rows = []
        for place in places:
            start = np.zeros(np.shape(target))
            start[place] = 1
            rows.append(flat(self._gradient([target], sources, start, "none")))
        found: list[Any] = [None] * len(shapes)
        for k, column in enumerate(zip(*rows, strict=True)):
            if column[0] is not None:
                found[k] = operate(RESHAPE, [operate(STACK, column, {"axis": axis})], {"shape": shapes[k]})
        self._used = True
        return _or_zeros(found, flat(sources), unconnected, shapes)


def _given(target: Tensor, dy: Any) -> Any:
    """The array that the way back begins with at a target: ones, or a gradient that is given."""
    ops, dtype = target.backend, target.computed_in
    start = filled(ops, target.shape, 1.0, dtype) if dy is None else copy(ops, as_tensor(dy, ops, dtype).array)
    return start.reshape(target.array.shape)


def _given_tensor(target: Tensor, dy: Any) -> Tensor:
    """The same as a tensor, which may depend on something itself."""
    if dy is None:
        return Tensor(_given(target, None), target.backend)
    given = as_tensor(of_parameter(dy) if isinstance(dy, Parameter) else dy, target.backend, target.computed_in)
    return given if given.shape == target.shape else operate(RESHAPE, [given], {"shape": target.shape})


def _or_zeros(gradients: list[Any], sources: list[Any], unconnected: str, shapes: list[Any] | None = None) -> list[Any]:
    """Zeros of the sources' shapes, or of these, in the place of None, where they are asked for."""
    if unconnected not in ("zero", "UnconnectedGradients.ZERO"):
        return gradients
    shapes = [np.shape(one) for one in sources] if shapes is None else shapes
    zeros = (dressed(np.zeros(shape, getattr(one, "dtype", None))) for one, shape in zip(sources, shapes, strict=True))
    return [zero if g is None else g for g, zero in zip(gradients, zeros, strict=True)]
