"""The GPU's CUDA text on the CPU: a test tool for machines without a GPU, never a default."""

from gpunn.backend.sim.backend import SimBackend
from gpunn.backend.sim.host_compiler import HostCompileError
from gpunn.backend.sim.host_module import HostGraph, HostKernel, HostModule

__all__ = ["HostCompileError", "HostGraph", "HostKernel", "HostModule", "SimBackend"]
