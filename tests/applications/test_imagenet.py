"""Networks for ImageNet beside Keras's: layers by name, weights, outputs; images and classes as they go with them."""

import json

import numpy as np
import pytest

import gpunn
import gpunn.applications as ours
from gpunn import layers
from gpunn.applications import imagenet
from gpunn.models import Model

twin = pytest.importorskip("keras_twin")
keras = twin.keras
theirs = keras.applications
RNG = np.random.default_rng(0)
SMALL = {
    "VGG16": {"input_shape": (32, 32, 3), "include_top": False, "pooling": "avg"},
    "ResNet50": {"input_shape": (33, 40, 3), "include_top": False, "pooling": "max"},
    "ResNet50V2": {"input_shape": (32, 32, 1), "classes": 7, "classifier_activation": None},
    "MobileNet": {"alpha": 0.25, "input_shape": (64, 48, 3), "classes": 9},
    "MobileNetV2": {"alpha": 0.35, "input_shape": (33, 50, 3), "include_top": False},
}


def pair(name, **options):
    for clear in (gpunn.utils.clear_session, keras.backend.clear_session):  # names are counted from the start
        clear()
    return getattr(ours, name)(weights=None, **options), getattr(theirs, name)(weights=None, **options)


def check_layers(mine, real):
    assert [layer.name for layer in mine.layers] == [layer.name for layer in real.layers] and mine.name == real.name
    assert [w.shape for w in mine.weights] == [tuple(w.shape) for w in real.weights]


@pytest.mark.parametrize("name", ["ResNet50V2", "MobileNet"])
def test_layers_and_weights(cpu, name):
    check_layers(*pair(name, **SMALL[name]))


def drawn(weights):
    """So that every layer has its say: deviations near 1, whatever the depth."""
    return [np.abs(RNG.normal(1, 0.2, w.shape)) if w.ndim == 1 else w + RNG.normal(0, 0.01, w.shape) for w in weights]


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL)
def test_outputs(cpu, name):
    mine, real = pair(name, **SMALL[name])
    check_layers(mine, real)
    mine.set_weights(weights := drawn(real.get_weights()))
    real.set_weights(weights)
    x = RNG.uniform(-1, 1, (2, *SMALL[name]["input_shape"])).astype("float32")
    expected = np.asarray(real.predict(x, verbose=0))
    np.testing.assert_allclose(mine.predict(x, verbose=0), expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max(), equal_nan=False)
    assert np.abs(expected).max() > 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("name", [
    "VGG16", "VGG19", "ResNet50", "ResNet101", "ResNet152", "ResNet50V2", "ResNet101V2", "ResNet152V2", "MobileNet", "MobileNetV2",
])
def test_the_whole_ones(cpu, name):
    mine, real = pair(name)
    check_layers(mine, real)
    assert f"{mine.count_params():,}" in getattr(ours, name).__doc__


# ---------------------------------------------------------------------- weights
def test_weights_from_a_file_of_keras_2(cpu, tmp_path, monkeypatch):
    """Those for ImageNet are such files."""
    h5py = pytest.importorskip("h5py")
    from keras.src.legacy.saving import legacy_h5_format

    options = {"alpha": 0.25, "input_shape": (32, 32, 3), "include_top": False}
    real = theirs.MobileNet(weights=None, **options)
    real.set_weights(drawn(real.get_weights()))
    path = tmp_path / "mobilenet.h5"
    with h5py.File(path, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, real)
    asked = []
    monkeypatch.setattr("gpunn.datasets.fetch.get_file", lambda name, *rest, **options: asked.append((name, *rest)) or str(path))
    for weights in (path, "imagenet"):
        mine = ours.MobileNet(weights=weights, **options)
        for a, b in zip(mine.get_weights(), real.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)
    name = "mobilenet_2_5_224_tf_no_top.h5"
    assert asked == [(name, f"https://storage.googleapis.com/tensorflow/keras-applications/mobilenet/{name}")]


def test_on_a_tensor_within_a_larger_model(cpu):
    x = layers.Input((32, 32, 3))
    base = ours.MobileNet(weights=None, alpha=0.25, include_top=False, pooling="avg", input_tensor=layers.Rescaling(1 / 127.5, -1)(x))
    base.trainable = False
    model = Model(x, layers.Dense(2)(base.output))
    assert model.output_shape == (None, 2) and len(model.trainable_weights) == 2 and "rescaling" in base.layers[1].name
    open_one = ours.MobileNetV2(weights=None, alpha=0.35, include_top=False)
    assert open_one.predict(np.zeros((1, 40, 64, 3), "float32"), verbose=0).shape == (1, 1, 2, 1280)


@pytest.mark.parametrize(("options", "text"), [
    ({"weights": "nowhere.h5"}, r"VGG16: expected weights to be None, 'imagenet' or a file\. Received: weights='nowhere\.h5'"),
    ({"classes": 10}, r"VGG16: weights='imagenet' with its top has 1000 classes\. Received: classes=10"),
    ({"weights": None, "pooling": "sum"}, "VGG16: expected pooling to be None, 'avg' or 'max'"),
    ({"weights": None, "input_shape": (31, 40, 3)}, r"VGG16: expected input_shape=.* at least 32 x 32\. Received: .*\(31, 40, 3\)"),
    ({"weights": None, "input_shape": (None, 40, 3)}, "VGG16: with include_top=True images must have a known size"),
    ({"include_top": False, "input_shape": (32, 32, 1)}, "VGG16: weights='imagenet' are for 3 channels"),
])
def test_what_does_not_fit(options, text):
    with pytest.raises(ValueError, match=text):
        ours.VGG16(**options)


def test_shares_without_weights():
    with pytest.raises(ValueError, match=r"MobileNetV2: weights='imagenet' are there for alpha of .* Received: alpha=0\.3\."):
        ours.MobileNetV2(alpha=0.3)
    with pytest.raises(ValueError, match=r"depth_multiplier=1. Received: 2"):
        ours.MobileNet(depth_multiplier=2)


# ---------------------------------------------------------------------- images and classes
@pytest.mark.parametrize("mode", imagenet.MODES)
def test_images(cpu, mode):
    x = RNG.uniform(0, 255, (2, 4, 5, 3)).astype("float32")
    for images in (x, x.astype("uint8"), x[0]):
        expected = theirs.imagenet_utils.preprocess_input(images.copy(), mode=mode)
        found = imagenet.preprocess_input(images, mode=mode)
        assert found.dtype == expected.dtype == np.float32
        np.testing.assert_allclose(found, expected, rtol=1e-6)
    tensor = layers.Input((4, 5, 3))
    graph = Model(tensor, imagenet.preprocess_input(tensor, mode=mode))
    np.testing.assert_allclose(graph.predict(x, verbose=0), imagenet.preprocess_input(x, mode=mode), rtol=1e-5, atol=1e-5)


def test_each_network_has_its_own(cpu):
    from gpunn import compat

    modules = ("vgg16", "resnet50", "resnet_v2", "densenet", "mobilenet", "mobilenet_v3", "efficientnet", "xception", "inception_v3")
    x = RNG.uniform(0, 255, (1, 2, 2, 3)).astype("float32")
    expected = [np.asarray(getattr(theirs, module).preprocess_input(x.copy())) for module in modules]
    with compat.install():
        import keras as served

        for module, wanted in zip(modules, expected, strict=True):
            np.testing.assert_allclose(getattr(served.applications, module).preprocess_input(x), wanted, rtol=1e-6)
        with pytest.raises(ValueError, match="expected mode to be one of caffe, tf, torch"):
            served.applications.imagenet_utils.preprocess_input(x, mode="bgr")


def test_classes_by_name(tmp_path, monkeypatch):
    path = tmp_path / "index.json"
    path.write_text(json.dumps({str(i): [f"n{i:08}", f"thing_{i}"] for i in range(1000)}))
    monkeypatch.setattr("gpunn.datasets.fetch.get_file", lambda *given, **options: str(path))
    imagenet._names.cache_clear()
    p = np.full((2, 1000), 0.0005)
    p[0, 7], p[1, 3] = 0.4, 0.3
    first, second = imagenet.decode_predictions(p, top=2)
    assert first[0] == ("n00000007", "thing_7", 0.4) and second[0][1] == "thing_3" and len(first) == 2
    imagenet._names.cache_clear()
    with pytest.raises(ValueError, match=r"expected probabilities of shape \(rows, 1000\)\. Received: \(2, 10\)"):
        imagenet.decode_predictions(p[:, :10])
