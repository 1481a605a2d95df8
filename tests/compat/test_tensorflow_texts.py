"""Functions of tensorflow, tf.strings, tf.random and tf.data that scripts use around a model."""

import numpy as np
import pytest

from gpunn import compat
from gpunn.ops import distributions as draws
from gpunn.utils import set_random_seed, text_dataset_from_directory


@pytest.fixture
def tf():
    with compat.install():
        import tensorflow

        yield tensorflow


def test_arrays(tf):
    x = np.arange(6.0).reshape(2, 3)
    assert tf.newaxis is None and tf.rank(x) == 2 and tf.dtypes.float32 == "float32"
    assert tf.is_tensor(tf.constant([1])) and not tf.is_tensor(x)
    np.testing.assert_array_equal(tf.range(1, 6, 2), [1, 3, 5])
    np.testing.assert_array_equal(tf.range(start=0, limit=3, delta=1), [0, 1, 2])
    np.testing.assert_array_equal(tf.gather(x, [1, 0], axis=1), x[:, [1, 0]])
    np.testing.assert_array_equal(tf.matmul(x, x, transpose_b=True), x @ x.T)
    np.testing.assert_array_equal(tf.linalg.matmul(x, x, transpose_a=True), x.T @ x)
    np.testing.assert_array_equal(tf.one_hot([0, 2], depth=3, on_value=5.0, off_value=1.0), [[5, 1, 1], [1, 1, 5]])
    np.testing.assert_array_equal(tf.transpose(x, perm=[1, 0]), x.T)
    np.testing.assert_array_equal(tf.fill([2, 2], 7), np.full((2, 2), 7))
    np.testing.assert_array_equal(tf.reverse(x, axis=[1]), x[:, ::-1])
    np.testing.assert_array_equal(tf.math.cumsum([1, 2, 3], exclusive=True), [0, 1, 3])
    np.testing.assert_array_equal(tf.cumsum([1, 2, 3], reverse=True), [6, 5, 3])
    values, places = found = tf.math.top_k([3.0, 9.0, 5.0], k=2)
    assert found.indices is places
    assert values.numpy().tolist() == [9, 5] and places.numpy().tolist() == [1, 2]
    np.testing.assert_array_equal(tf.sort([2, 3, 1], direction="DESCENDING"), [3, 2, 1])
    np.testing.assert_array_equal(tf.argsort([2, 3, 1]), [2, 0, 1])
    np.testing.assert_array_equal(tf.math.floordiv(7, 2), 3)
    np.testing.assert_array_equal(tf.math.floormod(7, 4), 3)
    np.testing.assert_array_equal(tf.linalg.band_part(np.ones((3, 3), bool), -1, 0), np.tri(3, dtype=bool))
    np.testing.assert_array_equal(tf.linalg.band_part(np.ones((3, 3)), 0, 1), np.eye(3) + np.eye(3, k=1))


def test_texts(tf):
    s = tf.strings
    texts = tf.constant(["Ab c!", "d"])
    assert s.lower(texts).numpy().tolist() == ["ab c!", "d"] and s.upper("ab") == "AB" and s.strip([" a "])[0] == "a"
    assert s.regex_replace(texts, r"[!A]", "").numpy().tolist() == ["b c", "d"]
    assert s.regex_replace(["a.b"], r"([.])", r" \1") == ["a .b"] and s.regex_replace(["aa"], "a", "b", replace_global=False) == ["ba"]
    assert s.length(["é", "ab"]).tolist() == [2, 2] and s.length(["é"], unit="UTF8_CHAR")[0] == 1
    assert s.split("a b c").tolist() == ["a", "b", "c"] and s.split(texts)[0] == ["Ab", "c!"]
    assert s.unicode_split("né").tolist() == ["n", "é"]
    assert s.to_number(["1", "25"], out_type=tf.int32).tolist() == [1, 25] and s.to_number("0.5") == 0.5
    assert s.join([["a", "b"], ["c", "d"]], separator="-").tolist() == ["a-c", "b-d"] and s.reduce_join([["a", "b"]], axis=-1)[0] == "ab"
    assert s.as_string([1, 2]).tolist() == ["1", "2"] and s.substr("hello", 1, 3) == "ell" and s.regex_full_match(["ab"], "a.")[0]
    assert s.lower(np.array([b"AB"]))[0] == "ab" and s.to_hash_bucket_fast(["a", "a", "b"], 10)[0] == s.to_hash_bucket_fast("a", 10)


def test_lines_and_padded_batches(tf, tmp_path):
    (tmp_path / "a.txt").write_text("1 2 3\n4\n")
    (tmp_path / "b.txt").write_text("5 6\n")
    lines = tf.data.TextLineDataset([str(tmp_path / "a.txt"), str(tmp_path / "b.txt")])
    each = tf.data.Dataset.list_files(str(tmp_path / "?.txt"), shuffle=False).interleave(tf.data.TextLineDataset)
    assert list(map(str, each)) == list(map(str, lines))
    numbers = lines.map(lambda line: tf.strings.to_number(tf.strings.split(line), tf.int64))
    batches = list(numbers.padded_batch(2))
    assert [b.tolist() for b in batches] == [[[1, 2, 3], [4, 0, 0]], [[5, 6]]]
    pairs = numbers.map(lambda x: (x, x + 1))
    (x, y), = pairs.padded_batch(3, padded_shapes=([4], [None]), padding_values=(0, -1))
    assert x.shape == (3, 4) and y.tolist() == [[2, 3, 4], [5, -1, -1], [6, 7, -1]]
    assert len(list(pairs.padded_batch(2, drop_remainder=True))) == 1


def test_folders_of_texts(tmp_path):
    for name in ("pos", "neg"):
        (tmp_path / name).mkdir()
        for i in range(10):
            (tmp_path / name / f"{i}.txt").write_text(f"{name} text {i}")
    whole = text_dataset_from_directory(tmp_path, batch_size=8, verbose=False)
    assert whole.class_names == ["neg", "pos"] and len(whole) == 3
    seen = [(str(t), int(y)) for texts, labels in whole for t, y in zip(texts, labels, strict=True)]
    assert len(set(seen)) == 20 and all(t.startswith(["neg", "pos"][y]) for t, y in seen)
    parts = text_dataset_from_directory(tmp_path, validation_split=0.2, subset="both", seed=1, label_mode="binary", verbose=False)
    assert [sum(len(x) for x, _ in part) for part in parts] == [16, 4] and next(iter(parts[0]))[1].shape == (16, 1)
    assert next(iter(text_dataset_from_directory(tmp_path, label_mode=None, max_length=3, verbose=False))).shape == (20,)
    with pytest.raises(ValueError, match="no texts were found"):
        (tmp_path / "empty").mkdir()
        text_dataset_from_directory(tmp_path / "empty", labels=None)
    with pytest.raises(ValueError, match="expected a folder"):
        text_dataset_from_directory(tmp_path / "nothing")


def test_draws(tf):
    set_random_seed(1)
    logits = np.log([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8]])
    found = draws.categorical(logits, 4000)
    assert found.shape == (2, 4000) and found.dtype == np.int32
    np.testing.assert_allclose([np.bincount(row, minlength=3) / 4000 for row in found], np.exp(logits), atol=0.03)
    whole = draws.randint((4000,), -2, 3)
    assert set(whole.tolist()) == {-2, -1, 0, 1, 2}
    cut = draws.truncated_normal((4000,), 1.0, 2.0)
    assert abs(cut - 1).max() <= 4 and cut.std() == pytest.approx(2 * 0.8796, rel=0.05)
    order = draws.shuffle(np.arange(50))
    assert sorted(order.tolist()) == list(range(50)) and order.tolist() != list(range(50))
    np.testing.assert_array_equal(draws.shuffle(np.arange(50), seed=3), draws.shuffle(np.arange(50), seed=3))
    assert tf.random.categorical(logits, num_samples=5).shape == (2, 5)
    with pytest.raises(ValueError, match="rows, classes"):
        draws.categorical([0.5], 1)
    with pytest.raises(ValueError, match="below maxval"):
        draws.randint((2,), 3, 3)


def test_families_of_operations(tf):
    import keras

    assert keras.ops.argmax([1, 3, 2]).numpy() == 1 and keras.ops.square(np.ones(2)).numpy().tolist() == [1, 1]
    assert keras.layers.TextVectorization(vocabulary=["a"], output_sequence_length=1)(["a"]).numpy().tolist() == [[2]]
    assert float(keras.ops.nn.relu(-1.0)) == 0 and float(keras.ops.numpy.sum(np.ones(3))) == 3
    assert keras.losses.kullback_leibler_divergence is keras.losses.kl_divergence
    assert keras.random.randint((2,), 0, 5).shape == (2,)
