"""Second derivatives through every layer that has them: a penalty of gradients, against differences of first derivatives."""

import numpy as np
import pytest
from gradient import compare

import gpunn
from gpunn import GradientTape, ops
from gpunn import layers as L

pytestmark = pytest.mark.usefixtures("numpy_alone", "float64")
RNG = np.random.default_rng(0)
IMAGES, SEQUENCES, ROWS = (2, 6, 6, 2), (2, 6, 4), (3, 6)

CASES = {
    "dense": (lambda: L.Dense(4, "tanh"), ROWS), "dense on sequences": (lambda: L.Dense(3, "gelu", use_bias=False), SEQUENCES),
    "conv": (lambda: L.Conv2D(3, 3, padding="same", activation="softplus"), IMAGES), "strides": (lambda: L.Conv2D(3, 3, 2), IMAGES),
    "groups": (lambda: L.Conv2D(4, 3, groups=2), IMAGES), "causal": (lambda: L.Conv1D(3, 2, padding="causal", activation="elu"), SEQUENCES),
    "depthwise": (lambda: L.DepthwiseConv2D(3, depth_multiplier=2, activation="tanh"), IMAGES),
    "separable": (lambda: L.SeparableConv2D(3, 3, depth_multiplier=2), IMAGES),
    "transposed": (lambda: L.Conv2DTranspose(3, 3, 2, padding="same", activation="silu"), IMAGES),
    "transposed 1d": (lambda: L.Conv1DTranspose(2, 3, 2), SEQUENCES),
    "batch": (lambda: L.BatchNormalization(), ROWS), "batch of images": (lambda: L.BatchNormalization(axis=1), IMAGES),
    "frozen batch": (lambda: L.BatchNormalization(trainable=False), ROWS), "rows": (lambda: L.LayerNormalization(axis=[1, 2]), SEQUENCES),
    "group": (lambda: L.GroupNormalization(2), SEQUENCES), "rms": (lambda: L.RMSNormalization(), ROWS),
    "unit": (lambda: L.UnitNormalization(), ROWS), "dropout": (lambda: L.Dropout(0.4), ROWS),
    "spatial": (lambda: L.SpatialDropout2D(0.4), IMAGES), "alpha": (lambda: L.AlphaDropout(0.3), ROWS),
    "noise": (lambda: L.GaussianNoise(0.3), ROWS), "noisy": (lambda: L.GaussianDropout(0.3), ROWS),
    "prelu": (lambda: L.PReLU(shared_axes=[1]), SEQUENCES), "leaky": (lambda: L.LeakyReLU(0.1), ROWS), "softmax": (lambda: L.Softmax(), ROWS),
    "max": (lambda: L.MaxPooling2D(2, padding="same"), IMAGES), "max 1d": (lambda: L.MaxPooling1D(2, 4), SEQUENCES),
    "average": (lambda: L.AveragePooling2D(3, 2, padding="same"), IMAGES), "global": (lambda: L.GlobalMaxPooling2D(), IMAGES),
    "means": (lambda: L.GlobalAveragePooling1D(), SEQUENCES), "larger": (lambda: L.UpSampling2D(2, interpolation="bilinear"), IMAGES),
    "frame": (lambda: L.ZeroPadding2D(1), IMAGES), "cut": (lambda: L.Cropping1D(1), SEQUENCES), "turned": (lambda: L.Permute((2, 1)), SEQUENCES),
    "repeated": (lambda: L.RepeatVector(2), ROWS), "reshaped": (lambda: L.Reshape((2, 3)), ROWS), "scale": (lambda: L.Rescaling(2.0, 1.0), ROWS),
    "masked": (lambda: L.Masking(), SEQUENCES), "lambda": (lambda: L.Lambda(lambda x: ops.sin(x) * ops.mean(x**2, axis=-1, keepdims=True)), ROWS),
}


def penalty_of(call, sources, arrays):
    """(the sum of squares of the gradient by the first array, its gradients by all sources; the same penalty from first derivatives)."""
    factors = RNG.standard_normal(900)

    def target(x):
        y = call(x)
        y = ops.reshape(y, (-1,))
        return ops.sum(y * factors[: y.shape[0]] + ops.square(y) * 0.5)

    def first():
        with GradientTape() as inner:
            inner.watch(arrays)
            loss = target(arrays)
        return float(sum(np.square(g).sum() for g in map(np.asarray, inner.gradient(loss, arrays))))

    with GradientTape() as outer:
        outer.watch(arrays)
        with GradientTape() as inner:
            inner.watch(arrays)
            loss = target(arrays)
        penalty = ops.add_n([ops.sum(ops.square(g)) for g in inner.gradient(loss, arrays)])
    return float(penalty), outer.gradient(penalty, sources, unconnected_gradients="zero"), first


@pytest.mark.parametrize("name", CASES)
def test_layers(name):
    make, shape = CASES[name]
    gpunn.utils.set_random_seed(3)
    model = gpunn.Sequential([gpunn.Input(shape[1:]), L.Dense(shape[-1], "sigmoid"), make()])
    arrays = [RNG.standard_normal(shape)]
    model(arrays[0])
    before = [np.array(w) for w in model.get_weights()]
    for p in model.trainable_weights:
        p.assign(p.numpy() + 0.3 * RNG.standard_normal(p.shape))
    step = np.array(model.rng.step) if model.rng is not None else None

    def call(given):
        if step is not None:
            model.rng.step[...] = step  # the same masks in every call
        return model(given[0], training=True)

    penalty, gradients, first = penalty_of(call, [*model.trainable_weights, *arrays], arrays)
    assert np.isfinite(penalty) and penalty == pytest.approx(first(), rel=1e-9)
    compare(first, [*(p.value for p in model.trainable_weights), *arrays], [np.asarray(g) for g in gradients], 5, name)
    assert len(before) == len(model.get_weights())
