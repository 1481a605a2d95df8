"""Spectral normalization (Miyato et al. 2018): a layer whose kernel is kept at the spectral norm one."""

from typing import Any

from gpunn.initializers import TruncatedNormal
from gpunn.layers.base import Layer, positive
from gpunn.layers.described import layer_of, serialize


class SpectralNormalization(Layer):
    """A layer with a `kernel`, or `embeddings`, which in training are divided by their largest singular value before they are used.

    The value is found by power iteration, `power_iterations` rounds in each step, from the vector of the step before. Weights: that
    vector, then the layer's (Keras has the kernel first). Raises ValueError for a layer that has neither.
    """

    def __init__(self, layer: Any, power_iterations: int = 1, **common: Any):
        layer = layer_of(layer)
        if not isinstance(layer, Layer):
            raise ValueError(f"SpectralNormalization wraps a layer. Received: {layer!r} (of type {type(layer).__name__}).")
        super().__init__(**common)
        self.layer, self.power_iterations = layer, positive("power_iterations", power_iterations, self.name)

    @property
    def kernel(self) -> Any:
        """The weight that is normalized."""
        for name in ("kernel", "embeddings"):
            if getattr(self.layer, name, None) is not None:
                return getattr(self.layer, name)
        raise ValueError(f"Layer {self.name!r}: expected a layer with a kernel or embeddings. Received: {self.layer!r}.")

    def build(self, input_shape: Any) -> None:
        self.layer.ensure_built(input_shape)
        self.vector_u = self.add_weight("vector_u", (1, self.kernel.shape[-1]), TruncatedNormal(stddev=0.02), trainable=False)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return self.layer.compute_output_shape(input_shape)

    def call(self, inputs: Any, training: bool | None = None, **options: Any) -> Any:
        if training:
            self._normalize()
        return self.layer(inputs, training=training)

    def _normalize(self) -> None:
        from gpunn import ops  # which is made of layers

        kernel, u = self.kernel, self.vector_u
        matrix = ops.reshape(kernel, (-1, kernel.shape[-1]))
        for _ in range(self.power_iterations):
            v = ops.normalize(ops.matmul(u, ops.transpose(matrix)))
            u = ops.normalize(ops.matmul(v, matrix))
        largest = ops.matmul(ops.matmul(v, matrix), ops.transpose(u))
        self.vector_u.assign(u)
        kernel.assign(ops.reshape(ops.divide(matrix, largest), kernel.shape))

    def config(self) -> dict[str, Any]:
        return {"layer": serialize(self.layer), "power_iterations": self.power_iterations}
