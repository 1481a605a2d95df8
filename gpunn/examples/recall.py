"""The first of many tokens must be told at the end; those between are noise. Gates carry it, a plain recurrence forgets it.

Every length is learned from scratch. (Hochreiter & Schmidhuber 1997 use such tasks.) The gates begin open for lags up to the length, by
their biases (Tallec & Ollivier 2018); the plain network has a good start of its own, an orthogonal matrix, and all else is the same. With
the layers' default biases it is the other way round at 40 steps (one seed tried): the plain network recalls, LSTM and GRU do not.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from gpunn.examples import Outcome
from gpunn.examples.drawing import COLOURS, INK, panels, plain
from gpunn.layers import GRU, LSTM, Dense, Embedding, Input, Layer, SimpleRNN
from gpunn.models import Sequential
from gpunn.optimizers import Adam

TOKENS, UNITS = 8, 32  # the first token is one of 8, the others are of 8 more
LENGTHS = (50, 100, 200)


def open_gates(length: int, gates: int, keeping: int) -> Callable[..., np.ndarray]:
    """An initializer of biases: the gate that keeps the state forgets by times spread over the length; an input gate of its own, the 4th
    kind's first, lets in as much as is forgotten."""

    def biases(shape: tuple[int, ...], dtype: Any = None) -> np.ndarray:
        out, units = np.zeros(shape), shape[-1] // gates
        lags = np.log(np.random.default_rng(0).uniform(1, length - 1, units))
        first = out[0] if out.ndim == 2 else out  # the inputs' of a GRU's two
        first[keeping * units : (keeping + 1) * units] = lags
        if gates == 4:
            first[:units] = -lags
        return out

    return biases


CELLS: dict[str, Callable[[int], Layer]] = {
    "SimpleRNN": lambda length: SimpleRNN(UNITS),
    "GRU": lambda length: GRU(UNITS, bias_initializer=open_gates(length, 3, 0)),
    "LSTM": lambda length: LSTM(UNITS, unit_forget_bias=False, bias_initializer=open_gates(length, 4, 1)),
}


def sequences(count: int, length: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """-> tokens (count, length), and the first of each."""
    rng = np.random.default_rng(seed)
    x = rng.integers(TOKENS, 2 * TOKENS, (count, length))
    x[:, 0] = rng.integers(0, TOKENS, count)
    return x, x[:, 0].copy()


def network(name: str, length: int) -> Sequential:
    model = Sequential([Input((length,)), Embedding(2 * TOKENS, 8), CELLS[name](length), Dense(TOKENS, "softmax")])
    model.compile(Adam(0.005, clipnorm=1.0), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def accuracy(name: str, length: int, epochs: int = 20, rows: int = 2048) -> float:
    """Of new sequences, after training until it recalls nearly all, or `epochs` at most."""
    model = network(name, length)
    for epoch in range(epochs):
        history = model.fit(*sequences(rows, length, epoch), batch_size=64, verbose=0).history
        if history["accuracy"][-1] > 0.995:
            break
    return model.evaluate(*sequences(1000, length, epochs + 1), verbose=0)[1]


def main(path: Path, say: Callable[[str], Any]) -> Outcome:
    found = {name: [accuracy(name, length) for length in LENGTHS] for name in CELLS}
    weights = {name: network(name, 10).layers[1].count_params() for name in CELLS}
    for name, values in found.items():
        say(f"{name:9s} {weights[name]:6d} weights; " + ", ".join(f"{n} steps {v:.3f}" for n, v in zip(LENGTHS, values, strict=True)))
    figure, axes = panels(1, 1, 6.4, 4.2, "the first token, told at the end")
    places = np.arange(len(LENGTHS))
    for i, (colour, (name, values)) in enumerate(zip(COLOURS, found.items(), strict=False)):
        axes[0, 0].bar(places + 0.27 * (i - 1), values, 0.25, color=colour, label=f"{name}, {weights[name]:,} weights")
    axes[0, 0].set_xticks(places, [str(n) for n in LENGTHS])
    axes[0, 0].axhline(1 / TOKENS, color=INK, linestyle=":", linewidth=1.2, label="a guess")
    axes[0, 0].set(xlabel="steps", ylabel="accuracy on new sequences", ylim=(0, 1.35))
    plain(axes[0, 0])
    axes[0, 0].legend(frameon=False, labelcolor=INK, ncols=2, loc="upper center")
    figure.savefig(path)
    last = {name: values[-1] for name, values in found.items()}
    return Outcome(last, min(last["LSTM"], last["GRU"]) >= 0.95 and last["SimpleRNN"] < 0.6, path)
