"""Regularizers and constraints inside a step: twenty steps as Keras 3 takes them, logs, options of optimizers."""

import numpy as np
import pytest
from keras_twin import NEAR, assert_same_history, assert_same_weights, in_one_batch, twins
from penalised import ADAM, FIT, L1L2_MIX, LABELS, MOMENTUM, NUMBERS, ROWS, SGD_, SPARSE, X, bound, dense, norm, regular

pytestmark = pytest.mark.usefixtures("float64", "cpu")
CASES = {
    "l2, SGD": ([dense(8, "relu", kernel_regularizer="l2"), dense(3, "softmax", kernel_regularizer="l2")], SGD_, SPARSE),
    "l1 and l1_l2 on everything, Adam": (
        [
            dense(8, "tanh", kernel_regularizer="l1", bias_regularizer=L1L2_MIX, bias_initializer="ones"),  # JAX: |w| has the slope 1 at 0
            dense(3, "softmax", kernel_regularizer=L1L2_MIX),
        ],
        ADAM, SPARSE,
    ),
    "orthogonal rows and columns": (
        [
            dense(8, "relu", kernel_regularizer=regular("OrthogonalRegularizer", factor=0.3)),
            dense(3, "softmax", kernel_regularizer=regular("OrthogonalRegularizer", factor=0.5, mode="columns"), bias_regularizer="l2"),
        ],
        SGD_, SPARSE,
    ),
    "batch norm's gamma and beta, momentum": (
        [
            dense(8, use_bias=False, kernel_regularizer="l2"),
            norm(
                gamma_regularizer=L1L2_MIX, beta_regularizer="l2", gamma_constraint="non_neg",
                beta_constraint=bound("MaxNorm", max_value=0.1),
            ),
            ("Activation", {"activation": "relu"}), dense(3, "softmax"),
        ],
        MOMENTUM, SPARSE,
    ),
    "outputs, SGD": (
        [
            dense(8, "relu", activity_regularizer=L1L2_MIX), dense(5, activity_regularizer="l2"),
            dense(3, "softmax", activity_regularizer="l2"),
        ],
        SGD_, SPARSE,
    ),
    "outputs of other layers, Adam": (
        [
            dense(8), ("Activation", {"activation": "tanh", "activity_regularizer": "l1"}), norm(activity_regularizer="l2"),
            ("ActivityRegularization", {"l1": 0.01, "l2": 0.1}), ("Reshape", {"target_shape": (2, 4), "activity_regularizer": "l2"}),
            dense(2, "relu", activity_regularizer="l1"), ("Flatten", {}), dense(3, "softmax"),
        ],
        ADAM, SPARSE,
    ),
    "max_norm and non_neg, SGD": (
        [
            dense(8, "relu", kernel_constraint=bound("MaxNorm", max_value=0.5), bias_constraint="non_neg"),
            dense(3, "softmax", kernel_constraint="non_neg"),
        ],
        ("SGD", {"learning_rate": 0.5}), SPARSE,
    ),
    "unit_norm and min_max_norm, Adam": (
        [
            dense(8, "relu", kernel_constraint=bound("UnitNorm", axis=1), bias_constraint="max_norm"),
            dense(3, "softmax", kernel_constraint=bound("MinMaxNorm", min_value=0.5, max_value=0.8, rate=0.4, axis=[0, 1])),
        ],
        ADAM, SPARSE,
    ),
    "penalties and constraints together, momentum": (
        [
            dense(8, "relu", kernel_regularizer="l1", kernel_constraint="unit_norm", activity_regularizer="l2"),
            norm(gamma_regularizer="l2"), dense(2, bias_regularizer="l2", bias_constraint="non_neg"),
        ],
        MOMENTUM, "mse",
    ),
    "summed loss": (
        [dense(4, "tanh", kernel_regularizer=L1L2_MIX, activity_regularizer="l2"), dense(2)], ("SGD", {"learning_rate": 0.01}),
        ("MeanSquaredError", {"reduction": "sum"}),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_twenty_steps(case):
    layers, optimizer, loss = CASES[case]
    ours, theirs = twins(layers, optimizer, loss, ["accuracy"] if loss == SPARSE else ["mae"])
    y = LABELS if loss == SPARSE else NUMBERS
    assert_same_history(ours.fit(X, y, **FIT), theirs.fit(X, y, **FIT))
    assert ours.optimizer.iterations == 20
    assert_same_weights(ours, theirs)
    values, predictions = in_one_batch(theirs, X, y)
    if case == "summed loss":  # a mean over batches of their sums
        values = theirs.evaluate(X, y, verbose=0)
    np.testing.assert_allclose(ours.evaluate(X, y, verbose=0), values, rtol=1e-5, atol=NEAR)
    np.testing.assert_allclose(ours.predict(X, verbose=0), predictions, rtol=1e-5, atol=1e-6)  # Keras's rate is float32


WEIGHTS = np.random.default_rng(1).uniform(0, 2, ROWS)


@pytest.mark.parametrize(
    "options",
    [
        {"sample_weight": WEIGHTS}, {"class_weight": {0: 0.5, 2: 3.0}}, {"validation_split": 0.3},
        {"validation_data": (X[:20], LABELS[:20], WEIGHTS[:20])}, {"steps_per_epoch": 4},
    ],
    ids=lambda o: next(iter(o)),
)
def test_logs_are_keras(options):
    """A batch's penalty counts as often as it has rows, whatever these weigh."""
    layers = [dense(5, "relu", kernel_regularizer="l1", activity_regularizer="l2"), dense(3, "softmax", kernel_regularizer="l2")]
    ours, theirs = twins(layers, MOMENTUM, SPARSE, ["accuracy"])
    assert_same_history(ours.fit(X, LABELS, **FIT, **options), theirs.fit(X, LABELS, **FIT, **options))
    assert_same_weights(ours, theirs)


def test_batch_by_batch():
    ours, theirs = twins([dense(5, "relu", kernel_regularizer="l1"), dense(3, "softmax", activity_regularizer="l2")], ADAM, SPARSE)
    np.testing.assert_allclose(ours.test_on_batch(X[:20], LABELS[:20]), theirs.test_on_batch(X[:20], LABELS[:20]), rtol=1e-6)
    theirs.reset_metrics()
    np.testing.assert_allclose(ours.train_on_batch(X[:20], LABELS[:20]), theirs.train_on_batch(X[:20], LABELS[:20]), rtol=1e-6)
    assert_same_weights(ours, theirs)


def test_weights_that_rest_have_no_penalty_and_no_constraint():
    layers = [dense(5, "relu", kernel_regularizer="l2", kernel_constraint="unit_norm", activity_regularizer="l1"),
              norm(gamma_regularizer="l2"), dense(3, "softmax", kernel_regularizer="l1")]  # fmt: skip
    ours, theirs = twins(layers, MOMENTUM, SPARSE)
    for model in (ours, theirs):
        model.layers[-3].trainable = model.layers[-2].trainable = False
        model.compile("sgd", SPARSE)
    before = ours.get_weights()
    assert_same_history(ours.fit(X, LABELS, **FIT), theirs.fit(X, LABELS, **FIT))
    assert_same_weights(ours, theirs)
    for a, b in zip(before[:6], ours.get_weights()[:6], strict=True):
        np.testing.assert_array_equal(a, b)
    assert len(ours.losses) == 1


def test_a_changed_batch_size_and_a_short_batch():
    ours, theirs = twins([dense(5, "relu", activity_regularizer="l1", kernel_regularizer="l2"), dense(2)], SGD_, "mse")
    for size in (7, 64, 75):
        assert_same_history(*(m.fit(X, NUMBERS, batch_size=size, shuffle=False, verbose=0) for m in (ours, theirs)))


OPTIONS = {
    "clipnorm": ("Adam", {"learning_rate": 0.01, "clipnorm": 0.1}), "weight_decay": ("SGD", {"learning_rate": 0.1, "weight_decay": 0.1}),
    "global_clipnorm, accumulation": (
        "SGD", {"learning_rate": 0.1, "global_clipnorm": 0.2, "gradient_accumulation_steps": 2, "momentum": 0.5},
    ),
    "scaled loss, averages": ("RMSprop", {"learning_rate": 0.01, "loss_scale_factor": 8.0, "use_ema": True, "ema_overwrite_frequency": 3}),
}


@pytest.mark.parametrize("options", OPTIONS)
def test_optimizers_options_see_the_whole_gradient_and_constraints_come_last(options):
    """Clipping, accumulation and averages take the gradient with its penalty; what they make of the weights is then constrained."""
    layers = [dense(8, "relu", kernel_regularizer="l2", kernel_constraint="unit_norm", activity_regularizer="l2"),
              dense(3, "softmax", kernel_regularizer=L1L2_MIX, bias_constraint="non_neg")]  # fmt: skip
    ours, theirs = twins(layers, OPTIONS[options], SPARSE)
    assert_same_history(ours.fit(X, LABELS, **FIT), theirs.fit(X, LABELS, **FIT))
    assert_same_weights(ours, theirs)
