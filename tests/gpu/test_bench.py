"""bench/gpu/run.sh, whole, on the stand-in: every section runs and writes its file."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

from gpunn.backend.cpu import has_numba

ROOT = pathlib.Path(__file__).parents[2]
SECTIONS = (
    "facts", "capture", "steps", "parity", "accuracy", "bandwidth", "persistent", "cnn", "stream", "updates", "lstm", "texts", "loops",
    "augment", "replicas",
)


def errors(value, path=""):
    """Every "error" in a nest of results, with its place."""
    if isinstance(value, dict):
        found = [f"{path}: {value['error']}"] if isinstance(value.get("error"), str) else []
        return found + [e for k, v in value.items() for e in errors(v, f"{path}/{k}")]
    return []


def results(out):
    return json.loads((out / "gpu-results-dry.json").read_text())


def run(out, *sections, **variables):
    environment = os.environ | {"OUT": str(out), "PYTHON": sys.executable, "GPUNN_BENCH_BACKEND": "sim", "CXXFLAGS": ""} | variables
    return subprocess.run([ROOT / "bench/gpu/run.sh", *sections], env=environment, capture_output=True, text=True, timeout=3000)


needs_tools = pytest.mark.skipif(
    any(shutil.which(t) is None for t in ("bash", "timeout", "g++", "gcc")), reason="the dry run needs bash, timeout, g++ and gcc"
)


def without_sim(folder):
    """A cache without what the C++ compiler made, but with what Numba made for the CPU's side."""
    folder.mkdir()
    if has_numba():
        from gpunn.kernels import native

        kept = native.cache_folder()
        (folder / kept.name).symlink_to(kept)
    return folder


@needs_tools
def test_dry_run(tmp_path):
    done = run(tmp_path)
    log = (tmp_path / "gpu-run-dry.log").read_text()
    assert done.returncode == 0 and "all sections done" in done.stdout, log
    files = sorted(p.name for p in tmp_path.iterdir())
    assert len(files) <= 8 and all(re.fullmatch(r"[A-Za-z0-9._-]+", f) for f in files)
    everything = results(tmp_path)
    assert set(everything) == set(SECTIONS) and not errors(everything)
    assert "passed" in (tmp_path / "gpu-tests-dry.txt").read_text() or "[100%]" in (tmp_path / "gpu-tests-dry.txt").read_text()
    facts = everything["facts"]
    assert facts["where"]["gpunn"] and facts["where"]["backend"] == "sim"


@needs_tools
def test_a_section_that_fails_does_not_stop_the_next(tmp_path):
    done = run(tmp_path, "nonsense", "parity")
    assert done.returncode == 1 and "unknown section: nonsense" in done.stdout and "failed: nonsense" in done.stdout
    assert results(tmp_path)["parity"]["repeats_itself_to_the_bit"] is True
    broken = run(tmp_path, "facts", "parity", CXX="false", GPUNN_CACHE=str(without_sim(tmp_path / "cache")))
    assert broken.returncode == 1 and "failed: facts parity" in broken.stdout
    assert results(tmp_path)["facts"]["failed_parts"] == ["graph", "copy"]
