"""The loss as a function of one or two of a model's weights."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from gpunn.callbacks.monitor import number, whole


@dataclass
class LossCurve:
    """``losses``, with one axis a weight; ``axes``, the weights' values along them; ``names``; ``here`` and ``loss``, as the model is."""

    names: list[str]
    axes: list[np.ndarray]
    losses: np.ndarray
    here: list[float]
    loss: float

    @property
    def lowest(self) -> tuple[list[float], float]:
        """The values of the weights at which the loss is lowest, and that loss."""
        at = np.unravel_index(int(np.nanargmin(self.losses)), self.losses.shape)
        return [float(axis[i]) for axis, i in zip(self.axes, at, strict=True)], float(self.losses[at])

    def plot(self, path: Any = None) -> Any:
        """A line over one weight, lines of equal loss over two, as a matplotlib Figure; written to `path` where given."""
        from gpunn.tuning import pictures

        return (pictures.loss_curve if self.losses.ndim == 1 else pictures.loss_surface)(self, path)


def loss_along(
    model: Any, x: Any, y: Any, *weights: Any, span: float = 1.0, points: int = 41, values: Any = None, batch_size: int = 1024,
    sample_weight: Any = None,
) -> LossCurve:
    """The model's loss on this data as one weight changes, or two; all others stay. The model is put back afterwards.

    Arguments: ``weights``, one or two of (parameter or its name, index in it), such as ``(model.layers[0].kernel, (0, 3))`` or
    ``("dense/bias", 0)``; ``span``: from that much below the present value to that much above, at so many ``points``; or ``values``, a
    sequence of numbers for each weight. ``len(values)`` (or its product, for two) evaluations are made.

    Raises ValueError for a model that is not compiled, other numbers of weights, or a weight that is not there.
    """
    from gpunn.training.loop import Evaluation

    if len(weights) not in (1, 2):
        raise ValueError(f"loss_along: expected one weight or two, each (parameter, index). Received: {len(weights)}.")
    rows = model._check(x, y, sample_weight, None, "loss_along")
    model._ready(rows.row_shape)
    places = [_place(model, w) for w in weights]
    before = {id(p): (p, p.numpy()) for p, _ in places}
    here = [float(before[id(p)][1][index]) for p, index in places]
    axes = _axes(here, span, points, values)
    evaluation = Evaluation(model, rows, batch_size)
    losses = np.empty([len(a) for a in axes])
    loss = float(evaluation.run()["loss"])
    try:
        for at in np.ndindex(losses.shape):
            changed = {key: (p, array.copy()) for key, (p, array) in before.items()}
            for (p, index), axis, i in zip(places, axes, at, strict=True):
                changed[id(p)][1][index] = axis[i]
            for p, array in changed.values():
                p.assign(array)
            losses[at] = evaluation.run()["loss"]
    finally:
        for p, array in before.values():
            p.assign(array)
    names = [f"{p.name}[{', '.join(map(str, index))}]" for p, index in places]
    return LossCurve(names, axes, losses, here, loss)


def _place(model: Any, weight: Any) -> tuple[Any, tuple[int, ...]]:
    """(parameter, index) of a weight. Raises ValueError for one that is not there."""
    if not isinstance(weight, (tuple, list)) or len(weight) != 2:
        raise ValueError(f"loss_along: a weight is (parameter or its name, index). Received: {weight!r}.")
    which, index = weight
    found = next((p for p in model.parameters if p is which or p.name == which), None)
    if found is None:
        raise ValueError(f"loss_along: no such parameter: {which!r}. There are: {', '.join(p.name for p in model.parameters)}.")
    place = tuple(int(i) for i in np.atleast_1d(index))
    if len(place) != len(found.shape) or any(not -n <= i < n for i, n in zip(place, found.shape, strict=True)):
        raise ValueError(f"loss_along: {found.name} has shape {found.shape}. Received: index {index!r}.")
    return found, place


def _axes(here: list[float], span: float, points: int, values: Any) -> list[np.ndarray]:
    if values is None:
        span, points = number("span", span, "loss_along", 0.0), whole("points", points, "loss_along", 2)
        return [np.linspace(w - span, w + span, points) for w in here]
    given = [values] if len(here) == 1 and np.ndim(values[0]) == 0 else list(values)
    axes = [np.asarray(v, np.float64) for v in given]
    if len(axes) != len(here) or any(a.ndim != 1 or not a.size or not np.isfinite(a).all() for a in axes):
        raise ValueError(f"loss_along: values must be a sequence of numbers for each of the {len(here)} weights. Received: {values!r}.")
    return axes
