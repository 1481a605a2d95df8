"""A model in one file: `save` and `load_model`. The formats stand in `gpunn.models.files`; loading never runs code from a file."""

import pathlib
import warnings
from collections.abc import Callable
from typing import Any

from gpunn import lookup, losses, metrics, optimizers
from gpunn.layers import room
from gpunn.models import own_classes
from gpunn.models.files import READERS, WEIGHT_WRITERS, WRITERS, kinds
from gpunn.models.files.errors import told

MODEST = 1 << 18  # numbers that a model may have whatever its file holds: shapes that differ are then told as such


def save(model: Any, path: Any, overwrite: bool = True, include_optimizer: bool = True) -> None:
    """Write atomically: a file of that name is either the old one or the whole new one. The suffix says the format; see `Model.save`.

    Raises ValueError when it may not be replaced, or the format holds weights alone; ImportError naming the extra that a format needs.
    """
    model._need_built("save")
    path = writable(path, overwrite)
    if format_of(path) == kinds.H5 and not model.is_graph:
        kind = type(model).__name__
        raise ValueError(f"{path}: the .h5 format holds Sequential and functional models. Save {kind} to a .keras or .npz file.")
    WRITERS[format_of(path)](model, path, describe(model, include_optimizer))


def save_model(model: Any, filepath: Any, overwrite: bool = True, include_optimizer: bool = True) -> None:
    """`Model.save` as a function, as Keras has it."""
    model.save(filepath, overwrite, include_optimizer)


def format_of(path: Any, weights_only: bool = False) -> str:
    """The format that a name asks for. Raises ValueError for one that holds the other of models and weights, ImportError for a missing
    package."""
    kind = kinds.to_write(pathlib.Path(path))
    if not weights_only and kind not in WRITERS:
        raise ValueError(f"{path}: this format holds weights alone. Use save_weights, or save to a .keras, .h5 or .npz file.")
    if weights_only and kind not in WEIGHT_WRITERS:
        raise ValueError(f"{path}: this format holds whole models. Use save, or save_weights to a .weights.h5, .safetensors or .npz file.")
    return kind


def writable(path: Any, overwrite: bool) -> pathlib.Path:
    path = pathlib.Path(path)
    if path.is_dir():
        raise ValueError(f"Expected the name of a file. Received: {path}, which is a directory.")
    if path.exists() and not overwrite:
        raise ValueError(f"The file {path} exists, and overwrite=False.")
    return path


def describe(model: Any, include_optimizer: bool = True) -> dict[str, Any]:
    """Everything but arrays: architecture, random state, and what compile was given."""
    config: dict[str, Any] = {"class_name": lookup.key_of(type(model)), "config": model.get_config(), "dtype": model.dtype}
    if not model.is_graph:
        config["build"], config["names"] = own_classes.built_for(model), [p.name for p in model.parameters]
    config["rng"] = {"seed": model.rng.seed, "step": int(model.backend.to_numpy(model.rng.step)[0]), "epochs": model.epochs_seen}
    setup = model._setup
    if setup is not None and include_optimizer:
        model._ready(model.row_shape)
        optimizer = setup.optimizer
        config["iterations"] = optimizer.steps
        config["no_weight_decay"] = optimizer.exclusion.written_down()
        config["compile"] = {
            "optimizer": optimizers.serialize(optimizer),
        } | model.compile_written_down()
    return config


def load_model(
    filepath: Any, custom_objects: dict[str, Any] | None = None, compile: bool = True, safe_mode: bool = True
) -> Any:
    """The model in a file that `Model.save` or Keras 3 wrote (.keras, .h5), ready to go on training where it was; or the `FeatureSpace`.

    Which format it is, the file itself says. `custom_objects`: classes and functions of the user's by name. Code in a file is never run,
    whatever `safe_mode`.
    Raises FileNotFoundError for no file, ValueError for one that is not a whole model, or holds an unknown layer class, ImportError naming
    the extra that a format needs.
    """
    path = pathlib.Path(filepath)
    kind = kinds.of_file(path, "model")
    with told(path), READERS[kind](path) as source:
        if kind == kinds.KERAS and source.config.get("class_name") == "FeatureSpace":
            from gpunn.utils import feature_space_file

            return feature_space_file.restored(source, custom_objects)
        return restored(source, custom_objects, compile)


def restored(source: Any, custom_objects: dict[str, Any] | None, compile: bool = True) -> Any:
    """The model that a reader of `gpunn.models.files` found."""
    config = source.model_config(custom_objects)
    with room.limited(max(source.numbers(), MODEST)):
        model = rebuild(config, custom_objects)
    model.set_weights(source.weights(model))
    if "rng" in config:
        rng = config["rng"]
        model.rng.seed, model.epochs_seen = int(rng["seed"]), int(rng["epochs"])
        model.backend.write(model.rng.step, int(rng["step"]))
    if compile and "compile" in config and model.needs_loss and config["compile"]["loss"] is None:  # as Keras writes a distiller
        warnings.warn(f"{type(model).__name__} {model.name!r} is not compiled: its file does not hold the loss.", stacklevel=4)
    elif compile and "compile" in config:
        compile_as(model, config, custom_objects)
        if (state := source.optimizer_state(model)) is not None:
            state()
    return model


def rebuild(config: dict[str, Any], own: dict[str, Any] | None) -> Any:
    """A fresh model from its class name and configuration."""
    from gpunn import distillation, models

    kinds_of_model: dict[str, Any] = {"Sequential": models.Sequential, "Functional": models.Functional}
    mine = lookup.table({"Distiller": distillation.Distiller}, own)
    name = config["class_name"]
    name = name if name in mine else name.rpartition(">")[2]
    kind: Any = mine.get(name, kinds_of_model.get(name))
    if isinstance(kind, type) and issubclass(kind, models.Model) and not issubclass(kind, tuple(kinds_of_model.values())):
        model = own_classes.made(kind, config, own)
    elif kind not in kinds_of_model.values():
        raise ValueError(
            f"expected a model of the class {' or '.join(kinds_of_model)}, or of a class of yours: custom_objects={{{name!r}: the_class}}. "
            f"Received: {name!r}."
        )
    else:
        model = kind.from_config(config["config"], own)
    if not model.built:
        raise ValueError(f"the model {model.name!r} has no weights: its file does not say the shape of its input.")
    return model


def compile_as(model: Any, config: dict[str, Any], own: dict[str, Any] | None) -> None:
    """Compile as the file says, with the optimizer where it was."""
    given = config["compile"]
    asked, weighted = (_nested(lambda m: _metric(m, own), given.get(k) or []) for k in ("metrics", "weighted_metrics"))
    try:
        optimizer = given["optimizer"] if isinstance(given["optimizer"], str) else optimizers.deserialize(given["optimizer"], own)
        optimizer = optimizers.get(optimizer)
        optimizer.exclusion = optimizers.Exclusion(**config.get("no_weight_decay", {}))
        loss = _nested(lambda one: None if one is None else losses.deserialize(one, own), given["loss"])
        if isinstance(loss, dict):  # outputs without a loss are not there
            loss = {name: loss.get(name) for name in model.output_names}
        model.compile(optimizer, loss, asked, weighted, given.get("loss_weights"))
    except ValueError as error:
        raise ValueError(f"{error} (compile=False loads the model without loss and optimizer.)") from error


def _nested(read: Callable[[Any], Any], given: Any) -> Any:
    """Of several outputs each one's, in lists and dicts."""
    if isinstance(given, dict) and "class_name" not in given:
        return {name: _nested(read, value) for name, value in given.items()}
    return [_nested(read, value) for value in given] if isinstance(given, list) else read(given)


def _metric(given: Any, own: dict[str, Any] | None) -> Any:
    return given if isinstance(given, str) else metrics.deserialize(given, own)
