"""Recurrent layers: a kernel takes a few rows through all steps, forward or backward; the inputs' products and the weights' gradients are
products over all rows and steps beside it.

Operands, with n units, g gates, T steps (a step's input has its place in time, whatever the direction):
  z (rows, T g n): the inputs' products; becomes what the backward pass needs of the gates, and there the gradient of the sums;
  h0, c0 -> h, c (rows, n): the state before and after; u (n, g n); b: the biases, of the GRU that resets after the product 6 n of them;
  mask (rows, T) and drop (rows, n), see `recurrent_options`; y (rows, T n) or (rows, n): outputs;
  hs, cs (rows, T n): the state before each step; w (rows, n): h times drop; q (rows, T n): r * h; r (rows, T 3 n): the recurrent sums.
  backward: dh, dc (rows, n) from the last state's gradient to the first's; p, v (rows, n): working space.
Arrays that the options do not ask for have no columns; without KEEP q and r have one step.
"""

from collections.abc import Callable
from typing import Any

from gpunn.kernels import recurrent_cuda as fills
from gpunn.kernels import recurrent_formulas as formulas
from gpunn.kernels import recurrent_reference as references
from gpunn.kernels import recurrent_text as texts
from gpunn.kernels.activations import sigmoid, sigmoid_bwd, tanh_, tanh_bwd
from gpunn.kernels.cuda_text import cuda_kernel
from gpunn.kernels.gemm import BLOCK_K, BLOCK_ROWS
from gpunn.kernels.record import REGISTRY, Kernel, columns_of, first_rows, parse, register
from gpunn.kernels.recurrent_options import BITS

Pair = tuple[Kernel, Kernel]
_COMMON = "mask, drop, {grads}steps:const:i8, units:const:i8, options:const:i8"
_SIGNATURES = {
    "simple_rnn": ("z, h0, u:whole, b:row, {} -> z, y, h, hs, w", "z, u:whole, {} -> z, dh, p"),
    "lstm": ("z, h0, c0, u:whole, b:row, {} -> z, y, h, c, hs, cs, w", "z, cs, u:whole, {} -> z, dh, dc, p"),
    "gru_after": ("z, h0, u:whole, b:row, {} -> z, y, h, hs, w, r", "z, hs, r, u:whole, {} -> z, r, dh, p"),
    "gru_before": ("z, h0, u:whole, b:row, {} -> z, y, h, hs, w, q", "z, hs, u:whole, {} -> z, dh, p, v"),
}
_RUNS = {"simple_rnn": references.OneProduct, "lstm": references.OneProduct, "gru_after": references.ResetAfter,
         "gru_before": references.ResetBefore}
_GATES = {"simple_rnn": 1, "lstm": 4, "gru_after": 3, "gru_before": 3}


def _natives(kind: str, cell: formulas.Cell, names: tuple[list[str], list[str]]) -> tuple[str, str]:
    if kind == "gru_after":
        return texts.forward_after(cell.forward[0], names[0]), texts.backward_after(cell.backward[0], names[1])
    if kind == "gru_before":
        return texts.forward_before(cell.forward, names[0]), texts.backward_before(cell.backward, names[1])
    gates = _GATES[kind]
    return texts.forward_one(cell.forward[0], names[0], gates), texts.backward_one(cell.backward[0], names[1], gates)


def _scratch(kernel_operands: Any) -> Callable[..., int]:
    place = [o.name for o in kernel_operands].index("u")

    def scratch(*arguments: Any) -> int:
        """What packed rows take, as in `gemm`, and a transposed matrix."""
        u = arguments[place]
        return (BLOCK_ROWS + 16) * BLOCK_K * (u.dtype.itemsize + 4) + 64 * 1024 + u.nbytes

    return scratch


def _cost(kernel_operands: Any) -> Callable[..., float]:
    place = [o.name for o in kernel_operands].index("u")
    return lambda *a: columns_of(a[0]) * (0.02 * a[place].shape[0] + 1.5)


def _pair(kind: str, cell: formulas.Cell) -> Pair:
    """The two kernels of a cell, made once."""
    names = cell.name, f"{cell.name}_bwd"
    if names[0] in REGISTRY:
        return REGISTRY[names[0]], REGISTRY[names[1]]
    grads = "dy, dh, dc, " if kind == "lstm" else "dy, dh, "
    forward, backward = (
        parse(s.format(_COMMON.format(grads=g))) for s, g in zip(_SIGNATURES[kind], ("", grads), strict=True)
    )
    natives = _natives(kind, cell, ([o.name for o in forward], [o.name for o in backward]))
    words = {name: f"{value}LL" for name, value in BITS.items()}
    out = []
    for i, (name, operands, parts) in enumerate(zip(names, (forward, backward), (cell.forward, cell.backward), strict=True)):
        run, titles = _RUNS[kind], tuple(o.name for o in operands)

        def reference(*arguments: Any, run: Any = run, titles: Any = titles, back: int = i) -> None:
            made = run(cell, titles, arguments)
            if back:
                made.backward()
            else:
                made.forward()

        calls = {("FIRST", "SECOND")[k]: f.name for k, f in enumerate(parts)}
        out.append(register(Kernel(
            name=name, operands=operands, extent=first_rows, reference=reference, native_text=natives[i], family=cell.name,
            formulas=tuple(dict.fromkeys(f for formula in parts for f in formula.closure())), geometry="rows",
            cuda=cuda_kernel(
                "recurrent.cu", ("recurrent", "recurrent_bwd")[i], name, **fills.parts(kind, i > 0, operands), **words, **calls
            ),
            cost=_cost(operands), scratch=_scratch(operands), grain=16,
        )))
    return out[0], out[1]


def _activation(word: str, given: Any) -> formulas.Activation:
    return formulas.Activation(word, given.forward, given.backward, given.constants)


def simple_rnn(activation: Any) -> Pair:
    """(forward, backward). An activation has ``forward`` and ``backward``, elementwise kernels, and ``constants``."""
    return _pair("simple_rnn", formulas.simple(_activation("A", activation)))


def lstm(activation: Any, recurrent_activation: Any) -> Pair:
    return _pair("lstm", formulas.lstm(_activation("A", activation), _activation("R", recurrent_activation)))


def gru(activation: Any, recurrent_activation: Any, reset_after: bool) -> Pair:
    kind = "gru_after" if reset_after else "gru_before"
    return _pair(kind, getattr(formulas, kind)(_activation("A", activation), _activation("R", recurrent_activation)))


class _Usual:
    """The activations that Keras's layers have by default: their kernels are there from the start."""

    constants: dict[str, float] = {}  # noqa: RUF012  never changed

    def __init__(self, forward: Kernel, backward: Kernel):
        self.forward, self.backward = forward, backward


_TANH, _SIGMOID = _Usual(tanh_, tanh_bwd), _Usual(sigmoid, sigmoid_bwd)
SIMPLE_RNN, SIMPLE_RNN_BWD = simple_rnn(_TANH)
LSTM, LSTM_BWD = lstm(_TANH, _SIGMOID)
GRU, GRU_BWD = gru(_TANH, _SIGMOID, True)
GRU_BEFORE, GRU_BEFORE_BWD = gru(_TANH, _SIGMOID, False)
