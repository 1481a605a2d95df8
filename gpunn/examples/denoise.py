"""A denoising autoencoder (Vincent et al. 2008): 784-256-32-256-784 learns to give back the clean digit; its code tells what was on it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from gpunn.datasets import mnist
from gpunn.examples import Outcome
from gpunn.examples.drawing import image, panels
from gpunn.layers import Dense, GaussianNoise, Input
from gpunn.models import Model, Sequential

NOISE, EPOCHS, SHOWN = 0.5, 6, 8


def main(path: Path, say: Callable[[str], Any]) -> Outcome:
    (x, y), (x_test, y_test) = mnist.load_data()
    x, x_test = (a.reshape(len(a), 784) / np.float32(255) for a in (x, x_test))
    noisy = x_test + np.random.default_rng(0).normal(0, NOISE, x_test.shape).astype(np.float32)

    pixels = Input((784,))
    hidden = Dense(256, "relu")(GaussianNoise(NOISE)(pixels))  # new noise in every step
    code = Dense(32, name="code")(hidden)
    model = Model(pixels, Dense(784, "sigmoid")(Dense(256, "relu")(code)))
    model.compile("adam", "binary_crossentropy")
    for epoch in range(EPOCHS):
        history = model.fit(x, x, batch_size=128, verbose=0).history
        cleaned = model.predict(noisy, verbose=0)
        error = float(np.square(cleaned - x_test).mean() / np.square(noisy - x_test).mean())
        say(f"epoch {epoch + 1}: loss {history['loss'][-1]:.4f}, error of cleaned images {error:.3f} of the noisy ones'")

    encoder = Model(pixels, code)  # its layers are the autoencoder's
    codes, test_codes = (encoder.predict(a, verbose=0) for a in (x, noisy))
    probe = Sequential([Input((32,)), Dense(10, "softmax")])
    probe.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    probe.fit(codes, y, batch_size=128, epochs=8, verbose=0)
    told = probe.evaluate(encoder.predict(x_test, verbose=0), y_test, verbose=0)[1]
    told_noisy = probe.evaluate(test_codes, y_test, verbose=0)[1]
    say(f"a linear layer on the 32 numbers of the code names {told:.1%} of clean digits, {told_noisy:.1%} of noisy ones")

    figure, axes = panels(3, SHOWN, 1.3 * SHOWN, 4.4, f"noise taken off: {error:.0%} of the squared error is left")
    for i in range(SHOWN):
        for row, (name, images) in enumerate({"clean": x_test, "given": noisy, "cleaned": cleaned}.items()):
            image(axes[row, i], images[i].reshape(28, 28), name if i == 0 else "")
    figure.savefig(path)
    return Outcome({"error left": error, "code accuracy": told}, error <= 0.1 and told >= 0.88, path)
