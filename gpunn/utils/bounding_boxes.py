"""Bounding boxes, (rows, 4) or (images, rows, 4), arrays or tensors, under the names of ``keras.utils.bounding_boxes``.

Formats: "xyxy", left, top, right, bottom; "yxyx"; "xywh", left, top, width, height; "center_xywh", the middle in place of the corner;
"center_yxhw"; and with "rel_" before all of them but the last, in shares of the image's width and height.
"""

from typing import Any

import numpy as np

from gpunn import ops
from gpunn.config import epsilon

__all__ = [
    "affine_transform", "clip_to_image_size", "convert_format", "crop", "decode_deltas_to_boxes", "encode_box_to_deltas", "pad",
]
_WITH_SIZE = np.array([[1, 0, 0, 0], [0, 1, 0, 0], [1, 0, 1, 0], [0, 1, 0, 1]])
_FROM_CENTER = np.array([[1, 0, -0.5, 0], [0, 1, 0, -0.5], [1, 0, 0.5, 0], [0, 1, 0, 0.5]])
_SWAPPED = np.eye(4)[[1, 0, 3, 2]]
TO_CORNERS = {  # left, top, right and bottom as sums of a format's four numbers; its inverse goes back
    "xyxy": np.eye(4), "yxyx": _SWAPPED, "xywh": _WITH_SIZE, "center_xywh": _FROM_CENTER, "center_yxhw": _FROM_CENTER @ _SWAPPED,
}
FORMATS = (*TO_CORNERS, *(f"rel_{name}" for name in ("xyxy", "yxyx", "xywh", "center_xywh")))
DELTAS = ("center_xywh", "center_yxhw")


def convert_format(boxes: Any, source: str, target: str, height: Any = None, width: Any = None, dtype: Any = "float32") -> Any:
    """The same boxes in another format; of a dict its "boxes". Sizes of the image are needed between shares and pixels.

    Raises ValueError for unknown formats, for what is not of four numbers, and where a size is missing."""
    if isinstance(boxes, dict):
        return {**boxes, "boxes": convert_format(boxes["boxes"], source, target, height, width, dtype)}
    source, target = source.lower(), target.lower()
    for name in (source, target):
        if name not in FORMATS:
            raise ValueError(f"convert_format: expected a format of: {', '.join(FORMATS)}. Received: {name!r}.")
    boxes = ops.cast(_four(boxes), dtype)
    from_shares, to_shares = (name.startswith("rel_") for name in (source, target))
    corners = ops.matmul(boxes, TO_CORNERS[source.removeprefix("rel_")].T.astype(dtype))
    if from_shares != to_shares:
        if height is None or width is None:
            raise ValueError(f"convert_format: from {source!r} to {target!r} expected height and width. Received: {height!r}, {width!r}.")
        size = np.array([width, height, width, height], dtype)
        corners = corners * size if from_shares else corners / size
    return ops.matmul(corners, np.linalg.inv(TO_CORNERS[target.removeprefix("rel_")]).T.astype(dtype))


def _four(boxes: Any) -> Any:
    boxes = boxes if hasattr(boxes, "shape") else np.asarray(boxes)
    if not boxes.shape or boxes.shape[-1] != 4:
        raise ValueError(f"Expected boxes of four numbers, (..., 4). Received: shape {tuple(boxes.shape)}.")
    return boxes


def _only(name: str, allowed: tuple[str, ...], where: str) -> None:
    if name not in allowed:
        raise ValueError(f"{where}: expected bounding_box_format to be one of {', '.join(allowed)}. Received: {name!r}.")


# ---------------------------------------------------------------------- with the image around them
def clip_to_image_size(bounding_boxes: dict[str, Any], height: Any = None, width: Any = None, bounding_box_format: str = "xyxy") -> Any:
    """A dict's "boxes" cut at the image's border; "labels", where there are some, of those that nothing is left of are -1."""
    _only(bounding_box_format, ("xyxy", "rel_xyxy"), "clip_to_image_size")
    if bounding_box_format == "rel_xyxy":
        height = width = 1
    elif height is None or width is None:
        raise ValueError(f"clip_to_image_size: of 'xyxy' expected height and width. Received: {height!r}, {width!r}.")
    boxes = _clipped(_four(bounding_boxes["boxes"]), height, width)
    if bounding_boxes.get("labels") is None:
        return {**bounding_boxes, "boxes": boxes}
    return {**bounding_boxes, "boxes": boxes, "labels": ops.where(area(boxes) > 0, bounding_boxes["labels"], -1)}


def _clipped(boxes: Any, height: Any, width: Any) -> Any:
    return ops.minimum(ops.maximum(boxes, 0), np.array([width, height, width, height], boxes.dtype))


def area(boxes: Any) -> Any:
    """Of each box of corners, (...): a number."""
    return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])


def crop(boxes: Any, top: Any, left: Any, height: Any, width: Any, bounding_box_format: str = "xyxy") -> Any:
    """Boxes as they are within a window of the image, cut at its border."""
    _only(bounding_box_format, ("xyxy",), "crop")
    boxes = _four(boxes)
    return _clipped(boxes - np.array([left, top, left, top], boxes.dtype), height, width)


def pad(boxes: Any, top: Any, left: Any, height: Any = None, width: Any = None, bounding_box_format: str = "xyxy") -> Any:
    """Boxes as they are with so many more pixels above and to the left of the image."""
    _only(bounding_box_format, ("xyxy",), "pad")
    boxes = _four(boxes)
    return boxes + np.array([left, top, left, top], boxes.dtype)


def affine_transform(
    boxes: Any, angle: Any, translate_x: Any, translate_y: Any, scale: Any, shear_x: Any, shear_y: Any, height: Any, width: Any,
    center_x: Any = None, center_y: Any = None, bounding_box_format: str = "xyxy",
) -> Any:
    """The smallest upright boxes around what becomes of these, (images, rows, 4), when each image is turned by `angle` degrees, moved by
    shares of its size, enlarged by `scale` and sheared by degrees, about a point in shares of its size (by default its middle): numbers
    of each image, (images,)."""
    _only(bounding_box_format, ("xyxy",), "affine_transform")
    boxes = np.asarray(_four(boxes), "float32")
    turn, x, y = (-np.radians(np.asarray(v, "float32")) for v in (angle, shear_x, shear_y))
    first = np.cos(turn - y) / np.cos(y)
    third = -np.sin(turn - y) / np.cos(y)
    rows = [[np.cos(turn) - third * np.tan(x), -(first * np.tan(x) + np.sin(turn))], [-third, first]]
    matrix = np.asarray(scale, "float32")[..., None, None] * np.moveaxis(np.array(rows), (0, 1), (-2, -1))  # (images, 2, 2)
    size = np.array([width - 1, height - 1], "float32")
    center = np.array([0.5 if center_x is None else center_x, 0.5 if center_y is None else center_y], "float32") * size
    moved = np.stack(np.broadcast_arrays(translate_x, translate_y), axis=-1) * size
    corners = boxes[..., [[0, 1], [2, 1], [2, 3], [0, 3]]]  # (images, rows, 4, 2)
    turned = np.einsum("bij,bnkj->bnki", matrix, corners - center + moved[:, None, None]) + center
    return np.concatenate([turned.min(axis=2), turned.max(axis=2)], axis=-1).astype("float32")


# ---------------------------------------------------------------------- beside anchors
def encode_box_to_deltas(
    anchors: Any, boxes: Any, anchor_format: str, box_format: str, encoding_format: str = "center_yxhw", variance: Any = None,
    image_shape: Any = None,
) -> Any:
    """How far each box is from its anchor: the way between their middles in shares of the anchor's size, and the logarithms of the ratios
    of sizes (Girshick et al. 2014, appendix C), divided by `variance`. Raises ValueError for another `encoding_format`."""
    variance, (height, width) = _checked(encoding_format, variance, image_shape)
    place, size = _parts(convert_format(anchors, anchor_format, encoding_format, height, width))
    at, extent = _parts(convert_format(boxes, box_format, encoding_format, height, width))
    size, extent = ops.maximum(size, epsilon()), ops.maximum(extent, epsilon())
    return ops.concatenate([(at - place) / size, ops.log(extent / size)], axis=-1) / variance


def decode_deltas_to_boxes(
    anchors: Any, boxes_delta: Any, anchor_format: str, box_format: str, encoded_format: str = "center_yxhw", variance: Any = None,
    image_shape: Any = None,
) -> Any:
    """The boxes that `encode_box_to_deltas` was given; of dicts, level by level."""
    if isinstance(anchors, dict):
        rest = (anchor_format, box_format, encoded_format, variance, image_shape)
        return {level: decode_deltas_to_boxes(anchor, boxes_delta[level], *rest) for level, anchor in anchors.items()}
    variance, (height, width) = _checked(encoded_format, variance, image_shape)
    place, size = _parts(convert_format(anchors, anchor_format, encoded_format, height, width))
    at, extent = _parts(_four(boxes_delta) * variance)
    boxes = ops.concatenate([at * size + place, ops.exp(extent) * size], axis=-1)
    return convert_format(boxes, encoded_format, box_format, height, width)


def _parts(boxes: Any) -> tuple[Any, Any]:
    return boxes[..., :2], boxes[..., 2:]


def _checked(encoding: str, variance: Any, image_shape: Any) -> tuple[np.ndarray, Any]:
    if encoding not in DELTAS:
        raise ValueError(f"Expected deltas of a format of: {', '.join(DELTAS)}. Received: {encoding!r}.")
    numbers = np.ones(4, "float32") if variance is None else np.asarray(variance, "float32")
    if numbers.shape != (4,):
        raise ValueError(f"Expected four numbers as variance. Received: variance={variance!r}.")
    return numbers, (None, None) if image_shape is None else tuple(image_shape)[:2]
