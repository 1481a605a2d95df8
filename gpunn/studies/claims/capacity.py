"""Claims about the size of networks and of data, about what networks learn, and how they are fooled."""

import math
from typing import Any

import numpy as np

import gpunn
from gpunn.layers import Dense, Input
from gpunn.models import Sequential
from gpunn.studies.charts import Chart, Series
from gpunn.studies.claims.base import Outcome, Scale, Table, claim, column, judged, listed
from gpunn.studies.claims.nets import compiled, fitted, fitted_by_seed, net, score
from gpunn.tuning import capacity_search, training_score


@claim(43, "Take more layers rather than more neurons in each.", 2)
def deeper(scale: Scale) -> Outcome:
    data, test = scale.images("fashion-mnist", scale.pick(4000, 60000))
    inputs, budget, table = data[0].shape[1], 85_000, Table()
    for depth in (1, 2, 3, 5):
        # width w with inputs w + (depth - 1) w^2 + 10 w = budget
        a, b = depth - 1, inputs + 10
        width = round(budget / b) if a == 0 else round((-b + math.sqrt(b * b + 4 * a * budget)) / (2 * a))

        def make(width: int = width, depth: int = depth) -> Any:
            return compiled(net(inputs, (width,) * depth), "adam")

        trained = fitted_by_seed(make, scale.pick(2, 5), data, scale.pick(10, 15), 64)
        accuracy = [score(model, test)["accuracy"] for model, _ in trained]
        model = trained[0][0]
        table.append(
            {
                "hidden layers": depth,
                "width": width,
                "parameters": model.count_params(),
                "test accuracy": float(np.mean(accuracy)),
                "spread": float(np.ptp(accuracy)),
            }
        )
    accuracy = column(table, "test accuracy")
    noise = max(column(table, "spread"))
    return judged(
        accuracy[-1] > accuracy[0] + noise,
        f"Test accuracy at about {budget:,} parameters, by hidden layers: "
        f"{listed(table, 'hidden layers', 'test accuracy', '.1%')} (seeds differ by up to {noise:.1%}).",
        table,
        Chart(
            "depth",
            "Equal parameters",
            "hidden layers",
            "test accuracy",
            [Series("", column(table, "hidden layers"), accuracy)],
            percent=True,
        ),
    )


@claim(44, "With growing capacity the validation error falls, then rises.", 2, 4)
def capacity(scale: Scale) -> Outcome:
    data, held = scale.images("fashion-mnist", scale.pick(1500, 10000))

    def build(layers: int, nodes: int) -> Any:
        return compiled(net(data[0].shape[1], (nodes,) * layers), "adam", 0.002)

    tries = training_score(build, *data, validation_data=held, epochs=scale.pick(12, 20), batch_size=32)
    path = [(1, 8), (1, 20), (1, 50), (1, 125), (2, 125), (3, 125), (4, 125)]
    found = capacity_search(tries, path)
    scores = [t.score for t in found.trials]
    widths, curve = (4, 16, 64, 256, 1024)[: scale.pick(4, 5)], []
    for nodes in widths:  # the same by width, without picking the best epoch
        gpunn.utils.set_random_seed(0)
        model = build(1, nodes)
        fitted(model, data, scale.pick(40, 60), 32)
        curve.append(score(model, held)["loss"])
    table = [{"hidden layers": t.layers, "nodes": t.nodes, "validation loss": t.score, "next": t.decision} for t in found.trials]
    best = int(np.argmin(curve))
    falls, rises = scores[-1] is not None and min(scores) < scores[0], found.trials[-1].decision == "Done"
    u = 0 < best < len(curve) - 1 and curve[-1] > curve[best]
    return judged(
        falls and rises and u,
        "The search: " + "; ".join(f"{t.layers} x {t.nodes}: {t.score:.4f}" for t in found.trials) + f". Trained long, one hidden layer of "
        f"{', '.join(map(str, widths))} units: held-out loss {', '.join(f'{v:.3f}' for v in curve)}.",
        table,
        Chart("search", "The search", "network tried", "validation loss", [Series("", list(range(1, len(scores) + 1)), scores)]),
        Chart("width", "Trained long", "hidden units", "held-out loss", [Series("", list(widths), curve)], log_x=2),
        only_if="networks are compared each at its best epoch (search) or with few units; width alone did not give the full U",
        otherwise=falls and rises,
    )


@claim(45, "Deep networks scale well with data.", 1)
def more_data(scale: Scale) -> Outcome:
    sizes, table, curves = scale.pick((300, 1000, 3000, 9000), (300, 1000, 3000, 10000, 30000, 60000)), Table(), []
    (x, y), test = scale.images("fashion-mnist", sizes[-1])
    for name, widths in (("linear", ()), ("32", (32,)), ("300-100", (300, 100))):
        found = []
        for n in sizes:
            gpunn.utils.set_random_seed(0)
            model = compiled(net(x.shape[1], widths), "adam")
            fitted(model, (x[:n], y[:n]), max(12, 20_000 // n), 32)
            found.append(score(model, test)["accuracy"])
        table += [{"network": name, "rows": n, "test accuracy": v} for n, v in zip(sizes, found, strict=True)]
        curves.append(Series(name, list(sizes), found))
    gains = [c.y[-1] - c.y[0] for c in curves]
    return judged(
        gains[-1] > gains[0] and curves[-1].y[-1] > curves[0].y[-1],
        f"From {sizes[0]} to {sizes[-1]:,} rows test accuracy grows by "
        f"{', '.join(f'{g:.1%} ({c.name})' for g, c in zip(gains, curves, strict=True))}.",
        table,
        Chart("rows", "Test accuracy by rows", "training rows", "test accuracy", curves, log_x=10, percent=True),
    )


@claim(49, "Networks are vulnerable to subtle perturbations of their inputs.", 0)
def perturbations(scale: Scale) -> Outcome:
    """The fast gradient sign method: Goodfellow, Shlens and Szegedy (2015)."""
    data, test = scale.images("mnist", scale.pick(8000, 60000), 500)
    model = compiled(net(data[0].shape[1], (100, 100)), "adam")
    fitted(model, data, scale.pick(4, 8), 64)
    slope = _input_slope(model, *test)
    rng, table, curves = np.random.default_rng(0), Table(), []
    for epsilon in (0.0, 0.05, 0.1, 0.2, 0.3):
        row: dict[str, float] = {"epsilon": epsilon}
        for name, direction in (("by the gradient's sign", np.sign(slope)), ("random signs", rng.choice([-1.0, 1.0], slope.shape))):
            moved = np.clip(test[0] + epsilon * direction, 0, 1).astype(np.float32)
            row[name] = score(model, (moved, test[1]))["accuracy"]
        table.append(row)
    for name in ("by the gradient's sign", "random signs"):
        curves.append(Series(name, column(table, "epsilon"), column(table, name)))
    ok = table[2]["by the gradient's sign"] < table[0]["by the gradient's sign"] - 0.3 and table[2]["random signs"] > 0.8
    side = round(math.sqrt(data[0].shape[1]))
    pictures = [
        v.reshape(side, side)
        for v in (test[0][0], np.clip(test[0][0] + 0.1 * np.sign(slope[0]), 0, 1), np.clip(test[0][0] + 0.3 * np.sign(slope[0]), 0, 1))
    ]
    return judged(
        ok,
        f"Accuracy by epsilon: {listed(table, 'epsilon', 'by the gradient' + chr(39) + 's sign', '.0%')}; with random signs of the same "
        "size "
        f"{listed(table, 'epsilon', 'random signs', '.0%')}.",
        table,
        Chart("accuracy", "Accuracy on perturbed images", "epsilon", "accuracy", curves, percent=True),
        Chart("images", "epsilon 0, 0.1 and 0.3", "", "", images=pictures, image_titles=("0", "0.1", "0.3")),
    )


def _input_slope(model: Any, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The gradient of the loss by the inputs: backwards through the dense ReLU layers, by hand."""
    weights = model.get_weights()
    kernels, biases = weights[::2], weights[1::2]
    values = [x]
    for k, b in zip(kernels, biases, strict=True):
        z = values[-1] @ k + b
        values.append(np.maximum(z, 0))
    p = np.exp(z - z.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    delta = p - np.eye(p.shape[1])[y]
    for k, v in zip(kernels[::-1], values[-2::-1], strict=True):
        delta = delta @ k.T
        if v is not x:
            delta = delta * (v > 0)
    return np.asarray(delta)


@claim(65, "Rules of thumb (1 to 5 hidden layers of 10 to 100 neurons) suffice for most problems.", 2)
def rules_of_thumb(scale: Scale) -> Outcome:
    table = Table()
    for name in ("digits", "mnist", "fashion-mnist"):
        data, test = scale.images(name, scale.pick(2500, 20000), 1500)
        for layers, nodes in ((1, 10), (1, 100), (3, 10), (3, 100), (5, 100), (2, 400)):
            gpunn.utils.set_random_seed(0)
            model = compiled(net(data[0].shape[1], (nodes,) * layers), "adam", 0.002)
            fitted(model, data, scale.pick(8, 20), 32)
            table.append({"data": name, "hidden layers": layers, "nodes": nodes, "test accuracy": score(model, test)["accuracy"]})
    loss, within = {}, []
    for name in ("digits", "mnist", "fashion-mnist"):
        inside = max(r["test accuracy"] for r in table if r["data"] == name and r["nodes"] <= 100)
        outside = max(r["test accuracy"] for r in table if r["data"] == name and r["nodes"] > 100)
        loss[name] = outside - inside
        within.append(inside)
    labels = [f"{r['hidden layers']} x {r['nodes']}" for r in table if r["data"] == "digits"]
    series = [Series(n, labels, [r["test accuracy"] for r in table if r["data"] == n], kind="bars") for n in loss]
    return judged(
        max(loss.values()) < 0.02,
        f"The best network within the rule reaches {', '.join(f'{v:.1%} ({n})' for n, v in zip(loss, within, strict=True))}; one of 2 x "
        "400 beyond "
        f"it gains {', '.join(f'{v:+.1%}' for v in loss.values())}. Three small image sets are not most problems.",
        table,
        Chart("grid", "Test accuracy", "hidden layers x nodes", "accuracy", series, percent=True),
    )


@claim(68, "Several epochs are needed for a network to train and generalise.", 2)
def epochs(scale: Scale) -> Outcome:
    data, test = scale.images("fashion-mnist", scale.pick(4000, 60000))
    model = compiled(net(data[0].shape[1], (100,)), "adam")
    found = fitted(model, data, scale.pick(20, 40), 32, held=test)
    first, best = found["val_accuracy"][0], int(np.argmax(found["val_accuracy"]))
    table = [
        {"epoch": i + 1, "training accuracy": found["accuracy"][i], "test accuracy": found["val_accuracy"][i]}
        for i in range(len(found["loss"]))
    ]
    return judged(
        best >= 2 and found["val_accuracy"][best] > first + 0.02,
        f"Test accuracy {first:.1%} after one epoch, {found['val_accuracy'][best]:.1%} at its best, epoch "
        f"{best + 1}; the training accuracy goes on rising to {found['accuracy'][-1]:.1%}.",
        table,
        Chart(
            "epochs",
            "Accuracy by epochs",
            "epoch",
            "accuracy",
            [Series(k, column(table, "epoch"), column(table, k)) for k in ("training accuracy", "test accuracy")],
            percent=True,
        ),
    )


@claim(69, "Hidden layers build increasingly useful representations.", 4)
def representations(scale: Scale) -> Outcome:
    """A linear classifier on what each layer gives out, before and after the training."""
    data, test = scale.images("mnist", scale.pick(4000, 30000))
    model = compiled(net(data[0].shape[1], (100, 100, 100)), "adam")
    table, curves = Table(), []
    for when in ("drawn", "trained"):
        if when == "trained":
            fitted(model, data, scale.pick(8, 15), 32)
        given, held, found = data[0], test[0], []
        for depth in range(4):
            if depth:
                layer = model.layers[depth - 1]
                part = Sequential([Input(given.shape[1:]), Dense(100, "relu")])
                part.set_weights([p.numpy() for p in layer.parameters])
                given, held = part.predict(given, verbose=0), part.predict(held, verbose=0)
            probe = compiled(net(given.shape[1], ()), "adam", 0.005)
            spread = given.std() + 1e-6
            fitted(probe, (given / spread, data[1]), scale.pick(8, 20), 64)
            found.append(score(probe, (held / spread, test[1]))["accuracy"])
            table.append({"weights": when, "after hidden layer": depth, "probe's test accuracy": found[-1]})
        curves.append(Series(when, [0, 1, 2, 3], found))
    drawn, trained = (list(c.y) for c in curves)
    side = round(math.sqrt(data[0].shape[1]))
    pictures = [model.get_weights()[0][:, i].reshape(side, side) for i in range(10)]
    return judged(
        trained[-1] > trained[0] + 0.01 and trained[-1] > drawn[-1],
        f"A linear probe on the pixels reaches {trained[0]:.1%}; after hidden layers 1, 2, 3 "
        f"{', '.join(f'{v:.1%}' for v in trained[1:])} trained, {', '.join(f'{v:.1%}' for v in drawn[1:])} with random weights.",
        table,
        Chart("probe", "Linear probe on each layer's output", "after hidden layer", "test accuracy", curves, percent=True),
        Chart("weights", "Ten units of the first layer", "", "", images=pictures),
    )


@claim(70, "A high learning rate or a model that is too complex overfits.", 0)
def overfits(scale: Scale) -> Outcome:
    data, test = scale.images("fashion-mnist", 1000)
    table = Table()
    for varied, values in (("width", (2, 8, 32, 128)), ("rate", (0.01, 0.1, 0.3, 1.0))):
        for value in values:
            gpunn.utils.set_random_seed(0)
            width, rate = (value, 0.1) if varied == "width" else (64, value)
            model = compiled(net(data[0].shape[1], (int(width),)), "sgd", rate)
            fitted(model, data, scale.pick(40, 100), 32)
            train = score(model, data)["accuracy"]
            table.append({"varied": varied, "value": value, "training accuracy": train, "gap": train - score(model, test)["accuracy"]})
    by_width, by_rate = ([r["gap"] for r in table if r["varied"] == k] for k in ("width", "rate"))
    wide, fast = by_width[-1] > by_width[0] + 0.02, by_rate[-1] > by_rate[1] + 0.02
    return judged(
        wide and fast,
        f"Gap between training and test accuracy by width: {listed(table[:4], 'value', 'gap', '.1%')}; by rate: "
        f"{listed(table[4:], 'value', 'gap', '.1%')} (at rate "
        f"1 the training accuracy is {table[-1]['training accuracy']:.1%}).",
        table,
        Chart("width", "Gap by width", "hidden units", "gap", [Series("", column(table[:4], "value"), by_width)], log_x=2, percent=True),
        Chart("rate", "Gap by rate", "learning rate", "gap", [Series("", column(table[4:], "value"), by_rate)], log_x=10, percent=True),
        only_if="the model is too complex; a high rate does not widen the gap but trains badly or diverges",
        otherwise=wide and not fast,
    )
