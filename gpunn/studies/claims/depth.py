"""Claims about initial weights, and what becomes of signals and gradients in deep networks."""



from typing import Any

import numpy as np

import gpunn
from gpunn.callbacks import TerminateOnNaN
from gpunn.initializers import Constant, HeNormal, RandomNormal, VarianceScaling
from gpunn.layers import Dense, Input
from gpunn.models import Sequential
from gpunn.studies.charts import BARS, Chart, Series
from gpunn.studies.claims.base import Outcome, Scale, Table, claim, column, judged, listed
from gpunn.studies.claims.nets import compiled, fitted, net, score
from gpunn.training.health import gradient_norms


@claim(22, "Weights that all begin equal (0 or 1) never break their symmetry.", 3)
def symmetry(scale: Scale) -> Outcome:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((100, 5)).astype(np.float32)
    y = (x[:, :1] * x[:, 1:2]).astype(np.float32)
    table = Table()
    for activation in ("sigmoid", "relu"):
        for start in (0.0, 1.0):
            for output in ("equal", "random"):
                last = Constant(start) if output == "equal" else RandomNormal(0, 1)
                model = Sequential(
                    [Input((5,)), Dense(6, activation, kernel_initializer=Constant(start)), Dense(1, kernel_initializer=last)]
                )
                compiled(model, "sgd", 0.02, "mse")
                fitted(model, (x, y), scale.pick(100, 500), 20)
                hidden = model.get_weights()[0]
                table.append(
                    {
                        "activation": activation,
                        "all begin as": start,
                        "output weights": output,
                        "spread of the hidden columns": float(np.ptp(hidden, axis=1).max()),
                        "moved": bool(np.abs(hidden - start).max() > 1e-6),
                    }
                )
    equal = max(r["spread of the hidden columns"] for r in table if r["output weights"] == "equal")
    drawn = [r["spread of the hidden columns"] for r in table if r["output weights"] == "random"]
    dead = [r for r in table if r["activation"] == "relu" and r["all begin as"] == 0 and not r["moved"]]
    scale.data.append("100 random rows")
    return judged(
        equal < 1e-6 and max(drawn) < 1e-6,
        f"With equal output weights too, hidden units stay equal (spread {equal:.1g}). With random output "
        f"weights they part: spread up to {max(drawn):.2g}. ReLU from 0 does not move at all in {len(dead)} of 2 cases.",
        table,
        Chart(
            "spread",
            "Spread between hidden units after training",
            "",
            "spread",
            [
                Series(
                    o,
                    [f"{r['activation']}, {r['all begin as']:g}" for r in table if r["output weights"] == o],
                    [r["spread of the hidden columns"] for r in table if r["output weights"] == o],
                    kind=BARS,
                )
                for o in ("equal", "random")
            ],
        ),
        only_if="the output weights begin equal as well; random output weights break it",
        otherwise=equal < 1e-6 < max(drawn),
    )


@claim(23, "Zero weights give later layers zero signal.", 3)
def zero_signal(scale: Scale) -> Outcome:
    x = np.random.default_rng(0).standard_normal((20, 5)).astype(np.float32)
    table = Table()
    for activation in ("linear", "tanh", "relu", "sigmoid"):
        model = Sequential([Input((5,)), Dense(4, activation, kernel_initializer="zeros")])
        table.append({"activation": activation, "weighted sum": 0.0, "output": float(model.predict(x, verbose=0).mean())})
    rest = [r["output"] for r in table if r["activation"] != "sigmoid"]
    half = table[-1]["output"]
    scale.data.append("20 random rows")
    return judged(
        half == 0 and not any(rest),
        f"The weighted sum is 0; linear, tanh and ReLU then give 0, the sigmoid {half:g}.",
        table,
        Chart(
            "signal",
            "Output of a layer of zero weights",
            "",
            "output",
            [Series("", column(table, "activation"), column(table, "output"), kind=BARS)],
        ),
        only_if="the activation is 0 at 0: a sigmoid gives 0.5, the same for every input",
        otherwise=half == 0.5 and not any(rest),
    )


def _ratios(depths: tuple[int, ...], **options: Any) -> list[float]:
    """Gradient norm of the first hidden layer's weights over the last hidden layer's, at the start."""
    rng = np.random.default_rng(0)
    x, y, found = rng.standard_normal((200, 100)).astype(np.float32), rng.integers(0, 10, 200), []
    for depth in depths:
        gpunn.utils.set_random_seed(0)
        model = compiled(net(100, (100,) * depth, **options))
        norms = [v for k, v in gradient_norms(model, x, y).items() if k.startswith("dense")]
        found.append(norms[0] / norms[-2])
    return found


@claim(25, "Deep networks of sigmoids have vanishing gradients.", 2)
def vanishing(scale: Scale) -> Outcome:
    depths = (5, 10, 20)
    ratios = _ratios(depths, activation="sigmoid")
    table = [{"hidden layers": d, "first over last layer's gradient": r} for d, r in zip(depths, ratios, strict=True)]
    scale.data.append("200 random rows")
    return judged(
        ratios[0] < 0.05 and ratios == sorted(ratios, reverse=True),
        "The first hidden layer's gradient over the last one's: "
        f"{listed(table, 'hidden layers', 'first over last layer' + chr(39) + 's gradient', '.0e')} (layers, ratio).",
        table,
        Chart("ratio", "First over last layer's gradient", "hidden layers", "ratio", [Series("sigmoid", list(depths), ratios)], log_y=True),
    )


@claim(26, "ReLU and batch normalization mend vanishing gradients.", 1, 2)
def mended(scale: Scale) -> Outcome:
    depths, table, curves = (5, 10, 20), Table(), []
    kinds: dict[str, dict[str, Any]] = {
        "sigmoid": {"activation": "sigmoid"},
        "ReLU, He": {"activation": "relu", "init": "he_normal"},
        "sigmoid + BN": {"activation": "sigmoid", "batch_norm": True},
        "tanh, Glorot": {"activation": "tanh"},
    }
    for name, options in kinds.items():
        ratios = _ratios(depths, **options)
        table += [{"network": name, "hidden layers": d, "ratio": r} for d, r in zip(depths, ratios, strict=True)]
        curves.append(Series(name, list(depths), ratios))
    data, test = scale.images("fashion-mnist", scale.pick(4000, 20000))
    trained = {}
    for name in ("sigmoid", "sigmoid + BN"):
        model = compiled(net(data[0].shape[1], (100,) * 5, **kinds[name]), "sgd", 0.1)
        fitted(model, data, scale.pick(3, 5), 32)
        trained[name] = score(model, test)["accuracy"]
    worst = {c.name: min(c.y) for c in curves}
    ok = worst["ReLU, He"] > 0.3 and worst["sigmoid + BN"] > 0.3 and trained["sigmoid + BN"] > trained["sigmoid"] + 0.3
    return judged(
        ok,
        f"Gradient ratio, first over last hidden layer, at 20 layers: {', '.join(f'{c.name} {c.y[-1]:.1g}' for c in curves)}. Five "
        "sigmoid layers "
        f"train to {trained['sigmoid']:.1%} plain, {trained['sigmoid + BN']:.1%} with BN. tanh with Glorot weights is fine, too: not only "
        "these two help.",
        table,
        Chart("ratio", "First over last layer's gradient", "hidden layers", "ratio", curves, log_y=True),
    )


@claim(27, "Gradients can explode.", 2)
def exploding(scale: Scale) -> Outcome:
    depths = (5, 10, 20)
    wild = HeNormal()
    ratios = {
        "He": _ratios(depths, activation="relu", init=wild),
        "three times He": _ratios(depths, activation="relu", init=VarianceScaling(18.0, "fan_in", "untruncated_normal")),
    }
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((200, 100)).astype(np.float32), rng.integers(0, 10, 200)
    norms: dict[str, list[float]] = {}
    for name, variance in (("He", 2.0), ("three times He", 18.0)):
        norms[name] = []
        for depth in depths:
            gpunn.utils.set_random_seed(0)
            model = compiled(net(100, (100,) * depth, init=VarianceScaling(variance, "fan_in", "untruncated_normal")))
            norms[name].append(max(gradient_norms(model, x, y).values()))
    model = compiled(net(100, (100,) * 20, init=VarianceScaling(18.0, "fan_in", "untruncated_normal")), "sgd", 0.01)
    epochs = len(fitted(model, (x, y), 5, 50, callbacks=[TerminateOnNaN()])["loss"])
    table = [
        {
            "hidden layers": d,
            "largest gradient norm, He": norms["He"][i],
            "three times He": norms["three times He"][i],
            "ratio, three times He": ratios["three times He"][i],
        }
        for i, d in enumerate(depths)
    ]
    growth = norms["three times He"][-1] / norms["three times He"][0]
    scale.data.append("200 random rows")
    return judged(
        growth > 1e3 and epochs < 5,
        f"With weights three times He's the largest gradient grows from {norms['three times He'][0]:.0e} at 5 layers to "
        f"{norms['three times He'][-1]:.0e} at 20 (He: {norms['He'][0]:.1g} to {norms['He'][-1]:.1g}); training 20 layers ends in NaN, "
        "where TerminateOnNaN "
        f"stops it in epoch {epochs}.",
        table,
        Chart(
            "norm",
            "Largest gradient norm of a layer",
            "hidden layers",
            "norm",
            [Series(k, list(depths), v) for k, v in norms.items()],
            log_y=True,
        ),
    )
