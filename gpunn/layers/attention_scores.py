"""Attention and AdditiveAttention: Keras's attention without projections, over queries, values and perhaps keys."""

from typing import Any

import numpy as np

from gpunn.kernels.attention import MIX, MIX_BWD
from gpunn.kernels.columns import ROW_DOTS, add_two, multiply_two, smaller_of_two
from gpunn.kernels.record import REGISTRY
from gpunn.kernels.reductions import COLUMN_SUM
from gpunn.kernels.sequences import bar, mask_rows, times_columns
from gpunn.kernels.softmax import SOFTMAX, SOFTMAX_BWD
from gpunn.layers.attention import Attending
from gpunn.layers.base import Parameter, Pullback
from gpunn.layers.columns import add_up, numbered, pick


class _Scored(Attending):
    """Scores of every query with every key, softmax over the places, and the values mixed by these shares. A subclass gives `scores`."""

    supports_masking = True
    dropout = 0.0

    def _shapes(self, x: Any) -> tuple[Any, Any, Any]:
        if not isinstance(x, list) or not 2 <= len(x) <= 3:
            raise ValueError(
                f"Layer {self.name!r}: expected a list of two or three inputs: [query, value] or [query, value, key]. "
                f"Received: {f'{len(x)} inputs' if isinstance(x, list) else f'one of shape {x}'}."
            )
        query, value, key = super()._shapes(x)
        if query[2] != key[2]:
            raise ValueError(f"Layer {self.name!r}: expected query and key of as many features. Received: query {query}, key {key}.")
        return query, value, key

    def compute_output_shape(self, input_shape: Any) -> Any:
        query, value, _ = self._shapes(input_shape)
        return (*query[:-1], value[-1])

    def outputs_of_call(self, shape: Any, input_shape: Any, options: dict[str, Any]) -> Any:
        if not options.get("return_attention_scores"):
            return shape
        query, value, _ = self._shapes(input_shape)
        return [shape, (*query[:-1], value[1])]

    def scores(self, q: Any, k: Any) -> tuple[Any, Any]:
        """-> (scores (rows, T * S), a function of their gradient -> gradients of q and k)."""
        raise NotImplementedError

    # ------------------------------------------------------------------ the pass
    def forward(
        self, x: Any, training: bool = False, mask: Any = None, use_causal_mask: bool = False, return_attention_scores: bool = False
    ) -> tuple[Any, Pullback]:
        ops, (q, v, k), given = self.backend, self._three(x), len(x)
        self._shapes([(None, *a.shape[1:]) for a in x])
        rows, steps, places, width = q.shape[0], q.shape[1], v.shape[1], v.shape[2]
        masks = [*mask, None, None] if isinstance(mask, (list, tuple)) else [None, None]
        z, back_scores = self.scores(q, k)
        allowed = self._allowed(masks[1], rows, steps, places, use_causal_mask, q.dtype)
        if allowed is not None:
            ops.launch(bar, z, allowed)
        p = ops.empty((rows * steps, places), q.dtype)
        ops.launch(SOFTMAX, z.reshape(p.shape), p)
        rate = self.dropout if training else 0.0
        shares = self._dropped(p, rate) if rate else p
        y = ops.empty((rows * steps, width), q.dtype)
        size = steps, places, 1, width
        flat = [a.reshape(rows, a.shape[1] * a.shape[2]) for a in (q, v, k)]
        pairs, mixed = (rows, steps * places), (rows, steps * width)
        ops.launch(MIX, shares.reshape(pairs), flat[1], *size, y.reshape(mixed))
        queries = None if masks[0] is None else masks[0].reshape(rows * steps)
        if queries is not None:
            seen = ops.empty(y.shape, y.dtype)
            ops.launch(mask_rows, y, queries, seen)
            y = seen

        def pullback(dy: Any, need_dx: Any = True) -> list[Any]:
            dy, dshares = dy if isinstance(dy, (list, tuple)) else (dy, None)
            dp, dv = ops.empty(pairs, q.dtype), ops.empty(flat[1].shape, q.dtype)
            dy = ops.zeros(y.shape, q.dtype) if dy is None else dy.reshape(y.shape)
            if queries is not None:
                own = ops.empty(y.shape, q.dtype)
                ops.launch(mask_rows, dy, queries, own)
                dy = own
            ops.launch(MIX_BWD, dy.reshape(mixed), shares.reshape(pairs), flat[1], *size, dp, dv)
            if dshares is not None:
                ops.launch(REGISTRY["add"], dp, dshares.reshape(pairs))
            dp = dp.reshape(p.shape)
            if rate:
                self._dropped(dp, rate, dp)
            dz = ops.empty(p.shape, q.dtype)
            ops.launch(SOFTMAX_BWD, dp, p, dz)
            dq, dk = back_scores(dz.reshape(pairs))
            found = [dq.reshape(q.shape), dv.reshape(v.shape), dk.reshape(k.shape)]
            if given == 2:
                ops.launch(REGISTRY["add"], found[1], found[2])
            return found[:given]

        out = y.reshape(rows, steps, width)
        return ([out, shares.reshape(rows, steps, places)] if return_attention_scores else out), pullback

    def _allowed(self, places_mask: Any, rows: int, steps: int, places: int, causal: bool, dtype: Any) -> Any:
        """(rows, T * S) of 1 and 0, or None: which places each query may look at."""
        ops = self.backend
        found = None
        if places_mask is not None:
            found = pick(ops, places_mask.reshape(rows, places), np.tile(np.arange(places), steps), (steps * places,))
        if not causal:
            return found
        triangle = ops.asarray(np.broadcast_to(np.tri(steps, places).reshape(-1), (rows, steps * places)).astype(dtype))
        if found is None:
            return triangle
        both = ops.empty(found.shape, dtype)
        ops.launch(smaller_of_two, found, triangle, both)
        return both

    # ------------------------------------------------------------------ what scores are made of
    def _times(self, x: Any, factor: Parameter) -> tuple[Any, Any]:
        """x times a parameter of one number -> (product, its pullback)."""
        ops, tall = self.backend, (x.size, 1)
        y = ops.empty(x.shape, x.dtype)
        ops.launch(times_columns, x.reshape(tall), factor.value.reshape(1), y.reshape(tall))

        def back(dy: Any) -> Any:
            if factor.learns:
                products = ops.empty(x.shape, x.dtype)
                ops.launch(multiply_two, dy, x, products)
                ops.launch(COLUMN_SUM, products.reshape(tall), float(factor.claim()), factor.gradient.reshape(1))
            dx = ops.empty(x.shape, x.dtype)
            ops.launch(times_columns, dy.reshape(tall), factor.value.reshape(1), dx.reshape(tall))
            return dx

        return y, back

    def _curved(self, q: Any, k: Any, weights: Any, scale: Parameter | None = None) -> tuple[Any, Any]:
        """sum over d of weights[d] * tanh(scale * (q[t, d] + k[s, d])); `weights` a parameter (d,), or None for ones."""
        ops, (rows, steps, d), places = self.backend, q.shape, k.shape[1]
        shape, full = (steps * places, d), (steps, places, d)
        of_q = np.broadcast_to(numbered((steps, 1, d)), full)
        of_k = np.broadcast_to(numbered((1, places, d)), full)
        total = ops.empty((rows, *shape), q.dtype)
        ops.launch(add_two, pick(ops, q, of_q, shape), pick(ops, k, of_k, shape), total)
        inner, back_inner = (total, None) if scale is None else self._times(total, scale)
        curved = ops.empty(total.shape, q.dtype)
        ops.launch(REGISTRY["tanh_"], inner, curved)
        tall = curved.reshape(rows * steps * places, d)
        column = (ops.asarray(np.ones(d, q.dtype)) if weights is None else weights.value).reshape(d, 1)
        z = ops.matmul(tall, column)

        def back(dz: Any) -> tuple[Any, Any]:
            tops = dz.reshape(rows * steps * places, 1)
            if weights is not None and weights.learns:
                add = weights.claim()
                ops.matmul(tall, tops, weights.gradient.reshape(d, 1), ta=True, add=add)
            up = ops.matmul(tops, column, tb=True)
            down = ops.empty(total.shape, q.dtype)
            ops.launch(REGISTRY["tanh__bwd"], up.reshape(total.shape), curved, down)
            if back_inner is not None:
                down = back_inner(down)
            return add_up(ops, down, of_q, (steps, d)), add_up(ops, down, of_k, (places, d))

        return z.reshape(rows, steps * places), back


class Attention(_Scored):
    """Dot-product attention (Luong et al. 2015), called on [query, value] or [query, value, key] -> (rows, T, features of the value).

    Scores are query times key, ``scale`` times that with `use_scale` (a weight of one number, 1 at first); with ``score_mode="concat"``
    ``concat_score_weight * sum(tanh(scale * (query + key)))``. In training `dropout` drops shares. In the call: `use_causal_mask` lets no
    query look at later places, `return_attention_scores` gives [output, shares (rows, T, S)]. The query's mask sets outputs to zero, the
    value's lets places out. Raises ValueError for another score_mode, one input, or shapes that do not fit.
    """

    recordable = True

    def __init__(
        self, use_scale: bool = False, score_mode: str = "dot", dropout: float = 0.0, seed: int | None = None, **common: Any
    ):
        super().__init__(seed, **common)
        self.use_scale, self.dropout = bool(use_scale), self.share("dropout", dropout)
        if score_mode not in ("dot", "concat"):
            raise ValueError(f"Layer {self.name!r}: score_mode must be 'dot' or 'concat'. Received: score_mode={score_mode!r}.")
        self.score_mode = score_mode
        self.scale: Any = None
        self.concat_score_weight: Any = None

    def build(self, input_shape: Any) -> None:
        self._shapes(input_shape)
        self.scale = self.add_weight("scale", (), "ones") if self.use_scale else None
        self.concat_score_weight = self.add_weight("concat_score_weight", (), "ones") if self.score_mode == "concat" else None

    def scores(self, q: Any, k: Any) -> tuple[Any, Any]:
        if self.score_mode == "concat":
            z, back = self._curved(q, k, None, self.scale)
            z, back_weight = self._times(z, self.concat_score_weight)
            return z, lambda dz: back(back_weight(dz))
        z, back = self._dots(q, k)
        if self.scale is None:
            return z, back
        z, back_scale = self._times(z, self.scale)
        return z, lambda dz: back(back_scale(dz))

    def _dots(self, q: Any, k: Any) -> tuple[Any, Any]:
        ops, (rows, steps, d), places = self.backend, q.shape, k.shape[1]
        z = ops.empty((rows, steps * places), q.dtype)
        ops.launch(ROW_DOTS, q, k, places * d, steps, places, d, d, 1, d, 1, z)

        def back(dz: Any) -> tuple[Any, Any]:
            dq, dk = ops.empty(q.shape, q.dtype), ops.empty(k.shape, q.dtype)
            ops.launch(ROW_DOTS, dz, k, places * d, steps, d, places, places, 1, 1, d, dq)
            ops.launch(ROW_DOTS, dz, q, steps * d, places, d, steps, 1, places, 1, d, dk)
            return dq, dk

        return z, back

    def config(self) -> dict[str, Any]:
        return {"use_scale": self.use_scale, "score_mode": self.score_mode, "dropout": self.dropout, "seed": self.seed}


class AdditiveAttention(_Scored):
    """Additive attention (Bahdanau et al. 2015): scores are ``sum(scale * tanh(query + key))`` over the features.

    `scale`, (features,), is a weight with `use_scale`, else ones. Inputs, masks and options of the call as in `Attention`.
    """

    recordable = True

    def __init__(self, use_scale: bool = True, dropout: float = 0.0, seed: int | None = None, **common: Any):
        super().__init__(seed, **common)
        self.use_scale, self.dropout = bool(use_scale), self.share("dropout", dropout)
        self.scale: Any = None

    def build(self, input_shape: Any) -> None:
        key = self._shapes(input_shape)[2]
        self.scale = self.add_weight("scale", (key[-1],), "glorot_uniform") if self.use_scale else None

    def scores(self, q: Any, k: Any) -> tuple[Any, Any]:
        return self._curved(q, k, self.scale)

    def config(self) -> dict[str, Any]:
        return {"use_scale": self.use_scale, "dropout": self.dropout, "seed": self.seed}
