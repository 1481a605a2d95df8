"""Models around single layers, the same in gpunn and in Keras, for tests that hold them side by side."""

import numpy as np

RNG = np.random.default_rng(4)
SEQUENCE = RNG.standard_normal((6, 5, 4))
TOKENS = RNG.integers(0, 7, (6, 5)).astype(float)


def einsum(k):
    return k.Sequential([
        k.layers.Input((5, 4)), k.layers.EinsumDense("abc,cd->abd", (5, 3), bias_axes="d", activation="tanh"),
        k.layers.EinsumDense("...x,xyz->...yz", (2, 3), bias_axes="yz", kernel_regularizer="l2"),
        k.layers.EinsumDense("abcd,bcd->acd", (2, 3)),
    ])  # fmt: skip


def pipeline(k):
    return k.Sequential([
        k.layers.Input((5, 4)), k.layers.Pipeline([k.layers.Dense(3, "relu"), k.layers.Rescaling(0.5), k.layers.Dense(4)]),
        k.layers.Dense(2),
    ])  # fmt: skip


def grouped(k):
    x = k.layers.Input((5, 4))
    h = k.layers.GroupQueryAttention(3, 4, 2)(x, x, use_causal_mask=True)
    return k.Model(x, k.layers.Dense(2)(k.layers.GroupQueryAttention(2, 6, 2, use_bias=False)(h, x)))


def tied(k, tie=True):
    tokens = k.layers.Input((5,))
    table = k.layers.ReversibleEmbedding(7, 4, mask_zero=True, tie_weights=tie, logit_soft_cap=2.0)
    h = k.layers.LSTM(4, return_sequences=True)(table(tokens))
    return k.Model(tokens, table(h, reverse=True))


def untied(k):
    return tied(k, False)


def volumes(k):
    return k.Sequential([
        k.layers.Input((4, 5, 4, 2)), k.layers.ZeroPadding3D(1), k.layers.Conv3D(3, (2, 3, 3), activation="relu"),
        k.layers.MaxPooling3D(2, padding="same"), k.layers.Conv3DTranspose(2, 2, 2), k.layers.UpSampling3D((1, 2, 1)),
        k.layers.Cropping3D((1, 2, 1)), k.layers.AveragePooling3D((2, 2, 1)), k.layers.GlobalAveragePooling3D(), k.layers.Dense(2),
    ])  # fmt: skip


def frames(k):
    """The next frame, as keras.io's example predicts it."""
    x = k.layers.Input((3, 5, 4, 2))
    h = k.layers.ConvLSTM2D(3, 3, padding="same", return_sequences=True, activation="relu")(x)
    h = k.layers.BatchNormalization()(h)
    h, *states = k.layers.ConvLSTM2D(2, (2, 3), strides=(2, 1), return_sequences=True, return_state=True, go_backwards=True)(h)
    last = k.layers.ConvLSTM2D(2, 2, padding="same", use_bias=False)(h, initial_state=states)
    return k.Model(x, k.layers.Conv3D(1, 3, activation="sigmoid", padding="same")(k.layers.Reshape((1, *last.shape[1:]))(last)))


def lines(k):
    return k.Sequential([
        k.layers.Input((4, 6, 2)), k.layers.ConvLSTM1D(3, 3, dilation_rate=2, unit_forget_bias=False, recurrent_activation="hard_sigmoid"),
        k.layers.Flatten(), k.layers.Dense(2),
    ])  # fmt: skip


MODELS = {
    "einsum": (einsum, SEQUENCE), "pipeline": (pipeline, SEQUENCE), "grouped attention": (grouped, SEQUENCE),
    "volumes": (volumes, RNG.standard_normal((5, 4, 5, 4, 2))), "next frame": (frames, RNG.standard_normal((5, 3, 5, 4, 2))),
    "lines": (lines, RNG.standard_normal((6, 4, 6, 2))), "tied embedding": (tied, TOKENS), "untied embedding": (untied, TOKENS),
}  # fmt: skip
