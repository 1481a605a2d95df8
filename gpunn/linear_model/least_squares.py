"""Linear regression: a layer without activation on half the squared error, trained to the least squares."""

from typing import Any

import numpy as np

from gpunn.neural_network import lbfgs, objective, parameters, rows
from gpunn.neural_network._sklearn import BaseEstimator, ConvergenceWarning, RegressorMixin, check_is_fitted, warn
from gpunn.neural_network.network import Network
from gpunn.neural_network.parameters import FLAG, number

RULES: dict[str, parameters.Rule] = {"fit_intercept": FLAG, "copy_X": FLAG, "tol": number(0, low_open=True), "positive": FLAG}


class LinearRegression(RegressorMixin, BaseEstimator):
    """y = w x + b with the least sum of squared residuals; several targets at once.

    The closed form solves (X^T X) w = X^T y. Here the same minimum is reached by training: the loss is quadratic, so conjugate gradients
    (Hestenes & Stiefel 1952) over the gradient of a recorded step, on centred columns of equal length, need about as many steps as there
    are
    features. With ``positive=True`` L-BFGS-B keeps the coefficients from falling below 0.

    Parameters: ``fit_intercept``; ``copy_X`` and ``n_jobs``, accepted for scikit-learn's sake (X is never overwritten); ``tol``, the
    gradient's length, in relation to what it was, at which training ends; ``positive``.

    Attributes: ``coef_`` (features,) or (targets, features), ``intercept_``, ``n_iter_``, ``n_features_in_``, ``feature_names_in_``.
    Where columns depend on one another there is no single solution: of all, this is the one with the smallest coefficients for columns of
    equal length. A constant column gets the coefficient 0.
    """

    def __init__(
        self, *, fit_intercept: bool = True, copy_X: bool = True, tol: float = 1e-12, n_jobs: int | None = None, positive: bool = False
    ):
        self.fit_intercept = fit_intercept
        self.copy_X = copy_X
        self.tol = tol
        self.n_jobs = n_jobs
        self.positive = positive

    @rows.wholly
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> "LinearRegression":
        """Fit rows X (rows, features) to y, (rows,) or (rows, targets); `sample_weight`, one number a row. -> self."""
        parameters.check(self, RULES)
        x, y = rows.inputs(self, X, y, reset=True, multi_output=True, y_numeric=True)
        weights = rows.weights(sample_weight, len(x), type(self).__name__)
        x, target = x.astype(np.float64), y.reshape(len(y), -1).astype(np.float64)
        means = (np.zeros(x.shape[1]), np.zeros(target.shape[1]))
        if self.fit_intercept:
            means = (np.average(x, axis=0, weights=weights), np.average(target, axis=0, weights=weights))
        x, target = x - means[0], target - means[1]
        length = np.sqrt(np.average(x * x, axis=0, weights=weights))
        length = np.where(length > 1e-12 * np.maximum(np.abs(means[0]), np.finfo(float).tiny), length, 0.0)
        x = np.divide(x, length, out=np.zeros_like(x), where=length > 0)
        loss = objective.HalfSquaredError(target.shape[1])
        loss.factor = 0.5 * target.shape[1]  # value and gradient of one function
        network = Network([x.shape[1], target.shape[1]], "identity", loss, "float64", lbfgs.Still(), learn_bias=False)
        self._descend(lbfgs.Objective(network, x, target, weights), target)
        coef = network.weights()[0][0].T
        coef = np.divide(coef, length, out=np.zeros_like(coef), where=length > 0)
        intercept = means[1] - coef @ means[0]
        self.coef_, self.intercept_ = (coef, intercept) if y.ndim == 2 else (coef[0], intercept[0])
        if not self.fit_intercept:
            self.intercept_ = 0.0
        return self

    def _descend(self, function: lbfgs.Objective, target: np.ndarray) -> None:
        if self.positive:
            scale = float(np.abs(target).max()) or 1.0
            options = {"maxiter": 15000, "maxfun": 15000, "gtol": self.tol * scale, "ftol": 0.0}
            bounds = [(0.0, None)] * len(function.start())
            self.n_iter_ = lbfgs.fit(function, type(self).__name__, options, bounds=bounds).nit
            return
        w, self.n_iter_ = conjugate_gradients(function, self.tol)
        function.put(w)

    def predict(self, X: Any) -> np.ndarray:
        """(rows,), or (rows, targets) where y had two axes."""
        check_is_fitted(self)
        x = rows.inputs(self, X, reset=False)
        coef, intercept = np.atleast_2d(self.coef_), np.broadcast_to(self.intercept_, (len(np.atleast_2d(self.coef_)),))
        network = Network([x.shape[1], len(coef)], "identity", objective.HalfSquaredError(len(coef)), "float64").load([coef.T], [intercept])
        out = network.outputs(x if x.dtype == np.uint8 else x.astype(np.float64, copy=False))()
        return out if self.coef_.ndim == 2 else out[:, 0]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = tags.target_tags.multi_output = True
        return tags


def conjugate_gradients(function: lbfgs.Objective, tol: float) -> tuple[np.ndarray, int]:
    """Minimise a quadratic function of which only gradients are asked, from 0. -> (where, steps).

    Against targets of zero the gradient at p is H p, the one product with the second derivative that a step takes. Warns
    (ConvergenceWarning) when it ends before the gradient is `tol` times as long as at the start.
    """
    w = np.zeros_like(function.start())
    residual = -function(w)[1]
    function.without_targets()
    direction, size = residual.copy(), float(residual @ residual)
    goal, best = size * tol * tol, (size, w.copy())
    limit = 10 * len(w) + 100
    for step in range(limit):
        if size <= goal:
            return w, step
        bent = function(direction)[1]
        curvature = float(direction @ bent)
        if not curvature > 0:
            break
        w += size / curvature * direction
        residual -= size / curvature * bent
        size, before = float(residual @ residual), size
        direction = residual + size / before * direction
        if size < best[0]:
            best = (size, w.copy())
    if best[0] > 1e-12 * goal / (tol * tol):
        warn(f"LinearRegression: stopped after {step + 1} steps, short of tol={tol:g}.", ConvergenceWarning)
    return best[1], step + 1
