"""Activation functions: by name, as objects the layers fuse, and as functions of arrays."""

from collections.abc import Callable
from typing import Any

import numpy as np

from gpunn.backend import get_backend
from gpunn.kernels import REGISTRY
from gpunn.kernels import softmax as _softmax
from gpunn.kernels.elementwise import composed
from gpunn.lookup import find

Pullback = Callable[[Any], Any]


class Activation:
    """y = f(x). ``apply`` also returns the pullback dy -> dx, which overwrites dy."""

    def __init__(self, name: str, kernel: str):
        self.name, self._forward = name, REGISTRY[kernel]
        self._backward = REGISTRY[f"{kernel}_bwd"]

    def apply(self, ops: Any, x: Any, bias: Any = None, inplace: bool = False) -> tuple[Any, Pullback]:
        """f(x + bias), one pass; `inplace` says that x is ours to overwrite."""
        y = x if inplace else ops.empty(x.shape, x.dtype)
        if bias is None:
            ops.launch(self._forward, x, y)
        else:
            ops.launch(REGISTRY[f"bias_{self._forward.name.rstrip('_')}"], x, bias, y)
        return y, self._pullback(ops, y)

    def after(self, ops: Any, kernel: Any, arguments: tuple[Any, ...], out: Any) -> Pullback:
        """out = f(kernel(...)), one pass, for an elementwise kernel with one output."""
        operands = [o for o in kernel.operands if o.read]
        names = [o.name for o in operands]
        kinds = ", ".join(o.name if o.kind == "full" else f"{o.name}:{o.kind}" for o in operands)
        fused = composed(
            f"{kernel.name}_{self._forward.name.rstrip('_')}", f"{kinds} -> out_", ", ".join(names),
            f"{self._forward.name}({kernel.name}({', '.join(names)}))", {kernel.name: kernel, self._forward.name: self._forward},
        )
        ops.launch(fused, *arguments, out)
        return self._pullback(ops, out)

    def _pullback(self, ops: Any, y: Any) -> Pullback:
        def pullback(dy: Any) -> Any:
            ops.launch(self._backward, dy, y, dy)
            return dy

        return pullback

    def __call__(self, x: Any) -> np.ndarray:
        """f of an array, as a NumPy array of its shape. Integers become float32."""
        ops = get_backend()
        values = np.asarray(x)
        values = values.astype("float64" if values.dtype == np.float64 else "float32")
        given = ops.asarray(values.reshape(1, 1) if values.ndim == 0 else values)
        return ops.to_numpy(self.apply(ops, given)[0]).reshape(values.shape)

    def __repr__(self) -> str:
        return f"<activation {self.name}>"


class _Linear(Activation):
    def apply(self, ops: Any, x: Any, bias: Any = None, inplace: bool = False) -> tuple[Any, Pullback]:
        if bias is None:
            return x, lambda dy: dy
        return super().apply(ops, x, bias, inplace)

    def _pullback(self, ops: Any, y: Any) -> Pullback:
        return lambda dy: dy


class _Softmax(Activation):
    """Over the last axis, with its true Jacobian: dx = y * (dy - sum(dy * y))."""

    def __init__(self) -> None:
        self.name = "softmax"

    def apply(self, ops: Any, x: Any, bias: Any = None, inplace: bool = False) -> tuple[Any, Pullback]:
        if bias is not None:
            x, _ = linear.apply(ops, x, bias, inplace)
            inplace = True
        matrix = x.reshape(-1, x.shape[-1])
        y = matrix if inplace else ops.empty(matrix.shape, x.dtype)
        ops.launch(_softmax.SOFTMAX, matrix, y)

        def pullback(dy: Any) -> Any:
            flat = dy.reshape(y.shape)
            ops.launch(_softmax.SOFTMAX_BWD, flat, y, flat)
            return dy

        return y.reshape(x.shape), pullback

    def after(self, ops: Any, kernel: Any, arguments: tuple[Any, ...], out: Any) -> Pullback:
        ops.launch(kernel, *arguments, out)
        return self.apply(ops, out, inplace=True)[1]


linear = _Linear("linear", "linear")
relu = Activation("relu", "relu")
sigmoid = Activation("sigmoid", "sigmoid")
tanh = Activation("tanh", "tanh_")
softmax = _Softmax()
NAMES = {"linear": linear, "relu": relu, "sigmoid": sigmoid, "logistic": sigmoid, "tanh": tanh, "softmax": softmax}


def get(identifier: Any) -> Activation:
    """An activation from its name, itself, or None (linear). Raises ValueError listing the names."""
    if identifier is None:
        return linear
    if isinstance(identifier, Activation):
        return identifier
    if isinstance(identifier, str):
        return find("activation", identifier, NAMES)
    raise ValueError(f"Could not interpret activation. Expected one of: {', '.join(sorted(NAMES))}. Received: {identifier!r}.")
