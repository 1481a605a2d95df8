"""Dense: y = f(x @ kernel + bias)."""

from typing import Any

from gpunn import activations
from gpunn.kernels.reductions import COLUMN_SUM
from gpunn.layers.base import Layer, Pullback, positive
from gpunn.layers.chosen import Chosen
from gpunn.layers.spelling import old_names


class Dense(Layer):
    """Fully connected layer on the last axis: (..., in) -> (..., units).

    Arguments: ``units``; ``activation`` (name or None); ``use_bias``; initializer, regularizer and constraint of kernel and bias (names,
    objects or callables). Kernel (in, units), bias (units,). Keras 1's names are understood: ``output_dim``, ``init``, ``W_regularizer``.
    Raises ValueError for units that are not a positive integer, or inputs of another width than the layer was built for.
    """

    recordable = True
    supports_masking = True
    activation = Chosen()

    @old_names(
        output_dim="units", init="kernel_initializer", bias="use_bias", W_regularizer="kernel_regularizer",
        b_regularizer="bias_regularizer", W_constraint="kernel_constraint", b_constraint="bias_constraint",
    )
    def __init__(
        self, units: int | None = None, activation: Any = None, use_bias: bool = True, kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros", kernel_regularizer: Any = None, bias_regularizer: Any = None, activity_regularizer: Any = None,
        kernel_constraint: Any = None, bias_constraint: Any = None, **common: Any,
    ):
        super().__init__(activity_regularizer=activity_regularizer, **common)
        self.units = positive("units", units, self.name)
        self.activation, self.use_bias = activation, use_bias
        self.weight_options("kernel", kernel_initializer, kernel_regularizer, kernel_constraint)
        self.weight_options("bias", bias_initializer, bias_regularizer, bias_constraint)
        self.kernel: Any = None
        self.bias: Any = None

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        width = input_shape[-1]
        if width is None:
            raise ValueError(f"Layer {self.name!r}: the last axis of the input must be known. Received: input_shape={input_shape}.")
        self.kernel = self.add_weight("kernel", (width, self.units))
        if self.use_bias:
            self.bias = self.add_weight("bias", (self.units,))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        if self.built and self.kernel is not None and input_shape[-1] != self.kernel.shape[0]:
            raise ValueError(
                f"Input of layer {self.name!r} is incompatible with the layer: expected axis -1 of input shape to have value "
                f"{self.kernel.shape[0]}. Received: input of shape {input_shape}."
            )
        return self.activation.compute_output_shape((*input_shape[:-1], self.units))

    def forward(self, x: Any, training: bool = False, activation: Any = None) -> tuple[Any, Pullback]:
        ops, kernel, bias = self.backend, self.kernel, self.bias
        self.compute_output_shape(x.shape)
        rows = x.reshape(-1, x.shape[-1])
        z = ops.matmul(rows, kernel.value)
        shape = (*x.shape[:-1], self.units)
        chosen = activation or self.activation
        y, activation_pullback = chosen.apply(ops, z, None if bias is None else bias.value, inplace=True, shape=shape)

        def pullback(dy: Any, need_dx: bool = True) -> Any:
            dz = activation_pullback(dy.reshape(y.shape))
            if bias is not None and bias.learns:
                ops.launch(COLUMN_SUM, dz, float(bias.claim()), bias.gradient)
            if kernel.learns:
                add = kernel.claim()
                ops.matmul(rows, dz, kernel.gradient, ta=True, add=add)
            return ops.matmul(dz, kernel.value, tb=True).reshape(x.shape) if need_dx else None

        return y.reshape(chosen.compute_output_shape(shape)), pullback

    def config(self) -> dict[str, Any]:
        return {"units": self.units, "activation": activations.serialize(self.activation), "use_bias": self.use_bias}
