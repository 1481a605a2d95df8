"""``tensorflow_datasets``: MNIST's kind of sets, by splits, as TensorFlow's own tutorials take them."""

import importlib

import numpy as np
import pytest

from gpunn import compat

pytestmark = pytest.mark.usefixtures("cpu")


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Sets of 100 and 40 rows in place of the real ones."""
    rng = np.random.default_rng(0)
    for name, shape, column in (("mnist", (28, 28), False), ("fashion_mnist", (28, 28), False), ("cifar10", (32, 32, 3), True)):
        made = []
        for n in (100, 40):
            x, y = rng.integers(0, 256, (n, *shape), np.uint8), (np.arange(n) % 10).astype(np.uint8)
            made.append((x, y[:, None] if column else y))
        monkeypatch.setattr(importlib.import_module(f"gpunn.datasets.{name}"), "load_data", lambda made=tuple(made): made)
    with compat.install():
        yield


def test_a_tutorial():
    """TensorFlow's "Training a neural network on MNIST with Keras", shortened."""
    import tensorflow as tf
    import tensorflow_datasets as tfds

    (train, test), info = tfds.load("mnist", split=["train", "test"], shuffle_files=True, as_supervised=True, with_info=True)

    def normalize(image, label):
        return tf.cast(image, tf.float32) / 255.0, label

    train = train.map(normalize, num_parallel_calls=tf.data.AUTOTUNE).cache().shuffle(info.splits["train"].num_examples).batch(32)
    test = test.map(normalize, num_parallel_calls=tf.data.AUTOTUNE).batch(32).cache().prefetch(tf.data.AUTOTUNE)
    model = tf.keras.models.Sequential([
        tf.keras.layers.Flatten(input_shape=(28, 28, 1)), tf.keras.layers.Dense(8, activation="relu"), tf.keras.layers.Dense(10),
    ])
    loss = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(tf.keras.optimizers.Adam(0.001), loss, metrics=[tf.keras.metrics.SparseCategoricalAccuracy()])
    history = model.fit(train, epochs=2, validation_data=test, verbose=0).history
    assert set(history) == {"loss", "sparse_categorical_accuracy", "val_loss", "val_sparse_categorical_accuracy"}
    assert info.features["label"].num_classes == 10 and info.features["image"].shape == (28, 28, 1)


def test_splits():
    import tensorflow_datasets as tfds

    whole = tfds.load("fashion_mnist:3.*.*", split="train", batch_size=-1)
    assert whole["image"].shape == (100, 28, 28, 1) and whole["label"].dtype == np.int64
    for split, rows in (
        ("train[:20%]", whole["label"][:20]), ("train[85%:]", whole["label"][85:]), ("train[10:13]", whole["label"][10:13]),
        ("train[-5:]", whole["label"][-5:]), ("train[:-90%]", whole["label"][:10]), ("train[ : ]".replace(" ", ""), whole["label"]),
    ):
        _, labels = tfds.load("fashion_mnist", split=split, batch_size=-1, as_supervised=True)
        np.testing.assert_array_equal(labels, rows)
    both = tfds.load("mnist", split="train+test[:10]")
    assert len(both) == 110 and next(iter(tfds.as_numpy(both)))["image"].shape == (28, 28, 1)
    parts = tfds.load("cifar10", split=["train[:50%]", "train[50%:]"], batch_size=25, as_supervised=True)
    assert [len(p) for p in parts] == [2, 2] and next(iter(parts[0]))[0].shape == (25, 32, 32, 3)
    assert set(tfds.load("mnist")) == {"train", "test"}


def test_builder_and_names():
    import tensorflow_datasets as tfds

    builder = tfds.builder("cifar10")
    builder.download_and_prepare()
    label = builder.info.features["label"]
    assert label.int2str(3) == "cat" and label.str2int("truck") == 9 and builder.info.splits["test"].num_examples == 40
    assert len(builder.as_dataset(split="test")) == 40 and tfds.list_builders() == ["cifar10", "cifar100", "fashion_mnist", "mnist"]


def test_what_is_told():
    import tensorflow_datasets as tfds

    with pytest.raises(ValueError, match=r"has: cifar10, cifar100, fashion_mnist, mnist\. Received: 'imagenet2012'"):
        tfds.load("imagenet2012")
    for split in ("validation", "train[5", "train[:50%%]"):
        with pytest.raises(ValueError, match="expected a split such as"):
            tfds.load("mnist", split=split)
    with pytest.raises(AttributeError, match="tensorflow_datasets, as gpunn serves it, has no 'show_examples'"):
        tfds.show_examples(None)
