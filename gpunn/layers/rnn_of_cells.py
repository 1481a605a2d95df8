"""RNN: any cell, a user's own among them, taken through the steps of sequences."""

from typing import Any

import numpy as np

from gpunn.kernels.activations import linear
from gpunn.kernels.record import REGISTRY
from gpunn.kernels.sequences import choose_rows, choose_rows_bwd
from gpunn.layers import own_cells
from gpunn.layers.base import Layer, Pullback
from gpunn.layers.cells import StackedRNNCells, fresh, output_size, state_sizes
from gpunn.layers.columns import numbered, pick, put
from gpunn.layers.described import layer_of, serialize
from gpunn.layers.held_state import Stateful
from gpunn.layers.wrappers import Wrapper


class RNN(Wrapper, Stateful):
    """A cell applied to every step of (rows, steps, ...), its states handed on: (rows, output_size), or with `return_sequences`
    (rows, steps, output_size); with `return_state` a list of that and the last states. A list of cells is `StackedRNNCells`.

    A cell is a layer. It has ``state_size``, a size or a list of them, perhaps ``output_size``, and ``build(input_shape)`` for the shape of
    one step; ``forward([x, *states], training)`` returns ``[output, *new_states], pullback``, and the pullback makes
    ``[dx, *gradients of states]`` of ``[gradient of output, *gradients of new states]``. Cells that are not ``recordable`` get zeros for
    gradients that are not there. Or it gives Keras's ``call(inputs, states)``, which runs on symbolic tensors and returns an output and a
    list of new states.

    `go_backwards` reads the steps from the last to the first; `stateful` begins a batch with the states that the last batch ended with,
    until `reset_state()`. Masked steps leave states and output as they are (`zero_output_for_mask`: the output is zero). Called on a list,
    the arrays after the first are the initial states. `unroll` changes nothing. Raises ValueError for what is no cell.
    """

    recordable = True
    takes_mask = supports_masking = True

    def __init__(
        self, cell: Any, return_sequences: bool = False, return_state: bool = False, go_backwards: bool = False, stateful: bool = False,
        unroll: bool = False, zero_output_for_mask: bool = False, **common: Any,
    ):
        cell = StackedRNNCells(cell) if isinstance(cell, (list, tuple)) else layer_of(cell)
        if not isinstance(cell, Layer):
            raise ValueError(f"RNN takes a cell, a layer with a state_size, or a list of cells. Received: cell={cell!r}.")
        state_sizes(cell)
        self.cell = cell
        super().__init__([cell], **common)
        self.return_sequences, self.return_state, self.go_backwards = bool(return_sequences), bool(return_state), bool(go_backwards)
        self.stateful, self.unroll, self.zero_output_for_mask = bool(stateful), bool(unroll), bool(zero_output_for_mask)

    @property
    def state_sizes(self) -> list[int]:
        return state_sizes(self.cell)

    @property
    def states(self) -> int:
        return len(self.state_sizes)

    @property
    def units(self) -> int:
        return output_size(self.cell)

    def again(self, **changed: Any) -> Any:
        return type(self).from_config({**self.get_config(), **changed, "cell": fresh(self.cell)})

    # ------------------------------------------------------------------ shapes and masks
    def _sequence_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        several = isinstance(input_shape, list)
        shape = tuple(input_shape[0] if several else input_shape)
        if len(shape) < 3 or not all(shape[1:]):
            raise ValueError(f"Layer {self.name!r}: expected an input of shape (rows, steps, ...) with known sizes. Received: {shape}.")
        wanted = [(None, n) for n in self.state_sizes]
        if several and [(None, *tuple(s)[1:]) for s in input_shape[1:]] != wanted:
            raise ValueError(
                f"Layer {self.name!r}: expected initial states of shapes {wanted}. Received: {[tuple(s) for s in input_shape[1:]]}."
            )
        return shape

    def build(self, input_shape: Any) -> None:
        shape = self._sequence_shape(input_shape)
        self.build_within((shape[0], *shape[2:]))
        if self.cell.traced:
            own_cells.trace(self.cell, (shape[0], *shape[2:]), self.state_sizes)
            self.parameters = own_cells.parameters(self.cell)

    @property
    def all_recordable(self) -> bool:
        return own_cells.recordable(self.cell)

    def lend(self) -> None:
        super().lend()
        own_cells.lend(self.cell, self)

    def compute_output_shape(self, input_shape: Any) -> Any:
        rows, steps, *_ = self._sequence_shape(input_shape)
        size = output_size(self.cell)
        shape = (rows, steps, size) if self.return_sequences else (rows, size)
        return [shape, *((rows, n) for n in self.state_sizes)] if self.return_state else shape

    def compute_mask(self, x: Any, mask: Any = None) -> Any:
        mask = mask[0] if isinstance(mask, list) else mask
        out = mask if self.return_sequences else None
        return [out, *[None] * len(self.state_sizes)] if self.return_state else out

    # ------------------------------------------------------------------ the pass
    def forward(self, x: Any, training: bool = False, mask: Any = None) -> tuple[Any, Pullback]:
        self.lend()
        sequence, *given = x if isinstance(x, (list, tuple)) else [x]
        self._sequence_shape([sequence.shape, *(s.shape for s in given)] if given else sequence.shape)
        mask = mask[0] if isinstance(mask, list) else mask
        call = _Call(self, sequence, mask)
        y, states = call.forward(self._initial(given, sequence.shape[0], sequence.dtype), training)
        if self.stateful:
            for held, state in zip(self._state(sequence.shape[0], sequence.dtype), states, strict=True):
                self.backend.launch(linear, state, held)

        def pullback(dy: Any, need_dx: Any = True) -> Any:
            need = bool(need_dx[0] if isinstance(need_dx, tuple) else need_dx)
            dx, before = call.backward(list(dy) if isinstance(dy, (list, tuple)) else [dy], need)
            return [dx, *before] if given else dx

        return [y, *states] if self.return_state else y, pullback

    def config(self) -> dict[str, Any]:
        names = ("return_sequences", "return_state", "go_backwards", "stateful", "unroll", "zero_output_for_mask")
        return {**{n: getattr(self, n) for n in names}, "cell": serialize(self.cell)}


class _Call:
    """One pass of a layer: its cell step by step, and the way back."""

    def __init__(self, layer: RNN, x: Any, mask: Any):
        self.layer, self.ops, self.x, self.mask = layer, layer.backend, x, mask
        self.rows, self.steps, *self.tail = x.shape
        self.places = numbered((self.steps, *self.tail)), numbered((self.steps, output_size(layer.cell)))
        self.order = list(range(self.steps))[:: -1 if layer.go_backwards else 1]
        self.out_order = self.order if layer.in_time else list(range(self.steps))
        self.backs: list[Any] = []
        self.seen: list[Any] = []  # of each step the mask, (rows,)

    def _step(self, t: int) -> Any:
        return pick(self.ops, self.x, self.places[0][t], self.tail)

    def _choose(self, new: Any, old: Any, m: Any) -> Any:
        out = self.ops.empty(new.shape, new.dtype)
        self.ops.launch(choose_rows, new, old, m, out)
        return out

    def forward(self, states: list[Any], training: bool) -> tuple[Any, list[Any]]:
        layer, ops, cell = self.layer, self.ops, self.layer.cell
        size = output_size(cell)
        zeros = ops.zeros((self.rows, size), self.x.dtype)
        out, y = zeros, ops.empty((self.rows, self.steps, size), self.x.dtype) if layer.return_sequences else None
        for t, place in zip(self.order, self.out_order, strict=True):
            (new, *after), back = self._called(cell, [self._step(t), *states], training)
            self.backs.append(back)
            if self.mask is not None:
                m = pick(ops, self.mask, np.array([t]), (1,)).reshape(self.rows)
                self.seen.append(m)
                new = self._choose(new, zeros if layer.zero_output_for_mask else out, m)
                after = [self._choose(a, b, m) for a, b in zip(after, states, strict=True)]
            out, states = new, after
            if y is not None:
                put(ops, out, self.places[1][place], y)
        return out if y is None else y, states

    def _called(self, cell: Any, x: list[Any], training: bool) -> tuple[list[Any], Any]:
        found, back = own_cells.step(cell, x, training)
        wanted = [(self.rows, n) for n in (output_size(cell), *state_sizes(cell))]
        if not isinstance(found, (list, tuple)) or [tuple(a.shape) for a in found] != wanted:
            shapes = [tuple(a.shape) for a in found] if isinstance(found, (list, tuple)) else type(found).__name__
            raise ValueError(
                f"Layer {self.layer.name!r}: expected its cell {cell.name!r} to return an output and new states of shapes {wanted}. "
                f"Received: {shapes}."
            )
        return list(found), back

    def _parted(self, d: Any, m: Any) -> tuple[Any, Any]:
        """-> gradients of what the cell made and of what was there before."""
        if d is None:
            return None, None
        new, old = self.ops.empty(d.shape, d.dtype), self.ops.empty(d.shape, d.dtype)
        self.ops.launch(choose_rows_bwd, d, m, new, old)
        return new, old

    def _sum(self, a: Any, b: Any) -> Any:
        if a is None or b is None:
            return a if b is None else b
        self.ops.launch(REGISTRY["add"], a, b)
        return a

    def backward(self, gradients: list[Any], need_dx: bool) -> tuple[Any, list[Any]]:
        layer, ops = self.layer, self.ops
        recorded = layer.all_recordable
        dy, *states = gradients + [None] * (1 + len(layer.state_sizes) - len(gradients))
        dx = ops.empty(self.x.shape, self.x.dtype) if need_dx else None
        carried = None  # of the output of the step before, where a masked one repeats it
        for n in range(self.steps - 1, -1, -1):
            d = carried
            if layer.return_sequences and dy is not None:
                d = self._sum(pick(ops, dy, self.places[1][self.out_order[n]], self.places[1].shape[1:]), carried)
            elif n == self.steps - 1:
                d = dy
            direct: list[Any] = [None] * len(states)
            if self.mask is not None:
                d, carried = self._parted(d, self.seen[n])
                carried = None if layer.zero_output_for_mask else carried
                parts = [self._parted(s, self.seen[n]) for s in states]
                states, direct = [a for a, _ in parts], [b for _, b in parts]
            else:
                carried = None
            sent = [d, *states]
            if not recorded:
                sizes = (output_size(layer.cell), *layer.state_sizes)
                sent = [ops.zeros((self.rows, k), self.x.dtype) if g is None else g for g, k in zip(sent, sizes, strict=True)]
            own, *before = self.backs[n](sent, **({"need_dx": need_dx} if recorded else {}))
            states = [self._sum(a, b) for a, b in zip(before, direct, strict=True)]
            if need_dx:
                put(ops, own, self.places[0][self.order[n]], dx)
        return dx, states
