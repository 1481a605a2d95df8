"""Image layers called outside of `fit`: with one image, with images of several sizes, and who acts where nobody says `training`."""

import numpy as np
import pytest
from keras_twin import keras

import gpunn
from gpunn import layers
from gpunn.models import Model, Sequential

IMAGE = np.random.default_rng(0).integers(0, 256, (6, 9, 3)).astype("float32")


@pytest.mark.parametrize("one", [IMAGE, IMAGE[..., :1]])
def test_one_image_is_resized_as_by_keras(one, cpu, float64):
    for name, sizes in (("Resizing", (4, 5)), ("CenterCrop", (4, 5)), ("CenterCrop", (8, 12))):
        np.testing.assert_allclose(getattr(layers, name)(*sizes)(one), getattr(keras.layers, name)(*sizes)(one), rtol=1e-5)
    scaled = Sequential([layers.Resizing(4, 5), layers.Rescaling(1 / 255)])
    for image in (one, one[:5], one[:, :7]):  # nobody gave a shape: every image may have its own
        expected = keras.layers.Rescaling(1 / 255)(keras.layers.Resizing(4, 5)(image))
        np.testing.assert_allclose(scaled(image), expected, rtol=1e-5)
        np.testing.assert_array_equal(layers.Pipeline([layers.Resizing(4, 5), layers.Rescaling(1 / 255)])(image), scaled(image))
    assert scaled(one[None]).shape == (1, 4, 5, one.shape[-1]) and layers.RandomFlip()(one).shape == one.shape


def test_images_of_other_sizes_than_a_given_one(cpu):
    ours, theirs = (of.Sequential([of.layers.Input((6, 9, 3)), of.layers.Resizing(4, 5)]) for of in (gpunn, keras))
    np.testing.assert_allclose(ours(IMAGE[None, :5]), theirs(IMAGE[None, :5]), rtol=1e-5)
    start = layers.Input((6, 9, 3))
    with pytest.raises(ValueError, match=r"expected shape \(None, 6, 9, 3\)"):
        Model(start, layers.Resizing(4, 5)(start))(IMAGE[None, :5])


def test_a_model_called_without_training_changes_images_and_drops_nothing(either_cpu):
    x = np.stack([IMAGE] * 4)
    start = gpunn.Input(x.shape[1:])
    body = [layers.RandomRotation(0.3), layers.Dropout(0.5)]
    for library, end in ((gpunn, Sequential(body)), (gpunn, Model(start, body[1](body[0](start)))), (keras, None)):
        made = end or keras.Sequential([keras.layers.RandomRotation(0.3), keras.layers.Dropout(0.5)])
        y = np.asarray(made(x))
        assert not np.allclose(y, x), library.__name__  # turned
        assert (y > 1).mean() > 0.6 and y.max() <= 255.1  # a dropout sets half to zero and doubles the others
        for still in (made(x, training=False), made.predict(x, verbose=0)):
            np.testing.assert_allclose(np.asarray(still), x, rtol=1e-6)
