"""Dense: y = f(x @ kernel + bias)."""

from typing import Any

import numpy as np

from gpunn import activations, initializers
from gpunn.kernels.reductions import COLUMN_SUM
from gpunn.layers.base import Layer, Pullback, alias, positive


class Dense(Layer):
    """Fully connected layer on the last axis: (..., in) -> (..., units).

    Arguments: ``units``; ``activation`` (name or None); ``use_bias``; ``kernel_initializer`` and ``bias_initializer`` (names, objects or
    callables). Kernel (in, units), bias (units,). ``output_dim`` is Keras 1's name of ``units``.
    Raises ValueError for units that are not a positive integer, or inputs of another width than the layer was built for.
    """

    recordable = True

    def __init__(
        self, units: int | None = None, activation: Any = None, use_bias: bool = True, kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros", output_dim: int | None = None, **common: Any,
    ):
        super().__init__(**common)
        self.units = positive("units", alias(units, output_dim, "units", "output_dim"), self.name)
        self.activation, self.use_bias = activations.get(activation), use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel: Any = None
        self.bias: Any = None

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        width = input_shape[-1]
        if width is None:
            raise ValueError(f"Layer {self.name!r}: the last axis of the input must be known. Received: input_shape={input_shape}.")
        self.kernel = self.add_weight("kernel", (width, self.units), self.kernel_initializer)
        if self.use_bias:
            self.bias = self.add_weight("bias", (self.units,), self.bias_initializer)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        if self.built and self.kernel is not None and input_shape[-1] != self.kernel.shape[0]:
            raise ValueError(
                f"Input of layer {self.name!r} is incompatible with the layer: expected axis -1 of input shape to have value "
                f"{self.kernel.shape[0]}. Received: input of shape {input_shape}."
            )
        return (*input_shape[:-1], self.units)

    def forward(self, x: Any, training: bool = False, activation: Any = None) -> tuple[Any, Pullback]:
        ops, kernel, bias = self.backend, self.kernel, self.bias
        self.compute_output_shape(x.shape)
        rows = x.reshape(-1, x.shape[-1])
        z = ops.matmul(rows, kernel.value)
        y, activation_pullback = (activation or self.activation).apply(ops, z, None if bias is None else bias.value, inplace=True)

        def pullback(dy: Any, need_dx: bool = True) -> Any:
            dz = activation_pullback(dy.reshape(y.shape))
            if bias is not None and bias.learns:
                ops.launch(COLUMN_SUM, dz, float(bias.claim()), bias.gradient)
            if kernel.learns:
                add = kernel.claim()
                ops.matmul(rows, dz, kernel.gradient, ta=True, add=add)
            return ops.matmul(dz, kernel.value, tb=True).reshape(x.shape) if need_dx else None

        return y.reshape(*x.shape[:-1], self.units), pullback

    def config(self) -> dict[str, Any]:
        return {
            "units": self.units, "activation": self.activation.name, "use_bias": self.use_bias,
            "kernel_initializer": _initializer(self.kernel_initializer), "bias_initializer": _initializer(self.bias_initializer),
        }


def _initializer(i: initializers.Initializer) -> Any:
    """The configuration of an initializer; one that cannot be written down is left out, as the weights themselves are saved."""
    if isinstance(i, initializers.FromFunction) or isinstance(getattr(i, "value", None), np.ndarray):
        return "zeros"
    return {"class_name": type(i).__name__, "config": i.get_config()}
