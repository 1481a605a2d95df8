"""``tf.io``, ``tf.image``'s colours and drawn changes, and files as a data set, against NumPy, Pillow and colorsys."""

import colorsys

import numpy as np
import pytest

from gpunn import compat
from gpunn.random import set_random_seed

Image = pytest.importorskip("PIL.Image")
pytestmark = pytest.mark.usefixtures("cpu")
RNG = np.random.default_rng(0)
IMAGES = RNG.random((8, 6, 4, 3)).astype("float32")
BYTES = RNG.integers(0, 256, (5, 7, 3)).astype("uint8")


@pytest.fixture
def tf():
    with compat.install():
        import tensorflow

        yield tensorflow


def test_files_become_images(tf, tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        Image.fromarray(BYTES + (name == "b")).save(tmp_path / name / "x.png")

    def row(path):
        one_hot = tf.strings.split(path, "/")[-2] == np.array(["a", "b"])
        return tf.image.resize(tf.io.decode_png(tf.io.read_file(path), channels=3), [5, 7]), tf.argmax(one_hot)

    paths = tf.data.Dataset.list_files(str(tmp_path / "*" / "*.png"), shuffle=False)
    assert tf.data.experimental.cardinality(paths).numpy() == 2 and paths.element_spec == tf.TensorSpec((), "string")
    rows = paths.map(row)
    (first, label), (second, other) = rows.as_numpy_iterator()
    np.testing.assert_array_equal(first, BYTES)
    np.testing.assert_array_equal(second, BYTES + 1)
    assert (label, other) == (0, 1) and rows.as_numpy_iterator().next()[1] == 0
    assert rows.batch(2).element_spec == (tf.TensorSpec((None, 5, 7, 3), "float32"), tf.TensorSpec((None,), "int64"))
    grey = tf.image.decode_png(tf.io.read_file(tmp_path / "a" / "x.png"), channels=1)
    np.testing.assert_array_equal(grey[..., 0], np.asarray(Image.fromarray(BYTES).convert("L")))
    with pytest.raises(ValueError, match="expected the bytes of an image"):
        tf.io.decode_image(b"none")
    with pytest.raises(ValueError, match="expected a pattern of files that are there"):
        tf.data.Dataset.list_files(str(tmp_path / "*.gif"))


def test_colours(tf):
    def by_hand(change):
        return np.array([colorsys.hsv_to_rgb(*change(*colorsys.rgb_to_hsv(*p))) for p in IMAGES.reshape(-1, 3).tolist()])

    found = np.asarray(tf.image.adjust_saturation(IMAGES, 1.7)).reshape(-1, 3)
    np.testing.assert_allclose(found, by_hand(lambda h, s, v: (h, min(1.7 * s, 1), v)), atol=1e-5)
    found = np.asarray(tf.image.adjust_hue(IMAGES, 0.3)).reshape(-1, 3)
    np.testing.assert_allclose(found, by_hand(lambda h, s, v: ((h + 0.3) % 1, s, v)), atol=1e-5)
    brighter = tf.image.adjust_brightness(BYTES, 0.25)  # bytes stay bytes, from 0 to 255
    assert brighter.dtype == np.uint8
    np.testing.assert_allclose(brighter, np.minimum(BYTES + 0.25 * 255, 255), atol=1)


def test_sizes(tf):
    assert tf.image.ResizeMethod.NEAREST_NEIGHBOR == "nearest"
    np.testing.assert_array_equal(tf.image.resize_with_crop_or_pad(IMAGES, 3, 8), np.pad(IMAGES[:, 1:4], [(0, 0), (0, 0), (2, 2), (0, 0)]))
    padded = np.asarray(tf.image.resize_with_pad(IMAGES, 6, 8))
    np.testing.assert_allclose(padded, np.pad(IMAGES, [(0, 0), (0, 0), (2, 2), (0, 0)]), rtol=1e-6)


def test_what_is_drawn(tf):
    set_random_seed(1)
    flipped = np.asarray(tf.image.random_flip_left_right(IMAGES))
    chosen = [not np.array_equal(a, b) for a, b in zip(flipped, IMAGES, strict=True)]
    assert 0 < sum(chosen) < len(IMAGES)  # each by itself
    np.testing.assert_array_equal(flipped[chosen], IMAGES[chosen][:, :, ::-1])
    crops = [np.asarray(tf.image.random_crop(BYTES, (2, 3, 3))) for _ in range(20)]
    windows = np.lib.stride_tricks.sliding_window_view(BYTES, (2, 3, 3)).reshape(-1, 2, 3, 3)
    assert all((windows == crop).all(axis=(1, 2, 3)).any() for crop in crops) and len({crop.tobytes() for crop in crops}) > 5
    moved = [float(np.mean(tf.image.random_brightness(IMAGES, 0.2) - IMAGES)) for _ in range(20)]
    assert -0.2 <= min(moved) < 0 < max(moved) <= 0.2
    for change in (tf.image.stateless_random_contrast, tf.image.stateless_random_saturation):
        np.testing.assert_array_equal(change(IMAGES, 0.1, 0.9, seed=(3, 0)), change(IMAGES, 0.1, 0.9, seed=(3, 0)))
        assert not np.array_equal(change(IMAGES, 0.1, 0.9, seed=(3, 0)), change(IMAGES, 0.1, 0.9, seed=(4, 0)))
    with pytest.raises(ValueError, match=r"expected a size within the shape \(5, 7, 3\). Received: \(6, 3, 3\)"):
        tf.image.random_crop(BYTES, (6, 3, 3))
