"""Attention over the steps of sequences."""

from typing import Any

import numpy as np

from gpunn.kernels import attention as kernels
from gpunn.kernels.noise import MASKED
from gpunn.kernels.record import REGISTRY
from gpunn.kernels.reductions import COLUMN_SUM
from gpunn.kernels.sequences import merge_mul
from gpunn.layers.alone import masks_on
from gpunn.layers.attention_calls import arranged
from gpunn.layers.base import Pullback, positive
from gpunn.layers.dropout import Drawing, threshold


class Attending(Drawing):
    """Queries, values and perhaps keys -> values mixed by how well each query's product with the keys does, softmax over the places."""

    takes_mask = True

    def _three(self, x: Any) -> tuple[Any, Any, Any]:
        """(query, value, key) of the inputs: one for all, or two, or three."""
        given = list(x) if isinstance(x, (list, tuple)) and (hasattr(x[0], "shape") or isinstance(x[0], (tuple, list))) else [x]
        if len(given) > 3:
            raise ValueError(f"Layer {self.name!r}: expected query, value and perhaps key. Received: {len(given)} inputs.")
        return given[0], given[min(1, len(given) - 1)], given[min(2, len(given) - 1)]

    def _shapes(self, x: Any) -> tuple[Any, Any, Any]:
        query, value, key = (tuple(s) for s in self._three(x))
        if any(len(s) != 3 for s in (query, value, key)) or value[1] != key[1]:
            raise ValueError(
                f"Layer {self.name!r}: expected inputs of shape (rows, steps, features), value and key of as many steps. "
                f"Received: {query}, {value}, {key}."
            )
        return query, value, key

    def compute_mask(self, x: Any, mask: Any = None) -> Any:
        return mask[0] if isinstance(mask, (list, tuple)) else mask

    def attend(
        self, arrays: tuple[Any, Any, Any], heads: int, scale: float, rate: float, masks: Any, pairs: Any, causal: bool
    ) -> tuple[Any, Any, Any]:
        """-> (mixed values, shares, a pullback: dy -> gradients of q, v, k); arrays are (rows, steps, heads * width). `pairs`: None, or
        which places each query may look at, (rows, T, S)."""
        ops, (q, v, k) = self.backend, arrays
        rows, steps, places, dtype = q.shape[0], q.shape[1], v.shape[1], q.dtype
        masks = [*masks, None, None][:3] if isinstance(masks, (list, tuple)) else [masks, masks, None]
        queries, keys = masks[0], masks[1] if masks[2] is None or masks[2] is masks[1] else masks[2]
        if keys is not None and masks[1] is not None and keys is not masks[1]:
            both = ops.empty(keys.shape, dtype)
            ops.launch(merge_mul, masks[1], keys, both)
            keys = both
        whole = None if pairs is None else pairs.reshape(rows, steps * places)
        none = ops.empty((rows, 0), dtype)
        options = kernels.CAUSAL if causal else 0
        for bit, there in ((kernels.QUERIES, queries), (kernels.KEYS, keys), (kernels.WHOLE, whole)):
            options |= bit if there is not None else 0
        wide = [a.shape[2] // heads for a in (q, v)]
        flat = [a.reshape(rows, -1) if a.size else a.reshape(rows, a.shape[1] * a.shape[2]) for a in (q, v, k)]
        p = ops.empty((rows, heads * steps * places), dtype)
        seen = [none if m is None else m for m in (queries, keys, whole)]
        ops.launch(kernels.ATTEND, flat[0], flat[2], *seen, steps, places, heads, wide[0], scale, options, p)
        shares = self._dropped(p, rate) if rate else p
        y = ops.empty((rows, steps * heads * wide[1]), dtype)
        ops.launch(kernels.MIX, shares, flat[1], steps, places, heads, wide[1], y)

        def pullback(dy: Any) -> list[Any]:
            dp, dq, dv, dk = ops.empty(p.shape, dtype), *(ops.empty(a.shape, dtype) for a in flat)
            ops.launch(kernels.MIX_BWD, dy.reshape(y.shape), shares, flat[1], steps, places, heads, wide[1], dp, dv)
            if rate:
                self._dropped(dp, rate, dp)
            ops.launch(kernels.ATTEND_BWD, dp, p, flat[0], flat[2], *seen, steps, places, heads, wide[0], scale, options, dq, dk)
            return [d.reshape(a.shape) for d, a in zip((dq, dv, dk), (q, v, k), strict=True)]

        return y.reshape(rows, steps, heads * wide[1]), p, pullback

    def _dropped(self, p: Any, rate: float, out: Any = None) -> Any:
        out = self.backend.empty(p.shape, p.dtype) if out is None else out
        self.backend.launch(MASKED, p, *self.source(), threshold(rate), 1.0 / (1.0 - rate), 0.0, 0.0, 1, 1, 1, p.size or 1, out)
        return out


class MultiHeadAttention(Attending):
    """Attention of several heads (Vaswani et al. 2017), called on [query, value] or [query, value, key]; alone, an input attends to itself.

    Weights as Keras 3's: kernels (features, num_heads, key_dim) and biases (num_heads, key_dim) of query and key, the same with `value_dim`
    of value, then (num_heads, value_dim, output_shape) and (output_shape,); `output_shape` is the query's width by default. Masks of query,
    value and key, and `use_causal_mask` in the call let places out; `forward` also takes `attention_mask`, (rows, T, S) or (T, S), and with
    `return_attention_scores` gives the shares (rows, num_heads, T, S) too. Raises ValueError for sizes or
    shapes that cannot be, or other `attention_axes` than the steps.
    """

    recordable = True
    supports_masking = True

    def __init__(
        self, num_heads: int, key_dim: int, value_dim: int | None = None, dropout: float = 0.0, use_bias: bool = True,
        output_shape: Any = None, attention_axes: Any = None, sliding_window: Any = None, flash_attention: Any = None,
        kernel_initializer: Any = "glorot_uniform", bias_initializer: Any = "zeros", kernel_regularizer: Any = None,
        bias_regularizer: Any = None, activity_regularizer: Any = None, kernel_constraint: Any = None, bias_constraint: Any = None,
        use_gate: bool = False, seed: int | None = None, **common: Any,
    ):
        super().__init__(seed, activity_regularizer=activity_regularizer, **common)
        self.num_heads, self.key_dim = positive("num_heads", num_heads, self.name), positive("key_dim", key_dim, self.name)
        self.value_dim = self.key_dim if value_dim is None else positive("value_dim", value_dim, self.name)
        self.dropout, self.use_bias = self.share("dropout", dropout), bool(use_bias)
        sizes = [output_shape] if isinstance(output_shape, (int, np.integer)) else output_shape
        if sizes is not None and len(sizes) != 1:
            raise ValueError(f"Layer {self.name!r}: output_shape must be one size. Received: output_shape={output_shape!r}.")
        self.output_width = None if sizes is None else positive("output_shape", sizes[0], self.name)
        if attention_axes not in (None, 1, (1,), [1]):
            raise ValueError(f"Layer {self.name!r}: attention is over the steps, axis 1. Received: attention_axes={attention_axes!r}.")
        if sliding_window is not None or use_gate:  # `flash_attention` says how to reckon, not what
            raise ValueError(
                f"Layer {self.name!r}: there are no windows and gates. Received: sliding_window={sliding_window!r}, use_gate={use_gate!r}."
            )
        self.weight_options("kernel", kernel_initializer, kernel_regularizer, kernel_constraint)
        self.weight_options("bias", bias_initializer, bias_regularizer, bias_constraint)
        self._parts: list[tuple[Any, Any]] = []

    def __call__(  # type: ignore[override]
        self, query: Any = None, value: Any = None, key: Any = None, query_mask: Any = None, value_mask: Any = None, key_mask: Any = None,
        attention_mask: Any = None, **options: Any,
    ) -> Any:
        x, options = arranged(self, query, value, key, (query_mask, value_mask, key_mask), attention_mask, options)
        return super().__call__(x, **options)

    def outputs_of_call(self, shape: Any, input_shape: Any, options: dict[str, Any]) -> Any:
        if not options.get("return_attention_scores"):
            return shape
        query, value, _ = self._shapes(input_shape)
        return [shape, (query[0], self.num_heads, query[1], value[1])]

    @property
    def key_heads(self) -> int:
        """Heads of keys and values."""
        return self.num_heads

    def build(self, input_shape: Any) -> None:
        query, value, key = self._shapes(input_shape)
        few, many = self.key_heads, self.num_heads
        kinds = (("query", query, many, self.key_dim), ("key", key, few, self.key_dim), ("value", value, few, self.value_dim))
        for name, shape, heads, width in kinds:
            self._parts.append(self._weights(name, (shape[-1], heads, width), (heads, width)))
        out = self.output_width or query[-1]
        self._parts.append(self._weights("attention_output", (many, self.value_dim, out), (out,)))

    def _weights(self, name: str, kernel: tuple[int, ...], bias: tuple[int, ...]) -> tuple[Any, Any]:
        options = {k: {n: getattr(self, f"{k}_{n}") for n in ("initializer", "regularizer", "constraint")} for k in ("kernel", "bias")}
        made = self.add_weight(f"{name}_kernel", kernel, **options["kernel"])
        return made, self.add_weight(f"{name}_bias", bias, **options["bias"]) if self.use_bias else None

    def unbuild(self) -> None:
        super().unbuild()
        self._parts = []

    def _three(self, x: Any) -> tuple[Any, Any, Any]:
        return super()._three(x[:3] if isinstance(x, (list, tuple)) and len(x) == 4 else x)  # the fourth is an attention mask

    def _pairs(self, mask: Any, shape: tuple[int, int, int]) -> Any:
        """An attention mask as (rows, T, S)."""
        from gpunn.ops.moves import spread  # operations are layers

        if mask.ndim == 4 and mask.shape[1] == 1:
            mask = mask.reshape(mask.shape[0], *mask.shape[2:])
        if mask.ndim > 3 or any(n not in (1, m) for n, m in zip(reversed(mask.shape), reversed(shape), strict=False)):
            raise ValueError(f"Layer {self.name!r}: expected an attention_mask of shape {shape}. Received: {tuple(mask.shape)}.")
        return spread(self.backend, mask.reshape(*(1,) * (3 - mask.ndim), *mask.shape), shape)

    def compute_output_shape(self, input_shape: Any) -> Any:
        query = self._shapes(input_shape)[0]
        return (*query[:-1], self.output_width or query[-1])

    def forward(
        self, x: Any, training: bool = False, mask: Any = None, attention_mask: Any = None, use_causal_mask: bool = False,
        return_attention_scores: bool = False,
    ) -> tuple[Any, Pullback]:
        several = isinstance(x, (list, tuple))
        query, value, key = self._three(x)
        self._shapes([query.shape, value.shape, key.shape])
        allowed = x[3] if several and len(x) == 4 else masks_on(self.backend, attention_mask, query.dtype)
        pairs = None if allowed is None else self._pairs(allowed, (query.shape[0], query.shape[1], value.shape[1]))
        (q, back_q), (k, back_k), (v, back_v) = (self._project(a, *w, 1) for a, w in zip((query, key, value), self._parts, strict=False))
        rate, scale = self.dropout if training else 0.0, self.key_dim**-0.5
        (k, spread_k), (v, spread_v) = self._spread(k), self._spread(v)
        mixed, shares, back = self.attend((q, v, k), self.num_heads, scale, rate, mask, pairs, use_causal_mask)
        y, back_y = self._project(mixed, *self._parts[3], 2)

        def pullback(dy: Any, need_dx: Any = True) -> Any:
            dy = dy[0] if isinstance(dy, (list, tuple)) else dy  # nothing flows back through the shares that were returned
            need = bool(any(need_dx) if isinstance(need_dx, (list, tuple)) else need_dx)
            dq, dv, dk = back(back_y(dy, True))
            found = [back_q(dq, need), back_v(spread_v(dv), need), back_k(spread_k(dk), need)]
            given = min(len(x), 3) if several else 1
            for i in range(2, given - 1, -1) if need else ():  # an input that stands for several gets all their gradients
                self.backend.launch(REGISTRY["add"], found[min(i, given) - 1], found[i])
            return [*found[:given], *[None] * (len(x) - given)] if several else found[0]

        if return_attention_scores:
            return [y, shares.reshape(query.shape[0], self.num_heads, query.shape[1], value.shape[1])], pullback
        return y, pullback

    def _spread(self, x: Any) -> tuple[Any, Any]:
        """Keys or values with as many heads as queries have -> (those, a function of their gradient -> that of x)."""
        return x, lambda dy: dy

    def _project(self, x: Any, kernel: Any, bias: Any, axes: int) -> tuple[Any, Any]:
        """x @ kernel + bias over the steps of all rows, the kernel's first `axes` axes against x's last."""
        ops, width = self.backend, int(np.prod(kernel.shape[:axes]))
        rows = x.reshape(x.shape[0] * x.shape[1], width)
        z = ops.matmul(rows, kernel.value.reshape(width, -1))
        if bias is not None:
            ops.launch(REGISTRY["bias_linear"], z, bias.value.reshape(-1), z)

        def pullback(dy: Any, need_dx: bool) -> Any:
            dz = dy.reshape(z.shape)
            if bias is not None and bias.learns:
                ops.launch(COLUMN_SUM, dz, float(bias.claim()), bias.gradient.reshape(-1))
            if kernel.learns:
                add = kernel.claim()
                ops.matmul(rows, dz, kernel.gradient.reshape(width, -1), ta=True, add=add)
            return ops.matmul(dz, kernel.value.reshape(width, -1), tb=True).reshape(x.shape) if need_dx else None

        return z.reshape(*x.shape[:2], -1), pullback

    def config(self) -> dict[str, Any]:
        names = ("num_heads", "key_dim", "value_dim", "dropout", "use_bias", "seed")
        return {**{n: getattr(self, n) for n in names}, "output_shape": self.output_width}
