"""An optimizer's state as Keras lays it out: a list of arrays, whose order each optimizer has of its own."""

from collections.abc import Callable
from typing import Any

import numpy as np

_APART = {"RMSprop"}  # slot by slot; all others parameter by parameter
_LAST = ("velocity_hat",)  # slots that come after all others
_FIRST = ("average", "gradient_accumulator")


def _order(optimizer: Any, names: list[str], shapes: dict[str, tuple[int, ...]]) -> list[tuple[str, str]]:
    """The (slot, parameter) of each array after the counter and the rate."""
    slots = list(optimizer.all_slots)
    out = [(slot, name) for slot in _FIRST if slot in slots for name in names]
    rest = [s for s in slots if s not in (*_FIRST, *_LAST)]
    if type(optimizer).__name__ in _APART:
        out += [(slot, name) for slot in rest for name in names]
    else:
        out += [(slot, name) for name in names for slot in rest if optimizer.stored_shape(slot, name, shapes[name]) is not None]
    return out + [(slot, name) for slot in _LAST if slot in slots for name in names]


def _layout(model: Any) -> list[tuple[str, str]]:
    learning = [p for p in model.trainable_weights if p.name in model.storage.places]
    return _order(model.optimizer, [p.name for p in learning], {p.name: p.shape for p in learning})


def to_list(model: Any) -> list[tuple[str, np.ndarray]]:
    """(name, array) of all state of a compiled model's optimizer: the number of batches, the rate where it is a number, the slots."""
    model._ready(model.row_shape)
    optimizer = model.optimizer
    state, title = optimizer.export(model.storage), optimizer.name
    out = [(f"{title}/iteration", np.asarray(optimizer.steps, np.int32))]
    if optimizer.schedule is None:
        out.append((f"{title}/learning_rate", np.asarray(float(optimizer.learning_rate), model.dtype)))
    for slot, name in _layout(model):
        out.append((f"{title}/{name.replace('/', '_')}_{slot}", optimizer.stored(slot, state[f"{slot}/{name}"])))
    kept = {name: state.get(f"scalar/{name}", np.ones(1)) for name in optimizer.kept}  # 1: no step has been yet
    return out + [(f"{title}/{name}", array.reshape(()).astype(model.dtype)) for name, array in kept.items()]


def prepared(model: Any, shapes: list[tuple[int, ...]], read: Callable[[int], np.ndarray]) -> Callable[[], None]:
    """-> what puts the optimizer where a list that `to_list` or Keras wrote says; ``read(i)`` gives an array.

    The rate is the configuration's, if it says one. Raises ValueError where the list is of another length or an array of another shape.
    """
    model._ready(model.row_shape)
    optimizer, layout = model.optimizer, _layout(model)
    first = 1 if optimizer.schedule is not None else 2
    kept = list(optimizer.kept)
    if len(shapes) == first:  # Keras's, before its first step
        layout, kept = [], []
    kind, count = type(optimizer).__name__, first + len(layout) + len(kept)
    if len(shapes) != count:
        raise ValueError(f"the optimizer's state: expected {count} arrays for {kind}. Received: {len(shapes)}.")
    learning = {p.name: p.shape for p in model.trainable_weights}
    expected = [()] * first + [optimizer.stored_shape(slot, name, learning[name]) for slot, name in layout] + [()] * len(kept)
    names = ["iteration", "learning_rate"][:first] + [f"{slot} of {name}" for slot, name in layout] + kept
    for name, shape, wanted in zip(names, shapes, expected, strict=True):
        if shape != wanted:
            raise ValueError(f"the optimizer's state, {name}: expected shape {wanted}. Received: {shape}.")
    state = {
        f"{slot}/{name}": optimizer.unstored(slot, read(first + i), learning[name]) for i, (slot, name) in enumerate(layout)
    }
    state |= {f"scalar/{name}": read(first + len(layout) + i).reshape(1) for i, name in enumerate(kept)}
    steps, rate = int(read(0)), float(read(1)) if first == 2 else None
    changed = rate is not None and np.asarray(rate, model.dtype) != np.asarray(float(optimizer.learning_rate), model.dtype)

    def put() -> None:
        optimizer.restore(model.storage, steps, optimizer.export(model.storage) | state)
        if changed:
            optimizer.learning_rate = rate

    return put
