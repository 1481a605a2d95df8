"""What ``gpunn doctor`` looks at.  Every check answers with what was found and, for a gap, the command that mends it."""

import importlib.metadata
import importlib.util
import os
import platform
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import gpunn
from gpunn.backend.probe import State, error_line, probe

Level = Literal["ok", "gap", "bad"]  # bad: training cannot run; gap: it can, something optional is missing

# Distribution, what it is for, gpunn's extra that installs it.
EXTRAS = (
    ("click", "command line", "cli"),
    ("rich", "progress and tables", "cli"),
    ("matplotlib", "training curves and pictures", "cli"),
    ("threadpoolctl", "what BLAS does", "cli"),
    ("scikit-learn", "the digits data set, estimators", "sklearn"),
    ("scipy", "L-BFGS, sounds", "scipy"),
    ("pillow", "folders of images", "images"),
    ("soxr", "sounds", "audio"),
    ("nltk", "synonyms and sentences", "text"),
    ("h5py", "files of Keras, HDF5 data", "hdf5"),
    ("safetensors", "weights in .safetensors", "safetensors"),
    ("onnx", "model.export", "onnx"),
    ("joblib", "studies over several processes", "study"),
    ("plotly", "reports of studies", "study"),
    ("tensorboard", "the TensorBoard callback", "tensorboard"),
)


@dataclass(frozen=True)
class Check:
    """One line of the report.

    Attributes:
        found: one line, what is there.
        mend: the command that mends it, for a gap.
        details: further lines, such as the original error or the places tried.
        facts: the same for machines; goes into ``--json``.
    """

    name: str
    level: Level
    found: str
    mend: str | None = None
    details: tuple[str, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)


def all_checks() -> Iterator[Check]:
    """Every check, in the order of the report, each made when it is asked for."""
    yield Check("gpunn", "ok", gpunn.__version__, facts={"version": gpunn.__version__, "path": str(Path(gpunn.__file__ or "").parent)})
    yield _python()
    yield from _numpy()
    yield _cpu()
    yield _numba()
    yield _kernel_cache()
    yield _gpu()
    yield from _data()
    yield from _extras()
    yield _training()


def _python() -> Check:
    version = platform.python_version()
    found = f"{version}, {platform.python_implementation()} on {platform.system()} {platform.machine()}"
    return Check("Python", "ok", found, facts={"version": version, "executable": sys.executable, "platform": platform.platform()})


def _numpy() -> Iterator[Check]:
    try:
        import numpy
    except ImportError as error:
        yield Check("NumPy", "bad", "cannot be imported", 'pip install --upgrade "numpy>=2"', (error_line(error),))
        return
    yield Check("NumPy", "ok", numpy.__version__, facts={"version": numpy.__version__})
    try:
        import threadpoolctl
    except ImportError:
        yield Check("BLAS", "gap", "unknown: threadpoolctl is not installed", 'pip install "gpunn[cli]"')
        return
    libraries = [pool for pool in threadpoolctl.threadpool_info() if pool.get("user_api") == "blas"]
    if not libraries:
        built = numpy.show_config(mode="dicts").get("Build Dependencies", {}).get("blas", {}).get("name", "unknown")
        yield Check("BLAS", "ok", f"{built} (its core and threads are not known)", facts={"name": built})
    for pool in libraries:
        name, core, threads = pool.get("internal_api"), pool.get("architecture", "unknown"), pool.get("num_threads")
        found = f"{name} {pool.get('version', '')}, core {core}, {threads} thread{'s' * (threads != 1)}"
        yield Check("BLAS", "ok", found, facts=dict(pool))


def _cpu() -> Check:
    in_all = os.cpu_count() or 1
    # Fewer than the machine has: a container, taskset, a batch system.
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else in_all
    quota = _cgroup_cores()
    model = _cpu_model()
    found = f"{usable} core{'s' * (usable != 1)} usable of {in_all}" + (f", {model}" if model else "")
    if quota is not None and quota < usable:
        found += f" (this container may use {quota:g} at a time)"
    threads = os.environ.get("GPUNN_THREADS")
    if threads:
        found += f" (GPUNN_THREADS={threads})"
    return Check("CPU", "ok", found, facts={"usable": usable, "cores": in_all, "quota": quota, "model": model, "threads": threads})


def _cgroup_cores() -> float | None:
    """The container's CPU limit in cores (cgroup v2), if there is one."""
    try:
        limit, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
        return None if limit == "max" else int(limit) / int(period)
    except (OSError, ValueError):
        return None


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.processor())


def _numba() -> Check:
    if importlib.util.find_spec("numba") is None:
        return Check("Numba", "gap", "not installed: training works, slower", 'pip install "gpunn[cpu]"', facts={"version": None})
    try:
        import numba
    except Exception as error:  # Numba refuses a NumPy that is too new with ImportError, a broken LLVM with OSError
        found = "installed but cannot be imported: training works, slower"
        return Check("Numba", "gap", found, 'pip install --upgrade "gpunn[cpu]"', (error_line(error),), {"version": None})
    if os.environ.get("GPUNN_NUMBA") == "0":
        found = f"{numba.__version__}, switched off by GPUNN_NUMBA=0: training works, slower"
        return Check("Numba", "gap", found, "unset GPUNN_NUMBA", facts={"version": numba.__version__})
    return Check("Numba", "ok", numba.__version__, facts={"version": numba.__version__})


def cache_folder() -> Path:
    """Below which compiled kernels are kept: ``GPUNN_CACHE``, or the platform's folder for caches.  Nothing is made here."""
    import platformdirs

    return Path(os.environ.get("GPUNN_CACHE") or platformdirs.user_cache_dir("gpunn")).expanduser().absolute()


def _kernel_cache() -> Check:
    folder = cache_folder()
    there = next(p for p in (folder, *folder.parents) if p.exists())
    facts = {"folder": str(folder), "exists": there == folder, "writable": there.is_dir() and os.access(there, os.W_OK | os.X_OK)}
    if not facts["writable"]:
        found = f"{folder} is not writable: kernels are compiled anew in every process"
        return Check("kernel cache", "gap", found, "export GPUNN_CACHE=FOLDER  (one that you may write to)", facts=facts)
    return Check("kernel cache", "ok", str(folder) if facts["exists"] else f"{folder} (made when first needed)", facts=facts)


def _gpu() -> Check:
    found = probe()
    facts = {name: value for name, value in vars(found).items() if name not in ("state", "error")}
    facts |= {"state": str(found.state), "error": None if found.error is None else error_line(found.error)}
    details = [] if found.error is None else [error_line(found.error)]
    details += [f"CuPy {found.cupy_version}"] if found.cupy_version else []
    details += [f"driver for {found.driver}"] if found.driver else []
    if found.memory is not None:
        free = "" if found.memory_free is None else f", {found.memory_free / 2**30:.1f} GiB free"
        details.append(f"compute capability {found.compute_capability}, {found.memory / 2**30:.1f} GiB of memory{free}")
    wanted = os.environ.get("GPUNN_BACKEND", "").lower() in ("gpu", "cupy", "cuda")
    level: Level = "ok" if found.usable else "bad" if wanted else "gap"
    text = f"{found.state}: {found.reason}"
    if level == "bad":
        text += f" GPUNN_BACKEND={os.environ['GPUNN_BACKEND']} asks for it."
    mend = found.mend
    if found.state is State.ABSENT and mend:
        mend += "  (for an NVIDIA GPU only)"
    return Check("GPU", level, text, mend, tuple(details), facts)


def _data() -> Iterator[Check]:
    import gpunn.datasets.places as places

    reports = places.report()
    none_here = all(r.folder is None for r in reports)
    for r in reports:
        facts = {"where": None if r.folder is None else str(r.folder), "tried": list(r.tried)}
        if r.folder is not None:
            yield Check(f"data: {r.name}", "ok", str(r.folder), facts=facts)
        else:
            level: Level = "bad" if none_here and r.name == "digits" else "gap"
            yield Check(f"data: {r.name}", level, "not found here", r.mend, r.tried, facts)


def _extras() -> Iterator[Check]:
    versions: dict[str, str] = {}
    missing = []
    for name, purpose, extra in EXTRAS:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            missing.append(Check(name, "gap", f"not installed ({purpose})", f'pip install "gpunn[{extra}]"', facts={"version": None}))
    yield Check("extras", "ok", ", ".join(f"{name} {version}" for name, version in versions.items()), facts=versions)
    yield from missing


def _training() -> Check:
    """The proof: a network of 20 weights learns for one epoch."""
    import time

    from gpunn.cli.presets import mlp

    begin = time.perf_counter()
    try:
        import numpy as np

        with gpunn.device("cpu"):
            model = mlp((2, 2), 2, (2,))
            model.compile(optimizer="adam", loss="sparse_categorical_crossentropy")
            model.fit(np.eye(4, dtype=np.float32).reshape(4, 2, 2), np.arange(4) % 2, batch_size=2, epochs=1, verbose=0)
    except Exception as error:
        mend = "GPUNN_DEBUG=1 gpunn train digits  (shows where)"
        return Check("training", "bad", "a tiny network could not be trained", mend, (error_line(error),))
    seconds = time.perf_counter() - begin
    return Check("training", "ok", f"a tiny network was trained on the CPU in {seconds:.2f} s", facts={"seconds": seconds})
