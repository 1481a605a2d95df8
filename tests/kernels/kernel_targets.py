"""Every way there is to run a kernel: ``TARGETS[name](kernel, arguments)`` writes into the arguments' arrays."""

import functools
import importlib.util
import shutil

import numpy as np
import pytest

from gpunn.backend.cpu import CpuBackend
from gpunn.backend.sim import HostModule
from gpunn.kernels.device import Properties, function_name, launch_arguments, launch_geometry, module_text
from gpunn.kernels.record import REGISTRY

H200, TINY, ODD = Properties(132), Properties(1, 256), Properties(7, 1024)
needs_gxx = pytest.mark.skipif(shutil.which("g++") is None, reason="the sim target needs g++")
needs_numba = pytest.mark.skipif(importlib.util.find_spec("numba") is None, reason="Numba is not installed")


@functools.cache
def module(order, names=tuple(REGISTRY)):
    """The module of everything gpunn registers, compiled once for all tests."""
    text = module_text(kernels=[REGISTRY[n] for n in names])
    return HostModule(code=text.source, order=order, guard=True, watch=order != "forward", shift=int(order == "reverse"))


def run_numpy(kernel, arguments):
    kernel.reference(*arguments)


def run_numba(kernel, arguments):
    CpuBackend(compiled=True, threads=1).launch(kernel, *arguments)


def run_sim(order, device=H200, library=None):
    def run(kernel, arguments):
        launch = launch_geometry(kernel, arguments, device)
        if launch is not None:
            launch = ((1,), (64,)) if device is TINY and kernel.geometry == "elements" else launch  # a thread's loop goes round often
            name = function_name(kernel, kernel.dtype(arguments))
            (library or module(order)).get_function(name)(*launch, launch_arguments(kernel, arguments))

    return run


TARGETS = {
    "numpy": run_numpy, "numba": run_numba, "sim-forward": run_sim("forward"), "sim-reverse": run_sim("reverse", TINY),
    "sim-shuffled": run_sim("shuffled", ODD),
}
MARKS = {t: needs_gxx if t.startswith("sim") else needs_numba if t == "numba" else () for t in TARGETS}
MARKED = [pytest.param(t, marks=MARKS[t]) for t in TARGETS]


def on_device(name):
    """Whether the kernel has CUDA text. (A library does the others.)"""
    return REGISTRY[name].cuda is not None


def has(target, kernel):
    if target == "numba":
        return kernel.native is not None or kernel.native_text is not None  # the others are for devices: the CPU runs their parts
    return kernel.cuda is not None or not target.startswith("sim")


def with_targets(cases):
    """Every case, a tuple that begins with a kernel's name, on every target that the kernel has."""
    return [
        pytest.param(*case, target, marks=MARKS[target])
        for case in cases for target in TARGETS if has(target, REGISTRY[case[0]])
    ]


def copies(arguments):
    return [a.copy() if isinstance(a, np.ndarray) else a for a in arguments]


def outputs(kernel, arguments):
    return {o.name: a for o, a in zip(kernel.operands, arguments, strict=True) if o.written}
