"""Claims about the learning rate."""

import math
from typing import Any

import numpy as np

from gpunn import optimizers
from gpunn.callbacks import LambdaCallback, LearningRateScheduler, ReduceLROnPlateau
from gpunn.studies.charts import Chart, Mark, Series
from gpunn.studies.claims.base import Outcome, Scale, Table, claim, column, judged, listed, names
from gpunn.studies.claims.nets import compiled, descend, first_below, fitted, fitted_by_seed, net, score
from gpunn.tuning import LRFinder

WIDTHS = (100, 100)


@claim(2, "Too high a learning rate overshoots, oscillates or diverges.", 0, 1, 2, 3)
def too_high(scale: Scale) -> Outcome:
    data, test = scale.images("fashion-mnist", *scale.pick((4000, 2000), (20000, 10000)))
    table, curves = Table(), []
    for rate in (0.001, 0.01, 0.1, 0.3, 1.0, 3.0, 10.0):
        model = compiled(net(data[0].shape[1], (100,) * 4), "sgd", rate)
        losses = fitted(model, data, scale.pick(4, 10), 64)["loss"]
        found = score(model, test)["accuracy"]
        table.append({"rate": rate, "final loss": losses[-1], "test accuracy": found if math.isfinite(losses[-1]) else 0.1})
        curves.append(Series(f"rate {rate:g}", list(range(1, len(losses) + 1)), [v if v < 10 else None for v in losses]))
    best = max(table, key=lambda r: r["test accuracy"])
    worse = [r for r in table if r["rate"] > best["rate"] and r["test accuracy"] < 0.2]
    path = descend([2.0], [1.0], optimizers.SGD(1.05), 12)[:, 0]
    ok = bool(worse) and abs(path[-1]) > 1
    return judged(
        ok,
        f"Best at rate {best['rate']:g} ({best['test accuracy']:.1%}); chance level at rate "
        f"{names(column(worse, 'rate'))}. On the parabola w² rate 1.05 oscillates and grows to "
        f"{abs(path[-1]):.2g}.",
        table,
        Chart("loss", "Training loss", "epoch", "loss", curves, log_y=True),
        Chart("parabola", "w² at rate 1.05", "step", "w", [Series("w", list(range(13)), list(path))]),
    )


@claim(3, "Too low a learning rate is slow and needs too many epochs.", 0, 2, 3)
def too_low(scale: Scale) -> Outcome:
    data, _ = scale.images("fashion-mnist", scale.pick(4000, 20000))
    limit, most, table = 0.7, scale.pick(30, 60), Table()
    for rate in (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0):
        model = compiled(net(data[0].shape[1], (100,)), "sgd", rate)
        stop = LambdaCallback(on_epoch_end=lambda e, logs, m=model: setattr(m, "stop_training", logs["loss"] <= limit))
        losses = fitted(model, data, most, 64, callbacks=[stop])["loss"]
        table.append({"rate": rate, "epochs to the loss": first_below(losses, limit)})
    known = [r for r in table if r["epochs to the loss"] is not None]
    best = min(known, key=lambda r: r["epochs to the loss"])
    low = [r["epochs to the loss"] or most + 1 for r in table if r["rate"] <= best["rate"]]
    ok = low == sorted(low, reverse=True) and low[0] > 3 * low[-1]
    lowest = table[0]["epochs to the loss"] or f"more than {most}"
    return judged(
        ok,
        f"A training loss of {limit} takes {lowest} epochs at rate {table[0]['rate']:g}, {best['epochs to the loss']} at "
        f"{best['rate']:g}; at the highest rate {table[-1]['rate']:g}: {table[-1]['epochs to the loss'] or 'never'}.",
        table,
        Chart(
            "epochs",
            f"Epochs to a loss of {limit}",
            "learning rate",
            "epochs",
            [Series("", column(table, "rate"), column(table, "epochs to the loss"))],
            log_x=10,
            log_y=True,
        ),
    )


@claim(4, "A learning-rate range test shows three phases and makes the optimal range easy to see.", 0)
def range_test(scale: Scale) -> Outcome:
    data, test = scale.images("mnist", scale.pick(5000, 60000))
    finder = LRFinder(compiled(net(data[0].shape[1], (100,)), "sgd", 0.1), 1e-6, 10.0, scale.pick(150, 400)).run(*data, batch_size=64)
    phases, (low, high), rate = finder.phases(), finder.range(), finder.suggestion()
    # Past the end of the sweep where it never rose: three times where the loss was lowest, at least.
    past = float(finder.learning_rates[phases.rise]) if phases.rise else 3 * high
    table = Table()
    for name, tried in (("flat", low / 30), ("falling", rate), ("diverging", max(10.0, 3 * past))):
        model = compiled(net(data[0].shape[1], (100,)), "sgd", tried)
        fitted(model, data, 1, 64)
        table.append({"phase": name, "rate": tried, "test accuracy after an epoch": score(model, test)["accuracy"]})
    flat, falling, diverging = column(table, "test accuracy after an epoch")
    three = phases.rise is not None
    curve = Series("smoothed loss", list(finder.learning_rates), [float(v) for v in finder.smoothed])
    return judged(
        three and falling > flat and falling > diverging,
        f"The loss falls between {low:.2g} and {high:.2g}{'' if three else ' and was not seen to rise'}; the suggestion {rate:.2g} "
        f"reaches {falling:.1%} in an epoch, a rate of the flat phase {flat:.1%}, one past the range {diverging:.1%}.",
        table,
        Chart("sweep", "The sweep", "learning rate", "loss", [curve], [Mark(f"suggestion {rate:.2g}", x=rate)], log_x=10),
    )


def _decay(scale: Scale, kinds: tuple[str, ...]) -> tuple[Table, Chart]:
    """Final losses under constant and decayed rates, over seeds."""
    data, test = scale.images("fashion-mnist", scale.pick(4000, 30000))
    epochs, rate, table, curves = scale.pick(16, 40), 0.3, Table(), []
    chains = {
        "constant": lambda: [],
        "step": lambda: [LearningRateScheduler(lambda e: rate * 0.5 ** (e // max(1, epochs // 5)))],
        "exponential": lambda: [LearningRateScheduler(lambda e: rate * 0.8**e)],
        "plateau": lambda: [ReduceLROnPlateau(factor=0.2, patience=2, min_lr=1e-4)],
    }
    for kind in kinds:
        found, losses = [], np.zeros(epochs)

        def make() -> Any:
            return compiled(net(data[0].shape[1], (100,)), "sgd", rate)

        def chain(seed: int, kind: str = kind) -> Any:
            return chains[kind]()

        for _, history in fitted_by_seed(make, scale.pick(2, 5), data, epochs, 32, held=test, callbacks=chain):
            found.append((history["loss"][-1], history["val_loss"][-1]))
            losses += np.array(history["val_loss"]) / scale.pick(2, 5)
        train, held = np.mean(found, axis=0)
        table.append({"rate": kind, "training loss": float(train), "test loss": float(held)})
        curves.append(Series(kind, list(range(1, epochs + 1)), list(losses)))
    return table, Chart("decay", "Test loss", "epoch", "loss", curves)


@claim(6, "Decaying the learning rate helps: large first, small later.", 2, 3)
def decay_helps(scale: Scale) -> Outcome:
    table, chart = _decay(scale, ("constant", "step", "exponential", "plateau"))
    constant, *rest = table
    better = [r["rate"] for r in rest if r["test loss"] < constant["test loss"]]
    return judged(
        len(better) == len(rest),
        f"Test loss at the end: {listed(table, 'rate', 'test loss', '.3f')} (the same "
        f"rate 0.3 at first, equal epochs). Better than constant: {names(better)}.",
        table,
        chart,
    )


@claim(54, "Reducing the rate when the loss no longer falls optimises convergence.", 2, 3)
def plateau_helps(scale: Scale) -> Outcome:
    table, chart = _decay(scale, ("constant", "plateau"))
    constant, plateau = table
    return judged(
        plateau["test loss"] < constant["test loss"],
        f"Test loss at the end {plateau['test loss']:.3f} with ReduceLROnPlateau, {constant['test loss']:.3f} at the constant rate.",
        table,
        chart,
    )
