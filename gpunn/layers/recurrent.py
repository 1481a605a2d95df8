"""What the recurrent layers have in common: the inputs' products beside one kernel that takes every row through all steps."""

from typing import Any

import numpy as np

from gpunn import activations, random
from gpunn.kernels import recurrent_options as bits
from gpunn.kernels.activations import linear
from gpunn.kernels.noise import MASKED
from gpunn.kernels.record import REGISTRY, Kernel
from gpunn.layers.base import Pullback, positive
from gpunn.layers.dropout import threshold
from gpunn.layers.held_state import Stateful


class Recurrent(Stateful):
    """A layer over the steps of (rows, steps, features). Keras's arguments; what each means stands with the subclasses.

    In training `dropout` drops features of the inputs and `recurrent_dropout` units of the state, by one mask for all gates and all steps.
    Called on a list, the arrays after the first are the initial state. Raises ValueError for units, rates or shapes that cannot be.
    """

    takes_mask = supports_masking = True
    gates = state_count = 1

    def __init__(
        self, units: int, activation: Any, use_bias: bool, weights: dict[str, tuple[Any, ...]], activity_regularizer: Any, dropout: float,
        recurrent_dropout: float, return_sequences: bool, return_state: bool, go_backwards: bool, stateful: bool, unroll: bool,
        seed: int | None, zero_output_for_mask: bool = False, **common: Any,
    ):
        super().__init__(seed, activity_regularizer=activity_regularizer, **common)
        self.units = positive("units", units, self.name)
        self.activation, self.use_bias = self._elementwise("activation", activation), bool(use_bias)
        for name, options in weights.items():
            self.weight_options(name, *options)
        self.dropout, self.recurrent_dropout = self.share("dropout", dropout), self.share("recurrent_dropout", recurrent_dropout)
        self.return_sequences, self.return_state = bool(return_sequences), bool(return_state)
        self.go_backwards, self.stateful, self.unroll = bool(go_backwards), bool(stateful), bool(unroll)
        self.zero_output_for_mask = bool(zero_output_for_mask)
        self.kernel: Any = None
        self.recurrent_kernel: Any = None
        self.bias: Any = None

    def _elementwise(self, argument: str, given: Any) -> activations.Activation:
        found = activations.get(given)
        if not found.elementwise:
            raise ValueError(f"Layer {self.name!r}: {argument} must be elementwise. Received: {argument}={found.name!r}.")
        return found

    # ------------------------------------------------------------------ what a cell gives
    def kernels(self) -> tuple[Kernel, Kernel]:
        raise NotImplementedError

    def bias_shape(self) -> tuple[int, ...]:
        return (self.gates * self.units,)

    def first_bias(self) -> Any:
        return self.bias_initializer  # type: ignore[attr-defined]

    # ------------------------------------------------------------------ shapes and masks
    def build(self, input_shape: Any) -> None:
        width = self._sequence_shape(input_shape)[-1]
        if width is None:
            raise ValueError(f"Layer {self.name!r}: the last axis of the input must be known. Received: input_shape={input_shape}.")
        options = {k: getattr(self, f"recurrent_{k}") for k in ("regularizer", "constraint")}
        self.kernel = self.add_weight("kernel", (width, self.gates * self.units))
        self.recurrent_kernel = self.add_weight(
            "recurrent_kernel", (self.units, self.gates * self.units), self.recurrent_initializer, **options,  # type: ignore[attr-defined]
        )
        if self.use_bias:
            self.bias = self.add_weight("bias", self.bias_shape(), self.first_bias())

    def _sequence_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        several = isinstance(input_shape, list)
        shape = tuple(input_shape[0] if several else input_shape)
        if len(shape) != 3:
            raise ValueError(f"Layer {self.name!r}: expected an input of shape (rows, steps, features). Received: {shape}.")
        if self.built and self.kernel is not None and shape[-1] != self.kernel.shape[0]:
            raise ValueError(
                f"Input of layer {self.name!r} is incompatible with the layer: expected axis -1 of input shape to have value "
                f"{self.kernel.shape[0]}. Received: input of shape {shape}."
            )
        if several and (len(input_shape) != 1 + self.state_count or any(tuple(s)[1:] != (self.units,) for s in input_shape[1:])):
            raise ValueError(
                f"Layer {self.name!r}: expected an initial state of {self.state_count} arrays of shape {(None, self.units)}. "
                f"Received: shapes {[tuple(s) for s in input_shape[1:]]}."
            )
        return shape

    def compute_output_shape(self, input_shape: Any) -> Any:
        rows, steps, _ = self._sequence_shape(input_shape)
        shape = (rows, steps, self.units) if self.return_sequences else (rows, self.units)
        return [shape, *[(rows, self.units)] * self.state_count] if self.return_state else shape

    def compute_mask(self, x: Any, mask: Any = None) -> Any:
        mask = mask[0] if isinstance(mask, list) else mask
        out = mask if self.return_sequences else None
        return [out, *[None] * self.state_count] if self.return_state else out

    @property
    def state_sizes(self) -> list[int]:
        return [self.units] * self.state_count

    # ------------------------------------------------------------------ forward
    def forward(self, x: Any, training: bool = False, mask: Any = None) -> tuple[Any, Pullback]:
        sequence, *given = x if isinstance(x, (list, tuple)) else [x]
        self._sequence_shape([sequence.shape, *(s.shape for s in given)] if given else sequence.shape)
        mask = mask[0] if isinstance(mask, list) else mask
        call = _Call(self, sequence, given, training, mask)
        call.forward(training or self.stateful)
        y = call.outputs["y"].reshape(len(sequence), -1, self.units) if self.return_sequences else call.last
        out = [y, *call.final] if self.return_state else y

        def pullback(dy: Any, need_dx: bool = True) -> Any:
            if not call.kept:  # nobody said that a gradient would be asked for
                call.forward(True)
            dx, states = call.backward(list(dy) if isinstance(dy, (list, tuple)) else [dy], need_dx)
            call.kept = False  # overwritten
            return [dx, *states] if given else dx

        return out, pullback

    def dropped(self, x: Any, rate: float, stream: int, width: int, out: Any = None) -> Any:
        """x by a mask of `width` numbers a row, the same for every step."""
        step, seed, own = self.source()
        out = self.backend.empty(x.shape, x.dtype) if out is None else out
        groups = (x.size // max(1, len(x) * width), width, 1, 1)
        self.backend.launch(MASKED, x, step, seed, own + stream, threshold(rate), 1.0 / (1.0 - rate), 0.0, 0.0, *groups, out)
        return out

    def project_back(self, call: Any) -> None:
        """Gradients of the recurrent weights and the biases, from the gradients of the sums."""
        ops, dz = self.backend, call.sums
        if self.recurrent_kernel.learns:
            add = self.recurrent_kernel.claim()
            ops.matmul(call.before(), dz, self.recurrent_kernel.gradient, ta=True, add=add)
        if self.bias is not None and self.bias.learns:
            ops.launch(REGISTRY["column_sum"], dz, float(self.bias.claim()), self.bias.gradient)

    def config(self) -> dict[str, Any]:
        names = ("units", "use_bias", "dropout", "recurrent_dropout", "return_sequences", "return_state", "go_backwards", "stateful")
        out = {n: getattr(self, n) for n in (*names, "unroll", "seed")}
        if self.zero_output_for_mask:
            out["zero_output_for_mask"] = True
        return {**out, "activation": activations.serialize(self.activation)}


class _Call:
    """One call of a recurrent layer: its arrays, forward and backward.

    ``last``: the last output; ``final``: the last state; ``kept``: whether what the backward pass needs is there.
    """

    def __init__(self, layer: Recurrent, x: Any, given: list[Any], training: bool, mask: Any):
        self.layer, self.ops, self.given, self.mask = layer, layer.backend, given, mask
        self.shape, (rows, self.steps, features) = x.shape, x.shape
        self.rows, self.kept = rows, False
        self.units, self.dtype = layer.units, x.dtype
        self.none = self.ops.empty((rows, 0), x.dtype)
        self.start = layer._initial(given, rows, x.dtype)
        self.in_rate, self.state_rate = (layer.dropout, layer.recurrent_dropout) if training else (0.0, 0.0)
        self.options = (
            (bits.MASKED if mask is not None else 0) | (bits.REVERSED if layer.go_backwards else 0)
            | (bits.IN_TIME if layer.in_time else 0) | (bits.SEQUENCES if layer.return_sequences else 0)
            | (bits.DROP if self.state_rate else 0) | (bits.ZERO if layer.zero_output_for_mask and mask is not None else 0)
        )
        self.x = layer.dropped(x, self.in_rate, 0, features) if self.in_rate else x
        self.drop = self.none
        if self.state_rate:
            ones = self.ops.asarray(np.ones((rows, self.units), x.dtype))
            self.drop = layer.dropped(ones, self.state_rate, random.RECURRENT, self.units)
        self.forward_kernel, self.backward_kernel = layer.kernels()
        self.outputs: dict[str, Any] = {}

    # ------------------------------------------------------------------ forward
    def forward(self, keep: bool) -> None:
        layer, ops, n = self.layer, self.ops, self.units
        wide = layer.gates * n
        z = ops.matmul(self.x.reshape(-1, self.shape[-1]), layer.kernel.value).reshape(self.rows, self.steps * wide)
        size = int(np.prod(layer.bias_shape()))
        bias = ops.zeros((size,), self.dtype) if layer.bias is None else layer.bias.value.reshape(size)
        options = self.options | (bits.KEEP if keep else 0)
        first = ["h0", "c0"][: layer.state_count]
        known = {
            "z": z, "u": layer.recurrent_kernel.value, "b": bias, "mask": self.none if self.mask is None else self.mask, "drop": self.drop,
            "steps": self.steps, "units": n, "options": options, **dict(zip(first, self.start, strict=True)),
        }
        y = self.steps * n if options & bits.SEQUENCES else n if options & bits.ZERO else 0
        kept, one = self.steps if keep else 0, self.steps if keep else 1
        sizes = {"y": y, "h": n, "c": n, "hs": kept * n, "cs": kept * n, "w": n if self.state_rate else 0, "r": one * 3 * n, "q": one * n}
        self.outputs = known
        for o in self.forward_kernel.operands:
            if o.name not in known:
                known[o.name] = ops.empty((self.rows, sizes[o.name]), self.dtype)
        ops.launch(self.forward_kernel, *(known[o.name] for o in self.forward_kernel.operands))
        self.kept, self.final = keep, [known[s] for s in ("h", "c")[: layer.state_count]]
        self.last = known["y"] if options & bits.ZERO else known["h"]
        if layer.stateful:
            for held, state in zip(layer._state(self.rows, self.dtype), self.final, strict=True):
                ops.launch(linear, state, held)

    # ------------------------------------------------------------------ backward
    def backward(self, gradients: list[Any], need_dx: bool) -> tuple[Any, list[Any]]:
        """-> the gradients of the sequence and of the initial state."""
        layer, ops, n = self.layer, self.ops, self.units
        dy, *states = gradients + [None] * (1 + layer.state_count - len(gradients))
        options = self.options
        apart = bool(options & (bits.SEQUENCES | bits.ZERO))
        if apart and dy is None:
            dy = ops.zeros(self.outputs["y"].shape, self.dtype)
        arrays = dict(self.outputs, dy=dy.reshape(self.rows, -1) if apart else self.none, options=options)
        last: list[tuple[str, int, list[Any]]] = [("dh", bits.NO_DH, [states[0], None if apart else dy]), ("dc", bits.NO_DC, states[1:2])]
        for name, bit, found in last:
            there = [d for d in found if d is not None]
            if len(there) == 2:
                ops.launch(REGISTRY["add"], *there)
            arrays["options"] |= 0 if there else bit
            arrays[name] = there[0].reshape(self.rows, n) if there else ops.empty((self.rows, n), self.dtype)
        for o in self.backward_kernel.operands:
            if o.name not in arrays:
                arrays[o.name] = ops.empty((self.rows, n), self.dtype)
        ops.launch(self.backward_kernel, *(arrays[o.name] for o in self.backward_kernel.operands))
        self.outputs = arrays
        layer.project_back(self)
        rows = self.x.reshape(-1, self.shape[-1])
        if layer.kernel.learns:
            add = layer.kernel.claim()
            ops.matmul(rows, self.sums, layer.kernel.gradient, ta=True, add=add)
        dx = None
        if need_dx:
            dx = ops.matmul(self.sums, layer.kernel.value, tb=True).reshape(self.shape)
            if self.in_rate:
                layer.dropped(dx, self.in_rate, 0, self.shape[-1], dx)
        return dx, [arrays[d] for d in ("dh", "dc")[: layer.state_count]]

    def lines(self, name: str) -> Any:
        """An array with a line for every step of every row."""
        return self.outputs[name].reshape(self.rows * self.steps, -1)

    @property
    def sums(self) -> Any:
        """After `backward`: the gradient of the inputs' sums."""
        return self.lines("z")

    def before(self) -> Any:
        """The state as it entered the products of each step."""
        if self.state_rate:
            out = self.layer.dropped(self.outputs["hs"], self.state_rate, random.RECURRENT, self.units)
            return out.reshape(self.rows * self.steps, self.units)
        return self.lines("hs")
