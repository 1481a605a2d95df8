"""Sequence layers train as Keras 3's do: 20 steps from the same weights, in float64."""

import numpy as np
import pytest
from keras_twin import assert_same_weights, compute_in, jax, keras

import gpunn

pytestmark = pytest.mark.filterwarnings("ignore:Layer 'flatten:UserWarning")  # Keras says that the mask ends there, as it should
ROWS, STEPS, WIDTH = 6, 5, 3


@keras.saving.register_keras_serializable()
def exact_tanh(x):
    """Keras's own returns float32 for float64 (JAX backend)."""
    return jax.numpy.tanh(x)


def tanh(lib):
    return "tanh" if lib is gpunn else exact_tanh


def recurrent(name, units=4, **options):
    return lambda lib: getattr(lib.layers, name)(units, **{"activation": tanh(lib), **options})


def both(inner, **options):
    return lambda lib: lib.layers.Bidirectional(inner(lib), **options)


def dense(units, curved=False):
    return lambda lib: lib.layers.Dense(units, tanh(lib) if curved else None)


def masking(lib):
    return lib.layers.Masking(0.5)


def embedding(**options):
    return lambda lib: lib.layers.Embedding(9, 4, **options)


def each(inner):
    return lambda lib: lib.layers.TimeDistributed(inner(lib))


def flat(lib):
    return lib.layers.Flatten()


CELLS = [("SimpleRNN", {}), ("LSTM", {}), ("GRU", {}), ("GRU", {"reset_after": False})]
CASES = {
    **{f"{n}_{len(o)}_stacked": [recurrent(n, 5, return_sequences=True, **o), recurrent(n, go_backwards=True, **o), dense(2)]
       for n, o in CELLS},
    **{f"{n}_{len(o)}_masked": [masking, recurrent(n, 5, return_sequences=True, **o), recurrent(n, **o), dense(2)] for n, o in CELLS},
    "both_all_masked": [masking, both(recurrent("GRU", return_sequences=True), merge_mode="mul"), flat, dense(2)],
    "lstm_backwards_all": [masking, recurrent("LSTM", return_sequences=True, go_backwards=True), flat, dense(2)],
    "gru_zeros": [masking, recurrent("GRU", return_sequences=True, zero_output_for_mask=True), flat, dense(2)],
    "lstm_options": [
        recurrent("LSTM", activation="relu", recurrent_activation="hard_sigmoid", unit_forget_bias=False, use_bias=True,
                  kernel_regularizer="l2", recurrent_regularizer="l1", bias_regularizer="l2", activity_regularizer="l2",
                  kernel_constraint="max_norm"), dense(2),
    ],
    "gru_without_bias": [recurrent("GRU", use_bias=False), dense(2)],
    **{f"both_{m}": [masking, both(recurrent("LSTM", return_sequences=True), merge_mode=m), both(recurrent("GRU"), merge_mode=m), dense(2)]
       for m in ("concat", "sum", "mul", "ave")},
    "each_step": [recurrent("GRU", return_sequences=True), each(dense(3, True)), flat, dense(2)],
    "dense_on_steps": [recurrent("LSTM", return_sequences=True), dense(3, True), lambda lib: lib.layers.Activation("relu"), flat, dense(2)],
}
TOKENS = {
    "embedding": [embedding(), flat, dense(2)],
    "embedding_masked": [embedding(mask_zero=True), recurrent("LSTM", return_sequences=True), both(recurrent("GRU")), dense(2)],
    "embedding_regularized": [embedding(mask_zero=True, embeddings_regularizer="l2"), recurrent("SimpleRNN"), dense(2)],
}


@pytest.fixture(autouse=True)
def seeded(float64):
    gpunn.utils.set_random_seed(7)


def twins(case, shape, batch=None):
    compute_in("float64")
    models = []
    for library in (gpunn, keras):
        given = library.layers.Input(batch_shape=(batch, *shape)) if batch else library.layers.Input(shape)
        model = library.Sequential([given, *(make(library) for make in case)])
        model.compile(optimizer=library.optimizers.Adam(0.01), loss="mse")
        models.append(model)
    models[1].set_weights(models[0].get_weights())
    return models


def features(seed=0, rows=ROWS):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((rows, STEPS, WIDTH))
    x[rng.random((rows, STEPS)) < 0.3] = 0.5  # masked where a layer masks
    x[0, :2] = x[1] = 0.5
    return x, rng.standard_normal((rows, 2))


def tokens(seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 9, (ROWS, STEPS)) * (rng.random((ROWS, STEPS)) < 0.7), rng.standard_normal((ROWS, 2))


def train(ours, theirs, x, y, **options):
    for model in (ours, theirs):
        model.fit(x, y, epochs=10, batch_size=len(x) // 2, shuffle=False, verbose=0, **options)
    assert_same_weights(ours, theirs)
    np.testing.assert_allclose(ours.predict(x, verbose=0, batch_size=3), theirs.predict(x, verbose=0, batch_size=3), rtol=1e-6, atol=1e-9)


QUICK = ("lstm_options", "dense_on_steps", "embedding_masked", "GRU_0_masked", "SimpleRNN_1_masked", "both_all_masked")  # others are slow


@pytest.mark.parametrize("case", [
    pytest.param(c, marks=() if c in QUICK else pytest.mark.slow) for c in (*CASES, *TOKENS)
])
def test_twenty_steps(case):
    x, y = tokens() if case in TOKENS else features()
    ours, theirs = twins((CASES | TOKENS)[case], x.shape[1:])
    assert [w.shape for w in ours.get_weights()] == [w.shape for w in theirs.get_weights()]
    assert ours.count_params() == theirs.count_params()
    train(ours, theirs, x, y)


@pytest.mark.parametrize("name", ["SimpleRNN", "LSTM", "GRU"])
def test_stateful(name):
    """Against Keras's eager calls: on JAX its `fit` and `predict` forget what a stateful layer's state became."""
    x, y = features()
    ours, theirs = twins([recurrent(name, stateful=True), dense(2)], x.shape[1:], 3)
    for part in (x[:3], x[3:], x[:3]):
        mine, other = ours.predict(part, verbose=0), np.asarray(theirs(part))
        np.testing.assert_allclose(mine, other, rtol=1e-9, atol=1e-12)
        for kept, held in zip(ours.layers[-2].states, theirs.layers[-2].states, strict=True):
            np.testing.assert_allclose(kept, np.asarray(held), rtol=1e-9, atol=1e-12)
    first = ours.predict(x[:3], verbose=0)
    for model in (ours, theirs):
        model.layers[-2].reset_state()
    again = ours.predict(x[:3], verbose=0)
    np.testing.assert_allclose(again, np.asarray(theirs(x[:3])), rtol=1e-9, atol=1e-12)
    assert np.abs(again - first).max() > 1e-4  # it had gone on from where it was
    ours.fit(x, y, batch_size=3, shuffle=False, verbose=0)
    held = ours.get_weights()
    with pytest.raises(ValueError, match=r"stateful: expected batches of 3 rows, as the first. Received: 2 rows"):
        ours.fit(x[:5], y[:5], batch_size=3, verbose=0)  # at the door: the short last batch
    assert all(np.array_equal(a, b) for a, b in zip(ours.get_weights(), held, strict=True))
    ours.layers[-2].reset_state(rows=None)
    assert ours.layers[-2].states is None
    assert ours.predict(x[:2], verbose=0).shape == (2, 2)


@pytest.mark.parametrize("name", ["SimpleRNN", "LSTM", "GRU"])
@pytest.mark.parametrize("backwards", [False, True])
def test_states_in_and_out(name, backwards):
    compute_in("float64")
    options = {"return_sequences": True, "return_state": True, "go_backwards": backwards}
    ours, theirs = (recurrent(name, **options)(lib) for lib in (gpunn, keras))
    x = features()[0]
    rng = np.random.default_rng(3)
    states = [rng.standard_normal((ROWS, 4)) for _ in range(2 if name == "LSTM" else 1)]
    theirs(x)
    ours.ensure_built((None, STEPS, WIDTH))
    ours.set_weights([np.asarray(w) for w in theirs.get_weights()])
    mask = (rng.random((ROWS, STEPS)) < 0.7).astype(float)
    ops = ours.backend
    mine, _ = ours.forward([ops.asarray(a) for a in (x, *states)], False, mask=ops.asarray(mask))
    other = theirs(x, initial_state=states, mask=mask.astype(bool))
    assert len(mine) == len(other)
    for a, b in zip(mine, other, strict=True):
        np.testing.assert_allclose(ops.to_numpy(a), np.asarray(b), rtol=1e-9, atol=1e-12)
    assert [tuple(s) for s in ours.compute_output_shape((None, STEPS, WIDTH))] == [(None, *np.shape(b)[1:]) for b in other]


def test_a_frozen_layer_within_another_rests():
    """It is frozen by itself, in a wrapper or a stack of cells, and by the wrapper."""
    frozen = {"trainable": False}
    layers = [
        each(lambda lib: lib.layers.Dense(3, **frozen)), both(recurrent("LSTM", return_sequences=True, **frozen)),
        lambda lib: lib.layers.RNN([lib.layers.GRUCell(2, **frozen), lib.layers.GRUCell(3)], return_sequences=True),
        each(lambda lib: lib.layers.BatchNormalization()), flat, dense(2),
    ]
    x, y = features()
    ours, theirs = twins(layers, x.shape[1:])
    for model in (ours, theirs):
        model.layers[-3].trainable = False
        model.compile("sgd", "mse")
    assert [w.shape for w in ours.trainable_weights] == [tuple(w.shape) for w in theirs.trainable_weights]
    before = ours.get_weights()
    train(ours, theirs, x, y)
    learnt = [not np.array_equal(a, b) for a, b in zip(before, ours.get_weights(), strict=True)]
    assert sum(learnt) == len(ours.trainable_weights) and not any(learnt[:11])
