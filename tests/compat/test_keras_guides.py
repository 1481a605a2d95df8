"""What the developer guides and examples of Keras do with layers, models and numbers drawn."""

import numpy as np
import pytest

import gpunn
from gpunn import activations, layers, ops
from gpunn.ops import drawing

pytestmark = pytest.mark.usefixtures("cpu")
RNG = np.random.default_rng(0)
X = RNG.normal(size=(32, 5)).astype("float32")
LABELS = RNG.integers(0, 3, 32)


def classifier(last):
    gpunn.utils.set_random_seed(1)
    model = gpunn.Sequential([layers.Input((5,)), layers.Dense(4, "relu"), layers.Dense(3, last)])
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


# ---------------------------------------------------------------------- models
@pytest.mark.parametrize("none", [None, "linear", activations.linear])
def test_an_activation_taken_away(none):
    """Grad-CAM takes the last softmax away: predictions are logits then."""
    model, other = classifier("softmax"), classifier(None)
    model.evaluate(X, LABELS, verbose=0)
    other.set_weights(model.get_weights())
    model.layers[-1].activation = none
    np.testing.assert_allclose(model.predict(X, verbose=0), other.predict(X, verbose=0), rtol=1e-6)


def test_a_loss_of_an_activation_set_later():
    """What was fused with the activation before is fused no more."""
    model, other = classifier("softmax"), classifier("sigmoid")
    model.evaluate(X, LABELS, verbose=0)
    other.set_weights(model.get_weights())
    model.layers[-1].activation = "sigmoid"
    assert model.evaluate(X, LABELS, verbose=0) == pytest.approx(other.evaluate(X, LABELS, verbose=0))
    model.fit(X, LABELS, shuffle=False, verbose=0)
    other.fit(X, LABELS, shuffle=False, verbose=0)
    np.testing.assert_array_equal(model.get_weights()[0], other.get_weights()[0])


def test_an_activation_layer_of_another_kind():
    model = gpunn.Sequential([layers.Input((5,)), layers.Dense(3), layers.Activation("relu")])
    assert model.predict(X, verbose=0).min() == 0
    model.layers[-1].activation = "tanh"
    found = model.predict(X, verbose=0)
    np.testing.assert_allclose(found, np.tanh(X @ model.get_weights()[0]), rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match="activation"):
        model.layers[-1].activation = "no such thing"


def test_an_axis_of_one_more_or_less():
    model = gpunn.Sequential([layers.Input((5, 1)), layers.Flatten(), layers.Dense(1)])
    column = model.predict(X[..., None], verbose=0)
    np.testing.assert_array_equal(model.predict(X, verbose=0), column)
    flat = gpunn.Sequential([layers.Input((5,)), layers.Dense(1)])
    flat.set_weights(model.get_weights())
    np.testing.assert_array_equal(flat.predict(X[..., None], verbose=0), column)
    with pytest.raises(ValueError, match="expected shape"):
        flat.predict(X[..., None, None], verbose=0)


def test_custom_objects_of_a_configuration():
    class Doubled(layers.Layer):
        def call(self, x):
            return x * 2

    x = layers.Input((5,))
    model = gpunn.Model(x, Doubled()(x))
    again = gpunn.Model.from_config(model.get_config(), custom_objects={"Doubled": Doubled})
    np.testing.assert_array_equal(again.predict(X, verbose=0), 2 * X)


def test_a_summary_says_what_learns(capsys):
    model = classifier("softmax")
    first, last = model.layers
    first.trainable = False
    model.summary(show_trainable=True)
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].split()[-1] == "Trainable" and [line.split()[-1] for line in lines[4:6]] == ["N", "Y"]
    model.summary(layer_range=(last.name, last.name))
    text = capsys.readouterr().out
    assert last.name in text and first.name not in text
    with pytest.raises(ValueError, match="two layers"):
        model.summary(layer_range=(last.name,))


def test_a_sequence_that_counts_its_batches():
    class Batches(gpunn.utils.PyDataset):
        def __init__(self, num_batches):
            super().__init__()
            self.num_batches = num_batches

        def __len__(self):
            return self.num_batches

        def __getitem__(self, index):
            return X[:8], LABELS[:8]

    assert Batches(3).num_batches == 3
    assert len(classifier("softmax").fit(Batches(3), verbose=0).history["loss"]) == 1


# ---------------------------------------------------------------------- random numbers
@pytest.mark.parametrize("draw", [drawing.normal, drawing.uniform])
def test_a_seed_generator_goes_on(draw):
    """A GAN that drew the same latent vectors in every step would learn from these alone."""
    one, other = drawing.SeedGenerator(7), drawing.SeedGenerator(7)
    first, second = draw((2, 3), seed=one), draw((2, 3), seed=one)
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(draw((2, 3), seed=other), first)
    np.testing.assert_array_equal(draw((2, 3), seed=other), second)
    np.testing.assert_array_equal(draw((2, 3), seed=7), draw((2, 3), seed=7))


def test_dropout_of_a_seed_generator():
    generator = drawing.SeedGenerator(3)
    first, second = (ops.convert_to_numpy(drawing.dropout(np.ones((4, 8), "float32"), 0.5, seed=generator)) for _ in range(2))
    assert not np.array_equal(first, second) and set(np.unique(first)) <= {0.0, 2.0}
