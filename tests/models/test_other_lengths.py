"""A Sequential whose Input names a length takes rows of others, as in Keras, where its layers do."""

import numpy as np
import pytest
from keras_twin import assert_same_weights, compute_in, keras

import gpunn
from gpunn import layers

RNG = np.random.default_rng(0)
STACKS = {
    "dense": ((8, 3), lambda of: [of.Input((8, 3)), of.Dense(2, "tanh"), of.BatchNormalization(), of.GlobalAveragePooling1D()]),
    "convolutions": ((8, 7, 1), lambda of: [of.Input((8, 7, 1)), of.Conv2D(3, 3), of.GlobalMaxPooling2D(), of.Dense(2)]),
    "recurrent": ((8, 3), lambda of: [of.Input((8, 3)), of.LSTM(4, return_sequences=True), of.GRU(2)]),
    "words": ((8,), lambda of: [of.Input((8,)), of.Embedding(9, 4, mask_zero=True), of.GRU(2)]),
}


def numbers(shape):
    return RNG.integers(0, 9, shape) if len(shape) == 2 else RNG.standard_normal(shape)


@pytest.mark.parametrize(("row", "stack"), STACKS.values(), ids=STACKS)
def test_of_a_given_input(row, stack, either_cpu, float64):
    """Weights, moments and steps go on."""
    compute_in("float64")
    ours, theirs = (library.Sequential(stack(library.layers)) for library in (gpunn, keras))
    theirs.set_weights(ours.get_weights())
    for library, model in ((gpunn, ours), (keras, theirs)):
        model.compile(library.optimizers.SGD(0.01, momentum=0.9), "mse")
    for length in (8, 6, 8):
        x, y = numbers((10, length, *row[1:])), RNG.standard_normal((10, 2))
        for model in (ours, theirs):
            model.fit(x, y, batch_size=10, shuffle=False, verbose=0)
        np.testing.assert_allclose(ours(x), theirs(x), rtol=1e-6)
    assert_same_weights(ours, theirs)
    assert ours.optimizer.iterations == 3


def test_of_an_input_shape_of_the_first_layer(cpu):
    model = gpunn.Sequential([layers.Embedding(9, 4, input_length=8), layers.GlobalAveragePooling1D()])
    x = RNG.integers(0, 9, (3, 5))
    np.testing.assert_allclose(model.predict(x), model.layers[0](x).mean(axis=1), rtol=1e-6)


def test_what_weights_depend_on_stays(cpu):
    """The model is as it was, its optimizer too."""
    model = gpunn.Sequential([layers.Input((4, 3)), layers.Flatten(), layers.Dense(2)])
    model.compile("adam", "mse")
    model.fit(np.ones((5, 4, 3)), np.ones((5, 2)), verbose=0)
    before = [*model.get_weights(), *(v.numpy() for v in model.optimizer.variables)]
    with pytest.raises(ValueError, match=r"expected shape \(None, 4, 3\). Received: \(5, 6, 3\)"):
        model.predict(np.ones((5, 6, 3)))
    assert model.input_shape == (None, 4, 3)
    for a, b in zip(before, [*model.get_weights(), *(v.numpy() for v in model.optimizer.variables)], strict=True):
        np.testing.assert_array_equal(a, b)


def test_graphs_keep_the_sizes_of_their_inputs(cpu):
    x = layers.Input((8, 3))
    model = gpunn.Model(x, layers.Dense(2)(x))
    with pytest.raises(ValueError, match=r"expected shape \(None, 8, 3\). Received: \(5, 6, 3\)"):
        model(np.ones((5, 6, 3)))
