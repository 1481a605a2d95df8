"""The perceptron: a threshold unit, set by hand or taught by Rosenblatt's rule."""

from typing import Any

import numpy as np

from gpunn import optimizers, regularizers
from gpunn.neural_network import objective, parameters, rows, stochastic
from gpunn.neural_network._sklearn import (
    BaseEstimator,
    ClassifierMixin,
    ConvergenceWarning,
    check_random_state,
    column_or_1d,
    train_test_split,
    warn,
)
from gpunn.neural_network.labels import Labels, class_weights
from gpunn.neural_network.network import Network
from gpunn.neural_network.parameters import FLAG, LOUDNESS, SEED, either, number, one_of, whole

RULES: dict[str, parameters.Rule] = {
    "penalty": one_of(None, "l2", "l1", "elasticnet"),
    "alpha": number(0),
    "l1_ratio": number(0, 1),
    "fit_intercept": FLAG,
    "max_iter": whole(1),
    "tol": either(one_of(None), number(0)),
    "shuffle": FLAG,
    "verbose": LOUDNESS,
    "eta0": number(0, low_open=True),
    "random_state": SEED,
    "early_stopping": FLAG,
    "validation_fraction": number(0, 1, low_open=True, high_open=True),
    "n_iter_no_change": whole(1),
    "warm_start": FLAG,
}


class Perceptron(ClassifierMixin, BaseEstimator):
    """A threshold unit: y = 1 where sum_i w_i x_i + b >= 0, else 0; for more than two classes one unit each, the largest sum wins.

    Set by hand, it decides at once: ``Perceptron([1, 1], bias=-2)`` or ``Perceptron([1, 1], threshold=2)`` is an AND gate
    (b = -threshold; on the threshold the answer is yes).

    `fit` teaches it by the perceptron learning rule (Rosenblatt 1958): for one row after another w += eta0 * (t - y) * x,
    b += eta0 * (t - y). An epoch without a mistake ends it: the rule has converged, which it does exactly for classes that a hyperplane
    separates. Otherwise it ends after `max_iter` epochs (with a ConvergenceWarning), or when the share of mistakes has not fallen by `tol`
    for `n_iter_no_change` epochs; ``tol=None`` switches that off.

    Parameters:
        weights, bias, threshold: weights (features,), or (classes, features) with a bias each: what the unit starts with. Default zeros.
        penalty, alpha, l1_ratio: None, "l2", "l1" or "elasticnet": each step also takes eta0 * alpha times its gradient off the weights.
        fit_intercept: whether b learns. max_iter: epochs at most. shuffle: a new order every epoch, by `random_state`.
        eta0: the factor of every correction. verbose: print each epoch's mistakes.
        early_stopping, validation_fraction: stop by the score on held-back rows.
        class_weight: None, "balanced" or a dict from class to the weight of its rows. warm_start: a second `fit` goes on.
        n_jobs: accepted for scikit-learn's sake; classes are learned side by side anyway.

    Attributes: ``coef_`` (1 or classes, features), ``intercept_``, ``classes_``, ``n_iter_``, ``t_`` (corrections tried so far + 1),
    ``converged_``, ``mistakes_`` (their share in each epoch), ``n_features_in_``, ``feature_names_in_``.

    The rule counts a sum of exactly 0 as 1. scikit-learn's Perceptron counts it as a mistake whatever the class, so weights differ.
    """

    def __init__(
        self, weights: Any = None, bias: Any = None, threshold: Any = None, *, penalty: str | None = None, alpha: float = 0.0001,
        l1_ratio: float = 0.15, fit_intercept: bool = True, max_iter: int = 1000, tol: float | None = 1e-3, shuffle: bool = True,
        verbose: Any = 0, eta0: float = 1.0, n_jobs: int | None = None, random_state: Any = 0, early_stopping: bool = False,
        validation_fraction: float = 0.1, n_iter_no_change: int = 5, class_weight: Any = None, warm_start: bool = False,
    ):
        self.weights = weights
        self.bias = bias
        self.threshold = threshold
        self.penalty = penalty
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.fit_intercept = fit_intercept
        self.max_iter = max_iter
        self.tol = tol
        self.shuffle = shuffle
        self.verbose = verbose
        self.eta0 = eta0
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.class_weight = class_weight
        self.warm_start = warm_start

    # ------------------------------------------------------------------ learning
    @rows.wholly
    def fit(self, X: Any, y: Any, coef_init: Any = None, intercept_init: Any = None, sample_weight: Any = None) -> "Perceptron":
        """Learn from rows X (rows, features) of classes y. -> self.

        It starts from `coef_init` and `intercept_init`, else from ``weights`` and ``bias``, else from zeros. A row's correction is
        multiplied by its `sample_weight`. Raises ValueError for what does not fit.
        """
        fresh = not (self.warm_start and hasattr(self, "coef_"))
        x, y, labels = self._open(X, y, None, fresh)
        if fresh or coef_init is not None or intercept_init is not None:
            self._start(labels, x.shape[1], coef_init, intercept_init)
        return self._learn(x, y, sample_weight, self.max_iter)

    @rows.wholly
    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> "Perceptron":
        """One epoch on these rows. `classes` names all that will ever come; the first call needs it. -> self. Raises ValueError for what
        needs all rows at once: ``class_weight="balanced"`` and early stopping."""
        if self.class_weight == "balanced":
            raise ValueError("class_weight 'balanced' is not supported for partial_fit. Expected a dict of weights, or None.")
        if self.early_stopping:
            raise ValueError("early_stopping should be False with partial_fit, which holds back no rows.")
        fresh = not hasattr(self, "coef_")
        if fresh and classes is None:
            raise ValueError("classes must be passed on the first call to partial_fit.")
        if not fresh and classes is not None and not np.array_equal(np.unique(classes), self.classes_):
            raise ValueError(f"`classes={classes!r}` is not the same as on last call to partial_fit, was: {self.classes_!r}")
        x, y, labels = self._open(X, y, classes, fresh)
        if fresh:
            self._start(labels, x.shape[1], None, None)
        return self._learn(x, y, sample_weight, 1, True)

    def _open(self, x: Any, y: Any, classes: Any, fresh: bool) -> tuple[Any, Any, Labels]:
        """The door: everything that can be refused is refused here."""
        name = type(self).__name__
        parameters.check(self, RULES)
        self._given()
        x, y = rows.inputs(self, x, y, reset=fresh)
        y = column_or_1d(y, warn=True)
        labels = Labels(y, name, classes) if fresh else self._labels
        if len(unknown := labels.unknown(y)):
            raise ValueError(f"`y` of {name} has classes not in `self.classes_`: {unknown}. `self.classes_` has {labels.classes}.")
        if len(labels.classes) < 2:
            raise ValueError(f"{name} needs rows of at least two classes; the data contains only one class: {labels.classes[0]}.")
        return x, y, labels

    def _given(self) -> tuple[Any, Any]:
        """(weights, bias) as the constructor has them, (units, features) and (units,), or None."""
        w = None if self.weights is None else np.atleast_2d(np.asarray(self.weights, np.float64))
        if self.bias is not None and self.threshold is not None:
            raise ValueError(f"Perceptron: give bias or threshold (-bias). Received: bias={self.bias!r}, threshold={self.threshold!r}.")
        b = self.bias if self.threshold is None else -np.asarray(self.threshold, np.float64)
        b = None if b is None else np.atleast_1d(np.asarray(b, np.float64))
        if w is not None and (w.ndim != 2 or (b is not None and b.shape != (len(w),))):
            raise ValueError(f"Perceptron: expected weights (features,) or (units, features), and a bias each. Received: {w.shape}, {b}.")
        return w, b

    def _start(self, labels: Labels, width: int, coef: Any, intercept: Any) -> None:
        units = labels.columns
        w, b = self._given()
        w = w if coef is None else np.atleast_2d(np.asarray(coef, np.float64))
        b = b if intercept is None else np.atleast_1d(np.asarray(intercept, np.float64))
        w, b = np.zeros((units, width)) if w is None else w, np.zeros(units) if b is None else b
        if w.shape != (units, width) or b.shape != (units,):
            raise ValueError(f"Perceptron: expected weights {(units, width)} and bias {(units,)}. Received: {w.shape} and {b.shape}.")
        self._labels, self.classes_ = labels, labels.classes
        self.coef_, self.intercept_, self.t_ = w.copy(), b.copy(), 1

    def _learn(self, x: Any, y: Any, sample_weight: Any, epochs: int, incremental: bool = False) -> "Perceptron":
        weights = class_weights(self.class_weight, self._labels, y, rows.weights(sample_weight, len(x), type(self).__name__))
        target = one_hot(self._labels, y)
        rng = check_random_state(self.random_state)
        x, held = x if x.dtype == np.uint8 else x.astype(np.float64, copy=False), None
        if self.early_stopping and not incremental:
            parts = [p for p in (x, target, weights) if p is not None]
            split = train_test_split(*parts, test_size=self.validation_fraction, random_state=rng, stratify=y)
            x, target, weights = split[0], split[2], split[4] if weights is not None else None
            held = (split[1], split[3])
        network = self._network(optimizers.SGD(self.eta0))
        self._run(network, network.epochs(x, target, weights, 1, relative=False), held, rng, epochs, incremental)
        coefs, intercepts = network.weights()
        self.coef_, self.intercept_ = np.ascontiguousarray(coefs[0].T), intercepts[0]
        return self

    def _run(self, network: Network, passes: Any, held: Any, rng: Any, epochs: int, incremental: bool) -> None:
        order, outputs = np.arange(passes.rows), None if held is None else network.outputs(held[0])
        best, idle = np.inf, 0
        self.n_iter_, self.converged_ = 0, False
        self.mistakes_: list[float] = []
        for _ in range(epochs):
            if self.shuffle:
                order = stochastic.shuffled(order, rng)
            passes.run(order)
            share = passes.mean() * len(self.coef_)
            self.mistakes_.append(share)
            self.n_iter_ += 1
            self.t_ += passes.rows
            if self.verbose:
                print(f"Epoch {self.n_iter_}: {share:g} mistakes a row")
            if share == 0:
                self.converged_ = True
                return
            if outputs is not None:
                share = 1.0 - float((decide(outputs()) == decide(2.0 * held[1] - 1.0)).mean())
            if self.tol is not None and not incremental:
                idle = idle + 1 if share > best - self.tol else 0
                best = min(best, share)
                if idle >= self.n_iter_no_change:
                    return
        if not incremental:
            warn(
                f"Perceptron: no epoch without a mistake in max_iter={epochs}. Perhaps no hyperplane separates the classes.",
                ConvergenceWarning,
            )

    def _network(self, optimizer: Any = None) -> Network:
        """The unit as a network, with the weights of now."""
        w, b = (self.coef_, self.intercept_) if hasattr(self, "coef_") else self._given()
        b = np.zeros(len(w)) if b is None else b
        options: dict[str, Any] = {"learn_bias": self.fit_intercept}
        if self.penalty is not None:
            share = {"l2": 0.0, "l1": 1.0, "elasticnet": self.l1_ratio}[self.penalty]
            options["regularizer"] = regularizers.L1L2(self.alpha * share, 0.5 * self.alpha * (1.0 - share))
        network = Network([w.shape[1], len(w)], "identity", objective.Mistakes(len(w)), "float64", optimizer, **options)
        return network.load([w.T], [b])

    # ------------------------------------------------------------------ deciding
    def decision_function(self, X: Any) -> np.ndarray:
        """The sums w x + b: (rows,) of one unit, else (rows, units)."""
        if hasattr(self, "coef_"):
            x = rows.inputs(self, X, reset=False)
        elif self.weights is None:
            from sklearn.exceptions import NotFittedError

            raise NotFittedError("This Perceptron instance is not fitted yet: call `fit`, or give weights and bias.")
        else:
            x = np.asarray(X)
            if x.ndim != 2 or x.shape[1] != (width := np.atleast_2d(self.weights).shape[1]):
                raise ValueError(f"Perceptron: expected rows of {width} features, one a weight. Received: shape {x.shape}.")
        x = np.ascontiguousarray(x, None if x.dtype == np.uint8 else np.float64)
        z = self._network().outputs(x)()
        return z.reshape(-1) if z.shape[1] == 1 else z

    def predict(self, X: Any) -> np.ndarray:
        """The class of each row; 0 or 1 where weights were set by hand."""
        z = self.decision_function(X)
        chosen = decide(z.reshape(len(z), -1))
        return self.classes_[chosen] if hasattr(self, "classes_") else chosen

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "coef_") or self.weights is not None

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def decide(z: np.ndarray) -> np.ndarray:
    """The unit's answer, or the number of the unit with the largest sum."""
    return (z[:, 0] >= 0).astype(np.int64) if z.shape[1] == 1 else z.argmax(axis=1)


def one_hot(labels: Labels, y: np.ndarray) -> np.ndarray:
    """A column of 0 and 1 for each unit, float64."""
    coded = labels.encode(y, np.float64)
    return coded if coded.ndim == 2 else np.eye(labels.columns)[coded]
