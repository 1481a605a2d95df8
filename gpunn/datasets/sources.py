"""What the downloadable data sets consist of: files, shapes, checksums of the raw bytes, and where they are published."""

from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np

from gpunn.datasets.errors import DatasetError
from gpunn.datasets.idx import RawIdx


@dataclass(frozen=True)
class Part:
    """One IDX file of uint8 values.

    ``sha256`` is of the *decompressed* file, so that any re-compression of the published bytes passes.
    """

    name: str
    shape: tuple[int, ...]
    sha256: str

    @property
    def raw_bytes(self) -> int:
        """Size of the decompressed file: four bytes of magic, four for each dimension, one for each value."""
        return 4 + 4 * len(self.shape) + prod(self.shape)


@dataclass(frozen=True)
class Source:
    """A published data set.

    ``key`` is the folder's name in the user cache and the name on the command line, ``folders`` are the spellings accepted
    below a data root (the last one is torchvision's), ``mirrors`` are URL prefixes in the order they are tried; ``.gz`` files lie there.
    """

    key: str
    title: str
    folders: tuple[str, ...]
    mirrors: tuple[str, ...]
    train_images: Part
    train_labels: Part
    test_images: Part
    test_labels: Part

    @property
    def parts(self) -> tuple[Part, Part, Part, Part]:
        return self.train_images, self.train_labels, self.test_images, self.test_labels


def _mnist_like(key: str, title: str, folders: tuple[str, ...], mirrors: tuple[str, ...], sha256: tuple[str, str, str, str]) -> Source:
    """A set in MNIST's form: 60,000 + 10,000 images of 28x28 and their labels, under MNIST's file names."""
    return Source(
        key, title, folders, mirrors,
        train_images=Part("train-images-idx3-ubyte", (60_000, 28, 28), sha256[0]),
        train_labels=Part("train-labels-idx1-ubyte", (60_000,), sha256[1]),
        test_images=Part("t10k-images-idx3-ubyte", (10_000, 28, 28), sha256[2]),
        test_labels=Part("t10k-labels-idx1-ubyte", (10_000,), sha256[3]),
    )


MNIST = _mnist_like(
    "mnist", "MNIST", ("mnist", "MNIST", "MNIST/raw"),
    (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
    (
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
)

FASHION_MNIST = _mnist_like(
    "fashion-mnist", "Fashion-MNIST", ("fashion-mnist", "fashion_mnist", "FashionMNIST/raw"),
    (
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        # The publisher's own bucket speaks no HTTPS; the checksums above the transport are what is trusted.
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    ),
    (
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    ),
)

SOURCES = (MNIST, FASHION_MNIST)


def owner(sha256: str) -> tuple[Source, Part] | None:
    """The known file with this checksum, so that an error can say "these are MNIST's test labels"."""
    for source in SOURCES:
        for part in source.parts:
            if part.sha256 == sha256:
                return source, part
    return None


def check(source: Source, part: Part, file: Path, raw: RawIdx, sha256: str | None) -> None:
    """Refuse ``raw`` unless it is the published file; ``sha256`` is its checksum, or None when that was compared before."""
    if raw.shape != part.shape or raw.dtype != np.uint8:
        raise DatasetError(
            f"File '{file}' is not {source.title}'s {part.name}. Expected: shape {part.shape} of uint8. "
            f"Received: shape {raw.shape} of {raw.dtype.name}."
        )
    if sha256 is not None and sha256 != part.sha256:
        known = owner(sha256)
        what = f", which is {known[0].title}'s {known[1].name}" if known else ""
        raise DatasetError(
            f"File '{file}' is damaged or not {source.title}'s {part.name}. Expected: SHA-256 {part.sha256} (of the decompressed bytes). "
            f"Received: {sha256}{what}."
        )
