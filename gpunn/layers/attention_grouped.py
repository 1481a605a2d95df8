"""GroupQueryAttention: several heads of queries share one of keys and values."""

from typing import Any

import numpy as np

from gpunn.layers.attention import MultiHeadAttention
from gpunn.layers.base import positive
from gpunn.layers.columns import add_up, pick


class GroupQueryAttention(MultiHeadAttention):
    """Attention whose `num_query_heads` heads share `num_key_value_heads` heads of keys and values (Ainslie et al. 2023), so many each,
    side by side.

    `head_dim` is the width of a head. Weights as Keras 3's: kernels (features, heads, head_dim) and biases (heads, head_dim) of query, key
    and value, then (num_query_heads, head_dim, features) and (features,). Called as `MultiHeadAttention` is. Raises ValueError for heads of
    queries that are no multiple of those of keys.
    """

    recordable = True
    named_after = "GroupedQueryAttention"

    def __init__(
        self, head_dim: int, num_query_heads: int, num_key_value_heads: int, dropout: float = 0.0, use_bias: bool = True,
        sliding_window: Any = None, flash_attention: Any = None, kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros", kernel_regularizer: Any = None, bias_regularizer: Any = None, activity_regularizer: Any = None,
        kernel_constraint: Any = None, bias_constraint: Any = None, use_gate: bool = False, seed: int | None = None, **common: Any,
    ):
        super().__init__(
            num_query_heads, head_dim, None, dropout, use_bias, None, None, sliding_window, flash_attention, kernel_initializer,
            bias_initializer, kernel_regularizer, bias_regularizer, activity_regularizer, kernel_constraint, bias_constraint, use_gate,
            seed, **common,
        )
        self.head_dim, self.num_query_heads = self.key_dim, self.num_heads
        self.num_key_value_heads = positive("num_key_value_heads", num_key_value_heads, self.name)
        if self.num_heads % self.num_key_value_heads:
            raise ValueError(
                f"Layer {self.name!r}: num_query_heads must be a multiple of num_key_value_heads. "
                f"Received: num_query_heads={num_query_heads}, num_key_value_heads={num_key_value_heads}."
            )

    @property
    def key_heads(self) -> int:
        return self.num_key_value_heads

    def _spread(self, x: Any) -> tuple[Any, Any]:
        """Each head of keys or values once for every head of queries that looks at it."""
        ops, (rows, steps, width) = self.backend, x.shape
        index = np.arange(width).reshape(self.key_heads, self.head_dim).repeat(self.num_heads // self.key_heads, axis=0)
        y = pick(ops, x.reshape(rows * steps, width), index, (index.size,))

        def pullback(dy: Any) -> Any:
            return add_up(ops, dy.reshape(rows * steps, index.size), index, (width,)).reshape(x.shape)

        return y.reshape(rows, steps, index.size), pullback

    def config(self) -> dict[str, Any]:
        names = ("head_dim", "num_query_heads", "num_key_value_heads", "dropout", "use_bias", "seed")
        return {n: getattr(self, n) for n in names}
