"""Everything about a model that training changes, taken out and put back, in memory or in a file.

Parameters go by their place in the model, not by name: the same layers made again may be called otherwise.
"""

import pathlib
import warnings
from typing import Any

import numpy as np

from gpunn.models.files import READERS, WEIGHT_WRITERS, kinds
from gpunn.models.files.errors import told
from gpunn.models.saving import format_of, writable


def take(model: Any) -> dict[str, Any]:
    """Weights, which layers learn, random state, and the optimizer's moments, step count and rate: a tree of numbers and NumPy arrays."""
    state: dict[str, Any] = {
        "weights": model.get_weights(), "trainable": [bool(layer.trainable) for layer in model.leaves],
        "seed": int(model.rng.seed), "step": int(model.backend.to_numpy(model.rng.step)[0]), "epochs": int(model.epochs_seen),
    }
    if model.optimizer is not None:
        if model._setup is not None:
            model._ready(model.row_shape)
        state["optimizer"] = _take_optimizer(model)
    return state


def _take_optimizer(model: Any) -> dict[str, Any]:
    optimizer, places = model.optimizer, {p.name: i for i, p in enumerate(model.parameters)}
    arrays = {_renamed(key, places): array for key, array in optimizer.export(model.storage).items()}
    out = {"class_name": type(optimizer).__name__, "steps": optimizer.steps, "arrays": arrays}
    return out if optimizer.schedule is not None else out | {"learning_rate": float(optimizer.learning_rate)}


def _renamed(key: str, names: dict[Any, Any]) -> str:
    """``slot/parameter`` with the parameter's place for its name, or the other way; ``scalar/...`` stays."""
    slot, _, name = key.partition("/")
    return key if slot == "scalar" else f"{slot}/{names[name]}"


def put(model: Any, state: dict[str, Any]) -> None:
    """Make the model as it was when `state` was taken. Raises ValueError, and changes nothing, when it is another model's."""
    problem = _differs(model, state)
    if problem:
        raise ValueError(f"Model {model.name!r} is not the one this state was taken from: {problem}")
    for layer, trainable in zip(model.leaves, state["trainable"], strict=True):
        if layer.trainable != trainable:  # it sets that of layers within
            layer.trainable = trainable
    if model._setup is not None and not model.storage_fits():
        model._arrange()
    model.set_weights(state["weights"])
    model.rng.seed, model.epochs_seen = state["seed"], state["epochs"]
    model.backend.write(model.rng.step, state["step"])
    if model.optimizer is not None and "optimizer" in state:
        put_optimizer(model, state["optimizer"])


def _differs(model: Any, state: dict[str, Any]) -> str | None:
    """What does not fit, in words."""
    shapes, given = [p.shape for p in model.parameters], [np.shape(w) for w in state["weights"]]
    if shapes != given:
        return f"expected weights of the shapes {shapes}. Received: {given}."
    if len(state["trainable"]) != len(model.leaves):
        return f"expected {len(model.leaves)} layers. Received: {len(state['trainable'])}."
    kind = None if model.optimizer is None else type(model.optimizer).__name__
    saved = state.get("optimizer", {}).get("class_name")
    return None if kind == saved else f"expected the optimizer {kind}. Received: {saved}."


def put_optimizer(model: Any, state: dict[str, Any]) -> None:
    """Moments, step count and rate of the optimizer, as `take` took them; what they lack stays as it is."""
    optimizer, names = model.optimizer, {str(i): p.name for i, p in enumerate(model.parameters)}
    arrays = {_renamed(key, names): array for key, array in state["arrays"].items()}
    optimizer.restore(model.storage, state["steps"], optimizer.export(model.storage) | arrays)
    if "learning_rate" in state and optimizer.schedule is None:
        optimizer.learning_rate = state["learning_rate"]


def save_weights(model: Any, path: Any, overwrite: bool = True) -> None:
    """Write the weights, and the optimizer's state where there is one and the format has room for it, to one file."""
    model._need_built("save_weights")
    path = writable(path, overwrite)
    WEIGHT_WRITERS[format_of(path, weights_only=True)](model, path)


def load_weights(model: Any, path: Any, skip_mismatch: bool = False) -> None:
    """Read what `save_weights` or Keras 3 wrote, or the weights of a whole model's file; see `Model.load_weights`."""
    model._need_built("load_weights")
    path = pathlib.Path(path)
    kind = kinds.of_file(path, "weights")
    with told(path), READERS[kind](path) as source:
        reasons: list[str] = []
        if skip_mismatch:
            if not hasattr(source, "weights_that_fit"):
                raise ValueError("skip_mismatch goes with files that keep weights by layers: expected a .weights.h5 or .keras file.")
            weights, reasons = source.weights_that_fit(model)
        else:
            weights = source.weights(model)
        optimizer = None if model.optimizer is None or reasons else source.optimizer_of_weights(model)
        model.set_weights(weights)
        if callable(optimizer):
            model._ready(model.row_shape)
            optimizer()
    for reason in reasons:
        warnings.warn(f"{path}: {reason} These weights stay as they are (skip_mismatch=True).", stacklevel=3)
    if isinstance(optimizer, str):
        warnings.warn(
            f"{path} holds the state of the optimizer {optimizer}, which {type(model.optimizer).__name__} cannot use: only "
            "the weights were loaded.", stacklevel=3,
        )
