"""Arrays of other libraries that live on a GPU: CuPy's, PyTorch's, JAX's, anything with DLPack or ``__cuda_array_interface__``."""

from typing import Any

import numpy as np

CUDA = (2, 13)  # DLPack's device types of CUDA memory: plain and managed


def gpu_of(value: Any) -> int | None:
    """The number of the GPU an array lives on; None for what lives in host memory (or is no array)."""
    if hasattr(value, "__dlpack_device__"):
        kind, number = value.__dlpack_device__()
        return int(number) if int(kind) in CUDA else None
    if has_cuda_interface(value):
        device = getattr(value, "device", 0)
        return int(getattr(device, "id", device if isinstance(device, int) else 0))
    return None


def has_cuda_interface(value: Any) -> bool:
    try:
        return hasattr(value, "__cuda_array_interface__")
    except RuntimeError:  # PyTorch: of a tensor that tracks gradients
        return True


def as_array(value: Any) -> Any:
    """A NumPy array of a value of the host; an array of ours on a GPU as it is: NumPy's functions then work on it where it is."""
    return value if isinstance(value, np.ndarray) or has_cuda_interface(value) else np.asarray(value)


def on_host(value: Any, ops: Any) -> Any:
    """A NumPy array of what lives on the device of `ops`; anything else as it is."""
    return value if (here := ops.adopt(value, "an array")) is None else ops.to_numpy(here)


def elsewhere(name: str, number: int, where: str) -> ValueError:
    """The error for an array on a GPU that the model is not on."""
    return ValueError(
        f"Argument {name}: expected an array on the model's device, {where}, or in host memory. Received: an array on gpu {number}. "
        f"Move the array, or the model with model.to(...)."
    )
