"""How much bounding boxes overlap. Formats: see `gpunn.utils.bounding_boxes`."""

from typing import Any

import numpy as np

from gpunn import ops
from gpunn.config import epsilon
from gpunn.utils.bounding_boxes import area, convert_format

__all__ = ["compute_ciou", "compute_iou"]


def _corners(where: str, boxes: Any, form: str, image_shape: Any) -> Any:
    if form.startswith("rel_") and image_shape is None:
        raise ValueError(f"{where}: of {form!r} expected image_shape, (height, width, channels). Received: None.")
    height, width = (None, None) if image_shape is None else tuple(image_shape)[:2]
    return convert_format(boxes, form, "xyxy", height, width)


def _shared(a: Any, b: Any) -> Any:
    """The area of what two boxes of corners have in common."""
    sides = ops.maximum(ops.minimum(a[..., 2:], b[..., 2:]) - ops.maximum(a[..., :2], b[..., :2]), 0)
    return sides[..., 0] * sides[..., 1]


def compute_iou(
    boxes1: Any, boxes2: Any, bounding_box_format: str, use_masking: bool = False, mask_val: Any = -1, image_shape: Any = None,
) -> Any:
    """Of every box of the one and every box of the other what they share, divided by what both cover: (rows1, rows2), or
    (images, rows1, rows2) where either has images. With `use_masking` it is `mask_val` for boxes whose numbers are all negative.

    Raises ValueError for boxes of other axes, and for a relative format without `image_shape`."""
    found = []
    for name, boxes in (("boxes1", boxes1), ("boxes2", boxes2)):
        corners = _corners("compute_iou", boxes, bounding_box_format.lower(), image_shape)
        if len(corners.shape) not in (2, 3):
            raise ValueError(f"compute_iou: expected {name} of 2 or 3 axes. Received: shape {tuple(corners.shape)}.")
        found.append(corners)
    a, b = ops.expand_dims(found[0], -2), ops.expand_dims(found[1], -3)
    shared = _shared(a, b)
    overlap = shared / (area(a) + area(b) - shared + epsilon())
    if not use_masking:
        return overlap
    empty = ops.logical_or(ops.max(a, axis=-1) < 0, ops.max(b, axis=-1) < 0)
    return ops.where(empty, np.asarray(mask_val, "float32"), overlap)


def compute_ciou(boxes1: Any, boxes2: Any, bounding_box_format: str, image_shape: Any = None) -> Any:
    """Of each box and its counterpart, (..., 4), the complete IoU (Zheng et al. 2020): the overlap, less the squared distance of their
    middles in shares of the diagonal around both, less a measure of how differently they are shaped. -> (...)."""
    a, b = (_corners("compute_ciou", boxes, bounding_box_format.lower(), image_shape) for boxes in (boxes1, boxes2))
    small = epsilon()
    (w1, h1), (w2, h2) = ((box[..., 2] - box[..., 0], box[..., 3] - box[..., 1] + small) for box in (a, b))
    shared = _shared(a, b)
    overlap = shared / (w1 * h1 + w2 * h2 - shared + 2 * small)
    around = ops.square(ops.maximum(a[..., 2:], b[..., 2:]) - ops.minimum(a[..., :2], b[..., :2]))
    apart = ops.square((a[..., :2] + a[..., 2:] - b[..., :2] - b[..., 2:]) / 2)
    shape = 4 / np.pi**2 * ops.square(ops.arctan(w2 / h2) - ops.arctan(w1 / h1))
    weight = shape / (shape - overlap + (1 + small))
    return overlap - ops.sum(apart, axis=-1) / (ops.sum(around, axis=-1) + small) - shape * weight
