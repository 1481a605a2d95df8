"""ReversibleEmbedding: a table of tokens, and the way back to scores of tokens."""

from typing import Any

from gpunn import activations
from gpunn.kernels.activations import linear
from gpunn.kernels.columns import times
from gpunn.layers.augmentation import number
from gpunn.layers.base import Pullback
from gpunn.layers.embedding import Embedding


class ReversibleEmbedding(Embedding):
    """`Embedding`, and called with ``reverse=True`` a linear map from (..., output_dim) back to scores of tokens, (..., input_dim).

    The way back is by the table itself, transposed (Press & Wolf 2017), or with ``tie_weights=False`` by `reverse_embeddings`, (output_dim,
    input_dim). `logit_soft_cap`, c: scores become c tanh(scores / c). Raises ValueError for a cap that is no positive number, another
    `reverse_dtype` than the layer's, and inputs of another width.
    """

    recordable = True

    def __init__(
        self, input_dim: int, output_dim: int, tie_weights: bool = True, embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None, embeddings_constraint: Any = None, mask_zero: bool = False, reverse_dtype: Any = None,
        logit_soft_cap: float | None = None, **common: Any,
    ):
        super().__init__(input_dim, output_dim, embeddings_initializer, embeddings_regularizer, embeddings_constraint, mask_zero, **common)
        self.tie_weights, self.reverse_dtype, self.logit_soft_cap = bool(tie_weights), reverse_dtype, logit_soft_cap
        if reverse_dtype not in (None, self.dtype):
            raise ValueError(f"Layer {self.name!r}: reverse_dtype must be the layer's, {self.dtype!r}. Received: {reverse_dtype!r}.")
        if logit_soft_cap is not None and not (number(logit_soft_cap) and logit_soft_cap > 0):
            raise ValueError(f"Layer {self.name!r}: logit_soft_cap must be a positive number. Received: {logit_soft_cap!r}.")
        self.reverse_embeddings: Any = None

    def build(self, input_shape: Any = None) -> None:
        super().build(input_shape)
        if not self.tie_weights:
            initializer = self.embeddings_initializer  # type: ignore[attr-defined]
            self.reverse_embeddings = self.add_weight("reverse_embeddings", (self.output_dim, self.input_dim), initializer)

    def _reversed(self, shape: Any) -> Any:
        if shape[-1] != self.output_dim:
            raise ValueError(
                f"Layer {self.name!r}: called with reverse=True it takes (..., {self.output_dim}). Received: input of shape {tuple(shape)}."
            )
        return (*shape[:-1], self.input_dim)

    def outputs_of_call(self, shape: Any, input_shape: Any, options: dict[str, Any]) -> Any:
        return self._reversed(input_shape) if options.get("reverse") else shape

    def mask_of_call(self, x: Any, mask: Any, options: dict[str, Any]) -> Any:
        return None if options.get("reverse") else super().mask_of_call(x, mask, options)

    def forward(self, x: Any, training: bool = False, reverse: bool = False) -> tuple[Any, Pullback]:
        if not reverse:
            return super().forward(x, training)
        ops, kernel, tied = self.backend, self.embeddings if self.tie_weights else self.reverse_embeddings, self.tie_weights
        shape, rows = self._reversed(x.shape), x.reshape(-1, self.output_dim)
        scores, capped_back = self._capped(ops.matmul(rows, kernel.value, tb=tied))

        def pullback(dy: Any, need_dx: bool = True) -> Any:
            dz = capped_back(dy.reshape(scores.shape))
            if kernel.learns:
                add = kernel.claim()
                ops.matmul(*((dz, rows) if tied else (rows, dz)), kernel.gradient, ta=True, add=add)
            return ops.matmul(dz, kernel.value, tb=not tied).reshape(x.shape) if need_dx else None

        return scores.reshape(shape), pullback

    def _capped(self, scores: Any) -> tuple[Any, Any]:
        """-> (c tanh(scores / c), its pullback)."""
        if self.logit_soft_cap is None:
            return scores, lambda dy: dy
        ops, cap = self.backend, float(self.logit_soft_cap)
        ops.launch(times, scores, 1 / cap)
        bent, back = activations.tanh.apply(ops, scores, inplace=True)
        y = ops.empty(bent.shape, bent.dtype)
        ops.launch(linear, bent, y)
        ops.launch(times, y, cap)
        return y, back  # the gradient comes by c, and then by 1 / c

    def config(self) -> dict[str, Any]:
        more = {"tie_weights": self.tie_weights, "reverse_dtype": self.reverse_dtype, "logit_soft_cap": self.logit_soft_cap}
        return {**super().config(), **more}
