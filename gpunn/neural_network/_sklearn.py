"""What these estimators take from scikit-learn: the base classes that make them clone, tune and pipe. One import, one clear error."""

from gpunn import printed

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.metrics import r2_score
    from sklearn.model_selection import train_test_split
    from sklearn.utils import check_random_state, column_or_1d
    from sklearn.utils.class_weight import compute_class_weight
    from sklearn.utils.metaestimators import available_if
    from sklearn.utils.multiclass import check_classification_targets, type_of_target, unique_labels
    from sklearn.utils.validation import assert_all_finite, check_is_fitted, validate_data
except ImportError as error:
    raise ImportError(
        "The estimators of gpunn.neural_network and gpunn.linear_model are scikit-learn's kind and need it, version 1.6 or newer. "
        f'Install it with: pip install "gpunn[sklearn]". ({error})'
    ) from error



def warn(text: str, category: type[Warning] = UserWarning) -> None:
    """A warning at the user's line, from scikit-learn's module for those who filter warnings by module."""
    printed.warn(text, category, "sklearn.neural_network")


__all__ = [
    "BaseEstimator", "ClassifierMixin", "ConvergenceWarning", "RegressorMixin", "assert_all_finite", "available_if",
    "check_classification_targets",
    "check_is_fitted", "check_random_state", "clone", "column_or_1d", "compute_class_weight", "r2_score", "train_test_split",
    "type_of_target", "unique_labels", "validate_data", "warn",
]
