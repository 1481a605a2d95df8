"""What a study ran on: machine, versions, and a fingerprint of the code whose results may stand side by side."""

import hashlib
import os
import platform
import sys
import time
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import gpunn

PACKAGE = Path(gpunn.__file__).parent
PACKAGES = ("numpy", "numba", "scipy", "cupy-cuda13x", "cupy-cuda12x", "joblib")
NO_PART = ("cli", "compat", "studies/claims", "studies/report")  # they change no number of a study


@cache
def code_version() -> str:
    """A fingerprint of the library's source, as far as it can change a study's numbers."""
    import gpunn.kernels

    found = hashlib.sha256()
    for root in (PACKAGE, Path(gpunn.kernels.__file__).parent):
        for path in sorted(root.rglob("*")):
            name = path.relative_to(root).as_posix()
            if path.suffix in (".py", ".cu", ".cuh") and not name.startswith(NO_PART):
                found.update(name.encode() + b"\0" + path.read_bytes() + b"\0")
    return f"{gpunn.__version__}-{found.hexdigest()[:12]}"


def facts(backend: Any = None) -> dict[str, Any]:
    """Machine, versions, threads and date. No paths, no names of machine or user."""
    out: dict[str, Any] = {
        "date": time.strftime("%Y-%m-%d"), "gpunn": code_version(), "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}", "cpu": cpu_name(), "cores": _cores(),
        "load when it began": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    }
    for name in PACKAGES:
        try:
            out[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    if backend is not None:
        out["backend"] = backend.name
        out["threads"] = getattr(backend, "threads", None)
        if backend.name == "gpu":
            from gpunn.backend.probe import probe

            out["device"] = probe().device_name
    return {k: v for k, v in out.items() if v is not None}


def cpu_name() -> str:
    """The processor's name, as far as the system says it."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or sys.platform


def _cores() -> int:
    from gpunn.backend.cpu import cores

    return cores()
