"""What regularizers and constraints do in a step: all weights' penalties in one launch, and weights put right after the update.

The values of a step (one for each chunk of a parameter, one for each row of a penalised output) stand in one vector, whose sum is added to
the loss on the device.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from gpunn.backend.foreign import on_host
from gpunn.kernels.penalties import ADD_PENALTY, Penalty, cleared, shrink
from gpunn.kernels.record import REGISTRY
from gpunn.kernels.segments import chunks
from gpunn.regularizers import Regularizer, value_and_gradient


class OutputPenalty:
    """An activity regularizer as a stage behind its layer: the output goes through, its gradient gets the penalty's."""

    recordable = penalises = True
    takes_mask = False

    def __init__(self, regularizer: Regularizer, layer: Any):
        self.regularizer, self.name, self.backend = regularizer, f"{layer.name}'s output", layer.backend
        self.parameters: list[Any] = []
        self.values: Any = None  # where the step that is being recorded wants the value of each row
        self.factor = 1.0  # of the loss whose gradient it takes

    def mask_of_call(self, y: Any, mask: Any, options: dict[str, Any]) -> Any:
        return mask

    def forward(self, y: Any, training: bool = False) -> tuple[Any, Any]:
        ops, scale, factor = self.backend, 1.0 / max(y.shape[0], 1), self.factor
        kernels: Any = self.regularizer.penalty  # a built-in one has it
        coefficients = self.regularizer.coefficients(y.size)
        ops.launch(kernels.rows, y, *coefficients, scale, self.values)

        def pullback(dy: Any, need_dx: bool = True) -> Any:
            if need_dx:
                ops.launch(kernels.rows_gradient, dy, y, factor * scale, *coefficients)
            return dy

        return y, pullback


class CalledOutputPenalty(OutputPenalty):
    """The same with a regularizer of the user's, called from Python."""

    recordable = False

    def forward(self, y: Any, training: bool = False) -> tuple[Any, Any]:
        ops, rows, factor = self.backend, max(y.shape[0], 1), self.factor
        value, gradient = value_and_gradient(self.regularizer, on_host(y, ops), self.name)
        ops.write(self.values, 0)
        ops.write(self.values[:1], value / rows)

        def pullback(dy: Any, need_dx: bool = True) -> Any:
            ops.launch(REGISTRY["add"], dy, ops.asarray(gradient * (factor / rows), dy.dtype))
            return dy

        return y, pullback


def output_penalty(layer: Any) -> OutputPenalty:
    regularizer = layer.activity_regularizer
    return (OutputPenalty if regularizer.recordable else CalledOutputPenalty)(regularizer, layer)


class _Group:
    """Parameters whose penalties are sums by the same formulas: their chunks, each with its coefficients."""

    def __init__(self, ops: Any, kernels: Penalty, parameters: Sequence[Any], storage: Any):
        self.kernels, self.parameters = kernels, parameters
        bounds, coefficients = [], []
        for p in parameters:
            at, size = storage.places[p.name][0], int(np.prod(p.shape))
            own = chunks(at, at + size)
            bounds.append(own)
            coefficients += [p.regularizer.coefficients(size)] * len(own)
        self.bounds = ops.asarray(np.concatenate(bounds).astype(np.int64))
        table = np.zeros((len(coefficients), max(kernels.coefficients, 1)))
        table[:, : kernels.coefficients] = coefficients
        self.coefficients = ops.asarray(table.astype(storage.values.dtype))

    def record(self, ops: Any, storage: Any, factor: float | None, values: Any) -> None:
        """The values, and the gradients times `factor` if it is given: in one launch, or each weight's behind its gradient's."""
        p = storage.values[: storage.trainable_size]
        if factor is not None and not ops.chains:
            ops.launch(self.kernels.both, self.bounds, self.coefficients, p, factor, storage.gradients, values)
            return
        ops.launch(self.kernels.value, self.bounds, self.coefficients, p, values)
        for w in self.parameters if factor is not None else ():
            ops.launch(self.kernels.rows_gradient, w.gradient, w.value, factor, *w.regularizer.coefficients(w.value.size))


class Penalties:
    """The regularizers and constraints of a model's weights that learn, and of its outputs.

    Attribute: ``recordable``, False when one of them is called from Python.
    """

    def __init__(self, ops: Any, storage: Any, parameters: Sequence[Any], stages: Sequence[Any]):
        self._ops, self._storage = ops, storage
        learning = [p for p in parameters if p.learns]
        self._regularized = [p for p in learning if p.regularizer is not None]
        self._constrained = [p for p in learning if p.constraint is not None]
        self._outputs = [s.layer for s in stages if getattr(s.layer, "penalises", False)]
        summed: dict[int, list[Any]] = {}
        for p in self._regularized:
            if p.regularizer.penalty is not None:
                summed.setdefault(id(p.regularizer.penalty.both), []).append(p)
        self._groups = [_Group(ops, own[0].regularizer.penalty, own, storage) for own in summed.values()]
        self._apart = [p for p in self._regularized if p.regularizer.penalty is None]
        self._shrunk = [(p, l1) for p in self._regularized if (l1 := p.regularizer.threshold(int(np.prod(p.shape))))]
        own = [*(p.regularizer for p in self._apart), *(p.constraint for p in self._constrained), *self._outputs]
        self.recordable = all(o.recordable for o in own)
        self._values: Any = None

    def __bool__(self) -> bool:
        """Whether anything is added to the loss."""
        return bool(self._regularized or self._outputs)

    @property
    def moves_weights(self) -> bool:
        """Whether weights are put right after the update."""
        return bool(self._shrunk or self._constrained)

    def begin(self, rows: int, factor: float = 1.0) -> None:
        """Before a step's forward pass: a vector for its values. Gradients are those of the loss times `factor`."""
        self._factor = factor
        if not self:
            return
        sizes = [len(g.bounds) for g in self._groups] + [_slots(p) for p in self._apart] + [rows] * len(self._outputs)
        self._values = self._ops.empty((sum(sizes),), self._storage.values.dtype)
        ends = np.cumsum(sizes)
        self._parts = [self._values[end - size : end] for size, end in zip(sizes, ends, strict=True)]
        for output, part in zip(self._outputs, self._parts[len(sizes) - len(self._outputs) :], strict=True):
            output.values, output.factor = part, factor

    def weights(self, training: bool) -> None:
        """The values of the weights' penalties; with `training`, their gradients are added to those that the pullbacks have written."""
        ops, parts = self._ops, iter(self._parts if self else ())
        if training:
            for p in self._regularized:
                if not p.claim():  # nobody wrote it in this step
                    ops.launch(cleared, p.gradient)
        for group in self._groups:
            group.record(ops, self._storage, self._factor if training else None, next(parts))
        for p in self._apart:
            gradient, values = p.gradient if training else None, next(parts)
            if p.regularizer.recordable:
                p.regularizer.record(ops, p.value, gradient, values, self._factor)
                continue
            value, slope = value_and_gradient(p.regularizer, on_host(p.value, ops), p.name)
            ops.write(values, value)
            if gradient is not None:
                ops.launch(REGISTRY["add"], gradient, ops.asarray(slope * self._factor, gradient.dtype))

    def add_up(self, rows: int, step: Any, sums: Any) -> None:
        """Add this step's values, once for each of its rows, to the sums of an epoch."""
        if self:
            self._ops.launch(ADD_PENALTY, self._values, float(rows), step, sums)

    def settle(self, rate: Any) -> None:
        """After the update: proximal steps by the learning rate of this step (a scalar of the device), then constraints."""
        for p, l1 in self._shrunk:
            self._ops.launch(shrink, p.value, rate, l1)
        for p in self._constrained:
            p.constraint.record(self._ops, p.value, p.name)

    def notes(self) -> list[str]:
        """What is done to which weights, for `Model.explain`."""
        out = []
        for group in self._groups:
            names = ", ".join(f"{p.name} {p.regularizer!r}" for p in group.parameters)
            how = "gradients behind each weight's" if self._ops.chains else "with the gradients"
            out.append(f"penalties, values in one launch over {len(group.bounds)} chunks, {how}: {names}")
        for p in self._apart:
            how = "in launches of its own" if p.regularizer.recordable else "called from Python in every step"
            out.append(f"penalty of {p.name}: {p.regularizer!r}, {how}")
        out += [f"proximal step of {p.name} after the update: shrunk by the learning rate times {l1:g}" for p, l1 in self._shrunk]
        for p in self._constrained:
            how = "" if p.constraint.recordable else ", called from Python in every step"
            out.append(f"constraint of {p.name} after the update: {p.constraint!r}{how}")
        return out


def _slots(p: Any) -> int:
    return p.regularizer.slots(p.shape) if p.regularizer.recordable else 1
