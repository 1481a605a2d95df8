"""Logistic regression: one layer with a sigmoid or softmax, fitted by maximum likelihood."""

from typing import Any

import numpy as np

from gpunn.neural_network import lbfgs, objective, parameters, rows
from gpunn.neural_network._sklearn import BaseEstimator, ClassifierMixin, check_is_fitted, column_or_1d
from gpunn.neural_network.labels import Labels, class_weights
from gpunn.neural_network.network import Network
from gpunn.neural_network.parameters import ANY, FLAG, LOUDNESS, number, one_of, whole

RULES: dict[str, parameters.Rule] = {
    "penalty": one_of("l2", None),
    "C": number(0, low_open=True),
    "tol": number(0, low_open=True),
    "fit_intercept": FLAG,
    "class_weight": ANY,
    "solver": one_of("lbfgs"),
    "max_iter": whole(1),
    "verbose": LOUDNESS,
    "warm_start": FLAG,
}


def odds(p: Any) -> Any:
    """p / (1 - p): how many times as likely as not."""
    return p / (1.0 - np.asarray(p))


def logit(p: Any) -> Any:
    """log(p / (1 - p)), the inverse of the sigmoid."""
    return np.log(odds(p))


class LogisticRegression(ClassifierMixin, BaseEstimator):
    """p(class) = sigmoid(w x + b), or a softmax over more than two classes, of maximum likelihood with an L2 penalty.

    It minimises C times the sum of -log p over rows plus half the squared coefficients, as scikit-learn's does: by SciPy's L-BFGS-B on the
    loss and gradient of a recorded step, in float64.

    Parameters: ``penalty``, "l2" or None; ``C``, the inverse of its strength (infinity: none); ``tol``, the largest gradient at which
    training ends; ``fit_intercept``; ``class_weight``, None, "balanced" or a dict; ``random_state`` and ``n_jobs``, accepted for
    scikit-learn's sake (nothing is drawn); ``solver``, "lbfgs"; ``max_iter``; ``verbose``; ``warm_start``, a second `fit` goes on.

    Attributes: ``coef_`` (1 or classes, features), ``intercept_``, ``classes_``, ``n_iter_`` (an array of one), ``n_features_in_``,
    ``feature_names_in_``.
    """

    coef_: Any
    intercept_: Any

    def __init__(
        self, penalty: str | None = "l2", *, C: float = 1.0, tol: float = 1e-4, fit_intercept: bool = True, class_weight: Any = None,
        random_state: Any = None, solver: str = "lbfgs", max_iter: int = 100, verbose: Any = 0, warm_start: bool = False,
        n_jobs: int | None = None,
    ):
        self.penalty = penalty
        self.C = C
        self.tol = tol
        self.fit_intercept = fit_intercept
        self.class_weight = class_weight
        self.random_state = random_state
        self.solver = solver
        self.max_iter = max_iter
        self.verbose = verbose
        self.warm_start = warm_start
        self.n_jobs = n_jobs

    @rows.wholly
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> "LogisticRegression":
        """Fit rows X (rows, features) to their classes y; `sample_weight`, one number a row. -> self.

        Raises ValueError for what does not fit, or for one class alone; warns (ConvergenceWarning) when `max_iter` was too little.
        """
        parameters.check(self, RULES)
        name = type(self).__name__
        x, y = rows.inputs(self, X, y, reset=True)
        y = column_or_1d(y, warn=True)
        labels = Labels(y, name)
        if len(labels.classes) < 2:
            raise ValueError(f"{name} needs rows of at least two classes; the data contains only one class: {labels.classes[0]}.")
        weights = class_weights(self.class_weight, labels, y, rows.weights(sample_weight, len(x), name))
        units = labels.columns
        going_on = self.warm_start and hasattr(self, "coef_") and self.coef_.shape == (units, x.shape[1])
        start = (self.coef_.T, self.intercept_) if going_on else (np.zeros((x.shape[1], units)), np.zeros(units))
        strength = 0.0 if self.penalty is None else 1.0 / self.C
        network = Network(
            [x.shape[1], units], "identity", _loss(units), "float64", lbfgs.Still(), strength, learn_bias=self.fit_intercept
        )
        network.load([start[0]], [start[1] if self.fit_intercept else np.zeros(units)])
        x = x if x.dtype == np.uint8 else x.astype(np.float64, copy=False)
        options = {"maxiter": self.max_iter, "maxls": 50, "gtol": self.tol, "ftol": 64 * np.finfo(float).eps}
        result = lbfgs.fit(lbfgs.Objective(network, x, labels.encode(y, np.float64), weights), name, options, self.verbose)
        coefs, intercepts = network.weights()
        self._labels, self.classes_ = labels, labels.classes
        self.coef_, self.intercept_ = np.ascontiguousarray(coefs[0].T), intercepts[0]
        self.n_iter_ = np.array([min(result.nit, self.max_iter)], np.int32)
        return self

    def _outputs(self, x: Any, loss: Any) -> np.ndarray:
        check_is_fitted(self)
        x = rows.inputs(self, x, reset=False)
        outputs = len(self.coef_)
        network = Network([x.shape[1], outputs], "identity", loss(outputs), "float64").load([self.coef_.T], [self.intercept_])
        return network.outputs(x if x.dtype == np.uint8 else x.astype(np.float64, copy=False))()

    def decision_function(self, X: Any) -> np.ndarray:
        """The sums w x + b, for two classes the logarithm of the odds: (rows,), else (rows, classes)."""
        z = self._outputs(X, objective.HalfSquaredError)
        return z.reshape(-1) if z.shape[1] == 1 else z

    def predict_proba(self, X: Any) -> np.ndarray:
        """The probability of each class, (rows, classes)."""
        p = self._outputs(X, _loss)
        return np.hstack([1 - p, p]) if p.shape[1] == 1 else p

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """The logarithm of `predict_proba`."""
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def predict(self, X: Any) -> np.ndarray:
        """The class of each row."""
        z = self.decision_function(X)
        return self.classes_[(z > 0).astype(np.int64) if z.ndim == 1 else z.argmax(axis=1)]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def _loss(units: int) -> Any:
    return objective.BinaryLogLoss(1) if units == 1 else objective.LogLoss(units)
