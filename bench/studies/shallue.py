"""The shape of Shallue et al. (2019), Measuring the Effects of Data Parallelism on Neural Network Training: steps to a target against the
batch size: perfect scaling, diminishing returns, a plateau. The rate is tuned anew for each size, as there.

784-100-10 on MNIST and Fashion-MNIST, SGD with momentum 0.9, by `gpunn study batch-size`'s own machinery.

    python bench/studies/shallue.py [--full]
"""

import tempfile
import time
from itertools import pairwise

import numpy as np
from common import arguments, images, write

from gpunn.layers import Dense, Input
from gpunn.models import Sequential
from gpunn.studies import BatchSizeStudy
from gpunn.studies.charts import DASH, Chart, Mark, Series

TARGETS = {"mnist": 0.95, "fashion_mnist": 0.84}
PAPER = {
    "claim": "steps to a target fall in proportion to the batch size at first, then less, then no more; where, depends on data and network",
    "where": "figures 1 to 3",
}


def build(shape, classes):
    return Sequential([Input(shape), Dense(100, "relu"), Dense(classes, activation="softmax")])


def main():
    options, began = arguments(__doc__), time.perf_counter()
    ours, words, charts = {}, [], []
    for name, target in TARGETS.items():
        (x, y), test = images(name)
        held = np.arange(len(x)) % 10 == 9
        with tempfile.TemporaryDirectory() as folder:
            study = BatchSizeStudy(
                build, (x[~held], y[~held]), (x[held], y[held]), test, out=folder, budget="target-accuracy", target=target,
                sizes="8..16384" if options.full else [8, 32, 128, 512, 2048, 8192], seeds=5 if options.full else 3,
                amount=200 if options.full else 40, lr_rule="tuned", learning_rate=0.02, base_batch=64, optimizer="sgd",
                optimizer_config={"momentum": 0.9},
            )
            results = study.run(tell=lambda line: print(line, round(time.perf_counter() - began), flush=True))
        backend = results.backends[0]
        steps = {n: e.value for n, e in results.reaching(backend, "step").items()}
        sizes = list(steps)
        gains = {str(n): steps[m] / steps[n] / (n / m) for m, n in pairwise(sizes)}
        fit, said = results.fitted(backend), results.predicted(backend)
        ours[name] = {
            "target": target, "median steps": {str(n): v for n, v in steps.items()}, "share of perfect scaling kept at each size": gains,
            "reached": {str(n): list(results.reached(backend, n)) for n in results.sizes},
            "rates": {str(n): results.of(backend, n)[0]["learning_rate"] for n in sizes if results.of(backend, n)},
            "critical batch of the fit": None if fit is None else vars(fit),
            "critical batch that the noise scale predicts": None if said is None else vars(said),
        }
        kept = [m for m, gain in gains.items() if gain > 0.75]
        left = gains[str(sizes[-1])]
        text = f"{name}, {target:.0%}: {steps[sizes[0]]:,.0f} steps at batch {sizes[0]}, {steps[sizes[-1]]:,.0f} at {sizes[-1]}. "
        upto = "perfect scaling ends below these sizes"
        if kept:
            upto = f"three quarters of perfect scaling at least are kept up to batch {kept[-1]}"
        none = sizes[-2] / sizes[-1]  # where more rows save no steps at all
        end = "a plateau" if left < 1.5 * none else "not yet a plateau"
        text += f"From step to step {upto}; from {sizes[-2]} to {sizes[-1]} {left:.0%} of it (on a plateau {none:.0%}): {end}."
        if fit is not None and said is not None:
            text += f" Critical batch: {fit.batch:.0f} by the fit, {said.batch:.0f} by the noise scale."
        words.append(text)
        line = [steps[sizes[0]] * sizes[0] / n for n in sizes]
        marks = [] if fit is None else [Mark(f"critical batch {fit.batch:.0f}", x=fit.batch)]
        charts.append(Chart(name, f"{name}: steps to {target:.0%}", "batch size", "steps", [
            Series("measured, rate tuned", sizes, list(steps.values())), Series("perfect scaling", sizes, line, kind=DASH, colour=7)],
            marks, log_x=2, log_y=True))
    words.append(
        "Rates were tuned in factors of 2 with momentum fixed, on one seed, where the paper searches rate, momentum and their decay by "
        "hundreds of trials; the target is low, so that small networks reach it soon. Where the regimes end is this network's."
    )
    write("shallue", PAPER, ours, words, charts, options.out, began)


if __name__ == "__main__":
    main()
