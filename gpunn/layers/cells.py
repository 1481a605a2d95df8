"""Cells, one step of a recurrence each, and several of them one upon another. `RNN` takes them through the steps of a sequence.

The built-in ones are `SimpleRNN`, `LSTM` and `GRU` on sequences of one step: same weights, same kernels.
"""

from collections.abc import Sequence
from typing import Any

from gpunn.layers import own_cells
from gpunn.layers.base import Layer, Pullback
from gpunn.layers.by_name import named_input
from gpunn.layers.described import layer_of, serialize
from gpunn.layers.graph import flat, packed
from gpunn.layers.rnn import GRU, LSTM, SimpleRNN
from gpunn.layers.wrappers import Wrapper

_OF_SEQUENCES = ("return_sequences", "return_state", "go_backwards", "stateful", "unroll", "zero_output_for_mask")


def state_sizes(cell: Any) -> list[int]:
    """The sizes of a cell's states, one after another. Raises ValueError for a cell that does not say them."""
    sizes = getattr(cell, "state_size", None)
    flat: list[int] = []

    def take(given: Any) -> None:
        if isinstance(given, (list, tuple)) and given:
            for part in given:
                take(part)
        elif isinstance(given, int) and not isinstance(given, bool) and given > 0:
            flat.append(given)
        else:
            raise ValueError(
                f"A cell is a layer with a state_size: a positive integer, or a list of them, one for each state. "
                f"Received: {type(cell).__name__} with state_size={sizes!r}."
            )

    take(sizes)
    return flat


def output_size(cell: Any) -> int:
    """`output_size`, or where a cell has none the size of its first state."""
    given = getattr(cell, "output_size", None)
    return state_sizes(cell)[0] if given is None else given


class _Stepping(Layer):
    """Called as in Keras, ``cell(inputs, states)``, with the states in a list, it gives (output, new states in such a list)."""

    def __call__(self, x: Any = None, *others: Any, states: Any = None, **options: Any) -> Any:
        x = named_input(self, options) if x is None else x
        if states is None and len(others) == 1 and isinstance(others[0], (list, tuple)):
            states, others = others[0], ()
        if states is None:
            return super().__call__(x, *others, **options)
        output, *new = super().__call__([x, *flat(states)], *others, **options)
        return output, packed(states, new)


class _Cell(_Stepping):
    """One step: [inputs (rows, features), states (rows, units) ...] -> [output, new states ...]."""

    takes_mask = supports_masking = False
    units: int
    state_count: int

    @property
    def state_size(self) -> Any:
        return [self.units] * self.state_count if self.state_count > 1 else self.units

    @property
    def output_size(self) -> int:
        return self.units

    def get_initial_state(self, batch_size: int | None) -> Any:
        """Zeros, as many rows as asked for; None as of a layer."""
        if batch_size is None:
            return None
        found = [self.backend.zeros((batch_size, self.units), self.dtype) for _ in range(self.state_count)]
        return found if self.state_count > 1 else found[0]

    def _as_sequence(self, shape: Any) -> Any:
        first = tuple(shape[0] if isinstance(shape, list) else shape)
        if len(first) != 2:
            raise ValueError(f"Layer {self.name!r}: expected inputs of shape (rows, features). Received: {first}.")
        sequence = (first[0], 1, first[1])
        return [sequence, *shape[1:]] if isinstance(shape, list) else sequence

    def build(self, input_shape: Any) -> None:
        super().build(self._as_sequence(input_shape))

    def compute_output_shape(self, input_shape: Any) -> Any:
        rows = super()._sequence_shape(self._as_sequence(input_shape))[0]  # type: ignore[misc]
        return [(rows, self.units)] * (1 + self.state_count)

    def forward(self, x: Any, training: bool = False, mask: Any = None) -> tuple[Any, Pullback]:
        step, *states = x
        outputs, back = super().forward([step.reshape(step.shape[0], 1, step.shape[1]), *states], training)

        def pullback(dy: Any, need_dx: Any = True) -> list[Any]:
            dx, *before = back(dy, need_dx=bool(need_dx[0] if isinstance(need_dx, tuple) else need_dx))
            return [None if dx is None else dx.reshape(step.shape), *before]

        return outputs, pullback

    def config(self) -> dict[str, Any]:
        return {name: value for name, value in super().config().items() if name not in _OF_SEQUENCES}


class SimpleRNNCell(_Cell, SimpleRNN):
    """One step of `SimpleRNN`."""

    recordable = True

    def __init__(
        self, units: int, activation: Any = "tanh", use_bias: bool = True, kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal", bias_initializer: Any = "zeros", kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None, bias_regularizer: Any = None, kernel_constraint: Any = None, recurrent_constraint: Any = None,
        bias_constraint: Any = None, dropout: float = 0.0, recurrent_dropout: float = 0.0, seed: int | None = None, **common: Any,
    ):
        super().__init__(
            units, activation, use_bias, kernel_initializer, recurrent_initializer, bias_initializer, kernel_regularizer,
            recurrent_regularizer, bias_regularizer, None, kernel_constraint, recurrent_constraint, bias_constraint, dropout,
            recurrent_dropout, return_state=True, seed=seed, **common,
        )


class LSTMCell(_Cell, LSTM):
    """One step of `LSTM`; its states are h and c."""

    recordable = True

    def __init__(
        self, units: int, activation: Any = "tanh", recurrent_activation: Any = "sigmoid", use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform", recurrent_initializer: Any = "orthogonal", bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True, kernel_regularizer: Any = None, recurrent_regularizer: Any = None, bias_regularizer: Any = None,
        kernel_constraint: Any = None, recurrent_constraint: Any = None, bias_constraint: Any = None, dropout: float = 0.0,
        recurrent_dropout: float = 0.0, seed: int | None = None, **common: Any,
    ):
        super().__init__(
            units, activation, recurrent_activation, use_bias, kernel_initializer, recurrent_initializer, bias_initializer,
            unit_forget_bias, kernel_regularizer, recurrent_regularizer, bias_regularizer, None, kernel_constraint, recurrent_constraint,
            bias_constraint, dropout, recurrent_dropout, seed, return_state=True, **common,
        )


class GRUCell(_Cell, GRU):
    """One step of `GRU`."""

    recordable = True

    def __init__(
        self, units: int, activation: Any = "tanh", recurrent_activation: Any = "sigmoid", use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform", recurrent_initializer: Any = "orthogonal", bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None, recurrent_regularizer: Any = None, bias_regularizer: Any = None, kernel_constraint: Any = None,
        recurrent_constraint: Any = None, bias_constraint: Any = None, dropout: float = 0.0, recurrent_dropout: float = 0.0,
        reset_after: bool = True, seed: int | None = None, **common: Any,
    ):
        super().__init__(
            units, activation, recurrent_activation, use_bias, kernel_initializer, recurrent_initializer, bias_initializer,
            kernel_regularizer, recurrent_regularizer, bias_regularizer, None, kernel_constraint, recurrent_constraint, bias_constraint,
            dropout, recurrent_dropout, seed, return_state=True, reset_after=reset_after, **common,
        )


class StackedRNNCells(_Stepping, Wrapper):
    """Cells one upon another as one cell: each takes the output of the one before. Its states are those of all, in their order."""

    recordable = True
    supports_masking = False

    def __init__(self, cells: Sequence[Any], **common: Any):
        if not isinstance(cells, (list, tuple)) or not cells:
            raise ValueError(f"StackedRNNCells takes a list of cells. Received: cells={cells!r}.")
        self.cells = [layer_of(cell) for cell in cells]
        for cell in self.cells:
            state_sizes(cell)
        super().__init__(self.cells, **common)

    @property
    def state_size(self) -> list[Any]:
        return [cell.state_size for cell in self.cells]

    @property
    def output_size(self) -> int:
        return output_size(self.cells[-1])

    def build(self, input_shape: Any) -> None:
        shape = tuple(input_shape[0] if isinstance(input_shape, list) else input_shape)
        self.lend()
        for cell in self.cells:
            cell.ensure_built(shape)
            if cell.traced:
                own_cells.trace(cell, shape, state_sizes(cell))
            for p in own_cells.parameters(cell):
                p.name = f"{self.name}/{p.name}"
            shape = (shape[0], output_size(cell))
        self.parameters = [p for cell in self.cells for p in own_cells.parameters(cell)]

    def compute_output_shape(self, input_shape: Any) -> Any:
        rows = (input_shape[0] if isinstance(input_shape, list) else input_shape)[0]
        return [(rows, n) for n in (self.output_size, *state_sizes(self))]

    def forward(self, x: Any, training: bool = False) -> tuple[Any, Pullback]:
        self.lend()
        step, *states = x
        ends, backs = [], []
        for cell in self.cells:
            n = len(state_sizes(cell))
            (step, *new), back = own_cells.step(cell, [step, *states[:n]], training)
            states = states[n:]
            ends.append(new)
            backs.append((back, n))

        def pullback(dy: Any, need_dx: Any = True) -> list[Any]:
            d, *after = dy
            found: list[Any] = []
            for i in range(len(backs) - 1, -1, -1):
                back, n = backs[i]
                own, after = after[len(after) - n :], after[: len(after) - n]
                need = i > 0 or bool(need_dx[0] if isinstance(need_dx, tuple) else need_dx)
                d, *before = back([d, *own], **({"need_dx": need} if type(self.cells[i]).__dict__.get("recordable", False) else {}))
                found = [*before, *found]
            return [d, *found]

        return [step, *(s for new in ends for s in new)], pullback

    def config(self) -> dict[str, Any]:
        return {"cells": [serialize(cell) for cell in self.cells]}


def fresh(cell: Layer) -> Layer:
    """A new cell of the same configuration; its class may be the user's."""
    config = cell.get_config()
    if isinstance(cell, StackedRNNCells):
        config = {**config, "cells": [fresh(c) for c in cell.cells]}
    return type(cell).from_config(config)
