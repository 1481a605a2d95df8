"""Real CuPy without a GPU: ``install()`` before anything imports ``cupy``, then ``gpunn.backend.get_backend("gpu")`` is the GPU's own
backend, line by line, on host memory.

CuPy (14, as installed), its memory pool, streams, events and graphs are the real ones. The text of kernels, CuPy's own among them, is
compiled by g++ and runs; with ``GPUNN_TEST_NVRTC=1`` NVRTC compiles it, too, for sm_90 as on a device. With ``GPUNN_TEST_GUARD=1`` each
array ends at a page that nobody may touch, as freed ones are: an access outside of an array ends the process with a stack. CUDA's runtime
and driver are `runtime.Device`, cuBLAS is the stand-in of `gpunn.backend.sim`. What it cannot show: time, memory order, and what the
libraries do.
"""

import faulthandler
import os
import pathlib
import sys
from typing import Any

from gpunn.backend.sim.host_compiler import HostCompileError
from hosted.blas import Library
from hosted.entry_points import replace
from hosted.runtime import Device


def install(order: str = "forward", memory: int = 1 << 32) -> Device:
    """Returns the device. Raises RuntimeError when CuPy was imported before."""
    if "cupy" in sys.modules:
        raise RuntimeError("CuPy was imported before its stand-in device was there.")
    from cupy_backends.cuda.api import driver, runtime

    guard = bool(os.environ.get("GPUNN_TEST_GUARD"))
    device = Device(runtime.CUDARuntimeError, runtime.PointerAttributes, order, memory, guard)
    replace(runtime, device.runtime())
    replace(driver, device.driver())
    os.environ["CUPY_ACCELERATORS"] = ""  # CUB's sums are compiled into CuPy; its plain ones are texts
    import cupy

    if guard:  # without the pool, whose blocks hold many arrays
        faulthandler.enable()
        cupy.cuda.set_allocator(lambda size: _alone(cupy, device, size))
    ours, theirs = pathlib.Path(__file__).with_name("include"), pathlib.Path(cupy.__file__).with_name("_core") / "include"
    device.headers = (f"-I{ours}", f"-I{theirs}")
    _compile_on_host(device, bool(os.environ.get("GPUNN_TEST_NVRTC")))
    _libraries_on_host(cupy, device)
    from gpunn.backend import cublas

    library = Library(device.streams)
    cublas.load = lambda: (library, library)
    return device


def _alone(cupy: Any, device: Device, size: int) -> Any:
    """An allocation of its own, with the error that CuPy's pool has."""
    try:
        return cupy.cuda.MemoryPointer(cupy.cuda.Memory(size), 0)
    except cupy.cuda.runtime.CUDARuntimeError as error:
        raise cupy.cuda.memory.OutOfMemoryError(size, device.used, device.memory) from error


def _compile_on_host(device: Device, nvrtc: bool) -> None:
    """A module is loaded by the thread that had its text compiled."""
    from cupy.cuda import compiler
    from cupy.cuda.function import Module

    by_nvrtc = compiler._compile_module_with_cache

    def compile_module(source: str, *rest: Any, **named: Any) -> Any:
        device.source.text = source
        if nvrtc:
            return by_nvrtc(source, *rest, **named)
        try:
            device.host_module(source)
        except HostCompileError as error:
            raise compiler.CompileException(str(error), source, "gpunn.cu", rest[0] if rest else (), "g++") from error
        module = Module()
        module.load(b"")
        return module

    compiler._compile_module_with_cache = compile_module


def _libraries_on_host(cupy: Any, device: Device) -> None:
    """What CuPy has from compiled libraries of its own: the probe's matrix product (cuBLAS) and sorting (Thrust), on host memory."""
    import ctypes

    import numpy as np
    from cupy.cuda import thrust

    def sort(dtype: Any, start: int, keys: int, shape: Any) -> None:
        if len(shape) > 1:
            raise NotImplementedError("the stand-in sorts arrays of one axis")
        memory = (ctypes.c_char * (shape[0] * np.dtype(dtype).itemsize)).from_address(start)
        device.streams.enqueue(cupy.cuda.get_current_stream().ptr, lambda: np.frombuffer(memory, dtype).sort())

    thrust.sort = sort
    cupy.matmul = lambda a, b: cupy.asarray(np.matmul(a.get(), b.get()))
