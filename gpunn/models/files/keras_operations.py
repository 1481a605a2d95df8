"""Operations of a functional model as Keras 3 writes them, from ours and back.

Keras writes ``Multiply`` of the module ``keras.src.ops.numpy`` with its operands in the call, numbers and arrays among them, and the rest
as its configuration. Ours are ``Operation`` with all of that as configuration.
"""

from typing import Any

_OF_NN = {
    "Relu", "LeakyRelu", "Elu", "Selu", "Softplus", "Silu", "Gelu", "Softmax", "LogSoftmax", "Sigmoid", "Conv", "ConvTranspose", "MaxPool",
    "AveragePool",
}
_MODULES = {
    "core": {"Cast", "StopGradient"}, "linalg": {"Cholesky", "Det", "Inv", "Solve", "SolveTriangular"},
    "math": {"Rsqrt", "Erf", "Erfc", "Erfinv", "Logdet"}, "nn": _OF_NN,
}
_NAMES = {"gelu_tanh": "Gelu", "slice": "GetItem"}
_OPTIONS: dict[str, tuple[str, ...]] = {  # by what names Keras's take what ours have as options
    **dict.fromkeys(("sum", "mean", "max"), ("axis", "keepdims")), **dict.fromkeys(("softmax", "log_softmax", "flip"), ("axis",)),
    "reshape": ("newshape:shape",), "transpose": ("axes",), "repeat": ("repeats", "axis"), "tile": ("repeats",), "take": ("axis",),
    "roll": ("shift", "axis"), "broadcast_to": ("shape",), "concatenate": ("axis",), "stack": ("axis",), "cast": ("dtype",), "slice": (),
    **dict.fromkeys(("max_pool", "average_pool"), ("pool_size", "strides", "padding")), "conv": ("strides", "padding", "dilation_rate"),
    "conv_transpose": ("strides", "padding", "output_padding", "dilation_rate"), "diagonal": ("offset", "axis1", "axis2"),
    "solve_triangular": ("lower",),
}
_IN_CALL = {"slice": "key", "take": "indices"}  # options of ours that are operands of Keras's
_FROM_OPERANDS = {"leaky_relu": "negative_slope", "elu": "alpha"}  # and the other way round
_FIXED: dict[str, dict[str, Any]] = {
    "cholesky": {"upper": False}, "gelu": {"approximate": False}, "gelu_tanh": {"approximate": True}, "max": {"initial": None},
    "round": {"decimals": 0},
}
_OURS_ALONE = {"rows", "activation", "loss", "ctc", "sign_of_det"}
IN_KERAS = "KerasOperation"


def to_keras(entry: dict[str, Any]) -> dict[str, Any] | None:
    """An ``Operation`` of ours as Keras writes it; None where Keras has none like it."""
    config = entry["config"]
    name, options, constants = config["operation"], config["options"], config["constants"]
    written = {option.rpartition(":")[2] for option in _OPTIONS.get(name, ())} | {_IN_CALL.get(name)}
    if name in _OURS_ALONE or not {*options} <= written or (name == "broadcast_to" and None in options["shape"]):
        return None
    title = _NAMES.get(name) or "".join(part.capitalize() for part in name.split("_"))
    values = {"name": config["name"]} | _FIXED.get(name, {})
    for option in _OPTIONS.get(name, ()):
        theirs, _, ours = option.partition(":")
        values[theirs] = options[ours or theirs]
    if name in _FROM_OPERANDS:
        values[_FROM_OPERANDS[name]] = constants["1"]
    calls = [_call(name, call, config) for call in entry.get("inbound_nodes", ())]
    module = next((module for module, titles in _MODULES.items() if title in titles), "numpy")
    out = {"module": f"keras.src.ops.{module}", "class_name": title, "config": values, "registered_name": title}
    return out | {"name": entry.get("name", config["name"]), "inbound_nodes": calls}


def _call(name: str, call: dict[str, Any], config: dict[str, Any]) -> dict[str, Any]:
    tensors, constants = iter(call["args"][0]), config["constants"]
    operands = [constants[str(i)] if str(i) in constants else next(tensors) for i in range(config["count"])]
    if name in _FROM_OPERANDS:
        operands = operands[:1]
    if name in _IN_CALL:
        operands.append(config["options"][_IN_CALL[name]])
    return {"args": [operands] if name in ("concatenate", "stack") else operands, "kwargs": {}}


def is_keras(entry: dict[str, Any]) -> bool:
    return str(entry.get("module")).startswith(("keras.src.ops.", "keras.ops"))


def from_keras(entry: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    """An operation of Keras's, with its configuration in our form, as `gpunn.models.operations` makes it."""
    options = {name: value for name, value in values.items() if name not in ("name", "trainable")}
    return {"class_name": IN_KERAS, "config": {"name": values.get("name"), "operation": entry["class_name"], "options": options}}
