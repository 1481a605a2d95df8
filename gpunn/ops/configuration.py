"""Operations written down and made again: what a model's configuration holds of the operations in its graph."""

from typing import Any

import numpy as np

from gpunn import activations, losses


def plain(value: Any) -> Any:
    """A constant or an option as JSON has it. Raises TypeError for what has no such form."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return {"class_name": "__numpy__", "config": {"value": value.tolist(), "dtype": value.dtype.name}}
    if isinstance(value, slice):
        return {"class_name": "__slice__", "config": {name: plain(getattr(value, name)) for name in ("start", "stop", "step")}}
    if value is Ellipsis:
        return {"class_name": "__ellipsis__", "config": {}}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, dict):
        return {name: plain(v) for name, v in value.items()}
    for kind, module in (("activation", activations), ("loss", losses)):
        if isinstance(value, module.Activation if kind == "activation" else module.Loss):
            return {"class_name": f"__{kind}__", "config": module.serialize(value)}
    raise TypeError(f"{value!r}")


def unplain(value: Any) -> Any:
    """What `plain` wrote; lists come back as tuples."""
    if isinstance(value, (list, tuple)):
        return tuple(unplain(v) for v in value)
    if not isinstance(value, dict):
        return value
    if "class_name" not in value:
        return {name: unplain(v) for name, v in value.items()}
    kind, config = value["class_name"], value["config"]
    if kind == "__numpy__":
        return np.array(config["value"], config["dtype"])
    if kind == "__slice__":
        return slice(*(unplain(config[name]) for name in ("start", "stop", "step")))
    if kind == "__ellipsis__":
        return Ellipsis
    return (activations.deserialize if kind == "__activation__" else losses.deserialize)(config)
