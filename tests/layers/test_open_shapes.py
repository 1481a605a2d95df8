"""Axes whose size every call brings: sequences of any length, images of any size."""

import numpy as np
import pytest

from gpunn import Input, Model, layers
from gpunn.layers.open_shapes import shapes_out
from gpunn.models import Sequential, load_model
from gpunn.utils import set_random_seed

RNG = np.random.default_rng(0)


def sequences(kind, steps):
    set_random_seed(3)
    model = Sequential([Input((steps, 2)), getattr(layers, kind)(5, return_sequences=True), layers.TimeDistributed(layers.Dense(1))])
    model.compile("adam", "mse")
    return model


@pytest.mark.parametrize("kind", ["SimpleRNN", "LSTM", "GRU"])
def test_trains_and_predicts_as_if_the_size_were_known(kind, either_cpu):
    opened, known = sequences(kind, None), sequences(kind, 9)
    x, y = RNG.standard_normal((20, 9, 2)), RNG.standard_normal((20, 9, 1))
    for model in (opened, known):
        model.fit(x, y, batch_size=8, epochs=3, verbose=0)
    for a, b in zip(opened.get_weights(), known.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(opened.predict(x, verbose=0), known.predict(x, verbose=0))
    assert opened.output_shape == (None, None, 1) and opened.input_shape == (None, None, 2)


@pytest.mark.parametrize("device", ["cpu", "sim"])
def test_every_call_brings_its_own_size(device):
    model = sequences("GRU", None).to(device)
    for steps in (4, 11, 4):
        x, y = RNG.standard_normal((10, steps, 2)), RNG.standard_normal((10, steps, 1))
        model.fit(x, y, verbose=0)
        model.train_on_batch(x, y)
        one = sequences("GRU", steps).to(device)
        one.set_weights(model.get_weights())
        np.testing.assert_array_equal(one.predict(x, verbose=0), model.predict(x, verbose=0))
        assert one.evaluate(x, y, verbose=0) == model.evaluate(x, y, verbose=0)


def images():
    x = Input((None, None, 3), name="image")
    small = layers.MaxPooling2D()(layers.Conv2D(4, 3, padding="same")(x))
    both = layers.Concatenate()([layers.UpSampling2D()(small), x])
    return Model(x, [layers.Dense(2, name="kind")(layers.GlobalAveragePooling2D()(both)), both])


@pytest.mark.parametrize("file", ["m.npz", "m.keras", "m.h5"])
def test_images_of_any_size_also_from_files(file, tmp_path):
    if file.endswith("h5"):
        pytest.importorskip("h5py")
    model = images()
    assert model.output_shape == [(None, 2), (None, None, None, 7)]
    model.save(tmp_path / file)
    again = load_model(tmp_path / file)
    assert again.input_shape == (None, None, None, 3) and again.output_shape == model.output_shape
    for size in ((8, 6), (4, 10)):
        x = RNG.random((3, *size, 3))
        assert list(model.compute_output_shape((None, *size, 3))) == [(None, 2), (None, *size, 7)]
        for a, b in zip(model.predict(x, verbose=0), again.predict(x, verbose=0), strict=True):
            np.testing.assert_array_equal(a, b)
        assert b.shape == (3, *size, 7)


def test_as_keras_infers_them():
    keras = pytest.importorskip("keras_twin").keras
    for make in (
        lambda L: L.Conv1D(5, 4, strides=2), lambda L: L.Conv1D(5, 2, padding="causal", dilation_rate=4), lambda L: L.AveragePooling1D(3),
        lambda L: L.Bidirectional(L.LSTM(4, return_sequences=True)), lambda L: L.GlobalMaxPooling1D(), lambda L: L.Reshape((-1, 1)),
        lambda L: L.Permute((2, 1)), lambda L: L.ZeroPadding1D(2), lambda L: L.TimeDistributed(L.Dense(7)),
        lambda L: L.LayerNormalization(),
    ):  # fmt: skip
        theirs = make(keras.layers)(keras.Input((None, 2))).shape
        ours = make(layers)(Input((None, 2))).shape
        assert ours == tuple(theirs), make(layers)


def test_tokens_and_masks():
    tokens = Input((None,))
    model = Model(tokens, layers.Dense(1)(layers.LSTM(4)(layers.Embedding(9, 3, mask_zero=True)(tokens))))
    x = RNG.integers(1, 9, (5, 6))
    np.testing.assert_allclose(model.predict(np.pad(x, ((0, 0), (0, 3))), verbose=0), model.predict(x, verbose=0), rtol=1e-6)


@pytest.mark.parametrize(
    ("make", "layer"),
    [
        (lambda: Sequential([layers.Flatten(input_shape=(None, 3)), layers.Dense(2, name="d")]), "d"),
        (lambda: Sequential([Input((None, 3)), layers.PReLU(name="p")]), "p"),
        (lambda: layers.Dense(2, name="last")(Input((3, None))), "last"),
    ],
)
def test_weights_cannot_depend_on_them(make, layer):
    with pytest.raises(ValueError, match=rf"Layer '{layer}': its weights depend on an axis whose size is not known.*None"):
        make()


def test_errors_speak_of_none():
    with pytest.raises(ValueError, match=r"predict .*: expected shape \(None, None, 2\). Received: \(4, 3, 5\)"):
        sequences("GRU", None).predict(np.zeros((4, 3, 5)), verbose=0)
    with pytest.raises(ValueError, match=r"Received: .*\(None, None, 3\)") as error:
        layers.Conv2D(2, 3)(Input((None, 3)))
    assert "55440" not in str(error.value)


def test_what_is_handed_on_stays_the_same_object():
    shape = (None, None, 3)
    assert shapes_out(lambda s: s, shape) is shape
    assert shapes_out(lambda s: (*s[:1], s[1] // 2, 8), shape) == (None, None, 8)


def test_explain_and_summary_of_open_axes():
    model = sequences("GRU", None)
    said: list[str] = []
    model.summary(print_fn=said.append)
    assert "(None, None, 5)" in said[0]
    assert "Nodes:" in model.explain(print_fn=said.append)
