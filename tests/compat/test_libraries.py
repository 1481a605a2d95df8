"""Other libraries on top of the served Keras, each in a process of its own, since they change its classes: scikeras and KerasTuner."""

import subprocess
import sys

import pytest

LEARN = """
import pickle
import numpy as np
from tensorflow.keras.layers import Dense
from tensorflow.keras.models import Sequential
from scikeras.wrappers import KerasClassifier, KerasRegressor
from sklearn.model_selection import GridSearchCV

rng = np.random.default_rng(0)
x = rng.normal(size=(120, 8)).astype("float32")
y = (x[:, 0] + x[:, 1] > 0).astype(int)

def network(units=8, last="sigmoid"):
    return Sequential([Dense(units, activation="relu", input_shape=(8,)), Dense(1, activation=last)])

learner = KerasClassifier(network, loss="binary_crossentropy", optimizer="adam", epochs=15, verbose=0, random_state=1)
search = GridSearchCV(learner, {"model__units": [4, 16], "optimizer__learning_rate": [1e-5, 0.03]}, cv=3, n_jobs=2)
search.fit(x, y)
print(search.best_score_ > 0.8, search.best_params_["optimizer__learning_rate"])
again = pickle.loads(pickle.dumps(search.best_estimator_))
print((again.predict_proba(x) == search.best_estimator_.predict_proba(x)).all())
same = [
    KerasRegressor(network, model__last=None, loss="mse", epochs=2, verbose=0, random_state=s).fit(x, x[:, 0]).predict(x) for s in (1, 1, 2)
]
print((same[0] == same[1]).all(), (same[0] == same[2]).all())
"""

TUNE = """
import numpy as np
import keras
import keras_tuner as kt

rng = np.random.default_rng(0)
x = rng.random((300, 6, 6)).astype("float32")
y = (x.mean((1, 2)) > 0.5).astype(int)

def network(hp):
    model = keras.Sequential([keras.layers.Flatten()])
    for i in range(hp.Int("layers", 0, 2)):
        model.add(keras.layers.Dense(hp.Int("units", 4, 32), activation="relu"))
    model.add(keras.layers.Dense(2, activation="softmax"))
    optimizer = hp.Choice("optimizer", ["sgd", "adam"])
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.optimizer.learning_rate = hp.Float("rate", 1e-3, 1e-1, sampling="log")
    return model

for kind, options in (
    (kt.RandomSearch, {"max_trials": 3}), (kt.BayesianOptimization, {"max_trials": 3}), (kt.Hyperband, {"max_epochs": 3, "factor": 3}),
):
    tuner = kind(network, objective="val_accuracy", directory="tuned", project_name=kind.__name__, seed=1, **options)
    stop = keras.callbacks.EarlyStopping("val_loss", patience=2)
    tuner.search(x, y, epochs=3, validation_data=(x[:90], y[:90]), verbose=0, callbacks=[stop])
    best = tuner.get_best_models(1)[0]
    best_trial = tuner.oracle.get_best_trials(1)[0]
    print(abs(best.evaluate(x[:90], y[:90], verbose=0)[1] - best_trial.score) < 1e-6, sorted(best_trial.hyperparameters.values)[:2])
"""


def run(text, folder):
    (folder / "script.py").write_text(text)
    done = subprocess.run([sys.executable, "-m", "gpunn", "run", "script.py"], cwd=folder, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_scikeras(tmp_path):
    pytest.importorskip("sklearn")
    import importlib.util

    if importlib.util.find_spec("scikeras") is None:
        pytest.skip("scikeras is not installed")
    assert run(LEARN, tmp_path).split() == ["True", "0.03", "True", "True", "False"]


def test_keras_tuner(tmp_path):
    import importlib.util

    if importlib.util.find_spec("keras_tuner") is None:
        pytest.skip("keras-tuner is not installed")
    assert run(TUNE, tmp_path).splitlines()[-3:] == ["True ['layers', 'optimizer']"] * 3
