"""Claims about images: convolution, pooling, augmentation."""

import warnings
from typing import Any

import numpy as np

import gpunn
from gpunn.layers import (
    Activation,
    AveragePooling2D,
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GaussianNoise,
    Input,
    MaxPooling2D,
    RandomFlip,
    RandomRotation,
    RandomTranslation,
)
from gpunn.models import Sequential
from gpunn.studies.charts import BARS, Chart, Series
from gpunn.studies.claims.base import Outcome, Scale, Table, claim, column, judged, listed
from gpunn.studies.claims.nets import compiled, first_above, fitted, score


def cnn(shape: tuple[int, ...], before: tuple[Any, ...] = (), batch_norm: bool = False, dropout: float = 0.0) -> Any:
    """Two convolutions of 8 and 16 channels, each with ReLU and pooling, and a dense layer; compiled with Adam."""
    layers: list[Any] = [Input(shape), *before]
    for channels in (8, 16):
        layers.append(Conv2D(channels, 3, padding="same"))
        layers += [BatchNormalization(momentum=0.9)] if batch_norm else []
        layers += [Activation("relu"), MaxPooling2D()]
    layers += [Flatten(), *([Dropout(dropout)] if dropout else []), Dense(10, activation="softmax")]
    return compiled(Sequential(layers), "adam", 0.003)


def moved(x: np.ndarray, down: int, right: int) -> np.ndarray:
    """Images moved by so many pixels, with 0 where nothing was."""
    out = np.zeros_like(x)
    rows, columns = x.shape[1:3]
    to = [slice(max(d, 0), n + min(d, 0)) for d, n in ((down, rows), (right, columns))]
    source = [slice(max(-d, 0), n + min(-d, 0)) for d, n in ((down, rows), (right, columns))]
    out[:, to[0], to[1]] = x[:, source[0], source[1]]
    return out


def blurred(x: np.ndarray) -> np.ndarray:
    """Means over 3 x 3 pixels."""
    return np.asarray(np.mean([moved(x, i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)], axis=0), np.float32)


@claim(60, "Convolutional networks suit images.", 2, 3)
def suit_images(scale: Scale) -> Outcome:
    data, test = scale.images("mnist", scale.pick(1500, 30000), scale.pick(1000, 5000), flat=False)
    shape, table = data[0].shape[1:], Table()
    shifted = {0: test} | {n: (moved(test[0], n, n), test[1]) for n in (1, 2, 3)}
    for name in ("convolutional", "dense"):
        gpunn.utils.set_random_seed(0)
        if name == "convolutional":
            model = cnn(shape)
            parameters = model.count_params()
        else:  # as many parameters: inputs h + h + 10 h + 10
            width = round((parameters - 10) / (int(np.prod(shape)) + 11))
            model = compiled(Sequential([Input(shape), Flatten(), Dense(width, "relu"), Dense(10, activation="softmax")]), "adam", 0.003)
        fitted(model, data, scale.pick(6, 12), 32)
        row: dict[str, Any] = {"network": name, "parameters": model.count_params()}
        table.append(row | {f"accuracy, moved by {n}": score(model, images)["accuracy"] for n, images in shifted.items()})
    a, b = ([row[f"accuracy, moved by {n}"] for n in shifted] for row in table)
    return judged(
        a[0] > b[0] and a[2] - b[2] > a[0] - b[0],
        f"With {table[0]['parameters']:,} and {table[1]['parameters']:,} parameters: test accuracy {a[0]:.1%} convolutional, {b[0]:.1%} "
        "dense; "
        f"on images moved by two pixels both ways {a[2]:.1%} and {b[2]:.1%}.",
        table,
        Chart(
            "moved",
            "Accuracy on moved images",
            "pixels",
            "accuracy",
            [Series(row["network"], list(shifted), [row[f"accuracy, moved by {n}"] for n in shifted]) for row in table],
            percent=True,
        ),
    )


@claim(61, "Pooling reduces height and width, not the number of channels.", 3)
def pooling(scale: Scale) -> Outcome:
    x = np.array([[7, 3, 5, 2], [8, 7, 1, 6], [4, 9, 3, 9], [0, 8, 4, 5]], np.float32)
    images = np.repeat(x[None, :, :, None], 3, axis=3)
    table = Table()
    for name, layer in (("average", AveragePooling2D((2, 2))), ("maximum", MaxPooling2D((2, 2)))):
        out = Sequential([Input((4, 4, 3)), layer]).predict(images, verbose=0)
        table.append(
            {"pooling": name, "shape in": "4 x 4 x 3", "shape out": " x ".join(map(str, out.shape[1:])), "values": out[0, :, :, 0].tolist()}
        )
    average, largest = column(table, "values")
    scale.data.append("the lecture's 4 x 4 numbers, in three channels")
    return judged(
        set(column(table, "shape out")) == {"2 x 2 x 3"} and average == [[6.25, 3.5], [5.25, 5.25]] and largest == [[8, 6], [9, 9]],
        f"4 x 4 x 3 becomes {table[0]['shape out']}; averages {average}, maxima {largest}.",
        table,
        Chart("pooling", "Before, average, maximum", "", "", images=[x, average, largest], image_titles=("4 x 4", "average", "maximum")),
    )


@claim(37, "Dropout was replaced by batch normalization: lower training time and better performance.", 1)
def replaced(scale: Scale) -> Outcome:
    data, test = scale.images("mnist", scale.pick(1200, 20000), scale.pick(600, 5000), flat=False)
    table, curves, goal = Table(), [], 0.9
    for name, on, rate in (("none", False, 0.0), ("dropout", False, 0.4), ("BN", True, 0.0), ("both", True, 0.4)):
        gpunn.utils.set_random_seed(0)
        model = cnn(data[0].shape[1:], batch_norm=on, dropout=rate)
        found = fitted(model, data, scale.pick(8, 15), 32, held=test)
        table.append(
            {
                "with": name,
                f"epochs to {goal:.0%}": first_above(found["val_accuracy"], goal),
                "test accuracy": found["val_accuracy"][-1],
                "test loss": found["val_loss"][-1],
            }
        )
        curves.append(Series(name, list(range(1, len(found["loss"]) + 1)), found["val_accuracy"]))
    rows = {row["with"]: row for row in table}
    most = scale.pick(8, 15) + 1
    sooner = (rows["BN"][f"epochs to {goal:.0%}"] or most) < (rows["dropout"][f"epochs to {goal:.0%}"] or most)
    better = rows["BN"]["test accuracy"] > rows["dropout"]["test accuracy"]
    return judged(
        sooner and better,
        f"Epochs to {goal:.0%} on test images: {listed(table, 'with', f'epochs to {goal:.0%}', 'd')}; accuracy at the end "
        f"{listed(table, 'with', 'test accuracy', '.1%')}.",
        table,
        Chart("curves", "Test accuracy", "epoch", "accuracy", curves, percent=True),
        only_if="time is meant: it learns sooner, and ends no better" if sooner else "the end is meant: better, but learned no sooner",
        otherwise=sooner or better,
    )


@claim(41, "Data augmentation reduces overfitting.", 0, 2)
def augmentation(scale: Scale) -> Outcome:
    data, test = scale.images("mnist", scale.pick(500, 1000), scale.pick(1000, 10000), flat=False)
    kinds: dict[str, tuple[Any, ...]] = {
        "none": (),
        "shifts and turns": (RandomTranslation(0.1, 0.1, fill_mode="constant"), RandomRotation(0.03, fill_mode="constant")),
        "flips": (RandomFlip("horizontal_and_vertical"),),
    }
    table = Table()
    for name, layers in kinds.items():
        gpunn.utils.set_random_seed(0)
        model = cnn(data[0].shape[1:], layers)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Flips change handwritten digits")  # which is what is to be seen
            fitted(model, data, scale.pick(30, 80), 32)
        train, held = score(model, data)["accuracy"], score(model, test)["accuracy"]
        table.append({"augmented by": name, "training accuracy": train, "test accuracy": held, "gap": train - held})
    none, small, flips = table
    return judged(
        small["test accuracy"] > none["test accuracy"] and small["gap"] < none["gap"],
        f"Test accuracy {listed(table, 'augmented by', 'test accuracy', '.1%')}; gap to the training images "
        f"{listed(table, 'augmented by', 'gap', '.1%')}. Flips change what a digit is"
        f"{': they hurt' if flips['test accuracy'] < none['test accuracy'] else ', yet did not hurt here'}.",
        table,
        Chart(
            "accuracy",
            f"{len(data[0])} training images",
            "",
            "accuracy",
            [Series(k, column(table, "augmented by"), column(table, k), kind=BARS) for k in ("training accuracy", "test accuracy")],
            percent=True,
        ),
    )


@claim(42, "Training on augmented or noisy images tolerates changes of the input's quality.", 2)
def quality(scale: Scale) -> Outcome:
    data, test = scale.images("mnist", scale.pick(1200, 20000), scale.pick(1000, 10000), flat=False)
    rng = np.random.default_rng(0)
    noisy = np.clip(test[0] + 0.4 * rng.standard_normal(test[0].shape), 0, 1).astype(np.float32)
    tests = {"clean": test, "noisy": (noisy, test[1]), "blurred": (blurred(test[0]), test[1])}
    table = Table()
    for name, layers in (("clean images", ()), ("noise and small turns", (GaussianNoise(0.4), RandomRotation(0.02, fill_mode="constant")))):
        gpunn.utils.set_random_seed(0)
        model = cnn(data[0].shape[1:], layers)
        fitted(model, data, scale.pick(10, 20), 32)
        row: dict[str, Any] = {"trained on": name}
        table.append(row | {k: score(model, images)["accuracy"] for k, images in tests.items()})
    plain, hard = table
    drops = {k: (plain["clean"] - plain[k], hard["clean"] - hard[k]) for k in ("noisy", "blurred")}
    noise, blur = (b < a for a, b in drops.values())
    return judged(
        noise and blur,
        "Loss of accuracy on noisy images: "
        + f"{drops['noisy'][0]:.1%} trained on clean ones, {drops['noisy'][1]:.1%} trained on noisy ones; on blurred "
        f"images {drops['blurred'][0]:.1%} and {drops['blurred'][1]:.1%}.",
        table,
        Chart(
            "quality",
            "Accuracy by the quality of the test images",
            "",
            "accuracy",
            [Series(row["trained on"], list(tests), [row[k] for k in tests], kind=BARS) for row in table],
            percent=True,
        ),
        only_if="the change is of the kind trained on",
        otherwise=noise or blur,
    )
