"""Random numbers: at once, or, where a length of the shape is symbolic (`gpunn.ops.shape`), anew in every step of the graph."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from gpunn import config, random
from gpunn.backend.traced import trace
from gpunn.kernels.noise import GAUSSIAN
from gpunn.layers.dropout import Drawing
from gpunn.layers.fed import drawn
from gpunn.layers.graph import KerasTensor, Node
from gpunn.ops import arithmetic as a
from gpunn.ops.operation import Owned
from gpunn.ops.shaping import ROWS
from gpunn.ops.shaping import shape as shape_of


class SeedGenerator:
    """Keras's holder of a seed: numbers that are drawn at once from it are others in every call, where those of an integer are the same."""

    def __init__(self, seed: int | None = None, name: str | None = None, **unused: Any):
        self.seed, self._calls = random.current_seed() if seed is None else int(seed), 0

    def stream(self) -> int:
        """The number of a call."""
        number, self._calls = self._calls, self._calls + 1
        if (recorded := trace()) is not None:
            recorded.undo.append(lambda: setattr(self, "_calls", number))
        return number


class Normal(Owned, Drawing):
    """Standard normal numbers of a shape: ``lengths`` are numbers, or (which of the inputs, its axis).

    They are a function of (seed, call, step, element).
    """

    recordable = True
    always = True

    def __init__(self, inputs: list[KerasTensor], lengths: Sequence[Any], dtype: str, seed: int | None):
        super().__init__(dtype, "normal")
        self.seed, self.lengths = seed, lengths
        shape = tuple(inputs[n[0]].shape[n[1]] if isinstance(n, tuple) else n for n in lengths)
        Node(self, inputs, [KerasTensor(shape, dtype)], many_in=True, arguments=(inputs,))

    def compute_output_shape(self, input_shape: Any) -> Any:
        return tuple(input_shape[n[0]][n[1]] if isinstance(n, tuple) else n for n in self.lengths)

    def forward(self, x: Any, training: bool = False) -> tuple[Any, Any]:
        ops, shape = self.backend, [x[n[0]].shape[n[1]] if isinstance(n, tuple) else n for n in self.lengths]
        wide = (shape[0], math.prod(shape[1:]))
        nothing, y = ops.zeros(wide, self.dtype), ops.empty(wide, self.dtype)
        ops.launch(GAUSSIAN, nothing, *self.source(), 1.0, 0, y)
        return y.reshape(shape), lambda dy, need_dx=True: [None] * len(x)


def normal(shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Any = None) -> Any:
    """Normal numbers of a shape, whose lengths may be those of symbolic tensors.

    Raises TypeError for a symbolic length that is no axis of a tensor.
    """
    wanted = _lengths(shape)
    if not _symbolic(wanted):
        return drawn(lambda: (mean + stddev * _standard(wanted, seed)).astype(dtype or config.floatx()))
    seed = getattr(seed, "seed", seed)
    inputs: list[KerasTensor] = []
    lengths: list[Any] = []
    for n in wanted:
        if not isinstance(n, KerasTensor):
            lengths.append(int(n))
            continue
        layer = n.node.layer
        if getattr(layer, "definition", None) is not ROWS:
            raise TypeError(f"A shape to draw: expected whole numbers and lengths that gpunn.ops.shape gives. Received: {n!r}.")
        (tensor,) = n.node.inputs
        if tensor not in inputs:
            inputs.append(tensor)
        lengths.append((inputs.index(tensor), layer.options["axis"]))
    numbers = Normal(inputs, lengths, inputs[0].node.layer.dtype, None if seed is None else int(seed)).output
    return a.add(a.multiply(numbers, stddev), mean)


def uniform(shape: Any, minval: float = 0.0, maxval: float = 1.0, dtype: Any = None, seed: Any = None) -> Any:
    """Numbers between two bounds, evenly: the distribution function of `normal` ones."""
    wanted = _lengths(shape)

    def even(numbers: Any) -> Any:
        share = a.multiply(a.add(a.erf(a.multiply(numbers, 0.5**0.5)), 1.0), 0.5)
        return a.add(a.multiply(share, maxval - minval), minval)

    if _symbolic(wanted):
        return even(normal(shape, seed=seed))
    return drawn(lambda: np.asarray(even(_standard(wanted, seed)), dtype or config.floatx()))


def _lengths(shape: Any) -> list[Any]:
    return [shape] if isinstance(shape, (int, np.integer, KerasTensor)) else list(shape)


def _symbolic(wanted: list[Any]) -> bool:
    return any(isinstance(n, KerasTensor) for n in wanted)


def _standard(wanted: list[Any], seed: Any) -> np.ndarray:
    """Standard normal numbers, float64: the next ones, those of a seed, or the next ones of a `SeedGenerator`."""
    if isinstance(seed, SeedGenerator):
        return random.normal(tuple(int(n) for n in wanted), seed.seed, seed.stream())
    stream = random.next_stream() if seed is None else 0
    return random.normal(tuple(int(n) for n in wanted), random.current_seed() if seed is None else int(seed), stream)


def dropout(inputs: Any, rate: float, noise_shape: Any = None, seed: Any = None) -> Any:
    """A share `rate` of the elements set to zero, the others divided by 1 - rate; elements share their fate along axes of length 1 of
    `noise_shape`."""
    kept = a.greater_equal(uniform(shape_of(inputs) if noise_shape is None else noise_shape, seed=seed), rate)
    return a.multiply(a.divide(inputs, 1.0 - rate), a.cast(kept, "float32"))
