"""Activation functions: by name, as arguments of layers, and as functions of arrays.

Names, parameters and defaults are Keras 3's; `step`, `arctan`, `bipolar_sigmoid` and the names ``logistic`` and ``identity`` are more. At a
kink a gradient is that of the flat side: relu'(0) = 0.
"""

from typing import Any

from gpunn import lookup
from gpunn.activations import catalogue, own, rows
from gpunn.activations.base import Activation
from gpunn.activations.catalogue import (
    arctan,
    bipolar_sigmoid,
    celu,
    elu,
    exponential,
    gelu,
    hard_shrink,
    hard_sigmoid,
    hard_silu,
    hard_swish,
    hard_tanh,
    leaky_relu,
    linear,
    log_sigmoid,
    logistic,
    mish,
    relu,
    relu6,
    selu,
    sigmoid,
    silu,
    soft_shrink,
    softplus,
    softsign,
    sparse_plus,
    sparse_sigmoid,
    squareplus,
    step,
    swish,
    tanh,
    tanh_shrink,
    threshold,
)
from gpunn.activations.own import FromFormula
from gpunn.activations.rows import glu, log_softmax, softmax, sparsemax
from gpunn.activations.traced import FromTensors
from gpunn.kernels.record import Kernel

NAMES: dict[str, Activation] = catalogue.NAMES | rows.NAMES


def get(identifier: Any) -> Activation:
    """An activation from its name, itself, None (linear), a configuration, a kernel, a layer such as LeakyReLU, or a function.

    A function is understood where it only calls an activation of ours (``lambda x: leaky_relu(x, 0.1)``) or is Keras's of a known name.
    Raises ValueError listing the names, or saying what a function or a kernel lacks.
    """
    if identifier is None:
        return linear
    if isinstance(identifier, Activation):
        return identifier.ready()
    if isinstance(identifier, str):
        return _object(_own(identifier, {}) or lookup.find("activation", identifier, NAMES))
    if isinstance(identifier, dict) and "class_name" in identifier:
        return _configured(identifier)
    return _object(identifier)


def _object(given: Any) -> Activation:
    if isinstance(given, Activation):
        return given.ready()
    if isinstance(given, Kernel):
        return FromFormula(given)
    if getattr(given, "activation_alone", False):  # a layer that is an activation and nothing else
        return given.activation
    if callable(given) and not isinstance(given, type):
        if getattr(given, "parameters", None) is not None or hasattr(given, "compute_output_shape"):
            raise ValueError(f"Layer {getattr(given, 'name', given)!r} is more than an activation: add it to the model after this layer.")
        return own.from_function(given, NAMES)
    raise ValueError(f"Could not interpret activation. Expected one of: {', '.join(sorted(NAMES))}. Received: {given!r}.")


def _configured(given: dict[str, Any]) -> Activation:
    config = given.get("config") or {}
    if given["class_name"] == "function":  # as Keras writes a function: its name is the configuration
        return get(str(config))
    found = _own(given["class_name"], config) or lookup.find("activation", given["class_name"], NAMES)
    return found.configured(**config) if isinstance(found, Activation) else _object(found)


def _own(name: str, config: dict[str, Any]) -> Activation | None:
    return None if name in NAMES else own.by_name(name, config)


def serialize(activation: Any) -> str | dict[str, Any]:
    """Its name; with parameters ``{"class_name": name, "config": parameters}``, for `get` and `deserialize`."""
    activation = get(activation)
    config = activation.get_config()
    if isinstance(activation, FromTensors):
        return lookup.note(activation.name, activation.function)
    return {"class_name": activation.name, "config": config} if config else activation.name


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Activation:
    """An activation from what `serialize` wrote; those of your own are found in `custom_objects`, or by their formula's name."""
    with lookup.custom_objects(custom_objects):
        return get(config)


__all__ = [
    "NAMES", "Activation", "FromFormula", "arctan", "bipolar_sigmoid", "celu", "deserialize", "elu", "exponential", "gelu", "get", "glu",
    "hard_shrink", "hard_sigmoid", "hard_silu", "hard_swish", "hard_tanh", "leaky_relu", "linear", "log_sigmoid", "log_softmax", "logistic",
    "mish", "relu", "relu6", "selu", "serialize", "sigmoid", "silu", "soft_shrink", "softmax", "softplus", "softsign", "sparse_plus",
    "sparse_sigmoid", "sparsemax", "squareplus", "step", "swish", "tanh", "tanh_shrink", "threshold",
]
__dir__ = __all__.copy
