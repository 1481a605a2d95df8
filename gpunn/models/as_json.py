"""An architecture as text, without weights: `to_json` and `model_from_json`. The text is Keras 3's."""

import json
from typing import Any

from gpunn.models import saving
from gpunn.models.files import keras_zip, kinds
from gpunn.models.files.errors import told


def to_json(model: Any, **options: Any) -> str:
    """See `Model.to_json`."""
    model._need_built("to_json")
    return json.dumps(keras_zip.written(model, saving.describe(model)), **options)


def model_from_json(json_string: str, custom_objects: dict[str, Any] | None = None) -> Any:
    """The model that a text of `Model.to_json`, or of Keras 3's, describes: fresh weights, compiled where the other was.

    `custom_objects`: classes and functions of the user's by name. Code in the text is never run. Raises ValueError for what is not such a
    text or names an unknown class.
    """
    with told("Argument json_string", "the text of a model"):
        config = keras_zip.read(kinds.text_of(json_string), custom_objects)
        model = saving.rebuild(config, custom_objects)
        if "compile" in config:
            saving.compile_as(model, config, custom_objects)
    return model
