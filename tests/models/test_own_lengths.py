"""A class derived from Model takes rows of other sizes than it was built for, as in Keras, where its weights do not depend on them."""

import numpy as np
import pytest
from keras_twin import compute_in, keras

import gpunn

RNG = np.random.default_rng(0)
X, Y = RNG.integers(0, 9, (16, 8)), RNG.normal(size=(16, 8, 2))


def made(library, looks):
    class Steps(library.Model):
        def __init__(self):
            super().__init__()
            self.words, self.places = library.layers.Embedding(9, 4), library.layers.Embedding(20, 4)
            self.over, self.out = library.layers.GRU(3, return_sequences=True), library.layers.Dense(2)

        def call(self, x):
            length = x.shape[1] if looks else library.ops.shape(x)[1]
            return self.out(self.over(self.words(x) + self.places(library.ops.arange(0, length))))

    model = Steps()
    model.predict(X, verbose=0)
    model.compile("adam", "mse")
    return model


@pytest.mark.parametrize("looks", [False, True])
def test_other_lengths(looks, either_cpu, float64):
    compute_in("float64")
    ours, theirs = made(gpunn, looks), made(keras, looks)
    theirs.set_weights(ours.get_weights())
    for n in (8, 5, 8):
        losses = [m.fit(X[:, :n], Y[:, :n], batch_size=8, shuffle=False, verbose=0).history["loss"][0] for m in (ours, theirs)]
        assert losses[0] == pytest.approx(losses[1], rel=1e-6), n  # the optimizer's state goes on
        np.testing.assert_allclose(ours(X[:2, : n - 2]), theirs(X[:2, : n - 2]), rtol=1e-6)
    with gpunn.GradientTape() as tape:
        loss = gpunn.ops.sum(ours(X[:, :3], training=True) ** 2)
    assert all(np.asarray(g).any() for g in tape.gradient(loss, ours.trainable_weights))
    assert ours.recordable


def test_what_weights_depend_on_stays(cpu):
    class Flat(gpunn.Model):
        def __init__(self):
            super().__init__()
            self.flat, self.out = gpunn.layers.Flatten(), gpunn.layers.Dense(2)

        def call(self, x):
            return self.out(self.flat(x))

    model = Flat()
    before = model.predict(np.ones((2, 3, 4)), verbose=0)
    with pytest.raises(ValueError, match=r"expected shape \(None, 3, 4\). Received: \(2, 5, 4\)"):
        model(np.ones((2, 5, 4)))
    np.testing.assert_array_equal(model(np.ones((2, 3, 4))), before)
