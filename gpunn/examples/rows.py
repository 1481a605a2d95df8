"""An LSTM reads an image of a digit as 28 rows, from top to bottom, and names the digit at the end."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from gpunn.datasets import mnist
from gpunn.examples import Outcome
from gpunn.examples.drawing import INK, image, panels
from gpunn.layers import LSTM, Dense, Input
from gpunn.models import Sequential
from gpunn.optimizers import Adam

UNITS, EPOCHS, SHOWN = 128, 5, 5


def main(path: Path, say: Callable[[str], Any]) -> Outcome:
    (x, y), (x_test, y_test) = mnist.load_data()
    x, x_test = x / np.float32(255), x_test / np.float32(255)
    model = Sequential([Input((28, 28)), LSTM(UNITS), Dense(10, "softmax")])
    optimizer = Adam()
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    for epoch in range(EPOCHS):
        optimizer.learning_rate = 0.002 if epoch < EPOCHS - 2 else 0.0005
        history = model.fit(x, y, batch_size=128, verbose=0).history
        test = model.evaluate(x_test, y_test, verbose=0)[1]
        say(f"epoch {epoch + 1}: training {history['accuracy'][-1]:.4f}, test {test:.4f}")
    draw(path, model, x_test[:SHOWN], y_test[:SHOWN], test)
    return Outcome({"test accuracy": test}, test >= 0.97, path)


def draw(path: Path, model: Sequential, images: np.ndarray, labels: np.ndarray, test: float) -> None:
    """Digits, and what the network takes them for after each row."""
    reader = Sequential([Input((28, 28)), LSTM(UNITS, return_sequences=True), Dense(10, "softmax")])
    reader.set_weights(model.get_weights())
    chances = reader.predict(images, verbose=0)
    figure, axes = panels(2, len(images), 2.2 * len(images), 4.8, f"what the LSTM takes a digit for, row by row; test accuracy {test:.1%}")
    for i, (pixels, label, chance) in enumerate(zip(images, labels, chances, strict=True)):
        image(axes[0, i], pixels)
        axes[1, i].imshow(chance, cmap="Blues", vmin=0, vmax=1, aspect="auto")
        axes[1, i].set_xticks(range(10))
        axes[1, i].set_xlabel(f"digit (it is {label})", color=INK, fontsize=9)
        axes[1, i].tick_params(colors=INK, labelsize=7)
    axes[1, 0].set_ylabel("rows read", color=INK)
    figure.savefig(path)
