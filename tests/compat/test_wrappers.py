"""KerasClassifier and KerasRegressor of Keras 1 and 2, in scikit-learn's hands."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from gpunn import compat

pytestmark = pytest.mark.usefixtures("cpu")
RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 4))
NAMES = np.array(["ant", "bee", "cat"])[X[:, :3].argmax(axis=1)]


@pytest.fixture
def wrappers():
    with compat.install():
        from tensorflow.keras.wrappers import scikit_learn

        yield scikit_learn


def classifier(units=8, loss="sparse_categorical_crossentropy", outputs=3, metrics=("accuracy",)):
    from keras.layers import Dense
    from keras.models import Sequential

    last = Dense(outputs, activation="softmax" if outputs > 1 else "sigmoid")
    model = Sequential([Dense(units, activation="relu", input_dim=4), last])
    model.compile(loss=loss, optimizer="adam", metrics=list(metrics))
    return model


@pytest.mark.parametrize("loss", ["sparse_categorical_crossentropy", "categorical_crossentropy"])
def test_classes_of_any_kind(wrappers, loss):
    estimator = wrappers.KerasClassifier(build_fn=classifier, loss=loss, epochs=60, batch_size=10, verbose=0)
    history = estimator.fit(X, NAMES)
    assert len(history.history["loss"]) == 60 and list(estimator.classes_) == ["ant", "bee", "cat"]
    assert estimator.predict_proba(X).shape == (120, 3)
    assert estimator.score(X, NAMES) == pytest.approx(np.mean(estimator.predict(X) == NAMES)) and estimator.score(X, NAMES) > 0.9


def test_two_classes_and_one_output(wrappers):
    y = X[:, 0] > 0
    estimator = wrappers.KerasClassifier(classifier, loss="binary_crossentropy", outputs=1, nb_epoch=40, batch_size=10, verbose=0)
    with pytest.warns(DeprecationWarning, match="nb_epoch"):
        estimator.fit(X, y, shuffle=False)
    p = estimator.predict_proba(X)
    np.testing.assert_allclose(p.sum(axis=1), 1)
    assert estimator.predict(X).dtype == bool and np.mean(estimator.predict(X) == y) == pytest.approx(estimator.score(X, y))
    assert estimator.score(X, y) > 0.85


def test_one_hot_rows(wrappers):
    y = np.eye(3)[X[:, :3].argmax(axis=1)]
    estimator = wrappers.KerasClassifier(classifier, loss="categorical_crossentropy", epochs=40, batch_size=10, verbose=0)
    estimator.fit(X, y)
    assert set(estimator.predict(X)) == {0, 1, 2} and estimator.score(X, y) > 0.8


def test_in_a_grid_a_pipeline_and_folds(wrappers):
    estimator = wrappers.KerasClassifier(build_fn=classifier, epochs=15, batch_size=10, verbose=0)
    search = GridSearchCV(make_pipeline(StandardScaler(), estimator), {"kerasclassifier__units": [1, 24]}, cv=3).fit(X, NAMES)
    assert search.best_params_ == {"kerasclassifier__units": 24} and search.predict(X).shape == (120,)
    assert cross_val_score(estimator, X, NAMES, cv=2).shape == (2,)
    again = clone(estimator)
    assert again.get_params() == estimator.get_params() and again.set_params(epochs=2).get_params()["epochs"] == 2


def test_regression(wrappers):
    from keras.layers import Dense
    from keras.models import Sequential

    class Mine(wrappers.KerasRegressor):
        def __call__(self, rate=0.1):
            from keras.optimizers import SGD

            model = Sequential([Dense(1, input_dim=4)])
            model.compile(loss="mse", optimizer=SGD(rate))
            return model

    y = X @ [1.0, -1.0, 0.5, 2.0]
    estimator = Mine(epochs=20, rate=0.05, verbose=0)
    estimator.fit(X, y)
    assert estimator.model.optimizer.learning_rate == pytest.approx(0.05) and estimator.predict(X).shape == (120,)
    assert estimator.score(X, y) == pytest.approx(-np.mean((estimator.predict(X) - y) ** 2), rel=1e-4) and estimator.score(X, y) > -1e-3


def test_what_is_refused(wrappers):
    with pytest.raises(ValueError, match=r"KerasClassifier: nobody takes epoch, unit\. Expected some of: .*epochs.*units"):
        wrappers.KerasClassifier(classifier, unit=3, epoch=2)
    with pytest.raises(ValueError, match="nobody takes unit"):
        wrappers.KerasClassifier(classifier).set_params(unit=3)
    with pytest.raises(ValueError, match="KerasClassifier needs build_fn, a function that returns a compiled model"):
        wrappers.KerasClassifier()
    estimator = wrappers.KerasClassifier(classifier, metrics=(), verbose=0)
    estimator.fit(X, NAMES)
    with pytest.raises(ValueError, match=r'needs a model compiled with metrics=\["accuracy"\]'):
        estimator.score(X, NAMES)
