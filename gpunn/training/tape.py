"""GradientTape: what is computed in its block is recorded, and gradients of it are given. Names and rules are TensorFlow's."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from gpunn.kernels import REGISTRY
from gpunn.layers.graph import KerasTensor, flat, packed
from gpunn.layers.parameter import Parameter, whole
from gpunn.layers.tensor import Record, Tensor, set_tapes, tapes
from gpunn.ops.at_once import as_tensor, operate
from gpunn.ops.moves import copy, filled
from gpunn.ops.shaping import STACK


class GradientTape:
    """``with GradientTape() as tape:`` calls of models and layers, losses, and arithmetic (operators, `gpunn.ops`) with weights, variables
    and what comes of them give `Tensor`s: values, launched at once, which the tape remembers the way back from. Nothing is fused beyond
    what a model fuses itself, nothing is recorded for another step.

    Arguments: ``persistent``: gradients may be asked for more than once; ``watch_accessed_variables``: False, and only what `watch` was
    told counts. Several tapes may record the same computation.
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
        before = tapes()
        set_tapes(())
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
        Raises RuntimeError at the second call, unless the tape is persistent, and where weights have changed since they were read;
        NotImplementedError while another tape records: second derivatives are not there.
        """
        self._begin()
        return self._gradient(flat(target), sources, output_gradients, unconnected_gradients)

    def _begin(self) -> None:
        """Gradients are asked for. Raises where they may not be."""
        if self._used and not self.persistent:
            raise RuntimeError("A non-persistent GradientTape can only be used to compute one set of gradients. Use persistent=True.")
        if any(tape is not self and tape.differentiates for tape in tapes()):
            raise NotImplementedError(
                "GradientTape.gradient while another tape records: gradients of gradients are not there. There are first derivatives: by "
                "several tapes at once, too, each asked after the blocks of all."
            )
        self._used = True

    def _gradient(self, targets: list[Any], sources: Any, given: Any, unconnected: str) -> Any:
        upstream = [None] * len(targets) if given is None else flat(given)
        chosen = flat(sources)
        for one in chosen:
            if not isinstance(one, (Parameter, Tensor)) and not hasattr(one, "shape"):
                raise TypeError(f"GradientTape.gradient: expected sources that are weights, variables or arrays. Received: {one!r}.")
        begin: list[tuple[Tensor, Any]] = []
        for one, dy in zip(targets, upstream, strict=True):
            tensor = one if isinstance(one, Tensor) else self.stands_for(one)
            if tensor is not None:
                ops, dtype = tensor.backend, tensor.computed_in
                start = filled(ops, tensor.shape, 1.0, dtype) if dy is None else copy(ops, as_tensor(dy, ops, dtype).array)
                begin.append((tensor, start.reshape(tensor.array.shape)))
        with self.stop_recording():
            found = _Way(self, begin).back([self._source(one) for one in chosen])
        return packed(sources, _or_zeros(found, [(one.shape, one.dtype) for one in chosen], unconnected))

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
                joined = operate(STACK, column, {"axis": axis})
                found[k] = Tensor(joined.array.reshape(shapes[k]), joined.backend)
        return _or_zeros(found, [(shape, one.dtype) for one, shape in zip(flat(sources), shapes, strict=True)], unconnected)


def _or_zeros(gradients: list[Any], like: list[tuple[Any, Any]], unconnected: str) -> list[Any]:
    if unconnected not in ("zero", "UnconnectedGradients.ZERO"):
        return gradients
    return [np.zeros(*of) if g is None else g for g, of in zip(gradients, like, strict=True)]


class _Way:
    """From targets with their gradients back to the sources, over what a tape saw."""

    def __init__(self, tape: GradientTape, begin: Sequence[tuple[Tensor, Any]]):
        self.begin = begin
        met: dict[int, Record] = {}
        stack = [tensor.made_by for tensor, _ in begin]
        while stack:
            record = stack.pop()
            if record is not None and record.number not in met and tape.mark in record.tapes:
                met[record.number] = record
                stack += [tensor.made_by for tensor in record.inputs]
        self.records = [met[number] for number in sorted(met)]

    def back(self, sources: Sequence[Any]) -> list[Any]:
        """The gradient of each source as a tensor, None where there is none. Raises RuntimeError where weights have changed."""
        asked = {id(p): p for p in sources if isinstance(p, Parameter) and np.dtype(p.dtype).kind == "f"}
        tensors = {t.number for t in sources if isinstance(t, Tensor)}
        read = {id(p): p for record in self.records for p in record.parameters}
        kept = [(p, p.gradient, p.frozen, p.trainable, p._written) for p in {**read, **asked}.values()]
        try:
            for p, *_ in kept:
                learns = id(p) in asked
                p.trainable, p.frozen = learns, not learns
                p.gradient = p.backend.empty(p.shape, p.value.dtype) if learns else None
                p.begin_step()
            have = self._through(read.keys() & asked.keys(), tensors)
            made = {id(p): Tensor(p.gradient, p.backend) for p in asked.values() if p._written}
        finally:
            for p, gradient, frozen, trainable, written in kept:
                p.gradient, p.frozen, p.trainable, p._written = gradient, frozen, trainable, written
        for t in sources:
            if isinstance(t, Tensor) and t.number in have:
                made[id(t)] = Tensor(have[t.number], t.backend)
        return [made.get(id(one)) for one in sources]

    def _through(self, learning: set[int], tensors: set[int]) -> dict[int, Any]:
        """Run the pullbacks of what lies between. -> the gradients of the `tensors` that have one, by their numbers."""
        needed, wanted = set(tensors), []
        for record in self.records:
            if any(id(p) in learning for p in record.parameters) or any(t.number in needed for t in record.inputs):
                needed.update(record.outputs)
                wanted.append(record)
        have: dict[int, Any] = {}
        for tensor, dy in self.begin:
            if tensor.number in needed:
                _add(tensor.backend, have, tensor.number, dy)
        for record in reversed(wanted):
            gradients = [have.get(n) if n in tensors else have.pop(n, None) for n in record.outputs]
            if all(g is None for g in gradients):
                continue
            _check(record)
            ops = record.inputs[0].backend if record.inputs else record.parameters[0].backend
            gradients = [copy(ops, g) if n in tensors and g is not None else g for n, g in zip(record.outputs, gradients, strict=True)]
            found = record.pullback(gradients, [t.number in needed for t in record.inputs])
            for k, (tensor, gradient) in enumerate(zip(record.inputs, found, strict=True)):
                if gradient is not None and tensor.number in needed:
                    shared = any(gradient is other for other in found[:k])
                    _add(ops, have, tensor.number, copy(ops, gradient) if shared else gradient)
        return have


def _check(record: Record) -> None:
    for p, version in zip(record.parameters, record.versions, strict=True):
        if p.version != version:
            raise RuntimeError(
                f"GradientTape.gradient: {p.name} was assigned or updated after the tape had read it. Expected all gradients to be asked "
                "for before the weights change."
            )


def _add(ops: Any, have: dict[int, Any], number: int, gradient: Any) -> None:
    if number in have:
        ops.launch(REGISTRY["add"], whole(have[number]), whole(gradient.reshape(have[number].shape)))
    else:
        have[number] = gradient
