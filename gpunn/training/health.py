"""What goes on inside a network: ReLU units that never fire, the size of each layer's gradient."""

from dataclasses import replace
from typing import Any

import numpy as np

from gpunn.kernels.reductions import COLUMN_SUM
from gpunn.training.data import Rows
from gpunn.training.resting import Resting

RELU = ("relu", "relu6")


def dead_neurons(model: Any, x: Any, batch_size: int = 1024) -> dict[str, float]:
    """The share of dead ReLU units by layer: those whose output is 0 for every row of the sample `x`.

    A unit is a column of a Dense layer's output, or a channel (the last axis). Only layers that end in a ReLU are listed; a leaky slope
    never gives 0. Sums are taken on the device: one read a layer and batch. Raises ValueError for rows that do not fit the model.
    """
    x = model._inputs(x, "dead_neurons")
    model._ready(Rows(x, [], None).row_shape)
    ops = model.backend
    sums: dict[str, Any] = {}

    def add(stage: Any, y: Any) -> None:
        if _is_relu(stage):
            flat = y.reshape(-1, y.shape[-1])
            total = ops.zeros((flat.shape[1],), model.dtype)
            ops.launch(COLUMN_SUM, flat, 0.0, total)
            sums[stage.layer.name] = sums.get(stage.layer.name, 0.0) + ops.to_numpy(total).astype(np.float64)

    xs = x if isinstance(x, list) else [x]
    for start in range(0, len(xs[0]), batch_size):
        model.inference_plan().run([ops.asarray(a[start : start + batch_size], model.dtype) for a in xs], False, look=add)
    return {name: float(np.mean(total == 0.0)) for name, total in sums.items()}


def _is_relu(stage: Any) -> bool:
    """Whether a stage's output is positive or exactly 0."""
    activation = stage.activation or getattr(stage.layer, "activation", None)
    given = getattr(activation, "parameters", None) or {}
    return getattr(activation, "name", None) in RELU and not given.get("negative_slope") and not (given.get("threshold") or 0) < 0


def last_gradient_norms(model: Any) -> dict[str, float]:
    """The L2 norm of each layer's gradient in the last train step, before any clipping, over the layer's weights that learn: one read."""
    values = model.backend.to_numpy(model.storage.gradients).astype(np.float64) / (getattr(model.optimizer, "loss_scale_factor", None) or 1)
    squares: dict[str, float] = {}
    parts = model.storage.split(values)
    for layer in model.leaves:
        names = [p.name for p in layer.parameters if p.name in parts]
        if names:
            squares[layer.name] = sum(float(np.square(parts[name]).sum()) for name in names)
    return {name: float(np.sqrt(total)) for name, total in squares.items()}


def gradient_norms(model: Any, x: Any, y: Any, sample_weight: Any = None) -> dict[str, float]:
    """The L2 norm of each layer's gradient of the loss (penalties included) over all rows of `x` and `y`, as one batch of a training.

    The model stays as it is.

    First layers with norms far below the last ones' learn next to nothing (vanishing gradients), far above they explode.
    Raises ValueError for a model that is not compiled, or data that do not fit it.
    """
    from gpunn.training.loop import Training

    rows = model._check(x, y, sample_weight, None, "gradient_norms")
    model._ready(rows.row_shape)
    setup, ops = model._setup, model.backend
    if not model.storage_fits():
        model._arrange()
    storage, step = model.storage, ops.to_numpy(model.rng.step)
    values = ops.to_numpy(storage.values)  # running statistics follow a train step, constraints settle weights behind it
    model._setup = replace(setup, optimizer=Resting(setup.optimizer))
    try:
        Training(model, rows, len(rows), False).step(len(rows), 1)
        return last_gradient_norms(model)
    finally:
        model._setup = setup
        ops.write(model.rng.step, step)
        ops.write(storage.values, values)
