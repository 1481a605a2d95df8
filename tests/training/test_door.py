"""What fit, evaluate and predict take: every kind of array gives what the same numbers in NumPy give."""

import numpy as np
import pytest

from gpunn.layers import Dense, Flatten, Input
from gpunn.models import Sequential

pytestmark = pytest.mark.usefixtures("cpu")
RNG = np.random.default_rng(0)
PIXELS, Y = RNG.integers(0, 256, (40, 6)), RNG.integers(0, 3, 40)


def torch_tensor(a):
    return pytest.importorskip("torch").tensor(a)


def jax_array(a):
    return pytest.importorskip("jax.numpy").asarray(a)


class OnlyArray:
    """Anything with ``__array__``."""

    def __init__(self, values):
        self._values = values

    def __array__(self, dtype=None, copy=None):
        return self._values


class OnlyDlpack:
    def __init__(self, values):
        self._values = values

    def __dlpack__(self, **options):
        return self._values.__dlpack__(**options)

    def __dlpack_device__(self):
        return self._values.__dlpack_device__()


KINDS = {
    "uint8": lambda a: a.astype(np.uint8),
    "int64": lambda a: a,
    "int32": lambda a: a.astype(np.int32),
    "float16": lambda a: a.astype(np.float16),
    "float32": lambda a: a.astype(np.float32),
    "float64": lambda a: a.astype(np.float64),
    "list": lambda a: a.tolist(),
    "tuple of lists": lambda a: tuple(a.tolist()),
    "Fortran order": np.asfortranarray,
    "big endian": lambda a: a.astype(">f4"),
    "every second row of more": lambda a: np.repeat(a, 2, axis=0)[::2],
    "backwards twice": lambda a: np.ascontiguousarray(a[::-1])[::-1],
    "read-only": lambda a: np.broadcast_to(a, a.shape),
    "torch": torch_tensor,
    "jax": jax_array,
    "__array__": OnlyArray,
    "dlpack": OnlyDlpack,
    "pandas": lambda a: getattr(pytest.importorskip("pandas"), "DataFrame" if a.ndim == 2 else "Series")(a),
}


def results(x, y, **options):
    model = Sequential([Input((6,)), Dense(3, activation="softmax", kernel_initializer="ones")])
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    history = model.fit(x, y, batch_size=16, shuffle=False, verbose=0, **options).history
    return history, model.get_weights(), model.predict(x), model.evaluate(x, y), model.train_on_batch(x, y), model.predict_on_batch(x)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_array(kind):
    expected = results(PIXELS.astype(np.float32), Y)
    for split in (0.0, 0.25):
        found = results(KINDS[kind](PIXELS), KINDS[kind](Y) if "float16" not in kind else Y, validation_split=split)
        if split:
            assert len(found[0]) == 4
            continue
        for a, b in zip(expected[1:], found[1:], strict=True):
            for v, w in zip(
                np.atleast_1d(a) if not isinstance(a, list) else a, np.atleast_1d(b) if not isinstance(b, list) else b, strict=True
            ):
                np.testing.assert_array_equal(v, w)
        assert expected[0] == found[0] and isinstance(found[2], np.ndarray) and found[2].dtype == np.float32


def test_the_arrays_given_are_not_changed():
    x, y = PIXELS.astype(np.float32), Y.copy()
    before = x.copy(), y.copy()
    results(x, y, validation_split=0.25)
    np.testing.assert_array_equal(x, before[0])
    np.testing.assert_array_equal(y, before[1])


def test_booleans_and_columns_of_numbers():
    """XOR with truth values (SN-07's shape of problem), and one feature given as a flat vector."""
    x = np.array([[False, False], [False, True], [True, False], [True, True]])
    model = Sequential([Dense(4, activation="tanh", input_dim=2), Dense(1, activation="sigmoid")])
    model.compile(loss="binary_crossentropy", optimizer="adam", metrics="accuracy")
    model.fit(x, x[:, 0] ^ x[:, 1], batch_size=4, verbose=0)
    assert model.predict(x).reshape(4).shape == (4,)
    line = Sequential([Dense(1)])
    line.compile("sgd", "mse")
    line.fit(np.arange(5.0), np.arange(5.0), verbose=0)
    assert line.input_shape == (None, 1)
    np.testing.assert_array_equal(line.predict(np.arange(5)), line.predict(np.arange(5).reshape(5, 1)))


@pytest.mark.parametrize("labels", [Y, Y.reshape(-1, 1), Y.astype(np.uint8), Y.astype(np.int8), Y.astype(float), Y.tolist()], ids=str)
def test_label_kinds(labels):
    np.testing.assert_array_equal(results(PIXELS, Y)[1][0], results(PIXELS, labels)[1][0])


def test_batches():
    """A batch larger than the data is one batch; batch_size=1 is a step a row; the short last batch is used (F-TRN-01, F-OPT-06)."""
    for size, steps in ((1000, 1), (40, 1), (39, 2), (1, 40), (np.int64(7), 6)):
        model = Sequential([Dense(3, activation="softmax", input_dim=6)])
        model.compile("sgd", "sparse_categorical_crossentropy")
        model.fit(PIXELS, Y, batch_size=size, verbose=0)
        assert model.optimizer.iterations == steps
        for predicted in (model.predict(PIXELS, batch_size=size), model.predict(PIXELS)):
            np.testing.assert_allclose(predicted, model.predict_on_batch(PIXELS), rtol=1e-5)
        np.testing.assert_allclose(model.evaluate(PIXELS, Y, batch_size=size), model.evaluate(PIXELS, Y), rtol=1e-5)


def test_nb_epoch_f_api_08():
    model = Sequential([Dense(3, activation="softmax", input_dim=6)])
    model.compile("sgd", "sparse_categorical_crossentropy")
    with pytest.warns(DeprecationWarning, match="nb_epoch is an old spelling of epochs"):
        assert model.fit(PIXELS, Y, nb_epoch=3, verbose=0).epoch == [0, 1, 2]


def test_validation_split_takes_the_last_rows_before_shuffling_f_api_10():
    x = np.arange(40.0).reshape(40, 1)
    y = np.where(np.arange(40) < 28, 0.0, 100.0)  # the last 30 % cannot be mistaken for others
    model = Sequential([Dense(1, kernel_initializer="zeros", input_dim=1)])
    model.compile("sgd", "mse")
    model.optimizer.learning_rate = 0.0
    for split in (0.3, np.float32(0.3)):
        history = model.fit(x, y, validation_split=split, verbose=0).history
        assert history == {"loss": [0.0], "val_loss": [10000.0]}


def test_images_as_bytes_through_flatten():
    images = RNG.integers(0, 256, (30, 4, 5), dtype=np.uint8)
    model = Sequential([Flatten(input_shape=(4, 5)), Dense(3, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", "accuracy")
    model.fit(images, Y[:30], verbose=0)
    np.testing.assert_array_equal(model.predict(images), model.predict(images.astype(np.float32)))


def test_train_test_and_predict_on_batch():
    model = Sequential([Dense(3, activation="softmax", input_dim=6)])
    model.compile("sgd", "sparse_categorical_crossentropy", ["accuracy"])
    before = model.test_on_batch(PIXELS, Y)
    assert before == pytest.approx(model.evaluate(PIXELS, Y), rel=1e-5)
    assert model.train_on_batch(PIXELS, Y) == pytest.approx(before, rel=1e-5), "the loss is that before the step"
    assert model.optimizer.iterations == 1
    named = model.test_on_batch(PIXELS, Y, return_dict=True)
    assert list(named) == ["loss", "accuracy"] and list(named.values()) != before
    half = model.test_on_batch(PIXELS, Y, sample_weight=np.full(40, 0.5))
    assert half[0] == pytest.approx(named["loss"] / 2, rel=1e-5) and half[1] == named["accuracy"]
    model.train_on_batch(PIXELS[:7], Y[:7], class_weight={0: 2.0})
    assert model.optimizer.iterations == 2 and model.predict_on_batch(PIXELS[:7].tolist()).shape == (7, 3)
    one = Sequential([Dense(1, input_dim=6)])
    one.compile("sgd", "mse")
    assert isinstance(one.train_on_batch(PIXELS, Y), float)
