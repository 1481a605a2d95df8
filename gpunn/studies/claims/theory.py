"""Claims that mathematics settles, and small problems with known answers."""

import itertools
import math

import numpy as np

import gpunn
from gpunn.layers import Dense, Input
from gpunn.models import Sequential
from gpunn.studies.charts import BARS, DASH, POINTS, Chart, Series
from gpunn.studies.claims.base import Outcome, Scale, Table, claim, column, judged, listed
from gpunn.studies.claims.data import gradient_of
from gpunn.studies.claims.nets import compiled, fitted, net, score


@claim(12, "Every boolean function is representable with one hidden layer, maybe of exponentially many units.", 1)
def boolean_functions(scale: Scale) -> Outcome:
    """The disjunctive normal form as step units: one hidden unit a row that is true, an output that is their OR."""
    rows = np.array(list(itertools.product((0, 1), repeat=3)), np.float32)
    right = sum(bool((_normal_form(rows, truth) == truth).all()) for truth in itertools.product((0, 1), repeat=8))
    table = Table()
    for bits in range(2, scale.pick(8, 11)):
        inputs = np.array(list(itertools.product((0, 1), repeat=bits)), np.float32)
        truth = inputs.sum(axis=1).astype(int) % 2
        exact = bool((_normal_form(inputs, tuple(truth)) == truth).all())
        table.append({"bits of parity": bits, "hidden units": int(truth.sum()), "exact": exact})
    ok = right == 256 and all(column(table, "exact"))
    scale.data.append("truth tables")
    return judged(
        ok,
        f"All {right} of 256 functions of three inputs are exact. Parity of n bits takes 2^(n-1) units this way: "
        f"{listed(table, 'bits of parity', 'hidden units', 'd')} (bits, units).",
        table,
        Chart(
            "units",
            "Units for parity",
            "bits",
            "hidden units",
            [Series("", column(table, "bits of parity"), column(table, "hidden units"))],
            log_y=True,
        ),
    )


def _normal_form(rows: np.ndarray, truth: tuple[int, ...]) -> np.ndarray:
    true = rows[np.array(truth, bool)]
    if not len(true):
        return np.zeros(len(rows), int)
    model = Sequential([Input((rows.shape[1],)), Dense(len(true), "step"), Dense(1, "step")])
    kernel, ones = 2 * true.T - 1, np.ones((len(true), 1))
    model.set_weights([kernel, 0.5 - true.sum(axis=1), ones, np.array([-0.5])])
    return np.asarray(model.predict(rows, verbose=0)[:, 0], int)


@claim(13, "One hidden layer approximates any bounded continuous function.", 1)
def approximation(scale: Scale) -> Outcome:
    x = np.linspace(-3, 3, 200, dtype=np.float32)[:, None]
    targets = {"sin": np.sin(2 * x), "abs": np.abs(x) - 1.5, "nearly a step": np.tanh(8 * x)}
    widths, table, curves = (1, 3, 10, 40), Table(), []
    for name, y in targets.items():
        found = []
        for width in widths:
            errors = []
            for seed in range(scale.pick(1, 5)):
                gpunn.utils.set_random_seed(seed)
                model = compiled(net(1, (width,), 1, "tanh", "linear", init="he_normal"), "adam", 0.02, "mse")
                fitted(model, (x, y), scale.pick(600, 5000), 200)
                errors.append(math.sqrt(score(model, (x, y))["loss"]))
            found.append(min(errors))
        table += [{"function": name, "hidden units": w, "error": e} for w, e in zip(widths, found, strict=True)]
        curves.append(Series(name, list(widths), found))
    gain = [c.y[0] / c.y[-1] for c in curves]
    ok = all(g > 1.5 for g in gain) and all(c.y[-1] < 0.1 for c in curves)
    scale.data.append("three functions on [-3, 3]")
    return judged(
        ok,
        f"From 1 to {widths[-1]} hidden units the error falls {', '.join(f'{g:.0f}' for g in gain)} times (sin, abs, a nearly sharp "
        "step). That a wide enough layer exists does not say that training finds it.",
        table,
        Chart("error", "Root mean square error", "hidden units", "error", curves, log_x=10, log_y=True),
    )


@claim(15, "Hidden layers capture interactions that linear regression misses.", 4)
def interactions(scale: Scale) -> Outcome:
    """Transactions by balance, whose slope depends on whether somebody is retired."""
    rng = np.random.default_rng(0)
    n = scale.pick(400, 5000)
    balance, retired = rng.uniform(0, 1, n), rng.integers(0, 2, n)
    y = (2 + balance * np.where(retired == 1, -3, 4) + 0.1 * rng.standard_normal(n)).astype(np.float32)[:, None]
    x = np.stack([balance, retired], axis=1).astype(np.float32)
    table, series = (
        [],
        [Series(f"data, retired {r}", list(balance[retired == r][:100]), list(y[retired == r, 0][:100]), kind=POINTS) for r in (0, 1)],
    )
    at = np.linspace(0, 1, 30)
    for name, widths in (("linear", ()), ("8 hidden units", (8,))):
        gpunn.utils.set_random_seed(2)
        model = compiled(net(2, widths, 1, "relu", "linear"), "adam", 0.02, "mse")
        fitted(model, (x, y), scale.pick(150, 300), 32)
        table.append({"model": name, "mean squared error": score(model, (x, y))["loss"]})
        for r in (0, 1):
            line_of = model.predict(np.stack([at, np.full(30, r)], axis=1).astype(np.float32), verbose=0)[:, 0]
            series.append(Series(f"{name}, retired {r}", list(at), [float(v) for v in line_of], kind=DASH if widths else "line"))
    linear, hidden = column(table, "mean squared error")
    scale.data.append("made-up bank customers")
    return judged(
        hidden < 0.1 * linear,
        f"Squared error {linear:.3f} of the linear model, {hidden:.3f} with one hidden layer (noise: 0.010). The linear "
        "model's lines for both groups are parallel.",
        table,
        Chart("lines", "Transactions by balance", "balance", "transactions", series),
    )


@claim(63, "Backpropagation gives gradient 0 when the output is exactly right.", 3)
def nothing_to_learn(scale: Scale) -> Outcome:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((20, 4)).astype(np.float32)
    table = Table()
    for name, outputs, output, loss in (("squared error", 3, "linear", "mse"), ("cross-entropy", 3, "softmax", "categorical_crossentropy")):
        model = compiled(net(4, (8,), outputs, "tanh", output), "sgd", 0.1, loss)
        right = model.predict(x, batch_size=20, verbose=0)
        wrong = np.roll(right, 1, axis=0)
        table.append(
            {
                "loss": name,
                "largest gradient, target = output": float(np.abs(gradient_of(model, x, right)).max()),
                "largest gradient, other targets": float(np.abs(gradient_of(model, x, wrong)).max()),
            }
        )
    zero = max(column(table, "largest gradient, target = output"))
    scale.data.append("20 random rows")
    return judged(
        zero < 1e-6,
        f"With the outputs as targets no gradient is above {zero:.0e} (rounding); with others up to "
        f"{max(column(table, 'largest gradient, other targets')):.2g}. For cross-entropy the targets are the probabilities themselves: the "
        "loss is then not 0, its gradient is.",
        table,
        Chart(
            "gradients",
            "Largest gradient",
            "",
            "size",
            [Series(k.split(", ")[1], column(table, "loss"), column(table, k), kind=BARS) for k in list(table[0])[1:]],
        ),
    )


@claim(64, "Softmax outputs are in [0, 1] and sum to 1, whatever the scale of the inputs.", 1, 4)
def softmax_sums(scale: Scale) -> Outcome:
    rng = np.random.default_rng(0)
    table = Table()
    for size in (1.0, 100.0, 1e4, 1e30):
        z = (size * rng.uniform(-1, 1, (200, 10))).astype(np.float32)
        p = np.asarray(gpunn.activations.get("softmax")(z))
        table.append(
            {
                "inputs up to": size,
                "smallest": float(p.min()),
                "largest": float(p.max()),
                "sum off by": float(np.abs(p.sum(axis=1) - 1).max()),
                "finite": bool(np.isfinite(p).all()),
            }
        )
    off = max(column(table, "sum off by"))
    ok = all(column(table, "finite")) and off < 1e-5 and min(column(table, "smallest")) >= 0 and max(column(table, "largest")) <= 1
    scale.data.append("random inputs up to 1e30")
    return judged(
        ok,
        f"Sums are 1 within {off:.0e}, all values within [0, 1], none is NaN.",
        table,
        Chart(
            "sums",
            "How far sums are from 1",
            "largest input",
            "difference",
            [Series("", column(table, "inputs up to"), [max(v, 1e-9) for v in column(table, "sum off by")])],
            log_x=10,
            log_y=True,
        ),
    )
