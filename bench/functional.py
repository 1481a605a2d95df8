"""A functional model against the Sequential of the same layers, in turns: what the graph costs.

    python bench/functional.py [--batches 32 128] [--turns 9] [--seconds 0.4] [--save]

Both train 784-300-100-10 with dropout by the public `fit` on the same rows, in one process, an epoch each in turn; the order changes from
turn to turn, so that a noisy minute hits both. Reported: images a second (medians), and the median over turns of functional / Sequential.
The recorded steps are compared too: the same kernels in the same order.
"""

import argparse
import statistics
import time

import contest
import numpy as np

import gpunn
from gpunn.layers import Dense, Dropout, Input
from gpunn.models import Model, Sequential

ROWS = 16_384


def networks():
    out = []
    for kind in ("Sequential", "functional"):
        gpunn.utils.set_random_seed(1)
        stack = [Dense(300, activation="relu"), Dropout(0.2), Dense(100, activation="relu"), Dense(10, activation="softmax")]
        x = y = Input((784,))
        for layer in stack if kind == "functional" else ():
            y = layer(y)
        model = Model(x, y, name="net") if kind == "functional" else Sequential([x, *stack], name="net")
        model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
        out.append(model)
    return out


def measure(batch, turns, seconds):
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (ROWS, 784)).astype(np.uint8), rng.integers(0, 10, ROWS)
    models = networks()
    kernels = [[line.split(" x ")[0] for line in m.explain(batch, print_fn=str).splitlines() if line.startswith("  phase")] for m in models]
    assert kernels[0] == kernels[1], "the two record different steps"
    epochs = 1
    for model in models:  # compiles, and finds how many epochs a turn has
        model.fit(x, y, batch_size=batch, verbose=0)
        began = time.perf_counter()
        model.fit(x, y, batch_size=batch, verbose=0)
        epochs = max(1, round(seconds / (time.perf_counter() - began)))
    rates = [[], []]
    for turn in range(turns):
        for k in (0, 1) if turn % 2 == 0 else (1, 0):
            began = time.perf_counter()
            models[k].fit(x, y, batch_size=batch, epochs=epochs, verbose=0)
            rates[k].append(ROWS * epochs / (time.perf_counter() - began))
    ratios = [b / a for a, b in zip(*rates, strict=True)]
    return {
        "batch": batch, "sequential": statistics.median(rates[0]), "functional": statistics.median(rates[1]),
        "ratio": statistics.median(ratios), "ratios": ratios, "nodes": len(kernels[0]),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batches", type=int, nargs="+", default=[32, 128])
    parser.add_argument("--turns", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=0.4)
    parser.add_argument("--save", action="store_true")
    args = parser.parse_args()
    results = [measure(batch, args.turns, args.seconds) for batch in args.batches]
    for r in results:
        rates = f"Sequential {r['sequential']:>9,.0f}/s, functional {r['functional']:>9,.0f}/s"
        print(f"batch {r['batch']:>5}: {rates}, ratio {r['ratio']:.3f}")
    if args.save:
        print(contest.save("functional", {"turns": args.turns, "rows": ROWS, "results": results}))


if __name__ == "__main__":
    main()
