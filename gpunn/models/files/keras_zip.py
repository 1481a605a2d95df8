"""The .keras format of Keras 3: a zip of config.json, metadata.json and model.weights.h5."""

import io
import json
import pathlib
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from gpunn.models import archive
from gpunn.models.files import hdf5, keras_json, kinds
from gpunn.models.files.atomic import replacing
from gpunn.models.files.keras_tree import Tree, fill

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
BEYOND = ("rng", "no_weight_decay", "dtype")  # what Keras's configuration has no place for


def written(model: Any, config: dict[str, Any]) -> dict[str, Any]:
    """A model as config.json has it, from what `saving.describe` says of it."""
    text = keras_json.to_keras({k: config[k] for k in ("class_name", "config")}, shapes={model.name: built_shapes(model)})
    if "build" in config:
        text["build_config"] = {"input_shape": config["build"]}
    if text["class_name"] == "Sequential":
        text["config"]["dtype"] = keras_json.policy(model.dtype)
    if "compile" in config:
        text["compile_config"] = keras_json.compile_to_keras(config["compile"])
    return text


def read(config: dict[str, Any], own: dict[str, Any] | None) -> dict[str, Any]:
    """The same way back. Raises ValueError for what is no model's."""
    out = keras_json.from_keras(config, own)
    if given := config.get("compile_config"):
        out["compile"] = keras_json.compile_from_keras(given, own)
    if isinstance(built := config.get("build_config"), dict) and "input_shape" in built:
        out["build"] = built["input_shape"]
    return out


def save_model(model: Any, path: pathlib.Path, config: dict[str, Any]) -> None:
    text = written(model, config)
    write(path, text, {k: config[k] for k in BEYOND if k in config}, lambda file: fill(file, model, "compile" in config))


def write(path: pathlib.Path, text: dict[str, Any], beyond: dict[str, Any], fill_weights: Callable[[Any], None]) -> None:
    """Such a file, atomically. `beyond`: what is gpunn's alone; ``fill_weights(file)`` writes into an open HDF5 file."""
    import h5py

    metadata = {"keras_version": kinds.WRITTEN_FOR, "gpunn": beyond}
    weights = io.BytesIO()
    with h5py.File(weights, "w") as file:
        fill_weights(file)
    with replacing(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as members:
        for name, data in ((METADATA, json.dumps(metadata)), (CONFIG, json.dumps(text)), (WEIGHTS, weights.getvalue())):
            members.writestr(zipfile.ZipInfo(name), data)


def built_shapes(model: Any) -> dict[str, Any]:
    """The shape that each layer with weights was built for, by its name; of a model within the same of its layers."""
    shapes: dict[str, Any] = {}
    for layer in model.layers:
        if isinstance(getattr(layer, "built_for", None), tuple) and layer.parameters:
            shapes[layer.name] = layer.built_for[0] if isinstance(layer.built_for, list) else layer.built_for
        if hasattr(layer, "layers"):
            shapes[layer.name] = built_shapes(layer)
    return shapes


@contextmanager
def reading(path: pathlib.Path) -> Iterator["Source"]:
    with zipfile.ZipFile(path) as members:
        for info in members.infolist():
            _check(info)
            archive.modest(info)
        config = kinds.text_of(members.read(CONFIG))
        metadata = kinds.text_of(members.read(METADATA)) if METADATA in members.namelist() else {}
        if WEIGHTS not in members.namelist():
            raise ValueError(f"there is no {WEIGHTS} in it. Received: {', '.join(members.namelist())}.")
        with hdf5.opened(io.BytesIO(members.read(WEIGHTS))) as file:
            yield Source(file, config, metadata)


def _check(info: zipfile.ZipInfo) -> None:
    """Raises ValueError for a member that would lie elsewhere."""
    name = info.filename.replace("\\", "/")
    if name.startswith("/") or ".." in name.split("/") or ":" in name:
        raise ValueError(f"the archive holds {info.filename!r}, a path out of it")


class Source(Tree):
    """Such a file, open."""

    def __init__(self, file: Any, config: dict[str, Any], metadata: dict[str, Any]):
        super().__init__(file)
        self.config, self.metadata = config, metadata

    def model_config(self, own: dict[str, Any] | None) -> dict[str, Any]:
        beyond = self.metadata.get("gpunn")
        return read(self.config, own) | ({k: v for k, v in beyond.items() if k in BEYOND} if isinstance(beyond, dict) else {})
