"""Graphs that are built alike in gpunn and in Keras: each function takes the library."""

import numpy as np

RNG = np.random.default_rng(5)
ROWS = 24
A, B = RNG.standard_normal((ROWS, 6)), RNG.standard_normal((ROWS, 4))
WIDE = RNG.standard_normal((ROWS, 3, 4))
NUMBERS, BITS, LABELS = RNG.standard_normal((ROWS, 2)), RNG.integers(0, 2, (ROWS, 1)), RNG.integers(0, 3, ROWS)


def chain(k):
    x = k.Input((6,))
    h = k.layers.Dense(5)(x)
    h = k.layers.Activation("relu")(h)
    h = k.layers.Dense(4, activation="tanh")(h)
    return k.Model(x, k.layers.Dense(3, activation="softmax")(h)), A, LABELS


def residual(k):
    """A value with several consumers, all elementwise merges, broadcasting."""
    x = k.Input((6,))
    h = k.layers.Dense(6, activation="relu")(x)
    one = k.layers.Dense(1)(x)
    s = k.layers.Add()([x, h, one])
    d = k.layers.Subtract()([s, h])
    m = k.layers.Multiply()([d, h, x])
    g = k.layers.Average()([m, s, h])
    top, low = k.layers.Maximum()([g, x, h]), k.layers.Minimum()([h, g])
    return k.Model(x, k.layers.Dense(2)(k.layers.Concatenate()([top, low, s]))), A, NUMBERS


def shared(k):
    """A layer called three times, once on its own output; another in two branches of a nested model."""
    a = k.Input((6,))
    first, twice = k.layers.Dense(4, activation="tanh"), k.layers.Dense(4, activation="sigmoid")
    h = twice(twice(first(a)))
    inner = k.Sequential([k.Input((4,)), twice, k.layers.Dense(3)])
    out = k.layers.Add()([inner(h), inner(first(a))])
    return k.Model(a, k.layers.Activation("softmax")(out)), A, LABELS


def nested(k):
    """Functional in Sequential in functional."""
    i = k.Input((4,))
    block = k.Model(i, k.layers.Add()([i, k.layers.Dense(4, activation="relu")(i)]))
    tower = k.Sequential([k.Input((6,)), k.layers.Dense(4), block, k.layers.Dense(4, activation="tanh")])
    x = k.Input((6,))
    h = block(tower(x))
    return k.Model(x, k.layers.Dense(1, activation="sigmoid")(h)), A, BITS


def moved(k):
    """Permute, RepeatVector, Reshape, Concatenate along the steps, Dot with and without normalization."""
    x, v = k.Input((3, 4)), k.Input((4,))
    p = k.layers.Permute((2, 1))(x)
    r = k.layers.RepeatVector(2)(k.layers.Dense(4)(v))
    joined = k.layers.Concatenate(axis=1)([x, r])
    d = k.layers.Dot(axes=(2, 2))([joined, x])
    n = k.layers.Dot(axes=(1, 2), normalize=True)([p, x])
    e = k.layers.Dot(axes=1, normalize=True)([v, k.layers.Dense(4)(v)])
    flat = [k.layers.Flatten()(d), k.layers.Flatten()(n), e]
    return k.Model([x, v], k.layers.Dense(2)(k.layers.concatenate(flat))), [WIDE, B], NUMBERS


def attended(k):
    """A layer that takes the same value twice, and a residual around it. No biases: the key's has no gradient but noise."""
    x = k.Input((3, 4))
    a = k.layers.MultiHeadAttention(2, 3, use_bias=False)(x, x, use_causal_mask=True)
    h = k.layers.LayerNormalization()(k.layers.Add()([x, a]))
    return k.Model(x, k.layers.Dense(2)(k.layers.Flatten()(h))), WIDE, NUMBERS


def many(k):
    """Two inputs and three outputs, one of them in the middle."""
    a, b = k.Input((6,), name="a"), k.Input((4,), name="b")
    h = k.layers.Concatenate()([k.layers.Dense(5, activation="relu")(a), b])
    numbers = k.layers.Dense(2, name="numbers")(h)
    bits = k.layers.Dense(1, activation="sigmoid", name="bits")(numbers)
    labels = k.layers.Dense(3, activation="softmax", name="labels")(h)
    return k.Model([a, b], [numbers, bits, labels]), [A, B], [NUMBERS, BITS, LABELS]


ONE_OUTPUT = {
    "chain": (chain, "sparse_categorical_crossentropy"), "residual": (residual, "mse"),
    "shared": (shared, "sparse_categorical_crossentropy"), "nested": (nested, "binary_crossentropy"), "moved": (moved, "mae"),
    "attended": (attended, "mse"),
}
