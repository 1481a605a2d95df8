"""The few names of ``tensorflow`` itself that scripts for tf.keras use around a model."""

import contextlib
import logging
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

import gpunn.backend
import gpunn.random
from gpunn.results import dressed

float16, float32, float64, string = "float16", "float32", "float64", "string"
int8, int16, int32, int64, uint8, uint16, uint32, uint64 = "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"


class UnconnectedGradients:
    """What `GradientTape.gradient` gives where a target does not depend on a source."""

    NONE, ZERO = "none", "zero"


@dataclass(frozen=True)
class PhysicalDevice:
    """A device, as ``tf.config.list_physical_devices`` lists it."""

    name: str
    device_type: str


def list_physical_devices(device_type: str | None = None) -> list[PhysicalDevice]:
    """The CPU, and a GPU if gpunn can use one."""
    from gpunn.backend.probe import prefer_gpu

    kinds = ["CPU", *(["GPU"] if prefer_gpu() else [])]
    return [PhysicalDevice(f"/physical_device:{kind}:0", kind) for kind in kinds if device_type in (None, kind)]


def gpu_device_name() -> str:
    """"/device:GPU:0", or "" where gpunn can use none."""
    return "/device:GPU:0" if list_physical_devices("GPU") else ""


def is_built_with_cuda() -> bool:
    """Whether the library could use an NVIDIA GPU at all."""
    return True


def is_gpu_available(cuda_only: bool = False, min_cuda_compute_capability: Any = None) -> bool:
    """Whether gpunn can use a GPU here."""
    return bool(list_physical_devices("GPU"))


def set_memory_growth(device: Any, enable: bool) -> None:
    """Nothing to do: gpunn takes device memory as it needs it."""


def set_visible_devices(devices: Any, device_type: str | None = None) -> None:
    """No GPU among them: models are made on the CPU from now on. Anything else changes nothing."""
    if device_type == "GPU" and not devices:
        gpunn.backend.set_backend("cpu")


@contextlib.contextmanager
def device(name: str) -> Iterator[None]:
    """``with tf.device("/GPU:0"):`` models made inside live there. Raises ValueError for what is neither a CPU nor the first GPU."""
    kind, _, number = name.lower().rpartition("/")[2].removeprefix("device:").partition(":")
    if kind not in ("cpu", "gpu") or number not in ("", "0"):
        raise ValueError(f"tf.device: expected '/CPU:0' or '/GPU:0'. Received: {name!r}.")
    with gpunn.backend.device(kind):
        yield


@contextlib.contextmanager
def name_scope(name: str) -> Iterator[None]:
    """A block that changes nothing: names are those of layers."""
    yield


def executing_eagerly() -> bool:
    """Calls give values at once."""
    return True


def nothing(*arguments: Any, **named: Any) -> None:
    """What TensorFlow is told about its own running, and what gpunn has no use for: how much it logs."""


def print_(*values: Any, output_stream: Any = None, end: str = "\n", sep: str = " ", **unused: Any) -> None:
    """``tf.print``: to the standard error stream, where nobody says otherwise."""
    print(*values, end=end, sep=sep, file=output_stream if hasattr(output_stream, "write") else sys.stderr)


def py_function(func: Any, inp: Any, Tout: Any, name: str | None = None) -> Any:
    """The function's result for these arrays, at once, in the type `Tout`, or several in a list of these."""
    return _in_types(func(*(dressed(np.asarray(v)) for v in inp)), Tout)


def numpy_function(func: Any, inp: Any, Tout: Any, stateful: bool = True, name: str | None = None) -> Any:
    """`py_function` of a function of NumPy's arrays."""
    return _in_types(func(*(np.array(v)[()] for v in inp)), Tout)


def _in_types(found: Any, kinds: Any) -> Any:
    if isinstance(kinds, (list, tuple)):
        return [_in_types(v, kind) for v, kind in zip(found, kinds, strict=True)]
    kind = getattr(kinds, "dtype", kinds)
    return dressed(np.asarray(found, None if kind == string else kind))


def get_logger() -> logging.Logger:
    """TensorFlow's logger; gpunn writes nothing to it."""
    return logging.getLogger("tensorflow")


def set_seed(seed: int) -> None:
    """`gpunn.random.set_random_seed`, but Python's and NumPy's own generators stay as they are, as with TensorFlow."""
    gpunn.random.set_own_seed(seed)


def global_seed() -> int:
    """The seed in force."""
    return gpunn.random.current_seed()


def is_op_determinism_enabled() -> bool:
    """Whether a run from the same seed gives the same bits: it always does."""
    return True
