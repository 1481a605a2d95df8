"""Which layers can be opened, and how one that is linear is."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np

from gpunn.layers.parameter import Parameter
from gpunn.layers.tensor import Record, Tensor, of_parameter
from gpunn.ops.rules import Linear, without
from gpunn.training.plan import Stage

Runs = Callable[[list[Any]], tuple[list[Any], Any]]


@dataclass
class Opened:
    """A call of a layer: its ``stage``, whether it was one of ``training``, ``run(arrays) -> (outputs, pullback)``, the call on arrays,
    with the same random numbers, the ``masks`` of its inputs, and ``drawing()``, a block in which the layer draws what the call drew."""

    stage: Stage
    training: bool
    run: Runs
    masks: Sequence[Any] = ()
    drawing: Callable[[], AbstractContextManager[Any]] = nullcontext

    @property
    def layer(self) -> Any:
        return self.stage.layer


Opener = Callable[[Opened, list[Tensor]], Any]  # -> a tensor, or a list of them
OPENERS: dict[type, Opener] = {}


MASKED: set[Opener] = set()  # those that look at masks


def opens(*kinds: type, masked: bool = False) -> Callable[[Opener], Opener]:
    """How calls of these layers are operations; `masked`: of masked steps, too."""

    def register(function: Opener) -> Opener:
        OPENERS.update(dict.fromkeys(kinds, function))
        if masked:
            MASKED.add(function)
        return function

    return register


def opened(call: Opened, inputs: Sequence[Tensor]) -> list[Tensor]:
    """The outputs of a call of a layer, made of operations. Raises NotImplementedError, which names the layer, where it cannot be."""
    kind = type(call.layer)
    found = next((OPENERS[k] for k in kind.__mro__ if k in OPENERS and kind.forward is k.forward), None)  # type: ignore[attr-defined]
    masked = call.layer.takes_mask and found is not linear and found not in MASKED and any(m is not None for m in call.masks)
    if found is None or masked:
        raise without(f"layer {call.layer.name!r} ({kind.__name__}{', of masked steps' if masked else ''})")
    made = found(call, list(inputs))
    return list(made) if isinstance(made, (list, tuple)) else [made]


def linear(call: Opened, inputs: list[Tensor]) -> list[Tensor]:
    """A call that is linear in its inputs, as an operation whose gradient is its pullback."""

    def forward(tensors: list[Tensor]) -> list[Tensor]:
        arrays, pullback = call.run([t.array for t in tensors])
        made = [Tensor(a, t.backend) for a, t in zip(arrays, tensors * len(arrays), strict=False)]
        Record(tensors, made, pullback, rule=rule)
        return made

    rule = Linear(forward)
    return forward(inputs)


def constant(array: Any, like: Tensor) -> Tensor:
    """An array, of the device or of NumPy, as a tensor that nothing made."""
    return Tensor(like.backend.asarray(np.asarray(array, like.computed_in)) if isinstance(array, np.ndarray) else array, like.backend)


def weight(parameter: Parameter | Tensor | None) -> Tensor | None:
    """A parameter as a tensor; itself, where a tensor is in its place; None where there is none."""
    return of_parameter(parameter) if isinstance(parameter, Parameter) else parameter
