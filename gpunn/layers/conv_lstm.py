"""ConvLSTM: a long short-term memory whose products are convolutions, over the steps of sequences of images, lines or volumes."""

import math
from typing import Any

from gpunn import activations
from gpunn.layers.base import Pullback, positive
from gpunn.layers.chosen import Chosen
from gpunn.layers.conv import Convolving
from gpunn.layers.dropout import Dropout
from gpunn.layers.rnn import with_forget_bias
from gpunn.layers.rnn_of_cells import RNN
from gpunn.layers.sliding import image_of


class ConvLSTMCell(Convolving):
    """One step: [inputs (rows, ..., channels), h, c] -> [h, h, c]; the states lie flat, (rows, places * filters).

    Without strides i, f, g, o = split(x * kernel + h * recurrent_kernel + bias), where * is a convolution, c' = R(f) c + R(i) A(g) and h' =
    R(o) A(c') (Shi et al. 2015, without peepholes). In training one mask drops inputs, and one the state, for all gates and all steps.
    """

    recurrent_activation = Chosen()
    image: tuple[int, ...] = ()  # of the output, once built

    def __init__(
        self, rank: int, filters: int, kernel_size: Any, strides: Any, padding: Any, data_format: Any, dilation_rate: Any, activation: Any,
        recurrent_activation: Any, use_bias: bool, weights: dict[str, tuple[Any, ...]], unit_forget_bias: bool, dropout: float,
        recurrent_dropout: float, seed: int | None, **common: Any,
    ):
        self.rank = rank
        super().__init__(kernel_size, strides, padding, data_format, dilation_rate, activation, use_bias, **common)
        self.filters, self.recurrent_activation = positive("filters", filters, self.name), recurrent_activation
        self.unit_forget_bias, self.seed = bool(unit_forget_bias), seed
        for name, options in weights.items():
            self.weight_options(name, *options)
        self.drops = [Dropout(rate, seed=seed, dtype=self.dtype) for rate in (dropout, recurrent_dropout)]

    @property
    def state_size(self) -> list[int]:
        return [math.prod(self.image) * self.filters] * 2

    def filters_of(self, channels: int) -> tuple[int, int]:
        return self.filters, 1

    def build(self, input_shape: Any) -> None:
        self.channels = image_of(input_shape, self.rank, self.name)[-1]
        self.image = self.windows(input_shape).sizes_out(self.rank)
        wide, options = 4 * self.filters, {k: getattr(self, f"recurrent_{k}") for k in ("regularizer", "constraint")}
        self.kernel = self.add_weight("kernel", (*self.kernel_size, self.channels, wide))
        first: Any = self.recurrent_initializer  # type: ignore[attr-defined]
        self.recurrent_kernel = self.add_weight("recurrent_kernel", (*self.kernel_size, self.filters, wide), first, **options)
        if self.use_bias:
            first = self.bias_initializer  # type: ignore[attr-defined]
            self.bias = self.add_weight("bias", (wide,), with_forget_bias(first, self.filters) if self.unit_forget_bias else first)

    def call(self, inputs: Any, states: Any, training: bool | None = None) -> Any:  # type: ignore[override]
        from gpunn import ops  # which is made of layers

        h, c = (ops.reshape(s, (-1, *self.image, self.filters)) for s in states)
        x, h = (drop(a, training=training) if drop.rate else a for drop, a in zip(self.drops, (inputs, h), strict=True))
        z = ops.add(
            ops.conv(x, self.kernel, self.strides, self.padding, None, self.dilation_rate), ops.conv(h, self.recurrent_kernel, 1, "same")
        )
        z = z if self.bias is None else ops.add(z, self.bias)
        i, f, g, o = ops.split(z, 4, axis=-1)
        gate, bend = self.recurrent_activation, self.activation
        c = ops.add(ops.multiply(gate(f), c), ops.multiply(gate(i), bend(g)))
        h, c = (ops.reshape(a, (-1, self.state_size[0])) for a in (ops.multiply(gate(o), bend(c)), c))
        return h, [h, c]


class _ConvLSTM(RNN):
    """A `ConvLSTMCell` taken through the steps."""

    cell: Any
    rank = 2

    def __init__(
        self, filters: int, kernel_size: Any, strides: Any = 1, padding: Any = "valid", data_format: Any = None, dilation_rate: Any = 1,
        activation: Any = "tanh", recurrent_activation: Any = "sigmoid", use_bias: bool = True, kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal", bias_initializer: Any = "zeros", unit_forget_bias: bool = True,
        kernel_regularizer: Any = None, recurrent_regularizer: Any = None, bias_regularizer: Any = None, activity_regularizer: Any = None,
        kernel_constraint: Any = None, recurrent_constraint: Any = None, bias_constraint: Any = None, dropout: float = 0.0,
        recurrent_dropout: float = 0.0, seed: int | None = None, return_sequences: bool = False, return_state: bool = False,
        go_backwards: bool = False, stateful: bool = False, **common: Any,
    ):
        weights = {
            "kernel": (kernel_initializer, kernel_regularizer, kernel_constraint),
            "recurrent": (recurrent_initializer, recurrent_regularizer, recurrent_constraint),
            "bias": (bias_initializer, bias_regularizer, bias_constraint),
        }
        cell = ConvLSTMCell(
            self.rank, filters, kernel_size, strides, padding, data_format, dilation_rate, activation, recurrent_activation, use_bias,
            weights, unit_forget_bias, dropout, recurrent_dropout, seed, name="conv_lstm_cell", dtype=common.get("dtype"),
        )
        super().__init__(
            cell, return_sequences, return_state, go_backwards, stateful, activity_regularizer=activity_regularizer, seed=seed, **common
        )

    def _sequence_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        shape = tuple(input_shape[0] if isinstance(input_shape, list) else input_shape)
        if len(shape) != self.rank + 3 or not all(shape[1:]):
            axes = ("length", "height, width", "depth, height, width")[self.rank - 1]
            raise ValueError(
                f"Layer {self.name!r}: expected an input of shape (rows, steps, {axes}, channels) with known sizes. Received: {shape}."
            )
        return shape

    def _step_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """(rows, ..., filters) of the output of one step. Raises ValueError for initial states of another shape."""
        rows, _, *step = self._sequence_shape(input_shape)
        shape = (rows, *self.cell.windows((rows, *step)).sizes_out(self.rank), self.cell.filters)
        states = [tuple(s) for s in input_shape[1:]] if isinstance(input_shape, list) else []
        if states and [s[1:] for s in states] != [shape[1:]] * 2:
            raise ValueError(f"Layer {self.name!r}: expected initial states of shapes {[shape] * 2}. Received: {states}.")
        return shape

    def compute_output_shape(self, input_shape: Any) -> Any:
        rows, steps, *_ = self._sequence_shape(input_shape)
        shape = self._step_shape(input_shape)
        first = (rows, steps, *shape[1:]) if self.return_sequences else shape
        return [first, shape, shape] if self.return_state else first

    def forward(self, x: Any, training: bool = False, mask: Any = None) -> tuple[Any, Pullback]:
        given = list(x) if isinstance(x, (list, tuple)) else [x]
        shapes = self.compute_output_shape([a.shape for a in given])
        shapes = shapes if self.return_state else [shapes]
        size, rows = self.state_sizes[0], given[0].shape[0]
        flat = [given[0], *(s.reshape(rows, size) for s in given[1:])]
        out, back = super().forward(flat if len(given) > 1 else flat[0], training, mask)
        outputs = [a.reshape(shape) for a, shape in zip(out if self.return_state else [out], shapes, strict=True)]
        first = (rows, given[0].shape[1], size) if self.return_sequences else (rows, size)

        def pullback(dy: Any, need_dx: Any = True) -> Any:
            sent = dy if isinstance(dy, (list, tuple)) else [dy]
            sizes = [first, *[(rows, size)] * (len(sent) - 1)]
            sent = [None if d is None else d.reshape(s) for d, s in zip(sent, sizes, strict=True)]
            found = back(sent, need_dx)
            if len(given) == 1:
                return found
            return [None if d is None else d.reshape(a.shape) for d, a in zip(found, given, strict=True)]

        return outputs if self.return_state else outputs[0], pullback

    def again(self, **changed: Any) -> Any:
        return type(self).from_config({**self.get_config(), **changed})

    def get_config(self) -> dict[str, Any]:
        cell = {k: v for k, v in self.cell.get_config().items() if k not in ("name", "trainable", "dtype")}
        return {**super().get_config(), **cell}

    def config(self) -> dict[str, Any]:
        cell, names = self.cell, ("return_sequences", "return_state", "go_backwards", "stateful", "seed")
        dropout, recurrent = (drop.rate for drop in cell.drops)
        return {
            **{n: getattr(self, n) for n in names}, "filters": cell.filters, "unit_forget_bias": cell.unit_forget_bias, "dropout": dropout,
            "recurrent_dropout": recurrent, "recurrent_activation": activations.serialize(cell.recurrent_activation),
        }


class ConvLSTM1D(_ConvLSTM):
    """`ConvLSTM2D` of lines: (rows, steps, length, channels) -> (rows, length', filters)."""

    recordable = True
    rank = 1


class ConvLSTM2D(_ConvLSTM):
    """A long short-term memory of images (Shi et al. 2015): (rows, steps, height, width, channels) -> (rows, height', width', filters), or
    with `return_sequences` (rows, steps, height', width', filters); with `return_state` a list of that and the last h and c.

    The inputs are convolved as `Conv2D` convolves them, the state with ``padding="same"``. Kernel (kernel height, kernel width, channels,
    4 filters), recurrent_kernel (kernel height, kernel width, filters, 4 filters), bias (4 filters,), gates in the order i, f, c, o;
    `unit_forget_bias` begins with a forget gate's bias of 1. `go_backwards`, `stateful`, masks and initial states are `RNN`'s. In
    training `dropout` drops inputs and `recurrent_dropout` the state, by one mask for all gates and all steps; Keras has one for each gate.
    """

    recordable = True


class ConvLSTM3D(_ConvLSTM):
    """`ConvLSTM2D` of volumes: (rows, steps, depth, height, width, channels) -> (rows, depth', height', width', filters)."""

    recordable = True
    rank = 3
