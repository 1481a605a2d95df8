"""Sequences of tokens, and steps to skip: Embedding, Masking."""

from typing import Any

import numpy as np

from gpunn.kernels.sequences import EMBED, EMBED_BWD, STEP_MASK, mask_rows, unequal
from gpunn.layers.base import Layer, Pullback, positive
from gpunn.layers.graph import WHOLE


class Embedding(Layer):
    """A row of a table for each token: (rows, steps) of integers from 0 to input_dim - 1 -> (rows, steps, output_dim).

    Table `embeddings`: (input_dim, output_dim). With `mask_zero` token 0 is padding, and masks its step. Tokens arrive in the model's
    floating type, exact up to 2^24 in float32. Raises ValueError for sizes that cannot be, and in `fit`, `evaluate` and `predict`, before
    anything changes, for tokens that are not integers from 0 to input_dim - 1.
    """

    recordable = True
    supports_masking = True

    def __init__(
        self, input_dim: int, output_dim: int, embeddings_initializer: Any = "uniform", embeddings_regularizer: Any = None,
        embeddings_constraint: Any = None, mask_zero: bool = False, weights: Any = None, input_length: int | None = None, **common: Any,
    ):
        if input_length is not None and common.get("input_shape") is None:
            common["input_shape"] = (input_length,)
        super().__init__(**common)
        self.input_dim, self.output_dim = positive("input_dim", input_dim, self.name), positive("output_dim", output_dim, self.name)
        if self.dtype == "float32" and self.input_dim > 1 << 24:
            raise ValueError(f"Layer {self.name!r}: tokens of float32 are exact up to 2**24. Received: input_dim={input_dim}.")
        self.mask_zero = bool(mask_zero)
        self.weight_options("embeddings", embeddings_initializer, embeddings_regularizer, embeddings_constraint)
        self._given = weights
        self.embeddings: Any = None

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.embeddings = self.add_weight("embeddings", (self.input_dim, self.output_dim))
        if self._given is not None:
            self.set_weights(self._given if isinstance(self._given, (list, tuple)) else [self._given])

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (*input_shape, self.output_dim)

    def compute_mask(self, x: Any, mask: Any = None) -> Any:
        if not self.mask_zero:
            return None
        if isinstance(x, np.ndarray) and x.dtype.kind in "iu":  # somebody's tokens: a step has them in its floating type
            return x != 0
        ops, here = self.backend, self.backend.take_in(x)
        out = ops.empty(here.shape, here.dtype)
        ops.launch(unequal, here, 0.0, out)
        return out if here is x else ops.to_numpy(out)

    def check_rows(self, x: np.ndarray, where: str) -> None:
        """Raises ValueError, naming the first, for what is no token of the table."""
        bad = (x < 0) | (x >= self.input_dim) | (x != np.floor(x))
        if bad.any():
            at = tuple(int(i) for i in np.argwhere(bad)[0])
            raise ValueError(
                f"Argument x of {where}, layer {self.name!r}: expected tokens that are integers from 0 to {self.input_dim - 1}. "
                f"Received: {x[at]!s} at {list(at)}."
            )

    def forward(self, x: Any, training: bool = False) -> tuple[Any, Pullback]:
        ops, table = self.backend, self.embeddings
        tokens = x.reshape(x.shape[0], int(np.prod(x.shape[1:])))
        y = ops.empty((x.shape[0], tokens.shape[1] * self.output_dim), x.dtype)
        ops.launch(EMBED, tokens, table.value, self.output_dim, self.input_dim, y)

        def pullback(dy: Any, need_dx: bool = True) -> Any:
            if table.learns:
                ops.launch(EMBED_BWD, tokens, dy.reshape(y.shape), tokens.size, float(table.claim()), table.gradient)
            return None

        return y.reshape(*x.shape, self.output_dim), pullback

    def config(self) -> dict[str, Any]:
        return {"input_dim": self.input_dim, "output_dim": self.output_dim, "mask_zero": self.mask_zero}


class Masking(Layer):
    """Masks those steps of (rows, steps, features) whose features all are `mask_value`, and makes them 0."""

    recordable = True
    supports_masking = True
    kept_kinds = WHOLE

    def __init__(self, mask_value: float = 0.0, **common: Any):
        super().__init__(**common)
        self.mask_value = mask_value

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        if len(input_shape) < 3:
            raise ValueError(f"Layer {self.name!r}: expected an input of shape (rows, steps, features). Received: {tuple(input_shape)}.")
        return input_shape

    def compute_mask(self, x: Any, mask: Any = None) -> Any:
        return np.any(x != self.mask_value, axis=-1) if isinstance(x, np.ndarray) else self.mask_of_call(x, mask, {})

    def mask_of_call(self, x: Any, mask: Any, options: dict[str, Any]) -> Any:
        ops = self.backend
        out = ops.empty(x.shape[:2], x.dtype)
        ops.launch(STEP_MASK, _steps(x), float(self.mask_value), out.reshape(-1))
        return out

    def forward(self, x: Any, training: bool = False) -> tuple[Any, Pullback]:
        ops, seen = self.backend, self.mask_of_call(x, None, {}).reshape(-1)
        y = ops.empty(x.shape, x.dtype)
        ops.launch(mask_rows, _steps(x), seen, _steps(y))

        def pullback(dy: Any, need_dx: bool = True) -> Any:
            d = dy.reshape(x.shape)
            ops.launch(mask_rows, _steps(d), seen, _steps(d))
            return d

        return y, pullback

    def config(self) -> dict[str, Any]:
        return {"mask_value": self.mask_value}


def _steps(x: Any) -> Any:
    return x.reshape(x.shape[0] * x.shape[1], int(np.prod(x.shape[2:])))
