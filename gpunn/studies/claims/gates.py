"""Claims about perceptrons and the gates they learn."""

import itertools

import numpy as np

import gpunn
from gpunn.layers import Dense, Input
from gpunn.models import Sequential
from gpunn.studies.charts import BARS, Chart, Series
from gpunn.studies.claims.base import Outcome, Scale, Table, claim, column, judged, listed, names
from gpunn.studies.claims.data import XOR
from gpunn.studies.claims.nets import fitted, score


@claim(16, "XOR by MLPClassifier: sigmoid fails, ReLU learns.", 1)
def xor_classifier(scale: Scale) -> Outcome:
    import warnings

    from gpunn.neural_network import MLPClassifier

    x, y = XOR
    table, seeds = Table(), scale.pick(20, 100)
    for name, tol, most in (("logistic", 1e-4, 3000), ("relu", 1e-4, 3000), ("logistic", 0.0, 8000)):
        scores = []
        count = seeds if tol else scale.pick(4, 20)
        for seed in range(count):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                model = MLPClassifier(
                    (2,), activation=name, max_iter=most, tol=tol, n_iter_no_change=10 if tol else most, random_state=seed
                )
                scores.append(model.fit(x, y).score(x, y))
        table.append(
            {
                "activation": name,
                "tol": tol,
                "runs": count,
                "perfect": sum(s == 1 for s in scores),
                "mean score": float(np.mean(scores)),
                "mean epochs": model.n_iter_,
            }
        )
    logistic, relu, patient = table
    scale.data.append("XOR, 4 rows")
    return judged(
        logistic["perfect"] == 0 and relu["perfect"] == seeds,
        f"With scikit-learn's defaults {logistic['perfect']} of {seeds} seeds are perfect with the sigmoid, {relu['perfect']} with ReLU: "
        "a tendency, "
        f"not a rule. The sigmoid is stopped by tol on a plateau; without that {patient['perfect']} of {patient['runs']} runs of "
        f"{patient['mean epochs']} "
        f"epochs are perfect, at a mean score of {patient['mean score']:.2f}.",
        table,
        Chart(
            "xor",
            "Share of perfect runs",
            "",
            "share",
            [Series("", [f"{r['activation']}, tol {r['tol']:g}" for r in table], [r["perfect"] / r["runs"] for r in table], kind=BARS)],
            percent=True,
        ),
        only_if="training is stopped by tol; ReLU learns it for some seeds, not for most",
        otherwise=logistic["perfect"] < relu["perfect"],
    )


@claim(17, "XOR in Keras: two sigmoid units reach 0.75, two ReLU units 1.0, three ReLU units 1.0.", 1)
def xor_keras(scale: Scale) -> Outcome:
    from gpunn.initializers import RandomNormal

    x, y = XOR
    table, seeds = Table(), scale.pick(12, 100)
    for name, units, activation in (("2 sigmoid", 2, "sigmoid"), ("2 relu", 2, "relu"), ("3 relu", 3, "relu")):
        scores = []
        for seed in range(seeds):
            gpunn.utils.set_random_seed(seed)
            model = Sequential([Input((2,)), Dense(units, activation, kernel_initializer=RandomNormal(0.75, 0.01)), Dense(1, "sigmoid")])
            model.compile("adam", "mse", ["binary_accuracy"])
            fitted(model, (x, y[:, None]), 1000, 4)
            scores.append(score(model, (x, y[:, None]))["binary_accuracy"])
        values, counts = np.unique(scores, return_counts=True)
        table.append({"hidden": name, "most frequent accuracy": float(values[counts.argmax()]), "share of it": float(counts.max() / seeds)})
    modes = column(table, "most frequent accuracy")
    scale.data.append("XOR, 4 rows")
    return judged(
        modes == [0.75, 1.0, 1.0],
        f"Most frequent accuracy over {seeds} seeds, 1000 epochs: {listed(table, 'hidden', 'most frequent accuracy', '.2f')} "
        f"(in {names([f'{v:.0%}' for v in column(table, 'share of it')])} of the runs). Other outcomes are common.",
        table,
        Chart(
            "xor",
            "Share of the most frequent accuracy",
            "",
            "share",
            [Series("", [f"{r['hidden']}: {r['most frequent accuracy']:.2f}" for r in table], column(table, "share of it"), kind=BARS)],
            percent=True,
        ),
    )


@claim(55, "A perceptron's output changes abruptly at z = 0, a sigmoid's smoothly.", 1)
def abruptly(scale: Scale) -> Outcome:
    tiny, table = 1e-3, Table()
    for activation in ("step", "sigmoid"):
        model = Sequential([Input((1,)), Dense(1, activation, use_bias=False)])
        outputs = []
        for w in (-tiny, tiny):
            model.set_weights([np.array([[w]])])
            outputs.append(float(model.predict(np.ones((1, 1), np.float32), verbose=0)[0, 0]))
        table.append({"unit": activation, "change of the output": outputs[1] - outputs[0]})
    jump, smooth = column(table, "change of the output")
    z = np.linspace(-4, 4, 81)
    scale.data.append("one weight")
    return judged(
        jump == 1 and abs(smooth - 0.25 * 2 * tiny) < 1e-6,
        f"A weight's change by {2 * tiny:g} around z = 0 changes the step unit by {jump:g}, "
        f"the sigmoid by {smooth:.5f} (its slope 1/4 times the change: {0.5 * tiny:.5f}).",
        table,
        Chart(
            "units",
            "Step and sigmoid",
            "z",
            "output",
            [Series("step", list(z), [float(v >= 0) for v in z]), Series("sigmoid", list(z), list(1 / (1 + np.exp(-z))))],
        ),
    )


@claim(56, "A perceptron learns exactly the linearly separable functions.", 1, 2, 4)
def separable(scale: Scale) -> Outcome:
    import warnings

    from gpunn.linear_model import Perceptron

    x = XOR[0].astype(float)
    table = Table()
    for truth in itertools.product((0, 1), repeat=4):
        y = np.array(truth)
        if len(set(truth)) == 1:  # a constant: one class, which the estimator does not take; the unit represents it by its bias
            right, epochs = bool((Perceptron([0, 0], bias=2 * truth[0] - 1).predict(x) == y).all()), 0
        else:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                model = Perceptron(max_iter=100, tol=None, shuffle=False).fit(x, y)
            right, epochs = bool(model.score(x, y) == 1), int(model.n_iter_)
        table.append({"truth table": "".join(map(str, truth)), "learned": right, "epochs": epochs})
    failed = [r["truth table"] for r in table if not r["learned"]]
    scale.data.append("the 16 functions of two inputs")
    return judged(
        failed == ["0110", "1001"],
        f"Learned: {16 - len(failed)} of 16. Not learned: {names(failed)} (XOR is 0110, XNOR 1001).",
        table,
        Chart(
            "epochs",
            "Epochs until no mistake is left (100: never)",
            "truth table",
            "epochs",
            [Series("", column(table, "truth table"), column(table, "epochs"), kind=BARS)],
        ),
    )
