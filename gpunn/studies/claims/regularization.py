"""Claims about overfitting and what is done against it."""

from typing import Any

import numpy as np

import gpunn
from gpunn import optimizers, regularizers
from gpunn.callbacks import EarlyStopping
from gpunn.layers import Dense, Input
from gpunn.models import Sequential
from gpunn.studies.charts import BARS, Chart, Mark, Series
from gpunn.studies.claims.base import Outcome, Scale, Table, claim, column, judged, listed
from gpunn.studies.claims.nets import compiled, fitted, fitted_by_seed, net, score


@claim(19, "Training error near zero means overfitting; early stopping prevents it and saves time.", 0, 2)
def early_stopping(scale: Scale) -> Outcome:
    data, test = scale.images("fashion-mnist", 1000)
    runs: dict[str, Any] = {}
    for name, chain in (("to the end", []), ("stopped", [EarlyStopping(patience=5, restore_best_weights=True)])):
        gpunn.utils.set_random_seed(0)
        model = compiled(net(data[0].shape[1], (200, 200)), "adam")
        history = fitted(model, data, scale.pick(60, 200), 32, held=test, callbacks=chain)
        runs[name] = history, score(model, test), score(model, data)
    table = [
        {"run": k, "epochs": len(h["loss"]), "training loss": t["loss"], "test loss": s["loss"], "test accuracy": s["accuracy"]}
        for k, (h, s, t) in runs.items()
    ]
    end, stopped = table
    curves = [
        Series(words, list(range(1, len(runs["to the end"][0][k]) + 1)), runs["to the end"][0][k])
        for k, words in (("loss", "training"), ("val_loss", "held out"))
    ]
    ok = end["training loss"] < 0.05 and stopped["test loss"] < end["test loss"] and stopped["epochs"] < end["epochs"]
    return judged(
        ok,
        f"Trained on, the training loss falls to {end['training loss']:.1g} while the held-out loss rises to {end['test loss']:.2f}. "
        "Stopped after "
        f"{stopped['epochs']} of {end['epochs']} epochs it is {stopped['test loss']:.2f}. The accuracy hardly differs "
        f"({end['test accuracy']:.1%}, "
        f"{stopped['test accuracy']:.1%}): it is the confidence that is overfitted.",
        table,
        Chart("loss", "1000 rows, without stopping", "epoch", "loss", curves, [Mark("stopped", x=float(stopped["epochs"]))]),
    )


@claim(20, "Too little patience underfits, too much overfits.", 2)
def patience(scale: Scale) -> Outcome:
    data, test = scale.images("fashion-mnist", 1500)
    table = Table()
    for wait in (0, 1, 2, 5, 10, 50):

        def stop(seed: int, wait: int = wait) -> Any:
            return [EarlyStopping(patience=wait)]

        def make() -> Any:
            return compiled(net(data[0].shape[1], (100,)), "adam", 0.003)

        trained = fitted_by_seed(make, scale.pick(3, 10), data, scale.pick(60, 150), 32, held=test, callbacks=stop)
        epochs = [len(history["loss"]) for _, history in trained]
        losses = [history["val_loss"][-1] for _, history in trained]
        table.append({"patience": wait, "epochs": float(np.mean(epochs)), "held-out loss": float(np.mean(losses))})
    losses, epochs = column(table, "held-out loss"), column(table, "epochs")
    best = int(np.argmin(losses))
    low, high = losses[0] > losses[best] * 1.01, losses[-1] > losses[best] * 1.01
    ran = listed(table, "patience", "epochs", ".0f")
    said = f"Held-out loss by patience: {listed(table, 'patience', 'held-out loss', '.3f')}; epochs {ran}."
    return judged(
        low and high and epochs == sorted(epochs),
        said + (" Too much overfits; too little was no worse here." if not low else ""),
        table,
        Chart(
            "patience",
            "Held-out loss where it stopped",
            "patience",
            "loss",
            [Series("", [str(r["patience"]) for r in table], losses, kind=BARS)],
        ),
        only_if="patience is too much; none at all was as good as any",
        otherwise=high and not low,
    )


@claim(21, "Batch norm allows higher rates, depends less on the initial weights, and regularises a little.", 2, 4)
def batch_norm(scale: Scale) -> Outcome:
    data, test = scale.images("fashion-mnist", scale.pick(4000, 20000))
    table, rates, stds = Table(), (0.01, 0.1, 1.0, 3.0), (0.01, 0.1, 1.0)
    for name, on in (("plain", False), ("BN", True)):
        for rate in rates:
            gpunn.utils.set_random_seed(0)
            model = compiled(net(data[0].shape[1], (100,) * 4, batch_norm=on), "sgd", rate)
            fitted(model, data, scale.pick(3, 8), 64)
            table.append({"network": name, "varied": f"rate {rate:g}", "test accuracy": score(model, test)["accuracy"]})
        for std in stds:
            gpunn.utils.set_random_seed(0)
            model = compiled(net(data[0].shape[1], (100,) * 4, batch_norm=on, init=gpunn.initializers.RandomNormal(0.0, std)), "sgd", 0.03)
            fitted(model, data, scale.pick(3, 8), 64)
            table.append({"network": name, "varied": f"weights of {std:g}", "test accuracy": score(model, test)["accuracy"]})
    plain, bn = ([r["test accuracy"] for r in table if r["network"] == name] for name in ("plain", "BN"))
    high, starts = bn[2] > plain[2] + 0.2 and bn[3] > plain[3] + 0.2, np.ptp(bn[4:]) < np.ptp(plain[4:])
    labels = [r["varied"] for r in table[: len(rates) + len(stds)]]
    return judged(
        high and bool(starts),
        f"At rate 1: {plain[2]:.1%} plain, {bn[2]:.1%} with BN; at 3: {plain[3]:.1%}, {bn[3]:.1%}. Over initial weights of spread 0.01 to "
        "1 "
        f"accuracy varies by {np.ptp(plain[4:]):.0%} plain, {np.ptp(bn[4:]):.0%} with BN.",
        table,
        Chart(
            "bn",
            "Four hidden layers of 100",
            "",
            "test accuracy",
            [Series("plain", labels, plain, kind=BARS), Series("BN", labels, bn, kind=BARS)],
            percent=True,
        ),
    )


@claim(36, "Dropout acts like an ensemble and reduces overfitting.", 0, 1)
def dropout(scale: Scale) -> Outcome:
    data, test = scale.images("fashion-mnist", 1500)
    table = Table()
    model: Any = None
    for rate in (0.0, 0.2, 0.5):
        gpunn.utils.set_random_seed(0)
        model = compiled(net(data[0].shape[1], (200, 200), dropout=rate), "adam")
        fitted(model, data, scale.pick(30, 80), 32)
        train, held = score(model, data), score(model, test)
        table.append(
            {
                "rate": rate,
                "training accuracy": train["accuracy"],
                "test accuracy": held["accuracy"],
                "gap": train["accuracy"] - held["accuracy"],
                "test loss": held["loss"],
            }
        )
    nets = []
    for _ in range(scale.pick(20, 100)):
        nets.append(model(test[0], training=True))
        _next_masks(model)
    mean, off = np.mean(nets, axis=0), model.predict(test[0], verbose=0)
    right = [float((p.argmax(axis=1) == test[1]).mean()) for p in nets]
    together, single, without = (
        float((mean.argmax(axis=1) == test[1]).mean()),
        float(np.mean(right)),
        float((off.argmax(axis=1) == test[1]).mean()),
    )
    close = float(np.abs(mean - off).mean())
    ok = table[-1]["gap"] < table[0]["gap"] and together > single and without > single
    return judged(
        ok,
        f"(a) One random sub-network {single:.1%}, the average of {len(nets)} of them {together:.1%}, dropout off {without:.1%}: "
        "probabilities of "
        f"the last two differ by {close:.3f} on average. (b) Gap between training and test accuracy by rate: "
        f"{listed(table, 'rate', 'gap', '.1%')}.",
        table,
        Chart(
            "gap",
            "Accuracy by dropout rate",
            "rate",
            "accuracy",
            [Series(k, column(table, "rate"), column(table, k)) for k in ("training accuracy", "test accuracy")],
            percent=True,
        ),
    )


def _next_masks(model: Any) -> None:
    """The next dropout masks."""
    ops, rng = model.backend, model.rng
    ops.write(rng.step, int(ops.to_numpy(rng.step)[0]) + 1)


@claim(38, "L1 gives sparse weights, L2 only makes them small.", 0, 2, 4)
def sparse(scale: Scale) -> Outcome:
    data, _ = scale.images("fashion-mnist", scale.pick(4000, 30000))
    table = Table()
    kinds = {"none": None, "L1": regularizers.L1(1e-3), "L2": regularizers.L2(1e-3), "L1, proximal": regularizers.L1(1e-3, proximal=True)}
    for name, penalty in kinds.items():
        gpunn.utils.set_random_seed(0)
        model = compiled(net(data[0].shape[1], (64,), penalty=penalty), "sgd", 0.1)
        fitted(model, data, scale.pick(12, 30), 32)
        w = np.abs(model.get_weights()[0])
        table.append(
            {"penalty": name, "below 1e-3": float((w < 1e-3).mean()), "exactly 0": float((w == 0).mean()), "mean size": float(w.mean())}
        )
    _, one, two, proximal = table
    small = one["below 1e-3"] > 5 * two["below 1e-3"]
    exact = one["exactly 0"] > 0.01
    return judged(
        small and exact,
        f"Share of weights below 0.001: {listed(table, 'penalty', 'below 1e-3', '.1%')}. Exactly 0: "
        f"{listed(table, 'penalty', 'exactly 0', '.1%')}.",
        table,
        Chart(
            "sparse",
            "Weights of the first layer",
            "",
            "share",
            [Series(k, column(table, "penalty"), column(table, k), kind=BARS) for k in ("below 1e-3", "exactly 0")],
            percent=True,
        ),
        only_if="small counts as zero: gradient steps leave weights tiny, only a proximal step makes them exactly 0",
        otherwise=small and proximal["exactly 0"] > 0.05,
    )


@claim(39, "Ridge handles correlated inputs, Lasso picks among irrelevant ones, ElasticNet does both.", 4)
def penalties(scale: Scale) -> Outcome:
    table = Table()
    for problem in ("irrelevant", "correlated"):
        errors: dict[str, list[float]] = {}
        for seed in range(scale.pick(4, 20)):
            rng = np.random.default_rng(seed)
            w = np.concatenate([rng.choice([-2.0, 2.0], 5), np.zeros(45)])
            x = rng.standard_normal((2060, 50))
            if problem == "correlated":  # pairs of nearly equal columns, each with half the weight
                x[:, 25:] = x[:, :25] + 0.05 * rng.standard_normal((2060, 25))
                w = np.tile(rng.standard_normal(25), 2)
            x, y = x.astype(np.float32), (x @ w + rng.standard_normal(2060)).astype(np.float32)[:, None]
            for name, penalty in (
                ("none", None),
                ("Lasso", regularizers.Lasso(10.0)),
                ("Ridge", regularizers.Ridge(5.0)),
                ("ElasticNet", regularizers.ElasticNet(8.0, 0.5)),
            ):
                model = Sequential([Input((50,)), Dense(1, kernel_regularizer=penalty)])
                compiled(model, "adam", 0.03, "mse")
                fitted(model, (x[:60], y[:60]), scale.pick(250, 800), 60)
                errors.setdefault(name, []).append(float(np.mean((model.predict(x[60:], verbose=0) - y[60:]) ** 2)))
        table += [{"inputs": problem, "penalty": k, "test error": float(np.mean(v))} for k, v in errors.items()]
    found = {(r["inputs"], r["penalty"]): r["test error"] for r in table}
    irrelevant = {k: found["irrelevant", k] for k in ("none", "Lasso", "Ridge", "ElasticNet")}
    correlated = {k: found["correlated", k] for k in irrelevant}
    lasso, ridge = min(irrelevant, key=irrelevant.__getitem__) == "Lasso", correlated["Ridge"] < correlated["Lasso"]
    both = irrelevant["ElasticNet"] < irrelevant["none"] and correlated["ElasticNet"] < correlated["none"]
    scale.data.append("60 made-up rows of 50 features, 2000 to test")
    return judged(
        lasso and ridge and both,
        "Test error with 45 irrelevant inputs: "
        + ", ".join(f"{k} {v:.2f}" for k, v in irrelevant.items())
        + "; with pairs of nearly equal inputs: "
        + ", ".join(f"{k} {v:.2f}" for k, v in correlated.items())
        + " (noise: 1).",
        table,
        Chart(
            "errors",
            "Test error",
            "",
            "squared error",
            [Series(p, list(irrelevant), [found[p, k] for k in irrelevant], kind=BARS) for p in ("irrelevant", "correlated")],
        ),
        only_if="inputs are irrelevant: there Lasso is best; for correlated inputs it depends on the strength of each penalty",
        otherwise=lasso or ridge,
    )


@claim(40, "Regularisation lowers the test error of a model that is too complex.", 0, 2, 4)
def lower_test_error(scale: Scale) -> Outcome:
    rng = np.random.default_rng(0)
    strengths, errors = (0.0, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0), []
    at = np.linspace(-1, 1, 200)
    for strength in strengths:
        found = []
        for seed in range(scale.pick(4, 20)):
            rng = np.random.default_rng(seed)
            x = rng.uniform(-1, 1, 15)
            y = np.sin(3 * x) + 0.3 * rng.standard_normal(15)
            powers, tests = (np.stack([v**k for k in range(1, 13)], axis=1) for v in (x, at))
            gpunn.config.set_floatx("float64")
            try:
                model = Sequential([Input((12,)), Dense(1, kernel_regularizer=regularizers.L2(strength) if strength else None)])
                model.compile(optimizers.LBFGS(max_iterations=300), "mse")
                fitted(model, (powers, y[:, None]), 2, 15)
                found.append(float(np.mean((model.predict(tests, verbose=0)[:, 0] - np.sin(3 * at)) ** 2)))
            finally:
                gpunn.config.set_floatx("float32")
        errors.append(float(np.median(found)))
    best = int(np.argmin(errors))
    table = [{"strength": s, "test error": e} for s, e in zip(strengths, errors, strict=True)]
    scale.data.append("15 noisy points of a sine")
    return judged(
        0 < best < len(strengths) - 1 and errors[best] < 0.8 * errors[0],
        f"A polynomial of degree 12 on 15 points: test error {errors[0]:.3g} without penalty, "
        f"{errors[best]:.3g} at {strengths[best]:g}, {errors[-1]:.3g} at {strengths[-1]:g}: a U.",
        table,
        Chart(
            "error",
            "Test error by the penalty's strength",
            "strength",
            "squared error",
            [Series("", [f"{s:g}" for s in strengths], errors)],
            log_y=True,
        ),
    )
