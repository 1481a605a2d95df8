"""What the sections share: the device, sizes for a dry run, where results go, and clocks.

A section is a program of its own: ``python bench/gpu/<section>.py``. It writes its part of ``gpu-results.json`` in ``OUT`` (default
bench/results), with an "error" in it when it fails, and then ends with status 1: the others go on.
``GPUNN_BENCH_BACKEND=sim`` is the dry run, ``hosted`` one with the GPU's own backend (tests/gpu/hosted).
"""

import json
import os
import pathlib
import platform
import signal
import statistics
import subprocess
import sys
import time
import traceback
from datetime import UTC, datetime
from importlib import metadata
from typing import Any

HERE = pathlib.Path(__file__).resolve().parent
ASKED = os.environ.get("GPUNN_BENCH_BACKEND", "gpu")
BACKEND, DRY = "gpu" if ASKED == "hosted" else ASKED, ASKED != "gpu"
_failed: list[str] = []  # parts of this section
OUT = pathlib.Path(os.environ.get("OUT") or HERE.parent / "results")


def facts() -> dict:
    """Device, driver, versions, commit and date: what a figure stands with."""
    out = {"date": datetime.now(UTC).isoformat(timespec="seconds"), "backend": ASKED, "python": platform.python_version()}
    import gpunn

    out["gpunn"] = gpunn.__version__
    for name in ("numpy", "cupy-cuda13x", "cupy-cuda12x", "torch", "jax", "nvidia-cublas", "nvidia-cuda-nvrtc"):
        try:
            out[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    out["commit"] = os.environ.get("GPUNN_COMMIT") or _said(["git", "-C", str(HERE), "rev-parse", "HEAD"])
    if not DRY:
        from gpunn.backend.probe import probe

        state = probe()
        out |= {"device": state.device_name, "compute_capability": state.compute_capability, "cuda": state.driver}
        out["driver"] = _said(["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"])
    return out


def _said(command: list[str]) -> str | None:
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=20).stdout.strip() or None
    except (OSError, subprocess.SubprocessError):
        return None


def backend():
    from gpunn.backend import get_backend

    return get_backend(BACKEND)


def run(name: str, body) -> None:
    """Run a section: `body(results)` fills a dict, which is written whatever happens."""
    results: dict = {}
    began, status = time.perf_counter(), 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("out of time"))  # what was measured until then is written
    try:
        results["where"] = facts()
        body(results)
    except BaseException as error:
        results["error"] = f"{type(error).__name__}: {error}"
        traceback.print_exc()
        status = 1
    if _failed:
        results["failed_parts"], status = _failed, 1
    results["seconds"] = round(time.perf_counter() - began, 1)
    OUT.mkdir(parents=True, exist_ok=True)
    file = OUT / f"gpu-results{'-dry' if DRY else ''}.json"  # one file for all sections: some machines give few files back
    everything = json.loads(file.read_text()) if file.exists() else {}
    fresh = file.with_suffix(".new")
    fresh.write_text(json.dumps(everything | {name: results}, indent=1) + "\n")
    fresh.replace(file)
    print(f"{name}: {'failed' if status else 'done'} in {results['seconds']} s -> {file.name}", flush=True)
    sys.exit(status)


def attempt(results: dict, key: str, body) -> None:
    """One part of a section: its failure is noted and the next part runs."""
    try:
        results[key] = body()
    except Exception as error:
        traceback.print_exc(limit=4)
        _failed.append(key)
        results[key] = {"error": f"{type(error).__name__}: {error}"[:500]}


def elapsed(launch, repeats: int, rounds: int = 5) -> float:
    """Seconds one `launch` takes on the device: median over rounds of many launches between two waits."""
    ops = backend()
    launch()
    ops.synchronize()
    seconds = []
    for _ in range(1 if DRY else rounds):
        began = time.perf_counter()
        for _ in range(repeats):
            launch()
        ops.synchronize()
        seconds.append((time.perf_counter() - began) / repeats)
    return statistics.median(seconds)


def mnist():
    """(x_train, y_train), (x_test, y_test) as uint8 rows; random ones in a dry run."""
    import numpy as np

    if DRY:
        rng = np.random.default_rng(0)
        return tuple((rng.integers(0, 256, (n, 784)).astype(np.uint8), rng.integers(0, 10, n)) for n in (64, 32))
    from gpunn.datasets import mnist as data

    (x, y), (x_test, y_test) = data.load_data()
    return (x.reshape(-1, 784), y), (x_test.reshape(-1, 784), y_test)


def mlp(widths=(300, 100), learning_rate: Any = 1e-3, rows: int = 784, scale: float | None = None):
    """784-300-100-10 with relu, Adam and accuracy, on the device under test; `scale`: what pixels are multiplied by."""
    import gpunn
    from gpunn import layers, models, optimizers

    with gpunn.device(BACKEND):
        model = models.Sequential([layers.Input((rows,)), *([layers.Rescaling(scale)] if scale else [])])
        for width in widths:
            model.add(layers.Dense(width, activation="relu"))
        model.add(layers.Dense(10, activation="softmax"))
        model.compile(optimizers.Adam(learning_rate), "sparse_categorical_crossentropy", ["accuracy"])
    return model
