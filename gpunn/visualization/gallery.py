"""Galleries: many images in rows and columns, by matplotlib (``pip install "gpunn[cli]"``)."""

import functools
import math
from typing import Any

import numpy as np

from gpunn.visualization.drawing import batch, draw_bounding_boxes, draw_segmentation_masks


def plot_image_gallery(
    images: Any, y_true: Any = None, y_pred: Any = None, label_map: Any = None, rows: int | None = None, cols: int | None = None,
    value_range: tuple[float, float] = (0, 255), scale: float = 2, path: Any = None, show: bool | None = None, transparent: bool = True,
    dpi: int = 60, legend_handles: Any = None, data_format: str | None = None,
) -> None:
    """Show a batch of images, (n, height, width, channels), or write them to the file `path`.

    y_true, y_pred: labels, which stand above the images by their names in the dict `label_map`. rows, cols: by default a square that has
    room for all. value_range: of the pixels. scale: inches of an image's side. legend_handles: matplotlib's, for a legend below. Raises
    ValueError for images that are no batch, labels without names, and `show` together with `path`; ImportError without matplotlib.
    """
    images = batch(images, data_format, "plot_image_gallery")
    if path is not None and show:
        raise ValueError("plot_image_gallery: expected either path or show=True. Received: both.")
    if label_map is None and (y_true is not None or y_pred is not None):
        raise ValueError("plot_image_gallery: expected label_map, names by label, with y_true or y_pred. Received: None.")
    plt = _pyplot()
    rows = rows or math.ceil(len(images) / cols if cols else math.sqrt(len(images)))
    cols = cols or math.ceil(len(images) / rows)
    figure, axes = plt.subplots(rows, cols, figsize=(cols * scale, rows * scale), frameon=False, layout="tight", squeeze=False)
    if legend_handles is not None:
        figure.legend(handles=legend_handles, loc="lower center")
    least, most = value_range
    pixels = np.clip((images.astype("float32") - least) * (255 / (most - least)), 0, 255).astype(np.uint8)
    for i, cell in enumerate(axes.flat):
        cell.axis("off")
        if i < len(images):
            cell.imshow(pixels[i], cmap="gray" if pixels.shape[-1] == 1 else None, vmin=0, vmax=255)
            named = [(word, y[i]) for word, y in (("Label", y_true), ("Pred", y_pred)) if y is not None and i < len(y)]
            cell.set_title("  ".join(f"{word}: {label_map.get(int(label), 'Unknown')}" for word, label in named), fontsize=8)
    if path is not None:
        figure.savefig(path, pad_inches=0, bbox_inches="tight", transparent=transparent, dpi=dpi)
    elif show is not False:
        plt.show()
    plt.close(figure)


def _pyplot() -> Any:
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(f'A gallery needs matplotlib ({error}). Install it with: pip install "gpunn[cli]"') from error
    return plt


def plot_bounding_box_gallery(
    images: Any, bounding_box_format: str, y_true: Any = None, y_pred: Any = None, value_range: tuple[float, float] = (0, 255),
    true_color: Any = (0, 188, 212), pred_color: Any = (255, 235, 59), line_thickness: int = 2, font_scale: float = 1.0,
    text_thickness: int | None = None, class_mapping: Any = None, ground_truth_mapping: Any = None, prediction_mapping: Any = None,
    legend: bool = False, legend_handles: Any = None, rows: int | None = None, cols: int | None = None, data_format: str | None = None,
    **kwargs: Any,
) -> None:
    """The same with boxes, those of `y_true` and of `y_pred` each in its colour: dicts as `draw_bounding_boxes` takes them. `kwargs` are
    `plot_image_gallery`'s. Raises ValueError for ``legend=True`` together with `legend_handles`."""
    if legend and legend_handles is not None:
        raise ValueError("plot_bounding_box_gallery: expected either legend=True or legend_handles. Received: both.")
    least, most = value_range
    images = (batch(images, data_format, "plot_bounding_box_gallery").astype("float32") - least) * (255 / (most - least))
    kinds = (("Ground Truth", y_true, true_color, ground_truth_mapping), ("Prediction", y_pred, pred_color, prediction_mapping))
    options: dict[str, Any] = {"line_thickness": line_thickness, "font_scale": font_scale}
    options["text_thickness"] = text_thickness or line_thickness
    drawn = np.clip(images, 0, 255).astype(np.uint8)
    for _, boxes, color, names in kinds:
        if boxes is not None:
            drawn = draw_bounding_boxes(drawn, boxes, bounding_box_format, names or class_mapping, color, **options)
    if legend:
        _pyplot()
        from matplotlib.patches import Patch

        legend_handles = [Patch(color=(color[0] / 255, color[1] / 255, color[2] / 255), label=word) for word, _, color, _ in kinds]
    plot_image_gallery(drawn, rows=rows, cols=cols, legend_handles=legend_handles, **kwargs)


def plot_segmentation_mask_gallery(
    images: Any, num_classes: int, value_range: tuple[float, float] = (0, 255), y_true: Any = None, y_pred: Any = None,
    color_mapping: Any = None, blend: bool = True, alpha: float = 0.8, ignore_index: int = -1, data_format: str | None = None,
    **kwargs: Any,
) -> None:
    """A row for each image: itself, with the masks `y_true` on it, and with `y_pred`; see `draw_segmentation_masks`. `kwargs` are
    `plot_image_gallery`'s."""
    least, most = value_range
    images = (batch(images, data_format, "plot_segmentation_mask_gallery").astype("float32") - least) * (255 / (most - least))
    draw = functools.partial(
        draw_segmentation_masks, images, num_classes=num_classes, color_mapping=color_mapping, alpha=alpha, blend=blend,
        ignore_index=ignore_index,
    )
    columns = [images, *(draw(np.asarray(masks).astype("int32")) for masks in (y_true, y_pred) if masks is not None)]
    whole = np.stack(columns, axis=1).reshape(-1, *images.shape[1:])
    plot_image_gallery(whole, rows=len(images), cols=len(columns), **kwargs)
