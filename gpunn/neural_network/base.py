"""What classifier and regressor share: scikit-learn's parameters and attributes, and the way through a fit."""

from typing import Any

import numpy as np

from gpunn.neural_network import lbfgs, parameters, rows, stochastic
from gpunn.neural_network._sklearn import BaseEstimator, available_if, check_is_fitted, check_random_state, train_test_split, warn
from gpunn.neural_network.network import Network, draw

STOCHASTIC = ("sgd", "adam")


def has_steps(estimator: Any) -> bool:
    """For `partial_fit`. Raises AttributeError where there are none to take."""
    if estimator.solver not in STOCHASTIC:
        raise AttributeError(f"partial_fit is only available for stochastic solvers: {' and '.join(STOCHASTIC)}. Not {estimator.solver}.")
    return True


class Held:
    """Rows kept back for early stopping, and how the network does on them."""

    def __init__(self, estimator: Any, network: Network, x: Any, target: Any, weights: Any):
        self.e, self.target, self.weights, self.outputs = estimator, target, weights, network.outputs(x)

    def score(self) -> float:
        out = self.outputs()
        return self.e._score_outputs(out, self.target, self.weights) if np.isfinite(out).all() else float("nan")


class BaseNetwork(BaseEstimator):
    """Base class of `MLPClassifier` and `MLPRegressor`. A subclass gives `_encode`, `_loss`, `_score_outputs` and `predict`."""

    _rules = parameters.NETWORK

    # ------------------------------------------------------------------ what a subclass gives
    def _encode(self, x: Any, y: Any, incremental: bool, first: bool) -> tuple[Any, Any]:
        """-> (rows, targets as the engine takes them), checked."""
        raise NotImplementedError

    def _columns(self, target: np.ndarray) -> int:
        """Outputs of the network for these targets."""
        return 1 if target.ndim == 1 else target.shape[1]

    def _loss(self) -> Any:
        raise NotImplementedError

    def _score_outputs(self, out: np.ndarray, target: np.ndarray, weights: Any) -> float:
        raise NotImplementedError

    def _strata(self, target: np.ndarray) -> Any:
        """What held-out rows are drawn in proportion to, or None."""
        return None

    # ------------------------------------------------------------------ fit
    @rows.wholly
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """Train on rows X (rows, features) and targets y; `sample_weight`, one number a row. -> self.

        Raises ValueError for parameters, rows or weights that do not fit, and for training that runs away to infinity; the estimator is
        then as it was.
        """
        return self._fit(X, y, sample_weight, False)

    def _fit(self, x: Any, y: Any, sample_weight: Any, incremental: bool) -> Any:
        parameters.check(self, self._rules)
        if incremental and self.early_stopping:
            raise ValueError("partial_fit does not support early_stopping=True")
        first = not hasattr(self, "coefs_") or (not self.warm_start and not incremental)
        x, target = self._encode(x, y, incremental, first)
        weights = rows.weights(sample_weight, len(x), type(self).__name__)
        rng = check_random_state(self.random_state)
        stochastic_solver = self.solver in STOCHASTIC
        dtype = rows.floating(x)
        self.n_outputs_ = self._columns(target)
        units = [x.shape[1], *np.atleast_1d(self.hidden_layer_sizes).astype(int).tolist(), self.n_outputs_]
        if first:
            self._begin(units, rng, dtype)
        elif (have := [len(self.coefs_[0]), *(len(b) for b in self.intercepts_)]) != units:
            raise ValueError(
                f"{type(self).__name__} goes on (warm_start, partial_fit) with the layers it has: hidden_layer_sizes cannot change. "
                f"Expected layers of {have}. Received: {units}."
            )
        if stochastic_solver and not hasattr(self, "loss_curve_"):
            self._begin_curve()
        if not stochastic_solver:
            dtype = "float64"  # a line search needs the digits
        elif not first:
            dtype = self.coefs_[0].dtype.name
        if x.dtype != np.uint8:
            x = x.astype(dtype, copy=False)
        if target.dtype.kind == "f":
            target = target.astype(dtype, copy=False)
        network = self._network(units, dtype, stochastic.make_optimizer(self) if stochastic_solver else lbfgs.Still())
        if stochastic_solver:
            self._fit_stochastic(network, x, target, weights, rng, incremental)
        else:
            self._fit_lbfgs(network, x, target, weights)
        if not all(np.isfinite(w).all() for w in (*self.coefs_, *self.intercepts_)):
            raise ValueError(
                f"{type(self).__name__}: the solver produced weights that are not finite. The input data may contain large values and need "
                "to be scaled, or learning_rate_init is too large."
            )
        return self

    def _begin(self, units: list[int], rng: Any, dtype: str) -> None:
        self.n_iter_ = self.t_ = 0
        self.n_layers_ = len(units)
        self.out_activation_ = self._out_activation()
        self.coefs_, self.intercepts_ = draw(units, self.activation, rng, dtype)
        for name in ("loss_curve_", "_optimizer_state"):
            self.__dict__.pop(name, None)

    def _begin_curve(self) -> None:
        self.loss_curve_: list[float] = []
        self._no_improvement_count = 0
        held = self.early_stopping
        self.best_loss_ = None if held else np.inf
        self.validation_scores_: list[float] | None = [] if held else None
        self.best_validation_score_ = -np.inf if held else None

    def _out_activation(self) -> str:
        raise NotImplementedError

    def _network(self, units: list[int], dtype: str, optimizer: Any = None) -> Network:
        network = Network(units, self.activation, self._loss(), dtype, optimizer, self.alpha)
        return network.load(self.coefs_, self.intercepts_)

    def _batch(self, rows: int) -> int:
        if self.batch_size == "auto":
            return min(200, rows)
        if self.batch_size > rows:
            warn(f"batch_size={self.batch_size} is larger than the {rows} rows: they make one batch.")
        return min(int(self.batch_size), rows)

    def _fit_stochastic(self, network: Network, x: Any, target: Any, weights: Any, rng: Any, incremental: bool) -> None:
        if incremental:
            stochastic.load_optimizer(self, network)
        held = None
        if self.early_stopping:
            if self.validation_scores_ is None:  # a warm start that did not hold rows back before
                self.validation_scores_, self.best_validation_score_, self.best_loss_ = [], -np.inf, None
            self._best_coefs, self._best_intercepts = self.coefs_, self.intercepts_
            parts = [p for p in (x, target, weights) if p is not None]
            options = {"random_state": rng, "test_size": self.validation_fraction, "stratify": self._strata(target)}
            split = train_test_split(*parts, **options)
            if len(split[1]) < 2:
                raise ValueError("The validation set is too small. Increase 'validation_fraction' or the size of your dataset.")
            x, target, weights = split[0], split[2], split[4] if weights is not None else None
            held = Held(self, network, split[1], split[3], split[5] if weights is not None else None)
        elif self.best_loss_ is None:
            self.best_loss_ = np.inf
        stochastic.fit(self, network, x, target, weights, rng, incremental, held)
        if held is None:
            self.coefs_, self.intercepts_ = network.weights()
        else:
            self.coefs_, self.intercepts_ = self._best_coefs, self._best_intercepts

    def _fit_lbfgs(self, network: Network, x: Any, target: Any, weights: Any) -> None:
        options = {"maxiter": self.max_iter, "maxfun": self.max_fun, "gtol": self.tol}
        result = lbfgs.fit(lbfgs.Objective(network, x, target, weights), type(self).__name__, options, self.verbose)
        self.n_iter_, self.loss_ = min(result.nit, self.max_iter), result.fun
        self.coefs_, self.intercepts_ = network.weights()

    # ------------------------------------------------------------------ rows through the trained network
    def _outputs(self, x: Any) -> np.ndarray:
        """(rows, outputs) of the trained network."""
        check_is_fitted(self)
        x = rows.inputs(self, x, reset=False)
        dtype = self.coefs_[0].dtype.name
        units = [len(self.coefs_[0]), *(len(b) for b in self.intercepts_)]
        return self._network(units, dtype).outputs(x if x.dtype == np.uint8 else x.astype(dtype, copy=False))()

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


partial = available_if(has_steps)
