"""A model in one .npz file: arrays, and a JSON text of the architecture. Loading never runs code from the file."""

import pathlib
from typing import Any

import numpy as np

from gpunn import losses, metrics, optimizers
from gpunn.models import archive

FORMAT = "gpunn-1"


def save(model: Any, path: Any, overwrite: bool = True) -> None:
    """Write atomically: a file of that name is either the old one or the whole new one. Raises ValueError when it may not be replaced."""
    model._need_built("save")
    path = pathlib.Path(path)
    if path.exists() and not overwrite:
        raise ValueError(f"The file {path} exists, and overwrite=False.")
    config: dict[str, Any] = {"format": FORMAT, "class_name": type(model).__name__, "config": model.get_config(), "dtype": model.dtype}
    config["rng"] = {"seed": model.rng.seed, "step": int(model.backend.to_numpy(model.rng.step)[0]), "epochs": model.epochs_seen}
    arrays = {f"weight/{i}": w for i, w in enumerate(model.get_weights())}
    setup = model._setup
    if setup is not None:
        model._ready(model.row_shape)
        optimizer = setup.optimizer
        config["iterations"] = optimizer.steps
        config["no_weight_decay"] = optimizer.exclusion.written_down()
        config["compile"] = {
            "loss": losses.serialize(setup.loss),
            "optimizer": optimizers.serialize(optimizer),
            "metrics": [metrics.serialize(m) for m in setup.asked],
            "weighted_metrics": [metrics.serialize(m) for m in setup.asked_weighted],
        }
        arrays |= {f"optimizer/{name}": array for name, array in optimizer.export(model.storage).items()}
    archive.write(path, config, arrays)


def load_model(path: Any, custom_objects: dict[str, Any] | None = None, compile: bool = True) -> Any:
    """The model in a file `Model.save` wrote, ready to go on training where it was.

    Raises FileNotFoundError for no file, ValueError for one that is not a whole gpunn model, or holds an unknown layer class.
    """
    from gpunn.models.sequential import Sequential

    path = pathlib.Path(path)
    if not path.exists():
        raise FileNotFoundError(f"No model file at {path}.")
    config, arrays = archive.read(path)
    if config.get("format") != FORMAT or config.get("class_name") != "Sequential":
        raise ValueError(
            f"{path}: expected a Sequential in the format {FORMAT}. Received: {config.get('class_name')!r} in {config.get('format')!r}."
        )
    try:
        model: Any = Sequential.from_config(config["config"], custom_objects)
        model.set_weights([arrays[f"weight/{i}"] for i in range(sum(n.startswith("weight/") for n in arrays))])
        rng = config["rng"]
        model.rng.seed, model.epochs_seen = int(rng["seed"]), int(rng["epochs"])
        model.backend.write(model.rng.step, int(rng["step"]))
        if compile and "compile" in config:
            _compile(model, config, arrays, custom_objects)
    except (KeyError, TypeError) as error:
        raise ValueError(f"{path} is not a whole gpunn model file: {type(error).__name__} {error}") from error
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    return model


def _compile(model: Any, config: dict[str, Any], arrays: dict[str, np.ndarray], own: dict[str, Any] | None) -> None:
    """Compile as the file says, with the optimizer where it was."""
    given = config["compile"]
    asked, weighted = ([_metric(m, own) for m in given.get(k, ())] for k in ("metrics", "weighted_metrics"))
    optimizer = optimizers.deserialize(given["optimizer"], own)
    optimizer.exclusion = optimizers.Exclusion(**config.get("no_weight_decay", {}))
    model.compile(optimizer, losses.deserialize(given["loss"], own), asked, weighted)
    saved = {name.removeprefix("optimizer/"): a for name, a in arrays.items() if name.startswith("optimizer/")}
    optimizer.restore(model.storage, config["iterations"], saved)


def _metric(given: Any, own: dict[str, Any] | None) -> Any:
    return given if isinstance(given, str) else metrics.deserialize(given, own)
