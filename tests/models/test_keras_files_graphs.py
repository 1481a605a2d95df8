"""Files of functional models: Keras 3 reads ours and we read Keras's, with equal predictions, losses and training on either side."""

import graphs
import numpy as np
import pytest
from keras_twin import assert_same_weights, compute_in, gpunn, keras

from gpunn.models import load_model

pytestmark = [
    pytest.mark.usefixtures("cpu", "float64"), pytest.mark.filterwarnings("ignore:.*HDF5 file.*"),
    pytest.mark.filterwarnings("ignore::UserWarning:keras.*"),
]


@pytest.fixture(autouse=True)
def _float64():
    compute_in("float64")


def towers(k):
    """Models within models, each used once; images and steps; BatchNormalization's statistics."""
    i = k.Input((3, 4))
    h = k.layers.LSTM(3, return_sequences=True)(i)
    block = k.Model(i, k.layers.GRU(3)(k.layers.Bidirectional(k.layers.LSTM(2, return_sequences=True))(h)), name="steps")
    image = k.Sequential(
        [k.Input((3, 4)), k.layers.Reshape((3, 4, 1)), k.layers.Conv2D(3, 2, activation="relu"), k.layers.MaxPooling2D((1, 3)),
         k.layers.BatchNormalization(), k.layers.Flatten()], name="image",
    )
    x = k.Input((3, 4))
    joined = k.layers.Concatenate()([block(x), image(x)])
    return k.Model(x, k.layers.Dense(3, activation="softmax")(joined)), graphs.WIDE, graphs.LABELS


def attention(k):
    """Self attention, and to another sequence; ours may be called on a list."""
    x, y = k.Input((3, 4)), k.Input((4,))
    other = k.layers.Reshape((2, 2))(y)
    h = k.layers.MultiHeadAttention(2, 3, output_shape=5)(x, x)
    own = k.layers.MultiHeadAttention(2, 2)
    h = own([h, other]) if k is gpunn else own(h, other)
    h = k.layers.LayerNormalization()(h)
    return k.Model([x, y], k.layers.Dense(2)(k.layers.Flatten()(h))), [graphs.WIDE, graphs.B], graphs.NUMBERS


GRAPHS = graphs.ONE_OUTPUT | {"towers": (towers, "sparse_categorical_crossentropy"), "attention": (attention, "mse")}
NEAR = 1e-6  # in a graph some of Keras's activations compute in float32
NOT_KERAS = {("shared", ".keras"), ("nested", ".keras")}  # Keras 3.15 cannot read its own files of these


def step(model, x, y, count=5):
    for _ in range(count):
        model.train_on_batch(x, y)


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow) if n in ("residual", "moved", "attention") else n for n in GRAPHS]
)
def test_one_output(tmp_path, name, suffix):
    build, loss = GRAPHS[name]
    ours, x, y = build(gpunn)
    ours.compile("adam", gpunn.losses.get(loss))
    step(ours, x, y)
    ours.save(tmp_path / f"ours{suffix}")
    again = load_model(tmp_path / f"ours{suffix}")
    np.testing.assert_array_equal(again.predict(x), ours.predict(x))
    if (name, suffix) not in NOT_KERAS:
        theirs = keras.models.load_model(tmp_path / f"ours{suffix}")
        np.testing.assert_allclose(theirs.predict(x, verbose=0), ours.predict(x), rtol=0, atol=NEAR)
        theirs.save(tmp_path / f"theirs{suffix}")
        if suffix == ".keras":
            step(theirs, x, y)
    step(ours, x, y)
    step(again, x, y)
    for a, b in zip(ours.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    if (name, suffix) in NOT_KERAS:
        return
    back = load_model(tmp_path / f"theirs{suffix}")
    if suffix == ".h5":  # from which Keras does not restore the optimizer of a functional model
        np.testing.assert_allclose(back.predict(x), theirs.predict(x, verbose=0), rtol=0, atol=NEAR)
        return
    step(back, x, y)
    near = {"towers": 2e-6, "attention": 2e-5}.get(name, 1e-7)  # the key's bias has no gradient but rounding, which Adam makes large
    assert_same_weights(ours, theirs, near)
    assert_same_weights(back, theirs, near)


@pytest.mark.parametrize("suffix", [".keras", ".h5", ".npz", ".weights.h5", ".safetensors"])
def test_several_inputs_and_outputs(tmp_path, suffix):
    ours, x, y = graphs.many(gpunn)
    L = gpunn.losses
    ours.compile(
        "adam", {"labels": L.SparseCategoricalCrossentropy(), "numbers": L.MeanAbsoluteError(), "bits": L.BinaryCrossentropy()},
        metrics={"labels": ["accuracy"]}, loss_weights={"numbers": 0.1, "bits": 1.0, "labels": 3.0},
    )
    step(ours, x, y)
    path = tmp_path / f"ours{suffix}"
    if suffix in (".weights.h5", ".safetensors"):
        ours.save_weights(path)
        fresh, _, _ = graphs.many(gpunn)
        fresh.load_weights(path)
        for a, b in zip(fresh.predict(x), ours.predict(x), strict=True):
            np.testing.assert_array_equal(a, b)
        return
    ours.save(path)
    again = load_model(path)
    assert again.evaluate(x, y, verbose=0) == ours.evaluate(x, y, verbose=0) and again.output_names == ours.output_names
    if suffix == ".npz":
        return
    theirs = keras.models.load_model(path)
    np.testing.assert_allclose(theirs.evaluate(x, y, verbose=0), ours.evaluate(x, y, verbose=0), rtol=1e-6)
    theirs.save(tmp_path / f"theirs{suffix}")
    back = load_model(tmp_path / f"theirs{suffix}")
    np.testing.assert_allclose(back.evaluate(x, y, verbose=0), ours.evaluate(x, y, verbose=0), rtol=1e-6)


def test_layers_that_several_models_hold_are_one_again(tmp_path):
    ours, _, _ = graphs.shared(gpunn)
    ours.save(tmp_path / "m.keras")
    again = load_model(tmp_path / "m.keras")
    inner = next(layer for layer in again.layers if isinstance(layer, gpunn.Sequential))
    assert inner.layers[0] in again.layers or inner.layers[1] in again.layers
    assert len(again.get_weights()) == len(ours.get_weights())
    theirs, x, _ = graphs.shared(keras)
    theirs.save(tmp_path / "theirs.keras")
    np.testing.assert_allclose(load_model(tmp_path / "theirs.keras").predict(x), theirs.predict(x, verbose=0), rtol=0, atol=NEAR)


def class_of_the_users(k):
    class Net(k.Model):
        def __init__(self):
            super().__init__()
            self.last = k.layers.Dense(3)
            self.blocks = [k.layers.Dense(5, activation="relu"), k.layers.BatchNormalization(), k.layers.Dense(4)]

        def call(self, x):
            for block in self.blocks:
                x = block(x)
            return self.last(x)

    model = Net()
    model(graphs.A)
    return model


def test_weights_of_a_class_of_the_users(tmp_path):
    """By its attributes, as Keras has them."""
    ours, theirs, again = class_of_the_users(gpunn), class_of_the_users(keras), class_of_the_users(gpunn)
    ours.save_weights(tmp_path / "ours.weights.h5")
    theirs.load_weights(tmp_path / "ours.weights.h5")
    np.testing.assert_allclose(theirs.predict(graphs.A, verbose=0), ours.predict(graphs.A), rtol=0, atol=NEAR)
    theirs.save_weights(tmp_path / "theirs.weights.h5")
    again.load_weights(tmp_path / "theirs.weights.h5")
    np.testing.assert_array_equal(again.predict(graphs.A), ours.predict(graphs.A))
