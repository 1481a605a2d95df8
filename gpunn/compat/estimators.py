"""``keras.wrappers``: a compiled model, or a function that makes one, as a scikit-learn classifier, regressor or transformer."""

from typing import Any

import numpy as np

from gpunn.models import Model, clone_model

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, TransformerMixin
    from sklearn.utils.multiclass import check_classification_targets, type_of_target
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError as error:
    raise ImportError(f'keras.wrappers needs scikit-learn 1.6 or newer: pip install "gpunn[sklearn]". ({error})') from error

__all__ = ["SKLearnClassifier", "SKLearnRegressor", "SKLearnTransformer"]


class _Wrapper(BaseEstimator):
    """What they share.

    Arguments: ``model``, a compiled model, of which every `fit` trains a clone, or a function ``model(X, y, **model_kwargs)`` that returns
    a compiled one, for targets as its loss gets them; ``warm_start``: `fit` goes on with what the last one trained, or with `model` itself;
    ``fit_kwargs``, what `Model.fit` is given, beside what the estimator's `fit` is. After `fit` there are ``model_``, ``history_``, a
    `History`, and ``n_features_in_``.
    """

    def __init__(self, model: Any, warm_start: bool = False, model_kwargs: Any = None, fit_kwargs: Any = None):
        self.model, self.warm_start, self.model_kwargs, self.fit_kwargs = model, warm_start, model_kwargs, fit_kwargs

    def fit(self, X: Any, y: Any, **kwargs: Any) -> Any:
        """Train on rows X, (rows, features), and targets y; `kwargs` are `Model.fit`'s. -> the estimator.

        Raises ValueError for data that scikit-learn refuses, and for a model that is not compiled."""
        X, y = validate_data(self, X, y, multi_output=True)
        targets = self._targets(y)
        model = self._fresh(X, targets)
        if not isinstance(model, Model) or not model.compiled:
            raise ValueError(f"{type(self).__name__}: expected model to be a compiled model, or to return one. Received: {model!r}.")
        self.history_ = model.fit(X, targets, **{**(self.fit_kwargs or {}), **kwargs})
        self.model_ = model
        return self

    def _fresh(self, X: Any, y: Any) -> Any:
        if self.warm_start and hasattr(self, "model_"):
            return self.model_
        if isinstance(self.model, Model):
            return self.model if self.warm_start else clone_model(self.model)
        return self.model(X=X, y=y, **(self.model_kwargs or {}))

    def _targets(self, y: np.ndarray) -> np.ndarray:
        """What the loss gets: (rows, outputs)."""
        type_of_target(y, raise_unknown=True)
        self._one_output = y.ndim == 1
        return y.reshape(len(y), -1)

    def _outputs(self, X: Any) -> np.ndarray:
        check_is_fitted(self)
        return np.asarray(self.model_.predict(validate_data(self, X, reset=False), verbose=0))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.non_deterministic = True
        return tags


class SKLearnClassifier(ClassifierMixin, _Wrapper):
    __doc__ = "A classifier of labels of any kind; the loss gets one-hot rows. " + (_Wrapper.__doc__ or "").partition("\n\n")[2]

    def _targets(self, y: np.ndarray) -> np.ndarray:
        check_classification_targets(y)
        kind = type_of_target(y, raise_unknown=True)
        if kind not in ("binary", "multiclass"):
            raise ValueError(f"Only binary and multiclass target types are supported. Target type: {kind}")
        self.classes_, places = np.unique(y, return_inverse=True)
        if len(self.classes_) == 1:
            raise ValueError("Classifier can't train when only one class is present.")
        self._column = y.ndim == 2
        return np.eye(len(self.classes_))[places.reshape(-1)]

    def decision_function(self, X: Any) -> np.ndarray:
        """What the model says of each class: (rows, classes)."""
        return self._outputs(X)

    def predict(self, X: Any) -> np.ndarray:
        """The likeliest class of each row."""
        scores = self.decision_function(X)
        found = self.classes_[scores.argmax(axis=1)]
        return found[:, None] if self._column else found

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.poor_score = True
        return tags


class SKLearnRegressor(RegressorMixin, _Wrapper):
    __doc__ = "A regressor. " + (_Wrapper.__doc__ or "").partition("\n\n")[2]

    def predict(self, X: Any) -> np.ndarray:
        """(rows,) where y was so, else (rows, outputs)."""
        out = self._outputs(X)
        return out[:, 0] if self._one_output else out

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.regressor_tags.poor_score = True
        return tags


class SKLearnTransformer(TransformerMixin, _Wrapper):
    __doc__ = "A transformer: the model's outputs are features for the next step. " + (_Wrapper.__doc__ or "").partition("\n\n")[2]

    def transform(self, X: Any) -> np.ndarray:
        """The outputs, (rows, features)."""
        return self._outputs(X)

    def predict(self, X: Any) -> np.ndarray:
        """The same."""
        return self._outputs(X)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        return tags
