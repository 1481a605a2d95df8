"""Claims about recurrent networks, autoencoders and adversarial training."""

import time
from typing import Any

import numpy as np

import gpunn
from gpunn import optimizers
from gpunn.callbacks import LambdaCallback
from gpunn.layers import GRU, LSTM, Dense, Input, SimpleRNN
from gpunn.models import Sequential
from gpunn.studies.charts import POINTS, Chart, Mark, Series
from gpunn.studies.claims.base import Outcome, Scale, Table, claim, judged
from gpunn.studies.claims.nets import compiled, fitted, net, score


@claim(57, "LSTM captures longer dependencies than a plain RNN; GRU is cheaper than LSTM.", 2)
def memory(scale: Scale) -> Outcome:
    """Say which of four tokens came first, after so many others."""
    units, table, curves = 16, Table(), []
    lengths, rows = scale.pick((10, 40, 80), (10, 30, 60, 100, 150)), scale.pick(400, 3000)
    for name, kind in (("SimpleRNN", SimpleRNN), ("GRU", GRU), ("LSTM", LSTM)):
        found = []
        for length in lengths:
            rng = np.random.default_rng(0)
            tokens = rng.integers(0, 4, (2 * rows, length))
            x, y = np.eye(4, dtype=np.float32)[tokens], tokens[:, 0]
            gpunn.utils.set_random_seed(0)
            model = compiled(Sequential([Input((length, 4)), kind(units), Dense(4, activation="softmax")]), "adam", 0.01, clipnorm=1.0)
            stop = LambdaCallback(on_epoch_end=lambda e, logs, m=model: setattr(m, "stop_training", logs["accuracy"] > 0.995))
            began = time.perf_counter()
            fitted(model, (x[:rows], y[:rows]), scale.pick(60, 100), 25, callbacks=[stop])
            seconds = time.perf_counter() - began
            found.append(score(model, (x[rows:], y[rows:]))["accuracy"])
            table.append(
                {"layer": name, "length": length, "test accuracy": found[-1], "parameters": model.count_params(), "seconds": seconds}
            )
        curves.append(Series(name, list(lengths), found))
    plain, gru, lstm = (list(c.y) for c in curves)
    cells = {row["layer"]: row["parameters"] - 4 * (units + 1) for row in table}
    longer = any(p < 0.6 and max(g, m) > 0.9 for p, g, m in zip(plain, gru, lstm, strict=True))
    further = max((n for n, v in zip(lengths, lstm, strict=True) if v > 0.9), default=0) > max(
        (n for n, v in zip(lengths, plain, strict=True) if v > 0.9), default=0
    )
    said = "; ".join(f"{c.name} {', '.join(f'{v:.0%}' for v in c.y)}" for c in curves)
    scale.data.append("random tokens")
    return judged(
        further and cells["GRU"] < 0.8 * cells["LSTM"],
        f"Accuracy at lengths {', '.join(map(str, lengths))} (chance 25%): {said}. The GRU's cell has {cells['GRU']:,} parameters, the "
        "LSTM's "
        f"{cells['LSTM']:,} ({cells['GRU'] / cells['LSTM']:.2f} of them).",
        table,
        Chart("recall", "Which token came first?", "length of the sequence", "accuracy", curves, [Mark("chance", y=0.25)], percent=True),
        only_if="gated cells are meant: the GRU remembers further than the plain RNN here, the LSTM needs longer training",
        otherwise=longer,
    )


@claim(58, "Autoencoders denoise, reduce the dimension and learn features.", 2)
def autoencoders(scale: Scale) -> Outcome:
    (x, y), (x_test, y_test) = scale.images("mnist", *scale.pick((4000, 1000), (30000, 5000)))
    rng, inputs, table = np.random.default_rng(0), x.shape[1], Table()

    def noisy(images: np.ndarray) -> np.ndarray:
        return np.clip(images + 0.4 * rng.standard_normal(images.shape), 0, 1).astype(np.float32)

    plain = compiled(net(inputs, (128, 32, 128), inputs, output="sigmoid"), "adam", 0.002, "mse")
    fitted(plain, (x, x), scale.pick(15, 40), 64)
    error, mean = score(plain, (x_test, x_test))["loss"], float(np.mean((x_test - x.mean(axis=0)) ** 2))
    denoising = compiled(net(inputs, (128, 32, 128), inputs, output="sigmoid"), "adam", 0.002, "mse")
    given = noisy(x_test)
    fitted(denoising, (noisy(x), x), scale.pick(15, 40), 64)
    left, before = score(denoising, (given, x_test))["loss"], float(np.mean((given - x_test) ** 2))
    probes = {}
    for name, layers in (("code of 32", plain.layers[:2]), ("32 random pixels", None)):
        if layers is None:
            chosen = rng.choice(np.flatnonzero(x.std(axis=0) > 0.05), 32, replace=False)
            codes = x[:, chosen], x_test[:, chosen]
        else:
            encoder = Sequential([Input((inputs,)), Dense(128, "relu"), Dense(32, "relu")])
            encoder.set_weights(plain.get_weights()[:4])
            codes = encoder.predict(x, verbose=0), encoder.predict(x_test, verbose=0)
        size = codes[0].std() + 1e-6
        probe = compiled(net(32, ()), "adam", 0.01)
        fitted(probe, (codes[0] / size, y), scale.pick(20, 30), 64)
        probes[name] = score(probe, (codes[1] / size, y_test))["accuracy"]
    table += [
        {"measure": "error of the mean image", "value": mean},
        {"measure": "error of the reconstruction", "value": error},
        {"measure": "error of noisy images", "value": before},
        {"measure": "error after denoising", "value": left},
        *({"measure": f"linear probe, {k}", "value": v} for k, v in probes.items()),
    ]
    side = round(inputs**0.5)
    pictures = [
        v.reshape(side, side)
        for v in (x_test[0], plain.predict(x_test[:1], verbose=0)[0], given[0], denoising.predict(given[:1], verbose=0)[0])
    ]
    ok = error < 0.7 * mean and left < 0.7 * before and probes["code of 32"] > probes["32 random pixels"]
    return judged(
        ok,
        f"Squared error {error:.4f} through a code of 32 numbers ({mean:.4f} for the mean image); noise {before:.4f} falls to {left:.4f}; "
        "a linear probe "
        f"on the code reaches {probes['code of 32']:.1%}, on as many random pixels {probes['32 random pixels']:.1%}.",
        table,
        Chart(
            "images",
            "Image, reconstruction, noisy, denoised",
            "",
            "",
            images=pictures,
            image_titles=("image", "through 32", "noisy", "denoised"),
        ),
    )


@claim(59, "Adversarial training produces realistic data.", 2)
def adversarial(scale: Scale) -> Outcome:
    """A generator and a discriminator of points on a ring: Goodfellow et al. (2014). The generator learns through a resting copy of
    the discriminator, behind it in one model."""
    rng, steps, batch = np.random.default_rng(0), scale.pick(1500, 12000), 128

    def ring(n: int) -> np.ndarray:
        angle = rng.uniform(0, 2 * np.pi, n)
        points = np.stack([np.cos(angle), np.sin(angle)], axis=1) * (1 + 0.05 * rng.standard_normal((n, 1)))
        return np.asarray(points, np.float32)

    def maker() -> list[Any]:
        return [Dense(32, "relu"), Dense(32, "relu"), Dense(2)]

    def judge() -> list[Any]:
        return [Dense(32, "leaky_relu"), Dense(32, "leaky_relu"), Dense(1, "sigmoid")]

    discriminator = compiled(Sequential([Input((2,)), *judge()]), optimizers.Adam(0.002, beta_1=0.5), loss="binary_crossentropy")
    resting = judge()
    for layer in resting:
        layer.trainable = False
    both = compiled(Sequential([Input((4,)), *maker(), *resting]), optimizers.Adam(0.001, beta_1=0.5), loss="binary_crossentropy")
    generator = Sequential([Input((4,)), *maker()])
    targets = np.concatenate([np.ones((batch, 1)), np.zeros((batch, 1))]).astype(np.float32)
    spread, when = [], []
    for step in range(steps):
        noise = rng.standard_normal((batch, 4)).astype(np.float32)
        generator.set_weights(both.get_weights()[:6])
        made = generator.predict_on_batch(noise)
        discriminator.train_on_batch(np.concatenate([ring(batch), made]), targets)
        both.set_weights(both.get_weights()[:6] + discriminator.get_weights())
        both.train_on_batch(rng.standard_normal((batch, 4)).astype(np.float32), targets[:batch])
        if step % max(1, steps // 20) == 0:
            when.append(step)
            spread.append(float(np.abs(np.linalg.norm(made, axis=1) - 1).mean()))
    generator.set_weights(both.get_weights()[:6])
    real, made = ring(1000), generator.predict(rng.standard_normal((1000, 4)).astype(np.float32), verbose=0)
    radius = np.linalg.norm(made, axis=1)
    angles = np.histogram(np.arctan2(made[:, 1], made[:, 0]), 12, (-np.pi, np.pi))[0]
    covered = int((angles > 1000 / 12 / 5).sum())
    table = [
        {"measure": name, "real": float(a), "made": float(b)}
        for name, a, b in (
            ("mean distance from the ring", np.abs(np.linalg.norm(real, axis=1) - 1).mean(), np.abs(radius - 1).mean()),
            ("mean of x", real[:, 0].mean(), made[:, 0].mean()),
            ("variance of x", real[:, 0].var(), made[:, 0].var()),
            ("twelfths of the ring with points", 12, covered),
        )
    ]
    near = abs(float(np.abs(radius - 1).mean()))
    scale.data.append("points on a ring")
    cloud = [
        Series(name, list(map(float, p[:300, 0])), list(map(float, p[:300, 1])), kind=POINTS)
        for name, p in (("real", real), ("made", made))
    ]
    return judged(
        near < 0.15 and covered >= 10,
        f"After {steps:,} steps made points lie {near:.3f} from the ring on average (real ones {table[0]['real']:.3f}) and cover "
        f"{covered} of 12 parts of it; "
        f"variance of x {table[2]['made']:.2f} ({table[2]['real']:.2f}).",
        table,
        Chart("points", "Real and made points", "x", "y", cloud),
        Chart("distance", "Distance from the ring", "step", "mean distance", [Series("", when, spread)], log_y=True),
        only_if="one overlooks what is missing: points lie near the ring, but parts of it are never made (collapse)",
        otherwise=near < 0.15,
    )
