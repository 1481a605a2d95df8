"""Iterative pruning: train, prune a share of what is left, rewind, train again."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gpunn.models import state
from gpunn.pruning.masks import Masks, hold, magnitude
from gpunn.pruning.report import sparsity


@dataclass(frozen=True)
class Round:
    """`number`, 0 for the dense model; `left`, the share of weights left; `masks`; `result`, what `train` returned."""

    number: int
    left: float
    masks: Masks
    result: Any


def rounds(
    model: Any, train: Callable[[Any], Any], count: int, share: float = 0.2, layers: Mapping[str, float] | None = None, rewind: bool = True,
    scope: str = "layer",
) -> Iterator[Round]:
    """Train the model as it is, then `count` times: prune, rewind, train. Each round is yielded when it is trained; the masks stay held.

    train: called with the model, a compiled and built one; share, layers, scope: see `magnitude`, of what the round before has left;
    rewind: weights, optimizer and random state go back to the start before each round (Frankle & Carbin 2019), else on from where they are.
    Raises ValueError for a model that is not compiled, and see `magnitude`.
    """
    model._need_setup("rounds")
    model._need_built("rounds")
    start = state.take(model)
    masks: Masks = {}
    for number in range(count + 1):
        if number:
            masks = magnitude(model, share, layers, masks, scope)
            if rewind:
                state.put(model, start)
            hold(model, masks)
        result = train(model)
        yield Round(number, sparsity(model).left, masks, result)
