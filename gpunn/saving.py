"""Saving under Keras's names: models and weights in files, classes and functions of the user's by name, objects as configurations."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from gpunn import activations, constraints, initializers, lookup, losses, metrics, optimizers, regularizers
from gpunn.layers.base import Layer
from gpunn.models import configuration
from gpunn.models.files import keras_json
from gpunn.models.saving import load_model, save_model
from gpunn.optimizers import schedules

__all__ = [
    "CustomObjectScope", "custom_object_scope", "deserialize_keras_object", "get_custom_objects", "get_registered_name",
    "get_registered_object", "load_model", "load_weights", "register_keras_serializable", "save_model", "save_weights",
    "serialize_keras_object",
]
__dir__ = __all__.copy


def load_weights(model: Any, filepath: Any, skip_mismatch: bool = False) -> None:
    """`Model.load_weights` as a function."""
    model.load_weights(filepath, skip_mismatch)


def save_weights(model: Any, filepath: Any, overwrite: bool = True) -> None:
    """`Model.save_weights` as a function."""
    model.save_weights(filepath, overwrite)


# ---------------------------------------------------------------------- the user's classes and functions
@contextmanager
def custom_object_scope(custom_objects: dict[str, Any] | None) -> Iterator[None]:
    """``with custom_object_scope({"Name": thing}):`` names of the user's that are found within the block, whatever is looked for."""
    with lookup.custom_objects(custom_objects):
        yield


CustomObjectScope = custom_object_scope


def get_custom_objects() -> dict[str, Any]:
    """The dict of what was registered, in which the user may put names of their own: they are found whatever is looked for."""
    return lookup.REGISTERED


def register_keras_serializable(package: str = "Custom", name: str | None = None) -> Callable[[Any], Any]:
    """A decorator: the class or function is found as ``"package>name"`` (by default its own name) when something saved is loaded, without
    `custom_objects`. Raises ValueError for a class without get_config."""

    def decorate(thing: Any) -> Any:
        if isinstance(thing, type) and not hasattr(thing, "get_config"):
            raise ValueError(f"Cannot register the class {thing.__name__}: it has no get_config() method.")
        lookup.register(f"{package}>{name or thing.__name__}", thing)
        return thing

    return decorate


def get_registered_name(obj: Any) -> str:
    """``"package>name"`` of a registered class or function, else its own name."""
    return lookup.key_of(obj)


def get_registered_object(name: str, custom_objects: dict[str, Any] | None = None, module_objects: dict[str, Any] | None = None) -> Any:
    """What is the user's under this name: in a scope, registered, in these dicts; or None."""
    return ((module_objects or {}) | (custom_objects or {}) | lookup.known()).get(name)


# ---------------------------------------------------------------------- configurations of anything
_KINDS: tuple[tuple[str, type, Callable[[Any], Any]], ...] = (
    ("layers", Layer, configuration.described),
    ("initializers", initializers.Initializer, initializers.serialize), ("regularizers", regularizers.Regularizer, regularizers.serialize),
    ("constraints", constraints.Constraint, constraints.serialize), ("losses", losses.Loss, losses.serialize),
    ("metrics", metrics.Metric, metrics.serialize), ("optimizers", optimizers.Optimizer, optimizers.serialize),
    ("schedules", schedules.LearningRateSchedule, schedules.serialize),
)
_READERS: dict[str, Callable[..., Any]] = {
    "layers": configuration.made, "initializers": initializers.deserialize, "regularizers": regularizers.deserialize,
    "constraints": constraints.deserialize, "losses": losses.deserialize, "metrics": metrics.deserialize,
    "optimizers": optimizers.deserialize, "schedules": schedules.deserialize,
}
_SPACE = "keras.src.layers.preprocessing.feature_space"
_OTHERS = {"FeatureSpace": "keras.utils", "Feature": _SPACE, "Cross": _SPACE}  # classes of no family, and where Keras has them
_FUNCTIONS = activations.NAMES | {c.function_name: getattr(losses, c.function_name) for c in losses.CLASSES if c.function_name}
PLAIN = (str, bool, int, float, type(None))


def serialize_keras_object(obj: Any) -> Any:
    """A layer, model, loss ... as Keras 3 writes it, ``{"module", "class_name", "config", "registered_name"}``; numbers, strings and None
    as they are, and lists and dicts of all these. Raises TypeError for anything else."""
    if isinstance(obj, PLAIN):
        return obj
    if isinstance(obj, np.generic):
        return obj.item()
    if isinstance(obj, (list, tuple)):
        return type(obj)([serialize_keras_object(v) for v in obj])
    if isinstance(obj, dict):
        return {name: serialize_keras_object(v) for name, v in obj.items()}
    if isinstance(obj, np.ndarray):
        return {"class_name": "__numpy__", "config": {"value": obj.tolist(), "dtype": obj.dtype.name}}
    for kind, base, described in _KINDS:
        if isinstance(obj, base):
            return keras_json.to_keras(described(obj), kind)
    if isinstance(obj, activations.Activation) and not obj.get_config():
        return _function(obj.name)
    if hasattr(obj, "get_config") and not isinstance(obj, type):  # any other class that can say what it is, a FeatureSpace among them
        key = lookup.key_of(type(obj))
        name = key.rpartition(">")[2]
        module = _OTHERS.get(name) if type(obj).__module__.startswith("gpunn.") else type(obj).__module__
        config = serialize_keras_object(obj.get_config())
        return {"module": module, "class_name": name, "config": config, "registered_name": None if name == "FeatureSpace" else key}
    if isinstance(obj, type) or not callable(obj):
        raise TypeError(f"serialize_keras_object: expected an object of gpunn's, a function or plain values. Received: {obj!r}.")
    return _function(lookup.key_of(obj))


def _function(name: str) -> dict[str, Any]:
    return {"module": "builtins", "class_name": "function", "config": name, "registered_name": "function"}


def deserialize_keras_object(config: Any, custom_objects: dict[str, Any] | None = None, safe_mode: bool = True) -> Any:
    """What `serialize_keras_object`, or Keras 3, wrote. Code in it is never run, whatever `safe_mode`.

    Raises ValueError for a class or function that nobody knows."""
    if isinstance(config, (list, tuple)):
        return type(config)([deserialize_keras_object(v, custom_objects) for v in config])
    if not isinstance(config, dict):
        return config
    if "class_name" not in config:
        return {name: deserialize_keras_object(v, custom_objects) for name, v in config.items()}
    if config["class_name"] in ("__numpy__", "__tensor__"):
        return keras_json.array_of(config["config"])
    if config["class_name"] == "function":
        name = str(config["config"])
        return lookup.find("function", name, _FUNCTIONS | (custom_objects or {}))
    own = lookup.known(custom_objects)
    kind = _kind(config, own)
    if kind is None:
        found = own.get(str(config.get("registered_name"))) or lookup.find("class", config["class_name"], lookup.table(_others(), own))
        return found.from_config(dict(config["config"])) if hasattr(found, "from_config") else found(**config["config"])
    return _READERS[kind](keras_json.from_keras(config, own, kind), own)


def _kind(config: dict[str, Any], own: dict[str, Any]) -> str | None:
    """Which family a configuration is of: its module says it, or its class."""
    module = str(config.get("module") or "").rpartition(".")[2]
    if module in _READERS:
        return module
    name = config["class_name"]
    if name in keras_json.MODELS:
        return "layers"
    found = own.get(str(config.get("registered_name"))) or lookup.table({}, own).get(name)
    for kind, base, _ in _KINDS:
        if isinstance(found, type):
            if issubclass(found, base):
                return kind
        elif name in keras_json.MODULES[kind][1]:
            return kind
    return None


def _others() -> dict[str, Any]:
    from gpunn.utils import feature, feature_space

    return {name: getattr(feature, name, None) or getattr(feature_space, name) for name in _OTHERS}
