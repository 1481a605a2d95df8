"""Numbers drawn within a graph: by a shape with a symbolic length, anew in every step."""

import numpy as np
import pytest

from gpunn import Input, Model, layers, ops
from gpunn.models import Sequential
from gpunn.ops import drawing
from gpunn.optimizers import SGD, Adam
from gpunn.utils import set_random_seed


class Noise(layers.Layer):
    """x + drawn numbers, also outside of training."""

    def __init__(self, draw=drawing.normal, **options):
        super().__init__()
        self.draw, self.options = draw, options

    def call(self, x):
        return x + self.draw(ops.shape(x), **self.options)


class Sampling(layers.Layer):
    """What a variational autoencoder draws its code by, with the KL term of its loss (Kingma & Welling 2014, appendix B)."""

    def call(self, inputs):
        mean, log_variance = inputs
        self.add_loss(-0.5 * ops.mean(1.0 + log_variance - ops.square(mean) - ops.exp(log_variance)))
        rows, wide = ops.shape(mean)
        return mean + ops.exp(0.5 * log_variance) * drawing.normal((rows, wide))


def of_zeros(layer, rows=4000):
    set_random_seed(3)
    return Sequential([Input((5,)), layer]).predict(np.zeros((rows, 5)), batch_size=rows, verbose=0)


@pytest.mark.parametrize("device", ["cpu", "sim"])
def test_new_numbers_in_every_step(device):
    set_random_seed(5)
    model = Sequential([Input((3,)), Noise(), layers.Dense(1, kernel_initializer="ones")]).to(device)
    model.compile(SGD(0.0), "mse")
    x, y = np.zeros((8, 3)), np.zeros((8, 1))
    losses = [model.train_on_batch(x, y) for _ in range(4)]
    assert len(set(losses)) == 4 and model.recordable
    history = model.fit(np.zeros((32, 3)), np.zeros((32, 1)), batch_size=8, epochs=3, verbose=0).history["loss"]
    assert len(set(history)) == 3


def test_the_same_numbers_on_both_devices():
    found = []
    for device in ("cpu", "sim"):
        set_random_seed(5)
        model = Sequential([Input((3,)), Noise()]).to(device)
        model.compile("sgd", "mse")
        found.append(model.predict(np.zeros((6, 3)), verbose=0))
    np.testing.assert_allclose(*found, rtol=1e-5, atol=1e-6)


def test_distributions(cpu):
    n = of_zeros(Noise(mean=2.0, stddev=3.0))
    assert n.mean() == pytest.approx(2, abs=0.08) and n.std() == pytest.approx(3, abs=0.08)
    u = of_zeros(Noise(drawing.uniform, minval=-1.0, maxval=3.0))
    assert u.min() >= -1 and u.max() <= 3 and u.mean() == pytest.approx(1, abs=0.05) and u.std() == pytest.approx(4 / 12**0.5, abs=0.03)
    assert len(np.unique(n)) > 0.9 * n.size, "rows and columns differ"
    set_random_seed(1)
    first, second = drawing.normal((3, 2)), drawing.normal((3, 2))
    assert not np.array_equal(first, second) and first.dtype == np.float32
    np.testing.assert_array_equal(drawing.normal((3, 2), seed=4), drawing.normal((3, 2), seed=drawing.SeedGenerator(4)))
    assert 0 <= drawing.uniform((100,)).min() and drawing.uniform((100,), maxval=0.5).max() <= 0.5


def test_a_call_s_own_seed(cpu):
    a, b = of_zeros(Noise(seed=7)), of_zeros(Noise(seed=7))
    np.testing.assert_array_equal(a, b)
    assert not np.array_equal(a, of_zeros(Noise(seed=8)))


@pytest.mark.parametrize("device", ["cpu", "sim"])
def test_a_variational_autoencoder_learns(device):
    set_random_seed(2)
    rng = np.random.default_rng(0)
    x = (rng.standard_normal((256, 2)) @ rng.standard_normal((2, 8))).astype("float32")
    image = Input((8,))
    hidden = layers.Dense(16, "tanh")(image)
    code = Sampling()([layers.Dense(2)(hidden), layers.Dense(2)(hidden)])
    model = Model(image, layers.Dense(8)(layers.Dense(16, "tanh")(code))).to(device)
    model.compile(Adam(0.02), "mse")
    assert model.recordable
    losses = model.fit(x, x, batch_size=32, epochs=20, verbose=0).history["loss"]
    assert losses[-1] < 0.85 * losses[0] and np.isfinite(losses).all()


class Dropped(layers.Layer):
    def call(self, x, training=None):
        return drawing.dropout(x, 0.25) if training else x


def test_dropout_of_a_call(cpu):
    set_random_seed(3)
    model = Sequential([Input((50,)), Dropped(), layers.Dense(1, kernel_initializer="ones", trainable=False)])
    x = np.ones((400, 50))
    np.testing.assert_array_equal(model.predict(x, verbose=0), 50)
    y = model(x, training=True)
    assert y.mean() == pytest.approx(50, abs=0.5) and y.std() == pytest.approx((50 * 0.25 / 0.75) ** 0.5, abs=0.4)


def test_a_stack_without_input_within_a_model(cpu):
    class Own(Model):
        def __init__(self):
            super().__init__()
            self.hidden, self.last = layers.Dense(4), Sequential([layers.Dense(3, "tanh"), layers.Dense(2)])

        def call(self, x):
            return self.last(self.hidden(x))

    model = Own()
    model.compile("sgd", "mse")
    model.fit(np.ones((8, 5)), np.ones((8, 2)), verbose=0)
    assert model.predict(np.ones((3, 5)), verbose=0).shape == (3, 2) and len(model.weights) == 6


def test_lengths_that_are_none_of_a_tensor():
    x = Input((3,))
    with pytest.raises(TypeError, match=r"expected whole numbers and lengths that gpunn\.ops\.shape gives"):
        drawing.normal((x, 3))
