"""Which device work runs on. ``auto`` is the GPU when it is usable (see `probe`), else the CPU.

``sim`` runs the GPU's code on the CPU, for tests.

The choice is made by argument, ``with gpunn.device("cpu"|"gpu")``, `set_backend`, or the environment variable ``GPUNN_BACKEND``; a model
remembers its own.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from gpunn.backend.base import Backend

NAMES = {"auto": "auto", "cpu": "cpu", "numpy": "cpu", "gpu": "gpu", "cupy": "gpu", "cuda": "gpu", "sim": "sim"}
_made: dict[str, Backend] = {}
_default: str | None = None
_tf32 = False


def _resolve(name: str) -> str:
    if name not in NAMES:
        raise ValueError(f"Unknown backend. Expected one of {', '.join(NAMES)}. Received: {name!r}.")
    return NAMES[name]


def set_backend(name: str) -> None:
    """Choose the device for models made from now on: "auto", "cpu" or "gpu". Raises ValueError for any other name."""
    global _default
    _default = _resolve(name)


def set_matmul_precision(precision: str) -> None:
    """How float32 matrix products are done on a GPU: "highest" (the default), or "high": TF32, several times as fast, 10 bits of mantissa.

    Holds for models whose steps are recorded from now on; the CPU always computes in full precision. Raises ValueError for any other word.
    """
    global _tf32
    if precision not in ("highest", "high"):
        raise ValueError(f"Unknown precision. Expected 'highest' or 'high'. Received: {precision!r}.")
    _tf32 = precision == "high"
    for made in _made.values():
        made.set_precision(_tf32)


@contextmanager
def device(name: str) -> Iterator[Backend]:
    """``with gpunn.device("gpu"):`` models made inside live there."""
    global _default
    before, _default = _default, _resolve(name)
    try:
        yield get_backend()
    finally:
        _default = before


def get_backend(name: str | Backend | None = None) -> Backend:
    """The backend of that name, or the one chosen; made once a process.

    Raises `GpuUnavailable` when a GPU is asked for and cannot be used, with the original error and the command that mends it.
    """
    if isinstance(name, Backend):
        return name
    name = _resolve(name or _default or os.environ.get("GPUNN_BACKEND", "auto"))
    if name in ("auto", "gpu") and "gpu" not in _made:
        from gpunn.backend.probe import prefer_gpu, require_gpu

        if name == "gpu":
            require_gpu()
        name = "gpu" if prefer_gpu() else "cpu"
    elif name == "auto":
        name = "gpu"
    if name not in _made:
        _made[name] = _make(name)
        _made[name].set_precision(_tf32)
    return _made[name]


def _make(name: str) -> Backend:
    if name == "gpu":
        from gpunn.backend.gpu import GpuBackend

        return GpuBackend()
    if name == "sim":
        from gpunn.backend.sim import SimBackend

        return SimBackend()
    from gpunn.backend.cpu import CpuBackend

    return CpuBackend()
