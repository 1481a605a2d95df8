"""Cells of the user's with Keras's ``call(inputs, states)``, which returns an output and a list of new states: traced as layers are."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from gpunn.layers.graph import flat
from gpunn.layers.wrappers import APART


def _given(inputs: Any, states: Any) -> list[Any]:
    return [inputs, list(states)]


def within(cell: Any) -> list[Any]:
    """Those that give `call`: the cell itself, or cells it is stacked of."""
    return [cell] if cell.traced else [own for part in getattr(cell, "cells", ()) for own in within(part)]


def trace(cell: Any, input_shape: Any, sizes: Sequence[int]) -> None:
    """Run the `call` of a cell with states of these sizes once for training and once for anything else: its layers are built, and it is
    known what it does."""
    from gpunn.ops.tracing import plan_of_call  # operations are layers

    arrays = [np.empty((1, *input_shape[1:])), *(np.empty((1, n)) for n in sizes)]
    for training in (True, False):
        plan_of_call(cell, _given(arrays[0], arrays[1:]), training, {})


def parameters(cell: Any) -> list[Any]:
    """All of them, of what its `call` holds too."""
    return [p for leaf in cell.leaves for p in leaf.parameters] if cell.traced else cell.parameters


def recordable(cell: Any) -> bool:
    """Whether all that a cell does, or those it is stacked of, only launches kernels."""
    if not cell.traced:
        parts = getattr(cell, "cells", None)
        own = type(cell).__dict__.get("recordable", False) and getattr(cell, "all_recordable", True)
        return own if parts is None else all(map(recordable, parts))
    return all(plan.recordable for _, plan in cell.kept_plans.values())


def lend(cell: Any, layer: Any) -> None:
    """To the cells with a `call` a layer's device and random numbers."""
    for i, own in enumerate(within(cell)):
        for leaf in own.leaves:
            leaf.backend, leaf.rng = layer.backend, layer.rng
        draw_from(own, layer.stream + i * APART)


def draw_from(cell: Any, stream: int) -> None:
    """Give what its `call` draws streams of their own, from this one on. Every step draws the same, as the step number is that of the
    batch."""
    for _, plan in cell.kept_plans.values():
        drawing = [stage for stage in plan.stages if getattr(stage, "stream", None) is not None]
        for i, stage in enumerate(drawing):
            stage.stream = stream + i * APART


def step(cell: Any, arrays: list[Any], training: bool) -> tuple[list[Any], Any]:
    """One step, as a cell's `forward` takes it: [inputs, *states] -> ([output, *new states], pullback)."""
    if not cell.traced:
        return cell.forward(arrays, training)
    from gpunn.ops.tracing import run_call

    y, back = run_call(cell, _given(arrays[0], arrays[1:]), training, {})
    return flat(y), lambda dy, need_dx=True: flat(back(list(dy), True))
