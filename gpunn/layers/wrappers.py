"""Layers around a layer: Bidirectional, TimeDistributed."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from gpunn.kernels.record import REGISTRY
from gpunn.kernels.sequences import JOIN, PART, merge_mul, merge_mul_bwd, merge_sum, merge_sum_bwd
from gpunn.layers.base import Layer, Parameter, Pullback
from gpunn.layers.columns import numbered, pick, put
from gpunn.layers.described import layer_of, serialize
from gpunn.layers.dropout import Drawing
from gpunn.layers.held_state import Begun, Stateful
from gpunn.layers.normalization import BatchNormalization

APART = 0x00100000  # between the streams of two layers within one
STEPS_APART = 0x00000400  # and between those of two steps


class Wrapper(Drawing):
    """A layer that runs others. Backend, random state and what is trainable are the wrapper's own, and lent to those within."""

    def __init__(self, within: Sequence[Layer], **common: Any):
        for layer in within:
            if not isinstance(layer, Layer):
                raise ValueError(f"{type(self).__name__} wraps a layer. Received: {layer!r} (of type {type(layer).__name__}).")
        common.setdefault("dtype", within[0].dtype)
        if within[0].given_shape is not None and "input_shape" not in common:
            common["input_shape"] = within[0].given_shape
        super().__init__(**common)
        self.within = list(within)

    @property
    def all_recordable(self) -> bool:
        return all(
            type(layer).__dict__.get("recordable", False) and getattr(layer, "all_recordable", True) for layer in self.within
        )

    def lend(self) -> None:
        for i, layer in enumerate(self.within):
            layer.backend, layer.rng = self.backend, self.rng
            if isinstance(layer, Drawing):
                layer.stream = self.stream + i * APART

    def build_within(self, input_shape: Any) -> None:
        self.lend()
        for layer in self.within:
            layer.ensure_built(input_shape)
            for p in layer.parameters:
                p.name = f"{self.name}/{p.name}"
        self.parameters: list[Parameter] = [p for layer in self.within for p in layer.parameters]

    def unbuild(self) -> None:
        super().unbuild()
        for layer in self.within:
            layer.unbuild()


class TimeDistributed(Wrapper):
    """A layer applied to each step alone: (rows, steps, ...) -> (rows, steps, ...). The steps of all rows are its rows, all at once; but
    batch normalization takes the mean and variance of each step's own rows in training, without those that are masked."""

    recordable = True

    def __init__(self, layer: Any, **common: Any):
        self.layer = layer_of(layer)
        super().__init__([self.layer], **common)

    def _inner(self, input_shape: Any) -> tuple[int | None, ...]:
        shape = tuple(input_shape)
        if len(shape) < 3:
            raise ValueError(f"Layer {self.name!r}: expected an input of shape (rows, steps, ...). Received: {shape}.")
        return (None, *shape[2:])

    def build(self, input_shape: Any) -> None:
        self.build_within(self._inner(input_shape))

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*input_shape[:2], *self.layer.compute_output_shape(self._inner(input_shape))[1:])

    def kind_out(self, kinds: list[str], training: bool = False) -> str:
        return self.layer.kind_out(kinds, training)

    @property
    def by_steps(self) -> bool:
        """Whether what is within looks at all rows of a batch in training."""
        return self.trainable and any(isinstance(leaf, BatchNormalization) and leaf.trainable for leaf in self.layer.leaves)

    @property
    def takes_mask(self) -> bool:  # type: ignore[override]
        return isinstance(self.layer, BatchNormalization)

    def forward(self, x: Any, training: bool = False, mask: Any = None) -> tuple[Any, Pullback]:
        self.lend()
        if training and self.by_steps:
            return self._step_by_step(x, mask)
        y, inner = self.layer.forward(x.reshape(x.shape[0] * x.shape[1], *x.shape[2:]), training)

        def pullback(dy: Any, need_dx: bool = True) -> Any:
            more = {"need_dx": need_dx} if self.all_recordable else {}
            dx = inner(dy.reshape(y.shape), **more)
            return None if dx is None else dx.reshape(x.shape)

        return y.reshape(*x.shape[:2], *y.shape[1:]), pullback

    def _step_by_step(self, x: Any, mask: Any) -> tuple[Any, Pullback]:
        ops, taken, given = self.backend, numbered(x.shape[1:]), numbered(x.shape[1:])
        y, backs = x, list[Pullback]()
        for t in range(x.shape[1]):
            part = pick(ops, x, taken[t], x.shape[2:])
            with self._other_draws(t):
                out, back = self._one_step(part, None if mask is None else pick(ops, mask, np.array([t]), (1,)))
            if not backs:
                y = ops.empty((*x.shape[:2], *out.shape[1:]), x.dtype)
                given = numbered(y.shape[1:])
            put(ops, out, given[t], y)
            backs.append(back)

        def pullback(dy: Any, need_dx: bool = True) -> Any:
            dx = ops.empty(x.shape, x.dtype) if need_dx else None
            for t, back in reversed([*enumerate(backs)]):
                part = back(pick(ops, dy, given[t], y.shape[2:]), need_dx)
                if need_dx:
                    put(ops, part, taken[t], dx)
            return dx

        return y, pullback

    def _one_step(self, x: Any, mask: Any) -> tuple[Any, Pullback]:
        if mask is None or x.ndim != 2:
            return self.layer.forward(x, True)
        y, inner = self.layer.forward(x.reshape(1, *x.shape), True, mask=mask.reshape(1, -1))  # the rows as steps of one

        def pullback(dy: Any, need_dx: bool = True) -> Any:
            dx = inner(dy.reshape(y.shape), need_dx)
            return dx.reshape(x.shape) if need_dx else None

        return y.reshape(x.shape), pullback

    @contextmanager
    def _other_draws(self, step: int) -> Iterator[None]:
        """Each step draws numbers of its own."""
        drawing = [(leaf, leaf.stream) for leaf in self.layer.leaves if isinstance(leaf, Drawing)]
        for leaf, stream in drawing:
            leaf.stream = stream + step * STEPS_APART
        try:
            yield
        finally:
            for leaf, stream in drawing:
                leaf.stream = stream

    def config(self) -> dict[str, Any]:
        return {"layer": serialize(self.layer)}


class Bidirectional(Wrapper, Begun):
    """A recurrent layer forwards and one backwards through the steps, their outputs merged (Schuster & Paliwal 1997).

    `merge_mode`: "concat" (side by side), "sum", "mul", "ave", or None for a list of both; `backward_layer`: by default a layer of the same
    configuration. Where sequences are returned, masked steps of both are zero. Initial states, and states returned, are those of the
    forward layer, then of the backward one. Raises ValueError for a layer that is not recurrent, another merge_mode, or two layers that
    do not fit each other.
    """

    recordable = True
    takes_mask = supports_masking = True

    def __init__(self, layer: Any, merge_mode: str | None = "concat", weights: Any = None, backward_layer: Any = None, **common: Any):
        layer, backward_layer = layer_of(layer), layer_of(backward_layer)
        for given in (layer, backward_layer):
            if given is not None and not isinstance(given, Stateful):
                raise ValueError(f"Bidirectional wraps recurrent layers. Received: {given!r} (of type {type(given).__name__}).")
        if merge_mode not in ("sum", "mul", "ave", "concat", None):
            raise ValueError(f"Bidirectional: merge_mode must be 'sum', 'mul', 'ave', 'concat' or None. Received: {merge_mode!r}.")
        name = layer.name.removeprefix("forward_")
        self.forward_layer = layer.again(name=f"forward_{name}")
        if backward_layer is None:
            backward_layer = layer.again(name=f"backward_{name}", go_backwards=not layer.go_backwards)
        self.backward_layer, self.merge_mode, self._given = backward_layer, merge_mode, weights
        super().__init__([self.forward_layer, self.backward_layer], **common)
        one, other = self.directions
        for name in ("return_sequences", "return_state", "stateful", "units"):
            if getattr(one, name) != getattr(other, name) and not (name == "units" and merge_mode is None):
                found = f"{getattr(one, name)} and {getattr(other, name)}"
                raise ValueError(f"Layer {self.name!r}: expected two layers of the same {name}. Received: {found}.")
        if one.go_backwards == other.go_backwards:
            raise ValueError(f"Layer {self.name!r}: expected one layer to go backwards. Received: {one.go_backwards} for both.")
        for direction in self.directions:
            direction.zero_output_for_mask = direction.return_sequences
        self.backward_layer.in_time = True  # what it gives is turned round: each output at its input's place

    @property
    def directions(self) -> tuple[Any, Any]:
        return self.forward_layer, self.backward_layer

    @property
    def return_sequences(self) -> bool:
        return self.forward_layer.return_sequences

    def _halves(self, x: Any) -> tuple[Any, Any]:
        """What each direction is called with."""
        if not isinstance(x, (list, tuple)) or (isinstance(x, tuple) and not isinstance(x[0], tuple) and not hasattr(x[0], "shape")):
            return x, x
        sequence, *states = x
        half = len(states) // 2
        return ([sequence, *states[:half]], [sequence, *states[half:]]) if states else (sequence, sequence)

    def build(self, input_shape: Any) -> None:
        self.build_within(input_shape[0] if isinstance(input_shape, list) else input_shape)
        if self._given is not None:
            self.set_weights(self._given)

    def compute_output_shape(self, input_shape: Any) -> Any:
        shapes = [layer.compute_output_shape(given) for layer, given in zip(self.within, self._halves(input_shape), strict=True)]
        both = [s if isinstance(s, list) else [s] for s in shapes]
        first = both[0][0]
        wide = (*first[:-1], 2 * first[-1]) if self.merge_mode == "concat" else first
        outputs = [first, both[1][0]] if self.merge_mode is None else [wide]
        outputs += [s for one in both for s in one[1:]]
        return outputs if len(outputs) > 1 else outputs[0]

    def compute_mask(self, x: Any, mask: Any = None) -> Any:
        mask = mask[0] if isinstance(mask, list) else mask
        out = [mask if self.return_sequences else None] * (2 if self.merge_mode is None else 1)
        out += [None] * (2 * self.forward_layer.state_count if self.forward_layer.return_state else 0)
        return out if len(out) > 1 else out[0]

    def check_batches(self, sizes: Sequence[int]) -> None:
        for layer in self.directions:
            layer.check_batches(sizes)

    def reset_state(self, rows: Any = 0) -> None:
        """As `Stateful.reset_state`."""
        for layer in self.directions:
            layer.reset_state(rows)

    def forward(self, x: Any, training: bool = False, mask: Any = None) -> tuple[Any, Pullback]:
        self.lend()
        calls = [layer.forward(given, training, mask=mask) for layer, given in zip(self.directions, self._halves(x), strict=True)]
        outputs = [y if isinstance(y, list) else [y] for y, _ in calls]
        ys = [o[0] for o in outputs]
        merged = ys if self.merge_mode is None else [self._merged(*ys)]
        out = [*merged, *(s for o in outputs for s in o[1:])]

        def pullback(dy: Any, need_dx: bool = True) -> Any:
            given = list(dy) if isinstance(dy, (list, tuple)) else [dy]
            own, states = given[: len(merged)], given[len(merged) :]
            half = len(states) // 2
            parts = own if self.merge_mode is None else [None, None] if own[0] is None else self._parted(own[0], *ys)
            found = []
            for (_, back), d, more in zip(calls, parts, (states[:half], states[half:]), strict=True):
                found.append(back([d, *more], need_dx=need_dx))
            several = [f if isinstance(f, list) else [f] for f in found]
            dx = several[0][0]
            if need_dx:
                self.backend.launch(REGISTRY["add"], dx, several[1][0])
            return [dx, *(s for f in several for s in f[1:])] if isinstance(found[0], list) else dx

        return (out if len(out) > 1 else out[0]), pullback

    def _merged(self, a: Any, b: Any) -> Any:
        ops = self.backend
        rows, units = a.size // a.shape[-1], a.shape[-1]
        wide = 2 * units if self.merge_mode == "concat" else units
        y = ops.empty((*a.shape[:-1], wide), a.dtype)
        given = [v.reshape(rows, -1) if rows else v.reshape(0, v.shape[-1]) for v in (a, b, y)]
        if self.merge_mode == "concat":
            ops.launch(JOIN, *given)
        elif self.merge_mode == "mul":
            ops.launch(merge_mul, *given)
        else:
            ops.launch(merge_sum, *given[:2], self._scale, given[2])
        return y

    def _parted(self, dy: Any, a: Any, b: Any) -> list[Any]:
        ops, units = self.backend, a.shape[-1]
        da, db = (ops.empty(a.shape, a.dtype) for _ in range(2))
        rows = [v.reshape(-1, units) for v in (a, b, da, db)]
        if self.merge_mode == "concat":
            ops.launch(PART, dy.reshape(-1, 2 * units), *rows[2:])
        elif self.merge_mode == "mul":
            ops.launch(merge_mul_bwd, dy.reshape(-1, units), *rows)
        else:
            ops.launch(merge_sum_bwd, dy.reshape(-1, units), self._scale, *rows[2:])
        return [da, db]

    @property
    def _scale(self) -> float:
        return 0.5 if self.merge_mode == "ave" else 1.0

    def config(self) -> dict[str, Any]:
        return {"layer": serialize(self.forward_layer), "backward_layer": serialize(self.backward_layer), "merge_mode": self.merge_mode}
