"""What goes with networks for ImageNet: images as they were trained on them, and classes by their names."""

import functools
import json
from collections.abc import Callable
from typing import Any

import numpy as np

from gpunn import config, ops
from gpunn.layers.graph import symbolic
from gpunn.layers.sliding import channels_last

CLASSES = 1000
INDEX = "https://storage.googleapis.com/download.tensorflow.org/data/imagenet_class_index.json"
INDEX_MD5 = "c2c37ea517e94d9795004a39431a14cb"
MODES = ("caffe", "tf", "torch")
MEAN_BGR = (103.939, 116.779, 123.68)  # of ImageNet's training images, 0 to 255
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # the same of RGB, 0 to 1


def preprocess_input(x: Any, data_format: str | None = None, mode: str = "caffe") -> Any:
    """Images of 0 to 255, RGB, (..., height, width, 3), as a network takes them; an array, or a symbolic tensor in a graph.

    mode: "caffe", BGR less ImageNet's mean; "tf", from -1 to 1; "torch", from 0 to 1, less its mean, divided by its deviation, channel by
    channel. Raises ValueError for another mode.
    """
    channels_last(data_format, "preprocess_input")
    if mode not in MODES:
        raise ValueError(f"preprocess_input: expected mode to be one of {', '.join(MODES)}. Received: mode={mode!r}.")
    if not symbolic(x):
        x = np.asarray(x)
        x = x.astype(x.dtype if x.dtype.kind == "f" else config.floatx())
    if mode == "tf":
        return x / 127.5 - 1.0
    if mode == "torch":
        return (x / 255.0 - np.asarray(MEAN, x.dtype)) / np.asarray(DEVIATION, x.dtype)
    turned = ops.flip(x, -1) if symbolic(x) else x[..., ::-1]
    return turned - np.asarray(MEAN_BGR, x.dtype)


def _of_mode(mode: str) -> Callable[..., Any]:
    def preprocess_input(x: Any, data_format: str | None = None) -> Any:
        return globals()["preprocess_input"](x, data_format, mode)

    preprocess_input.__doc__ = f"Images of 0 to 255 as this network takes them: `gpunn.applications.imagenet.preprocess_input`, {mode!r}."
    return preprocess_input


preprocess_caffe, preprocess_tf, preprocess_torch = map(_of_mode, MODES)


def preprocess_none(x: Any, data_format: str | None = None) -> Any:
    """The images themselves: this network has a layer that prepares them."""
    return x


def decode_predictions(preds: Any, top: int = 5) -> list[list[tuple[str, str, float]]]:
    """For each row of probabilities (rows, 1000) the `top` likeliest classes: (WordNet's number, name, probability).

    The names come from a file of TensorFlow's, downloaded once. Raises ValueError for another shape."""
    preds = np.asarray(preds)
    if preds.ndim != 2 or preds.shape[1] != CLASSES:
        raise ValueError(f"decode_predictions: expected probabilities of shape (rows, {CLASSES}). Received: {preds.shape}.")
    names = _names()
    return [[(*names[i], float(row[i])) for i in np.argsort(row)[::-1][:top]] for row in preds]


@functools.cache
def _names() -> list[tuple[str, str]]:
    from gpunn.datasets.fetch import get_file

    with open(get_file("imagenet_class_index.json", INDEX, cache_subdir="models", file_hash=INDEX_MD5), encoding="utf-8") as file:
        found = json.load(file)
    return [tuple(found[str(i)]) for i in range(CLASSES)]
