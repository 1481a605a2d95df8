"""Configurations as Keras 3 writes them in its files, from ours and back.

Ours are ``{"class_name": ..., "config": {...}}``; Keras's say the module too, the shape a layer was built for, and the dtype as an object.
What Keras does not have is written under a module of gpunn's: Keras then says that it cannot find it. Nothing of a module's name is
imported, and no code in a file is run.
"""

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from gpunn import activations, constraints, initializers, layers, lookup, losses, metrics, optimizers, regularizers
from gpunn.dtype_policies import DTypePolicy
from gpunn.models.files import keras_operations
from gpunn.models.files.variables import ATTENTIONS
from gpunn.optimizers.schedules import base as schedules

# what Keras 3 does not have, or has under another meaning
OURS_ALONE = {
    "arctan", "bipolar_sigmoid", "step", "HalfMeanSquaredError", "SumSquaredError", "ConfusionMatrix", "LossMetric", "MeanMetricWrapper",
    "LossFunctionWrapper", "FormulaLoss", "LBFGS", "ElasticNet", "Lasso", "Ridge", "OneCycle", "StepDecay", "WarmUp",
    "Cutout", "RandomAffine", "RandomChannelShift", "SaltAndPepper",
}
MODULES: dict[str, tuple[str, Any]] = {
    "layers": ("keras.layers", layers.NAMES), "initializers": ("keras.initializers", initializers.NAMES),
    "regularizers": ("keras.regularizers", regularizers.NAMES), "constraints": ("keras.constraints", constraints.NAMES),
    "losses": ("keras.losses", losses.NAMES), "metrics": ("keras.metrics", metrics.NAMES),
    "optimizers": ("keras.optimizers", optimizers.NAMES),
    "schedules": ("keras.optimizers.schedules", schedules.NAMES),
}
_BY_KEY = {"initializer": "initializers", "regularizer": "regularizers", "constraint": "constraints", "schedule": "schedules",
           "rate": "schedules", "optimizer": "optimizers", "loss": "losses"}
_AS_LAYERS = {"leaky_relu": "LeakyReLU", "elu": "ELU", "relu": "ReLU", "softmax": "Softmax"}  # activations with parameters
DISTILLATION = ("Distiller", "FeatureDistillation", "LogitsDistillation")
MODELS = {"Sequential": "keras", "Functional": "keras.src.models.functional"}
# common arguments that some of Keras's layers do not take
_UNTAKEN = {
    **{f"SpatialDropout{n}D": ("trainable",) for n in (1, 2, 3)}, "Discretization": ("trainable",), "Pipeline": ("trainable", "dtype"),
}
# arguments that Keras writes and that change nothing here
_IGNORED = {"quantization_config", "sparse", "ragged", "optional", "shared_object_id", "jit_compile", "is_legacy_optimizer", "lora_rank",
            "use_cudnn", "vocabulary_size", "zero_output_for_mask", "implementation", "unroll", "time_major"}
_USUAL = {"axis": -1, "data_format": "channels_last", "oov_method": "floormod",
          "reduction": "sum_over_batch_size"}  # and these, with these values


# ---------------------------------------------------------------------- ours to Keras's
def policy(dtype: str) -> dict[str, Any]:
    return {"module": "keras", "class_name": "DTypePolicy", "config": {"name": dtype}, "registered_name": None}


def to_keras(entry: dict[str, Any], kind: str = "layers", shapes: dict[str, Any] | None = None) -> dict[str, Any]:
    """A layer, model, loss ... of ours as Keras writes it. `shapes`: what each built layer was built for, by name; of a model within a dict
    of these."""
    name, config = entry["class_name"], entry["config"]
    if name == "function":
        return {"module": "builtins", "class_name": "function", "config": config, "registered_name": config}
    if name in MODELS:
        return _model(entry, shapes)
    if name == "Operation" and (written := keras_operations.to_keras(entry)) is not None:
        return {k: _value(k, v, shapes) for k, v in written.items()}
    within = _within(config, shapes)
    module, known = MODULES[kind]
    ours = (name not in known or name in OURS_ALONE) and name not in DISTILLATION
    module = "keras.distillation" if name in DISTILLATION else module
    values = {k: _value(k, v, within) for k, v in config.items()}
    if kind == "layers":
        values = _layer(name, values)
    title = name.rpartition(">")[2]  # of a class that is registered, "package>Name"
    out = {"module": f"gpunn.{kind}" if ours else module, "class_name": title, "config": values, "registered_name": name if ours else None}
    if name in ATTENTIONS:  # which Keras calls on arguments, not on a list
        entry = entry | {"inbound_nodes": [_spread(call) for call in entry.get("inbound_nodes", [])]} if "inbound_nodes" in entry else entry
    shape = (shapes or {}).get(config.get("name")) if kind == "layers" and name not in ATTENTIONS else None
    rest = {k: _value(k, v, shapes) for k, v in entry.items() if k not in ("class_name", "config", "module", "registered_name")}
    return out | ({} if shape is None or shape is within else {"build_config": {"input_shape": shape}}) | rest


def _within(config: Any, shapes: dict[str, Any] | None) -> dict[str, Any] | None:
    """The shapes of the layers of a model of this configuration; else all."""
    found = (shapes or {}).get(str(config.get("name"))) if isinstance(config, dict) else None
    return found if isinstance(found, dict) else shapes


def _spread(call: dict[str, Any]) -> dict[str, Any]:
    given = call["args"]
    return call | {"args": given[0] if len(given) == 1 and isinstance(given[0], list) else given * 2 if len(given) == 1 else given}


def _layer(name: str, config: dict[str, Any]) -> dict[str, Any]:
    if name == "InputLayer":
        shape = config.pop("shape", None)
        return config if shape is None else {"batch_shape": [None, *shape], "sparse": False, "ragged": False, "optional": False} | config
    for argument in ("input_shape", *_UNTAKEN.get(name, ())):  # Sequential's build_input_shape says the shape
        config.pop(argument, None)
    return config | ({"dtype": policy(config["dtype"])} if isinstance(config.get("dtype"), str) else {})


def _model(entry: dict[str, Any], shapes: dict[str, Any] | None) -> dict[str, Any]:
    config = dict(entry["config"])
    shapes = _within(config, shapes)
    inner = [to_keras(layer, shapes=shapes) for layer in config.pop("layers")]
    rest = {k: _value(k, v, shapes) for k, v in config.items()}
    name, shape = entry["class_name"], config.get("build_input_shape")
    out = {"module": MODELS[name], "class_name": name, "registered_name": None if name == "Sequential" else name}
    out["config"] = {"trainable": True} | rest | {"layers": inner}
    more = {k: _value(k, v, shapes) for k, v in entry.items() if k not in ("class_name", "config", "module", "registered_name")}
    return out | ({} if shape is None else {"build_config": {"input_shape": shape}}) | more


def _value(key: str, value: Any, shapes: dict[str, Any] | None) -> Any:
    if isinstance(value, np.ndarray):
        return {"class_name": "__numpy__", "config": {"value": value.tolist(), "dtype": value.dtype.name}}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, (list, tuple)):
        return [_value(key, v, shapes) for v in value]
    if not isinstance(value, dict):
        return value
    if "class_name" not in value:
        return {k: _value(k, v, shapes) for k, v in value.items()}
    if value["class_name"].startswith("__"):
        return value
    if key.endswith("activation"):
        return _activation(value)
    return to_keras(value, _BY_KEY.get(key.rpartition("_")[2], "layers"), shapes)


def _activation(value: dict[str, Any]) -> dict[str, Any]:
    name, config = value["class_name"], dict(value["config"])
    if name in _AS_LAYERS:
        return to_keras({"class_name": _AS_LAYERS[name], "config": {"name": name} | config})
    return {"module": "gpunn.activations", "class_name": name, "config": config, "registered_name": name}


def compile_to_keras(given: dict[str, Any]) -> dict[str, Any]:
    """What compile was given, as `gpunn.models.saving` writes it down."""

    def nested(kind: str, value: Any) -> Any:
        if isinstance(value, (list, tuple)):
            return [nested(kind, v) for v in value]
        if isinstance(value, dict) and "class_name" not in value:
            return {k: nested(kind, v) for k, v in value.items()}
        return to_keras(value, kind) if isinstance(value, dict) else value

    out = {"optimizer": to_keras(given["optimizer"], "optimizers"), "loss": nested("losses", given["loss"])}
    out["loss_weights"] = given.get("loss_weights")
    out |= {name: nested("metrics", given.get(name)) or None for name in ("metrics", "weighted_metrics")}
    out |= {name: value for name, value in given.items() if name not in out}
    return out | {"run_eagerly": False, "steps_per_execution": 1, "jit_compile": True}


def legacy(entry: Any) -> Any:
    """The form inside an .h5 file: layers and models without modules; what is inside a layer's configuration keeps them."""
    if isinstance(entry, list):
        return [legacy(e) for e in entry]
    if not isinstance(entry, dict) or "class_name" not in entry:
        return entry
    if keras_operations.is_keras(entry):  # whose names are layers' names, too: the module tells
        return entry
    kept = {k: v for k, v in entry.items() if k not in ("module", "registered_name", "build_config", "compile_config")}
    if ">" in str(entry.get("registered_name")):
        kept["class_name"] = entry["registered_name"]
    if isinstance(entry["config"], dict) and "layers" in entry["config"]:
        kept["config"] = entry["config"] | {"layers": legacy(entry["config"]["layers"])}
    return kept


# ---------------------------------------------------------------------- Keras's to ours
def from_keras(entry: Any, own: dict[str, Any] | None = None, kind: str = "layers") -> dict[str, Any]:
    """A layer, model, loss ... of Keras's, or of ours in its form, as ours are written. `own`: the user's classes and functions.

    Raises ValueError for code in the file, and for arguments that gpunn does not have where they are set.
    """
    if not isinstance(entry, dict) or not isinstance(entry.get("class_name"), str) or "config" not in entry:
        raise ValueError(f"expected a class name with a configuration. Received: {str(entry)[:80]}.")
    own = lookup.known(own)
    registered = entry.get("registered_name")
    name = registered if registered in own else entry["class_name"]
    config = entry["config"] if isinstance(entry["config"], dict) else {}
    values = {k: _from(k, v, own) for k, v in config.items()}
    rest = {k: _from(k, v, own) for k, v in entry.items() if k in ("name", "inbound_nodes", "shared_object_id") and kind == "layers"}
    if kind == "layers" and name == "InputLayer" and "batch_input_shape" in values:
        values["batch_shape"] = values.pop("batch_input_shape")
    if name not in own and kind == "layers" and keras_operations.is_keras(entry):
        return keras_operations.from_keras(entry, values) | rest
    known = MODULES[kind][1].get(name)
    if name not in own and isinstance(known, type):
        values = _accepted(known, values, f"{name} {values.get('name', '')!r}" if kind == "layers" else name)
    return {"class_name": name, "config": values} | rest


def _from(key: str, value: Any, own: dict[str, Any]) -> Any:
    if isinstance(value, list):
        return [_from(key, v, own) for v in value]
    if not isinstance(value, dict):
        return value
    name = value.get("class_name")
    if not isinstance(name, str) or "config" not in value:
        return {k: _from(k, v, own) for k, v in value.items()}
    if name in _SPECIAL:
        return _SPECIAL[name](value["config"])
    if name.startswith("__"):
        raise ValueError(f"{name} in the file is code or an object of Keras's, which is not read. Received: {key}={str(value)[:60]}.")
    if name == "function":
        return {"class_name": "function", "config": value["config"]}
    if key.endswith("activation"):
        return _activation_from(value, own)
    return from_keras(value, own, _BY_KEY.get(key.rpartition("_")[2], "layers"))


def array_of(config: Any) -> np.ndarray:
    """An array of numbers from Keras's way to write one. Raises ValueError for any other type."""
    dtype = np.dtype(config["dtype"])
    if dtype.kind not in "biuf":
        raise ValueError(f"expected an array of numbers. Received: dtype {dtype}.")
    return np.array(config["value"], dtype)


def _dtype(config: Any) -> str:
    return DTypePolicy.from_config(config).variable_dtype


def _as_it_is(name: str, config: Any) -> dict[str, Any]:
    return {"class_name": name, "config": config}


_SPECIAL: dict[str, Callable[[Any], Any]] = {
    "DTypePolicy": _dtype, "Policy": _dtype, "__numpy__": array_of, "__tensor__": array_of,
    **{f"__{n}__": functools.partial(_as_it_is, f"__{n}__") for n in ("keras_tensor", "slice", "ellipsis", "activation", "loss")},
}


def _activation_from(value: dict[str, Any], own: dict[str, Any]) -> Any:
    """A layer that stands for an activation becomes that activation."""
    name = value["class_name"]
    if name in own or name not in layers.NAMES:
        return {"class_name": name, "config": value["config"]}
    entry = from_keras(value, own)
    layer: Any = layers.NAMES[name].from_config(entry["config"])
    return activations.serialize(layer)


def _accepted(kind: type, values: dict[str, Any], where: str) -> dict[str, Any]:
    """The arguments that a class takes. Raises ValueError for another that is set."""
    names = _arguments(kind) | _arguments(getattr(kind, "loss_class", None) or object)
    for key in values.keys() - names:
        if key not in _IGNORED and values[key] not in (None, False, {}) and values[key] != _USUAL.get(key):
            raise ValueError(f"{where} in the file has the argument {key}={values[key]!r}, which gpunn's {kind.__name__} does not have.")
    return {k: v for k, v in values.items() if k in names}


def _arguments(kind: type) -> set[str]:
    """What a constructor takes by name, its parents' included where it passes the rest on."""
    names: set[str] = set()
    for parent in kind.__mro__[:-1]:
        if "__init__" not in vars(parent):
            continue
        parameters = inspect.signature(parent.__init__).parameters.values()  # type: ignore[misc]
        names |= {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            break
    return names


def compile_from_keras(given: dict[str, Any], own: dict[str, Any] | None = None) -> dict[str, Any]:
    """What Keras wrote of compile, as `gpunn.models.saving` reads it."""
    own = own or {}

    def nested(kind: str, value: Any) -> Any:
        if isinstance(value, list):
            return [nested(kind, v) for v in value]
        if not isinstance(value, dict):
            return value
        if "class_name" not in value:
            return {k: nested(kind, v) for k, v in value.items()}
        return value["config"] if value["class_name"] == "function" else from_keras(value, own, kind)

    optimizer = given.get("optimizer", given.get("optimizer_config"))
    out = {"optimizer": from_keras(optimizer, own, "optimizers") if isinstance(optimizer, dict) else optimizer}
    out |= {"loss": nested("losses", given.get("loss")), "loss_weights": given.get("loss_weights")}
    return out | {name: nested("metrics", given.get(name)) or [] for name in ("metrics", "weighted_metrics")}
