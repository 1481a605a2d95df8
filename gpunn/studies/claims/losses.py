"""Claims about losses, and the two models whose best weights are known exactly."""

import math

import numpy as np

import gpunn
from gpunn import losses
from gpunn.layers import Dense, Input
from gpunn.models import Sequential
from gpunn.studies.charts import BARS, POINTS, Chart, Series
from gpunn.studies.claims.base import Outcome, Scale, Table, claim, column, judged, listed
from gpunn.studies.claims.data import gradient_of, line
from gpunn.studies.claims.nets import compiled, fitted, net


@claim(46, "The squared error punishes outliers, absolute error and Huber loss less.", 2)
def outliers(scale: Scale) -> Outcome:
    rng = np.random.default_rng(1)
    x = rng.uniform(-1, 1, (400, 1)).astype(np.float32)
    y = (2 * x + 0.1 * rng.standard_normal((400, 1))).astype(np.float32)
    wrong = x[:, 0] > np.quantile(x[:, 0], 0.95)
    y[wrong] += 15  # five in a hundred, all on one side
    table, series = [], [Series("data", list(x[::4, 0]), list(y[::4, 0]), kind=POINTS, colour=7)]
    for name, loss in (("MSE", "mse"), ("MAE", "mae"), ("Huber", losses.Huber(1.0))):
        model = compiled(net(1, (), 1, output="linear"), "adam", 0.05, loss)
        fitted(model, (x, y), scale.pick(60, 300), 50)
        kernel, bias = (float(w.ravel()[0]) for w in model.get_weights())
        table.append({"loss": name, "slope": kernel, "error of the slope": abs(kernel - 2)})
        series.append(Series(name, [-1.0, 1.0], [bias - kernel, bias + kernel]))
    mse, mae, huber = column(table, "error of the slope")
    scale.data.append("a line, 5 % outliers")
    return judged(
        mse > 2 * mae and mse > 2 * huber,
        f"True slope 2. Found: {listed(table, 'loss', 'slope')}.",
        table,
        Chart("lines", "Fits with 5 % outliers", "x", "y", series),
    )


@claim(47, "The choice of loss changes the speed of training.", 2)
def speed_of_losses(scale: Scale) -> Outcome:
    """A sigmoid unit that starts far on the wrong side: the squared error's slope has a factor s (1 - s), cross-entropy's has not."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((200, 2)).astype(np.float32)
    y = (x @ np.array([1.0, -1.0]) > 0).astype(np.float32)[:, None]
    table, curves = Table(), []
    for loss in ("mse", "binary_crossentropy"):
        model = Sequential([Input((2,)), Dense(1, "sigmoid")])
        model.set_weights([np.array([[-6.0], [6.0]]), np.zeros(1)])
        model.compile(gpunn.optimizers.SGD(0.2), loss, ["binary_accuracy"])
        found = fitted(model, (x, y), scale.pick(40, 200), 20)["binary_accuracy"]
        table.append({"loss": loss, "epochs to 90 %": next((i for i, v in enumerate(found, 1) if v > 0.9), None)})
        curves.append(Series(loss, list(range(1, len(found) + 1)), found))
    mse, bce = column(table, "epochs to 90 %")
    scale.data.append("two classes of points")
    return judged(
        bce is not None and (mse is None or mse > 1.5 * bce),
        f"From a bad start 90 % accuracy takes {bce or 'more than all'} epochs by cross-entropy, "
        f"{mse or f'more than {len(found)}'} by the squared error, at the same rate.",
        table,
        Chart("accuracy", "From a bad start", "epoch", "accuracy", curves, percent=True),
    )


@claim(48, "MAPE judges forecasts of very different size better than MSE.", 0)
def mape(scale: Scale) -> Outcome:
    rng = np.random.default_rng(0)
    sizes, n = np.array([5.0, 50.0, 500.0]), 300
    kind = rng.integers(0, 3, n)
    x = np.eye(3, dtype=np.float32)[kind]
    y = (sizes[kind] * np.exp(0.3 * rng.standard_normal(n))).astype(np.float32)[:, None]
    x = np.concatenate([x, rng.standard_normal((n, 1)).astype(np.float32)], axis=1)
    table = Table()
    for loss in ("mse", "mape"):
        gpunn.utils.set_random_seed(0)
        model = compiled(net(4, (16,), 1, "relu", "softplus"), "adam", 0.05, loss)
        fitted(model, (x, y), scale.pick(150, 600), 30)
        off = np.abs(model.predict(x, verbose=0)[:, 0] - y[:, 0]) / y[:, 0]
        table.append({"trained by": loss} | {f"error at {s:g}": float(off[kind == i].mean()) for i, s in enumerate(sizes)})
    spread = [max(v) / min(v) for v in ([r[f"error at {s:g}"] for s in sizes] for r in table)]
    scale.data.append("three made-up series")
    bars = [Series(str(r["trained by"]), [f"{s:g}" for s in sizes], [r[f"error at {s:g}"] for s in sizes], kind=BARS) for r in table]
    return judged(
        spread[1] < spread[0],
        f"Largest to smallest relative error over series of size 5, 50 and 500: {spread[0]:.2g} trained by MSE, {spread[1]:.2g} "
        f"by MAPE; at size 5 {table[0]['error at 5']:.0%} and {table[1]['error at 5']:.0%}. (MAPE itself leans to low forecasts.)",
        table,
        Chart("errors", "Relative error by size of the series", "size", "error", bars, percent=True),
    )


@claim(50, "Cross-entropy tells 0.01 from 0.000000001, the squared error does not.", 1)
def small_probabilities(scale: Scale) -> Outcome:
    p = [0.01, 1e-9]
    truth = np.ones((1, 1))
    table = Table()
    for value in p:
        given = np.array([[value]])
        squared = float(np.asarray(losses.MeanSquaredError()(truth, given)))
        logit = np.array([[math.log(value / (1 - value))]])
        exact = float(np.asarray(losses.BinaryCrossentropy(from_logits=True)(truth, logit)))
        table.append({"probability of the truth": value, "cross-entropy": exact, "squared error": squared})
    a, b = table
    apart = abs(a["squared error"] - b["squared error"])
    at = np.geomspace(1e-9, 1, 40)
    ok = abs(a["cross-entropy"] - 4.60517) < 1e-3 and abs(b["cross-entropy"] - 20.72327) < 1e-2 and apart < 0.02
    scale.data.append("two numbers")
    return judged(
        ok,
        f"-ln p is {a['cross-entropy']:.3f} and {b['cross-entropy']:.3f}; the squared errors differ by {apart:.4f}.",
        table,
        Chart(
            "losses",
            "Loss by the probability of the truth",
            "p",
            "loss",
            [Series("cross-entropy", list(at), list(-np.log(at))), Series("squared error", list(at), list((1 - at) ** 2))],
            log_x=10,
        ),
    )


@claim(51, "Logistic regression is one sigmoid neuron; minimising the log loss is maximum likelihood.", 1, 4)
def logistic(scale: Scale) -> Outcome:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((300, 2))
    y = (rng.uniform(size=300) < 1 / (1 + np.exp(-(x @ [1.5, -1.0] + 0.5)))).astype(float)
    gpunn.config.set_floatx("float64")
    try:
        model = compiled(net(2, (), 1, output="sigmoid"), gpunn.optimizers.LBFGS(max_iterations=100), loss="binary_crossentropy")
        fitted(model, (x, y[:, None]), 5, 300)
    finally:
        gpunn.config.set_floatx("float32")
    neuron = np.concatenate([w.ravel() for w in model.get_weights()])
    design, w = np.column_stack([x, np.ones(300)]), np.zeros(3)
    for _ in range(30):  # Newton, also known as iteratively reweighted least squares
        p = 1 / (1 + np.exp(-design @ w))
        w = w + np.linalg.solve(design.T @ (design * (p * (1 - p))[:, None]), design.T @ (y - p))
    table = [{"coefficient": n, "neuron": float(a), "Newton": float(b)} for n, a, b in zip(("x1", "x2", "bias"), neuron, w, strict=True)]
    apart = float(np.abs(neuron - w).max())
    scale.data.append("300 made-up rows")
    return judged(
        apart < 1e-3,
        f"Coefficients of the trained neuron and of Newton's maximum likelihood differ by {apart:.1e} at most.",
        table,
        Chart(
            "coefficients",
            "Coefficients",
            "",
            "value",
            [Series(k, column(table, "coefficient"), column(table, k), kind=BARS) for k in ("neuron", "Newton")],
        ),
    )


@claim(52, "Least squares is solved by setting the gradient to zero; gradient descent finds the same.", 4)
def least_squares(scale: Scale) -> Outcome:
    x, y, _ = line(200)
    model = compiled(net(3, (), 1, output="linear"), "sgd", 0.1, "mse")
    losses_ = fitted(model, (x, y), 150, 200)["loss"]
    found = np.concatenate([w.ravel() for w in model.get_weights()])
    exact = np.linalg.lstsq(np.column_stack([x, np.ones(len(x))]).astype(float), y[:, 0].astype(float), rcond=None)[0]
    table = [
        {"coefficient": n, "descent": float(a), "closed form": float(b)}
        for n, a, b in zip(("x1", "x2", "x3", "bias"), found, exact, strict=True)
    ]
    apart, slope = float(np.abs(found - exact).max()), float(np.abs(gradient_of(model, x, y)).max())
    scale.data.append("200 rows of a linear problem")
    return judged(
        apart < 1e-4,
        f"Coefficients differ by {apart:.1e} at most; the largest slope left is {slope:.0e}.",
        table,
        Chart("loss", "Loss of the descent", "step", "mean squared error", [Series("", list(range(1, 151)), losses_)], log_y=True),
    )
