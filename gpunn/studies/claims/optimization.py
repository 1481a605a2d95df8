"""Claims about descent: slopes, momentum, optimizers, saddles."""

import math
from typing import Any

import numpy as np

from gpunn import optimizers
from gpunn.callbacks import LambdaCallback
from gpunn.layers import Dense, Input
from gpunn.models import Sequential
from gpunn.studies.charts import BARS, Chart, Grid, Mark, Series
from gpunn.studies.claims.base import Outcome, Scale, Table, claim, column, judged, listed
from gpunn.studies.claims.nets import compiled, descend, first_below, fitted, net, score
from gpunn.tuning import loss_along

WIDTHS = (100, 100)


@claim(1, "Gradient descent moves against the slope and stops where it is 0.", 1, 4)
def against_the_slope(scale: Scale) -> Outcome:
    steps, table, series = 40, Table(), []
    for start in (-3.0, 2.0):
        path = descend([2.0], [start], optimizers.SGD(0.1), steps)[:, 0]
        slope = 2 * path[:-1]
        table.append({"start": start, "end": path[-1], "every step against the slope": bool((np.diff(path) * slope <= 0).all())})
        series.append(Series(f"from {start:g}", list(range(steps + 1)), list(path)))
    x, t = np.array([[3.0]], np.float32), np.array([[10.0]], np.float32)  # the lecture's own step: weight 2, input 3, target 10
    model = Sequential([Input((1,)), Dense(1, use_bias=False)])
    model.set_weights([np.array([[2.0]], np.float32)])
    model.compile(optimizers.SGD(0.01), "mse")
    fitted(model, (x, t), 1, 1)
    first = float(model.get_weights()[0][0, 0])
    ok = all(row["every step against the slope"] and abs(row["end"]) < 1e-3 for row in table) and abs(first - 2.24) < 1e-6
    return judged(
        ok,
        f"From both sides w comes to rest at the minimum 0 (within {max(abs(v) for v in column(table, 'end')):.1g}), each step "
        f"against the slope; the worked step goes from 2 to {first:.4g} (slope -24, rate 0.01).",
        table,
        Chart("path", "w on the parabola w²", "step", "w", series, [Mark("slope 0", y=0.0)]),
    )


@claim(5, "The squared error is a parabola with one global minimum; a network's cost is not convex.", 3, 4)
def convexity(scale: Scale) -> Outcome:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((60, 2)).astype(np.float32)
    y = (np.sin(2 * x[:, :1]) * x[:, 1:]).astype(np.float32)
    ends: dict[str, list[float]] = {}
    charts = []
    for name, widths in (("linear unit", ()), ("2-3-1 sigmoid", (3,))):
        losses = []
        for _ in range(scale.pick(12, 40)):
            model = compiled(net(2, widths, 1, "sigmoid", "linear", init="glorot_normal"), "adam", 0.05, "mse")
            model.set_weights([2 * rng.standard_normal(w.shape) for w in model.get_weights()])
            fitted(model, (x, y), scale.pick(400, 2000), 60)
            losses.append(score(model, (x, y))["loss"])
        ends[name] = sorted(losses)
        surface = loss_along(model, x, y, (model.parameters[0], (0, 0)), (model.parameters[0], (1, 0)), span=4.0, points=25)
        grid = Grid(surface.axes[0], surface.axes[1], surface.losses.T)
        charts.append(Chart(name.split()[0], f"{name}: loss over two weights", "w1", "w2", grid=grid))
    spread = {name: v[-1] - v[0] for name, v in ends.items()}
    table = [{"restart, by its end": i + 1} | {name: v[i] for name, v in ends.items()} for i in range(len(losses))]
    dots = [Series(name, list(range(1, len(v) + 1)), v, kind="points") for name, v in ends.items()]
    ok = spread["linear unit"] < 1e-4 < 1e-3 < spread["2-3-1 sigmoid"]
    return judged(
        ok,
        f"All {len(losses)} restarts of the linear unit end at one loss (spread {spread['linear unit']:.1g}), those of the small "
        f"network at losses {spread['2-3-1 sigmoid']:.2g} apart. 'Always parabolic' is true of the linear model only.",
        table,
        *charts,
        Chart("ends", "Where restarts end", "restart, sorted", "loss", dots),
    )


@claim(8, "Momentum converges faster and reduces oscillation.", 1, 2)
def momentum(scale: Scale) -> Outcome:
    table, paths = Table(), []
    for rate, betas in ((0.078, (0.0, 0.5, 0.9)), (0.01, (0.0, 0.9))):
        for beta in betas:
            path = descend([1.0, 25.0], [10.0, 1.0], optimizers.SGD(rate, momentum=beta), 100)
            steep = float(np.abs(np.diff(path[:, 1])).sum())
            table.append(
                {
                    "rate": rate,
                    "momentum": beta,
                    "path in the steep direction": steep,
                    "steps to 1e-3": first_below(list(np.abs(path).max(axis=1)), 1e-3 * 10),
                }
            )
            if rate == 0.078:
                paths.append(Series(f"momentum {beta:g}", list(path[:, 0]), list(path[:, 1])))
    plain, half, *_ = table
    slow, quick = table[3:]
    near = half["path in the steep direction"] < plain["path in the steep direction"] and (half["steps to 1e-3"] or 999) < (
        plain["steps to 1e-3"] or 999
    )
    far = quick["path in the steep direction"] > slow["path in the steep direction"]
    chart = Chart("ravine", "A ravine, curvatures 1 and 25, rate 0.078", "w1", "w2", paths)
    return judged(
        near and not far,
        "Near the stability limit (rate 0.078) momentum 0.5 shortens the path across the ravine from "
        f"{plain['path in the steep direction']:.3g} to {half['path in the steep direction']:.3g}, and the steps to 1e-3 of the "
        f"start from {plain['steps to 1e-3']} to {half['steps to 1e-3']}. At rate 0.01 momentum 0.9 makes the path longer, "
        f"{slow['path in the steep direction']:.3g} to {quick['path in the steep direction']:.3g}, while it still gets there sooner "
        f"({quick['steps to 1e-3']} steps against {slow['steps to 1e-3'] or 'more than 100'}).",
        table,
        chart,
        only_if="the rate is so high that plain descent oscillates; at low rates momentum adds oscillation, though it is still faster",
        otherwise=near and far,
    )


@claim(9, "With a constant gradient direction momentum takes ever larger steps.", 1)
def growing_steps(scale: Scale) -> Outcome:
    # The gradient of (w x - t)^2 with a tiny x and a huge t: constant for all that w moves.
    model = Sequential([Input((1,)), Dense(1, use_bias=False)])
    model.set_weights([np.zeros((1, 1), np.float32)])
    model.compile(optimizers.SGD(0.01, momentum=0.9), "mse")
    path = [0.0]
    keep = LambdaCallback(on_epoch_end=lambda e, logs: path.append(float(model.get_weights()[0][0, 0])))
    fitted(model, (np.array([[1e-3]], np.float32), np.array([[500.0]], np.float32)), 60, 1, callbacks=[keep])
    steps = np.diff(path) / 0.01
    table = [{"step": i, "length in rates times slope": float(steps[i - 1])} for i in (1, 2, 5, 10, 20, 40, 60)]
    ok = bool((np.diff(steps[:40]) > 0).all() and abs(steps[-1] - 10) < 0.1 and abs(steps[0] - 1) < 1e-3)
    return judged(
        ok,
        f"Step length grows from {steps[0]:.3g} to {steps[-1]:.3g} times rate * slope; the limit is 1 / (1 - 0.9) = 10.",
        table,
        Chart(
            "steps",
            "Step length at momentum 0.9",
            "step",
            "rate * slope",
            [Series("", list(range(1, 61)), list(steps))],
            [Mark("1 / (1 - 0.9)", y=10.0)],
        ),
    )


TUNED: tuple[tuple[str, str, float, dict[str, Any], bool], ...] = (
    ("GD, all rows", "sgd", 1.0, {}, True),
    ("SGD", "sgd", 0.1, {}, False),
    ("momentum 0.9", "sgd", 0.03, {"momentum": 0.9}, False),
    ("AdaGrad", "adagrad", 0.03, {}, False),
    ("RMSprop", "rmsprop", 0.001, {}, False),
    ("Adam", "adam", 0.001, {}, False),
)


@claim(10, "Optimizers can be compared by their loss curves (GD, SGD, momentum, AdaGrad, RMSprop, Adam).", 2)
def optimizer_curves(scale: Scale) -> Outcome:
    data, test = scale.images("fashion-mnist", scale.pick(4000, 60000))
    table, curves = Table(), []
    for name, kind, rate, config, whole in TUNED:
        best = None
        for factor in (0.3, 1.0, 3.0):
            model = compiled(net(data[0].shape[1], (100,)), kind, rate * factor, **config)
            losses = fitted(model, data, scale.pick(5, 15), len(data[0]) if whole else 64)["loss"]
            if math.isfinite(losses[-1]) and (best is None or losses[-1] < best[1][-1]):
                best = rate * factor, losses, score(model, test)["accuracy"]
        if best is None:
            continue
        table.append({"optimizer": name, "rate, best of three": best[0], "final loss": best[1][-1], "test accuracy": best[2]})
        curves.append(Series(name, list(range(1, len(best[1]) + 1)), best[1]))
    order = sorted(table, key=lambda r: r["final loss"])
    return judged(
        len(table) == len(TUNED),
        "In the order of their training loss after equal epochs: "
        f"{listed(order, 'optimizer', 'final loss', '.3f')}. The order belongs to this net, data and budget.",
        table,
        Chart("curves", "Training loss at the best of three rates", "epoch", "loss", curves, log_y=True),
    )


@claim(11, "AdaGrad needs less tuning but may stop learning too early; RMSprop mends that.", 2)
def adagrad_stops(scale: Scale) -> Outcome:
    steps, table, series = scale.pick(400, 4000), Table(), []
    for name, optimizer in (("AdaGrad", optimizers.Adagrad(0.01, initial_accumulator_value=0.0)), ("RMSprop", optimizers.RMSprop(0.01))):
        # A slope that stays 1: (w x - t)^2 / (2 t x) with a huge t.
        model = Sequential([Input((1,)), Dense(1, use_bias=False)])
        model.set_weights([np.zeros((1, 1), np.float32)])
        model.compile(optimizer, "mse")
        path = [0.0]
        keep = LambdaCallback(on_epoch_end=lambda e, logs, m=model, p=path: p.append(float(m.get_weights()[0][0, 0])))
        fitted(model, (np.array([[1e-4]], np.float32), np.array([[5000.0]], np.float32)), steps, 1, callbacks=[keep])
        length = np.abs(np.diff(path))
        places = np.unique(np.geomspace(20, steps, 30).astype(int))
        slope = float(np.polyfit(np.log(places), np.log(length[places - 1]), 1)[0])
        table.append({"optimizer": name, "exponent of the step length": slope, f"step {steps}": float(length[-1])})
        series.append(Series(name, [int(p) for p in places], [float(length[p - 1]) for p in places]))
    adagrad, rmsprop = column(table, "exponent of the step length")
    return judged(
        abs(adagrad + 0.5) < 0.1 and abs(rmsprop) < 0.1,
        f"Under a constant slope AdaGrad's steps fall like t^{adagrad:.2f} (1/sqrt(t) "
        f"is -0.5), RMSprop's like t^{rmsprop:.2f}: they do not.",
        table,
        Chart("steps", "Step length under a constant slope", "step", "length", series, log_x=10, log_y=True),
    )


@claim(67, "Descent can stick at minima, plateaus, saddles; momentum, adaptive rates or second-order methods get over them.", 0, 1)
def saddles(scale: Scale) -> Outcome:
    """(w1 w2 - 1)^2, two linear units in a row, from near its saddle at 0; and a sigmoid unit far out on its plateau."""
    x, y, table, curves = np.ones((1, 1), np.float32), np.ones((1, 1), np.float32), Table(), []
    kinds = {
        "GD": lambda: optimizers.SGD(0.02),
        "momentum 0.9": lambda: optimizers.SGD(0.02, momentum=0.9),
        "Adam": lambda: optimizers.Adam(0.02),
        "L-BFGS": lambda: optimizers.LBFGS(max_iterations=1),
    }
    for name, make in kinds.items():
        row: dict[str, Any] = {"optimizer": name}
        for place in ("saddle", "plateau"):
            if place == "saddle":
                model = Sequential([Input((1,)), Dense(1, use_bias=False), Dense(1, use_bias=False)])
                start = [np.full((1, 1), 1e-3, np.float32), np.full((1, 1), 2e-3, np.float32)]
            else:
                model = Sequential([Input((1,)), Dense(1, "sigmoid", use_bias=False)])
                start = [np.full((1, 1), -5.0, np.float32)]
            model.set_weights(start)
            model.compile(make(), "mse")
            losses = fitted(model, (x, y), 1500 if place == "plateau" else 400, 1)["loss"]
            row[f"steps off the {place}"] = first_below(losses, 0.1)
            if place == "saddle":
                curves.append(Series(name, list(range(1, min(len(losses), 400) + 1)), losses[:400]))
        table.append(row)
    newton = np.array([1e-3, 2e-3])
    for _ in range(5):  # plain Newton: to the nearest point where the slope is 0, whatever kind it is
        a, b = newton
        g = 2 * (a * b - 1) * np.array([b, a])
        h = 2 * np.array([[b * b, 2 * a * b - 1], [2 * a * b - 1, a * a]])
        newton = newton - np.linalg.solve(h, g)
    table.append({"optimizer": "Newton", "steps off the saddle": None, "steps off the plateau": None})
    gd, *rest = table[:-1]
    count = {k: [r[k] if r[k] is not None else 10**6 for r in (gd, *rest)] for k in ("steps off the saddle", "steps off the plateau")}
    ok = all(v[0] == max(v) and v[0] > min(v) for v in count.values()) and float(np.abs(newton).max()) < 1e-6
    said = "; ".join(
        f"{r['optimizer']} {r['steps off the saddle'] or 'never'} and {r['steps off the plateau'] or 'never'}" for r in table[:-1]
    )
    return judged(
        ok,
        f"Steps off the saddle and off the plateau: {said}. Plain Newton goes into the saddle (|w| = {np.abs(newton).max():.0e}): "
        "second-order methods help only where they look for descent, as L-BFGS does.",
        table,
        Chart("saddle", "Away from the saddle of (w1 w2 - 1)²", "step", "loss", curves),
        Chart(
            "steps",
            "Steps to a loss of 0.1",
            "",
            "steps",
            [Series(k, column(table[:-1], "optimizer"), [r[k] for r in table[:-1]], kind=BARS) for k in count],
            log_y=True,
        ),
    )
