"""Boxes and masks drawn on images: new arrays of bytes, (rows, height, width, channels)."""

from typing import Any

import numpy as np

from gpunn.layers.sliding import channels_last
from gpunn.utils.bounding_boxes import convert_format

PALETTE = np.array([2**25 - 1, 2**15 - 1, 2**21 - 1])  # times the number of a class, modulo 255: its colour, where none is given


def batch(images: Any, data_format: str | None, where: str) -> np.ndarray:
    """Images as an array. Raises ValueError for what is no batch of them, channels last."""
    channels_last(data_format, where)
    images = np.asarray(images)
    if images.ndim != 4:
        raise ValueError(f"{where}: expected images of shape (rows, height, width, channels). Received: shape {images.shape}.")
    return images


def bytes_of(images: np.ndarray) -> np.ndarray:
    """Bytes of images of 0 to 255, or where none is above 1, of 0 to 1."""
    if images.dtype.kind == "f":
        images = np.clip(images * (255 if images.size and images.max() <= 1 else 1), 0, 255)
    return images.astype(np.uint8)


def draw_bounding_boxes(
    images: Any, bounding_boxes: Any, bounding_box_format: str, class_mapping: Any = None, color: Any = (128, 128, 128),
    line_thickness: int = 2, text_thickness: int = 1, font_scale: float = 1.0, data_format: str | None = None,
) -> np.ndarray:
    """Images with the boxes of a dict drawn on them: "boxes", (rows, boxes, 4), of a format of `gpunn.utils.bounding_boxes`; "labels",
    (rows, boxes), -1 for no box; perhaps "confidences". Needs Pillow (``pip install "gpunn[images]"``).

    class_mapping: a dict of names by label, which are written beside the boxes. Raises TypeError for what is no dict, ValueError for one
    without boxes or labels, and for images that are no batch of one or three channels.
    """
    from PIL import Image, ImageDraw, ImageFont

    where = "draw_bounding_boxes"
    images = bytes_of(batch(images, data_format, where))
    if not isinstance(bounding_boxes, dict):
        raise TypeError(f"{where}: expected bounding_boxes to be a dict. Received: {type(bounding_boxes).__name__}.")
    if missing := [name for name in ("boxes", "labels") if name not in bounding_boxes]:
        raise ValueError(f"{where}: bounding_boxes has no {' and no '.join(map(repr, missing))}. Received: {sorted(bounding_boxes)}.")
    boxes = np.asarray(convert_format(bounding_boxes["boxes"], bounding_box_format, "xyxy", *images.shape[1:3])).astype(int)
    labels, sure = np.asarray(bounding_boxes["labels"]).astype(int), bounding_boxes.get("confidences")
    font = ImageFont.load_default(12 * font_scale)
    out = []
    for i, pixels in enumerate(images):
        grey = pixels.shape[-1] == 1
        picture = Image.fromarray(pixels[..., 0] if grey else pixels)
        draw = ImageDraw.Draw(picture)
        ink = sum(color) // 3 if grey else tuple(color)
        for k, (left, top, right, bottom) in enumerate(boxes[i]):
            label = int(labels[i][k])
            if label == -1 or right < left or bottom < top:
                continue
            draw.rectangle((left, top, right, bottom), outline=ink, width=line_thickness)
            if label in (class_mapping or {}):
                words = class_mapping[label] + (f" | {float(sure[i][k]):.2f}" if sure is not None else "")
                above = top - 12 * font_scale - 4
                at = (left, above) if above > 0 else (left + 3, top + 3)
                draw.text(at, words, fill=ink, font=font, stroke_width=max(text_thickness - 1, 0))
        out.append(np.asarray(picture).reshape(pixels.shape))
    return np.stack(out)


def draw_segmentation_masks(
    images: Any, segmentation_masks: Any, num_classes: int | None = None, color_mapping: Any = None, alpha: float = 0.8,
    blend: bool = True, ignore_index: int = -1, data_format: str | None = None,
) -> np.ndarray:
    """Images with each pixel in the colour of its class, or `alpha` of it and the rest of the image.

    segmentation_masks: integers, (rows, height, width, 1); pixels of `ignore_index` stay as they are. num_classes: by default as many as
    there are. color_mapping: a dict of (red, green, blue) by class. Raises TypeError for masks that are not integers, ValueError for images
    that are no batch, and masks of another size.
    """
    where = "draw_segmentation_masks"
    images, masks = batch(images, data_format, where).astype("float32"), np.asarray(segmentation_masks)
    if masks.dtype.kind not in "iu":
        raise TypeError(f"{where}: expected segmentation_masks of integers. Received: dtype {masks.dtype}.")
    if masks.shape != (*images.shape[:3], 1):
        raise ValueError(f"{where}: expected segmentation_masks of shape {(*images.shape[:3], 1)}. Received: {masks.shape}.")
    count = int(masks.max(initial=0)) + 1 if num_classes is None else num_classes
    colors = [color_mapping[i] for i in range(count)] if color_mapping is not None else [i * PALETTE % 255 for i in range(count)]
    masks = masks[..., 0]
    here = (masks >= 0) & (masks < count) & (masks != ignore_index)
    painted = np.asarray(colors, "float32")[np.where(here, masks, 0)]
    drawn = images * (1 - alpha) + painted * alpha if blend else painted
    return np.where(here[..., None], drawn, images).astype(np.uint8)
