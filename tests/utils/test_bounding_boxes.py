"""Formats, overlaps and changes of bounding boxes beside Keras's, and by hand."""

import itertools

import numpy as np
import pytest

import gpunn
from gpunn import ops
from gpunn.utils import bounding_boxes as ours
from gpunn.utils.box_overlap import compute_ciou, compute_iou

RNG = np.random.default_rng(0)


def drawn(*shape):
    """Corners within 100 x 100."""
    return np.sort(RNG.uniform(0, 100, (*shape, 2, 2)), axis=-2).reshape(*shape, 4).astype("float32")


@pytest.fixture
def theirs():
    return pytest.importorskip("keras_twin").keras.utils.bounding_boxes


def near(found, expected):
    found = np.asarray(found)
    assert found.shape == expected.shape and found.dtype == np.asarray(expected).dtype
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4, equal_nan=False)


def test_formats(theirs):
    x = drawn(2, 6)
    for source, target in itertools.product(ours.FORMATS, ours.FORMATS):
        near(ours.convert_format(x, source, target, 120, 110), theirs.convert_format(x, source, target, 120, 110))
    given = {"boxes": x, "labels": np.zeros((2, 6))}
    out = ours.convert_format(given, "XYXY", "xywh")
    assert given["boxes"] is x and out["labels"] is given["labels"] and np.array_equal(out["boxes"][..., 2], x[..., 2] - x[..., 0])


def test_overlaps(theirs):
    x, y = drawn(2, 6), drawn(2, 5)
    for a, b in ((x, y), (x[0], y[0]), (x, y[0]), (x[0], y)):
        near(compute_iou(a, b, "xyxy"), theirs.compute_iou(a, b, "xyxy"))
    near(compute_iou(x, y, "center_yxhw"), theirs.compute_iou(x, y, "center_yxhw"))
    near(compute_iou(x / 200, y / 200, "rel_yxyx", image_shape=(120, 110, 3)), theirs.compute_iou(
        x / 200, y / 200, "rel_yxyx", image_shape=(120, 110, 3)
    ))
    x[0, 2] = y[1, 3] = -1
    masked = compute_iou(x, y, "xyxy", use_masking=True, mask_val=-2)
    assert (masked[0, 2] == -2).all() and (masked[1, :, 3] == -2).all() and (masked == -2).sum() == 5 + 6
    x, y = drawn(2, 6), drawn(2, 6)
    near(compute_ciou(x, y, "yxyx"), theirs.compute_ciou(x, y, "yxyx"))
    assert compute_iou([[0, 0, 2, 2]], [[1, 1, 3, 3]], "xyxy")[0, 0] == pytest.approx(1 / 7)


def test_changes(theirs):
    x = drawn(2, 6)
    numbers = [np.array(v, "float32") for v in ((30, -20), (0.1, -0.2), (0.05, 0.3), (1.5, 0.7), (10, 0), (-5, 20))]
    near(ours.affine_transform(x, *numbers, 120, 110), theirs.affine_transform(x, *numbers, 120, 110))
    near(ours.affine_transform(x, *numbers, 90, 110, 0.2, 0.9), theirs.affine_transform(x, *numbers, 90, 110, 0.2, 0.9))
    near(ours.crop(x, 10, 20, 40, 30), theirs.crop(x, 10, 20, 40, 30))
    near(ours.pad(x, 10, 20), theirs.pad(x, 10, 20))
    for form, scale, size in (("xyxy", 1.5, {"height": 60, "width": 50}), ("rel_xyxy", 0.02, {})):
        given = {"boxes": x * scale - scale * 10, "labels": np.arange(12).reshape(2, 6)}
        found = ours.clip_to_image_size(given, bounding_box_format=form, **size)
        expected = theirs.clip_to_image_size(given, bounding_box_format=form, **size)
        near(found["boxes"], np.asarray(expected["boxes"]))
        assert np.array_equal(found["labels"], expected["labels"]) and -1 in found["labels"]


@pytest.mark.parametrize("form", ours.DELTAS)
def test_deltas_there_and_back(theirs, form):
    anchors, boxes = drawn(6), drawn(2, 6)
    for variance in (None, [0.1, 0.1, 0.2, 0.2]):
        deltas = ours.encode_box_to_deltas(anchors, boxes, "xyxy", "xyxy", form, variance)
        near(deltas, theirs.encode_box_to_deltas(anchors, boxes, "xyxy", "xyxy", form, variance))
        near(ours.decode_deltas_to_boxes(anchors, deltas, "xyxy", "xyxy", form, variance), boxes)
    levels = ours.decode_deltas_to_boxes({1: anchors, 2: anchors}, {1: deltas[0], 2: deltas[1]}, "xyxy", "xyxy", form, variance)
    near(levels[2], boxes[1])


def test_a_loss_of_overlaps_learns(cpu):
    """Boxes go through operations as tensors, too."""
    target = np.array([[20.0, 30.0, 60.0, 80.0]], "float32")
    box = gpunn.Variable([[10.0, 10.0, 50.0, 50.0]])
    optimizer = gpunn.optimizers.Adam(4.0)
    for _ in range(25):
        with gpunn.GradientTape() as tape:
            loss = 1 - ops.mean(compute_ciou(box * 1.0, target, "xyxy"))
        optimizer.apply(tape.gradient(loss, [box]), [box])
    assert compute_ciou(box.numpy(), target, "xyxy") > 0.8 > 0.2 > compute_ciou([[10, 10, 50, 50]], target, "xyxy")


def test_what_is_refused():
    x = drawn(3)
    for call, text in (
        (lambda: ours.convert_format(x, "xyxy", "xyx"), r"expected a format of: xyxy, .*rel_center_xywh\. Received: 'xyx'"),
        (lambda: ours.convert_format(x[:, :3], "xyxy", "xywh"), r"boxes of four numbers, \(\.\.\., 4\)\. Received: shape \(3, 3\)"),
        (lambda: ours.convert_format(x, "xyxy", "rel_xyxy", 3), "expected height and width. Received: 3, None"),
        (lambda: compute_iou(x, x, "rel_xyxy"), "compute_iou: of 'rel_xyxy' expected image_shape"),
        (lambda: compute_iou(x[0], x, "xyxy"), r"expected boxes1 of 2 or 3 axes\. Received: shape \(4,\)"),
        (lambda: ours.crop(x, 0, 0, 1, 1, "xywh"), "crop: expected bounding_box_format to be one of xyxy. Received: 'xywh'"),
        (lambda: ours.clip_to_image_size({"boxes": x}), "clip_to_image_size: of 'xyxy' expected height and width"),
        (lambda: ours.encode_box_to_deltas(x, x, "xyxy", "xyxy", "xyxy"), "deltas of a format of: center_xywh, center_yxhw"),
        (lambda: ours.encode_box_to_deltas(x, x, "xyxy", "xyxy", variance=[1, 2]), "Expected four numbers as variance"),
    ):
        with pytest.raises(ValueError, match=text):
            call()
