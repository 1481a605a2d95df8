"""Second derivatives through recurrent layers and attention: a penalty of gradients, against differences of first derivatives."""

import numpy as np
import pytest
from second_derivatives import check

import gpunn
from gpunn import GradientTape, Variable, ops
from gpunn import layers as L

pytestmark = pytest.mark.usefixtures("numpy_alone", "float64")
RNG = np.random.default_rng(0)
MASK = np.array([[1, 1, 0, 1], [1, 0, 0, 1]], bool)

RECURRENT = {
    "simple": lambda: L.SimpleRNN(3), "simple relu": lambda: L.SimpleRNN(3, "softplus", return_sequences=True, use_bias=False),
    "lstm": lambda: L.LSTM(3), "lstm steps": lambda: L.LSTM(2, return_sequences=True, go_backwards=True),
    "lstm other": lambda: L.LSTM(2, "softsign", "tanh", use_bias=False), "gru": lambda: L.GRU(3, return_sequences=True),
    "gru before": lambda: L.GRU(2, reset_after=False), "gru plain": lambda: L.GRU(2, use_bias=False),
    "lstm drops": lambda: L.LSTM(3, dropout=0.4, recurrent_dropout=0.3), "gru drops": lambda: L.GRU(3, dropout=0.4, recurrent_dropout=0.3),
    "both": lambda: L.Bidirectional(L.LSTM(2, return_sequences=True)), "both summed": lambda: L.Bidirectional(L.GRU(2), "sum"),
    "both drop": lambda: L.Bidirectional(L.GRU(2, dropout=0.3), "mul"), "both mean": lambda: L.Bidirectional(L.SimpleRNN(2), "ave"),
    "cell": lambda: L.RNN(L.LSTMCell(2), return_sequences=True), "cells": lambda: L.RNN([L.GRUCell(3), L.SimpleRNNCell(2)]),
    "cell drops": lambda: L.RNN(L.GRUCell(2, dropout=0.3)), "own": lambda: L.RNN(Leaking(2)),
    "own and other": lambda: L.RNN([Leaking(2), L.GRUCell(2)]),
}


class Leaking(L.Layer):
    """A cell of the user's."""

    def __init__(self, units, **common):
        super().__init__(**common)
        self.units = self.state_size = units
        self.dense = L.Dense(units, "tanh")

    def call(self, inputs, states):
        h = 0.7 * states[0] + self.dense(ops.concatenate([inputs, states[0]], axis=-1))
        return h, [h]


def held(model):
    """The model, of the same random numbers in every call."""
    step = np.array(model.rng.step)

    def call(*x):
        model.rng.step[...] = step
        return model(list(x) if len(x) > 1 else x[0], training=True)

    return call


def stirred(model):
    for p in model.trainable_weights:
        p.assign(p.numpy() + 0.3 * RNG.standard_normal(p.shape))
    return model


@pytest.mark.parametrize("name", RECURRENT)
def test_recurrent(name):
    gpunn.utils.set_random_seed(3)
    model = stirred(gpunn.Sequential([gpunn.Input((4, 3)), RECURRENT[name]()]))
    check(held(model), [RNG.standard_normal((2, 4, 3))], model.trainable_weights, what=name)


def test_images_in_steps():
    model = stirred(gpunn.Sequential([gpunn.Input((3, 3, 3, 2)), L.ConvLSTM2D(2, 2, padding="same", return_sequences=True)]))
    check(held(model), [RNG.standard_normal((2, 3, 3, 3, 2))], model.trainable_weights)


MASKED = {
    "lstm": lambda: L.LSTM(2), "lstm steps": lambda: L.LSTM(2, return_sequences=True), "gru": lambda: L.GRU(2, go_backwards=True),
    "both": lambda: L.Bidirectional(L.SimpleRNN(2, return_sequences=True)), "cell": lambda: L.RNN(L.GRUCell(2), return_sequences=True),
    "zeros": lambda: L.RNN(L.SimpleRNNCell(2), return_sequences=True, zero_output_for_mask=True),
}


@pytest.mark.parametrize("name", MASKED)
def test_masked_steps(name):
    """Values and both derivatives, of steps that a mask by name leaves out."""
    layer = MASKED[name]()
    layer(np.zeros((2, 4, 3)))
    stirred(layer)
    check(lambda x: layer(x, mask=MASK), [RNG.standard_normal((2, 4, 3))], layer.trainable_weights, what=name)


def test_states():
    """Begun with some, and given back."""
    x, h, c = L.Input((3, 2)), L.Input((2,)), L.Input((2,))
    model = stirred(gpunn.Model([x, h, c], L.LSTM(2, return_state=True)(x, initial_state=[h, c])))

    def call(*given):
        return ops.concatenate(model(list(given), training=True), axis=-1)

    check(call, [RNG.standard_normal(s) for s in ((2, 3, 2), (2, 2), (2, 2))], model.trainable_weights)


ATTENTION = {
    "heads": (lambda: L.MultiHeadAttention(2, 3), {}), "causal": (lambda: L.MultiHeadAttention(2, 2, 3), {"use_causal_mask": True}),
    "plain": (lambda: L.MultiHeadAttention(1, 2, use_bias=False, output_shape=5), {}),
    "grouped": (lambda: L.GroupQueryAttention(2, 4, 2), {}), "drops": (lambda: L.MultiHeadAttention(2, 2, dropout=0.4), {}),
    "dot": (lambda: L.Attention(), {}), "scaled": (lambda: L.Attention(use_scale=True), {"use_causal_mask": True}),
    "concat": (lambda: L.Attention(use_scale=True, score_mode="concat"), {}), "additive": (lambda: L.AdditiveAttention(), {}),
    "plain additive": (lambda: L.AdditiveAttention(use_scale=False), {}), "dropped": (lambda: L.Attention(dropout=0.4), {}),
}


@pytest.mark.parametrize("name", ATTENTION)
def test_attention(name):
    make, options = ATTENTION[name]
    gpunn.utils.set_random_seed(3)
    query, value, key = L.Input((3, 4)), L.Input((4, 4)), L.Input((4, 4))
    layer = make()
    several = [query, value, key] if not isinstance(layer, L.MultiHeadAttention) else None
    out = layer(query, value, key, **options) if several is None else layer(several, **options)
    model = stirred(gpunn.Model([query, value, key], out))
    check(held(model), [RNG.standard_normal(s) for s in ((2, 3, 4), (2, 4, 4), (2, 4, 4))], model.trainable_weights, what=name)


@pytest.mark.parametrize("kind", ["heads", "scores"])
def test_attention_of_masked_steps(kind):
    layer = L.MultiHeadAttention(2, 2) if kind == "heads" else L.Attention()
    queries = np.array([[1, 1, 0], [1, 0, 1]], bool)
    x, y = RNG.standard_normal((2, 3, 4)), RNG.standard_normal((2, 4, 4))
    if kind == "heads":
        layer(x, y)

        def call(q, v):
            return layer(q, v, query_mask=queries, value_mask=MASK, attention_mask=np.tri(3, 4, 1)[None])
    else:
        layer([x, y])

        def call(q, v):
            return layer([q, v], mask=[queries, MASK])

    check(call, [x, y], layer.trainable_weights)


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "MultiHeadAttention"])
def test_a_penalty_of_gradients_as_jax_has_it(kind):
    """That of a WGAN with a recurrent critic or one that attends: its gradients by the weights beside jax.grad of Keras's layer."""
    twin = pytest.importorskip("keras_twin")
    jax, jnp = twin.jax, twin.jax.numpy
    x = RNG.standard_normal((3, 5, 4))

    def critic(lib):
        given = lib.layers.Input((5, 4))
        if kind == "MultiHeadAttention":
            y = lib.layers.GlobalAveragePooling1D()(lib.layers.MultiHeadAttention(2, 3)(given, given))
        else:
            y = getattr(lib.layers, kind)(6)(given)
        return lib.Model(given, lib.layers.Dense(1)(y))

    ours, theirs = stirred(critic(gpunn)), critic(twin.keras)
    values, others = [jnp.asarray(v) for v in ours.get_weights()], [v.value for v in theirs.non_trainable_variables]

    def penalty(values):
        slopes = jax.grad(lambda v: theirs.stateless_call(values, others, v)[0].sum())(jnp.asarray(x))
        return ((jnp.sqrt((slopes**2).sum(axis=(1, 2))) - 1) ** 2).mean()

    tensor = Variable(x)
    with GradientTape() as outer:
        with GradientTape() as inner:
            y = ops.sum(ours(tensor, training=True))
        slopes = inner.gradient(y, tensor)
        found = ops.mean((ops.sqrt(ops.sum(slopes**2, axis=[1, 2])) - 1) ** 2)
    expected, by_weights = jax.value_and_grad(penalty)(values)
    np.testing.assert_allclose(float(found), expected, rtol=1e-5)
    for mine, other in zip(outer.gradient(found, ours.trainable_weights), by_weights, strict=True):
        np.testing.assert_allclose(np.zeros_like(other) if mine is None else np.asarray(mine), other, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("tied", [True, False])
def test_words_and_back(tied):
    """The scores of all words of what a table gave."""
    layer, words = L.ReversibleEmbedding(5, 3, tie_weights=tied, logit_soft_cap=2.0), np.array([[0, 3, 3]])
    layer(words)
    stirred(layer)
    check(lambda x: layer(layer(words) * x, reverse=True), [RNG.standard_normal((1, 3, 3))], layer.trainable_weights)
