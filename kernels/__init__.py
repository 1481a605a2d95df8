"""The fused kernels, each written once: see `record.Kernel`, `formula` and the registry `REGISTRY`."""

from gpunn.kernels import activations, categorical, data, gemm, gemm_parts, optimizers, philox, reductions, row_losses, softmax, step
from gpunn.kernels.elementwise import elementwise
from gpunn.kernels.formula import FormulaError
from gpunn.kernels.record import REGISTRY, Kernel

__all__ = [
    "REGISTRY", "FormulaError", "Kernel", "activations", "categorical", "data", "elementwise", "gemm", "gemm_parts", "optimizers",
    "philox", "reductions", "row_losses", "softmax", "step",
]
