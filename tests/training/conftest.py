"""Fixtures of the tests of training."""

import pytest
from kernel_targets import needs_gxx

import gpunn
from gpunn import backend
from gpunn.backend.cpu import CpuBackend
from gpunn.random import set_random_seed
from gpunn.training import own_runs


@pytest.fixture
def numpy_alone(monkeypatch):
    """The CPU without compiled kernels: where a test launches hundreds of different ones on a few numbers."""
    set_random_seed(7)
    monkeypatch.setitem(backend._made, "cpu", CpuBackend(compiled=False))
    monkeypatch.setattr(backend, "_default", "cpu")


@pytest.fixture
def made(monkeypatch):
    """What was recorded, or why not, in the order of the attempts."""
    found, record = [], own_runs.record
    monkeypatch.setattr(own_runs, "record", lambda *given, **named: found.append(record(*given, **named)) or found[-1])
    return found


@pytest.fixture(params=["cpu", pytest.param("sim", marks=needs_gxx)])
def either_device(request, numpy_alone, float64):
    """The CPU without compiled kernels, and the stand-in for a device; in float64."""
    with gpunn.device(request.param):
        set_random_seed(1)
        yield request.param
