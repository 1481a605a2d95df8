"""Cells of the user's with Keras's ``call(inputs, states)``, which returns an output and a list of new states: traced as layers are."""

from typing import Any

import numpy as np

from gpunn.layers.cells import state_sizes
from gpunn.layers.graph import flat
from gpunn.layers.wrappers import APART


def _given(inputs: Any, states: Any) -> list[Any]:
    return [inputs, list(states)]


def trace(cell: Any, input_shape: Any) -> None:
    """Run the cell's `call` once for training and once for anything else: its layers are built, and it is known what it does."""
    from gpunn.ops.tracing import plan_of_call  # operations are layers

    arrays = [np.empty((1, *input_shape[1:])), *(np.empty((1, n)) for n in state_sizes(cell))]
    for training in (True, False):
        plan_of_call(cell, _given(arrays[0], arrays[1:]), training, {})


def recordable(cell: Any) -> bool:
    """Whether all that its `call` does only launches kernels."""
    return all(plan.recordable for _, plan in cell.kept_plans.values())


def draw_from(cell: Any, stream: int) -> None:
    """Give what its `call` draws streams of their own, from this one on. Every step draws the same, as the step number is that of the
    batch."""
    for _, plan in cell.kept_plans.values():
        drawing = [stage for stage in plan.stages if getattr(stage, "stream", None) is not None]
        for i, stage in enumerate(drawing):
            stage.stream = stream + i * APART


def step(cell: Any, arrays: list[Any], training: bool) -> tuple[list[Any], Any]:
    """One step, as a cell's `forward` takes it: [inputs, *states] -> ([output, *new states], pullback)."""
    from gpunn.ops.tracing import run_call

    y, back = run_call(cell, _given(arrays[0], arrays[1:]), training, {})
    return flat(y), lambda dy, need_dx=True: flat(back(list(dy), True))
