"""Capacity search: let a network grow until its validation stops improving, then step back."""

import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from gpunn.callbacks.monitor import number, whole

INCREASE, DECREASE, DONE = "Increase capacity", "Decrease capacity", "Done"


@dataclass
class Capacity:
    """A network that was tried: hidden layers, nodes in each, its score (NaN where it failed, with the error), what was decided then."""

    layers: int
    nodes: int
    score: float
    decision: str = ""
    error: str | None = None


@dataclass
class CapacitySearch:
    """What a search tried, in order (``trials``), and the ``best`` of it."""

    trials: list[Capacity] = field(default_factory=list)
    mode: str = "min"

    @property
    def best(self) -> Capacity:
        known = [t for t in self.trials if not math.isnan(t.score)]
        if not known:
            raise ValueError("capacity_search: no network gave a finite score.")
        return (min if self.mode == "min" else max)(known, key=lambda t: t.score)

    def records(self) -> list[dict[str, object]]:
        """A dict a trial, as pandas takes them."""
        return [vars(t).copy() for t in self.trials]

    def table(self) -> str:
        """Layers, nodes, score and decision, a line a trial."""
        lines = [f"{'hidden layers':>13}  {'nodes per layer':>15}  {'score':>10}  next step"]
        lines += [f"{t.layers:>13}  {t.nodes:>15}  {t.score:>10.4g}  {t.decision}" for t in self.trials]
        return "\n".join(lines)


def capacity_path(nodes: int = 100, wider: int | None = None) -> Iterator[tuple[int, int]]:
    """(1, nodes), (1, wider), (2, wider), (3, wider) ...: first wider, then one layer more each time. `wider` is 2.5 times `nodes` where
    not given."""
    nodes = whole("nodes", nodes, "capacity_path", 1)
    wider = round(2.5 * nodes) if wider is None else whole("wider", wider, "capacity_path", 1)
    yield 1, nodes
    for layers in itertools.count(1):
        yield layers, wider


def capacity_search(
    score: Callable[[int, int], float], path: Iterable[tuple[int, int]] | None = None,
    back: Callable[[int, int], tuple[int, int]] | None = None, mode: str = "min", min_delta: float = 0.0, limit: int = 12,
) -> CapacitySearch:
    """Try ever larger networks while ``score(layers, nodes)`` improves; after the first that does not, try one a little smaller, and stop.

    Arguments: ``score``, a number for a network of so many hidden layers and nodes in each, such as the validation loss of a trained one
    (see `training_score`); ``path``, the capacities in order (`capacity_path`); ``back``, the smaller capacity when (layers, nodes) was
    too much, by default a fifth fewer nodes; ``mode``, "min" or "max"; ``min_delta``, less than which is no improvement; ``limit``, how
    many of the path.

    A score that is not finite, or an error of it, counts as no improvement, except at the first network, where the error is raised.
    """
    if mode not in ("min", "max"):
        raise ValueError(f"capacity_search: mode must be min or max. Received: mode={mode!r}.")
    min_delta, limit = number("min_delta", min_delta, "capacity_search", 0.0), whole("limit", limit, "capacity_search", 1)
    back = back or (lambda layers, nodes: (layers, max(1, round(0.8 * nodes))))
    found, sign = CapacitySearch(mode=mode), 1.0 if mode == "min" else -1.0
    best = math.inf
    ahead = itertools.islice(capacity_path() if path is None else path, limit)
    for layers, nodes in ahead:
        trial = _try(score, layers, nodes, first=not found.trials)
        found.trials.append(trial)
        if sign * trial.score < best - min_delta:
            best, trial.decision = sign * trial.score, INCREASE
            continue
        trial.decision = DECREASE if len(found.trials) > 1 else DONE
        if trial.decision == DECREASE:
            found.trials.append(_try(score, *back(layers, nodes)))
        break
    if not found.trials:
        raise ValueError("capacity_search: path gives no capacity.")
    found.trials[-1].decision = DONE
    return found


def _try(score: Callable[[int, int], float], layers: int, nodes: int, first: bool = False) -> Capacity:
    try:
        value = float(score(layers, nodes))
    except Exception as error:
        if first:
            raise
        return Capacity(layers, nodes, math.nan, error=f"{type(error).__name__}: {error}")
    return Capacity(layers, nodes, value if math.isfinite(value) else math.nan)
