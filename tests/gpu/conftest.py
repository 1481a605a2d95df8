"""Tests of a real device: ``pytest -m gpu``. ``GPUNN_TEST_GPU=sim`` runs them on the stand-in instead."""

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
    if name == "gpu" and not probe().usable:
        pytest.skip(probe().explain())
    return get_backend(name)
