"""Batches of the tests' data from generators, sequences, iterables and PyTorch's loaders."""

import os

import pytest
from fed import X, Y

import gpunn

SIZE = 16
STEPS = -(-len(X) // SIZE)


def batch(i, x=X, y=Y, w=None):
    cut = slice(i * SIZE, i * SIZE + SIZE)
    return (x[cut], y[cut]) if w is None else (x[cut], y[cut], w[cut])


def generator(passes=1, **arrays):
    for _ in range(passes):
        for i in range(STEPS):
            yield batch(i, **arrays)


class Batches(gpunn.utils.Sequence):
    def __init__(self, count=STEPS, **options):
        super().__init__(**options)
        self.count, self.asked, self.events = count, [], []

    def __len__(self):
        return self.count

    def __getitem__(self, i):
        self.asked.append(i)
        return batch(i)

    def on_epoch_begin(self):
        self.events.append("begin")

    def on_epoch_end(self):
        self.events.append("end")


class Duck:
    """No base class: a length and an index, as Keras 2's data sets of one's own."""

    def __len__(self):
        return STEPS

    def __getitem__(self, i):
        return list(batch(i))


class Again:
    """Can be iterated again and again; no length."""

    def __iter__(self):
        return generator()


def loader(**options):
    torch = pytest.importorskip("torch")
    from torch.utils.data import DataLoader, TensorDataset

    return DataLoader(TensorDataset(torch.tensor(X), torch.tensor(Y)), SIZE, **options)


def keras_dataset():
    """One of Keras's own PyDataset, which says how many workers it wants."""
    os.environ.setdefault("KERAS_BACKEND", "jax")
    PyDataset = pytest.importorskip("keras").utils.PyDataset

    class Theirs(PyDataset):
        def __len__(self):
            return STEPS

        def __getitem__(self, i):
            return batch(i)

    return Theirs(workers=2)


KINDS = {
    "a generator": (lambda: generator(2), {"steps_per_epoch": STEPS}),
    "a generator, made here": (lambda: generator(2), {"steps_per_epoch": STEPS, "workers": 0}),
    "an iterator of lists": (lambda: map(list, generator(2)), {"steps_per_epoch": STEPS}),
    "a Sequence": (Batches, {}),
    "a Sequence, several workers": (lambda: Batches(workers=4), {}),
    "a Sequence, workers of fit": (Batches, {"workers": 3, "use_multiprocessing": True, "max_queue_size": 2}),
    "a Sequence, made here": (lambda: Batches(workers=0), {}),
    "an object like one": (Duck, {}),
    "an iterable": (Again, {}),
    "an iterable, steps given": (Again, {"steps_per_epoch": STEPS}),
    "a DataLoader": (loader, {}),
    "a DataLoader with workers": (lambda: loader(num_workers=2), {}),
    "a DataLoader whose workers stay": (lambda: loader(num_workers=2, persistent_workers=True), {}),
    "Keras's PyDataset": (keras_dataset, {}),
}
