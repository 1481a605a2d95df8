"""Names that Keras had before version 3, and that have no successor of the same meaning."""

from typing import Any

from gpunn import lookup, saving
from gpunn.config import set_image_data_format


class Reduction:
    """``keras.losses.Reduction``: the reductions of losses, as words."""

    AUTO = SUM_OVER_BATCH_SIZE = "sum_over_batch_size"
    NONE, SUM = "none", "sum"


def image_dim_ordering() -> str:
    """Keras 1's word for channels that come last."""
    return "tf"


def set_image_dim_ordering(dim_ordering: str) -> None:
    """Accepts "tf" alone: channels last. Raises ValueError for anything else."""
    set_image_data_format("channels_last" if dim_ordering == "tf" else dim_ordering)


def serialize_keras_object(instance: Any) -> Any:
    """``keras.utils.legacy``'s: a class and its configuration, or a function's name. Raises ValueError for anything else."""
    if instance is None:
        return None
    if hasattr(instance, "get_config"):
        return {"class_name": lookup.key_of(type(instance)), "config": instance.get_config()}
    if hasattr(instance, "__name__"):
        return lookup.key_of(instance)
    raise ValueError(f"serialize_keras_object: expected something with get_config(), or a function. Received: {instance!r}.")


def deserialize_keras_object(
    identifier: Any, module_objects: dict[str, Any] | None = None, custom_objects: dict[str, Any] | None = None,
    printable_module_name: str = "object",
) -> Any:
    """``keras.utils.legacy``'s: what `serialize_keras_object` wrote, of the classes and functions in these two dicts, of the user's, or
    gpunn's. Raises ValueError for an unknown one."""
    names = (module_objects or {}) | lookup.known(custom_objects)
    name = identifier.get("class_name") if isinstance(identifier, dict) else identifier
    if name not in names:
        return saving.deserialize_keras_object(identifier, names)
    found = names[name]
    if not isinstance(identifier, dict):
        return found() if isinstance(found, type) else found
    config = dict(identifier.get("config", {}))
    return found.from_config(config) if hasattr(found, "from_config") else found(**config)
