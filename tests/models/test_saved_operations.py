"""Models whose graph holds operations: written, read, cloned, and exchanged with Keras, operations included."""

import json

import keras_twin
import numpy as np
import pytest

import gpunn
from gpunn import layers, ops
from gpunn.models import Model, clone_model, load_model, model_from_json
from gpunn.ops import drawing

pytestmark = pytest.mark.usefixtures("cpu")
X = np.random.default_rng(0).standard_normal((6, 4)).astype("f4")
THREE = np.arange(3.0, dtype="f4")


def of_all_kinds(library):
    """The same text for both libraries: an output for nearly every operation, and arrays, slices and numbers among their operands."""
    k = library.ops
    x = library.Input((4,))
    h = library.layers.Dense(3)(x)
    images, matrices = k.reshape(k.tile(h, (1, 16)), (-1, 4, 4, 3)), k.matmul(h[:, :, None], h[:, None]) + 3 * np.eye(3, dtype="f4")
    outputs = [
        k.mean(k.square(h) + 2 * h * THREE, axis=-1, keepdims=True),
        k.reshape(k.concatenate([h, h[:, :2]], axis=-1), (-1, 5)) ** 2 - 1,
        k.where(h > 0, h, 0.1 * h), k.einsum("bi,bi->b", h, h), k.expand_dims(h, 1), -h / 2, k.softmax(h @ np.ones((3, 2), "f4")),
        k.clip(h, 0.0, 1.0), k.stack([h, h], axis=1), k.leaky_relu(h, 0.1), k.cast(h > 0, "float32"), k.take(h, [0, 1], axis=1),
        k.cast(k.logical_not(h > 0), "float32"), k.gelu(h), k.gelu(h, approximate=False), k.elu(h, 0.5), k.max(h, axis=1), k.round(h),
        k.rsqrt(k.exp(h)), k.erf(h), k.repeat(h, 2, axis=1), k.tile(h, (1, 2)), k.flip(h, axis=1), k.roll(h, 1, axis=1),
        h[..., None, ::-1], h[:, 1], k.zeros_like(h) + k.ones_like(h), k.stop_gradient(h) * h, k.log_softmax(h), k.logsumexp(h, axis=1),
        k.var(h, axis=-1), k.maximum(h, np.float32(0.3)), k.sum(h, axis=(1,)), k.squeeze(h[:, None], 1), k.one_hot(k.argmax(h, axis=-1), 3),
        k.mod(h, 0.7), k.power(k.abs(h), 1.5), k.minimum(h, 0.1), k.normalize(h, axis=-1), k.silu(h), k.sign(h), k.floor(h),
        k.log1p(k.abs(h)), k.split(h, 3, axis=1)[1], k.swapaxes(h[:, None], 1, 2), k.dot(h, np.ones((3, 2), "f4")),
        k.matmul(h[:, None], h[:, :, None]), k.all(h > 0, axis=-1), k.any(h > 0, axis=-1), k.prod(h, axis=1), k.std(h, axis=1), k.expm1(h),
        k.reciprocal(h), k.true_divide(h, 2), k.logical_and(h > 0, h < 1), k.transpose(h[:, None], (0, 2, 1)), k.min(h, axis=1),
        k.conv(images, np.ones((2, 2, 3, 2), "f4"), 2, "same"), k.max_pool(images, 2, 2), k.average_pool(images, 2, 1, "same"),
        k.diagonal(images, 1, 1, 2), k.erfc(h), k.erfinv(k.tanh(h)), k.inv(matrices), k.det(matrices), k.logdet(matrices),
        k.cholesky(matrices),
        k.solve(matrices, matrices - 1), k.solve_triangular(matrices, matrices - 1, lower=True),
    ]
    return (library.Model if hasattr(library, "Model") else library.models.Model)(x, outputs)


def same(model, other, near=0.0):
    for i, (a, b) in enumerate(zip(model.predict(X, verbose=0), other.predict(X, verbose=0), strict=True)):
        a, b = np.asarray(a).astype("f8"), np.asarray(b).astype("f8")
        np.testing.assert_allclose(a, b, rtol=near, atol=near, err_msg=f"output {i}")


WAYS = {
    "archive": ".npz", "keras": ".keras", "h5": ".h5",
    "json": lambda m: model_from_json(m.to_json()), "config": lambda m: Model.from_config(json.loads(json.dumps(m.get_config()))),
    "clone": clone_model,
}


@pytest.mark.parametrize("way", WAYS)
def test_there_and_back(way, tmp_path):
    model = of_all_kinds(gpunn)
    if isinstance(WAYS[way], str):
        model.save(tmp_path / f"model{WAYS[way]}")
        back = load_model(tmp_path / f"model{WAYS[way]}")
    else:
        back = WAYS[way](model)
        back.set_weights(model.get_weights())
    assert [layer.name for layer in back.layers] == [layer.name for layer in model.layers]
    same(model, back)


def test_what_was_read_is_written_as_it_is(tmp_path):
    """From a .keras file, where one operation of Keras's may be several of ours."""
    model = of_all_kinds(gpunn)
    for name in ("a.keras", "b.keras"):
        model.save(tmp_path / name)
        back = load_model(tmp_path / name)
        same(model, back)
        model = back


def test_from_keras(tmp_path):
    keras_twin.keras.utils.set_random_seed(1)  # what is reciprocal of nearly nothing is rounded by any share of itself
    theirs = of_all_kinds(keras_twin.keras)
    theirs.save(tmp_path / "theirs.keras")
    same(theirs, load_model(tmp_path / "theirs.keras"), 2e-6)


def test_to_keras(tmp_path):
    gpunn.utils.set_random_seed(1)
    model = of_all_kinds(gpunn)
    model.save(tmp_path / "ours.keras")
    same(model, keras_twin.keras.models.load_model(tmp_path / "ours.keras"), 2e-6)


def test_what_keras_has_not_is_read_back_alone(tmp_path):
    x = layers.Input((4,))
    images = ops.reshape(ops.tile(x, (1, 12)), (-1, 4, 4, 3))
    model = Model(x, [
        x / ops.cast(ops.shape(x)[0], "float32"), gpunn.activations.relu(x) * 2, ops.rot90(images, 1, (1, 2)), ops.image.resize(images, 3),
        ops.image.extract_patches(images, 2), ops.conv_transpose(images, np.ones((3, 2, 4, 3), "f4"), 2),
    ])
    model.save(tmp_path / "ours.keras")
    same(model, load_model(tmp_path / "ours.keras"))


def test_a_layer_called_through_an_operation_trains_as_before(tmp_path):
    x = layers.Input((4,))
    model = Model(x, ops.tanh(layers.Dense(2)(x)) * 3)
    model.compile("adam", "mse")
    y = np.ones((6, 2), "f4")
    model.fit(X, y, epochs=2, verbose=0)
    model.save(tmp_path / "m.keras")
    back = load_model(tmp_path / "m.keras")
    for m in (model, back):
        m.fit(X, y, epochs=2, shuffle=False, verbose=0)
    for a, b in zip(model.get_weights(), back.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def changed(model, operation, change):
    config = json.loads(model.to_json())
    for layer in config["config"]["layers"]:
        if layer["class_name"] == operation:
            change(layer)
    return json.dumps(config)


def test_what_is_not_known_is_said():
    x = layers.Input((4,))
    text = changed(Model(x, ops.exp(x)), "Exp", lambda layer: layer.update(class_name="ViewAsReal"))
    with pytest.raises(ValueError, match=r"Operation ViewAsReal \('exp(_\d+)?'\) of the configuration is none of gpunn\.ops"):
        model_from_json(text)
    text = changed(Model(x, ops.exp(x)), "Exp", lambda layer: layer["config"].update(base=2))
    with pytest.raises(ValueError, match=r"Operation Exp \('exp(_\d+)?'\) of the configuration: .*'base'"):
        model_from_json(text)


def test_numbers_drawn_in_a_graph_cannot_be_written():
    x = layers.Input((4,))
    model = Model(x, x + drawing.normal(ops.shape(x), seed=1))
    with pytest.raises(ValueError, match="cannot be written down"):
        model.get_config()
