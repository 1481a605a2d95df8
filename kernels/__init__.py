"""The fused kernels, each written once: see `record.Kernel`, `formula` and the registry `REGISTRY`. A file named here is in the registry."""

from gpunn.kernels import (
    activations,
    categorical,
    constraints,
    data,
    gemm,
    gemm_parts,
    loss_formulas,
    measures,
    optimizers,
    pairwise,
    penalties,
    philox,
    reductions,
    row_losses,
    softmax,
    step,
    unit,
    vector_losses,
    weighing,
)
from gpunn.kernels.elementwise import elementwise
from gpunn.kernels.formula import FormulaError
from gpunn.kernels.record import REGISTRY, Kernel

__all__ = [
    "REGISTRY",
    "FormulaError",
    "Kernel",
    "activations",
    "categorical",
    "constraints",
    "data",
    "elementwise",
    "gemm",
    "gemm_parts",
    "loss_formulas",
    "measures",
    "optimizers",
    "pairwise",
    "penalties",
    "philox",
    "reductions",
    "row_losses",
    "softmax",
    "step",
    "unit",
    "vector_losses",
    "weighing",
]
