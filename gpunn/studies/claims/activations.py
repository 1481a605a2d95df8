"""Claims about activations."""

import math
import time
from typing import Any

import numpy as np

import gpunn
from gpunn.layers import ELU, Dense, Input, LeakyReLU, PReLU
from gpunn.models import Sequential
from gpunn.studies.charts import BARS, Chart, Series
from gpunn.studies.claims.base import Outcome, Scale, Table, claim, column, judged, listed, names
from gpunn.studies.claims.data import XOR
from gpunn.studies.claims.nets import compiled, first_above, fitted, fitted_by_seed, net, score


@claim(14, "Without a non-linearity a network collapses to one linear function.", 2, 4)
def collapses(scale: Scale) -> Outcome:
    rng = np.random.default_rng(0)
    model = net(4, (6, 6, 6, 6), 3, "linear", "linear")
    x = rng.standard_normal((50, 4)).astype(np.float32)
    kernels = model.get_weights()[::2]
    product = np.linalg.multi_dot([k.astype(float) for k in kernels])
    apart = float(np.abs(model.predict(x, verbose=0) - x @ product).max())
    table = Table()
    for activation in ("linear", "tanh"):

        def make(activation: str = activation) -> Any:
            xor = Sequential([Input((2,)), Dense(4, activation), Dense(4, activation), Dense(1, "sigmoid")])
            xor.compile(gpunn.optimizers.Adam(0.05), "binary_crossentropy", ["binary_accuracy"])
            return xor

        rows = (XOR[0], XOR[1][:, None])
        best = max(score(xor, rows)["binary_accuracy"] for xor, _ in fitted_by_seed(make, scale.pick(4, 20), rows, 300, 4))
        table.append({"hidden activation": activation, "best accuracy on XOR": best})
    scale.data.append("random rows; XOR")
    linear, tanh = column(table, "best accuracy on XOR")
    return judged(
        apart < 1e-5 and linear <= 0.75 and tanh == 1,
        f"Five linear layers equal the product of their matrices within {apart:.0e}. On XOR "
        f"they reach {linear:.2f} at best, with tanh {tanh:.2f}.",
        table,
        Chart("xor", "Best accuracy on XOR", "", "accuracy", [Series("", column(table, "hidden activation"), [linear, tanh], kind=BARS)]),
    )


@claim(18, "ReLU learns six times faster than tanh.", 1)
def six_times(scale: Scale) -> Outcome:
    table = _epochs_to(scale, ("tanh", "relu"), scale.pick((1, 3, 6), (1, 3, 6, 10)))
    factors = [t["epochs, tanh"] / t["epochs, relu"] if t["epochs, tanh"] and t["epochs, relu"] else None for t in table]
    known = [f for f in factors if f is not None]
    series = [Series(k, column(table, "hidden layers"), column(table, f"epochs, {k}")) for k in ("tanh", "relu")]
    return judged(
        bool(known) and min(known) >= 4,
        f"Epochs to {LIMIT:.0%} training accuracy at the best of three rates, by hidden layers: tanh "
        f"{listed(table, 'hidden layers', 'epochs, tanh', 'd')}; ReLU {listed(table, 'hidden layers', 'epochs, relu', 'd')}. The factor is "
        f"{names([float(f'{f:.2g}') for f in known])}, not 6, in these dense networks.",
        table,
        Chart("epochs", f"Epochs to {LIMIT:.0%}", "hidden layers", "epochs", series),
    )


LIMIT = 0.85


def _epochs_to(scale: Scale, activations: tuple[str, ...], depths: tuple[int, ...]) -> list[dict[str, int | None]]:
    """Epochs to a training accuracy of LIMIT, at the best of three rates each."""
    data, _ = scale.images("fashion-mnist", scale.pick(3000, 20000))
    table, most = Table(), scale.pick(25, 60)
    for depth in depths:
        row: dict[str, int | None] = {"hidden layers": depth}
        for activation in activations:
            best: int | None = None
            for rate in (0.03, 0.1, 0.3):
                gpunn.utils.set_random_seed(0)
                model = compiled(net(data[0].shape[1], (100,) * depth, activation=activation), "sgd", rate, momentum=0.5)
                found = first_above(fitted(model, data, most if best is None else best - 1, 32)["accuracy"], LIMIT) if best != 1 else None
                best = found if found is not None else best
            row[f"epochs, {activation}"] = best
        table.append(row)
    return table


@claim(30, "tanh is better than the sigmoid in hidden layers, being zero-centred.", 1, 2)
def zero_centred(scale: Scale) -> Outcome:
    data, _ = scale.images("fashion-mnist", scale.pick(4000, 20000))
    curves, table = [], Table()
    for activation in ("sigmoid", "tanh"):
        gpunn.utils.set_random_seed(0)
        model = compiled(net(data[0].shape[1], (100,) * 3, activation=activation), "sgd", 0.1)
        found = fitted(model, data, scale.pick(12, 30), 32)
        table.append({"activation": activation, "training loss": found["loss"][-1], "training accuracy": found["accuracy"][-1]})
        curves.append(Series(activation, list(range(1, len(found["loss"]) + 1)), found["loss"]))
    sigmoid, tanh = column(table, "training loss")
    return judged(
        tanh < sigmoid,
        f"After equal epochs at one rate, three hidden layers: loss {tanh:.3f} with tanh, {sigmoid:.3f} with the sigmoid. (The "
        "sigmoid's slope is at most 1/4, tanh's 1: that counts beside the centring.)",
        table,
        Chart("loss", "Training loss, three hidden layers", "epoch", "loss", curves),
    )


@claim(28, "ReLU units can die; leaky slopes try to mend it; lower the rate when many are dead.", 1)
def dying(scale: Scale) -> Outcome:
    data, _ = scale.images("fashion-mnist", scale.pick(2000, 20000))
    kinds = {"ReLU": "relu", "leaky": LeakyReLU, "ELU": ELU, "PReLU": PReLU}
    rates, table, curves = (0.01, 0.1, 0.3, 1.0), Table(), []
    for name, kind in kinds.items():
        shares = []
        for rate in rates:
            gpunn.utils.set_random_seed(0)
            model = compiled(net(data[0].shape[1], (100, 100), activation=kind), "sgd", rate)
            fitted(model, data, scale.pick(2, 6), 32)
            shares.append(_dead(model, data[0][:500]))
            table.append({"activation": name, "rate": rate, "dead units": shares[-1]})
        curves.append(Series(name, list(rates), shares))
    relu, rest = curves[0].y, [v for v in curves[1].y if v is not None]
    others = {c.name: max(v for v in c.y if v is not None) for c in curves[2:]}
    known = [v for v in relu if v is not None]
    ok = known[-1] > known[0] + 0.02 and max(rest) < 0.05
    return judged(
        ok,
        f"Dead ReLU units by rate: {listed(table[:4], 'rate', 'dead units', '.0%', 'diverged')}; at most {max(rest):.0%} of leaky ones, "
        f"{', '.join(f'{v:.0%} {k}' for k, v in others.items())}. A lower rate lowers the share. (Units whose output has no slope on 500 "
        "rows count as dead.)",
        table,
        Chart("dead", "Dead units after training", "learning rate", "share", curves, log_x=10, percent=True),
    )


def _dead(model: Any, x: np.ndarray) -> float | None:
    """The share of hidden units that give one and the same output for all rows; None where the training has diverged."""
    from gpunn.layers import Activation

    if not all(np.isfinite(w).all() for w in model.get_weights()):
        return None
    alive: list[np.ndarray] = []
    given = x
    for layer in model.layers[:-1]:
        part = Sequential([Input(given.shape[1:]), layer])
        given = np.asarray(part.predict(given, verbose=0))
        if isinstance(layer, (LeakyReLU, ELU, PReLU, Activation)) or getattr(getattr(layer, "activation", None), "name", "") == "relu":
            alive.append(np.ptp(given, axis=0) > 0)
    return float(1 - np.concatenate(alive).mean())


@claim(29, "ReLU is quicker to compute than the sigmoid.", 1, 2)
def quicker(scale: Scale) -> Outcome:
    from gpunn.backend import get_backend
    from gpunn.kernels.record import REGISTRY

    ops, table = get_backend(), Table()
    for n in scale.pick((10**5, 10**6), (10**6, 10**7, 10**8)):
        x = ops.asarray(np.random.default_rng(0).standard_normal(n).astype(np.float32))
        out, dy = ops.empty((n,)), ops.empty((n,))
        row: dict[str, float] = {"elements": n}
        for name in ("relu", "sigmoid"):
            with ops.record() as program:
                ops.launch(REGISTRY[name], x, out)
                ops.launch(REGISTRY[f"{name}_bwd"], x, out, dy)
            times = []
            for _ in range(12):
                ops.synchronize()
                began = time.perf_counter()
                program.run(1)
                ops.synchronize()
                times.append(time.perf_counter() - began)
            row[name] = 1e9 * min(times) / n
        table.append(row | {"sigmoid over ReLU": row["sigmoid"] / row["relu"]})
    ratio = table[-1]["sigmoid over ReLU"]
    scale.data.append("random numbers")
    return judged(
        ratio > 1.2,
        f"Forward and backward of {table[-1]['elements']:,} elements on the {ops.name}: the sigmoid takes {ratio:.2g} times as long. "
        "Within a whole "
        "train step the matrix products hide most of it.",
        table,
        Chart(
            "time",
            "Nanoseconds an element",
            "elements",
            "nanoseconds",
            [Series(k, column(table, "elements"), column(table, k)) for k in ("relu", "sigmoid")],
            log_x=10,
        ),
    )


@claim(53, "Scaling the data helps.", 4)
def scaling(scale: Scale) -> Outcome:
    data, test = scale.images("fashion-mnist", scale.pick(4000, 20000))
    table, curves = Table(), []
    for name, factor in (("0 to 1", 1.0), ("0 to 255", 255.0)):
        for rate in (0.1, 0.001):
            gpunn.utils.set_random_seed(0)
            model = compiled(net(data[0].shape[1], (100,)), "sgd", rate)
            losses = fitted(model, (data[0] * np.float32(factor), data[1]), scale.pick(5, 15), 32)["loss"]
            end = losses[-1] if math.isfinite(losses[-1]) else None
            accuracy = score(model, (test[0] * np.float32(factor), test[1]))["accuracy"] if end is not None else 0.1
            table.append({"input": name, "rate": rate, "training loss": end, "test accuracy": accuracy})
            curves.append(
                Series(f"{name}, rate {rate:g}", list(range(1, len(losses) + 1)), [v if math.isfinite(v) else None for v in losses])
            )
    scaled, raw = (max(r["test accuracy"] for r in table if r["input"] == name) for name in ("0 to 1", "0 to 255"))
    same = [r["test accuracy"] for r in table if r["rate"] == 0.1]
    return judged(
        same[0] > same[1] + 0.1 and scaled >= raw - 0.01,
        f"At rate 0.1: {same[0]:.1%} scaled, {same[1]:.1%} raw. At the best of two rates {scaled:.1%} against "
        f"{raw:.1%}: a rate 100 times smaller mends much of it.",
        table,
        Chart("loss", "Training loss", "epoch", "loss", curves, log_y=True),
    )
