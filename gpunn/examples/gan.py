"""A generative adversarial network (Goodfellow et al. 2014) on points of a ring. The generator never sees a point: it only learns what the
discriminator takes for real. The two take turns; the discriminator's weights rest while the generator learns through it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from gpunn.examples import Outcome
from gpunn.examples.drawing import COLOURS, INK, panels, plain
from gpunn.layers import Dense, Input, LeakyReLU
from gpunn.models import Sequential
from gpunn.optimizers import Adam

RADIUS, WIDTH, BATCH, STEPS, NOISE = 2.0, 0.1, 256, 5000, 4


def ring(count: int, rng: np.random.Generator) -> np.ndarray:
    angle, radius = rng.uniform(0, 2 * np.pi, count), rng.normal(RADIUS, WIDTH, count)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).astype(np.float32)


def generator_layers() -> list[Any]:
    return [Dense(64, "relu"), Dense(64, "relu"), Dense(2)]


def discriminator_layers(trainable: bool) -> list[Any]:
    return [
        Dense(64, trainable=trainable), LeakyReLU(0.2), Dense(64, trainable=trainable), LeakyReLU(0.2),
        Dense(1, "sigmoid", trainable=trainable),
    ]


def train(steps: int, rng: np.random.Generator, say: Callable[[str], Any]) -> Sequential:
    """-> the generator. Models that share no layer keep their recorded steps, so each has its own copy of what rests in it; the copies are
    given the learner's weights after each of its steps."""
    generator = Sequential([Input((NOISE,)), *generator_layers()])
    discriminator = Sequential([Input((2,)), *discriminator_layers(True)])
    resting = discriminator_layers(False)
    both = Sequential([Input((NOISE,)), *generator_layers(), *resting])
    for model in (discriminator, both):
        model.compile(Adam(5e-4, beta_1=0.5), "binary_crossentropy")
    labels = np.concatenate([np.full(BATCH, 0.9), np.zeros(BATCH)]).astype(np.float32)  # smoothed on one side (Salimans et al. 2016)
    real, count = np.ones(BATCH, np.float32), len(generator.get_weights())
    for step in range(steps):
        generator.set_weights(both.get_weights()[:count])
        made = generator.predict_on_batch(rng.standard_normal((BATCH, NOISE)).astype(np.float32))
        judged = discriminator.train_on_batch(np.concatenate([ring(BATCH, rng), made]), labels)
        for copy, layer in zip(resting, discriminator.layers, strict=True):
            copy.set_weights(layer.get_weights())
        fooled = both.train_on_batch(rng.standard_normal((BATCH, NOISE)).astype(np.float32), real)
        if (step + 1) % 1000 == 0:
            say(f"step {step + 1}: loss of the discriminator {judged:.3f}, of the generator {fooled:.3f}")
    generator.set_weights(both.get_weights()[:count])
    return generator


def figures(points: np.ndarray) -> dict[str, float]:
    """How far the points are from the ring's: of the mean, of the radius, the radius's deviation, the share of the emptiest eighth."""
    radius = np.linalg.norm(points, axis=1)
    eighth = ((np.arctan2(points[:, 1], points[:, 0]) + np.pi) / (2 * np.pi) * 8).astype(int) % 8
    return {
        "mean off": float(np.linalg.norm(points.mean(axis=0))), "radius": float(radius.mean()), "spread": float(radius.std()),
        "emptiest eighth": float(np.bincount(eighth, minlength=8).min() / len(points)),
    }


def main(path: Path, say: Callable[[str], Any], steps: int = STEPS) -> Outcome:
    rng = np.random.default_rng(0)
    generator = train(steps, rng, say)
    made, real = generator.predict(rng.standard_normal((2000, NOISE)).astype(np.float32), verbose=0), ring(2000, rng)
    found = figures(made)
    reached = found["mean off"] <= 0.15 and abs(found["radius"] - RADIUS) <= 0.1 * RADIUS
    reached = reached and WIDTH / 2 <= found["spread"] <= 2 * WIDTH and found["emptiest eighth"] >= 0.04
    figure, axes = panels(1, 2, 8.4, 4.4, f"points that a generator made after {steps:,} steps of each network")
    for ax, points, title, colour in zip(axes[0], (real, made), ("real", "generated"), COLOURS, strict=False):
        ax.plot(*points.T, ".", color=colour, markersize=2.5)
        ax.set(xlim=(-3, 3), ylim=(-3, 3), aspect="equal")
        ax.set_title(title, color=INK, fontsize=10)
        plain(ax)
    figure.savefig(path)
    return Outcome(found, bool(reached), path)
