"""Masks that a graph's layers are given by name, that the user's layers make and ask for, beside Keras 3."""

import numpy as np
import pytest
from keras_twin import compute_in, keras

import gpunn

pytestmark = pytest.mark.usefixtures("float64")
RNG = np.random.default_rng(0)
TOKENS = np.array([[3, 1, 0, 0], [2, 5, 4, 0], [1, 1, 2, 6]])
OTHERS = np.array([[1, 2, 3, 0, 0], [4, 0, 0, 0, 0], [5, 6, 1, 2, 3]])
SEEN = TOKENS != 0


def both(make, *x):
    """Predictions of the same model in both libraries, with the same weights."""
    compute_in("float64")
    ours, theirs = make(gpunn), make(keras)
    theirs.set_weights(ours.get_weights())
    given = list(x) if len(x) > 1 else x[0]
    return ours.predict(given, verbose=0), theirs.predict(given, verbose=0)


def agree(make, *x, seen=None):
    mine, other = both(make, *x)
    if seen is not None:  # at steps that are masked Keras's attention is of raw scores
        mine, other = mine[seen], other[seen]
    np.testing.assert_allclose(mine, other, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "SimpleRNN"])
def test_a_mask_by_name(kind):
    def make(lib):
        tokens = lib.layers.Input((4,), dtype="int32")
        mask = lib.ops.not_equal(tokens, 0)
        return lib.Model(tokens, getattr(lib.layers, kind)(3)(lib.layers.Embedding(7, 4)(tokens), mask=mask))

    agree(make, TOKENS)


@pytest.mark.parametrize("shape", ["pairs", "places", "causal"])
def test_attention_masks_of_the_graph(shape):
    def make(lib):
        ops, tokens = lib.ops, lib.layers.Input((4,), dtype="int32")
        x = lib.layers.Embedding(7, 6)(tokens)
        mask = ops.cast(ops.not_equal(tokens, 0), "int32")[:, None, :]
        if shape == "pairs":
            mask = ops.logical_and(mask, np.tri(4, dtype="int32")[None])
        elif shape == "causal":
            mask = ops.cast(np.tri(4, dtype="int32")[None], "int32")
        return lib.Model(tokens, lib.layers.MultiHeadAttention(2, 3)(query=x, value=x, key=x, attention_mask=mask))

    agree(make, TOKENS, seen=SEEN if shape == "pairs" else None)


def test_masks_of_query_and_key_by_name():
    def make(lib):
        a, b = lib.layers.Input((4,), dtype="int32"), lib.layers.Input((5,), dtype="int32")
        table = lib.layers.Embedding(7, 6)
        x, y = table(a), table(b)
        masks = {"query_mask": lib.ops.not_equal(a, 0), "key_mask": lib.ops.not_equal(b, 0)}
        return lib.Model([a, b], lib.layers.MultiHeadAttention(2, 3)(query=x, value=y, key=y, **masks))

    agree(make, TOKENS, OTHERS, seen=SEEN)


def test_the_shares_of_attention():
    def make(lib):
        x = lib.layers.Input((4, 6))
        y, shares = lib.layers.MultiHeadAttention(2, 3)(x, x, return_attention_scores=True)
        return lib.Model(x, [y, shares])

    (y, shares), (other, theirs) = both(make, RNG.standard_normal((3, 4, 6)))
    np.testing.assert_allclose(y, other, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(shares, theirs, rtol=1e-6, atol=1e-8)


def positions(lib):
    class Positions(lib.layers.Layer):
        """An embedding of tokens and places, which says what is padding."""

        def __init__(self, places, **options):
            super().__init__(**options)
            self.tokens, self.places = lib.layers.Embedding(7, 6), lib.layers.Embedding(places, 6)

        def call(self, x):
            return self.tokens(x) + self.places(lib.ops.arange(0, lib.ops.shape(x)[-1], 1))

        def compute_mask(self, x, mask=None):
            return lib.ops.not_equal(x, 0)

    return Positions


@pytest.mark.filterwarnings("ignore:Layer:UserWarning")
@pytest.mark.parametrize("behind", ["GRU", "GlobalAveragePooling1D", "MultiHeadAttention"])
def test_a_layer_of_the_users_makes_a_mask(behind):
    def make(lib):
        tokens = lib.layers.Input((4,), dtype="int32")
        x = positions(lib)(4)(tokens)
        if behind == "MultiHeadAttention":
            return lib.Model(tokens, lib.layers.MultiHeadAttention(2, 3)(x, x))
        return lib.Model(tokens, lib.layers.GRU(3)(x) if behind == "GRU" else lib.layers.GlobalAveragePooling1D()(x))

    agree(make, TOKENS, seen=SEEN if behind == "MultiHeadAttention" else None)


def test_a_layer_of_the_users_asks_for_masks():
    def make(lib):
        class Pair(lib.layers.Layer):
            def __init__(self, **options):
                super().__init__(**options)
                self.attention, self.supports_masking = lib.layers.MultiHeadAttention(2, 3), True

            def call(self, inputs, mask=None):
                x, y = inputs
                queries, places = mask or (lib.ops.ones((1, 4)), lib.ops.ones((1, 5)))  # None where Keras builds it
                seen = lib.ops.cast(queries, x.dtype)[:, :, None]
                return seen * (x + self.attention(query=x, value=y, key=y, attention_mask=places[:, None, :]))

        a, b = lib.layers.Input((4,), dtype="int32"), lib.layers.Input((5,), dtype="int32")
        x = lib.layers.Embedding(7, 6, mask_zero=True)(a)
        return lib.Model([a, b], Pair()([x, positions(lib)(5)(b)]))

    agree(make, TOKENS, OTHERS, seen=SEEN)


def test_a_mask_for_each_output():
    def make(lib):
        class Halves(lib.layers.Layer):
            def call(self, x):
                return lib.ops.split(x, 2, axis=1)

            def compute_mask(self, x, mask=None):
                return None if mask is None else lib.ops.split(mask, 2, axis=1)

        tokens = lib.layers.Input((4,), dtype="int32")
        first, second = Halves()(lib.layers.Embedding(7, 6, mask_zero=True)(tokens))
        return lib.Model(tokens, lib.layers.Concatenate()([lib.layers.GRU(3)(first), lib.layers.GRU(3)(second)]))

    agree(make, TOKENS)


def test_without_a_mask_it_gets_none(cpu):
    class Asks(gpunn.layers.Layer):
        def call(self, x, mask=None):
            return x if mask is None else x * 0

    x = gpunn.Input((4, 2))
    given = RNG.standard_normal((3, 4, 2))
    np.testing.assert_array_equal(gpunn.Model(x, Asks()(x)).predict(given, verbose=0), given)
    masked = gpunn.Model(x, Asks()(gpunn.layers.Masking()(x)))
    np.testing.assert_array_equal(masked.predict(given, verbose=0), 0 * given)


@pytest.mark.parametrize("device", ["cpu", pytest.param("sim", marks=pytest.mark.slow)])
def test_steps_of_a_translator_with_open_lengths(device):
    """As keras.io's: causal masks repeated for as many rows as there are, positions up to an open length, masks through it all."""
    layers, ops = gpunn.layers, gpunn.ops

    class Decoder(layers.Layer):
        def __init__(self):
            super().__init__()
            self.first, self.second = layers.MultiHeadAttention(2, 3), layers.MultiHeadAttention(2, 3)

        def call(self, inputs, mask=None):
            x, read = inputs
            rows, steps = ops.shape(x)[0], ops.shape(x)[1]
            causal = ops.reshape(ops.cast(ops.arange(steps)[:, None] >= ops.arange(steps), "int32"), (1, steps, steps))
            times = ops.concatenate([ops.expand_dims(rows, -1), ops.convert_to_tensor([1, 1])], axis=0)
            x = x + self.first(query=x, value=x, key=x, attention_mask=ops.tile(causal, times), query_mask=mask[0])
            return x + self.second(query=x, value=read, key=read, query_mask=mask[0], key_mask=mask[1])

    gpunn.utils.set_random_seed(1)
    a, b = layers.Input((None,), dtype="int32"), layers.Input((None,), dtype="int32")
    Positions = positions(gpunn)
    model = gpunn.Model([a, b], layers.Dense(7, "softmax")(Decoder()([Positions(9)(a), Positions(9)(b)]))).to(device)
    model.compile("adam", gpunn.losses.SparseCategoricalCrossentropy(ignore_class=0))
    losses = model.fit([TOKENS, OTHERS], TOKENS, epochs=3, batch_size=2, verbose=0).history["loss"]
    assert model.recordable and losses[-1] < losses[0]
    whole, short = model.predict([TOKENS, OTHERS], verbose=0), model.predict([TOKENS[:, :2], OTHERS], verbose=0)
    np.testing.assert_allclose(whole[:, :2], short, rtol=1e-6, atol=1e-9)  # a step sees none behind it
    longer = np.concatenate([OTHERS, np.zeros((3, 2), int)], axis=1)
    np.testing.assert_allclose(model.predict([TOKENS, longer], verbose=0)[SEEN], whole[SEEN], rtol=1e-6, atol=1e-9)


def test_what_cannot_be(cpu):
    x = gpunn.Input((4, 6))
    with pytest.raises(ValueError, match="expected query, value"):
        gpunn.layers.MultiHeadAttention(2, 3)(key=x)
    with pytest.raises(ValueError, match="attention_mask of shape"):
        model = gpunn.Model(x, gpunn.layers.MultiHeadAttention(2, 3)(x, x, attention_mask=x))
        model.predict(np.zeros((2, 4, 6)), verbose=0)
    with pytest.raises(TypeError, match="a number of rows for a first axis"):
        gpunn.ops.tile(x, [1, gpunn.ops.shape(x)[0], 1])
    with pytest.raises(TypeError, match="from 0 what"):
        gpunn.ops.arange(1, gpunn.ops.shape(x)[0])
