"""The way back from targets to sources over what a tape saw: by pullbacks on arrays, or by operations that other tapes record."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from gpunn.kernels import REGISTRY
from gpunn.layers.parameter import Parameter, whole
from gpunn.layers.tensor import Again, Block, Record, Tensor, set_tapes, tapes
from gpunn.ops.arithmetic import add
from gpunn.ops.moves import copy


class WayBack:
    """From targets with their gradients back to the sources, over the records with this mark of a tape's."""

    def __init__(self, mark: object, begin: Sequence[tuple[Tensor, Any]]):
        self.begin = begin
        met: dict[int, Record] = {}
        stack = [tensor.made_by for tensor, _ in begin]
        while stack:
            record = stack.pop()
            if record is not None and record.number not in met and mark in record.tapes:
                met[record.number] = record
                stack += [tensor.made_by for tensor in record.inputs]
        self.records = [met[number] for number in sorted(met)]

    def back(self, sources: Sequence[Any]) -> list[Any]:
        """The gradient of each source as a tensor, None where there is none. Raises RuntimeError where weights have changed."""
        asked = {id(p): p for p in sources if _learns(p)}
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

    def between(self, learning: Any, tensors: set[int]) -> tuple[list[Record], set[int]]:
        """-> (the records that lead to these parameters, by their ids, or tensors, by their numbers; the numbers of what they gave)."""
        needed, wanted = set(tensors), []
        for record in self.records:
            if any(id(p) in learning for p in record.parameters) or any(t.number in needed for t in record.inputs):
                needed.update(record.outputs)
                wanted.append(record)
        return wanted, needed

    def _through(self, learning: Any, tensors: set[int]) -> dict[int, Any]:
        """Run the pullbacks of what lies between. -> the gradients of the `tensors` that have one, by their numbers."""
        wanted, needed = self.between(learning, tensors)
        have: dict[int, Any] = {}
        for tensor, dy in self.begin:
            if tensor.number in needed:
                _add(tensor.backend, have, tensor.number, dy)
        for record, upstream in _upstream(wanted, have, tensors):
            ops = record.inputs[0].backend if record.inputs else record.parameters[0].backend
            gradients = [copy(ops, g) if n in tensors and g is not None else g for n, g in zip(record.outputs, upstream, strict=True)]
            found = record.pullback(gradients, [t.number in needed for t in record.inputs])
            for k, (tensor, gradient) in enumerate(zip(record.inputs, found, strict=True)):
                if gradient is not None and tensor.number in needed:
                    shared = any(gradient is other for other in found[:k])
                    _add(ops, have, tensor.number, copy(ops, gradient) if shared else gradient)
        return have


class WayInOperations(WayBack):
    """The same where other tapes go on recording: gradients are tensors, and what makes them is operations, which these tapes record."""

    def back(self, sources: Sequence[Any]) -> list[Any]:
        """As `WayBack.back`. Raises NotImplementedError, too, for what has no gradient of its gradient."""
        learned: dict[int, Tensor | None] = {id(p): None for p in sources if _learns(p)}
        have = self.through({t.number for t in sources if isinstance(t, Tensor)}, learned)
        return [have.get(one.number) if isinstance(one, Tensor) else learned.get(id(one)) for one in sources]

    def through(self, tensors: set[int], learned: dict[int, Tensor | None]) -> dict[int, Tensor]:
        """The gradients of these tensors, by their numbers; those of parameters are added to what was `learned` by their ids."""
        wanted, needed = self.between(learned, tensors)
        have: dict[int, Tensor] = {}
        for tensor, dy in self.begin:
            if tensor.number in needed:
                have[tensor.number] = add(have[tensor.number], dy) if tensor.number in have else dy
        for record, gradients in _upstream(wanted, have, tensors):
            needs = [t.number in needed for t in record.inputs]
            if record.rule is not None:
                found = record.rule(record, gradients, needs)
            elif record.again is not None:
                found = _by_calling_again(record, record.again, gradients, needs, learned)
            elif len(record.parameters) == 1 and not record.inputs:
                found, (p,), (dy,) = [], record.parameters, gradients
                before = learned[id(p)]
                learned[id(p)] = dy if before is None else add(before, dy)
            else:
                from gpunn.ops.rules import without  # which only nested tapes need

                raise without("a call")
            for tensor, gradient, need in zip(record.inputs, found, needs, strict=True):
                if gradient is not None and need:
                    n = tensor.number
                    have[n] = add(have[n], gradient) if n in have else gradient
        return have


def _by_calling_again(
    record: Record, again: Again, gradients: list[Tensor | None], needs: Sequence[bool], learned: dict[int, Tensor | None]
) -> list[Tensor | None]:
    """The way back through a call that is one record, as operations: it is called once more, and what it is made of is gone through."""
    recording, block = tapes(), _Opened()
    set_tapes((*recording, block))
    try:
        outputs = again(record.inputs, needs)
    finally:
        set_tapes(recording)
    begin = [(y, dy) for y, dy in zip(outputs, gradients, strict=True) if dy is not None]
    inputs = {t.number for t, need in zip(record.inputs, needs, strict=True) if need}
    have = WayInOperations(block.mark, begin).through(inputs, learned)
    return [have.pop(t.number, None) for t in record.inputs]  # once, where it is several inputs


class _Opened(Block):
    """Sees what a call is made of."""

    differentiates = True


def _upstream(wanted: Sequence[Record], have: dict[int, Any], tensors: set[int]) -> Iterator[tuple[Record, list[Any]]]:
    """The records from the last to the first with the gradients of their outputs, which only stay in `have` for these `tensors`. Raises
    RuntimeError where weights have changed since a call read them."""
    for record in reversed(wanted):
        gradients = [have.get(n) if n in tensors else have.pop(n, None) for n in record.outputs]
        if any(g is not None for g in gradients):
            _check(record)
            yield record, gradients


def _learns(one: Any) -> bool:
    return isinstance(one, Parameter) and np.dtype(one.dtype).kind == "f"


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
