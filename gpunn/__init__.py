"""gpunn: neural networks with Keras's face, on CuPy or NumPy, every formula written once as a fused kernel.

Everything public is imported on first use, so that ``import gpunn`` costs next to nothing and touches neither CuPy nor Numba.
"""

import importlib
from typing import Any

__version__ = "0.1.0"

_MODULES = {
    "activations",
    "applications",
    "backend",
    "callbacks",
    "compat",
    "config",
    "constraints",
    "datasets",
    "distillation",
    "dtype_policies",
    "initializers",
    "kernels",
    "layers",
    "linear_model",
    "losses",
    "metrics",
    "models",
    "ops",
    "neural_network",
    "optimizers",
    "pruning",
    "random",
    "regularizers",
    "saving",
    "training",
    "tree",
    "tuning",
    "utils",
    "visualization",
}
_NAMES = {
    "GradientTape": "training.tape", "Input": "models", "Model": "models", "Sequential": "models", "Variable": "layers.variable",
    "function": "training.function",
    "device": "backend", "set_backend": "backend", "set_matmul_precision": "backend", "elementwise": "kernels",
}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"gpunn.{name}")
    if name in _NAMES:
        return getattr(importlib.import_module(f"gpunn.{_NAMES[name]}"), name)
    raise AttributeError(f"module 'gpunn' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({"__version__", *_MODULES, *_NAMES})
