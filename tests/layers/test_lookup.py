"""Categories numbered: lookups, hashes, bins and columns, of arrays and in a model's graph."""

import numpy as np
import pytest

import gpunn
from gpunn import Input, Model, layers, ops
from gpunn.models import Sequential, load_model
from gpunn.models.files import keras_json
from gpunn.utils import set_random_seed
from gpunn.utils.dataset import Dataset

WORDS = ["red", "green", "blue"]
TEXTS = np.array([["red", "pink"], ["blue", "blue"], ["green", "red"]])
NUMBERS = np.array([[12, 1138], [42, 1000], [-5, 36]])


def in_graph(layer, x, device="cpu"):
    kind = "string" if np.asarray(x).dtype.kind in "US" else "int64"
    given = Input(x.shape[1:], dtype=kind)
    return Model(given, layer(given)).to(device).predict(x, verbose=0)


# ---------------------------------------------------------------------- vocabularies
def test_a_vocabulary_that_is_learned():
    layer = layers.StringLookup()
    layer.adapt([["a", "c", "d"], ["d", "z", "b"]])
    assert layer.get_vocabulary() == ["[UNK]", "d", "z", "c", "b", "a"] and layer.vocabulary_size() == 6
    np.testing.assert_array_equal(layer([["a", "c", "d"], ["m", "z", "b"]]), [[5, 3, 1], [0, 2, 4]])
    numbers = layers.IntegerLookup(max_tokens=4, mask_token=0)
    numbers.adapt(Dataset.from_tensor_slices([7, 7, 9, 9, 9, 0, 3, 0, 0]).batch(2))
    assert numbers.get_vocabulary() == [0, -1, 9, 7] and numbers.get_vocabulary(include_special_tokens=False) == [9, 7]
    np.testing.assert_array_equal(numbers([0, 9, 3]), [0, 2, 1])


def test_several_unknown_ones_and_none():
    layer = layers.IntegerLookup(vocabulary=[12, 36, 1138, 42], num_oov_indices=2)
    np.testing.assert_array_equal(layer([[12, 1138, 42], [37, 1000, 36]]), [[2, 4, 5], [1, 0, 3]])
    strict = layers.StringLookup(vocabulary=WORDS, num_oov_indices=0)
    np.testing.assert_array_equal(strict(["blue", "red"]), [2, 0])
    with pytest.raises(ValueError, match=r"outside of the vocabulary: \['pink'\]"):
        strict(TEXTS)
    found = layers.StringLookup(vocabulary=WORDS, num_oov_indices=5)([f"word {i}" for i in range(50)])
    assert set(found.tolist()) == {0, 1, 2, 3, 4}


def test_back_to_categories():
    forth, back = layers.StringLookup(vocabulary=WORDS), layers.StringLookup(vocabulary=["[UNK]", *WORDS], invert=True)
    np.testing.assert_array_equal(back(forth(TEXTS)), [["red", "[UNK]"], ["blue", "blue"], ["green", "red"]])
    np.testing.assert_array_equal(back(np.array([7, 1])), ["[UNK]", "red"])


def test_columns_of_categories():
    hot = layers.StringLookup(vocabulary=WORDS, output_mode="multi_hot")(TEXTS)
    np.testing.assert_array_equal(hot, [[1, 1, 0, 0], [0, 0, 0, 1], [0, 1, 1, 0]])
    counted = layers.StringLookup(vocabulary=WORDS, output_mode="count", pad_to_max_tokens=True, max_tokens=5)(TEXTS)
    np.testing.assert_array_equal(counted, [[1, 1, 0, 0, 0], [0, 0, 0, 2, 0], [0, 1, 1, 0, 0]])
    one = layers.StringLookup(vocabulary=WORDS, output_mode="one_hot", num_oov_indices=0)(TEXTS[:, :1])
    np.testing.assert_array_equal(one, [[1, 0, 0], [0, 0, 1], [0, 1, 0]])
    masked = layers.IntegerLookup(vocabulary=[3, 4], mask_token=0, output_mode="multi_hot", num_oov_indices=0)([[0, 3], [4, 0]])
    np.testing.assert_array_equal(masked, [[1, 0], [0, 1]])
    weighed = layers.StringLookup(output_mode="tf_idf")
    weighed.adapt([["a", "a"], ["a", "b"]])
    a, b = np.log(1 + 2 / 3), np.log(1 + 2 / 2)
    np.testing.assert_allclose(weighed([["a", "a"], ["b", "x"]]), [[0, 2 * a, 0], [(a + b) / 2, 0, b]], rtol=1e-6)


@pytest.mark.parametrize("kind, unknown, words, x", [
    (layers.StringLookup, "[UNK]", ["a", "b"], [["a", "b", "b"], ["x", "a", "x"]]),
    (layers.IntegerLookup, -1, [7, 9], [[7, 9, 9], [5, 7, 5]]),
])
def test_an_unknown_category_has_its_own_weight(kind, unknown, words, x):
    """Keras takes the OOV token's weight from the front of idf_weights where the vocabulary has it there, else the mean of the others."""
    expected = np.array([[0, 0.25, 1.5], [1.8, 0.25, 0]])
    layer = kind(vocabulary=[unknown, *words], idf_weights=[0.9, 0.25, 0.75], output_mode="tf_idf", max_tokens=5, pad_to_max_tokens=True)
    for same in (layer, kind.from_config(layer.get_config())):
        np.testing.assert_allclose(same(x), np.pad(expected, ((0, 0), (0, 2))))
    expected[1, 0] = 1.0
    np.testing.assert_allclose(kind(vocabulary=words, idf_weights=[0.25, 0.75], output_mode="tf_idf")(x), expected)
    with pytest.raises(ValueError, match="one a category"):
        kind(vocabulary=words, idf_weights=[0.9, 0.25, 0.75], output_mode="tf_idf")


def test_documents_of_an_array_without_rows():
    """Each category is one; a batch without rows is one document."""
    alone, batch = (layers.StringLookup(output_mode="tf_idf") for _ in range(2))
    alone.adapt(np.array(["a", "b", "a"]))
    assert alone.get_config()["idf_weights"][1:] == pytest.approx([np.log(1 + 3 / 3), np.log(1 + 3 / 2)])
    batch.adapt(iter([np.array(["a", "b", "a"])]))
    assert batch.get_config()["idf_weights"][1:] == pytest.approx([np.log(1 + 1 / 2)] * 2)


def test_the_oov_token_may_be_a_category():
    """It is reserved with invert alone."""
    np.testing.assert_array_equal(layers.IntegerLookup(vocabulary=[5, -1, 6])([5, -1, 6, 7]), [1, 2, 3, 0])
    np.testing.assert_array_equal(layers.StringLookup(vocabulary=["[UNK]", "a"], num_oov_indices=0)(["a", "[UNK]"]), [1, 0])
    back = layers.StringLookup(vocabulary=["a", "b"], num_oov_indices=2, invert=True)
    np.testing.assert_array_equal(back([0, 1, 2, 3, 9]), ["[UNK]", "[UNK]", "a", "b", "[UNK]"])


@pytest.mark.parametrize("options, message", [
    ({"vocabulary": ["a", "a"]}, "once"), ({"vocabulary": ["a", "[UNK]"], "invert": True}, "but for '\\[UNK\\]'"),
    ({"max_tokens": 1}, "max_tokens"),
    ({"vocabulary": ["a", "b"], "max_tokens": 2}, "at most 1"), ({"output_mode": "hot"}, "output_mode"), ({"sparse": True}, "sparse"),
    ({"num_oov_indices": -1}, "num_oov_indices"), ({"invert": True, "output_mode": "count"}, "invert"),
    ({"vocabulary": ["a"], "output_mode": "tf_idf"}, "idf_weights"),
])
def test_what_cannot_be(options, message):
    with pytest.raises(ValueError, match=message):
        layers.StringLookup(**options)


def test_errors_of_use():
    with pytest.raises(ValueError, match="has no vocabulary"):
        layers.StringLookup()(TEXTS)
    with pytest.raises(ValueError, match="a vocabulary was given"):
        layers.StringLookup(vocabulary=WORDS).adapt(TEXTS)
    with pytest.raises(TypeError, match="Expected texts"):
        layers.StringLookup(vocabulary=WORDS)([1, 2])
    with pytest.raises(TypeError, match="expected integers"):
        layers.IntegerLookup(vocabulary=[1])([0.5])
    used = layers.StringLookup()
    used.adapt(TEXTS)
    used(Input((1,), dtype="string"))
    with pytest.raises(ValueError, match="stays what it was"):
        used.adapt(["other"])


# ---------------------------------------------------------------------- in a graph
@pytest.mark.parametrize("device", ["cpu", "sim"])
@pytest.mark.parametrize("make, x", [
    (lambda: layers.StringLookup(vocabulary=WORDS), TEXTS),
    (lambda: layers.StringLookup(vocabulary=WORDS, mask_token="pink"), TEXTS),
    (lambda: layers.StringLookup(vocabulary=WORDS, output_mode="multi_hot", mask_token="pink"), TEXTS),
    (lambda: layers.StringLookup(vocabulary=WORDS, output_mode="one_hot"), TEXTS[:, :1]),
    (lambda: layers.IntegerLookup(vocabulary=[12, 36, 1138, 42], num_oov_indices=2), NUMBERS),
    (lambda: layers.IntegerLookup(vocabulary=[12, 36, 1138, 42], mask_token=1000, output_mode="count"), NUMBERS),
    (lambda: layers.Hashing(7), NUMBERS), (lambda: layers.Hashing(7, salt=3, mask_value=42), NUMBERS + 16_000_000),
    (lambda: layers.Hashing(7, mask_value="blue", output_mode="count"), TEXTS),
    (lambda: layers.Discretization([0, 36, 1000]), NUMBERS), (lambda: layers.Discretization([0, 36], output_mode="count"), NUMBERS),
    (lambda: layers.CategoryEncoding(2000, "count"), np.abs(NUMBERS)),
])
def test_a_graph_gives_what_arrays_give(make, x, device):
    np.testing.assert_allclose(in_graph(make(), x, device), make()(x), rtol=1e-6)


@pytest.mark.usefixtures("cpu")
@pytest.mark.parametrize("make", [
    lambda: layers.IntegerLookup(vocabulary=[3, 4]), lambda: layers.IntegerLookup(vocabulary=[3], num_oov_indices=4),
    lambda: layers.Hashing(9),
])
def test_integers_that_are_one_in_float32_are_refused(make):
    """They were looked up as their neighbours."""
    x, at_most = np.array([[5], [2**24 + 1]]), np.array([[5], [2**24 - 1]])
    with pytest.raises(ValueError, match=r"expected integers below 16777216, up to which float32.*16777216 at \[1, 0\].*float64"):
        in_graph(make(), x)
    np.testing.assert_array_equal(in_graph(make(), at_most), make()(at_most))
    with pytest.raises(ValueError, match=r"vocabulary must be of integers below 16777216.*\[16777217\]"):
        in_graph(layers.IntegerLookup(vocabulary=[3, 2**24 + 1]), at_most)
    np.testing.assert_array_equal(layers.IntegerLookup(vocabulary=[2**24, 2**24 + 1])(x), [[0], [2]])


def test_large_integers_in_float64(cpu, float64):
    x = np.array([[5], [10**9 + 8], [10**9 + 7]])
    np.testing.assert_array_equal(in_graph(layers.IntegerLookup(vocabulary=[10**9 + 7, 10**9 + 8]), x), [[0], [2], [1]])


def test_texts_go_through_a_model(tmp_path, cpu):
    set_random_seed(1)
    rng = np.random.default_rng(0)
    colour, size = Input((1,), name="colour", dtype="string"), Input((), name="size")
    lookup = layers.StringLookup(vocabulary=WORDS)
    hidden = layers.Concatenate()([
        layers.Flatten()(layers.Embedding(4, 3)(lookup(colour))), layers.StringLookup(vocabulary=WORDS, output_mode="multi_hot")(colour),
        ops.expand_dims(size, -1),
    ])
    model = Model({"colour": colour, "size": size}, layers.Dense(1)(hidden))
    model.compile("adam", "mse")
    x = {"colour": rng.choice([*WORDS, "pink"], 60), "size": rng.random(60)}
    y = (x["colour"] == "red") + x["size"]
    history = model.fit(x, y, epochs=3, batch_size=10, validation_split=0.2, verbose=0).history
    assert model.recordable and np.isfinite(history["val_loss"]).all()
    batches = Dataset.from_tensor_slices((x, y)).batch(16)
    assert model.evaluate(batches, verbose=0) == pytest.approx(model.evaluate(x, y, verbose=0), rel=1e-5)
    model.save(tmp_path / "m.keras")
    np.testing.assert_array_equal(load_model(tmp_path / "m.keras").predict(x, verbose=0), model.predict(x, verbose=0))
    np.testing.assert_allclose(np.asarray(model(x)), model.predict(x, verbose=0), rtol=1e-6)


@pytest.mark.parametrize("layer", [
    layers.IntegerLookup(vocabulary=[12, 36]), layers.StringLookup(vocabulary=WORDS),
    layers.TextVectorization(vocabulary=WORDS, output_sequence_length=2),
])
def test_what_keras_writes_of_a_vocabulary(layer):
    """Its files name the vocabulary's size, too, and how several unknown categories are told apart."""
    entry = keras_json.to_keras(layers.serialize(layer))
    entry["config"] |= {"vocabulary_size": layer.vocabulary_size(), "oov_method": "floormod", "salt": None}
    again = layers.deserialize(keras_json.from_keras(entry))
    assert type(again) is type(layer) and again.get_vocabulary() == layer.get_vocabulary()
    with pytest.raises(ValueError, match="oov_method='farmhash', which gpunn"):
        keras_json.from_keras(entry | {"config": entry["config"] | {"oov_method": "farmhash"}})


def test_a_stack_that_begins_with_a_lookup(cpu):
    model = Sequential([layers.StringLookup(vocabulary=WORDS), layers.Embedding(4, 2)])
    assert np.asarray(model(TEXTS)).shape == (3, 2, 2)
    inner = Input((2,), dtype="string")
    np.testing.assert_array_equal(Model(inner, model(inner)).predict(TEXTS, verbose=0), model.predict(TEXTS, verbose=0))


def test_a_layer_of_the_users_may_hold_lookups(cpu):
    class Parts(layers.Layer):
        def __init__(self):
            super().__init__()
            self.lookup, self.high, self.low = layers.StringLookup(vocabulary=WORDS), layers.Embedding(2, 3), layers.Embedding(2, 3)

        def call(self, x):
            index = self.lookup(x)
            return self.high(ops.floor_divide(index, 2)) * self.low(ops.mod(index, 2))

    x = Input((), dtype="string")
    layer = Parts()
    found = Model(x, layer(x)).predict(TEXTS[:, 0], verbose=0)
    high, low = layer.high.get_weights()[0], layer.low.get_weights()[0]
    index = np.array([1, 3, 2])
    np.testing.assert_allclose(found, high[index // 2] * low[index % 2], rtol=1e-6)


# ---------------------------------------------------------------------- hashes, bins, columns
def test_hashes():
    layer = layers.Hashing(64)
    words = [f"word {i}" for i in range(1000)]
    found = np.asarray(layer(words))
    assert found.min() == 0 and found.max() == 63 and np.bincount(found).max() < 40
    np.testing.assert_array_equal(found[:3], layer(words[:3]))
    assert found[:3].tolist() == [34, 10, 25], "the same in every process"
    of_numbers = np.asarray(layer(np.arange(1000)))
    assert of_numbers.min() == 0 and of_numbers.max() == 63 and np.bincount(of_numbers).max() < 40
    assert not np.array_equal(found, layers.Hashing(64, salt=1)(words))
    with pytest.raises(TypeError, match="texts or integers"):
        layer([0.5])
    with pytest.raises(ValueError, match="from an Input alone"):
        layer(ops.expand_dims(Input((), dtype="string"), -1))


@pytest.mark.usefixtures("cpu")
@pytest.mark.parametrize(("x", "dtype"), [(np.array([["a", "b"], ["c", "d"]]), "string"), (np.array([[3, 40], [500, 6000]]), "int32")])
@pytest.mark.parametrize("says", [True, False], ids=["Input", "built by what comes"])
def test_a_stack_that_hashes(x, dtype, says, tmp_path):
    """Integers are hashed in the graph, texts at its door, and none twice; an Embedding behind is not asked about what comes in."""
    layer = layers.Hashing(9)
    stack = [layer, layers.Embedding(9, 2)]
    model = Sequential([Input((2,), dtype=dtype), *stack] if says else stack)
    found = model.predict(x, verbose=0)
    np.testing.assert_array_equal(found, stack[1](layer(x)))
    np.testing.assert_array_equal(model.predict(x, verbose=0), found)
    model.save(tmp_path / "model.npz")
    np.testing.assert_array_equal(load_model(tmp_path / "model.npz").predict(x, verbose=0), found)
    if dtype != "string":
        with pytest.raises(ValueError, match="expected an array of numbers"):
            model.predict(np.array([["a", "b"]]), verbose=0)


def test_crossings():
    layer = layers.HashedCrossing(1000)
    a, b = (v.reshape(-1) for v in np.meshgrid(np.arange(20), np.arange(20)))
    found = np.asarray(layer([a, b]))
    assert len(np.unique(found)) > 250 and not np.array_equal(found, layer([b, a]))
    texts = layer([np.array(["a", "b", "a"]), np.array([1, 1, 1])])
    assert texts[0] == texts[2] != texts[1]
    assert layers.HashedCrossing(9, output_mode="one_hot")([a[:, None], b[:, None]]).shape == (400, 9)
    x = Input((1,))
    np.testing.assert_array_equal(Model(x, layer([x, x])).predict(a[:, None], verbose=0), layer([a[:, None], a[:, None]]))
    with pytest.raises(ValueError, match="at least two"):
        layer([a])


def test_bins():
    layer = layers.Discretization([0.0, 1.0, 2.0])
    np.testing.assert_array_equal(layer([[-1.5, 1.0, 3.4, 0.5], [0.0, 3.0, 1.3, 0.0]]), [[0, 2, 3, 1], [1, 3, 2, 1]])
    learned = layers.Discretization(num_bins=4)
    x = np.random.default_rng(0).permutation(1000)
    learned.adapt(Dataset.from_tensor_slices(x).batch(64))
    np.testing.assert_array_equal(np.bincount(learned(x)), 250)
    for wrong in ({}, {"num_bins": 3, "bin_boundaries": [1]}, {"bin_boundaries": [2, 1]}, {"num_bins": 0}):
        with pytest.raises(ValueError, match="bin"):
            layers.Discretization(**wrong)
    with pytest.raises(ValueError, match="call adapt"):
        layers.Discretization(num_bins=3)(x)


def test_columns_as_keras_has_them():
    keras = pytest.importorskip("keras_twin").keras
    x, weights = np.array([[0, 1], [0, 0], [1, 2], [3, 1]]), np.array([[0.1, 0.2], [0.1, 0.1], [0.2, 0.3], [0.4, 0.2]])
    for mode in ("one_hot", "multi_hot", "count"):
        options = {"count_weights": weights} if mode == "count" else {}
        theirs = np.asarray(keras.layers.CategoryEncoding(4, mode)(x, **options))
        np.testing.assert_allclose(layers.CategoryEncoding(4, mode)(x, **options), theirs, rtol=1e-6)
        alone = np.asarray(keras.layers.CategoryEncoding(4, mode)(x[:, 0]))
        np.testing.assert_array_equal(layers.CategoryEncoding(4, mode)(x[:, 0]), alone)
    with pytest.raises(ValueError, match="from 0 to 3"):
        layers.CategoryEncoding(4)(x + 1)
    with pytest.raises(ValueError, match="alone"):
        layers.CategoryEncoding(4)(x, count_weights=weights)
    assert gpunn.layers.deserialize(gpunn.layers.serialize(layers.CategoryEncoding(4, "count"))).output_mode == "count"


@pytest.mark.parametrize("mode", ["multi_hot", "count"])
def test_columns_of_a_vector(mode):
    layer = layers.CategoryEncoding(4, output_mode=mode)
    assert layer.compute_output_shape((3,)) == layer(np.array([1, 2, 2])).shape == (4,)


@pytest.mark.parametrize("make", [
    lambda mode: layers.CategoryEncoding(4, mode)(np.int64(2)), lambda mode: layers.Discretization([0.0, 1.0, 2.0], output_mode=mode)(1.5),
    lambda mode: layers.IntegerLookup(vocabulary=[5, 6, 7], output_mode=mode)(6),
])
@pytest.mark.parametrize("mode", ["multi_hot", "count", "one_hot"])
def test_columns_of_one_number(make, mode):
    np.testing.assert_array_equal(make(mode), [0, 0, 1, 0])
