"""Claims about images: convolution, pooling, augmentation."""

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
    Input,
    MaxPooling2D,
)
from gpunn.models import Sequential
from gpunn.studies import augmentation
from gpunn.studies.charts import Chart, Series
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
def overfitting(scale: Scale) -> Outcome:
    found = _studied(scale, augmentation.OVERFITTING)
    holds, words = augmentation.overfitting(found)
    return judged(holds, f"{words[0].upper()}{words[1:]}.", found.table, *found.charts)


@claim(42, "Training on augmented or noisy images tolerates changes of the input's quality.", 2)
def quality(scale: Scale) -> Outcome:
    found = _studied(scale, augmentation.QUALITY)
    borne, words = augmentation.quality(found)
    only_if = "they are " + " or ".join(borne)
    words = f"{words[0].upper()}{words[1:]}."
    return judged(len(borne) == 2, words, found.table, *found.charts, only_if=only_if, otherwise=len(borne) == 1)


def _studied(scale: Scale, kinds: tuple[str, ...]) -> augmentation.Findings:
    """These kinds of ``gpunn study augmentation``."""
    given = augmentation.setup(scale.full)
    scale.data.append(given.data)
    return augmentation.measure(given, augmentation.run(given, lambda line: None, kinds))
