"""scikit-learn's own checks of an estimator, on the linear ones."""

import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.estimator_checks import parametrize_with_checks

from gpunn.linear_model import LinearRegression, LogisticRegression, Perceptron

pytestmark = [pytest.mark.usefixtures("cpu"), pytest.mark.filterwarnings(f"ignore::{ConvergenceWarning.__module__}.ConvergenceWarning")]


IN_ORDER = "the rule corrects row after row: what it ends with depends on their order, so a row of weight 2 is not two rows"


def expected(estimator):
    """What cannot hold; scikit-learn's own Perceptron is excused from the same."""
    kinds = ("dense", "sparse") if isinstance(estimator, Perceptron) else ()
    return {f"check_sample_weight_equivalence_on_{kind}_data": IN_ORDER for kind in kinds}


@parametrize_with_checks([LinearRegression(), LogisticRegression(), Perceptron(max_iter=20)], expected_failed_checks=expected)
def test_check_estimator(estimator, check):
    check(estimator)
