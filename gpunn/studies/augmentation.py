"""What augmentation does to few images: claims CL-41 (it reduces overfitting; flips hurt digits) and CL-42 (it makes a network tolerate
images of other quality), with a picture of every operation. ``gpunn study augmentation`` runs all of it by `main`; of ``gpunn study run``
each claim trains the kinds it speaks of, through `claims.images`.

A small convolutional network is trained on a few MNIST digits (or scikit-learn's, where MNIST is not here) without changes and with several
kinds of them, from several seeds, and tested on clean, noisy and blurred images it has not seen.
"""

import json
import statistics
import warnings
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from gpunn import layers
from gpunn.models import Sequential
from gpunn.optimizers import Adam
from gpunn.preprocessing.image import cutmix, mixup
from gpunn.random import Scope, set_random_seed
from gpunn.studies.charts import BARS, Chart, Series
from gpunn.studies.environment import facts

KINDS: dict[str, Callable[[], list[Any]]] = {
    "none": list,
    "shifts and turns": lambda: [layers.RandomAffine(rotation=0.03, height_shift=0.1, width_shift=0.1, zoom=0.1, fill_mode="constant")],
    "flips": lambda: [layers.RandomFlip("horizontal_and_vertical")],
    "noise and blur": lambda: [layers.RandomGaussianBlur((0.5, 0.5), 5, (0.5, 1.5), (0, 1)), layers.GaussianNoise(0.3)],
}
OVERFITTING, QUALITY = ("none", "shifts and turns", "flips"), ("none", "noise and blur")  # the kinds that CL-41 and CL-42 are about
DRAWS = 8  # of which the picture shows one
# every operation, for square images of values from 0 to 1
OPERATIONS: dict[str, Callable[[int], Any]] = {
    "rotation": lambda size: layers.RandomRotation((0.08, 0.08), "constant"),
    "translation": lambda size: layers.RandomTranslation((0.2, 0.2), (-0.15, -0.15), "constant"),
    "zoom": lambda size: layers.RandomZoom((0.4, 0.4), fill_mode="constant"),
    "shear": lambda size: layers.RandomShear((0.4, 0.4), fill_mode="constant"),
    "flip": lambda size: layers.RandomFlip("horizontal"),
    "crop": lambda size: Sequential([layers.RandomCrop(2 * size // 3, 2 * size // 3), layers.Resizing(size, size)]),
    "brightness": lambda size: layers.RandomBrightness((0.35, 0.35), (0, 1)),
    "contrast": lambda size: layers.RandomContrast((0.7, 0.0), (0, 1)),
    "channel shift": lambda size: layers.RandomChannelShift(0.5),
    "Gaussian noise": lambda size: layers.GaussianNoise(0.3),
    "salt and pepper": lambda size: layers.SaltAndPepper(0.15, value_range=(0, 1)),
    "Gaussian blur": lambda size: layers.RandomGaussianBlur((1.0, 1.0), 7, (1.5, 1.5), (0, 1)),
    "elastic": lambda size: layers.RandomElasticTransform((1.0, 1.0), value_range=(0, 1)),
    "erasing": lambda size: layers.RandomErasing((1.0, 1.0), (0.08, 0.15), value_range=(0, 1)),
    "cutout": lambda size: layers.Cutout(size // 3),
    "AugMix": lambda size: layers.AugMix((0, 1), alpha=0.5),
}


@dataclass
class Setup:
    """``train`` and ``test``: (images (rows, height, width, 1) of 0 to 1, labels); ``data`` in words."""

    train: tuple[np.ndarray, np.ndarray]
    test: tuple[np.ndarray, np.ndarray]
    data: str
    epochs: int
    seeds: int


@dataclass
class Findings:
    """``table``: for each kind its mean accuracies on training images and on the clean, noisy and blurred test images; ``verdicts``: for
    each claim "holds" or "does not hold here", with the figures; ``charts`` for `draw`."""

    data: str
    table: list[dict[str, Any]]
    verdicts: dict[str, str] = field(default_factory=dict)
    charts: list[Chart] = field(default_factory=list)


def setup(full: bool = False) -> Setup:
    """1,000 images, and the test images; a third of them where it should be quick."""
    from gpunn.datasets import digits, mnist

    try:
        name, ((x, y), (x_test, y_test)) = "MNIST", mnist.load_data()
    except ValueError:
        name, ((x, y), (x_test, y_test)) = "digits", digits.load_data()
    rows, tests = (1000, 10000) if full else (300, 1000)
    (a, b), (c, d) = ((part[:n] / np.float32(x.max()), labels[:n]) for part, labels, n in ((x, y, rows), (x_test, y_test, tests)))
    a, c = a[..., None], c[..., None]
    return Setup((a, b), (c, d), f"{name}, {len(a):,} training and {len(c):,} test images", 80 if full else 25, 5 if full else 3)


def network(shape: tuple[int, ...], front: list[Any]) -> Any:
    """Two convolutions with pooling and a dense layer, behind what changes images."""
    blocks = [layer for n in (8, 16) for layer in (layers.Conv2D(n, 3, padding="same", activation="relu"), layers.MaxPooling2D())]
    model = Sequential([layers.Input(shape), *front, *blocks, layers.Flatten(), layers.Dense(10, "softmax")])
    model.compile(Adam(0.003), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def qualities(x: np.ndarray) -> dict[str, np.ndarray]:
    """The test images as they are, with noise, and blurred; from a seed of their own."""
    noise, blur = layers.GaussianNoise(0.4, seed=11), layers.RandomGaussianBlur((1.0, 1.0), 7, (1.5, 1.5), (0, 1), seed=12)
    return {"clean": x, "noisy": np.clip(np.asarray(_changed(noise, x)), 0, 1), "blurred": np.asarray(_changed(blur, x))}


def run(given: Setup, tell: Callable[[str], None] = print, kinds: Iterable[str] = tuple(KINDS)) -> list[dict[str, Any]]:
    """Train these kinds from every seed; -> a row each."""
    rows, tests = [], qualities(given.test[0])
    for kind in kinds:
        for seed in range(given.seeds):
            with Scope(seed), warnings.catch_warnings():
                warnings.filterwarnings("ignore", "Flips change handwritten digits")  # that they do is what is to be shown
                model = network(given.train[0].shape[1:], KINDS[kind]())
                model.fit(*given.train, batch_size=32, epochs=given.epochs, verbose=0)
            row = {"kind": kind, "seed": seed, "training": model.evaluate(*given.train, verbose=0)[1]}
            rows.append(row | {name: model.evaluate(x, given.test[1], verbose=0)[1] for name, x in tests.items()})
            tell(f"{kind}, seed {seed}: test accuracy {rows[-1]['clean']:.1%}, training {rows[-1]['training']:.1%}")
    return rows


def measure(given: Setup, rows: list[dict[str, Any]]) -> Findings:
    """Means over the seeds, with their standard deviations."""
    table = []
    for kind in dict.fromkeys(row["kind"] for row in rows):
        own = [row for row in rows if row["kind"] == kind]
        out: dict[str, Any] = {"kind": kind}
        for name in ("training", "clean", "noisy", "blurred"):
            values = [row[name] for row in own]
            out |= {name: statistics.fmean(values), f"{name} sd": statistics.stdev(values) if len(values) > 1 else 0.0}
        table.append(out | {"gap": out["training"] - out["clean"]})
    names = [row["kind"] for row in table]
    bars = [
        Series(name, names, [row[name] for row in table], [row[name] - row[f"{name} sd"] for row in table],
               [row[name] + row[f"{name} sd"] for row in table], BARS)
        for name in ("training", "clean", "noisy", "blurred")
    ]  # fmt: skip
    return Findings(given.data, table, charts=[Chart("accuracy", given.data, "", "accuracy", bars, percent=True)])


def overfitting(found: Findings) -> tuple[bool, str]:
    """CL-41: whether small shifts and turns raise test accuracy and close the gap, and flips do not; and the figures."""
    none, small, flips = _rows(found, OVERFITTING)
    helps = small["clean"] > none["clean"] and small["gap"] < none["gap"]
    hurts = flips["clean"] < small["clean"] and flips["clean"] < none["clean"] + none["clean sd"]
    return helps and hurts, (
        f"test accuracy {none['clean']:.1%} without changes, {small['clean']:.1%} with shifts and turns, {flips['clean']:.1%} with flips; "
        f"gap to the training images {none['gap']:.1%}, {small['gap']:.1%}, {flips['gap']:.1%}"
    )


def quality(found: Findings) -> tuple[list[str], str]:
    """CL-42: the qualities, of "noisy" and "blurred", for which training with noise and blur loses less; and the figures."""
    none, noisy = _rows(found, QUALITY)
    drops = {q: (none["clean"] - none[q], noisy["clean"] - noisy[q]) for q in ("noisy", "blurred")}
    return [q for q, (a, b) in drops.items() if b < a], "loss of accuracy " + ", ".join(
        f"on {q} images {a:.1%} without changes and {b:.1%} with noise and blur" for q, (a, b) in drops.items()
    )


def verdict(found: Findings) -> Findings:
    """Both claims in words."""
    (less, gaps), (borne, drops) = overfitting(found), quality(found)
    for name, holds, words in (("CL-41", less, gaps), ("CL-42", len(borne) == 2, drops)):
        found.verdicts[name] = f"{'holds' if holds else 'does not hold here'}: {words}"
    return found


def _rows(found: Findings, kinds: tuple[str, ...]) -> list[dict[str, Any]]:
    return [next(row for row in found.table if row["kind"] == kind) for kind in kinds]


def pictures(given: Setup) -> Chart:
    """One digit, and what each operation makes of it; Mixup and CutMix with a second one."""
    pair = given.train[0][:2]
    x = np.repeat(pair[:1], DRAWS, axis=0)
    images, titles = [pair[0, ..., 0]], ["the image"]
    with Scope(3):
        for name, make in OPERATIONS.items():
            images.append(_farthest(np.clip(_changed(make(x.shape[1]), x), 0, 1), pair[0])[..., 0])
            titles.append(name)
        tinted = x * np.array([1.0, 0.55, 0.2], np.float32) + np.array([0.0, 0.1, 0.25], np.float32)
        images += [np.clip(tinted[0], 0, 1), _farthest(np.clip(_changed(layers.RandomSaturation(0.45, (0, 1)), tinted), 0, 1), tinted[0])]
        titles += ["an image in colour", "saturation"]
    images.append(pair[1, ..., 0])
    titles.append("another image")
    for name, change in (("Mixup", mixup), ("CutMix", cutmix)):
        mixed, y = max((change(pair, [0, 1], 4.0, seed=s) for s in range(DRAWS)), key=lambda made: -abs(made[1][0, 0] - 0.5))
        images.append(mixed[0, ..., 0])
        titles.append(f"{name}: {y[0, 0]:.0%} and {y[0, 1]:.0%}")
    images = [np.repeat(i[..., None], 3, axis=2) if i.ndim == 2 else i for i in images]  # as colours: drawn as they are, not stretched
    return Chart("operations", "What each operation does", "", "", images=images, image_titles=titles)


def _farthest(changed: np.ndarray, image: np.ndarray) -> np.ndarray:
    """Of several draws the one that shows most."""
    return changed[np.argmax(np.abs(changed - image).reshape(len(changed), -1).sum(axis=1))]


def _changed(layer: Any, x: np.ndarray) -> np.ndarray:
    """Images through a layer, or a few, as in training."""
    return np.asarray(layer(x, training=True))


def draw(found: Findings, folder: Path) -> list[Path]:
    """A PNG for each chart, and the figures as JSON, with the machine they are from."""
    from gpunn.studies import pictures as png

    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"augmentation-{chart.key}.png" for chart in found.charts]
    for chart, path in zip(found.charts, paths, strict=True):
        png.draw([chart], path, *((8.0, 4.2) if chart.images is None else (8.0, 8.2)))
    figures = {"machine": facts()} | {name: value for name, value in asdict(found).items() if name != "charts"}
    (folder / "augmentation.json").write_text(json.dumps(figures, indent=1) + "\n")
    return paths


def main(folder: Any = "runs/study-augmentation", full: bool = False, tell: Callable[[str], None] = print) -> Findings:
    """The whole experiment into a folder."""
    set_random_seed(0)
    given = setup(full)
    found = verdict(measure(given, run(given, tell)))
    found.charts.append(pictures(given))
    for path in draw(found, Path(folder)):
        tell(f"saved {path}")
    for name, words in found.verdicts.items():
        tell(f"{name} {words}")
    return found

