"""SimpleRNN, LSTM, GRU."""

from typing import Any

import numpy as np

from gpunn import activations, initializers
from gpunn.kernels import recurrent
from gpunn.kernels.record import REGISTRY, Kernel
from gpunn.kernels.sequences import choose_columns
from gpunn.layers.recurrent import Recurrent


class SimpleRNN(Recurrent):
    """h = f(x @ kernel + h @ recurrent_kernel + bias) (Elman 1990). (rows, steps, features) -> (rows, units), or with `return_sequences`
    (rows, steps, units); with `return_state` a list of that and the last state.

    Kernel (features, units), recurrent_kernel (units, units), bias (units,). `go_backwards` reads the steps from the last to the first;
    `stateful` begins a batch with the state that the last batch ended with, until `reset_state()`. Masked steps leave the state as it is.
    """

    recordable = True

    def __init__(
        self, units: int, activation: Any = "tanh", use_bias: bool = True, kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal", bias_initializer: Any = "zeros", kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None, bias_regularizer: Any = None, activity_regularizer: Any = None, kernel_constraint: Any = None,
        recurrent_constraint: Any = None, bias_constraint: Any = None, dropout: float = 0.0, recurrent_dropout: float = 0.0,
        return_sequences: bool = False, return_state: bool = False, go_backwards: bool = False, stateful: bool = False,
        unroll: bool = False, seed: int | None = None, **common: Any,
    ):
        super().__init__(
            units, activation, use_bias, {
                "kernel": (kernel_initializer, kernel_regularizer, kernel_constraint),
                "recurrent": (recurrent_initializer, recurrent_regularizer, recurrent_constraint),
                "bias": (bias_initializer, bias_regularizer, bias_constraint),
            },
            activity_regularizer, dropout, recurrent_dropout, return_sequences, return_state, go_backwards, stateful, unroll, seed,
            **common,
        )

    def kernels(self) -> tuple[Kernel, Kernel]:
        return recurrent.simple_rnn(self.activation.formulas)


class _Gated(Recurrent):
    """With an activation for gates, too."""

    def __init__(self, recurrent_activation: Any, use_cudnn: Any, *arguments: Any, **common: Any):
        super().__init__(*arguments, **common)
        self.recurrent_activation, self.use_cudnn = self._elementwise("recurrent_activation", recurrent_activation), use_cudnn

    def config(self) -> dict[str, Any]:
        return {**super().config(), "recurrent_activation": activations.serialize(self.recurrent_activation)}


def with_forget_bias(first: Any, n: int) -> Any:
    """An initializer of the biases of n units' gates i, f, c, o: those of the forget gate are 1, the others as `first` has them."""

    def forget(shape: tuple[int, ...], dtype: Any = None) -> np.ndarray:
        return np.concatenate([first((n,), dtype), np.ones(n, dtype), first((2 * n,), dtype)])

    return initializers.get(forget)


class LSTM(_Gated):
    """Long short-term memory (Hochreiter & Schmidhuber 1997, with the forget gate of Gers et al. 2000). Arguments as `SimpleRNN`'s.

    Kernel (features, 4 units), recurrent_kernel (units, 4 units), bias (4 units,), gates in the order i, f, c, o; `unit_forget_bias` begins
    with a forget gate's bias of 1 (Jozefowicz et al. 2015). The state is h and c. `use_cudnn` is accepted and changes nothing.
    """

    recordable = True
    gates, state_count = 4, 2

    def __init__(
        self, units: int, activation: Any = "tanh", recurrent_activation: Any = "sigmoid", use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform", recurrent_initializer: Any = "orthogonal", bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True, kernel_regularizer: Any = None, recurrent_regularizer: Any = None, bias_regularizer: Any = None,
        activity_regularizer: Any = None, kernel_constraint: Any = None, recurrent_constraint: Any = None, bias_constraint: Any = None,
        dropout: float = 0.0, recurrent_dropout: float = 0.0, seed: int | None = None, return_sequences: bool = False,
        return_state: bool = False, go_backwards: bool = False, stateful: bool = False, unroll: bool = False, use_cudnn: Any = "auto",
        **common: Any,
    ):
        super().__init__(
            recurrent_activation, use_cudnn, units, activation, use_bias, {
                "kernel": (kernel_initializer, kernel_regularizer, kernel_constraint),
                "recurrent": (recurrent_initializer, recurrent_regularizer, recurrent_constraint),
                "bias": (bias_initializer, bias_regularizer, bias_constraint),
            },
            activity_regularizer, dropout, recurrent_dropout, return_sequences, return_state, go_backwards, stateful, unroll, seed,
            **common,
        )
        self.unit_forget_bias = bool(unit_forget_bias)

    def kernels(self) -> tuple[Kernel, Kernel]:
        return recurrent.lstm(self.activation.formulas, self.recurrent_activation.formulas)

    def first_bias(self) -> Any:
        first = super().first_bias()
        return with_forget_bias(first, self.units) if self.unit_forget_bias else first

    def config(self) -> dict[str, Any]:
        return {**super().config(), "unit_forget_bias": self.unit_forget_bias}


class GRU(_Gated):
    """Gated recurrent unit (Cho et al. 2014). Arguments as `SimpleRNN`'s.

    Kernel (features, 3 units), recurrent_kernel (units, 3 units), gates in the order z, r, h. With `reset_after` the reset gate scales the
    state's product, and the bias is (2, 3 units), the inputs' and the state's; without, it scales the state before, and the bias is
    (3 units,). `use_cudnn` is accepted and changes nothing.
    """

    recordable = True
    gates = 3

    def __init__(
        self, units: int, activation: Any = "tanh", recurrent_activation: Any = "sigmoid", use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform", recurrent_initializer: Any = "orthogonal", bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None, recurrent_regularizer: Any = None, bias_regularizer: Any = None, activity_regularizer: Any = None,
        kernel_constraint: Any = None, recurrent_constraint: Any = None, bias_constraint: Any = None, dropout: float = 0.0,
        recurrent_dropout: float = 0.0, seed: int | None = None, return_sequences: bool = False, return_state: bool = False,
        go_backwards: bool = False, stateful: bool = False, unroll: bool = False, reset_after: bool = True, use_cudnn: Any = "auto",
        **common: Any,
    ):
        super().__init__(
            recurrent_activation, use_cudnn, units, activation, use_bias, {
                "kernel": (kernel_initializer, kernel_regularizer, kernel_constraint),
                "recurrent": (recurrent_initializer, recurrent_regularizer, recurrent_constraint),
                "bias": (bias_initializer, bias_regularizer, bias_constraint),
            },
            activity_regularizer, dropout, recurrent_dropout, return_sequences, return_state, go_backwards, stateful, unroll, seed,
            **common,
        )
        self.reset_after = bool(reset_after)

    def kernels(self) -> tuple[Kernel, Kernel]:
        return recurrent.gru(self.activation.formulas, self.recurrent_activation.formulas, self.reset_after)

    def bias_shape(self) -> tuple[int, ...]:
        return (2, 3 * self.units) if self.reset_after else (3 * self.units,)

    def project_back(self, call: Any) -> None:
        ops, weights, n = self.backend, self.recurrent_kernel, self.units
        if self.reset_after:
            sums = call.lines("r")
            if weights.learns:
                add = weights.claim()
                ops.matmul(call.before(), sums, weights.gradient, ta=True, add=add)
            if self.bias is not None and self.bias.learns:
                add = float(self.bias.claim())
                for part, dz in zip(self.bias.gradient, (call.sums, sums), strict=True):
                    ops.launch(REGISTRY["column_sum"], dz, add, part)
            return
        if weights.learns:  # the candidate's columns come from r * h
            last = ops.asarray((np.arange(3 * n) >= 2 * n).astype(weights.value.dtype))
            gates, candidate = (ops.matmul(h, call.sums, ta=True) for h in (call.before(), call.lines("q")))
            ops.launch(choose_columns, gates, candidate, last, float(weights.claim()), weights.gradient)
        if self.bias is not None and self.bias.learns:
            ops.launch(REGISTRY["column_sum"], call.sums, float(self.bias.claim()), self.bias.gradient)

    def config(self) -> dict[str, Any]:
        return {**super().config(), "reset_after": self.reset_after}
