"""The commands on the stand-in engine, in this process."""

import sys

import fake_engine
import pytest
from click.testing import CliRunner

import gpunn
import gpunn.datasets
from gpunn.backend import probe

# They subclass gpunn.callbacks.Callback when imported: the stand-in's inside these tests, the library's outside.
ON_CALLBACK = ("gpunn.cli.train", "gpunn.cli.progress", "gpunn.cli.record")


@pytest.fixture
def engine(monkeypatch, tmp_path):
    """The stand-in for the library, and an empty working folder.  ``engine.plan(nan_at=3)`` says what its fit does."""
    for name, value in fake_engine.names().items():
        monkeypatch.setitem(vars(gpunn), name, value)
    for name, value in fake_engine.dataset_modules().items():
        monkeypatch.setitem(vars(gpunn.datasets), name, value)
        monkeypatch.setitem(sys.modules, f"gpunn.datasets.{name}", value)
    for name in ON_CALLBACK:
        sys.modules.pop(name, None)
    for name in ("GPUNN_BACKEND", "GPUNN_CACHE", "GPUNN_DEBUG", "GPUNN_NUMBA", "GPUNN_THREADS", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(fake_engine.Sequential, "plan", fake_engine.Plan())
    fake_engine.STATE.fits.clear()
    monkeypatch.chdir(tmp_path)
    probe.forget()
    real = probe.probe
    yield fake_engine
    for name in ON_CALLBACK:
        sys.modules.pop(name, None)
    real.cache_clear()  # not forget(): a test may have put something else in the place of probe()


@pytest.fixture
def plan(engine, monkeypatch):
    return lambda **changes: monkeypatch.setattr(engine.Sequential, "plan", engine.Plan(**changes))


@pytest.fixture
def call(engine):
    """``call("train", "digits")`` -> click's result: exit_code, stdout, stderr."""
    from gpunn.cli.app import gpunn as command

    return lambda *arguments, **more: CliRunner().invoke(command, [str(a) for a in arguments], **more)
