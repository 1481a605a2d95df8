"""A model in one .npz file: arrays, and a JSON text of the architecture. Loading never runs code from the file."""

import json
import os
import pathlib
import zipfile
from typing import Any

import numpy as np

from gpunn import losses, metrics, optimizers

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
        optimizer = setup.optimizer
        config["compile"] = {
            "loss": {"class_name": type(setup.loss).__name__, "config": setup.loss.get_config()},
            "optimizer": {"class_name": type(optimizer).__name__, "config": optimizer.get_config()},
            "metrics": [m if isinstance(m, str) else {"class_name": type(m).__name__, "config": m.get_config()} for m in setup.asked],
        }
        for slot, vector in optimizer.state.items():
            for i, (_, view) in enumerate(model.storage.split(vector).items()):
                arrays[f"optimizer/{slot}/{i}"] = model.backend.to_numpy(view)
    arrays["config"] = np.frombuffer(json.dumps(config).encode(), np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            np.savez(file, **arrays)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def load_model(path: Any, custom_objects: dict[str, Any] | None = None, compile: bool = True) -> Any:
    """The model in a file `Model.save` wrote, ready to go on training where it was.

    Raises FileNotFoundError for no file, ValueError for one that is not a whole gpunn model, or holds an unknown layer class.
    """
    from gpunn.models.sequential import Sequential

    path = pathlib.Path(path)
    if not path.exists():
        raise FileNotFoundError(f"No model file at {path}.")
    try:
        with np.load(path, allow_pickle=False) as file:
            config = json.loads(bytes(file["config"]).decode())
            weights = [file[f"weight/{i}"] for i in range(sum(n.startswith("weight/") for n in file.files))]
            state = {n: file[n] for n in file.files if n.startswith("optimizer/")}
    except (zipfile.BadZipFile, KeyError, ValueError, EOFError, OSError) as error:
        raise ValueError(f"{path} is not a whole gpunn model file: {error}") from error
    if config.get("format") != FORMAT or config.get("class_name") != "Sequential":
        raise ValueError(f"{path}: expected format {FORMAT}. Received: {config.get('format')!r}, {config.get('class_name')!r}.")
    model: Any = Sequential.from_config(config["config"], custom_objects)
    model.set_weights(weights)
    rng = config["rng"]
    model.rng.seed, model.epochs_seen = rng["seed"], rng["epochs"]
    model.backend.write(model.rng.step, rng["step"])
    if compile and "compile" in config:
        given = config["compile"]
        asked = [m if isinstance(m, str) else _metric(m) for m in given["metrics"]]
        model.compile(optimizers.get(given["optimizer"]), losses.get(given["loss"]), asked)
        for slot, vector in model.optimizer.state.items():
            for i, (_, view) in enumerate(model.storage.split(vector).items()):
                model.backend.write(view, state[f"optimizer/{slot}/{i}"])
    return model


def _metric(given: dict[str, Any]) -> Any:
    if given["class_name"] == "LossMetric":
        return metrics.LossMetric(**given["config"])
    return metrics.find("metric", given["class_name"], metrics.NAMES)(**given["config"])
