"""Second derivatives through every layer that has them: a penalty of gradients, against differences of first derivatives."""

import numpy as np
import pytest
from second_derivatives import check

import gpunn
from gpunn import layers as L
from gpunn import ops
from gpunn.ops import drawing

pytestmark = pytest.mark.usefixtures("numpy_alone", "float64")
RNG = np.random.default_rng(0)
IMAGES, SEQUENCES, ROWS, VOLUMES = (2, 6, 6, 2), (2, 6, 4), (3, 6), (2, 3, 4, 3, 2)

CASES = {
    ROWS: {
        "dense": lambda: L.Dense(4, "tanh"), "batch": lambda: L.BatchNormalization(), "rms": lambda: L.RMSNormalization(),
        "frozen": lambda: L.BatchNormalization(trainable=False), "unit": lambda: L.UnitNormalization(), "dropout": lambda: L.Dropout(0.4),
        "alpha": lambda: L.AlphaDropout(0.3), "noise": lambda: L.GaussianNoise(0.3), "noisy": lambda: L.GaussianDropout(0.3),
        "leaky": lambda: L.LeakyReLU(0.1), "softmax": lambda: L.Softmax(), "repeated": lambda: L.RepeatVector(2),
        "reshaped": lambda: L.Reshape((2, 3)), "scale": lambda: L.Rescaling(2.0, 1.0), "nothing": lambda: L.Identity(),
        "lambda": lambda: L.Lambda(lambda x: ops.sin(x) * ops.mean(x**2, axis=-1, keepdims=True)),
        "activity": lambda: L.Activation("mish", activity_regularizer="l2"), "several": lambda: Several(),
        "penalised": lambda: L.ActivityRegularization(l2=0.1), "normal": lambda: L.Normalization(mean=0.3, variance=2.0),
        "drawn": lambda: Drawn(),
    },
    SEQUENCES: {
        "dense": lambda: L.Dense(3, "gelu", use_bias=False), "causal": lambda: L.Conv1D(3, 2, padding="causal", activation="elu"),
        "transposed": lambda: L.Conv1DTranspose(2, 3, 2), "layer": lambda: L.LayerNormalization(axis=[1, 2]),
        "group": lambda: L.GroupNormalization(2), "prelu": lambda: L.PReLU(shared_axes=[1]), "max": lambda: L.MaxPooling1D(2, 4),
        "average": lambda: L.GlobalAveragePooling1D(), "cut": lambda: L.Cropping1D(1), "turned": lambda: L.Permute((2, 1)),
        "masked": lambda: L.Masking(), "depthwise": lambda: L.DepthwiseConv1D(2), "separable": lambda: L.SeparableConv1D(3, 2),
        "glu": lambda: L.Dense(4, "glu"), "spatial": lambda: L.SpatialDropout1D(0.4), "own": lambda: L.Dense(3, lambda z: z * ops.sin(z)),
    },
    IMAGES: {
        "same": lambda: L.Conv2D(3, 3, padding="same", activation="softplus"), "strides": lambda: L.Conv2D(3, 3, 2),
        "groups": lambda: L.Conv2D(4, 3, groups=2), "depthwise": lambda: L.DepthwiseConv2D(3, depth_multiplier=2, activation="tanh"),
        "separable": lambda: L.SeparableConv2D(3, 3, depth_multiplier=2), "batch": lambda: L.BatchNormalization(axis=1),
        "layer": lambda: L.LayerNormalization(axis=[1, 3]), "group": lambda: L.GroupNormalization(2, axis=1),
        "unit": lambda: L.UnitNormalization(axis=1),
        "transposed": lambda: L.Conv2DTranspose(3, 3, 2, padding="same", activation="silu"), "spatial": lambda: L.SpatialDropout2D(0.4),
        "max": lambda: L.MaxPooling2D(2, padding="same"), "average": lambda: L.AveragePooling2D(3, 2, padding="same"),
        "overlapping": lambda: L.MaxPooling2D(5, 2, padding="same"), "stepwise": lambda: L.TimeDistributed(L.Dense(3, "tanh")),
        "stepwise normal": lambda: L.TimeDistributed(L.BatchNormalization()),
        "stepwise drops": lambda: L.TimeDistributed(L.Dropout(0.5)), "global": lambda: L.GlobalMaxPooling2D(),
        "larger": lambda: L.UpSampling2D(2, interpolation="bilinear"),
        "frame": lambda: L.ZeroPadding2D(1), "flat": lambda: L.Flatten(),
        "pooled": lambda: gpunn.Sequential([L.Conv2D(3, 3), L.Activation("tanh"), L.MaxPooling2D(2)]),
        "adaptive": lambda: L.AdaptiveAveragePooling2D(4), "einsum": lambda: L.EinsumDense("abcd,cde->abe", (6, 3), "tanh", "e"),
    },
    VOLUMES: {
        "volumes": lambda: L.Conv3D(3, 2, strides=(2, 1, 1), padding="same", activation="tanh"), "global": lambda: L.GlobalMaxPooling3D(),
        "transposed": lambda: L.Conv3DTranspose(2, 2, 2), "average": lambda: L.AveragePooling3D(2, padding="same"),
    },
}


class Several(L.Layer):
    """A layer of the user's, of weights, layers, several inputs within, and a loss of its own."""

    def build(self, shape):
        self.w, self.dense = self.add_weight((shape[-1],), "ones"), L.Dense(shape[-1], "sigmoid")

    def call(self, x):
        y = self.dense(x) * self.w
        parts = [x, y, L.Multiply()([x, y]), L.Maximum()([x, y]), L.Average()([x, y]), L.Subtract()([x, y]), L.Minimum()([x, y])]
        self.add_loss(ops.mean(ops.square(y)))
        return L.Concatenate()([L.Add()(parts), L.Dot(1, normalize=True)([x, y])])


class Drawn(L.Layer):
    """A layer of the user's that draws."""

    def call(self, x):
        return ops.tanh(x * (1.0 + drawing.normal(ops.shape(x))))


@pytest.mark.parametrize(("shape", "name"), [(shape, name) for shape, made in CASES.items() for name in made])
def test_layers(shape, name):
    make = CASES[shape][name]
    gpunn.utils.set_random_seed(3)
    model = gpunn.Sequential([gpunn.Input(shape[1:]), L.Dense(shape[-1], "tanh"), make()])
    for p in model.trainable_weights:
        p.assign(p.numpy() + 0.3 * RNG.standard_normal(p.shape))
    step = np.array(model.rng.step)

    def call(x):
        model.rng.step[...] = step  # the same masks in every call
        return model(x, training=True)

    check(call, [RNG.standard_normal(shape)], model.trainable_weights, what=name)
