"""Labels against scikit-learn, sequences against Keras; Normalization and Rescaling against Keras, with their gradients."""

import numpy as np
import pytest
from gradient import check_layer

from gpunn import layers
from gpunn.models import Sequential, load_model
from gpunn.preprocessing import labels
from gpunn.preprocessing.sequence import pad_sequences
from gpunn.utils import pad_sequences as from_utils
from gpunn.utils import set_random_seed, to_categorical

RNG = np.random.default_rng(6)


# ------------------------------------------------------------------ labels
def test_class_weights_are_scikit_learns(cpu):
    compute = pytest.importorskip("sklearn.utils.class_weight").compute_class_weight
    y = RNG.choice([0, 2, 5], 200, p=[0.7, 0.2, 0.1])
    want = dict(zip([0, 2, 5], compute("balanced", classes=np.array([0, 2, 5]), y=y), strict=True))
    assert labels.class_weights(y) == pytest.approx(want) == labels.class_weights(y.reshape(-1, 1).astype(float), classes=[0, 2, 5])
    assert labels.class_weights(np.eye(3)[[0, 0, 1, 2]]) == pytest.approx({0: 4 / 6, 1: 4 / 3, 2: 4 / 3})
    assert labels.class_weights([0, 1], None) == {0: 1.0, 1: 1.0} and labels.class_weights([0, 1], {1: 3}) == {0: 1.0, 1: 3.0}
    model = Sequential([layers.Input((4,)), layers.Dense(6, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(RNG.normal(size=(200, 4)), y, class_weight=labels.class_weights(y), verbose=0)
    for make, message in (
        (lambda: labels.class_weights(np.array(["a", 1, "b"], object)), "of one kind, none missing. Received: labels of type int, str"),
        (lambda: labels.class_weights(np.array(["a", None], object)), "Received: labels of type NoneType, str"),
        (lambda: labels.class_weights([1.0, np.nan, np.nan]), "a label for every row. Received: 2 rows without"),
        (lambda: labels.class_weights([0, 1], {0: 2.0, 7: 1.0}), r"expected weights of classes of y, \[0, 1\]. Received: one of 7"),
        (lambda: labels.class_weights(["a", "b"], classes=["a"]), r"expected the classes of y, \['a', 'b'\]. Received: \['a'\]"),
        (lambda: labels.class_weights([0, 1], classes=[0, 1, 2]), r"expected the classes of y, \[0, 1\]. Received: \[0, 1, 2\]"),
        (lambda: labels.class_weights([0, 1], "even"), "expected 'balanced', a dict or None"),
    ):
        with pytest.raises(ValueError, match=message):
            make()


NAMES = RNG.choice(["shirt", "boot", "bag"], 200, p=[0.7, 0.2, 0.1])
KINDS_OF_LABELS = {
    "strings": NAMES, "a list of strings": NAMES.tolist(), "objects": NAMES.astype(object), "bytes": NAMES.astype("S"),
    "a column": NAMES.reshape(-1, 1), "whole numbers": RNG.choice([-3, 0, 9], 200), "float whole numbers": RNG.choice([1.0, 4.0], 200),
    "halves": RNG.choice([0.5, 1.5, 2.0], 200), "bool": RNG.choice([True, False], 200),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS_OF_LABELS)
def test_class_weights_of_any_labels_are_scikit_learns(cpu, kind):
    compute = pytest.importorskip("sklearn.utils.class_weight").compute_class_weight
    given, y = KINDS_OF_LABELS[kind], np.asarray(KINDS_OF_LABELS[kind]).reshape(-1)
    classes = np.unique(y)
    weights = {label: 0.5 + k for k, label in enumerate(classes.tolist())}
    assert labels.class_weights(given, weights) == weights  # scikit-learn looks for int(label), or str(label), in a dict
    for weight in ("balanced", None, *([weights] if kind in ("strings", "whole numbers") else [])):
        want = dict(zip(classes.tolist(), compute(weight, classes=classes, y=y), strict=True))
        assert labels.class_weights(given, weight) == pytest.approx(want) == labels.class_weights(given, weight, classes[::-1])
    assert all(type(k) in (int, str, float, bytes) for k in labels.class_weights(given))


def test_class_weights_of_names_reach_fit(cpu):
    """Numbered, as the docstring says; and `fit` refuses names as keys, which it cannot know."""
    numbers, names = labels.number_classes(NAMES)
    by_name, by_number = labels.class_weights(NAMES), labels.class_weights(numbers)
    assert by_number == {names.index(name): weight for name, weight in by_name.items()}
    x = RNG.normal(size=(200, 4))
    seen = []
    for how in ({"class_weight": by_number}, {"sample_weight": np.array([by_name[n] for n in NAMES])}):
        set_random_seed(1)
        model = Sequential([layers.Input((4,)), layers.Dense(3, "softmax")])
        model.compile("sgd", "sparse_categorical_crossentropy")
        model.fit(x, numbers, verbose=0, **how)
        seen.append(model.get_weights())
    np.testing.assert_equal(*seen)
    with pytest.raises(ValueError, match="expected a dict from integer classes to weights"):
        model.fit(x, numbers, verbose=0, class_weight=by_name)


def test_stratified_split_keeps_shares():
    y = RNG.choice(4, 203, p=[0.5, 0.3, 0.15, 0.05])
    x = np.arange(203)
    x_train, x_test, y_train, y_test = labels.stratified_split(x, y=y, test_size=0.2, seed=3)
    assert sorted([*x_train, *x_test]) == list(range(203)) and len(x_test) == round(0.2 * 203)
    np.testing.assert_array_equal(y[x_train], y_train)
    np.testing.assert_array_equal(y[x_test], y_test)
    assert np.abs(np.bincount(y_test, minlength=4) - 0.2 * np.bincount(y)).max() < 1
    again = labels.stratified_split(x, y=y, test_size=0.2, seed=3)
    np.testing.assert_array_equal(again[1], x_test)
    assert not np.array_equal(labels.stratified_split(x, y=y, test_size=0.2, seed=4)[1], x_test)
    one_hot = labels.stratified_split(x, y=to_categorical(y), test_size=0.2, seed=3)
    np.testing.assert_array_equal(one_hot[1], x_test)
    for make, message in (
        (lambda: labels.stratified_split(x[:5], y=y), "Expected arrays of 203 rows"),
        (lambda: labels.stratified_split(x, y=y, test_size=1.0), "test_size: expected a share"),
        (lambda: labels.stratified_split(np.arange(4), y=[0, 0, 0, 7]), r"at least two rows of every class. Received: one of \[7\]"),
    ):
        with pytest.raises(ValueError, match=message):
            make()


def test_encodings():
    """F-ENC-01 to 04."""
    numbers, names = labels.number_classes(["b", "a", "b"])
    assert numbers.tolist() == [1, 0, 1] and names == ["a", "b"] and numbers.dtype == np.int32
    np.testing.assert_array_equal(to_categorical(numbers), [[0, 1], [1, 0], [0, 1]])
    np.testing.assert_array_equal(labels.to_multi_hot([[0, 2], [], [1]]), [[1, 0, 1], [0, 0, 0], [0, 1, 0]])
    assert labels.to_multi_hot([[1]], 4).shape == (1, 4)
    for wrong in ([[4]], [[-1]]):
        with pytest.raises(ValueError, match="Labels must be from 0 to 2"):
            labels.to_multi_hot(wrong, 3)


# ------------------------------------------------------------------ sequences
@pytest.mark.parametrize("options", [{}, {"maxlen": 3}, {"maxlen": 2, "padding": "post"}, {"maxlen": 4, "truncating": "post", "value": -1}])
def test_pad_sequences_is_keras(options):
    from keras_twin import keras

    for sequences in ([[1], [2, 3], [4, 5, 6, 7, 8]], [[], [1]], [[[1.5, 2], [3, 4]], [[5, 6]]]):
        dtype = "float32" if np.ndim(sequences[0][0] if sequences[0] else 0) else "int32"
        want = keras.utils.pad_sequences(sequences, dtype=dtype, **options)
        np.testing.assert_array_equal(pad_sequences(sequences, dtype=dtype, **options), want)
    assert from_utils is pad_sequences and pad_sequences([["a"]], value="x", dtype=object, maxlen=2).tolist() == [["x", "a"]]
    for make, message in (
        (lambda: pad_sequences([[1]], padding="left"), "padding: expected 'pre' or 'post'"),
        (lambda: pad_sequences([1, 2]), "expected a list of sequences"),
        (lambda: pad_sequences([[[1, 2]], [[1]]]), r"expected elements of shape \(2,\)"),
        (lambda: pad_sequences([[1]], value="a"), "text needs dtype=object"),
    ):
        with pytest.raises(ValueError, match=message):
            make()


# ------------------------------------------------------------------ scales
@pytest.mark.parametrize("axis", [-1, 1, None, (1, 2)])
def test_normalization_is_keras(axis, cpu, float64, tmp_path):
    from keras_twin import keras

    x = RNG.normal(3, 2, (30, 4, 5)) * np.arange(1, 6)
    ours, theirs = layers.Normalization(axis), keras.layers.Normalization(axis, dtype="float64")
    ours.adapt(x), theirs.adapt(x)
    np.testing.assert_allclose(ours(x), np.asarray(theirs(x)), rtol=1e-6, atol=1e-7)
    back = layers.Normalization(axis, np.asarray(ours.mean), np.asarray(ours.variance), invert=True)
    np.testing.assert_allclose(back(ours(x)), x, rtol=1e-10)
    parts = layers.Normalization(axis)
    parts.adapt(iter([(x[:7], None), (x[7:], None)]))
    np.testing.assert_allclose(parts(x), ours(x), rtol=1e-10)
    model = Sequential([layers.Input((4, 5)), ours, layers.Flatten(), layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(x, np.ones(30), verbose=0)
    model.save(tmp_path / "m.npz")
    np.testing.assert_allclose(load_model(tmp_path / "m.npz").predict(x, verbose=0), model.predict(x, verbose=0), rtol=1e-12)
    before = model.predict(x, verbose=0)
    ours.adapt(x * 2)
    assert not np.allclose(model.predict(x, verbose=0), before), "steps that were recorded before count too"


def test_scales_and_their_gradients(cpu, float64):
    x = RNG.normal(size=(6, 3, 4))
    np.testing.assert_allclose(layers.Rescaling(1 / 255, -0.5)(x), x / 255 - 0.5)
    np.testing.assert_allclose(layers.Rescaling([1.0, 2, 3, 4])(x), x * [1, 2, 3, 4])
    normal = layers.Normalization(mean=[1.0, 2, 3, 4], variance=[1.0, 4, 9, 16])
    for layer in (layers.Rescaling(2.5, 1.0), normal, layers.Normalization(mean=1.0, variance=4.0, axis=None, invert=True)):
        layer.ensure_built((None, 3, 4))
        for shape in ((6, 3, 4), (1, 3, 4)):
            check_layer(layer, RNG.normal(size=shape))
        with pytest.raises(AssertionError, match="gradient 0 is wrong"):
            check_layer(layer, RNG.normal(size=(6, 3, 4)), spoil=1.001)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.Normalization(mean=1.0), "expected both mean and variance, or neither"),
        (lambda: layers.Normalization(axis=5)(np.ones((2, 3))), "axis must name axes of a row"),
        (lambda: layers.Normalization(mean=0.0, variance=1.0).adapt(np.ones((2, 3))), "mean and variance were given"),
        (lambda: layers.Normalization().adapt(np.ones((0, 3))), "at least one row"),
        (lambda: layers.Rescaling("a"), "scale must be a number"),
        (lambda: Sequential([layers.Input((3,)), layers.Rescaling([1.0, 2.0])]), r"do not fit rows of shape \(3,\)|incompatible|broadcast"),
    ],
)
def test_errors(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_normalization_that_nothing_was_told_changes_nothing_as_in_keras():
    x = np.arange(6.0).reshape(2, 3)
    with pytest.warns(UserWarning, match=r"neither mean nor variance, and changes nothing: give both, or call adapt\(data\) first") as told:
        np.testing.assert_array_equal(layers.Normalization()(x), x)
    assert told[0].filename == __file__
