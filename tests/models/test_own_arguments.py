"""A class derived from Model whose `call` takes more than its inputs: further arrays and options count, as in Keras, or are refused."""

import numpy as np
import pytest
from keras_twin import compute_in, keras

import gpunn

RNG = np.random.default_rng(0)
A, B, C = (RNG.normal(size=(5, 3)) for _ in range(3))


def made(library):
    class Pair(library.Model):
        def __init__(self):
            super().__init__()
            self.dense = library.layers.Dense(2)

        def call(self, x, other=None, several=None, scale=1.0, both=False, training=False):
            found = self.dense(x) * scale
            found = found if other is None else found + self.dense(other) ** 2
            for one in several or ():
                found = found - self.dense(one)
            return (found, found * 2) if both else found

    return Pair()


CALLS = {
    "second": lambda m: m(A, B), "by name": lambda m: m(A, other=B), "number": lambda m: m(A, scale=3.0),
    "all": lambda m: m(A, B, several=[C, A], scale=2.0, training=True), "other values": lambda m: m(A, C, several=[B, A], scale=2.0),
}  # fmt: skip


@pytest.mark.parametrize("built", [False, True])
def test_they_count(built, either_cpu, float64):
    compute_in("float64")
    ours, theirs = made(gpunn), made(keras)
    if built:
        ours(A)
    first = ours(A, B)
    theirs(A)
    theirs.set_weights(ours.get_weights())
    np.testing.assert_allclose(first, theirs(A, B), rtol=1e-6)
    for name, call in CALLS.items():
        np.testing.assert_allclose(call(ours), call(theirs), rtol=1e-6, err_msg=name)
    for mine, other in zip(ours(A, both=True), theirs(A, both=True), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-6)
    with gpunn.GradientTape() as tape:
        loss = gpunn.ops.sum(ours(A, other=gpunn.Variable(B), scale=2.0, training=True))
        more = ours(gpunn.Variable(A), several=[gpunn.Variable(B), C], other=gpunn.Variable(C))
    np.testing.assert_allclose(more, theirs(A, several=[B, C], other=C), rtol=1e-6)
    kernel, bias = (np.asarray(w) for w in ours.get_weights())
    by_kernel, by_bias = tape.gradient(loss, ours.trainable_weights)
    slope = 2 * (B @ kernel + bias)
    np.testing.assert_allclose(by_kernel, 2 * A.T @ np.ones((5, 2)) + B.T @ slope, rtol=1e-6)
    np.testing.assert_allclose(by_bias, 10 + slope.sum(0), rtol=1e-6)


def test_within_other_models(cpu, float64):
    compute_in("float64")
    found = []
    for library in (gpunn, keras):
        x, y, pair = library.layers.Input((3,)), library.layers.Input((3,)), made(library)
        model = library.Model([x, y], pair(x, other=y, scale=3.0))
        model.set_weights([np.arange(6.0).reshape(3, 2), np.ones(2)])
        found.append(model.predict([A, B], verbose=0))
    np.testing.assert_allclose(*found, rtol=1e-6)


def two(library):
    class Two(library.Model):
        def __init__(self):
            super().__init__()
            self.one, self.other = library.layers.Dense(2), library.layers.Dense(2)

        def call(self, x, y, training, scale=1.0):
            return self.one(x) + scale * self.other(y) ** 2

        def train_step(self, data):
            (x, y), target = data
            with gpunn.GradientTape() as tape:
                loss = self.compute_loss(None, target, self(x, y, training=True))
            weights = self.trainable_weights
            self.optimizer.apply(tape.gradient(loss, weights), weights)
            return {"loss": loss}

    return Two()


def nested(library, base):
    class Nested(getattr(library, base, library.layers.Layer)):
        def __init__(self):
            super().__init__()
            self.dense = library.layers.Dense(2)

        def call(self, inputs, extra=None):
            found = self.dense(inputs["a"]) + 2 * self.dense(inputs["b"])
            return found if extra is None else {"more": found + self.dense(extra["c"][0]), "less": found}

    return Nested()


@pytest.mark.parametrize("base", ["Layer", "Model"])
def test_dicts_of_tensors(base, either_cpu, float64):
    compute_in("float64")
    ours, theirs = nested(gpunn, base), nested(keras, base)
    given, extra = {"b": B, "a": A}, {"c": [C]}
    ours(given)
    theirs(given)
    theirs.set_weights(ours.get_weights())
    np.testing.assert_allclose(ours(given), theirs(given), rtol=1e-6)
    expected = theirs(given, extra=extra)
    recorded = gpunn.function(lambda a, b, c: step(ours, a, b, c))
    for found in (ours(given, extra=extra), *(how(A, B, C)[0] for how in (lambda *each: step(ours, *each), recorded, recorded, recorded))):
        for name in ("more", "less"):
            np.testing.assert_allclose(found[name], expected[name], rtol=1e-6)
    bias = recorded(A, B, C)[1][1]
    np.testing.assert_allclose(bias, 4 * np.sum(expected["more"], axis=0) * 2, rtol=1e-6)


def step(layer, a, b, c):
    with gpunn.GradientTape() as tape:
        found = layer({"a": a, "b": gpunn.ops.multiply(b, 1.0)}, extra={"c": [c]})
        loss = gpunn.ops.sum(found["more"] ** 2)
    return found, tape.gradient(loss, layer.trainable_weights)


@pytest.mark.parametrize("named", [False, True])
def test_several_without_defaults(named, either_cpu, float64):
    compute_in("float64")
    ours, theirs = two(gpunn), two(keras)
    first, _ = (m(A, y=B, training=False) if named else m(A, B, training=False) for m in (ours, theirs))
    theirs.set_weights(ours.get_weights())
    np.testing.assert_allclose(first, theirs(A, B, training=False), rtol=1e-6)
    np.testing.assert_allclose(ours(A, C, scale=2.0, training=True), theirs(A, C, scale=2.0, training=True), rtol=1e-6)
    assert [w.shape for w in ours.get_weights()] == [(3, 2), (2,)] * 2
    np.testing.assert_allclose(ours.predict([A, B], verbose=0), first, rtol=1e-6)
    ours.compile("sgd", "mse")
    target = np.zeros((5, 2))
    losses = ours.fit([A, B], target, epochs=2, verbose=0, shuffle=False).history["loss"]
    assert losses[0] == pytest.approx(np.mean(np.square(first)), rel=1e-6) and losses[1] < losses[0]


def test_a_build_that_says_that_it_is_done(cpu):
    class Back(gpunn.Model):
        def build(self, input_shape):
            self.dense = gpunn.layers.Dense(input_shape[-1])
            self.built = True

        def call(self, x):
            return self.dense(x)

    model = Back()
    model.compile("sgd", "mse")
    losses = model.fit(A, A, epochs=2, verbose=0).history["loss"]
    assert losses[1] < losses[0] and Back()(B).shape == (5, 3)


def test_few_forms_are_kept(cpu):
    ours = made(gpunn)
    for scale in range(20):
        ours(A, scale=float(scale))
        with gpunn.GradientTape():
            ours(gpunn.Variable(A), scale=float(scale))
    assert len(ours._plans["more"]) == len(ours.kept_plans) == 16


def test_what_is_refused(cpu):
    with pytest.raises(TypeError, match=r"its call needs x, y\. Expected arrays for these.*Received: 3 for y"):
        two(gpunn)(A, 3)
    with pytest.raises(TypeError, match="Received: nothing for y"):
        two(gpunn)(A, scale=2.0)
    start = gpunn.Input((3,))
    graph = gpunn.Model(start, gpunn.layers.Dense(2)(start))
    with pytest.raises(TypeError, match=r"expected inputs, training and mask\. Received: scale"):
        graph(A, scale=2.0)
    with pytest.raises(ValueError, match=r"expects 1 input\(s\), but it received 2"):
        graph(A, B)


def test_rows_in_a_list(either_cpu):
    ours = made(gpunn)
    np.testing.assert_array_equal(ours(A.tolist(), scale=3.0), ours(A, scale=3.0))
