"""Which operations of a graph run as one kernel: those element by element that only one another use, perhaps summed at the end."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from gpunn.ops.elementwise import Elementwise
from gpunn.ops.expression import Expression, Total
from gpunn.ops.operation import Operation
from gpunn.ops.reductions import Sum, axes_of, shape_after
from gpunn.training.plan import Plan, Stage

LONGEST = 24  # operations in a kernel: a compiler's time grows with them


class Fused:
    """Operations as one stage; the last of them may be a sum over the last axes. Where a size that was open when they were traced turns out
    to be one, and is broadcast, they run one by one."""

    recordable = True
    takes_mask = False
    activity_regularizer = None

    def __init__(self, stages: Sequence[Stage], inputs: Sequence[int]):
        last = stages[-1].layer
        self.name, self.dtype = last.name, last.dtype
        self.parameters: list[Any] = []
        self.alone = Plan(list(stages), list(inputs), [stages[-1].outputs[0]])
        steps = [stage for stage in stages if not isinstance(stage.layer.definition, Sum)]
        self.summed = last if steps[-1] is not stages[-1] else None
        values = {number: f"x{i}" for i, number in enumerate(inputs)}
        self.constants: list[tuple[Any, Any]] = []
        self.members = []  # the names of each one's operands
        for i, stage in enumerate(steps):
            given, names = iter(stage.inputs), []
            for place in range(stage.layer.count):
                if place in stage.layer.constants:
                    names.append(f"x{len(inputs) + len(self.constants)}")
                    self.constants.append((stage.layer, stage.layer.constants[place]))
                else:
                    names.append(values[next(given)])
            self.members.append(names)
            values[stage.outputs[0]] = f"t{i}"
        parts = [stage.layer.definition.step(names) for stage, names in zip(steps, self.members, strict=True)]
        self.expression = Expression(parts, len(inputs) + len(self.constants))

    def mask_of_call(self, x: Any, mask: Any, options: dict[str, Any]) -> Any:
        return None

    @property
    def backend(self) -> Any:
        return self.alone.stages[0].layer.backend

    def forward(self, x: Any, training: bool = False) -> tuple[Any, Any]:
        operands = [*x, *(layer.placed(value) for layer, value in self.constants)]
        shape = self._shape(operands)
        if shape is None:
            run = self.alone.run(x, training)
            return run.outputs[0], lambda dy, need_dx=True: run.backward(self.backend, [dy], inputs=need_dx)
        total, after = None, shape
        if self.summed is not None:
            axes = axes_of(self.summed.options["axis"], len(shape))
            total, after = Total(axes, self.summed.definition.mean), shape_after(shape, axes, self.summed.options["keepdims"])
        y, back = self.expression.run(self.backend, operands, self.dtype, total)

        def pullback(dy: Any, need_dx: Any = True) -> list[Any]:
            asked = need_dx if isinstance(need_dx, tuple) else (bool(need_dx),) * len(x)
            return back(dy.reshape(y.shape), [*asked, *[False] * len(self.constants)])[: len(x)]

        return y.reshape(after), pullback

    def _shape(self, operands: Sequence[Any]) -> tuple[int, ...] | None:
        """That of all operands together; None where not all operations give it."""
        shapes = {f"x{i}": () if isinstance(v, float) else tuple(v.shape) for i, v in enumerate(operands)}
        for i, names in enumerate(self.members):
            shapes[f"t{i}"] = np.broadcast_shapes(*(shapes[n] for n in names))
        made = {shapes[f"t{i}"] for i in range(len(self.members))}
        return made.pop() if len(made) == 1 else None


def fused(plan: Plan) -> Plan:
    """The plan with neighbouring operations as single stages."""
    group: dict[int, int] = {}  # of each stage that can be part of one, its last stage's place
    members: dict[int, list[int]] = {}
    users: dict[int, list[int]] = {}
    for n, stage in enumerate(plan.stages):
        for i in stage.inputs:
            users.setdefault(i, []).append(n)
    for n in reversed(range(len(plan.stages))):
        stage = plan.stages[n]
        if not (_elementwise(stage) or _sums(stage)):
            continue
        number = stage.outputs[0]
        roots = {group.get(user) for user in users.get(number, [])}
        root = roots.pop() if len(roots) == 1 and number not in plan.outputs else None
        if root is not None and _elementwise(stage) and _joins(stage, plan.stages[root]) and len(members[root]) < LONGEST:
            group[n] = root
            members[root].append(n)
        else:
            group[n], members[n] = n, [n]
    out = []
    for n, stage in enumerate(plan.stages):
        own = sorted(members.get(group.get(n, -1), []))
        if len(own) < 2:
            out.append(stage)
        elif n == own[-1]:
            out.append(_as_one([plan.stages[k] for k in own]))
    return Plan(out, plan.inputs, plan.outputs)


def _elementwise(stage: Stage) -> bool:
    return isinstance(stage.layer, Operation) and isinstance(stage.layer.definition, Elementwise)


def _shape(stage: Stage) -> Any:
    return stage.layer.inbound_nodes[-1].outputs[0].shape


def _sums(stage: Stage) -> bool:
    if not (isinstance(stage.layer, Operation) and isinstance(stage.layer.definition, Sum)):
        return False
    ndim = stage.layer.inbound_nodes[-1].inputs[0].ndim
    return Total.takes(axes_of(stage.layer.options["axis"], ndim), ndim)


def _joins(stage: Stage, last: Stage) -> bool:
    """Whether an operation, all of whose users are in this one's group, gives what the group's kernel runs over."""
    whole = last.layer.inbound_nodes[-1].inputs[0].shape if _sums(last) else _shape(last)
    return stage.layer.dtype == last.layer.dtype and _shape(stage) == whole


def _as_one(stages: list[Stage]) -> Stage:
    made = {stage.outputs[0] for stage in stages}
    inputs = list(dict.fromkeys(i for stage in stages for i in stage.inputs if i not in made))
    names = ", ".join(stage.layer.definition.name for stage in stages)
    return Stage(Fused(stages, inputs), tuple(inputs), stages[-1].outputs, True, notes=[f"{len(stages)} operations in one pass: {names}"])
