"""Can a GPU be used here?  Three answers, told apart: CuPy absent, present but unusable, usable.

A device counts as usable only after the proof: CuPy imported, a device answered, one kernel was compiled and gave the right numbers,
and one matrix product did.  ``cupy.is_available()`` alone proves neither NVRTC nor cuBLAS.  The exception that stood in the way is kept,
because it is what ``gpunn doctor`` and an explicit ``backend="gpu"`` must show.

This file imports CuPy only inside :func:`probe`, which runs only when somebody asked for a GPU (``auto``, ``gpu`` or ``gpunn doctor``).
"""

import functools
import importlib.util
import os
import sys
from dataclasses import dataclass
from enum import StrEnum
from types import ModuleType
from typing import Any

import numpy as np

DRIVER_PAGE = "https://www.nvidia.com/drivers"
# The oldest driver branch that runs each CUDA major version (NVIDIA, "CUDA compatibility", minor version compatibility).
OLDEST_DRIVER = {12: 525, 13: 580}

_KERNEL = """
extern "C" __global__ void gpunn_probe(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = x[i] + x[i];
}
"""


class State(StrEnum):
    """What is known about a GPU on this machine."""

    ABSENT = "absent"  # CuPy is not installed
    UNUSABLE = "unusable"  # CuPy is installed, something else is in the way
    USABLE = "usable"  # a kernel and a matrix product ran on a device


class GpuUnavailable(RuntimeError):
    """A GPU was asked for by name and cannot be used.  ``__cause__`` is the original exception."""


@dataclass(frozen=True)
class GpuState:
    """The answer of :func:`probe`.  A field that could not be found out is ``None``.

    Attributes:
        state: ``absent``, ``unusable`` or ``usable``.
        reason: one sentence.
        mend: the command, or the act, that mends it; ``None`` where there is nothing to mend.
        error: the original exception.
        cupy_version: for example ``"14.2.0"``.
        driver: the newest CUDA version that the driver runs, for example ``"CUDA 13.0"``.
        device_name: name of the current device.
        compute_capability: for example ``"9.0"``.
        memory: bytes of device memory in all.
        memory_free: bytes of it that were free when probed.
    """

    state: State
    reason: str
    mend: str | None = None
    error: Exception | None = None
    cupy_version: str | None = None
    driver: str | None = None
    device_name: str | None = None
    compute_capability: str | None = None
    memory: int | None = None
    memory_free: int | None = None

    @property
    def usable(self) -> bool:
        return self.state is State.USABLE

    def explain(self) -> str:
        """Reason, mending act and original error on one line."""
        parts = [self.reason]
        if self.mend:
            parts.append(f"To mend it: {self.mend}")
        if self.error is not None:
            parts.append(f"({error_line(self.error)})")
        return " ".join(parts)


def error_line(error: BaseException) -> str:
    """``Type: message`` on one line; of a banner over several lines (CuPy's import error) the exception that caused it."""
    if "\n" in str(error).strip() and error.__cause__ is not None:
        error = error.__cause__
    lines = [line.strip() for line in str(error).splitlines() if line.strip(" =")]
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


@functools.cache
def probe() -> GpuState:
    """Find out, once per process, whether a GPU can be used.  Never raises; costs one ``find_spec`` where CuPy is not installed."""
    if "cupy" not in sys.modules and importlib.util.find_spec("cupy") is None:
        return _absent(None)
    try:
        import cupy
    except ModuleNotFoundError as error:
        return _absent(error) if error.name == "cupy" else _no_import(error)
    except Exception as error:
        return _no_import(error)
    facts: dict[str, Any] = {"cupy_version": str(getattr(cupy, "__version__", "unknown"))}
    for step in (_ask_device, _run_kernel, _run_gemm):
        try:
            step(cupy, facts)
        except Exception as error:
            reason, mend = _diagnose(step.__name__, error, facts, _cuda_major(cupy))
            return GpuState(State.UNUSABLE, reason, mend, error, **facts)
    return GpuState(State.USABLE, f"{facts['device_name']} compiled and ran a kernel and a matrix product.", **facts)


def forget() -> None:
    """Drop the cached answer; the next :func:`probe` looks again."""
    probe.cache_clear()


def prefer_gpu() -> bool:
    """What ``auto`` asks: true when a GPU is usable, silently false otherwise."""
    return probe().usable


def require_gpu() -> GpuState:
    """What an explicit ``gpu`` asks.

    Raises:
        GpuUnavailable: with the reason, the act that mends it and the original error.
    """
    found = probe()
    if not found.usable:
        raise GpuUnavailable(f"The GPU cannot be used. {found.explain()}") from found.error
    return found


# The three steps of the proof.  Each adds what it learnt to `facts`, so that a later failure still shows it.


def _ask_device(cupy: ModuleType, facts: dict[str, Any]) -> None:
    runtime = cupy.cuda.runtime
    driver = runtime.driverGetVersion()
    if driver:
        facts["driver"] = f"CUDA {driver // 1000}.{driver % 1000 // 10}"
    # getDeviceCount is the quiet question: making a Stream on a machine without a device prints noise while it is destroyed.
    if runtime.getDeviceCount() < 1:
        raise RuntimeError("getDeviceCount() returned 0")
    properties = runtime.getDeviceProperties(runtime.getDevice())
    name = properties["name"]
    facts["device_name"] = name.decode() if isinstance(name, bytes) else str(name)
    facts["compute_capability"] = f"{properties['major']}.{properties['minor']}"
    facts["memory_free"], facts["memory"] = (int(n) for n in runtime.memGetInfo())


def _run_kernel(cupy: ModuleType, facts: dict[str, Any]) -> None:
    x = np.arange(4, dtype=np.float32)
    on_device, y = cupy.asarray(x), cupy.zeros(4, np.float32)
    cupy.RawKernel(_KERNEL, "gpunn_probe")((1,), (4,), (on_device, y, np.int32(4)))
    _compare(y.get(), x + x)


def _run_gemm(cupy: ModuleType, facts: dict[str, Any]) -> None:
    a = np.arange(4, dtype=np.float32).reshape(2, 2)
    on_device = cupy.asarray(a)
    _compare(cupy.matmul(on_device, on_device).get(), a @ a)


def _compare(received: np.ndarray, expected: np.ndarray) -> None:
    if not np.array_equal(received, expected):  # small whole numbers: exact on every device, TF32 included
        raise ArithmeticError(f"wrong numbers from the device. Expected: {expected.tolist()}. Received: {received.tolist()}")


# From an exception to one sentence and one command.


def _absent(error: Exception | None) -> GpuState:
    if sys.platform == "darwin":
        return GpuState(State.ABSENT, "CuPy is not installed (there is no CUDA on macOS).", error=error)
    return GpuState(State.ABSENT, "CuPy is not installed.", 'pip install "gpunn[cuda13]"', error)


def _no_import(error: Exception) -> GpuState:
    mend = 'pip install --upgrade --force-reinstall "gpunn[cuda13]"'
    return GpuState(State.UNUSABLE, "CuPy is installed but cannot be imported.", mend, error)


def _cuda_major(cupy: ModuleType) -> int:
    try:
        return int(cupy.cuda.runtime.runtimeGetVersion()) // 1000
    except Exception:  # the answer only words a message about another failure, which is the one to show
        return 13


def _diagnose(step: str, error: Exception, facts: dict[str, Any], major: int) -> tuple[str, str]:
    """``(reason, mend)`` for what ``step`` raised.  ``major`` is the CUDA version that CuPy was built for."""
    extra = '"gpunn[cuda12]"' if major <= 12 else '"gpunn[cuda13]"'
    install = f"pip install {extra}"
    text = str(error).lower()
    if isinstance(error, ArithmeticError):
        return "The device computes wrong numbers.", f"update the NVIDIA driver ({DRIVER_PAGE}); if it stays so, the device is damaged"
    known = _diagnose_status(getattr(error, "status", None), facts, major)
    if known is not None:
        return known
    if type(error).__name__ == "DynamicLibNotFoundError":
        library = "cuBLAS" if "cublas" in text else "NVRTC (the compiler of CUDA kernels)"
        return f"{library} was not found.", install
    if "header" in text or "open source file" in text:
        return "The CUDA headers were not found, so kernels do not compile.", install
    if step == "_run_gemm" and isinstance(error, ImportError):
        return "cuBLAS was not found.", install
    stage = {
        "_ask_device": "No device answered.",
        "_run_kernel": "A kernel did not compile or run.",
        "_run_gemm": "A matrix product did not run.",
    }
    return stage[step], f"update the NVIDIA driver ({DRIVER_PAGE}), then: pip install --upgrade {extra}"


def _diagnose_status(status: int | None, facts: dict[str, Any], major: int) -> tuple[str, str] | None:
    """For the CUDA error codes (``CUDARuntimeError.status``) that have one well-known cause; ``None`` for the others."""
    if status == 35 and facts.get("driver") is None:
        return "There is no NVIDIA driver.", f"install the NVIDIA driver ({DRIVER_PAGE}); without an NVIDIA GPU, train on the CPU"
    if status == 35:
        update = f"update the NVIDIA driver to {OLDEST_DRIVER.get(major, OLDEST_DRIVER[13])} or newer ({DRIVER_PAGE})"
        if major > 12 and facts["driver"].startswith("CUDA 12."):
            update += f', or: pip uninstall -y cupy-cuda{major}x && pip install "gpunn[cuda12]"'
        return f"The NVIDIA driver is too old: it runs {facts['driver']}, CuPy needs CUDA {major}.", update
    if status == 100:
        hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
        if hidden is not None:
            return f"CUDA_VISIBLE_DEVICES={hidden!r} hides every device.", "unset CUDA_VISIBLE_DEVICES"
        return "There is a driver, but no device.", "nvidia-smi -L shows what the driver sees; in a container, start it with --gpus all"
    if status == 209:
        old = f"The device (compute capability {facts.get('compute_capability')}) is too old for CUDA {major}."
        return old, f'pip uninstall -y cupy-cuda{major}x && pip install "gpunn[cuda12]"'
    return {
        2: ("The device has no memory left.", "nvidia-smi shows which processes hold it; end one of them"),
        46: ("The device is held by another process.", "nvidia-smi shows which one; end it, or wait"),
        802: ("The device is not ready yet.", "systemctl restart nvidia-fabricmanager"),
        803: ("The driver's kernel module and libraries are of different versions.", "restart the machine"),
    }.get(status if status is not None else -1)
