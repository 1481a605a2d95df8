"""Numbers of categories as columns: CategoryEncoding, and what all layers that number categories have in common."""

from collections.abc import Callable
from typing import Any

import numpy as np

from gpunn import ops
from gpunn.layers.alone import most_exact
from gpunn.layers.base import Layer, positive
from gpunn.layers.graph import symbolic
from gpunn.results import dressed

MODES = ("one_hot", "multi_hot", "count")
OLD_MODES = {"binary": "multi_hot", "tf-idf": "tf_idf"}


class Numbering(Layer):
    """A layer that numbers categories. A subclass gives `numbered`, which is run on symbolic tensors, and on arrays: on the host, at once,
    in their own type."""

    numbered: Callable[..., Any]

    def __call__(self, x: Any = None, *others: Any, **options: Any) -> Any:
        if symbolic([x, *others, *options.values()]):
            return super().__call__(x, *others, **options)
        return dressed(self.at_once([x, *others] if others else x, **options))

    def call(self, inputs: Any, training: bool | None = None, **options: Any) -> Any:
        return self.numbered(inputs, **options)

    def at_once(self, x: Any, **options: Any) -> Any:
        """The layer's output for arrays."""
        return np.asarray(self.numbered(np.asarray(x), **options))

    def wrong(self, name: str, expected: str, received: Any) -> ValueError:
        return ValueError(f"Layer {self.name!r}: {name} must be {expected}. Received: {name}={received!r}.")

    def mode(self, output_mode: str, known: tuple[str, ...], sparse: bool = False) -> str:
        """An output_mode by its new name. Raises ValueError for one that is not `known`, and for sparse outputs."""
        found = OLD_MODES.get(output_mode, output_mode)
        if found not in known:
            raise self.wrong("output_mode", f"one of {known}", output_mode)
        if sparse:
            raise self.wrong("sparse", "False: outputs are dense", sparse)
        return found


def told_apart(layer: Layer, x: np.ndarray, where: str) -> None:
    """Raises ValueError, naming the first, for integers in a model's rows so large that their floating type takes neighbours for one."""
    most = most_exact(x.dtype) if x.dtype.kind == "f" else None
    if most is not None and (bad := np.abs(x) >= most).any():
        at = tuple(int(i) for i in np.argwhere(bad)[0])
        raise ValueError(
            f"Argument x of {where}, layer {layer.name!r}: expected integers below {most}, up to which {x.dtype} tells them apart. "
            f"Received: {x[at]:.0f} at {list(at)}. Call the layer on arrays, ahead of the model, or give the model dtype float64."
        )


def encoded(layer: Layer, indices: Any, mode: str, depth: int, weights: Any = None) -> Any:
    """Categories as `depth` columns. "one_hot": columns for each, in place of a last axis of length one; "multi_hot" and "count": of axis
    1, which holds a row's categories (a vector is one row, and so is one number): which there are, and how many, or the sum of their
    `weights`. Numbers outside of 0 to depth - 1 count for nothing. Raises ValueError for symbolic numbers that are not in rows."""
    shape = tuple(indices.shape)
    if mode == "one_hot":
        return ops.one_hot(ops.squeeze(indices, -1) if len(shape) > 1 and shape[-1] == 1 else indices, depth, dtype=layer.compute_dtype)
    if len(shape) < 2 and symbolic(indices):
        raise ValueError(f"Layer {layer.name!r}: expected an input of shape (rows, n) for output_mode={mode!r}. Received: {shape}.")
    hot = ops.one_hot(indices, depth, dtype=layer.compute_dtype)
    if weights is not None:
        hot = ops.multiply(hot, ops.expand_dims(weights, -1))
    return hot if not shape else (ops.max if mode == "multi_hot" else ops.sum)(hot, axis=1 if len(shape) > 1 else 0)


class CategoryEncoding(Numbering):
    """Numbers of categories, from 0 to num_tokens - 1, as columns of 0 and 1: (rows, n) -> (rows, num_tokens).

    output_mode: "multi_hot", "count" (called with `count_weights`, (rows, n), their sums) or "one_hot", (rows, n, num_tokens), without a
    last axis of length 1. Raises ValueError for arguments that cannot be and, of arrays, for numbers that are no categories.
    """

    def __init__(self, num_tokens: int | None = None, output_mode: str = "multi_hot", sparse: bool = False, **common: Any):
        super().__init__(**common)
        if num_tokens is None:
            raise self.wrong("num_tokens", "given (IntegerLookup finds it out)", num_tokens)
        self.num_tokens = positive("num_tokens", num_tokens, self.name)
        self.output_mode = self.mode(output_mode, MODES, sparse)

    def at_once(self, x: Any, **options: Any) -> Any:
        x = np.asarray(x)
        if x.size and (x.min() < 0 or x.max() >= self.num_tokens):
            raise ValueError(
                f"Layer {self.name!r}: expected integers from 0 to {self.num_tokens - 1}. Received: from {x.min()} to {x.max()}."
            )
        return np.asarray(self.numbered(x, **options))

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Of a vector too, which is one row."""
        if self.output_mode != "one_hot" and len(input_shape) < 2:
            return (self.num_tokens,)
        return super().compute_output_shape(input_shape)

    def numbered(self, inputs: Any, count_weights: Any = None) -> Any:
        if count_weights is not None and self.output_mode != "count":
            raise ValueError(f"Layer {self.name!r}: expected count_weights with output_mode='count' alone. Received: {self.output_mode!r}.")
        return encoded(self, inputs, self.output_mode, self.num_tokens, count_weights)

    def config(self) -> dict[str, Any]:
        return {"num_tokens": self.num_tokens, "output_mode": self.output_mode}
