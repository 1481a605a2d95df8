"""``keras.wrappers.scikit_learn`` of Keras 1 and 2: a function that builds a model, as a scikit-learn estimator."""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from gpunn.models import Model
from gpunn.utils import to_categorical

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
except ImportError as error:
    raise ImportError(f"KerasClassifier and KerasRegressor need scikit-learn: pip install scikit-learn. ({error})") from error

__all__ = ["KerasClassifier", "KerasRegressor"]


def _takes(function: Callable[..., Any]) -> set[str]:
    """The names of the arguments of a function or a method."""
    return set(inspect.signature(function).parameters) - {"self", "x", "y"}


class _Wrapper(BaseEstimator):
    """What both share.

    Arguments: ``build_fn``, a function (or an object with ``__call__``) that returns a compiled model; a subclass may have a method
    ``__call__`` in its place. All others go to `build_fn`, `fit`, `evaluate` or `predict`, whichever takes them; they are parameters of the
    estimator, so that a grid search may try them. Raises ValueError for one that nobody takes.
    """

    def __init__(self, build_fn: Any = None, **sk_params: Any):
        self.build_fn, self.sk_params = build_fn, sk_params
        known = set().union(*(_takes(f) for f in (Model.fit, Model.evaluate, Model.predict, self._builder())))
        if unknown := sorted(set(sk_params) - known):
            raise ValueError(f"{type(self).__name__}: nobody takes {', '.join(unknown)}. Expected some of: {', '.join(sorted(known))}.")

    def _builder(self) -> Callable[..., Any]:
        if self.build_fn is None and not callable(self):
            raise ValueError(f"{type(self).__name__} needs build_fn, a function that returns a compiled model. Received: None.")
        builder = self if self.build_fn is None else self.build_fn
        return builder if inspect.isroutine(builder) or isinstance(builder, type) else builder.__call__

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        return {"build_fn": self.build_fn, **self.sk_params}

    def set_params(self, **params: Any) -> "_Wrapper":
        merged = self.get_params() | params
        self.__init__(**merged)  # type: ignore[misc]  # checks them again
        return self

    def _given(self, function: Callable[..., Any], more: dict[str, Any] | None = None) -> dict[str, Any]:
        """Those of the parameters that the function takes, and `more`."""
        takes = _takes(function)
        return {name: value for name, value in self.sk_params.items() if name in takes} | (more or {})

    def fit(self, x: Any, y: Any, **kwargs: Any) -> Any:
        """Build a new model and train it. -> `History`, as Keras's wrapper does."""
        builder = self._builder()
        self.model = builder(**self._given(builder))
        return self.model.fit(x, self._targets(y), **self._given(Model.fit, kwargs))

    def _targets(self, y: Any) -> Any:
        """What the model's loss takes."""
        return y

    def _predict(self, x: Any, kwargs: dict[str, Any]) -> np.ndarray:
        return np.asarray(self.model.predict(x, **self._given(Model.predict, kwargs)))


class KerasClassifier(ClassifierMixin, _Wrapper):
    __doc__ = "A classifier. " + (_Wrapper.__doc__ or "").partition("\n\n")[2]

    def fit(self, x: Any, y: Any, **kwargs: Any) -> Any:
        """Train on labels of any kind, (rows,) or (rows, 1), or on one-hot rows."""
        y = np.asarray(y)
        self.classes_ = np.arange(y.shape[1]) if y.ndim == 2 and y.shape[1] > 1 else np.unique(y)
        self.n_classes_ = len(self.classes_)
        return super().fit(x, y, **kwargs)

    def _targets(self, y: Any) -> Any:
        """Labels as numbers from 0, one-hot where the loss wants that; one-hot rows as they are."""
        y = np.asarray(y)
        if y.ndim == 2 and y.shape[1] > 1:
            return y
        y = np.searchsorted(self.classes_, y.reshape(-1))
        return to_categorical(y, self.n_classes_) if self.model.loss.name == "categorical_crossentropy" else y

    def predict(self, x: Any, **kwargs: Any) -> np.ndarray:
        """The class of each row."""
        return self.classes_[self.predict_proba(x, **kwargs).argmax(axis=1)]

    def predict_proba(self, x: Any, **kwargs: Any) -> np.ndarray:
        """(rows, classes), for a model with one output too."""
        p = self._predict(x, kwargs)
        return np.hstack([1 - p, p]) if p.shape[1] == 1 else p

    def score(self, x: Any, y: Any, **kwargs: Any) -> float:
        """The accuracy that the model was compiled with. Raises ValueError when it was compiled with none."""
        logs = self.model.evaluate(x, self._targets(y), return_dict=True, **self._given(Model.evaluate, kwargs))
        if not logs.keys() & {"accuracy", "acc"}:
            raise ValueError('KerasClassifier.score needs a model compiled with metrics=["accuracy"].')
        return float(logs["acc"] if "acc" in logs else logs["accuracy"])


class KerasRegressor(RegressorMixin, _Wrapper):
    __doc__ = "A regressor. " + (_Wrapper.__doc__ or "").partition("\n\n")[2]

    def predict(self, x: Any, **kwargs: Any) -> np.ndarray:
        """(rows,), or (rows, outputs) for a model with several."""
        p = self._predict(x, kwargs)
        return p[:, 0] if p.ndim == 2 and p.shape[1] == 1 else p

    def score(self, x: Any, y: Any, **kwargs: Any) -> float:
        """Minus the loss, so that more is better."""
        return -float(self.model.evaluate(x, y, return_dict=True, **self._given(Model.evaluate, kwargs))["loss"])
