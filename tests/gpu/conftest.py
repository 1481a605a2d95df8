"""Tests of a real device: ``pytest -m gpu``. ``GPUNN_TEST_GPU=sim`` runs them on the stand-in instead, ``GPUNN_TEST_GPU=hosted`` on the
GPU's own backend and the real CuPy above a device in host memory (``hosted-reverse``, ``hosted-shuffled``: streams in other orders)."""

import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "kernels"))  # the inputs of every kernel


@pytest.fixture(scope="session")
def device():
    """The backend under test; skips where there is none."""
    from gpunn.backend import get_backend
    from gpunn.backend.probe import probe

    name = os.environ.get("GPUNN_TEST_GPU", "gpu")
    if name.startswith("hosted"):
        sys.path.insert(0, str(pathlib.Path(__file__).parent))
        from hosted.install import install

        install(name.partition("-")[2] or "forward")
        name = "gpu"
    if name == "gpu" and not probe().usable:
        pytest.skip(probe().explain())
    return get_backend(name)
