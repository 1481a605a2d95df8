"""The stand-in for a device, as the backend's tests have it."""

import shutil

import pytest


@pytest.fixture
def sim_with(monkeypatch):
    """``sim_with(order=..., ...)``: a SimBackend of its own behind the name "sim"."""
    if shutil.which("g++") is None or shutil.which("gcc") is None:
        pytest.skip("sim needs g++ and gcc")
    from gpunn import backend
    from gpunn.backend.sim import SimBackend

    def make(**options):
        ops = SimBackend(**options)
        monkeypatch.setitem(backend._made, "sim", ops)
        return ops

    return make
