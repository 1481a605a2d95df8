"""Shared by all tests: compiled kernels that outlive a test, the CPU as the device, float64 models."""

import collections
import gc
import os
import shutil
import sys

import numpy as np
import pytest

from gpunn import backend, config
from gpunn.backend.cpu import CpuBackend, has_numba
from gpunn.kernels import REGISTRY
from gpunn.random import set_random_seed

gc.set_threshold(50_000, 20, 20)  # what Keras and JAX keep is half a million objects: looking through them took a tenth of all tests' time
os.environ.setdefault("GPUNN_COMPILERS", "1")  # tests run on all cores already
os.environ.setdefault("CXXFLAGS", "-O0")  # sim's modules are compiled more than they run


@pytest.hookimpl(tryfirst=True)  # before slow ones are left out
def pytest_collection_modifyitems(items):
    _stand_for_one_another(items)
    _need_a_compiler(items)


def _stand_for_one_another(items):
    """Of the cases of a test marked ``one_in(n)`` each n-th runs, the others are slow ones."""
    seen = collections.Counter()
    for item in items:
        mark = item.get_closest_marker("one_in")
        if mark is not None:
            test = item.path, item.originalname
            if seen[test] % mark.args[0]:
                item.add_marker(pytest.mark.slow)
            seen[test] += 1


def _need_a_compiler(items):
    """What is to run on the stand-in for a device, by a parameter of the test, skips where nothing compiles it."""
    if shutil.which("g++") is None:
        for item in items:
            if hasattr(item, "callspec") and any(isinstance(v, str) and v == "sim" for v in item.callspec.params.values()):
                item.add_marker(pytest.mark.skip(reason="the sim target needs g++"))


@pytest.fixture(scope="session", autouse=True)
def _one_place_for_compiled_kernels():
    """The place is chosen at the first launch: before a test points GPUNN_CACHE elsewhere, so that compiling is paid once a machine."""
    x = np.ones((1, 1), np.float32)
    CpuBackend().launch(REGISTRY["relu"], x, x.copy())


@pytest.fixture(autouse=True)
def _keras_as_it_comes():
    """Keras's types are its process's: every test finds them as an import leaves them, whatever ran before it."""
    yield
    if "keras_twin" in sys.modules:
        sys.modules["keras_twin"].compute_in("float32")


@pytest.fixture(autouse=True)
def _own_numbers(request, monkeypatch):
    """A file's RNG starts anew for each of its tests: what a test draws is the same alone and after others."""
    if hasattr(request.module, "RNG"):
        monkeypatch.setattr(request.module, "RNG", np.random.default_rng(0))


def _use(monkeypatch, ops):
    monkeypatch.setitem(backend._made, "cpu", ops)
    monkeypatch.setattr(backend, "_default", "cpu")
    return ops


@pytest.fixture
def cpu(monkeypatch):
    """Models made in the test live on the CPU, all drawn from one seed."""
    set_random_seed(7)
    return _use(monkeypatch, CpuBackend())


@pytest.fixture(params=["numba", "numpy"])
def either_cpu(request, monkeypatch):
    """The same with compiled kernels and with NumPy alone."""
    if request.param == "numba" and not has_numba():
        pytest.skip("Numba is not used here")
    set_random_seed(7)
    return _use(monkeypatch, CpuBackend(compiled=request.param == "numba"))


@pytest.fixture
def numpy_cpu(monkeypatch):
    """The same with NumPy alone: for tests of which nothing depends on what compiled kernels do."""
    set_random_seed(7)
    return _use(monkeypatch, CpuBackend(compiled=False))


@pytest.fixture
def float64():
    """Layers made in the test compute in float64."""
    config.set_floatx("float64")
    yield "float64"
    config.set_floatx("float32")


@pytest.fixture
def shared_sim():
    """The simulated device of the whole process: what one test has compiled, others need not."""
    if shutil.which("g++") is None or shutil.which("gcc") is None:
        pytest.skip("sim needs g++ and gcc")
    return backend.get_backend("sim")


@pytest.fixture
def sim_with(monkeypatch):
    """``sim_with(order=..., ...)``: a SimBackend of its own behind the name "sim"."""
    if shutil.which("g++") is None or shutil.which("gcc") is None:
        pytest.skip("sim needs g++ and gcc")
    from gpunn.backend.sim import SimBackend

    def make(**options):
        ops = SimBackend(**options)
        monkeypatch.setitem(backend._made, "sim", ops)
        return ops

    return make
