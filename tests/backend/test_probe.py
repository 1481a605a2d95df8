"""The probe on made-up CuPys, one for every way in which a GPU can fail, and once on the CuPy of this machine (or its absence)."""

import ctypes
import importlib.util
import shutil
import subprocess
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from gpunn.backend import probe as probing
from gpunn.backend.probe import GpuUnavailable, State, forget, prefer_gpu, probe, require_gpu


class CUDARuntimeError(RuntimeError):
    def __init__(self, status, text="cudaErrorMadeUp: a made-up error"):
        super().__init__(text)
        self.status = status


class DynamicLibNotFoundError(RuntimeError):
    """Known by its name: cuda.pathfinder is not imported to compare the class."""


class DeviceArray(np.ndarray):
    def get(self):
        return np.array(self)


def raises(error):
    def function(*_arguments, **_named):
        raise error

    return function


def make_cupy(driver=13000, runtime=13020, count=1, kernel=None, gemm=None, capability=(9, 0)):
    """A CuPy that works on NumPy.  ``count`` or ``kernel`` or ``gemm`` may be an exception: then that step raises it."""

    class RawKernel:
        def __init__(self, code, name):
            assert f"void {name}(" in code

        def __call__(self, grid, block, arguments):
            if isinstance(kernel, Exception):
                raise kernel
            x, y, _n = arguments
            y[:] = 2 * x if kernel is None else kernel(x)

    cupy = ModuleType("cupy")
    cupy.__version__ = "14.2.0"
    cupy.asarray = lambda a: np.array(a).view(DeviceArray)
    cupy.zeros = lambda n, dtype: np.zeros(n, dtype).view(DeviceArray)
    cupy.matmul = raises(gemm) if isinstance(gemm, Exception) else np.matmul
    cupy.RawKernel = RawKernel
    major, minor = capability
    cupy.cuda = SimpleNamespace(
        Stream=raises(AssertionError("a Stream was made")),
        runtime=SimpleNamespace(
            driverGetVersion=lambda: driver,
            runtimeGetVersion=lambda: runtime,
            getDeviceCount=raises(count) if isinstance(count, Exception) else lambda: count,
            getDevice=lambda: 0,
            getDeviceProperties=lambda index: {"name": b"Made-up H200", "major": major, "minor": minor},
            memGetInfo=lambda: (30 << 30, 40 << 30),
        ),
    )
    return cupy


@pytest.fixture
def install(monkeypatch):
    """``install(cupy)`` puts a made-up CuPy in place and returns what the probe says of it."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    def put(cupy):
        monkeypatch.setitem(sys.modules, "cupy", cupy)
        forget()
        return probe()

    yield put
    forget()


@pytest.fixture
def import_error(monkeypatch):
    """``import_error(error)``: importing CuPy raises it."""

    class Finder:
        def find_spec(self, name, path=None, target=None):
            return importlib.util.spec_from_loader(name, self) if name == "cupy" else None

        def create_module(self, spec):
            raise self.error

        def exec_module(self, module):
            raise AssertionError("not reached")

    finder = Finder()

    def put(error):
        finder.error = error
        monkeypatch.delitem(sys.modules, "cupy", raising=False)
        monkeypatch.setattr(sys, "meta_path", [finder, *sys.meta_path])
        forget()
        return probe()

    yield put
    forget()


def test_usable(install):
    found = install(make_cupy())
    assert found.state is State.USABLE and found.usable and found.mend is None and found.error is None
    assert (found.cupy_version, found.driver, found.device_name, found.compute_capability) == ("14.2.0", "CUDA 13.0", "Made-up H200", "9.0")
    assert (found.memory, found.memory_free) == (40 << 30, 30 << 30)
    assert prefer_gpu() and require_gpu() is found


def test_absent_without_an_import(monkeypatch):
    monkeypatch.delitem(sys.modules, "cupy", raising=False)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr("builtins.__import__", raises(AssertionError("something was imported")))
    forget()
    found = probe()
    monkeypatch.undo()
    forget()
    assert found.state is State.ABSENT and found.error is None and "not installed" in found.reason
    assert found.mend == 'pip install "gpunn[cuda13]"' or sys.platform == "darwin"


def test_module_not_found_of_cupy_is_absent(import_error):
    error = ModuleNotFoundError("No module named 'cupy'", name="cupy")
    found = import_error(error)
    assert found.state is State.ABSENT and found.error is error


def test_module_not_found_of_something_below_cupy_is_unusable(import_error):
    error = ModuleNotFoundError("No module named 'fastrlock'", name="fastrlock")
    found = import_error(error)
    assert found.state is State.UNUSABLE and found.error is error and "cannot be imported" in found.reason
    assert found.mend == 'pip install --upgrade --force-reinstall "gpunn[cuda13]"'


def test_import_error_with_a_banner_shows_the_cause(import_error):
    error = ImportError("\n====\nFailed to import CuPy.\n\nOriginal error: ...\n====\n")
    error.__cause__ = ImportError("libcudart.so.13: cannot open shared object file")
    found = import_error(error)
    assert found.state is State.UNUSABLE and found.error is error
    assert found.explain().endswith("(ImportError: libcudart.so.13: cannot open shared object file)")


CUDA12 = 'pip uninstall -y cupy-cuda13x && pip install "gpunn[cuda12]"'
ROWS = [
    # what is wrong, the made-up CuPy, words of the reason, words of the mending act
    ("no driver", {"driver": 0, "count": CUDARuntimeError(35)}, "There is no NVIDIA driver", "install the NVIDIA driver"),
    ("driver for CUDA 12", {"driver": 12040, "count": CUDARuntimeError(35)}, "runs CUDA 12.4, CuPy needs CUDA 13", "580 or newer"),
    ("driver for CUDA 12, mend", {"driver": 12040, "count": CUDARuntimeError(35)}, "too old", CUDA12),
    ("driver for CUDA 11", {"driver": 11040, "runtime": 12090, "count": CUDARuntimeError(35)}, "CuPy needs CUDA 12", "525 or newer"),
    ("no device", {"count": CUDARuntimeError(100)}, "no device", "nvidia-smi -L"),
    ("zero devices", {"count": 0}, "No device answered", "update the NVIDIA driver"),
    ("NVRTC missing", {"kernel": DynamicLibNotFoundError('Failure finding "libnvrtc.so.13"')}, "NVRTC", 'pip install "gpunn[cuda13]"'),
    ("NVRTC missing, CUDA 12", {"runtime": 12090, "kernel": DynamicLibNotFoundError("libnvrtc")}, "NVRTC", 'pip install "gpunn[cuda12]"'),
    ("headers missing", {"kernel": RuntimeError("cannot open source file cuda_fp16.h")}, "headers", 'pip install "gpunn[cuda13]"'),
    ("device too old", {"kernel": CUDARuntimeError(209), "capability": (6, 1)}, "6.1) is too old for CUDA 13", CUDA12),
    ("other kernel error", {"kernel": CUDARuntimeError(999)}, "A kernel did not compile or run", 'pip install --upgrade "gpunn[cuda13]"'),
    ("wrong numbers", {"kernel": lambda x: x}, "wrong numbers", "update the NVIDIA driver"),
    ("cuBLAS missing", {"gemm": ImportError("libcublas.so.13: cannot open shared object file")}, "cuBLAS", 'pip install "gpunn[cuda13]"'),
    ("cuBLAS missing, pathfinder", {"gemm": DynamicLibNotFoundError('"libcublasLt.so.13"')}, "cuBLAS", 'pip install "gpunn[cuda13]"'),
    ("other GEMM error", {"gemm": RuntimeError("CUBLAS_STATUS_MADE_UP")}, "A matrix product did not run", "update the NVIDIA driver"),
    ("no memory", {"kernel": CUDARuntimeError(2)}, "no memory left", "nvidia-smi"),
    ("held by another process", {"count": CUDARuntimeError(46)}, "held by another process", "nvidia-smi"),
    ("fabric manager", {"count": CUDARuntimeError(802)}, "not ready", "systemctl restart nvidia-fabricmanager"),
    ("driver mismatch", {"count": CUDARuntimeError(803)}, "different versions", "restart the machine"),
]


@pytest.mark.parametrize(("made_up", "reason", "mend"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_unusable(install, made_up, reason, mend):
    found = install(make_cupy(**made_up))
    assert found.state is State.UNUSABLE and not found.usable
    assert reason in found.reason and "\n" not in found.reason
    assert mend in found.mend and "\n" not in found.mend
    raised = [value for value in made_up.values() if isinstance(value, Exception)]
    assert found.error is raised[0] if raised else isinstance(found.error, Exception)
    assert not prefer_gpu()
    with pytest.raises(GpuUnavailable, match="cannot be used") as caught:
        require_gpu()
    assert caught.value.__cause__ is found.error
    assert found.reason in str(caught.value) and found.mend in str(caught.value)


def test_what_was_learnt_before_the_failure_is_kept(install):
    found = install(make_cupy(gemm=ImportError("no cuBLAS")))
    assert (found.driver, found.device_name, found.memory) == ("CUDA 13.0", "Made-up H200", 40 << 30)
    assert install(make_cupy(driver=0, count=CUDARuntimeError(35))).driver is None


@pytest.mark.parametrize("hidden", ["", "-1"])
def test_devices_hidden_by_the_environment(install, monkeypatch, hidden):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
    found = install(make_cupy(count=CUDARuntimeError(100)))
    assert f"CUDA_VISIBLE_DEVICES={hidden!r} hides" in found.reason and found.mend == "unset CUDA_VISIBLE_DEVICES"


def test_the_answer_is_cached_until_forgotten(install, monkeypatch):
    first = install(make_cupy())
    monkeypatch.setitem(sys.modules, "cupy", make_cupy(count=CUDARuntimeError(100)))
    assert probe() is first
    forget()
    assert probe().state is State.UNUSABLE


def test_an_interrupt_is_not_swallowed(install):
    cupy = make_cupy()
    cupy.cuda.runtime.getDeviceCount = raises(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        install(cupy)


def test_the_cupy_of_this_machine():
    """Whatever this machine has, the answer is whole: usable with a device, or a reason, the error and what mends it."""
    forget()
    found = probe()
    forget()
    if importlib.util.find_spec("cupy") is None:
        assert found.state is State.ABSENT
    elif found.usable:
        assert found.device_name and found.memory and found.driver and found.error is None
    else:
        assert found.state is State.UNUSABLE and found.error is not None and found.mend and found.cupy_version
        if getattr(found.error, "status", None) == 35:
            assert "driver" in found.reason
            assert (found.driver is None) == ("no NVIDIA driver" in found.reason)


def test_importing_the_probe_imports_no_cupy():
    code = "import sys, gpunn.backend.probe; sys.exit('cupy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++, to run the kernel's text on the host")
def test_the_kernel_doubles(tmp_path):
    """The CUDA text itself, compiled as C++ and called once for every thread."""
    host = "#define __global__\nstruct Index { int x; };\nextern \"C\" { Index blockIdx, blockDim, threadIdx; }\n" + probing._KERNEL
    (tmp_path / "probe.cpp").write_text(host)
    subprocess.run(["g++", "-shared", "-fPIC", "-o", tmp_path / "probe.so", tmp_path / "probe.cpp"], check=True)
    library = ctypes.CDLL(str(tmp_path / "probe.so"))
    x, y = np.arange(6, dtype=np.float32), np.full(6, 99, np.float32)
    block, size, thread = (ctypes.c_int.in_dll(library, name) for name in ("blockIdx", "blockDim", "threadIdx"))
    size.value = 3
    for block.value in range(2):
        for thread.value in range(3):
            library.gpunn_probe(x.ctypes.data_as(ctypes.c_void_p), y.ctypes.data_as(ctypes.c_void_p), 5)
    np.testing.assert_array_equal(y, [0, 2, 4, 6, 8, 99])


def test_stages_cover_every_step():
    """The fallback reasons are keyed by the steps' names."""
    for step in ("_ask_device", "_run_kernel", "_run_gemm"):
        assert callable(getattr(probing, step))
        reason, mend = probing._diagnose(step, RuntimeError("?"), {}, 13)
        assert reason.endswith(".") and "gpunn[cuda13]" in mend
