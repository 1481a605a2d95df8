"""Twenty training steps (two epochs of ten, the last batch short) end where Keras 3 ends, from the same weights."""

import numpy as np
import pytest
from keras_twin import NEAR, assert_same_history, assert_same_weights, in_one_batch, twins

pytestmark = pytest.mark.usefixtures("float64", "cpu")
ROWS, BATCH = 75, 8


def data(kind, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((ROWS, 6))
    labels = rng.integers(0, 3, ROWS)
    y = {
        "labels": labels,
        "column of labels": labels.reshape(-1, 1),
        "one-hot": np.eye(3)[labels],
        "bits": (labels > 1).astype(float),
        "many bits": rng.integers(0, 2, (ROWS, 3)).astype(float),
        "numbers": rng.standard_normal((ROWS, 2)),
        "one number": rng.standard_normal(ROWS),
    }[kind]
    return x, y


def dense(units, activation=None, **options):
    return ("Dense", {"units": units, "activation": activation, **options})


BN, RELU, TANH = ("BatchNormalization", {}), ("Activation", {"activation": "relu"}), ("Activation", {"activation": "tanh"})
SGD = ("SGD", {"learning_rate": 0.1})
MOMENTUM = ("SGD", {"learning_rate": 0.05, "momentum": 0.9})
NESTEROV = ("SGD", {"learning_rate": 0.05, "momentum": 0.8, "nesterov": True})
ADAM = ("Adam", {"learning_rate": 0.01})
ODD_ADAM = ("Adam", {"learning_rate": 0.02, "beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-3})
SPARSE, CATEGORICAL, BINARY = "sparse_categorical_crossentropy", "categorical_crossentropy", "binary_crossentropy"

CASES = {
    "relu, softmax, labels, SGD": ([dense(8, "relu"), dense(3, "softmax")], SGD, SPARSE, "labels", ["accuracy"]),
    "tanh, softmax, one-hot, momentum": ([dense(8, "tanh"), dense(3, "softmax")], MOMENTUM, CATEGORICAL, "one-hot", ["accuracy", "mse"]),
    "sigmoid layers, bits, Nesterov": ([dense(8, "sigmoid"), dense(1, "sigmoid")], NESTEROV, BINARY, "bits", ["accuracy"]),
    "regression, Adam": ([dense(8, "relu"), dense(2)], ADAM, "mse", "numbers", ["mae", "mse"]),
    "mae, odd Adam": ([dense(8, "tanh", use_bias=False), dense(1)], ODD_ADAM, "mae", "one number", ["mean_squared_error"]),
    "batch norm before activation, Adam": (
        [dense(8, use_bias=False), BN, RELU, dense(3, "softmax")],
        ADAM,
        SPARSE,
        "column of labels",
        ["acc"],
    ),
    "batch norm after activation, momentum": (
        [dense(8, "relu"), ("BatchNormalization", {"momentum": 0.7, "epsilon": 0.01}), dense(2)],
        MOMENTUM,
        "mse",
        "numbers",
        [],
    ),
    "bare batch norm first, SGD": (
        [("BatchNormalization", {"center": False, "scale": False}), dense(4), BN, TANH, dense(2)],
        SGD,
        "mse",
        "numbers",
        ["mae"],
    ),
    "logits of labels, Adam": (
        [dense(8, "relu"), dense(3)],
        ADAM,
        ("SparseCategoricalCrossentropy", {"from_logits": True}),
        "labels",
        ["sparse_categorical_accuracy"],
    ),
    "logits of one-hot, SGD": ([dense(3)], SGD, ("CategoricalCrossentropy", {"from_logits": True}), "one-hot", ["categorical_accuracy"]),
    "logits of bits, Nesterov": (
        [dense(8, "relu"), dense(1)],
        NESTEROV,
        ("BinaryCrossentropy", {"from_logits": True}),
        "bits",
        ["accuracy", "binary_accuracy"],
    ),
    "many bits, Adam": ([dense(8, "relu"), dense(3, "sigmoid")], ADAM, BINARY, "many bits", ["accuracy", "binary_accuracy"]),
    "softmax not fused with mse": ([dense(8, "relu"), dense(3, "softmax")], MOMENTUM, "mse", "one-hot", ["accuracy"]),
    "summed loss": (
        [dense(4, "tanh"), dense(2)],
        ("SGD", {"learning_rate": 0.01}),
        ("MeanSquaredError", {"reduction": "sum"}),
        "numbers",
        ["mae"],
    ),
    "softmax as a layer, default Adam": (
        [dense(8), RELU, dense(3), ("Activation", {"activation": "softmax"})],
        "adam",
        SPARSE,
        "labels",
        [],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_twenty_steps(case):
    layers, optimizer, loss, kind, metrics = CASES[case]
    ours, theirs = twins(layers, optimizer, loss, metrics)
    x, y = data(kind)
    options = {"batch_size": BATCH, "epochs": 2, "shuffle": False, "verbose": 0, "validation_split": 0.0}
    assert_same_history(ours.fit(x, y, **options), theirs.fit(x, y, **options))
    assert ours.optimizer.iterations == 20
    assert_same_weights(ours, theirs)
    x, y = data(kind, seed=1)
    values, predictions = in_one_batch(theirs, x, y)
    if case == "summed loss":  # a mean over batches of their sums
        values = theirs.evaluate(x, y, verbose=0)
    np.testing.assert_allclose(ours.evaluate(x, y, verbose=0), values, rtol=1e-5, atol=NEAR)
    np.testing.assert_allclose(ours.predict(x, verbose=0), predictions, rtol=1e-5, atol=NEAR)


WEIGHTS = np.random.default_rng(5).uniform(0, 2, ROWS)
FITS = {
    "sample_weight": {"sample_weight": WEIGHTS},
    "class_weight": {"class_weight": {0: 0.5, 2: 3.0}},
    "validation_split": {"validation_split": 0.3},
    "validation_split and sample_weight": {"validation_split": 0.21, "sample_weight": WEIGHTS},
    "validation_data, every second epoch": {"validation_data": data("labels", 3), "validation_freq": 2},
    "weighted validation_data": {"validation_data": (*data("labels", 3), WEIGHTS)},
    "validation_steps": {"validation_data": data("labels", 3), "validation_steps": 2, "validation_batch_size": 10},
    "steps_per_epoch goes on through the data": {"steps_per_epoch": 4, "epochs": 2},
    "a number of steps, no size of batches": {"batch_size": None, "steps_per_epoch": 7},
    "validation_steps, no size of batches": {"batch_size": None, "validation_data": data("labels", 3), "validation_steps": 2},
    "validation after these epochs": {"validation_data": data("labels", 3), "validation_freq": [1, 3], "epochs": 4},
    "initial_epoch": {"initial_epoch": 1},
    "one batch larger than the data": {"batch_size": 1000},
}


@pytest.mark.parametrize("case", FITS)
def test_arguments_of_fit(case):
    ours, theirs = twins([dense(5, "relu"), BN, dense(3, "softmax")], MOMENTUM, SPARSE, ["accuracy"])
    x, y = data("labels")
    options = {"batch_size": BATCH, "epochs": 2, "shuffle": False, "verbose": 0} | FITS[case]
    assert_same_history(ours.fit(x, y, **options), theirs.fit(x, y, **options))
    assert_same_weights(ours, theirs)


def test_steps_per_epoch_beyond_the_data_warns_as_keras_does():
    ours, theirs = twins([dense(3, "softmax")], SGD, SPARSE)
    x, y = data("labels")
    options = {"batch_size": 30, "epochs": 3, "steps_per_epoch": 2, "shuffle": False, "verbose": 0}
    histories = []
    for model in (ours, theirs):
        with pytest.warns(UserWarning, match="Your input ran out of data"):
            histories.append(model.fit(x, y, **options))
    assert_same_history(*histories)
    assert_same_weights(ours, theirs)


def test_class_weight_of_one_hot_rows():
    ours, theirs = twins([dense(3, "softmax")], SGD, CATEGORICAL)
    x, y = data("one-hot")
    options = {"batch_size": BATCH, "shuffle": False, "verbose": 0, "class_weight": {0: 0.2, 1: 2.0, 2: 1.5}}
    assert_same_history(ours.fit(x, y, **options), theirs.fit(x, y, **options))
    assert_same_weights(ours, theirs)


def test_evaluate_with_weights_and_as_a_dict():
    ours, theirs = twins([dense(3, "softmax")], SGD, SPARSE, ["accuracy"])
    x, y = data("labels")
    for options in ({"sample_weight": WEIGHTS}, {"return_dict": True}, {"batch_size": 7, "steps": 3}, {"steps": 2}):
        mine, other = ours.evaluate(x, y, verbose=0, **options), theirs.evaluate(x, y, verbose=0, **options)
        assert type(mine) is type(other)
        if isinstance(mine, dict):
            assert set(mine) == set(other)
            other = {name: other[name] for name in mine}
        np.testing.assert_allclose(*(list(v.values()) if isinstance(v, dict) else v for v in (mine, other)), rtol=1e-6)


def test_predict_goes_through_all_rows_in_the_steps_it_is_told():
    ours, theirs = twins([dense(3, "softmax")], SGD, SPARSE)
    x, _ = data("labels")
    np.testing.assert_allclose(ours.predict(x, steps=2, verbose=0), theirs.predict(x, steps=2, verbose=0), rtol=1e-6)


def test_frozen_layers_stay_and_frozen_batch_norm_infers():
    ours, theirs = twins([dense(5, "relu"), BN, dense(3, "softmax")], MOMENTUM, SPARSE)
    for model in (ours, theirs):
        model.layers[-3].trainable = model.layers[-2].trainable = False
    before = ours.get_weights()
    theirs.compile("sgd", SPARSE)
    ours.compile("sgd", SPARSE)
    x, y = data("labels")
    options = {"batch_size": BATCH, "shuffle": False, "verbose": 0}
    assert_same_history(ours.fit(x, y, **options), theirs.fit(x, y, **options))
    assert_same_weights(ours, theirs)
    for a, b in zip(before[:6], ours.get_weights()[:6], strict=True):
        np.testing.assert_array_equal(a, b)


def test_recompiling_starts_the_optimizer_afresh():
    ours, theirs = twins([dense(3, "softmax")], ADAM, SPARSE)
    x, y = data("labels")
    options = {"batch_size": BATCH, "shuffle": False, "verbose": 0}
    for model in (ours, theirs):
        model.fit(x, y, **options)
        model.compile(optimizer="adam", loss=SPARSE)
        model.fit(x, y, **options)
    assert ours.optimizer.iterations == 10
    assert_same_weights(ours, theirs)


def test_a_second_fit_goes_on_with_the_optimizer_it_has():
    ours, theirs = twins([dense(3, "softmax")], ADAM, SPARSE)
    x, y = data("labels")
    for model in (ours, theirs):
        for _ in range(2):
            model.fit(x, y, batch_size=BATCH, shuffle=False, verbose=0)
    assert ours.optimizer.iterations == 20
    assert_same_weights(ours, theirs)


def test_train_on_batch_takes_the_same_step():
    ours, theirs = twins([dense(5, "relu"), BN, dense(3, "softmax")], ADAM, SPARSE, ["accuracy"])
    x, y = data("labels")
    for start in (0, 20, 40):
        rows = slice(start, start + 20)
        mine, other = ours.train_on_batch(x[rows], y[rows]), theirs.train_on_batch(x[rows], y[rows])
        if start == 0:  # later ones differ: Keras 3 goes on averaging over calls
            np.testing.assert_allclose(mine, other, rtol=1e-6)
    assert_same_weights(ours, theirs)
