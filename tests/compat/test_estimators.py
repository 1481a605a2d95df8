"""``keras.wrappers``: by scikit-learn's own checks, and as a lecture uses them."""

import unittest

import numpy as np
import pytest

pytest.importorskip("sklearn", minversion="1.6")
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import estimator_checks_generator

import gpunn
from gpunn import compat, layers
from gpunn.compat.estimators import SKLearnClassifier, SKLearnRegressor, SKLearnTransformer

pytestmark = pytest.mark.usefixtures("cpu")
RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 4)).astype("float32")
NAMES = np.array(["ant", "bee", "cat"])[X[:, :3].argmax(axis=1)]
# what five epochs do not teach, a decision of one number for two classes, and a warning of columns; Keras's own tests leave out these, too
BEYOND = {"check_classifiers_classes", "check_classifiers_train", "check_supervised_y_2d"}


def dynamic(X, y, loss, hidden=(10,), activation="softmax"):
    gpunn.utils.set_random_seed(0)  # the checks want a second fit to end as the first
    inputs = x = layers.Input((X.shape[1],))
    for units in hidden:
        x = layers.Dense(units, "relu")(x)
    model = gpunn.Model(inputs, layers.Dense(y.shape[1] if y.ndim > 1 else 1, activation)(x))
    model.compile(gpunn.optimizers.RMSprop(0.01), loss)
    return model


def classifier(**more):
    options = {"model_kwargs": {"loss": "categorical_crossentropy", "hidden": (20, 20)}, "fit_kwargs": {"epochs": 5, "verbose": 0}}
    return SKLearnClassifier(dynamic, **options | more)


def regressor(kind=SKLearnRegressor, **more):
    return kind(dynamic, model_kwargs={"loss": "mse", "activation": None}, fit_kwargs={"verbose": 0}, **more)


def transformer():
    return regressor(SKLearnTransformer)


@pytest.mark.parametrize("make", [classifier, regressor, transformer])
def test_scikit_learns_checks(make):
    done = set()
    for estimator, check in estimator_checks_generator(make()):
        name = check.func.__name__
        try:
            if name not in BEYOND:
                check(estimator)
                done.add(name)
        except unittest.SkipTest:
            pass
    assert len(done) > 30 and "check_estimators_pickle" in done and "check_n_features_in" in done


def test_classes_of_any_kind_in_a_search():
    pipe = make_pipeline(StandardScaler(), classifier(fit_kwargs={"epochs": 30, "verbose": 0}))
    kwargs = [{"loss": "categorical_crossentropy", "hidden": hidden} for hidden in ((1,), (24,))]
    search = GridSearchCV(pipe, {"sklearnclassifier__model_kwargs": kwargs}, cv=2).fit(X, NAMES)
    assert search.best_params_["sklearnclassifier__model_kwargs"]["hidden"] == (24,) and search.score(X, NAMES) > 0.85
    fitted = search.best_estimator_[-1]
    assert list(fitted.classes_) == ["ant", "bee", "cat"] and len(fitted.history_.history["loss"]) == 30
    assert np.array_equal(fitted.classes_[fitted.decision_function(X).argmax(axis=1)], fitted.predict(X))


def test_a_model_is_cloned_unless_warm():
    model = dynamic(X, X[:, :1], "mse", activation=None)
    before = model.get_weights()
    y = X @ [1.0, 2.0, -1.0, 0.5]
    cold = SKLearnRegressor(model, fit_kwargs={"epochs": 40, "verbose": 0}).fit(X, y)
    assert cold.model_ is not model and np.array_equal(model.get_weights()[0], before[0])
    assert cold.predict(X).shape == (120,) and cold.score(X, y) > 0.9
    warm = SKLearnRegressor(model, warm_start=True, fit_kwargs={"verbose": 0})
    assert warm.fit(X, y).model_ is model and warm.fit(X, y, epochs=2).model_ is model and model.optimizer.iterations == 12
    again = clone(warm)
    assert again.model is not model and again.get_params()["fit_kwargs"] == {"verbose": 0}


def test_features_for_the_next_step():
    with compat.install():
        from keras.wrappers import SKLearnTransformer as Served
    assert Served is SKLearnTransformer
    features = transformer().fit(X, X[:, :2]).transform(X)
    assert features.shape == (120, 2)


def test_like_keras():
    """Of a model with the same first weights, trained without shuffling."""
    keras = pytest.importorskip("keras_twin").keras
    from keras.wrappers import SKLearnClassifier as Real

    x, y = make_classification(64, 4, n_informative=3, n_redundant=0, random_state=1)
    x, start = x.astype("float32"), []

    def theirs(X, y):
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8, "tanh"), keras.layers.Dense(y.shape[1], "softmax")])
        model.compile(keras.optimizers.SGD(0.5), "categorical_crossentropy")
        start[:] = model.get_weights()
        return model

    def ours(X, y):
        model = gpunn.Sequential([layers.Input((4,)), layers.Dense(8, "tanh"), layers.Dense(y.shape[1], "softmax")])
        model.compile(gpunn.optimizers.SGD(0.5), "categorical_crossentropy")
        model.set_weights(start)
        return model

    real, mine = (kind(model, fit_kwargs={"epochs": 5, "shuffle": False, "verbose": 0}).fit(x, y) for kind, model in (
        (Real, theirs), (SKLearnClassifier, ours),
    ))
    np.testing.assert_allclose(mine.decision_function(x), real.decision_function(x), rtol=1e-4, atol=1e-5)
    assert np.array_equal(mine.predict(x), real.predict(x).reshape(-1)) and list(mine.classes_) == list(real.classes_)
    assert 0.6 < mine.score(x, y) < 1


def test_what_is_refused():
    bare = gpunn.Sequential([layers.Input((4,)), layers.Dense(1)])
    with pytest.raises(ValueError, match="SKLearnRegressor: expected model to be a compiled model, or to return one"):
        SKLearnRegressor(bare).fit(X, X[:, 0])
    with pytest.raises(ValueError, match="only one class is present"):
        classifier().fit(X, np.zeros(120))
    with pytest.raises(ValueError, match=r"Only binary and multiclass target types are supported. Target type: multilabel-indicator"):
        classifier().fit(X, np.eye(4)[RNG.integers(0, 4, 120)] + np.eye(4)[[0] * 120] > 0)
