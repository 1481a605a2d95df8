"""Recurrent layers, step by step: their cells as the kernels have them, and `RNN` with any cell that can be opened."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from gpunn import layers as L
from gpunn import random
from gpunn.layers.cells import state_sizes
from gpunn.layers.tensor import Tensor
from gpunn.ops import along_axes as along
from gpunn.ops import arithmetic as a
from gpunn.ops import shaping
from gpunn.ops.rules import without
from gpunn.ops.rules.activations import applied
from gpunn.training.opened.base import Opened, constant, opened, opens, weight
from gpunn.training.plan import Stage

Step = Callable[[Any, list[Any]], tuple[Any, list[Any]]]  # (a step's input, states) -> (output, new states)


# ---------------------------------------------------------------------- through the steps
def _zeros(like: Tensor, width: int) -> Tensor:
    return constant(np.zeros((like.shape[0], width)), like)


def _through(call: Opened, inputs: Sequence[Any], step: Step, first: list[Any], carries: bool) -> Any:
    """Of the steps' `inputs`, in time, what the layer gives. `carries`: a masked step gives the output of the step before, else the
    state."""
    layer, states = call.layer, first
    mask = call.masks[0] if call.masks else None
    live = None if mask is None else shaping.unstack(a.greater(constant(mask, first[0]), 0.5), axis=1)
    order = list(range(len(inputs)))[:: -1 if layer.go_backwards else 1]
    outputs: dict[int, Any] = {}
    out = _zeros(first[0], layer.units)
    for place, t in enumerate(order):
        y, new = step(inputs[t], states)
        if live is not None:
            seen = shaping.reshape(live[t], (-1, 1))
            new = [a.where(seen, n, old) for n, old in zip(new, states, strict=True)]
            y = a.where(seen, y, _zeros(y, layer.units) if layer.zero_output_for_mask else out if carries else states[0])
        out, states = y, new
        outputs[t if layer.in_time else place] = y
    whole = shaping.stack([outputs[place] for place in sorted(outputs)], axis=1) if layer.return_sequences else out
    return [whole, *states] if layer.return_state else whole


def _begun(call: Opened, given: list[Tensor], like: Tensor, sizes: Sequence[int]) -> list[Any]:
    """The states to begin with. Raises NotImplementedError for those that a stateful layer has kept, which are others by now."""
    if getattr(call.layer, "stateful", False) and not given:
        raise without(f"layer {call.layer.name!r} ({type(call.layer).__name__}, stateful)")
    return given or [_zeros(like, n) for n in sizes]


# ---------------------------------------------------------------------- the cells of the library
def _masks(call: Opened, x: Tensor) -> tuple[Any, Any]:
    """What drops inputs and states, constants (rows, features) and (rows, units), or None."""
    layer, found = call.layer, list[Any]()
    rates = (layer.dropout, 0, x.shape[-1]), (layer.recurrent_dropout, random.RECURRENT, layer.units)
    with call.drawing():
        if call.stage.stream is not None:
            layer.stream = call.stage.stream
        for rate, stream, width in rates:
            ones = constant(np.ones((x.shape[0], width)), x).array
            found.append(Tensor(layer.dropped(ones, rate, stream, width), x.backend) if call.training and rate else None)
    return found[0], found[1]


def _cell(layer: Any, drop: Any) -> Step:
    """One step, of the input's product with the kernel and its bias."""
    u: Any = weight(layer.recurrent_kernel)
    both: Any = weight(layer.bias)
    units, after = layer.units, getattr(layer, "reset_after", False)
    bias = both[1] if after and both is not None else None

    def act(z: Any) -> Any:
        return applied(layer.activation, z)

    def gate(z: Any) -> Any:
        return applied(layer.recurrent_activation, z)

    def by(h: Any, weights: Any = u) -> Any:
        return along.matmul(h, weights)

    def dropped(h: Any) -> Any:
        return h if drop is None else a.multiply(h, drop)

    def simple(z: Any, states: list[Any]) -> tuple[Any, list[Any]]:
        h = act(a.add(z, by(dropped(states[0]))))
        return h, [h]

    def lstm(z: Any, states: list[Any]) -> tuple[Any, list[Any]]:
        i, f, g, o = shaping.split(a.add(z, by(dropped(states[0]))), 4, axis=-1)
        c = a.add(a.multiply(gate(f), states[1]), a.multiply(gate(i), act(g)))
        h = a.multiply(gate(o), act(c))
        return h, [h, c]

    def gru(z: Any, states: list[Any]) -> tuple[Any, list[Any]]:
        (h,), parts = states, shaping.split(z, 3, axis=-1)
        held = dropped(h)
        if after:
            sums = by(held) if bias is None else a.add(by(held), bias)
            update, reset, own = shaping.split(sums, 3, axis=-1)
            update, reset = gate(a.add(parts[0], update)), gate(a.add(parts[1], reset))
            new = act(a.add(parts[2], a.multiply(reset, own)))
        else:
            update, reset = shaping.split(by(held, u[:, : 2 * units]), 2, axis=-1)
            update, reset = gate(a.add(parts[0], update)), gate(a.add(parts[1], reset))
            new = act(a.add(parts[2], by(a.multiply(reset, held), u[:, 2 * units :])))
        h = a.add(a.multiply(update, h), a.multiply(a.subtract(1.0, update), new))
        return h, [h]

    return simple if layer.gates == 1 else lstm if layer.gates == 4 else gru


def _products(layer: Any, x: Any) -> Any:
    """The products of inputs with the kernel, and their bias."""
    z, bias = along.matmul(x, weight(layer.kernel)), weight(layer.bias)
    if bias is None:
        return z
    return a.add(z, bias[0] if getattr(layer, "reset_after", False) else bias)


@opens(L.SimpleRNN, L.LSTM, L.GRU, masked=True)
def recurrent(call: Opened, inputs: list[Tensor]) -> Any:
    (x, *given), layer = inputs, call.layer
    first = _begun(call, given, x, layer.state_sizes)
    drop_inputs, drop_states = _masks(call, x)
    x = x if drop_inputs is None else a.multiply(x, shaping.expand_dims(drop_inputs, 1))
    return _through(call, shaping.unstack(_products(layer, x), axis=1), _cell(layer, drop_states), first, carries=False)


@opens(L.SimpleRNNCell, L.LSTMCell, L.GRUCell)
def cell(call: Opened, inputs: list[Tensor]) -> Any:
    x, *states = inputs
    drop_inputs, drop_states = _masks(call, x)
    x = x if drop_inputs is None else a.multiply(x, drop_inputs)
    y, new = _cell(call.layer, drop_states)(_products(call.layer, x), states)
    return [y, *new]


# ---------------------------------------------------------------------- layers of layers
def _within(call: Opened, layer: Any, masks: Sequence[Any] = ()) -> Opened:
    """A call of a layer within the one that is called."""

    @contextmanager
    def drawing() -> Iterator[None]:
        with call.drawing():
            if call.stage.stream is not None:
                call.layer.stream = call.stage.stream
            call.layer.lend()
            yield

    def run(arrays: list[Any]) -> Any:
        with drawing():
            return layer.forward(arrays, call.training)

    return Opened(Stage(layer, (0,), (1,), True, True), call.training, run, masks, drawing)


@opens(L.Bidirectional, masked=True)
def bidirectional(call: Opened, inputs: list[Tensor]) -> Any:
    (x, *given), layer = inputs, call.layer
    half = len(given) // 2
    halves = [[x, *given[:half]], [x, *given[half:]]]
    found = [opened(_within(call, one, call.masks), own) for one, own in zip(layer.directions, halves, strict=True)]
    (one, other), states = [f[0] for f in found], [s for f in found for s in f[1:]]
    if layer.merge_mode is None:
        return [one, other, *states]
    if layer.merge_mode == "concat":
        merged = shaping.concatenate([one, other], axis=-1)
    elif layer.merge_mode == "mul":
        merged = a.multiply(one, other)
    else:
        merged = a.multiply(a.add(one, other), layer._scale)
    return [merged, *states]


def _called(call: Opened, one: Any, x: Any, states: list[Any]) -> list[Any]:
    """A cell's output and new states."""
    if not one.traced:
        return opened(_within(call, one), [x, *states])
    from gpunn.ops.tracing import plan_of_call  # which are made of layers, as calls of a tape are
    from gpunn.training.tape_calls import run_stages

    given = [x.array, [s.array for s in states]]
    stages = plan_of_call(one, given, call.training, {})[1]
    with call.drawing():
        call.layer.lend()
        return run_stages(stages, [x, *states], call.training, call.layer.rng, [])


@opens(L.StackedRNNCells)
def stacked(call: Opened, inputs: list[Tensor]) -> Any:
    x, *states = inputs
    after: list[Any] = []
    for one in call.layer.cells:
        n = len(state_sizes(one))
        x, *new = _called(call, one, x, states[:n])
        states, after = states[n:], [*after, *new]
    return [x, *after]


@opens(L.RNN, masked=True)
def rnn(call: Opened, inputs: list[Tensor]) -> Any:
    (x, *given), layer = inputs, call.layer
    first = _begun(call, given, x, layer.state_sizes)

    def step(part: Any, states: list[Any]) -> tuple[Any, list[Any]]:
        y, *new = _called(call, layer.cell, part, states)
        return y, new

    return _through(call, shaping.unstack(x, axis=1), step, first, carries=True)


@opens(L.ConvLSTM1D, L.ConvLSTM2D, L.ConvLSTM3D, masked=True)
def conv_lstm(call: Opened, inputs: list[Tensor]) -> Any:
    """The states lie flat within."""
    (x, *given), layer = inputs, call.layer
    shapes = layer.compute_output_shape([t.shape for t in inputs])
    found = rnn(call, [x, *(shaping.reshape(s, (s.shape[0], -1)) for s in given)])
    if not layer.return_state:
        return shaping.reshape(found, shapes)
    return [shaping.reshape(t, shape) for t, shape in zip(found, shapes, strict=True)]
