"""The model behind an estimator: dense layers of gpunn, trained by its recorded step on scikit-learn's objective."""

from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from gpunn.layers import Dense, Input
from gpunn.models import Sequential
from gpunn.neural_network.objective import Penalty
from gpunn.training.data import Rows
from gpunn.training.feeds.base import grouped
from gpunn.training.feeds.resident import Resident
from gpunn.training.loop import Training
from gpunn.training.prediction import Prediction

ACTIVATIONS = {"identity": "linear", "logistic": "sigmoid", "tanh": "tanh", "relu": "relu"}
PREDICTED = 2048  # rows of a batch without training
GROUPED = 64  # from so many columns on, rows of a batch go in order of their label (see `feeds.base.grouped`)


class Network:
    """Layers of `units` (inputs first), `activation` between them, and what `loss` takes at the end.

    `alpha` is the strength of an `objective.Penalty`, `regularizer` one of gpunn's, for all coefficients. Without an optimizer it only
    predicts; without `learn_bias` intercepts stay what they are. ``model`` is the `Sequential` of it.
    """

    def __init__(
        self, units: Sequence[int], activation: str, loss: Any, dtype: str, optimizer: Any = None, alpha: float = 0.0,
        regularizer: Any = None, learn_bias: bool = True,
    ):
        names = [*[ACTIVATIONS[activation]] * (len(units) - 2), loss.output]
        layers: list[Any] = [Input((units[0],), dtype=dtype, name="inputs")]
        for i, (n, name) in enumerate(zip(units[1:], names, strict=True)):
            options = {"kernel_initializer": "zeros", "kernel_regularizer": regularizer, "dtype": dtype}
            layers.append(Dense(n, name, name=f"layer_{i + 1}", **options))
        self.model = Sequential(layers, name="network")
        self.model.stop_training = False
        for layer in layers[1:]:
            layer.bias.trainable = learn_bias
        self.loss, self.dtype = loss, dtype
        self.penalty = Penalty(alpha, self.model) if alpha > 0 else None
        if optimizer is not None:
            self.model.compile(optimizer, loss)
            if self.penalty is not None:
                setattr(self.model._setup, "penalties", self.penalty)  # noqa: B010  in place of the model's own

    @property
    def ops(self) -> Any:
        return self.model.backend

    @property
    def optimizer(self) -> Any:
        return self.model.optimizer

    # ------------------------------------------------------------------ weights, as scikit-learn keeps them
    def load(self, coefs: Sequence[Any], intercepts: Sequence[Any]) -> "Network":
        self.model.set_weights([w for pair in zip(coefs, intercepts, strict=True) for w in pair])
        return self

    def weights(self) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """(coefs, intercepts), copies."""
        flat = self.model.get_weights()
        return flat[::2], flat[1::2]

    # ------------------------------------------------------------------ rows through it
    def outputs(self, x: np.ndarray) -> "Outputs":
        return Outputs(self.model, x)

    def epochs(self, x: np.ndarray, target: np.ndarray, weights: np.ndarray | None, batch: int, relative: bool = True) -> "Epochs":
        return Epochs(self, x, target, weights, batch, relative)


def draw(units: Sequence[int], activation: str, rng: np.random.RandomState, dtype: Any) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Initial (coefs, intercepts): uniform within Glorot & Bengio's bound, in scikit-learn's order of draws, so that seeds agree."""
    coefs, intercepts = [], []
    for fan_in, fan_out in pairwise(units):
        bound = np.sqrt((2.0 if activation == "logistic" else 6.0) / (fan_in + fan_out))
        coefs.append(rng.uniform(-bound, bound, (fan_in, fan_out)).astype(dtype, copy=False))
        intercepts.append(rng.uniform(-bound, bound, fan_out).astype(dtype, copy=False))
    return coefs, intercepts


class Outputs:
    """What the model gives for some rows, now and after it has learned more: recorded once."""

    def __init__(self, model: Any, x: np.ndarray):
        self._prediction = Prediction(model, Rows(x, [], None), PREDICTED, None)

    def __call__(self) -> np.ndarray:
        return self._prediction.run()[0]


class WholeFeed(Resident):
    """All rows at once, in their order: nothing is gathered."""

    def gather(self, ops: Any, rows: int, dtype: Any, index: int = 0) -> Any:
        x = self.xs[index]
        return x if rows == len(x) and x.dtype == dtype else super().gather(ops, rows, dtype, index)


class Epochs:
    """Passes over rows in batches, in an order that is given; `relative` weights count in relation to those of their batch."""

    def __init__(self, network: Network, x: np.ndarray, target: np.ndarray, weights: np.ndarray | None, batch: int, relative: bool):
        self.network, self.ops, self.rows = network, network.ops, len(x)
        self.weights = weights if relative else None
        given = None if weights is None else weights.astype(network.dtype)
        rows = Rows(x, [target], given, [])
        self.pass_ = Training(network.model, rows, batch, shuffle=False)
        self.batch = self.pass_.batch
        if self.batch == self.rows:
            self.pass_.feed = WholeFeed(self.ops, rows, batch)
        grouping = target.ndim == 1 and target.dtype == np.int32 and x.shape[1] >= GROUPED and self.batch < self.rows
        self._labels = target if grouping else None
        self._sums = self.pass_._places(self.batch)
        penalty = network.penalty
        if penalty is not None:
            penalty.feed, penalty.shares = self.pass_.feed, None if self.weights is None else self.ops.empty((self.rows,), network.dtype)

    def run(self, order: np.ndarray | None = None) -> float:
        """One pass in this order (of all rows; None: as before). -> scikit-learn's loss: batches' means, weighted by their rows."""
        feed = self.pass_.feed
        if order is not None and self.batch < self.rows:
            order = order.astype(np.int32) if self._labels is None else grouped(order, self._labels, self.batch)
            self.ops.write(feed.order, order)
        if self.weights is not None:
            self._weigh(np.arange(self.rows) if order is None else order)
        self.pass_.reset()
        for rows, left in feed.pieces(0, None):
            while left:
                left -= self.pass_.pace.run(partial(self.pass_.step, rows), left)
        return self.mean() * self.network.loss.factor + self._mean(self._sums.penalties)

    def mean(self) -> float:
        """The loss of the pass as the kernels have it, a mean over columns, without penalties: a read."""
        return self._mean(self._sums.loss)

    def _mean(self, sums: Any) -> float:
        return float(self.ops.to_numpy(sums)[0]) / self.rows

    def _weigh(self, order: np.ndarray) -> None:
        """Each row's weight over the mean of its batch, and each batch's share of the penalty: one over its sum of weights."""
        weights = np.asarray(self.weights, np.float64)
        starts = np.arange(0, self.rows, self.batch)
        totals = np.repeat(np.add.reduceat(weights[order], starts), np.diff([*starts, self.rows]))
        sizes = np.repeat(np.diff([*starts, self.rows]), np.diff([*starts, self.rows]))
        inverse = np.divide(1.0, totals, out=np.zeros_like(totals), where=totals != 0)
        relative, shares = np.empty(self.rows), np.empty(self.rows)
        relative[order], shares[order] = weights[order] * sizes * inverse, inverse
        self.ops.write(self.pass_.feed.weights, relative.astype(self.network.dtype))
        if (penalty := self.network.penalty) is not None:
            self.ops.write(penalty.shares, (penalty.strength * shares).astype(self.network.dtype))
