"""Galleries, boxes and masks, by their pixels."""

import numpy as np
import pytest

from gpunn import compat, visualization

matplotlib = pytest.importorskip("matplotlib")
Image = pytest.importorskip("PIL.Image")
RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (5, 16, 20, 3)).astype("uint8")
matplotlib.use("agg")


def read(path):
    return np.asarray(Image.open(path).convert("RGBA"))


def test_a_gallery_shows_all_images(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr("matplotlib.axes.Axes.imshow", lambda self, pixels, **options: seen.append(pixels))
    monkeypatch.setattr("matplotlib.axes.Axes.set_title", lambda self, text, **options: seen.append(text))
    visualization.plot_image_gallery(
        IMAGES / 255, y_true=[0, 1, 0, 1, 7], y_pred=np.array([0, 0, 1]), label_map={0: "cat", 1: "dog"}, value_range=(0, 1),
        path=tmp_path / "gallery.png",
    )
    assert (tmp_path / "gallery.png").stat().st_size > 0 and len(seen) == 10
    for shown, pixels in zip(seen[::2], IMAGES, strict=True):
        np.testing.assert_allclose(shown.astype(int), pixels, atol=1)
    assert seen[1::2] == ["Label: cat  Pred: cat", "Label: dog  Pred: cat", "Label: cat  Pred: dog", "Label: dog", "Label: Unknown"]


def test_files_of_every_gallery(tmp_path):
    grey = IMAGES[..., :1]
    boxes = {"boxes": [[[2, 3, 12, 10]]] * 5, "labels": [[1]] * 5, "confidences": [[0.5]] * 5}
    with compat.install():
        from keras.visualization import plot_bounding_box_gallery, plot_image_gallery, plot_segmentation_mask_gallery
    plot_image_gallery(grey, rows=1, scale=1, path=tmp_path / "grey.png")
    wide = read(tmp_path / "grey.png").shape
    assert wide[1] > 3 * wide[0]
    plot_bounding_box_gallery(IMAGES, "xyxy", boxes, boxes, class_mapping={1: "dog"}, legend=True, path=tmp_path / "boxes.png")
    masks = RNG.integers(0, 3, (5, 16, 20, 1))
    plot_segmentation_mask_gallery(IMAGES, 3, y_true=masks, y_pred=masks, path=tmp_path / "masks.png", scale=1)
    tall = read(tmp_path / "masks.png").shape
    assert tall[0] > tall[1] and (tmp_path / "boxes.png").exists()


def test_boxes():
    black = np.zeros((2, 30, 40, 3), "float32")
    boxes = {"boxes": np.array([[[5, 6, 20, 25]], [[0, 0, 9, 9]]]), "labels": np.array([[0], [-1]])}
    drawn = visualization.draw_bounding_boxes(black, boxes, "xyxy", color=(255, 0, 10), line_thickness=1)
    assert drawn.dtype == np.uint8 and not drawn[1].any() and not black.any()
    wanted = np.zeros((30, 40), bool)
    wanted[6, 5:21] = wanted[25, 5:21] = wanted[6:26, 5] = wanted[6:26, 20] = True
    assert (drawn[0][wanted] == (255, 0, 10)).all() and not drawn[0][~wanted].any()
    named = visualization.draw_bounding_boxes(black, boxes, "xyxy", {0: "a"}, color=(255, 0, 10), line_thickness=1)
    assert (named[0] != drawn[0]).any()


def test_masks_like_keras():
    real = pytest.importorskip("keras_twin").keras.visualization
    masks = RNG.integers(-1, 3, (5, 16, 20, 1))
    for options in ({}, {"alpha": 0.3}, {"ignore_index": 1}, {"color_mapping": {0: (255, 0, 0), 1: (0, 255, 0), 2: (9, 9, 9)}}):
        expected = np.asarray(real.draw_segmentation_masks(IMAGES, masks, 3, **options))
        found = visualization.draw_segmentation_masks(IMAGES, masks, 3, **options)
        assert found.dtype == expected.dtype == np.uint8
        np.testing.assert_allclose(found.astype(int), expected, atol=1)
    whole = visualization.draw_segmentation_masks(IMAGES, masks, blend=False)
    assert np.array_equal(whole[masks[..., 0] == -1], IMAGES[masks[..., 0] == -1])
    assert (whole[masks[..., 0] == 2] == 2 * np.array([2**25 - 1, 2**15 - 1, 2**21 - 1]) % 255).all()


def test_what_is_refused(tmp_path):
    v = visualization
    for call, text in (
        (lambda: v.plot_image_gallery(IMAGES[0]), r"plot_image_gallery: expected images of shape .* Received: shape \(16, 20, 3\)"),
        (lambda: v.plot_image_gallery(IMAGES, path=tmp_path / "x.png", show=True), "expected either path or show=True"),
        (lambda: v.plot_image_gallery(IMAGES, y_true=[1]), "expected label_map, names by label"),
        (lambda: v.draw_bounding_boxes(IMAGES, {"boxes": []}, "xyxy"), r"has no 'labels'\. Received: \['boxes'\]"),
        (lambda: v.plot_bounding_box_gallery(IMAGES, "xyxy", legend=True, legend_handles=[]), "either legend=True or legend_handles"),
        (lambda: v.draw_segmentation_masks(IMAGES, np.zeros((5, 8, 8, 1), int)), r"of shape \(5, 16, 20, 1\)\. Received: \(5, 8, 8, 1\)"),
    ):
        with pytest.raises(ValueError, match=text):
            call()
    with pytest.raises(TypeError, match=r"expected segmentation_masks of integers\. Received: dtype float64"):
        v.draw_segmentation_masks(IMAGES, np.zeros((5, 16, 20, 1)))
    with pytest.raises(TypeError, match=r"expected bounding_boxes to be a dict\. Received: list"):
        v.draw_bounding_boxes(IMAGES, [], "xyxy")
