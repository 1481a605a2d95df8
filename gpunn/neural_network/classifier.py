"""MLPClassifier: scikit-learn's, trained by gpunn."""

from typing import Any

import numpy as np

from gpunn.neural_network import objective, rows
from gpunn.neural_network._sklearn import ClassifierMixin, column_or_1d, unique_labels
from gpunn.neural_network.base import BaseNetwork, partial
from gpunn.neural_network.labels import Labels


class MLPClassifier(ClassifierMixin, BaseNetwork):
    """Multi-layer perceptron classifier with scikit-learn's parameters, attributes and results, on gpunn's recorded train step.

    Initial weights, shuffles and stopping rules follow scikit-learn's draw for draw: with the same ``random_state`` training takes the same
    course up to rounding. It minimises the log-loss (softmax for more than two classes; sigmoids for two, and for several labels a row)
    plus ``alpha / 2`` times the squared coefficients over the rows of a batch.

    Parameters:
        hidden_layer_sizes: neurons of each hidden layer.
        activation: of the hidden layers: "identity", "logistic", "tanh" or "relu".
        solver: "adam" (Kingma & Ba 2015), "sgd", or "lbfgs" (SciPy's L-BFGS-B on all rows, in float64).
        alpha: strength of the L2 penalty. batch_size: rows of a batch; "auto" is min(200, rows).
        learning_rate: of "sgd": "constant", "invscaling" (learning_rate_init / (t_ + 1) ** power_t after each epoch) or "adaptive"
            (a fifth whenever `n_iter_no_change` epochs have brought nothing, until it is below 1e-6).
        learning_rate_init, power_t, momentum, nesterovs_momentum, beta_1, beta_2, epsilon: numbers of the solvers.
        max_iter: epochs (iterations of "lbfgs"). max_fun: evaluations of "lbfgs". shuffle: a new order every epoch.
        random_state: an integer, a numpy.random.RandomState or None.
        tol, n_iter_no_change: stop after so many consecutive epochs that did not improve the loss (the score) by `tol`.
        early_stopping, validation_fraction: hold rows back, stop by their score and keep the best weights.
        warm_start: a second `fit` goes on from the present weights. verbose: print each epoch's loss.

    Attributes: ``classes_``, ``coefs_``, ``intercepts_``, ``loss_``, ``best_loss_``, ``loss_curve_``, ``validation_scores_``,
    ``best_validation_score_``, ``n_iter_``, ``t_``, ``n_layers_``, ``n_outputs_``, ``out_activation_``, ``n_features_in_``,
    ``feature_names_in_``; all NumPy arrays and numbers, wherever the training ran.

    Differences: a sparse X is converted to a dense array; the log-loss is exact where scikit-learn clips probabilities at the type's
    epsilon; training and prediction compute in X's type at the first fit, float32 or float64 ("lbfgs": always float64).
    """

    def __init__(
        self, hidden_layer_sizes: Any = (100,), activation: str = "relu", *, solver: str = "adam", alpha: float = 0.0001,
        batch_size: Any = "auto", learning_rate: str = "constant", learning_rate_init: float = 0.001, power_t: float = 0.5,
        max_iter: int = 200, shuffle: bool = True, random_state: Any = None, tol: float = 1e-4, verbose: Any = False,
        warm_start: bool = False, momentum: float = 0.9, nesterovs_momentum: bool = True, early_stopping: bool = False,
        validation_fraction: float = 0.1, beta_1: float = 0.9, beta_2: float = 0.999, epsilon: float = 1e-8, n_iter_no_change: float = 10,
        max_fun: int = 15000,
    ):
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

    # ------------------------------------------------------------------ targets
    def _encode(self, x: Any, y: Any, incremental: bool, first: bool) -> tuple[Any, Any]:
        x, y = rows.inputs(self, x, y, reset=first, multi_output=True)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        name = type(self).__name__
        if not hasattr(self, "classes_") or not (incremental or self.warm_start):
            self._labels = Labels(y, name)
            self.classes_ = self._labels.classes
        elif self.warm_start and not np.array_equal(unique_labels(y), self.classes_):
            raise ValueError(
                f"warm_start of {name} needs targets with the same classes as in the previous call to fit. Previously got "
                f"{self.classes_}, `y` has {unique_labels(y)}"
            )
        elif len(unknown := self._labels.unknown(y)):
            raise ValueError(f"`y` of {name} has classes not in `self.classes_`: {unknown}. `self.classes_` has {self.classes_}.")
        return x, self._labels.encode(y, rows.floating(x))

    def _columns(self, target: np.ndarray) -> int:
        return self._labels.columns

    def _out_activation(self) -> str:
        return "softmax" if self._labels.kind == "multiclass" else "logistic"

    def _loss(self) -> Any:
        return objective.LogLoss(self.n_outputs_) if self.out_activation_ == "softmax" else objective.BinaryLogLoss(self.n_outputs_)

    def _strata(self, target: np.ndarray) -> Any:
        return target if self.n_outputs_ == 1 else None

    def _score_outputs(self, out: np.ndarray, target: np.ndarray, weights: Any) -> float:
        chosen = self._labels.decide(out)
        right = chosen == target if target.ndim == 1 else (chosen == target).all(axis=1)
        return float(np.average(right, weights=weights))

    # ------------------------------------------------------------------ public
    @partial
    @rows.wholly
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> Any:
        """One epoch on these rows, from the present weights and moments. -> self.

        `classes` names all classes that will ever come; the first call needs it. Raises ValueError without it, or for other classes later.
        """
        if not hasattr(self, "classes_"):
            if classes is None:
                raise ValueError("classes must be passed on the first call to partial_fit.")
            multilabel = np.ndim(y) == 2 and np.shape(y)[1] > 1
            self._labels = Labels(y if multilabel else np.unique(classes), type(self).__name__)
            self.classes_ = self._labels.classes
        elif classes is not None and not np.array_equal(np.unique(classes), self.classes_):
            raise ValueError(f"`classes={classes!r}` is not the same as on last call to partial_fit, was: {self.classes_!r}")
        return self._fit(X, y, sample_weight, True)

    def predict(self, X: Any) -> np.ndarray:
        """The class of each row; for several labels a row the matrix of 0 and 1."""
        return self._labels.decode(self._outputs(X)) if hasattr(self, "coefs_") else self._outputs(X)

    def predict_proba(self, X: Any) -> np.ndarray:
        """The probability of each class, (rows, classes), in the order of ``classes_``."""
        p = self._outputs(X)
        return np.hstack([1 - p, p]) if self.n_outputs_ == 1 else p

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """The logarithm of `predict_proba`."""
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
