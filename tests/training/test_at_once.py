"""Predictions of arrays like some that were predicted before: the same numbers and the same refusals as at first."""

import numpy as np
import pytest

from gpunn.layers import (
    BatchNormalization,
    Conv2D,
    Dense,
    Embedding,
    Flatten,
    GlobalAveragePooling1D,
    Hashing,
    Input,
    TextVectorization,
)
from gpunn.models import Model, Sequential
from gpunn.training import trainer

RNG = np.random.default_rng(11)


def dense():
    return Sequential([Input((6,)), Dense(8, activation="relu"), BatchNormalization(), Dense(3, activation="softmax")])


def images():
    return Sequential([Input((4, 4, 1)), Conv2D(2, 3), Flatten(), Dense(2)])


def words():
    return Sequential([Input((5,), dtype="int32"), Embedding(7, 3), GlobalAveragePooling1D(), Dense(2)])


def two_ends():
    x = Input((6,))
    return Model(x, {"a": Dense(2)(x), "b": Dense(1)(x)})


NUMBERS = RNG.integers(0, 7, (4, 6))
GIVEN = {
    "float32": (dense, NUMBERS.astype("float32")),
    "float64": (dense, NUMBERS / 3),
    "uint8": (dense, NUMBERS.astype("uint8")),
    "bool": (dense, NUMBERS > 3),
    "every other column": (dense, RNG.standard_normal((4, 12))[:, ::2]),
    "images without channels": (images, RNG.standard_normal((3, 4, 4)).astype("float32")),
    "images": (images, RNG.standard_normal((3, 4, 4, 1)).astype("float32")),
    "words": (words, NUMBERS[:, :5]),
    "two outputs": (two_ends, NUMBERS.astype("float32")),
}


def leaves(found):
    return found.values() if isinstance(found, dict) else [found]


@pytest.mark.usefixtures("either_cpu")
@pytest.mark.parametrize("case", GIVEN)
def test_the_second_of_a_form_is_predicted_as_by_a_model_of_its_own(case, monkeypatch):
    make, x = GIVEN[case]
    model = make()
    fresh = make()
    fresh.set_weights(model.get_weights())
    model.predict(x[::-1], verbose=0)
    model.predict_on_batch(x[::-1])
    expected = [fresh.predict(x, verbose=0), fresh.predict_on_batch(x)]
    if case != "images without channels":  # which the door makes others of
        monkeypatch.setattr(trainer, "given_inputs", None)
    for one, other in zip(expected, [model.predict(x, verbose=0), model.predict_on_batch(x)], strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(leaves(one), leaves(other), strict=True))
    assert type(model.predict(x, verbose=0)) is type(expected[0])


@pytest.mark.usefixtures("cpu")
def test_several_batches_go_the_whole_way(monkeypatch):
    """They may take long enough for a bar."""
    model, x = dense(), NUMBERS.astype("float32")
    expected = model.predict(x, batch_size=2, verbose=0)
    assert np.array_equal(model.predict(x, batch_size=2, verbose=0), expected)
    monkeypatch.setattr(trainer, "given_inputs", lambda *given: [][0])
    with pytest.raises(IndexError):
        model.predict(x, batch_size=2, verbose=0)


REFUSED = [
    (dense, np.where(NUMBERS == NUMBERS[2, 2], np.nan, NUMBERS), "NaN or infinity in row"),
    (dense, NUMBERS.astype("float64") * 1e300, "NaN or infinity in row"),
    (dense, NUMBERS[:, :5].astype("float32"), r"expected shape \(None, 6\)"),
    (dense, NUMBERS.astype("complex64"), "expected an array of numbers"),
    (dense, NUMBERS.astype("float32")[:0], "expected at least one row"),
    (words, NUMBERS[:, :5] + 7, "Embedding|embedding"),
]


@pytest.mark.usefixtures("either_cpu")
@pytest.mark.parametrize(("make", "x", "message"), REFUSED)
def test_what_is_refused_at_first_is_refused_later(make, x, message):
    model = make()
    with pytest.raises(ValueError, match=message) as first:
        model.predict(x, verbose=0)
    right = NUMBERS[:, : model.input_shape[1]].astype("float32")
    expected = model.predict(right, verbose=0)
    with pytest.raises(ValueError, match=message) as second:
        model.predict(x, verbose=0)
    assert str(first.value) == str(second.value)
    assert np.array_equal(model.predict(right, verbose=0), expected)


@pytest.mark.usefixtures("either_cpu")
def test_an_embedding_is_asked_about_what_reaches_it():
    hashed = Sequential([Input((3,), dtype="int32"), Hashing(5), Embedding(5, 2)])
    x = np.arange(6).reshape(2, 3)
    first = hashed.predict(x, verbose=0)
    assert np.array_equal(hashed.predict(x, verbose=0), first)
    read = Sequential([TextVectorization(vocabulary=["a", "b"], output_sequence_length=3), Embedding(4, 2)])
    read.predict(np.array(["a b", "c"]), verbose=0)
    for _ in range(2):
        with pytest.raises(ValueError, match="expected tokens that are integers from 0 to 3"):
            read.predict(x, verbose=0)
