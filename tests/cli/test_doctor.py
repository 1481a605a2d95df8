"""``gpunn doctor``: the report, its JSON, the mending commands, the exit code."""

import importlib.metadata
import importlib.util
import json
import sys

import fake_engine
import numpy as np
import pytest

from gpunn.backend.probe import GpuState, State
from gpunn.cli import checks

HAS_NUMBA = importlib.util.find_spec("numba") is not None
metadata_version = importlib.metadata.version

USABLE = GpuState(State.USABLE, "H200 compiled.", None, None, "14.2.0", "CUDA 13.0", "H200", "9.0", 139 << 30, 120 << 30)
UNUSABLE = GpuState(State.UNUSABLE, "There is no NVIDIA driver.", "install the driver", RuntimeError("status 35\nmore"), "14.2.0")
ABSENT = GpuState(State.ABSENT, "CuPy is not installed.", 'pip install "gpunn[cuda13]"')


@pytest.fixture(autouse=True)
def no_gpu(monkeypatch):
    monkeypatch.setattr(checks, "probe", lambda: ABSENT)


@pytest.fixture
def look(call):
    """``look()`` -> exit code and name -> check, by JSON."""

    def run(code=0):
        done = call("doctor", "--json")
        assert done.exit_code == code, done.output
        report = json.loads(done.stdout)
        assert report["ok"] == (code == 0) and done.stdout.count("\n") == 1
        return {check["name"]: check for check in report["checks"]}

    return run


def test_json(look):
    found = look()
    names = [
        "gpunn", "Python", "NumPy", "BLAS", "CPU", "Numba", "kernel cache", "GPU", "data: mnist", "data: fashion-mnist", "data: digits",
        "extras", "training",
    ]
    assert [name for name in found if name not in {extra for extra, *_ in checks.EXTRAS}] == names
    assert found["NumPy"]["facts"]["version"] == np.__version__
    assert found["Numba"]["facts"]["version"] == (metadata_version("numba") if HAS_NUMBA else None)
    assert found["CPU"]["facts"]["usable"] >= 1 and found["training"]["level"] == "ok"
    assert found["BLAS"]["level"] == "ok" and found["BLAS"]["found"]
    assert set(found["extras"]["facts"]) | set(found) >= {name for name, *_ in checks.EXTRAS}
    assert all(check["mend"] for check in found.values() if check["level"] != "ok")


def test_report(call):
    done = call("doctor", env={"COLUMNS": "100"})
    assert done.exit_code == 0 and done.stderr == ""
    for text in ("✓ Python", "– GPU", "absent: CuPy is not installed.", "GPUNN_DATA: not set", "Training can run here."):
        assert text in done.stdout
    mends = done.stdout.partition("What mends the gaps")[2]
    assert "  GPU\n    pip install \"gpunn[cuda13]\"  (for an NVIDIA GPU only)\n" in mends
    assert "  data: mnist\n    mend mnist" in mends


@pytest.mark.parametrize(("state", "level", "lines"), [
    (USABLE, "ok", ["CuPy 14.2.0", "driver for CUDA 13.0", "compute capability 9.0, 139.0 GiB of memory, 120.0 GiB free"]),
    (UNUSABLE, "gap", ["RuntimeError: status 35", "CuPy 14.2.0"]),
    (ABSENT, "gap", []),
])
def test_gpu_in_its_three_states(look, monkeypatch, state, level, lines):
    monkeypatch.setattr(checks, "probe", lambda: state)
    gpu = look()["GPU"]
    assert (gpu["level"], gpu["details"]) == (level, lines)
    assert gpu["found"] == f"{state.state}: {state.reason}" and gpu["facts"]["state"] == state.state
    assert (gpu["mend"] is None) == (state is USABLE)


def test_a_gpu_that_was_asked_for_must_work(look, monkeypatch):
    monkeypatch.setenv("GPUNN_BACKEND", "gpu")
    assert look(code=1)["GPU"]["level"] == "bad"
    monkeypatch.setattr(checks, "probe", lambda: USABLE)
    assert look()["GPU"]["level"] == "ok"


def test_training_that_fails(look, plan):
    plan(error=RuntimeError("no kernels"))
    training = look(code=1)["training"]
    assert training["details"] == ["RuntimeError: no kernels"] and training["mend"].startswith("GPUNN_DEBUG=1")


def test_the_verdict_is_said(call, plan):
    plan(error=RuntimeError("no kernels"))
    done = call("doctor")
    assert done.exit_code == 1 and "✗ training" in done.stdout and done.stdout.endswith("Training cannot run here yet.\n")


def test_numba_not_installed(look, monkeypatch):
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name == "numba" else real(name, *more))
    numba_check = look()["Numba"]
    assert numba_check["level"] == "gap" and "not installed" in numba_check["found"] and numba_check["mend"] == 'pip install "gpunn[cpu]"'


def test_numba_that_cannot_be_imported(look, monkeypatch):
    class Refuses:
        def find_spec(self, name, path=None, target=None):
            if name == "numba":
                raise ImportError("Numba needs NumPy 2.5 or less. Got NumPy 9.9.")

    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: object() if name == "numba" else real(name, *more))
    monkeypatch.delitem(sys.modules, "numba", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Refuses(), *sys.meta_path])
    found = look()["Numba"]
    assert (found["level"], found["mend"]) == ("gap", 'pip install --upgrade "gpunn[cpu]"')
    assert found["details"] == ["ImportError: Numba needs NumPy 2.5 or less. Got NumPy 9.9."]


@pytest.mark.skipif(not HAS_NUMBA, reason="a switch for Numba needs Numba")
def test_environment_variables_are_named(look, monkeypatch):
    monkeypatch.setenv("GPUNN_NUMBA", "0")
    monkeypatch.setenv("GPUNN_THREADS", "3")
    found = look()
    assert (found["Numba"]["level"], found["Numba"]["mend"]) == ("gap", "unset GPUNN_NUMBA") and "GPUNN_THREADS=3" in found["CPU"]["found"]


def test_the_library_answers_as_the_stand_in_does():
    """The real report has what the stand-in's entries have."""
    from gpunn.datasets import places

    entries = places.report()
    assert {entry.name for entry in entries} >= {"mnist", "fashion-mnist", "digits"}
    for entry in entries:
        assert entry.folder is not None or entry.mend
        assert all(isinstance(line, str) for line in entry.tried)


def test_extras_missing(look, monkeypatch):
    real = importlib.metadata.version

    def version(name):
        if name in ("h5py", "scikit-learn"):
            raise importlib.metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    found = look()
    assert (found["h5py"]["mend"], found["scikit-learn"]["mend"]) == ('pip install "gpunn[hdf5]"', 'pip install "gpunn[sklearn]"')
    assert "h5py" not in found["extras"]["found"]


def test_threadpoolctl_missing(look, monkeypatch):
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    assert look()["BLAS"]["mend"] == 'pip install "gpunn[cli]"'


def test_blas_that_threadpoolctl_does_not_know(look, monkeypatch):
    import threadpoolctl

    monkeypatch.setattr(threadpoolctl, "threadpool_info", list)
    blas = look()["BLAS"]
    assert blas["level"] == "ok" and "not known" in blas["found"]


def test_no_data_at_all(look, monkeypatch, engine):
    nothing = [fake_engine.place(name, tried=["somewhere"]) for name in ("mnist", "fashion-mnist", "digits")]
    monkeypatch.setattr("gpunn.datasets.places.report", lambda: nothing)
    digits = look(code=1)["data: digits"]
    assert (digits["level"], digits["mend"], digits["details"]) == ("bad", "mend digits", ["somewhere"])
    nothing[0].folder = "data/mnist"
    assert look()["data: digits"]["level"] == "gap"


def test_kernel_cache(look, monkeypatch, tmp_path):
    monkeypatch.setenv("GPUNN_CACHE", str(tmp_path / "cache"))
    cache = look()["kernel cache"]
    assert cache["facts"] == {"folder": str(tmp_path / "cache"), "exists": False, "writable": True}
    assert cache["found"].endswith("(made when first needed)") and not (tmp_path / "cache").exists()
    (tmp_path / "cache").mkdir()
    assert look()["kernel cache"]["found"] == str(tmp_path / "cache")
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("GPUNN_CACHE", str(tmp_path / "file"))
    cache = look()["kernel cache"]
    assert cache["level"] == "gap" and "not writable" in cache["found"] and "GPUNN_CACHE" in cache["mend"]
