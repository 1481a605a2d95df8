"""Small helpers under the names Keras gives them."""

import importlib
from typing import Any

from gpunn.random import set_random_seed
from gpunn.training.feeds.errors import DataError
from gpunn.utils.batches import PyDataset, Sequence, pack_x_y_sample_weight
from gpunn.utils.numbers import is_keras_tensor, normalize, standardize_dtype, to_categorical

__all__ = [
    "DataError", "PyDataset", "Sequence", "image_dataset_from_directory", "is_keras_tensor", "normalize", "pack_x_y_sample_weight",
    "plot_model", "set_random_seed", "standardize_dtype", "to_categorical",
]
_ELSEWHERE = {
    **dict.fromkeys(("array_to_img", "img_to_array", "load_img", "save_img"), "gpunn.preprocessing.files"),
    **dict.fromkeys((
        "CustomObjectScope", "custom_object_scope", "deserialize_keras_object", "get_custom_objects", "get_registered_name",
        "get_registered_object", "register_keras_serializable", "serialize_keras_object",
    ), "gpunn.saving"),
    "FeatureSpace": "gpunn.utils.feature_space",
    **dict.fromkeys(
        ("disable_interactive_logging", "enable_interactive_logging", "is_interactive_logging_enabled"), "gpunn.config",
    ),
    "Config": "gpunn.utils.config_dict",
    "Progbar": "gpunn.utils.progbar",
    "get_source_inputs": "gpunn.models.topology",
    "model_to_dot": "gpunn.models.dot",
    "audio_dataset_from_directory": "gpunn.datasets.audio_folder",
    "text_dataset_from_directory": "gpunn.datasets.text_folder",
    "clear_session": "gpunn.compat.keras_backend",
    "get_file": "gpunn.datasets.fetch",
    **dict.fromkeys(("split_dataset", "timeseries_dataset_from_array"), "gpunn.utils.made_datasets"),
    "class_weights": "gpunn.preprocessing.labels",
    "pad_sequences": "gpunn.preprocessing.sequence",
    "unpack_x_y_sample_weight": "gpunn.training.own_step",
}
__all__ += [*_ELSEWHERE]
__dir__ = __all__.copy


def __getattr__(name: str) -> Any:
    """Names that are loaded when somebody asks for them."""
    if name in _ELSEWHERE:
        return getattr(importlib.import_module(_ELSEWHERE[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def image_dataset_from_directory(directory: Any, *arguments: Any, **options: Any) -> Any:
    """Batches of the images in a folder, one folder for each class: see `gpunn.datasets.image_folder.image_dataset_from_directory`."""
    from gpunn.datasets.image_folder import image_dataset_from_directory as make

    return make(directory, *arguments, **options)


def plot_model(model: Any, to_file: Any = "model.png", *arguments: Any, **options: Any) -> Any:
    """A picture of a model's graph: see `gpunn.models.picture.plot_model`."""
    from gpunn.models.picture import plot_model as draw

    return draw(model, to_file, *arguments, **options)
