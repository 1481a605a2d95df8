"""Passes over few rows that are used again from call to call: to record a step takes longer than to run it once or twice."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from operator import is_
from typing import Any

from gpunn.training.data import Rows
from gpunn.training.feeds.choice import streams
from gpunn.training.feeds.sources import Source
from gpunn.training.prediction import Prediction

Key = tuple[Any, ...]
FEW = 4 << 20  # bytes of rows; over more of them what recording takes is not seen
MOST = 8  # passes kept at a time: batches of ever new sizes must not fill the memory
ROOM = 128 << 20  # bytes that they may take; the last one is kept whatever it takes


@contextmanager
def again(model: Any, kind: Any, rows: Any, batch: int, *options: Any) -> Iterator[Any]:
    """The pass ``kind(model, rows, batch, *options)``; over few rows one that was made for others of these shapes and types, refilled.

    The model keeps such passes, made of copies of the rows, until a layer or the optimizer gets another attribute, or a weight another
    array. One that is in use, or broke off, is nobody else's.
    """
    if _few(model, kind, rows, batch):
        with kept(model, key_of(kind, rows, batch, *options), rows) as found:
            yield found
    else:
        yield kind(model, rows, batch, *options)


def key_of(kind: Any, rows: Rows, batch: int, *options: Any) -> Key:
    """Of the pass ``kind(model, rows, batch, *options)`` among those that a model keeps: that over other rows of this form has the same."""
    weighed = tuple([w is not None for w in rows.row_weights])
    arrays = tuple([(type(a), a.shape, a.dtype) for a in rows.arrays])
    return (kind, batch, *options), arrays, isinstance(rows.x, list), weighed, tuple(rows.metric_targets), tuple(rows.loss_targets)


@contextmanager
def kept(model: Any, key: Key, rows: Rows) -> Iterator[Any]:
    """The pass of this key, over these rows."""
    passes, (kind, batch, *options) = model._programs, key[0]
    found, before, size = passes.pop(key, (None, [], None))
    model.lend()
    state = _state(model)
    if found is None or not alike(state, before):
        model.inference_plan()
        state = _state(model)
        with model.backend.here():
            found, size = kind(model, rows.copy(), batch, *options), None
    else:
        found.refill(rows)
    yield found
    passes[key] = found, state, _size(found) if size is None else size
    while len(passes) > 1 and (len(passes) > MOST or sum(size for *_, size in passes.values()) > ROOM):
        passes.pop(next(iter(passes)))  # the one that was not used for longest


def _few(model: Any, kind: Any, rows: Any, batch: int) -> bool:
    if not isinstance(rows, Rows) or any(isinstance(x, Source) for x in (*rows.xs, rows.later)) or streams(model.backend, rows):
        return False
    return rows.nbytes <= FEW or (len(rows) <= batch and kind is not Prediction)  # whoever goes batch by batch comes again


def _state(model: Any) -> list[Any]:
    """What a recorded pass has taken from model and layers, or may have."""
    setup = model._setup
    own = [] if setup is None else [*vars(setup).values(), *vars(setup.optimizer).values(), *(head.loss for head in setup.heads)]
    leaves = model.leaves
    layers = chain.from_iterable([vars(leaf).values() for leaf in leaves])
    return [model.known_plan, *own, *layers, *[p.value for leaf in leaves for p in leaf.parameters]]


def alike(state: list[Any], other: list[Any]) -> bool:
    """Whether these are the same objects, and equal numbers and texts."""
    return len(state) == len(other) and (all(map(is_, state, other)) or all(map(_same, state, other)))


def _same(one: Any, other: Any) -> bool:
    return one is other or (isinstance(one, (int, float, str)) and type(one) is type(other) and one == other)


def _size(found: Any) -> int:
    """Bytes of the arrays in its recorded steps, at most: parts of one array count beside it."""
    nodes = (node for program in found._programs.values() for node in program.nodes)
    return sum({id(a): getattr(a, "nbytes", 0) for node in nodes for a in node.arguments}.values())
