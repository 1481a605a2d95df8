"""A FeatureSpace in a .keras file, laid out as Keras does it: its configuration, and the weights of its layers."""

from typing import Any

from gpunn import lookup
from gpunn.layers import room
from gpunn.models.files import keras_tree, keras_zip, kinds, variables
from gpunn.models.saving import MODEST, writable


def save(space: Any, filepath: Any, overwrite: bool) -> None:
    """Write atomically. See `FeatureSpace.save`."""
    path = writable(filepath, overwrite)
    if kinds.to_write(path) != kinds.KERAS:
        raise ValueError(f"{path}: a FeatureSpace is saved to a .keras file. Received: the suffix {path.suffix!r}.")
    text = {"module": "keras.utils", "class_name": "FeatureSpace", "config": space.get_config(), "registered_name": None}
    shapes = {key: layer.built_for for key, layer in space.preprocessors.items()}
    text["build_config"] = {key: {"input_shape": [None, *shape[1:]]} if shape else None for key, shape in shapes.items()}
    keras_zip.write(path, text, {}, lambda file: keras_tree.fill_groups(file, _groups(space)))


def restored(source: keras_zip.Source, custom_objects: dict[str, Any] | None = None) -> Any:
    """The FeatureSpace that is in an open file. `custom_objects`: classes of the user's by name."""
    from gpunn.utils.feature_space import FeatureSpace

    with lookup.custom_objects(custom_objects), room.limited(max(source.numbers(), MODEST)):
        space = FeatureSpace.from_config(source.config["config"])
        for key, built in (source.config.get("build_config") or {}).items():
            if built and built.get("input_shape"):
                space.preprocessors[key].ensure_built(tuple(built["input_shape"]))
    groups = _groups(space)
    parameters = [p for group in groups for p in group.parameters]
    for p, values in zip(parameters, source.of_groups(f"FeatureSpace {space.name!r}", groups, parameters), strict=True):
        p.assign(values)
    space.learned()
    return space


def _groups(space: Any) -> list[variables.Group]:
    return list(variables.numbered(space.preprocessors.values(), "preprocessors", set()))
