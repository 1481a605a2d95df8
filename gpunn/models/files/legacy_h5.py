"""The .h5 format of Keras 2 and 3: configurations as attributes, weights by layer, the optimizer's state as a list."""

import json
import pathlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from gpunn.models.files import hdf5, keras_json, kinds, optimizer_state, variables
from gpunn.models.files.atomic import replacing
from gpunn.models.files.keras_tree import Tree, check_shape
from gpunn.models.files.keras_zip import BEYOND

WEIGHTS, OPTIMIZER, NAMES = "model_weights", "optimizer_weights", "weight_names"


def save_model(model: Any, path: pathlib.Path, config: dict[str, Any]) -> None:
    def fill(file: Any) -> None:
        text = keras_json.to_keras({k: config[k] for k in ("class_name", "config")})
        file.attrs["keras_version"], file.attrs["backend"] = kinds.WRITTEN_FOR, "gpunn"
        file.attrs["model_config"] = json.dumps(keras_json.legacy(text))
        file.attrs["gpunn"] = json.dumps({k: config[k] for k in BEYOND if k in config})
        if "compile" in config:
            given = keras_json.compile_to_keras(config["compile"])
            given["optimizer_config"] = keras_json.legacy(given.pop("optimizer"))
            file.attrs["training_config"] = json.dumps({k: keras_json.legacy(v) for k, v in given.items()})
            state = optimizer_state.to_list(model)
            place = file.create_group(OPTIMIZER)
            hdf5.write_texts(place, NAMES, [name for name, _ in state])
            for name, array in state:
                place[name] = array
        fill_weights(file.create_group(WEIGHTS), model)

    with replacing(path) as temporary:
        hdf5.write(temporary, fill)


def save_weights(model: Any, path: pathlib.Path) -> None:
    """The weights alone, as `save_weights` of Keras 2 wrote them to a .h5 file."""
    with replacing(path) as temporary:
        hdf5.write(temporary, lambda file: fill_weights(file, model))


def fill_weights(group: Any, model: Any) -> None:
    group.attrs["keras_version"], group.attrs["backend"] = kinds.WRITTEN_FOR, "gpunn"
    hdf5.write_texts(group, "layer_names", [layer.name for layer in model.layers])
    for layer in sorted(model.layers, key=lambda one: one.name):
        place = group.create_group(layer.name)
        parameters = variables.in_legacy_order(layer)
        names = _names(parameters)
        hdf5.write_texts(place, NAMES, names)
        for name, p in zip(names, parameters, strict=True):
            place[name] = p.numpy()
    hdf5.write_texts(group.create_group("top_level_model_weights"), NAMES, [])


def _names(parameters: list[Any]) -> list[str]:
    """Theirs, each once."""
    seen: dict[str, int] = {}
    out = []
    for p in parameters:
        n = seen[p.name] = seen.get(p.name, -1) + 1
        out.append(f"{p.name}_{n}" if n else p.name)
    return out


@contextmanager
def reading(path: pathlib.Path) -> Iterator[Any]:
    """A source for any HDF5 file of Keras's: this format, or the tree of .weights.h5."""
    with hdf5.opened(path) as file:
        if "layer_names" in file.attrs or "layer_names0" in file.attrs or WEIGHTS in file:
            yield Source(file)
        elif "layers" in file or "vars" in file or "_layer_checkpoint_dependencies" in file:
            yield Tree(file)
        else:
            raise ValueError(f"the HDF5 file holds no model of Keras's. Received: {', '.join(list(file)[:5]) or 'nothing'}.")


class Source:
    """Such a file, open."""

    def __init__(self, file: Any):
        self.file = file
        self.place = hdf5.child(file, WEIGHTS) or file

    def numbers(self) -> int:
        return hdf5.numbers(self.file)

    def model_config(self, own: dict[str, Any] | None) -> dict[str, Any]:
        text = hdf5.text(self.file, "model_config")
        if text is None:
            raise ValueError("the file holds weights alone. Expected a whole model; `Model.load_weights` reads this one.")
        out = keras_json.from_keras(kinds.text_of(text), own)
        if (given := hdf5.text(self.file, "training_config")) is not None:
            out["compile"] = keras_json.compile_from_keras(kinds.text_of(given), own)
        beyond = kinds.text_of(hdf5.text(self.file, "gpunn") or "{}")
        return out | {k: v for k, v in beyond.items() if k in BEYOND}

    def weights(self, model: Any) -> list[np.ndarray]:
        """In the model's order. Layers that have weights go by their order, as Keras reads them; Raises ValueError where they differ."""
        layers = [layer for layer in model.layers if layer.weights]
        stored = []
        for name in hdf5.texts(self.place, "layer_names"):
            group = hdf5.child(self.place, name)
            if group is None:
                raise ValueError(f"the layer {name!r} is named, but is not in the file")
            if names := hdf5.texts(group, NAMES):
                stored.append((name, group, names))
        if len(stored) != len(layers):
            raise ValueError(f"Model {model.name!r}: expected {len(layers)} layers with weights. Received: {len(stored)}.")
        found = {}
        for layer, (name, group, names) in zip(layers, stored, strict=True):
            parameters = variables.in_legacy_order(layer)
            if len(parameters) != len(names):
                raise ValueError(f"Layer {layer.name!r}: expected {len(parameters)} weights. Received: {len(names)} of {name!r}.")
            for p, inner in zip(parameters, names, strict=True):
                dataset = hdf5.child(group, inner)
                check_shape(f"Model {model.name!r}", p, dataset)
                found[id(p)] = dataset
        return [hdf5.values(found[id(p)], p.name) for p in model.parameters]

    def optimizer_state(self, model: Any) -> Callable[[], None] | None:
        place = hdf5.child(self.file, OPTIMIZER)
        if place is None:
            return None
        arrays = [(name, hdf5.child(place, name)) for name in hdf5.texts(place, NAMES)]
        shapes = [hdf5.shape_of(a, name) for name, a in arrays]
        return optimizer_state.prepared(model, shapes, lambda i: hdf5.values(arrays[i][1], arrays[i][0]))

    def optimizer_of_weights(self, model: Any) -> Callable[[], None] | str | None:
        return None  # as Keras: this format's weights are read alone
