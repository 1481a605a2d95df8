"""The lottery-ticket experiment (Frankle & Carbin 2019) on MNIST: 784-300-100-10, pruned by a fifth a round and rewound to its first
weights, against the same mask with new weights and a random mask with the first ones. Run it: ``python -m gpunn.pruning.lottery``."""

import argparse
import json
import statistics
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

from gpunn import datasets, layers, optimizers, pruning
from gpunn.models import Sequential, state
from gpunn.random import set_random_seed

LAST = {"output": 0.1}  # of the last layer's weights a tenth goes in each round, as in the paper


@dataclass(frozen=True)
class Line:
    """A trained network: `kind`, "ticket" (round 0 is the dense one), "new weights" or "random mask"; `left`, the share of weights left;
    `accuracy` on the test images, of several seeds the mean."""

    kind: str
    round: int
    left: float
    accuracy: float


def network() -> Sequential:
    model = Sequential([
        layers.Input((784,)), layers.Dense(300, "relu"), layers.Dense(100, "relu"), layers.Dense(10, "softmax", name="output"),
    ])
    model.compile(optimizers.SGD(0.02, momentum=0.9), "sparse_categorical_crossentropy", ["accuracy"])
    return model


def experiment(rounds: int = 16, epochs: int = 4, controls: tuple[int, ...] = (11, 16), seed: int = 7) -> Iterator[Line]:
    """The accuracies on the test images, as they come. `controls`: the rounds at whose masks the two controls are trained too.

    16 rounds leave 2.9 % of the weights, 11 leave 8.7 %. Needs MNIST (see `gpunn.datasets`). A dense network of three epochs reaches
    0.970 to 0.977, by its seed, one of four 0.974 to 0.979.
    """
    (x, y), (test_x, test_y) = datasets.mnist.load_data()
    x, test_x = (a.reshape(-1, 784).astype("float32") / 255 for a in (x, test_x))

    def train(model: Any) -> float:
        model.fit(x, y, batch_size=64, epochs=epochs, verbose=0)
        return float(model.evaluate(test_x, test_y, verbose=0)[1])

    set_random_seed(seed)
    model = network()
    first = state.take(model)
    masks = {}
    for r in pruning.rounds(model, train, rounds, share=0.2, layers=LAST):
        yield Line("ticket", r.number, r.left, r.result)
        if r.number in controls:
            masks[r.number] = r.masks
    for number, mask in masks.items():
        set_random_seed(seed + number)
        fresh = network()
        named = dict(zip((p.name for p in pruning.prunable(fresh)), mask.values(), strict=True))
        for kind, kept in (("new weights", named), ("random mask", pruning.random(named, seed))):
            if kind == "random mask":
                state.put(fresh, first)
            pruning.hold(fresh, kept)
            accuracy = train(fresh)
            yield Line(kind, number, pruning.sparsity(fresh).left, accuracy)


def mean(runs: list[list[Line]]) -> list[Line]:
    """One line for each network, from experiments with different seeds."""
    return [replace(lines[0], accuracy=statistics.mean(line.accuracy for line in lines)) for lines in zip(*runs, strict=True)]


def main() -> None:
    parser = argparse.ArgumentParser(description="The lottery-ticket experiment on MNIST.")
    parser.add_argument("--rounds", type=int, default=16, help="of pruning, each by a fifth of what is left")
    parser.add_argument("--epochs", type=int, default=4, help="of training in each round")
    parser.add_argument("--seeds", type=int, nargs="+", default=[7], help="an experiment each; their mean is printed")
    parser.add_argument("--json", help="a file to write the figures to")
    given = parser.parse_args()
    controls = tuple(dict.fromkeys(n for n in (11, given.rounds) if n <= given.rounds))
    runs = []
    for seed in given.seeds:
        runs.append(list(experiment(given.rounds, given.epochs, controls, seed)))
        print(f"seed {seed}: dense {runs[-1][0].accuracy:.4f}", flush=True)
    print(f"{'network':<12} {'round':>5} {'weights left':>13} {'test accuracy':>14}")
    for line in mean(runs):
        print(f"{line.kind:<12} {line.round:>5} {line.left:>13.1%} {line.accuracy:>14.4f}", flush=True)
    if given.json:
        with open(given.json, "w", encoding="utf-8") as file:
            seeds = [{"seed": seed, "lines": [asdict(line) for line in run]} for seed, run in zip(given.seeds, runs, strict=True)]
            json.dump({"epochs": given.epochs, "mean": [asdict(line) for line in mean(runs)], "seeds": seeds}, file, indent=1)


if __name__ == "__main__":
    main()
