"""The further operations where models use them: in functional models, own layers, `gpunn.function`s and tapes, on the CPU and a device."""

import numpy as np
import pytest

import gpunn
from gpunn import Input, compat, layers, ops
from gpunn.models import load_model

RNG = np.random.default_rng(0)
IMAGES = RNG.random((6, 4, 4, 4)).astype("f4")
MAP = np.array([0.9, 0.2, -0.7, -0.1, 1.1, 0.4, 0.0, 0.0])
FUNCTIONS = {
    "of_networks": lambda x: ops.layer_normalization(ops.space_to_depth(ops.squareplus(x), 2)),
    "attended": lambda x: ops.dot_product_attention(x, x[:, :, :2], x[:, :, 2:], is_causal=True),
    "pooled": lambda x: ops.adaptive_average_pool(x, 3) * ops.erfc(ops.adaptive_max_pool(x, 3)),
    "along": lambda x: ops.cumprod(ops.diff(x, axis=1), 2) + ops.trapezoid(x)[:, :3, :, None],
    "spectra": lambda x: ops.istft(ops.stft(ops.rearrange(x, "b h w c -> b (h w c)"), 8, 4, 8), 8, 4, 8),
    "matrices": lambda x: ops.solve(ops.matmul(x, ops.swapaxes(x, -1, -2)) + np.eye(4), x) * ops.logdet(x + 3 * np.eye(4))[..., None, None],
    "images": lambda x: ops.image.gaussian_blur(ops.image.affine_transform(x, MAP, fill_mode="reflect")) * ops.image.hsv_to_rgb(
        x[..., :3])[..., :1],
}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("device", ["cpu", "sim"])
def test_everywhere_alike(name, device, numpy_cpu):
    function = FUNCTIONS[name]
    want = np.asarray(function(IMAGES))
    with gpunn.device(device):
        x = Input((4, 4, 4))
        functional = gpunn.Model(x, function(x))
        own = gpunn.Sequential([layers.Lambda(function)])
        traced = gpunn.function(function)
        found = [functional.predict(IMAGES, verbose=0), own.predict(IMAGES, verbose=0), np.asarray(traced(IMAGES))]
        weight, gradients = gpunn.Variable(IMAGES), []
        for run in (function, traced):
            with gpunn.GradientTape() as tape:
                y = run(weight)
                loss = ops.sum(ops.square(y))
            found.append(np.asarray(y))
            gradients.append(np.asarray(tape.gradient(loss, weight)))
    for one in found:
        np.testing.assert_allclose(one, want, rtol=2e-4, atol=2e-5)
    np.testing.assert_allclose(*gradients, rtol=1e-4, atol=1e-5)
    assert np.abs(gradients[0]).max() > 0


class Warped(layers.Layer):
    """Learns a map of places and the scale of a normalization."""

    def build(self, shape):
        self.map = self.add_weight("map", (8,), lambda shape, dtype: MAP.astype(dtype))
        self.scale = self.add_weight("scale", shape[-1:], "ones")

    def call(self, inputs):
        return ops.rms_normalization(ops.image.affine_transform(inputs, self.map), self.scale)


@pytest.mark.parametrize("device", ["cpu", "sim"])
def test_weights_learn_through_them(device, numpy_cpu):
    with gpunn.device(device):
        model = gpunn.Sequential([Warped()])
        model.compile(gpunn.optimizers.SGD(0.1), "mse")
        losses = model.fit(IMAGES, IMAGES, epochs=4, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    assert np.all(model.get_weights()[0][:6] != MAP[:6].astype("f4")) and np.all(model.get_weights()[1] != 1)


def test_models_with_them_are_saved(tmp_path, numpy_cpu):
    x = Input((4, 4, 4))
    y = ops.conv_transpose(ops.depth_to_space(ops.inv(x + 3 * np.eye(4)), 2), np.ones((2, 2, 3, 1), "f4"), 2) * ops.erfinv(0.5)
    model = gpunn.Model(x, y)
    model.save(tmp_path / "model.keras")
    np.testing.assert_array_equal(load_model(tmp_path / "model.keras").predict(IMAGES, verbose=0), model.predict(IMAGES, verbose=0))


def test_under_keras_names(numpy_cpu):
    with compat.install():
        import keras
        from keras import ops as served

        assert served.nn.layer_normalization is served.layer_normalization and served.image.ssim and served.linalg.jvp
        assert served.is_tensor(served.cross(np.eye(3)[:1], np.eye(3)[1:2])) and not served.is_tensor([1])
        assert served.unique(np.array([2, 1, 2])).numpy().tolist() == [1, 2]
        assert isinstance(keras.ops.numpy.slogdet(np.eye(2)), tuple)
