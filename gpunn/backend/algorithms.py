"""Which algorithm a planned product uses: timed once on the device, then kept, so that every later run has the same bits.

Choices live in the user's cache folder, by device, library version, shape and epilogue. ``GPUNN_TUNE=0`` takes the library's favourite.
"""

import json
import os
import pathlib
from collections.abc import Callable

from gpunn.backend.cublaslt import Plan
from gpunn.kernels import cache

_known: dict[str, dict[str, str]] = {}


def _file(device: str) -> pathlib.Path:
    safe = "".join(ch if ch.isalnum() else "-" for ch in device)
    return cache.folder("gemm") / f"{safe}.json"


def _load(device: str) -> dict[str, str]:
    if device not in _known:
        try:
            read = json.loads(_file(device).read_text())
            _known[device] = {k: v for k, v in read.items() if isinstance(v, str)}
        except (OSError, ValueError, AttributeError):  # no file yet, or a damaged one: choose again
            _known[device] = {}
    return _known[device]


def choose(plan: Plan, device: str | None, time: Callable[[bytes], float]) -> None:
    """Set ``plan.algorithm``. `device` names the device and the library; None: nothing is timed or kept (the stand-in)."""
    if device is None or os.environ.get("GPUNN_TUNE") == "0" or len(plan.candidates) == 1:
        return
    known = _load(device)
    wanted = known.get(plan.key)
    if wanted is None or bytes.fromhex(wanted) not in plan.candidates:
        best = min(plan.candidates, key=time)
        wanted = known[plan.key] = best.hex()
        _save(device, known)
    plan.algorithm = bytes.fromhex(wanted)


def recall(device: str, key: str) -> str | None:
    """What was kept of a device under a key of another kind, such as how a step runs best."""
    return _load(device).get(key)


def remember(device: str, key: str, value: str) -> None:
    known = _load(device)
    known[key] = value
    _save(device, known)


def _save(device: str, known: dict[str, str]) -> None:
    file = _file(device)
    temporary = file.with_suffix(f".{os.getpid()}.tmp")
    try:
        temporary.write_text(json.dumps(known, indent=1, sort_keys=True))
        os.replace(temporary, file)
    except OSError:  # a cache that cannot be written costs a little time, nothing else
        temporary.unlink(missing_ok=True)


def forget() -> None:
    """Drop what this process knows; files stay."""
    _known.clear()
