"""A bad input is one clear error at the door and leaves model, optimizer, counters and history as they were; the next fit works."""

import numpy as np
import pytest

from gpunn import initializers, losses, metrics, optimizers
from gpunn.layers import Activation, BatchNormalization, Dense, Dropout, Input, Reshape
from gpunn.models import Sequential

pytestmark = pytest.mark.usefixtures("cpu")
RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((30, 6)), RNG.integers(0, 3, 30)


def classifier(loss="sparse_categorical_crossentropy"):
    model = Sequential(
        [Input((6,)), Dense(5, activation="relu"), BatchNormalization(), Dropout(0.2), Dense(3, activation="softmax")], name="net"
    )
    model.compile("adam", loss, ["accuracy"])
    model.fit(X, Y if loss.startswith("sparse") else np.eye(3)[Y], verbose=0)
    return model


def state(model):
    moments = [np.array(v) for v in model.optimizer.state.values()]
    counters = [model.optimizer.iterations, model.epochs_seen, int(model.rng.step[0]), model.stop_training, model.built]
    return [*model.get_weights(), *moments, counters, model.history.history, model.history.epoch, model.metrics_names, id(model.optimizer)]


def changed(array, row, value):
    array = np.array(array, float)
    array[row] = value
    return array


FIT = {
    "wrong width": ((X[:, :4], Y), {}, r"Argument x of fit of model 'net': expected shape \(None, 6\). Received: \(30, 4\)"),
    "images for rows": ((X.reshape(30, 2, 3), Y), {}, r"expected shape \(None, 6\). Received: \(30, 2, 3\)"),
    "a label too high": ((X, changed(Y, 11, 3)), {}, "labels must be from 0 to 2, as the model has 3 outputs. Received: 3.* in row 11"),
    "a negative label": ((X, changed(Y, 4, -1).astype(int)), {}, "labels must be from 0 to 2.* Received: -1 in row 4"),
    "a label between": ((X, changed(Y, 5, 0.5)), {}, "labels must be integers. Received: 0.5 in row 5"),
    "one-hot for labels": ((X, np.eye(3)[Y]), {}, r"expected one integer label a row.*Received: shape \(30, 3\).*categorical_crossentropy"),
    "NaN labels": ((X, changed(Y, 6, np.nan)), {}, "targets must be finite. Received: NaN or infinity in row 6"),
    "labels as words": ((X, ["cat"] * 30), {}, "Argument y: expected an array of numbers. Received: dtype <U3"),
    "NaN": ((changed(X, (8, 2), np.nan), Y), {}, "Argument x of fit.*: expected finite numbers. Received: NaN or infinity in row 8"),
    "infinity": ((changed(X, (9, 0), -np.inf), Y), {}, "expected finite numbers. Received: NaN or infinity in row 9"),
    "too large for float32": ((changed(X, (3, 3), 1e300), Y), {}, "expected finite numbers. Received: NaN or infinity in row 3"),
    "no rows": ((X[:0], Y[:0]), {}, r"Argument x of fit.*: expected at least one row. Received: shape \(0, 6\)"),
    "a number": ((3.0, Y), {}, r"expected at least one row. Received: shape \(\)"),
    "words": (([["a", "b"]] * 30, Y), {}, "Argument x: expected an array of numbers. Received: dtype <U1"),
    "ragged": (([[1.0], [1.0, 2.0]], Y), {}, r"Argument x: expected an array of numbers. Received: list \("),
    "None": ((None, Y), {}, "Argument x: expected an array of numbers. Received: dtype object"),
    "complex": ((X + 1j, Y), {}, "expected an array of numbers. Received: dtype complex128"),
    "no targets": ((X,), {}, "Argument y of fit: expected targets. Received: None"),
    "fewer targets": ((X, Y[:29]), {}, "Argument y of fit: expected as many rows as x, 30. Received: 29"),
    "batch_size 0": ((X, Y), {"batch_size": 0}, "Argument batch_size: expected an integer of at least 1. Received: batch_size=0"),
    "batch_size 2.5": ((X, Y), {"batch_size": 2.5}, "batch_size: expected an integer .* Received: batch_size=2.5"),
    "batch_size True": ((X, Y), {"batch_size": True}, "batch_size: expected an integer .* Received: batch_size=True"),
    "epochs -1": ((X, Y), {"epochs": -1}, "epochs: expected an integer of at least 0. Received: epochs=-1"),
    "epochs as text": ((X, Y), {"epochs": "ten"}, "epochs: expected an integer .* Received: epochs='ten'"),
    "initial_epoch": ((X, Y), {"initial_epoch": -2}, "initial_epoch: expected an integer of at least 0"),
    "steps_per_epoch": ((X, Y), {"steps_per_epoch": 0}, "steps_per_epoch: expected an integer of at least 1"),
    "validation_freq": ((X, Y), {"validation_freq": 0}, "validation_freq: expected an integer of at least 1"),
    "validation_batch_size": ((X, Y), {"validation_batch_size": -8}, "validation_batch_size: expected an integer of at least 1"),
    "validation_split 1": (
        (X, Y),
        {"validation_split": 1.0},
        "Argument validation_split of fit: expected a share between 0 and 1. Received: 1.0",
    ),
    "validation_split < 0": ((X, Y), {"validation_split": -0.1}, "expected a share between 0 and 1. Received: -0.1"),
    "validation_split as text": ((X, Y), {"validation_split": "0.2"}, "expected a share between 0 and 1. Received: '0.2'"),
    "validation_split of nothing": ((X[:1], Y[:1]), {"validation_split": 0.3}, "0.3 of 1 rows leaves a part empty"),
    "validation_split, lengths": (
        (X, Y[:20]),
        {"validation_split": 0.3},
        "Argument y of fit: expected as many rows as x, 30. Received: 20",
    ),
    "validation_data": ((X, Y), {"validation_data": X}, r"expected \(x, y\) or \(x, y, sample_weight\). Received: ndarray"),
    "validation_data, width": ((X, Y), {"validation_data": (X[:, :2], Y)}, r"Argument x of fit \(validation_data\).*Received: \(30, 2\)"),
    "validation_data, labels": ((X, Y), {"validation_data": (X, Y + 1)}, "labels must be from 0 to 2"),
    "sample_weight": ((X, Y), {"sample_weight": np.ones(29)}, r"Argument sample_weight of fit: expected shape \(30,\). Received: \(29,\)"),
    "sample_weight NaN": ((X, Y), {"sample_weight": changed(np.ones(30), 2, np.nan)}, "sample_weight of fit: expected finite.*in row 2"),
    "class_weight": (
        (X, Y),
        {"class_weight": {"cat": 1.0}},
        "class_weight of fit: expected a dict from integer classes to weights. Received: {'cat'",
    ),
    "class_weight as a list": ((X, Y), {"class_weight": [1.0, 2.0]}, r"class_weight of fit: expected a dict .*Received: \[1.0, 2.0\]"),
    "callbacks": ((X, Y), {"callbacks": ["History"]}, "Argument callbacks: expected Callback objects. Received: 'History'"),
}


@pytest.mark.parametrize("case", FIT)
def test_fit_refuses_and_changes_nothing(case):
    arguments, options, message = FIT[case]
    model = classifier()
    before = state(model)
    with pytest.raises(ValueError, match=message):
        model.fit(*arguments, **{"verbose": 0} | options)
    np.testing.assert_equal(state(model), before)
    twin = classifier()
    twin.set_weights(before[: len(twin.get_weights())])
    assert np.isfinite(model.fit(X, Y, verbose=0).history["loss"][0]) and model.optimizer.iterations == 2


@pytest.mark.parametrize("method", ["fit", "evaluate", "train_on_batch", "test_on_batch"])
def test_the_others_refuse_as_fit_does(method):
    model = classifier()
    before = state(model)
    for x, y, message in (
        (X[:, :4], Y, f"Argument x of {method} of model 'net': expected shape"),
        (changed(X, 7, np.nan), Y, "infinity in row 7"),
        (X, Y + 1, "labels must be from 0 to 2"),
        (X, Y[:3], f"Argument y of {method}: expected as many rows as x"),
        (X[:0], Y[:0], "at least one row"),
    ):
        with pytest.raises(ValueError, match=message):
            getattr(model, method)(x, y)
    np.testing.assert_equal(state(model), before)


@pytest.mark.parametrize("again", [False, True], ids=["first", "kept"])
def test_predict_and_calls_refuse(again):
    """Each says what was called, also where the pass over such rows is kept."""
    model = classifier()
    calls = {
        "predict": model.predict, "predict_on_batch": model.predict_on_batch, "call": model,
        "call ": lambda x: model(x, training=True),
    }
    for call in calls.values() if again else ():
        call(X[:8])
    for x, message in (
        (X[:, :4], r"expected shape \(None, 6\)"), (X[:8, :4], r"expected shape \(None, 6\)"), (changed(X, 7, np.nan), "in row 7"),
        (changed(X[:8], 7, np.nan), "in row 7"), (X[:0], "one row"),
    ):
        for name, call in calls.items():
            with pytest.raises(ValueError, match=f"Argument x of {name.strip()} of model 'net': .*{message}"):
                call(x)
    for options in ({"batch_size": 0}, {"steps": -1}):
        with pytest.raises(ValueError, match="expected an integer of at least 1"):
            model.predict(X, **options)


@pytest.mark.parametrize(
    ("loss", "y", "message"),
    [
        (
            "categorical_crossentropy",
            Y,
            r"Expected shape \(None, 3\). Received: \(30,\). Integer labels go with sparse_categorical_crossentropy",
        ),
        (
            "categorical_crossentropy",
            np.eye(4)[Y],
            r"targets do not fit the model's output. Expected shape \(None, 3\). Received: \(30, 4\)",
        ),
        ("mse", Y, r"Loss mean_squared_error: targets do not fit the model's output. Expected shape \(None, 3\). Received: \(30,\)"),
        ("mse", changed(np.eye(3)[Y], 12, np.inf), "Loss mean_squared_error: targets must be finite. Received: NaN or infinity in row 12"),
    ],
)
def test_targets_that_do_not_fit_the_loss(loss, y, message):
    model = classifier(loss)
    before = state(model)
    with pytest.raises(ValueError, match=message):
        model.fit(X, y, verbose=0)
    np.testing.assert_equal(state(model), before)


@pytest.mark.parametrize(
    ("loss", "y", "message"),
    [
        ("categorical_crossentropy", Y, r"Expected shape \(None, 2, 3\). Received: \(30,\)"),
        ("categorical_crossentropy", np.zeros((30, 2)), r"shape \(None, 2, 3\). Received: \(30, 2\). Integer labels go with sparse"),
        ("sparse_categorical_crossentropy", Y, r"expected one integer label a position, shape \(rows, 2\). Received: shape \(30,\)"),
        ("sparse_categorical_crossentropy", np.full((30, 2), 3), r"labels must be from 0 to 2.*Received: 3 in row 0"),
    ],
)
def test_targets_of_sequences(loss, y, message):
    model = Sequential([Reshape((2, 3), input_shape=(6,)), Dense(3, activation="softmax")])
    model.compile("sgd", loss)
    with pytest.raises(ValueError, match=message):
        model.fit(X, y, verbose=0)


# ------------------------------------------------------------------ before compile, before build
def test_before_compile():
    model = Sequential([Dense(3, input_dim=6)])
    for method in ("fit", "evaluate", "train_on_batch", "test_on_batch"):
        with pytest.raises(ValueError, match=rf"You must call `compile\(\)` before calling `{method}\(\)`"):
            getattr(model, method)(X, Y)
    assert model.predict(X).shape == (30, 3), "predict needs no compile, as in Keras"


def test_before_build():
    model = Sequential([Dense(3)], name="bare")
    for method in ("get_weights", "count_params"):
        with pytest.raises(ValueError, match=rf"Model 'bare' is not built: call build\(\), fit\(\) or give an Input before `{method}\(\)`"):
            getattr(model, method)()
    with pytest.raises(ValueError, match=r"Model 'bare' is not built.*`set_weights\(\)`"):
        model.set_weights([])
    with pytest.raises(ValueError, match="Model 'bare': build needs an input shape"):
        model.build()


def test_an_unbuilt_model_stays_unbuilt_after_a_refusal():
    model = Sequential([Dense(3, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", "accuracy")
    with pytest.raises(ValueError, match="labels must be from 0 to 2"):
        model.fit(X, Y + 5, verbose=0)
    assert not model.built
    model.fit(X[:, :4], Y, verbose=0)
    assert model.input_shape == (None, 4)


# ------------------------------------------------------------------ names nobody knows
UNKNOWN = {
    "activation": (lambda: Dense(3, activation="rellu"), "Unknown activation: 'rellu'. Expected one of: .*relu.*softmax"),
    "Activation": (lambda: Activation("soft max"), "Unknown activation: 'soft max'. Expected one of: .*softmax"),
    "activation object": (lambda: Dense(3, activation=3.5), "Could not interpret activation. Expected one of: .*tanh.* Received: 3.5"),
    "initializer": (lambda: Dense(3, kernel_initializer="glorot"), "Unknown initializer: 'glorot'. Expected one of: .*glorot_uniform"),
    "initializer object": (lambda: initializers.get(7), "Could not interpret initializer. .* Received: 7"),
    "loss": (lambda: losses.get("mean_squared"), "Unknown loss: 'mean_squared'. Expected one of: .*mean_squared_error"),
    "optimizer": (lambda: optimizers.get("adamm"), "Unknown optimizer: 'adamm'. Expected one of: .*adam"),
    "reduction": (
        lambda: losses.MeanSquaredError(reduction="average"),
        "Unknown reduction. Expected one of .*sum_over_batch_size.*Received: 'average'",
    ),
    "rate": (lambda: Dropout(1.1), r"rate must be a number from 0 to 1. Received: rate=1.1"),
    "negative dropout": (lambda: Dropout(-0.1), "rate must be a number from 0 to 1. Received: rate=-0.1"),
    "units": (lambda: Dense(0), "units must be a positive integer. Received: units=0"),
    "units as text": (lambda: Dense("10"), "units must be a positive integer. Received: units='10'"),
    "momentum of batch norm": (
        lambda: BatchNormalization(momentum=1.2),
        r"expected momentum in \[0, 1\] and epsilon > 0. Received: momentum=1.2",
    ),
    "two free sizes": (lambda: Reshape((-1, -1)), "at most one -1. Received: target_shape=\\(-1, -1\\)"),
    "negative size": (lambda: Reshape((-2, -3)), "expected positive sizes"),
    "input shape": (lambda: Dense(2, input_shape=(0,)), r"An input shape holds positive integers.*Received: \(0,\)"),
    "Input of nothing": (lambda: Input(), "Input needs a shape"),
    "axis": (lambda: Sequential([BatchNormalization(axis=3, input_shape=(4, 4))]), r"expected an axis of a row.*Received: axis=3"),
    "negative learning rate": (
        lambda: optimizers.SGD(-0.1),
        "SGD: learning_rate must be a number that is not negative. Received: learning_rate=-0.1",
    ),
    "learning rate NaN": (lambda: optimizers.Adam(float("nan")), "Adam: learning_rate must be a number .* Received: learning_rate=nan"),
    "momentum": (lambda: optimizers.SGD(0.1, momentum=1.5), r"SGD: momentum must be in \[0, 1\]. Received: momentum=1.5"),
    "nesterov": (lambda: optimizers.SGD(0.1, nesterov=True), r"SGD: nesterov=True needs momentum > 0. Received: momentum=0"),
    "beta_1": (lambda: optimizers.Adam(beta_1=1.0), r"Adam: beta_1 must be in \[0, 1\). Received: beta_1=1.0"),
    "initial scale": (
        lambda: initializers.VarianceScaling(scale=0),
        "Expected scale > 0 and mode fan_in, fan_out or fan_avg. Received: scale=0",
    ),
}


@pytest.mark.parametrize("case", UNKNOWN)
def test_what_is_refused_when_it_is_made(case):
    make, message = UNKNOWN[case]
    with pytest.raises(ValueError, match=message):
        make()


def test_unknown_arguments():
    with pytest.raises(TypeError, match="Dense got unknown arguments: kernel_regulariser"):
        Dense(3, kernel_regulariser="l2")
    with pytest.raises(TypeError, match="compile got unknown arguments: optimiser"):
        Sequential([Dense(3)]).compile(optimiser="adam", loss="mse")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("adam", "sparse_crossentropy"), "Unknown loss: 'sparse_crossentropy'. Expected one of: .*sparse_categorical_crossentropy"),
        (("adamm", "mse"), "Unknown optimizer: 'adamm'"),
        (("adam", "mse", ["accurate"]), "Unknown metric: 'accurate'. Expected one of: .*accuracy"),
        (("adam", "mse", [3]), "Could not interpret metric. .*Received: 3"),
    ],
)
def test_a_refused_compile_keeps_the_old_one(arguments, message):
    model = classifier()
    before = state(model)
    with pytest.raises(ValueError, match=message):
        model.compile(*arguments)
    np.testing.assert_equal(state(model), before)
    model.fit(X, Y, verbose=0)
    assert model.optimizer.iterations == 2


def test_setting_a_bad_learning_rate_keeps_the_old_one():
    model = classifier()
    for wrong in (-1.0, float("inf"), "fast", True):
        with pytest.raises(ValueError, match=r"Adam: learning_rate must be a number that is not negative. Received: "):
            model.optimizer.learning_rate = wrong
    assert model.optimizer.learning_rate == model.optimizer.lr == 0.001


def test_metrics_check_their_targets_too():
    with pytest.raises(ValueError, match="Metric sparse_categorical_accuracy: labels must be from 0 to 2"):
        metrics.SparseCategoricalAccuracy()([3], [[0.1, 0.2, 0.7]])


def test_one_row_batches_of_batch_normalization_warn():
    model = classifier()
    with pytest.warns(UserWarning, match="a batch of one row has no variance; its output is beta"):
        model.fit(X[:11], Y[:11], batch_size=10, verbose=0)
    assert all(np.isfinite(w).all() for w in model.get_weights())
