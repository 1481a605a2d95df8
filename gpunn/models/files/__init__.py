"""File formats of models, one in each module; what each gives, by kind (see `kinds`).

A writer takes (model, path, what `gpunn.models.saving.describe` says) or (model, path); a reader is a context manager that gives a source:
an object with `numbers`, `model_config`, `weights`, `optimizer_state` and `optimizer_of_weights` (see `npz.Source`).
"""

from collections.abc import Callable
from typing import Any

from gpunn.models.files import keras_tree, keras_zip, kinds, legacy_h5, npz, safetensors

WRITERS: dict[str, Callable[..., None]] = {
    kinds.ARCHIVE: npz.save_model, kinds.KERAS: keras_zip.save_model, kinds.H5: legacy_h5.save_model,
}
WEIGHT_WRITERS: dict[str, Callable[..., None]] = {
    kinds.ARCHIVE: npz.save_weights, kinds.H5: legacy_h5.save_weights, kinds.WEIGHTS_H5: keras_tree.save_weights,
    kinds.SAFETENSORS: safetensors.save_weights,
}
READERS: dict[str, Callable[..., Any]] = {
    kinds.ARCHIVE: npz.reading, kinds.KERAS: keras_zip.reading, kinds.H5: legacy_h5.reading, kinds.SAFETENSORS: safetensors.reading,
}
