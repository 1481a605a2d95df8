"""A model's graph as the step runs it: stages in topological order, forward and back.

A value is known by a number. A stage is a layer's call; a call of a model stands as the calls inside it. Going back, gradients of a value
that several stages used are added, and only those are reckoned that something which learns needs.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from gpunn.kernels import REGISTRY
from gpunn.layers import InputLayer, Layer
from gpunn.layers.dropout import Drawing

Look = Callable[["Stage", Any], None]
Wish = bool | Sequence[bool]


# what a class derived from one of ours may give without another way to compute
HARMLESS = {
    "traced", "call", "__init__", "get_config", "from_config", "__module__", "__qualname__", "__doc__", "__annotations__", "__dict__",
    "__weakref__", "__firstlineno__", "__static_attributes__",
}


def _says_recordable(kind: type) -> bool:
    for one in kind.__mro__:
        if "recordable" in vars(one):
            return bool(vars(one)["recordable"])
        if set(vars(one)) - HARMLESS:
            return False
    return False


@dataclass
class Stage:
    """A layer's call: perhaps with the activation of the layer after it, or without its own; perhaps with a pooling.

    ``inputs`` and ``outputs``: numbers of values; ``many_in``, ``many_out``: whether the layer takes, and gives, lists; ``training``: where
    the call fixed it; ``stream``: of random numbers, for a layer that draws, one for each call.
    """

    layer: Any
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    many_in: bool = False
    many_out: bool = False
    training: bool | None = None
    options: dict[str, Any] = field(default_factory=dict)
    stream: int | None = None
    activation: Any = None  # None: the layer's own
    pool: Any = None
    notes: list[str] = field(default_factory=list)

    @property
    def recordable(self) -> bool:
        """Whether the layer's own class says that it only launches kernels; one that a user wrote on top of ours must say so again."""
        return _says_recordable(type(self.layer)) and getattr(self.layer, "all_recordable", True)

    @property
    def learns(self) -> bool:
        return any(p.learns for p in (*self.layer.parameters, *getattr(self.layer, "reads", ())))

    def forward(self, x: Any, training: bool | None, mask: Any = None) -> Any:
        """-> (output, pullback). x and mask: lists, where the layer takes several inputs; training: None for what the layer does alone."""
        own = {"activation": self.activation, "pool": self.pool}
        options = self.options | {name: option for name, option in own.items() if option is not None}
        if self.layer.takes_mask:
            options["mask"] = mask
        if self.stream is not None:
            self.layer.stream = self.stream
        how = training if self.training is None else self.training
        with self._place():
            return self.layer.forward(x, getattr(self.layer, "trains_alone", False) if how is None else how, **options)

    def _place(self) -> AbstractContextManager[Any]:
        """Where the layer runs: one that does more than launch kernels computes with the device's arrays by their own library."""
        return nullcontext() if self.recordable else self.layer.backend.here()

    def back(self, pullback: Any, gradients: list[Any], needs: Sequence[bool]) -> list[Any]:
        """The inputs' gradients by the pullback of a call, where `needs` asks for them; None elsewhere."""
        need: Any = (tuple(needs) if self.many_in else needs[0]) if any(needs) else False
        dy = gradients if self.many_out else gradients[0]
        with self._place():
            dx = pullback(dy, need_dx=need) if self.recordable else pullback(dy)
        if not any(needs):
            return [None] * len(needs)
        given = list(dx) if self.many_in else [dx]
        return [g if needed else None for g, needed in zip(given, needs, strict=True)]

    def masks(self, x: Any, mask: Any) -> list[Any]:
        """The masks of the outputs."""
        made = self.layer.mask_of_call(x, mask, self.options)
        made = list(made) if isinstance(made, (list, tuple)) else [made]
        return [*made, *[None] * len(self.outputs)][: len(self.outputs)]


class Plan:
    """``stages``, and the numbers of the values that go in and come out."""

    def __init__(self, stages: list[Stage], inputs: list[int], outputs: list[int]):
        self.stages, self.inputs, self.outputs = stages, inputs, outputs
        last = {i: n for n, stage in enumerate(stages) for i in (*stage.inputs, *stage.outputs)}
        self._over: list[list[int]] = [[] for _ in stages]  # values that nobody needs after a stage
        for i, n in last.items():
            if i not in outputs:
                self._over[n].append(i)

    @property
    def recordable(self) -> bool:
        return all(stage.recordable for stage in self.stages)

    @property
    def draws(self) -> bool:
        """Whether numbers are drawn outside of training too: by a call whose `training` was given, or by a layer that always draws."""
        return any(isinstance(stage.layer, Drawing) and (stage.training or stage.layer.always) for stage in self.stages)

    @cached_property
    def adding(self) -> list[Any]:
        """The layers in it that add to the loss when they are called."""
        return [stage.layer for stage in self.stages if getattr(stage.layer, "penalises", False)]

    @property
    def masks(self) -> bool:
        """Whether there may be masks: some layer has its own idea of them."""
        layers = [stage.layer for stage in self.stages if isinstance(stage.layer, Layer)]
        return any(type(layer).compute_mask is not Layer.compute_mask for layer in layers)

    def run(self, arrays: Sequence[Any], training: bool | None, masks: Sequence[Any] = (), look: Look | None = None) -> "Run":
        """The outputs for these inputs. `look` sees each stage with its output."""
        values, seen, pullbacks = dict(zip(self.inputs, arrays, strict=True)), dict(zip(self.inputs, masks, strict=False)), []
        for stage, over in zip(self.stages, self._over, strict=True):
            x: Any = [values[i] for i in stage.inputs]
            mask: Any = [seen.get(i) for i in stage.inputs]
            if not stage.many_in:
                x, mask = x[0], mask[0]
            y, pullback = stage.forward(x, training, mask)
            pullbacks.append(pullback)
            values.update(zip(stage.outputs, y if stage.many_out else [y], strict=True))
            seen.update(zip(stage.outputs, stage.masks(x, mask), strict=True))
            if look is not None:
                look(stage, y)
            for i in over:
                del values[i]
        return Run(self, [values[i] for i in self.outputs], [seen.get(i) for i in self.outputs], pullbacks)

    def wanted(self, inputs: Wish = False) -> set[int]:
        """Values whose gradients are needed: something before them learns, or they come in and `inputs` says so, of each or of all."""
        each = inputs if isinstance(inputs, (tuple, list)) else [inputs] * len(self.inputs)
        found = {i for i, wish in zip(self.inputs, each, strict=True) if wish}
        for stage in self.stages:
            stops = getattr(getattr(stage.layer, "definition", None), "constant", False)
            if stage.learns or (not stops and any(i in found for i in stage.inputs)):
                found.update(stage.outputs)
        return found


class Run:
    """What `Plan.run` computed: ``outputs``, their ``masks``, and the way back."""

    def __init__(self, plan: Plan, outputs: list[Any], masks: list[Any], pullbacks: list[Any]):
        self.plan, self.outputs, self.masks, self._pullbacks = plan, outputs, masks, pullbacks

    def backward(self, ops: Any, gradients: Sequence[Any], inputs: Wish = False) -> list[Any]:
        """From the outputs' gradients (None where there is none; they are overwritten) to those of what learns and, if asked for, of the
        `inputs`, which are returned."""
        plan, wanted = self.plan, self.plan.wanted(inputs)
        have: dict[int, Any] = {}
        for i, gradient in zip(plan.outputs, gradients, strict=True):
            _add(ops, have, i, gradient)
        for stage, pullback in zip(reversed(plan.stages), reversed(self._pullbacks), strict=True):
            dy: Any = [have.pop(i, None) for i in stage.outputs]
            if all(g is None for g in dy) or not any(i in wanted for i in stage.outputs):
                continue
            given = stage.back(pullback, dy, [i in wanted for i in stage.inputs])
            for n, i in enumerate(stage.inputs):
                if given[n] is not None:
                    shared = any(given[n] is other for other in given[:n])
                    _add(ops, have, i, _copy(ops, given[n]) if shared else given[n])
        return [have.get(i) for i in plan.inputs]


def _add(ops: Any, have: dict[int, Any], i: int, gradient: Any) -> None:
    """One more gradient of a value."""
    if gradient is None:
        return
    if i in have:
        ops.launch(REGISTRY["add"], have[i], gradient.reshape(have[i].shape))
    else:
        have[i] = gradient


def _copy(ops: Any, array: Any) -> Any:
    out = ops.empty(array.shape, array.dtype)
    ops.launch(REGISTRY["linear"], array, out)
    return out


def plan(model: Any, training: bool) -> Plan:
    """The calls of a built model's graph, models within it opened; nothing fused yet."""
    tensors, nodes, outputs = model.graph(training)
    return between(tensors, nodes, outputs, training)


def between(tensors: Sequence[Any], nodes: Sequence[Any], outputs: Sequence[Any], training: bool) -> Plan:
    """The same of calls between tensors."""
    counter = iter(range(1 << 62))
    numbers = {tensor: next(counter) for tensor in tensors}
    stages: list[Stage] = []
    _open(nodes, numbers, counter, training, None, stages)
    streams = iter(range(1 << 62))
    first = Drawing.first_stream
    for stage in stages:
        if isinstance(stage.layer, Drawing):
            stage.stream = first + next(streams)
    return Plan(stages, [numbers[t] for t in tensors], [numbers[t] for t in outputs])


def _open(nodes: Any, numbers: dict[Any, int], counter: Any, training: bool, fixed: bool | None, stages: list[Stage]) -> None:
    """Append the stages of these calls; `numbers` knows the tensors so far, and afterwards all."""
    for node in nodes:
        layer, how = node.layer, node.training if node.training is not None else fixed
        if isinstance(layer, InputLayer):
            continue
        given = [numbers[t] for t in node.inputs]
        opened = node.opened(training if how is None else how)
        if opened is None:
            made = [next(counter) for _ in node.outputs]
            stages.append(Stage(layer, tuple(given), tuple(made), node.many_in, node.many_out, how, node.plain_options))
        else:
            inside, calls, outside = opened
            within = dict(zip(inside, given, strict=True))
            _open(calls, within, counter, training if how is None else how, how, stages)
            made = [within[t] for t in outside]
        numbers.update(zip(node.outputs, made, strict=True))
