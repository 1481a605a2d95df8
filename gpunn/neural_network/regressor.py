"""MLPRegressor: scikit-learn's, trained by gpunn."""

from typing import Any

import numpy as np

from gpunn.neural_network import objective, parameters, rows
from gpunn.neural_network._sklearn import RegressorMixin, column_or_1d, r2_score
from gpunn.neural_network.base import BaseNetwork, partial


class MLPRegressor(RegressorMixin, BaseNetwork):
    """Multi-layer perceptron regressor with scikit-learn's parameters, attributes and results, on gpunn's recorded train step.

    ``loss="squared_error"`` minimises half the squared error of an identity output; ``"poisson"`` half the Poisson deviance of an
    exponential output, for counts and rates that are not negative. Other parameters, attributes and the differences from scikit-learn are
    `MLPClassifier`'s; `score` is R^2, also for held-out rows. With several targets the gradient of the squared error is that of the sum
    over them, while ``loss_`` (and what "lbfgs" searches along a line by) is their mean, as in scikit-learn.
    """

    _rules = parameters.NETWORK | {"loss": parameters.one_of("squared_error", "poisson")}

    def __init__(
        self, loss: str = "squared_error", hidden_layer_sizes: Any = (100,), activation: str = "relu", *, solver: str = "adam",
        alpha: float = 0.0001, batch_size: Any = "auto", learning_rate: str = "constant", learning_rate_init: float = 0.001,
        power_t: float = 0.5, max_iter: int = 200, shuffle: bool = True, random_state: Any = None, tol: float = 1e-4, verbose: Any = False,
        warm_start: bool = False, momentum: float = 0.9, nesterovs_momentum: bool = True, early_stopping: bool = False,
        validation_fraction: float = 0.1, beta_1: float = 0.9, beta_2: float = 0.999, epsilon: float = 1e-8, n_iter_no_change: float = 10,
        max_fun: int = 15000,
    ):
        self.loss = loss
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun

    def _encode(self, x: Any, y: Any, incremental: bool, first: bool) -> tuple[Any, Any]:
        x, y = rows.inputs(self, x, y, reset=first, multi_output=True, y_numeric=True)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        y = np.ascontiguousarray(y.reshape(len(y), -1), rows.floating(x))
        if self.loss == "poisson" and (y < 0).any():
            raise ValueError(f"Argument y of {type(self).__name__}(loss='poisson'): expected numbers of at least 0. Received: {y.min():g}.")
        return x, y

    def _out_activation(self) -> str:
        return "exp" if self.loss == "poisson" else "identity"

    def _loss(self) -> Any:
        kind = objective.HalfPoissonDeviance if self.out_activation_ == "exp" else objective.HalfSquaredError
        return kind(self.n_outputs_)

    def _rates(self, out: np.ndarray) -> np.ndarray:
        return np.exp(out) if self.out_activation_ == "exp" else out

    def _score_outputs(self, out: np.ndarray, target: np.ndarray, weights: Any) -> float:
        return r2_score(target, self._rates(out), sample_weight=weights)

    @partial
    @rows.wholly
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """One epoch on these rows, from the present weights and moments. -> self."""
        return self._fit(X, y, sample_weight, True)

    def predict(self, X: Any) -> np.ndarray:
        """(rows,), or (rows, targets) where there are several."""
        out = self._outputs(X)
        out = self._rates(out)
        return out.reshape(-1) if out.shape[1] == 1 else out

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
