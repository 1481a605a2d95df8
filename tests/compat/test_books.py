"""What chapters and examples do beside `fit`, beside Keras: losses of a call, masks, statistics, steps of several inputs."""

import numpy as np
import pytest

import gpunn
from gpunn import layers

pytestmark = pytest.mark.usefixtures("cpu")
RNG = np.random.default_rng(0)
A, B = (RNG.normal(size=(6, 4)).astype("float32") for _ in range(2))


@pytest.fixture
def libraries():
    """gpunn, and Keras as it is by default, of 32 bits."""
    twin = pytest.importorskip("keras_twin")
    with twin.jax.enable_x64(False):
        yield gpunn, twin.keras


def within(library, model):
    """The losses after two calls of a model: those of the last."""
    model(A)
    model(B)
    return [float(loss) for loss in model.losses]


@pytest.mark.parametrize("kind", ["sequential", "graph", "class"])
def test_losses_of_the_last_call(libraries, kind):
    """An autoencoder that adds a loss of its own: `losses` says it after a call on arrays."""
    found = []
    for library in libraries:

        class Adding(library.layers.Layer):
            def call(self, x):
                self.add_loss(type(self).library.ops.mean(x * x))
                return x + 1.0

        Adding.library = library

        class Whole(library.Model):
            def __init__(self):
                super().__init__()
                self.adding = Adding()

            def call(self, x):
                self.add_loss(Adding.library.ops.sum(x))
                return self.adding(x)

        given = library.layers.Input((4,))
        made = {
            "sequential": lambda: library.Sequential([given, Adding()]), "graph": lambda: library.Model(given, Adding()(given)),  # noqa: B023
            "class": Whole,
        }
        found.append(sorted(within(library, made[kind]())))
    assert found[0] == pytest.approx(found[1], rel=1e-5) and len(found[0]) == (2 if kind == "class" else 1)


def test_a_mask_of_arrays(libraries):
    """Truths, as the guide to masks prints them."""
    x = np.array([[[1.0, 0.0], [0.0, 0.0]], [[2.0, 2.0], [0.0, 2.0]]], "float32")
    for value in (0.0, 2.0):
        ours, theirs = (np.asarray(library.layers.Masking(mask_value=value).compute_mask(x)) for library in libraries)
        assert ours.dtype == theirs.dtype == bool
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("axis", [-1, None, (1, 2)])
def test_statistics_that_were_adapted(libraries, axis):
    """``normalizer.mean`` has an axis for that of the rows, too."""
    x, found = RNG.normal(2, 3, size=(5, 2, 3)).astype("float32"), []
    for library in libraries:
        layer = library.layers.Normalization(axis=axis)
        assert layer.mean is None or library is not gpunn
        layer.adapt(x)
        found.append([np.asarray(layer.mean), np.asarray(layer.variance), np.asarray(layer(x))])
    for ours, theirs in zip(*found, strict=True):
        assert ours.shape == theirs.shape and ours.dtype == theirs.dtype
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


def test_statistics_that_were_given(libraries):
    found = []
    for library in libraries:
        layer = library.layers.Normalization(mean=[1.0, 2.0, 3.0, 4.0], variance=[2.0, 2.0, 1.0, 1.0])
        layer(A)
        found.append([np.asarray(layer.mean), np.asarray(layer.variance)])
    for ours, theirs in zip(*found, strict=True):
        assert ours.shape == theirs.shape
        np.testing.assert_array_equal(ours, theirs)


def test_a_loss_of_two_inputs_and_no_targets(libraries):
    """Two views of the same images, which a class compares in its own `compute_loss`: neither is a target."""
    found = []
    for library in libraries:

        class Pair(library.Model):
            def __init__(self):
                super().__init__()
                self.dense = type(self).library.layers.Dense(3, kernel_initializer="ones")

            def call(self, x):
                return self.dense(x[0]), self.dense(x[1])

            def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
                assert len(x) == 2 and y is None
                return type(self).library.ops.mean(type(self).library.ops.square(y_pred[0] - y_pred[1]))

        Pair.library = library
        model = Pair()
        model([A, B])
        model.compile(library.optimizers.SGD(0.01))
        found.append(model.fit([A, B], epochs=3, batch_size=3, shuffle=False, verbose=0).history["loss"])
    assert found[0] == pytest.approx(found[1], rel=1e-5)


@pytest.mark.parametrize("count", [2, 3, 4])
def test_a_step_of_several_inputs_and_no_targets(count):
    """`train_step` gets them as Keras packs them, in a tuple of one."""
    seen = []

    class Pair(gpunn.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(1)

        def call(self, x):
            return self.dense(sum(x[1:], x[0]))

        def train_step(self, data):
            x, y, weight = gpunn.utils.unpack_x_y_sample_weight(data)
            seen.append((len(x), y, weight))
            with gpunn.GradientTape() as tape:
                loss = gpunn.ops.mean(self(x, training=True) ** 2)
            self.optimizer.apply(tape.gradient(loss, self.trainable_weights), self.trainable_weights)
            return {"loss": loss}

    model = Pair()
    model.compile("sgd")
    model.fit([A, B, A, B][:count], verbose=0)
    assert seen[0] == (count, None, None)


def test_weights_as_numbers(libraries):
    """A counter that a layer keeps, read as a number."""
    for library in libraries:
        layer = library.layers.Layer()
        count = layer.add_weight(shape=(), initializer="zeros", trainable=False, dtype="int32", name="count")
        count.assign(7)
        rate = layer.add_weight(shape=(), initializer="ones", trainable=False, name="rate")
        assert int(count) == 7 and float(rate) == 1.0
