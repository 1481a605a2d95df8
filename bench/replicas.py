"""R models trained together (`gpunn.models.Replicas`) against one alone, and against R one after another, by the public `fit`.

    python bench/replicas.py [--counts 2 8 32] [--turns 7] [--save]

Two networks: 784-300-100-10 at batch 128 on rows of Fashion-MNIST (random ones where there is none), 64-32-10 at batches 32 and 128 on the
digits. In every turn each way runs once, the order changing from turn to turn; reported are medians over turns of the ratios within one.
"one step for all": the same replicas recorded as one step of a CPU program, which is what a GPU runs; a CPU does not, for the figure here.
"two spinning threads": how much work the machine gave two threads in that minute, over what it gave one: 2 is two whole cores.
"""

import argparse
import statistics
import threading
import time

import contest
import numpy as np

import gpunn
from gpunn.layers import Dense, Input
from gpunn.models import Replicas, Sequential

LOSS = "sparse_categorical_crossentropy"


def images():
    try:
        from gpunn.datasets import fashion_mnist

        (x, y), _ = fashion_mnist.load_data()
        return x.reshape(len(x), -1)[:16384], y[:16384]
    except OSError:
        rng = np.random.default_rng(0)
        return rng.integers(0, 256, (16384, 784)).astype(np.uint8), rng.integers(0, 10, 16384)


def digits():
    from gpunn.datasets import digits as data

    (x, y), _ = data.load_data()
    return (x.reshape(len(x), -1) / 16).astype(np.float32), y


def network(inputs: int, *widths: int):
    model = Sequential([Input((inputs,)), *[Dense(w, "relu") for w in widths], Dense(10, "softmax")])
    model.compile("adam", LOSS, ["accuracy"])
    return model


CASES = {  # data, widths, batch, epochs of a turn
    "784-300-100-10, batch 128": (images, (784, 300, 100), 128, 1),
    "64-32-10, batch 32": (digits, (64, 32), 32, 20),
    "64-32-10, batch 128": (digits, (64, 32), 128, 20),
}


def one_step_for_all(joint: Replicas, x, y, batch: int):
    """-> a call that runs a pass of all replicas as one program; None without Numba."""
    from gpunn.backend.cpu import CpuProgram
    from gpunn.training.loop import Training

    ops = joint.models[0].backend
    if not ops.compiled:
        return None
    trainings = [Training(m, m._check(x, y, None, None, "fit"), batch, False) for m in joint.models]
    programs, merged = [t.record(batch) for t in trainings], CpuProgram(ops.threads, True)
    merged.nodes = [node for nodes in zip(*[p.nodes for p in programs], strict=True) for node in nodes]

    def run(program) -> float:
        for t in trainings:
            ops.write(t.feed.position, 0)
        began = time.perf_counter()
        program.run(trainings[0].feed.whole)
        return time.perf_counter() - began

    side = ops.stack(len(programs)).program(programs)
    run(merged), run(side)
    return lambda: run(merged) / run(side)


def spin(seconds: float, counts: list[int], i: int) -> None:
    a = np.ones(4096)
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        np.sqrt(a, out=a)
        counts[i] += 1


def threads_worth() -> float:
    """Work that two threads do in a time, over one's."""
    one, two = [0], [0, 0]
    spin(0.1, one, 0)
    others = [threading.Thread(target=spin, args=(0.1, two, i)) for i in range(2)]
    for t in others:
        t.start()
    for t in others:
        t.join()
    return sum(two) / one[0]


def measure(case: str, count: int, turns: int) -> dict:
    load, (inputs, *widths), batch, epochs = CASES[case]
    x, y = load()
    joint = Replicas(lambda: network(inputs, *widths), seeds=range(count))
    others = []
    for seed in range(count):
        gpunn.utils.set_random_seed(seed)
        others.append(network(inputs, *widths))
    histories = joint.fit(x, y, batch_size=batch, epochs=1)
    for model, history in zip(others, histories, strict=True):
        assert model.fit(x, y, batch_size=batch, epochs=1, verbose=0).history == history.history, "they end elsewhere"

    def alone() -> None:
        others[0].fit(x, y, batch_size=batch, epochs=epochs, verbose=0)

    def one_by_one() -> None:
        for model in others:
            model.fit(x, y, batch_size=batch, epochs=epochs, verbose=0)

    ways = {"alone": alone, "one after another": one_by_one, "together": lambda: joint.fit(x, y, batch_size=batch, epochs=epochs)}
    seconds: dict = {name: [] for name in ways}
    merged, slower, worth = one_step_for_all(joint, x, y, batch), [], []
    for turn in range(turns):
        for name in sorted(ways, reverse=bool(turn % 2)):
            began = time.perf_counter()
            ways[name]()
            seconds[name].append(time.perf_counter() - began)
        worth.append(threads_worth())
        if merged is not None:
            slower.append(merged())

    def ratio(a: str, b: str) -> float:
        return statistics.median(p / q for p, q in zip(seconds[a], seconds[b], strict=True))

    return {
        "network": case, "replicas": count, "together / one alone": ratio("together", "alone"),
        "one after another / together": ratio("one after another", "together"),
        "one step for all / side by side": statistics.median(slower) if slower else None,
        "two spinning threads": statistics.median(worth), "epochs": epochs,
        "seconds": {k: statistics.median(v) for k, v in seconds.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--counts", type=int, nargs="+", default=[2, 8, 32])
    parser.add_argument("--cases", nargs="+", default=list(CASES), choices=list(CASES))
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--save", action="store_true")
    args = parser.parse_args()
    results = []
    for case in args.cases:
        for count in args.counts:
            r = measure(case, count, args.turns)
            results.append(r)
            numbers = {k: round(v, 2) for k, v in r.items() if isinstance(v, float)}
            print(f"{case}, {count} replicas: {numbers}", flush=True)
    if args.save:
        print(contest.save("replicas-cpu", {"turns": args.turns, "results": results}))


if __name__ == "__main__":
    main()
