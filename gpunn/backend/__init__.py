"""Which device work runs on. ``auto`` is the GPU when it is usable (see `probe`), else the CPU.

The choice is made by argument, ``with gpunn.device("cpu"|"gpu")``, `set_backend`, or the environment variable ``GPUNN_BACKEND``; a model
remembers its own.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from gpunn.backend.base import Backend

NAMES = {"auto": "auto", "cpu": "cpu", "numpy": "cpu", "gpu": "gpu", "cupy": "gpu", "cuda": "gpu"}
_made: dict[str, Backend] = {}
_default: str | None = None


def _resolve(name: str) -> str:
    if name not in NAMES:
        raise ValueError(f"Unknown backend. Expected one of {', '.join(NAMES)}. Received: {name!r}.")
    return NAMES[name]


def set_backend(name: str) -> None:
    """Choose the device for models made from now on: "auto", "cpu" or "gpu". Raises ValueError for any other name."""
    global _default
    _default = _resolve(name)


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
    """The backend of that name, or the one chosen; made once a process."""
    if isinstance(name, Backend):
        return name
    name = _resolve(name or _default or os.environ.get("GPUNN_BACKEND", "auto"))
    if name == "auto":
        name = "cpu"
    if name not in _made:
        from gpunn.backend.cpu import CpuBackend

        _made[name] = CpuBackend()
    return _made[name]
