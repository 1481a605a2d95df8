"""Pictures of batches of images: galleries with labels, boxes and masks drawn on them. Names of ``keras.visualization``."""

from gpunn.visualization.drawing import draw_bounding_boxes, draw_segmentation_masks
from gpunn.visualization.gallery import plot_bounding_box_gallery, plot_image_gallery, plot_segmentation_mask_gallery

__all__ = [
    "draw_bounding_boxes", "draw_segmentation_masks", "plot_bounding_box_gallery", "plot_image_gallery", "plot_segmentation_mask_gallery",
]
__dir__ = __all__.copy
