"""Twenty steps with every loss end where Keras 3 ends: rows and sequences, weights of rows, steps and classes, short batches, sums."""

import numpy as np
import pytest
from keras_twin import assert_same_history, assert_same_weights, keras, twins
from loss_cases import CASES

from gpunn import losses

pytestmark = pytest.mark.usefixtures("float64", "cpu")
ROWS, BATCH, STEPS = 75, 8, 3
WHOLE = 80  # rows without a short last batch, which Keras compiles everything once more for
SGD = ("SGD", {"learning_rate": 0.05, "momentum": 0.9})
ENDS = {
    "numbers": None, "positive": "relu", "bits": "sigmoid", "bits of logits": None, "shares": "softmax", "shares of logits": None,
    "one-hot": None, "labels": "softmax", "labels of logits": None, "pairs": None,
}
OURS = [n for n, c in CASES.items() if c.keras]


def targets(kind, shape, seed=0):
    rng = np.random.default_rng(seed)
    if kind in ("labels", "labels of logits", "pairs"):
        return rng.integers(0, shape[-1], shape[:-1])
    if kind in ("bits", "bits of logits"):
        return rng.integers(0, 2, shape).astype(float)
    if kind in ("shares", "shares of logits", "one-hot"):
        return np.eye(shape[-1])[rng.integers(0, shape[-1], shape[:-1])]
    return rng.uniform(0.5, 2, shape) if kind == "positive" else rng.standard_normal(shape)


def stack(kind, sequences):
    """A network with an output that suits the kind: columns, or columns for each of three steps."""
    end = ENDS[kind]
    last = {"bias_initializer": "ones"} if end == "relu" else {}
    layers = [("Dense", {"units": 5, "activation": "tanh"})]
    if sequences:
        layers = [("Reshape", {"target_shape": (STEPS, 2)}), *layers]
    return [*layers, ("Dense", {"units": 4, "activation": end, **last})]


NEAR = 1e-9


def compare(ours, theirs, x, y, **options):
    options = {"batch_size": BATCH, "epochs": 2, "shuffle": False, "verbose": 0} | options
    assert_same_history(ours.fit(x, y, **options), theirs.fit(x, y, **options), NEAR)
    assert_same_weights(ours, theirs, NEAR)
    weights = {k: v for k, v in options.items() if k == "sample_weight"}
    mine, other = (np.array(m.evaluate(x, y, verbose=0, batch_size=BATCH, **weights)) for m in (ours, theirs))
    np.testing.assert_allclose(mine, other, rtol=1e-5, atol=NEAR)


def x_of(rows=ROWS):
    return np.random.default_rng(100).standard_normal((rows, 6))


# one for each way in which gpunn.losses counts, weighs and launches: base, fused, over columns, labels, some ignored, overlaps
SHORT = (
    "mse", "binary of logits", "focal of logits", "categorical", "categorical of logits", "categorical focal", "sparse", "sparse of logits",
    "sparse, one ignored", "sparse of logits, one ignored", "dice", "dice of rows", "dice of columns", "tversky",
)


NAMES = [n for n in OURS if CASES[n].name != "Circle"]  # embeddings have a test of their own
KINDS = [(n, True) for n in NAMES] + [pytest.param(n, False, marks=[] if n in SHORT else pytest.mark.slow) for n in NAMES]


@pytest.mark.one_in(2)
@pytest.mark.parametrize(("name", "sequences"), KINDS)
def test_twenty_steps(name, sequences):
    case, rows = CASES[name], ROWS if name in SHORT else WHOLE
    y = targets(case.kind, (rows, STEPS, 4) if sequences else (rows, 4))
    optimizer = ("SGD", {"learning_rate": 0.002}) if name in ("mape", "poisson") else SGD
    compare(*twins(stack(case.kind, sequences), optimizer, (case.name, case.options)), x_of(rows), y)


@pytest.mark.parametrize("remove_diagonal", [True, False])
def test_circle(remove_diagonal):
    layers = [("Dense", {"units": 5, "activation": "tanh"}), ("Dense", {"units": 3})]
    loss = ("Circle", {"gamma": 2.0, "remove_diagonal": remove_diagonal})
    compare(*twins(layers, ("SGD", {"learning_rate": 0.01}), loss), x_of(), targets("labels", (ROWS, 3)))


WEIGHTS = np.random.default_rng(5).uniform(0, 2, ROWS)
STEP_WEIGHTS = np.random.default_rng(6).uniform(0, 2, (ROWS, STEPS))
REDUCTIONS = ["sum_over_batch_size", "mean", "sum", "mean_with_sample_weight"]


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(("name", "kind"), [("MeanSquaredError", "numbers"), ("SparseCategoricalCrossentropy", "labels")])
@pytest.mark.parametrize("how", ["rows", "steps", pytest.param("plain sequences", marks=pytest.mark.slow)])
def test_reductions_with_weights(how, name, kind, reduction):
    sequences = how != "rows"
    options = {"rows": {"sample_weight": WEIGHTS}, "steps": {"sample_weight": STEP_WEIGHTS}, "plain sequences": {}}[how]
    y = targets(kind, (ROWS, STEPS, 4) if sequences else (ROWS, 4))
    rate = ("SGD", {"learning_rate": 0.002})
    asked = ["mae"] if kind == "numbers" else []
    compare(*twins(stack(kind, sequences), rate, (name, {"reduction": reduction}), asked), x_of(), y, **options)


@pytest.mark.parametrize(
    ("logits", "weighted", "reduction"), [*((False, w, r) for w in (False, True) for r in REDUCTIONS), (True, True, "mean")]
)
def test_positions_that_are_ignored(logits, weighted, reduction):
    y = targets("labels", (ROWS, STEPS, 4))
    y[y == 3] = -1
    y[:BATCH] = -1  # a batch without any
    loss = ("SparseCategoricalCrossentropy", {"ignore_class": -1, "reduction": reduction, "from_logits": logits})
    options = {"sample_weight": STEP_WEIGHTS} if weighted else {}
    layers = stack("labels of logits" if logits else "labels", True)
    compare(*twins(layers, ("SGD", {"learning_rate": 0.002}), loss), x_of(), y, **options)


def test_weights_of_rows_hold_for_all_their_steps():
    """Keras refuses them there; its numbers for the same weights, spread."""
    y = targets("labels", (ROWS, STEPS, 4))
    ours, theirs = twins(stack("labels", True), SGD, "sparse_categorical_crossentropy")
    options = {"batch_size": BATCH, "epochs": 2, "shuffle": False, "verbose": 0}
    mine = ours.fit(x_of(), y, sample_weight=WEIGHTS, **options)
    assert_same_history(mine, theirs.fit(x_of(), y, sample_weight=np.repeat(WEIGHTS[:, None], STEPS, axis=1), **options), NEAR)
    assert_same_weights(ours, theirs, NEAR)


def test_class_weights_of_steps():
    y = targets("labels", (ROWS, STEPS, 4))
    ours, theirs = twins(stack("labels", True), SGD, "sparse_categorical_crossentropy")
    options = {"batch_size": BATCH, "epochs": 2, "shuffle": False, "verbose": 0}
    mine = ours.fit(x_of(), y, class_weight={0: 0.3, 2: 2.0}, **options)
    assert_same_history(mine, theirs.fit(x_of(), y, sample_weight=np.array([0.3, 1.0, 2.0, 1.0])[y], **options), NEAR)
    assert_same_weights(ours, theirs, NEAR)


@pytest.mark.parametrize("weighted", [False, True])
def test_a_loss_of_whole_batches(weighted):
    """Dice of a batch is one number: weighed by the mean of its rows' weights, as Keras does it."""
    options = {"sample_weight": WEIGHTS} if weighted else {}
    compare(*twins(stack("bits", False), SGD, "dice" if not weighted else ("Dice", {})), x_of(), targets("bits", (ROWS, 4)), **options)


def test_weights_for_a_loss_without_rows_are_refused():
    ours, _ = twins(stack("bits", False), SGD, ("Dice", {"axis": 0}))
    before = ours.get_weights()
    with pytest.raises(ValueError, match=r"its values are not those of rows, and cannot be weighed by rows. Received: weights in fit"):
        ours.fit(x_of(), targets("bits", (ROWS, 4)), sample_weight=WEIGHTS, verbose=0)
    np.testing.assert_equal(ours.get_weights(), before)


@pytest.mark.parametrize("word", ["crossentropy", "ce"])
@pytest.mark.parametrize(
    ("units", "end", "kind", "expected"),
    [
        (1, "sigmoid", "bits", losses.BinaryCrossentropy), (4, "softmax", "labels", losses.SparseCategoricalCrossentropy),
        (4, "softmax", "one-hot", losses.CategoricalCrossentropy),
    ],
)
def test_crossentropy_is_the_one_that_fits(units, end, kind, expected, word):
    ours, theirs = twins([("Dense", {"units": units, "activation": end})], SGD, word, ["accuracy"])
    y = targets(kind, (ROWS, units))
    compare(ours, theirs, x_of(), y)
    assert type(ours.loss) is expected and "in one pass" in ours.explain(print_fn=str)


def test_a_loss_without_reduction_is_for_calls():
    model = twins(stack("numbers", False), SGD, "mse")[0]
    with pytest.raises(ValueError, match=r"compile needs a loss that is one number. Received: mean_squared_error with reduction=None"):
        model.compile("sgd", losses.MeanSquaredError(reduction=None))
    assert keras.losses.MeanSquaredError(reduction=None) is not None


PLANTED = ["mse", "binary of logits", "sparse", "cosine", "hinge of bits", "dice of rows"]


@pytest.mark.parametrize("name", PLANTED)
def test_the_comparison_sees_a_gradient_off_by_a_thousandth(name, monkeypatch):
    scale = losses.Loss.scale
    monkeypatch.setattr(losses.Loss, "scale", lambda loss, count: 1.001 * scale(loss, count))
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        test_twenty_steps(name, False)


def test_the_comparison_sees_weights_that_are_left_out(monkeypatch):
    monkeypatch.setattr(losses.Loss, "weigh", lambda loss, ops, y, weight: ops.asarray(np.ones(weight.shape)))
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        test_reductions_with_weights("rows", "MeanSquaredError", "numbers", "sum_over_batch_size")
