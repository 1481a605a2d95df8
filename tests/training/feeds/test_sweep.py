"""Files larger than memory, in a random order: rows kept from sweeps over the file are those of memory."""

import gc
import os
import sys
import threading
import time

import numpy as np
import pytest
from fed import RNG, X, Y, network, outcome, same

from gpunn import layers, models
from gpunn.backend.cpu import has_numba
from gpunn.callbacks import LambdaCallback
from gpunn.training.feeds import direct, files, readers, sifting, sources, sweep
from gpunn.training.feeds.errors import DataError

pytestmark = [
    pytest.mark.usefixtures("cpu"),
    pytest.mark.skipif(not hasattr(os, "preadv"), reason="rows are read through the map on this system"),
]
LARGE = RNG.integers(0, 256, (3000, 12)).astype(np.uint8)
LABELS = (LARGE.astype(int).sum(axis=1) % 5).astype(np.int64)


@pytest.fixture(autouse=True)
def little_memory(monkeypatch):
    """Memory for 800 rows of 12 bytes, pieces of a page for each reader."""
    monkeypatch.setattr(sources, "SMALL", 0)
    memory(monkeypatch, 2 * 800 * 12)


def memory(monkeypatch, free):
    monkeypatch.setattr(files, "available_memory", lambda: free)


def mapped(tmp_path, array, offset=0, name="x.bin"):
    with open(tmp_path / name, "wb") as file:
        file.write(bytes(offset) + array.tobytes())
    return np.memmap(tmp_path / name, array.dtype, "r", offset, array.shape)


@pytest.fixture
def reads(monkeypatch):
    """Where each piece that was read began."""
    begun, honest = [], direct.DirectFile.read

    def watched(self, buffer, begin, end):
        begun.append(begin)
        honest(self, buffer, begin, end)

    monkeypatch.setattr(direct.DirectFile, "read", watched)
    return begun


@pytest.fixture
def placed(monkeypatch):
    """Reads that gave the steps places of the sweep's memory, rather than copies."""
    seen, honest = [], sweep.Sweep.lend

    def watched(self, numbers, slots):
        done = honest(self, numbers, slots)
        if sys._getframe(1).f_code.co_name == "place":
            seen.append(done)
        return done

    monkeypatch.setattr(sweep.Sweep, "lend", watched)
    return seen


KINDS = {
    "bytes": lambda p: mapped(p, LARGE),
    "an offset": lambda p: mapped(p, LARGE, 4999),
    "every second row": lambda p: mapped(p, np.repeat(LARGE, 2, axis=0))[::2],
    "columns of more": lambda p: mapped(p, np.concatenate([LARGE, LARGE], axis=1))[:, 12:],
    "float64": lambda p: mapped(p, LARGE.astype(float)),
    "big endian": lambda p: mapped(p, LARGE.astype(">f4")),
}


@pytest.mark.parametrize("compiled", [True, False], ids=["Numba", "NumPy"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_bits_of_memory(tmp_path, monkeypatch, reads, placed, kind, compiled):
    """Copied where the steps have many rows beside memory, or rows have to be converted; gathered from where they lie otherwise."""
    monkeypatch.setattr(sifting, "has_numba", lambda: compiled and has_numba())
    x = KINDS[kind](tmp_path)
    memory(monkeypatch, 2 * 800 * x.itemsize * 12)
    fit = {"y": LABELS, "batch_size": 16, "epochs": 3, "validation_split": 0.1, "verbose": 0}
    run = lambda given, block: outcome(small_blocks(block), lambda m: m.fit(given, **fit), given, LABELS)  # noqa: E731
    wanted = run(LARGE, MANY)
    for block in (MANY, FEW):
        same(wanted, run(x, block))
        assert bool(placed) == (block == FEW and x.dtype == np.uint8)
    assert all(placed) and len(set(reads)) >= 2700 * x.strides[0] // direct.PAGE, "the file is swept over"


MANY, FEW = 4000, 300  # bytes a block, two of which are with the steps


def small_blocks(block=MANY):
    model = network()
    model.backend.block = block
    return model


@pytest.mark.parametrize("late", [0, 0.03])
@pytest.mark.parametrize("block", [MANY, FEW])
def test_goes_on_across_epochs(tmp_path, monkeypatch, reads, placed, block, late):
    """Nothing is read twice when an epoch ends, nor when it is cut into parts, nor when the next order comes late; and memory for 800 rows
    serves more than 900 a sweep."""
    made = readers.Readers._make
    monkeypatch.setattr(readers.Readers, "_make", lambda self, following: (time.sleep(late), made(self, following))[1])
    served = readers.rows_a_sweep(750, 5, 3008)
    assert served > 900
    for steps in (None, 47):
        reads.clear()
        x, y = np.concatenate([LARGE, LARGE[:8]]), np.resize(LABELS, 3008)
        fit = {"y": y, "batch_size": 16, "epochs": 8, "steps_per_epoch": steps, "verbose": 0}
        results = [outcome(small_blocks(block), lambda m, g=g, fit=fit: m.fit(g, **fit), x, y) for g in (x, mapped(tmp_path, x))]
        same(*results)
        sweeps, rows = len(reads) / len(set(reads)), 3008 * (8 if steps is None else 2)
        assert len(set(reads)) == 9 and all(placed) and bool(placed) == (block == FEW)
        assert rows / served <= sweeps <= rows / served + 1 + 2 * readers.LEAD + 1 / 5, "one to begin with, and a piece"


def test_what_is_not_next_goes_beside_the_sweep(tmp_path, placed):
    """Steps gather from one array, whether a row was swept for or is read by itself; and a larger batch makes larger room for these."""
    rows = files.file_rows(mapped(tmp_path, LARGE))
    one, other = (np.random.default_rng(s).permutation(3000).astype(np.int32) for s in (0, 1))
    for order, spare, lots in (
        (one, 40, [(0, 20), (20, 40), (500, 520), (40, 60)]), (other, 40, [(0, 20), (20, 40)]), (one, 50, [(0, 25), (25, 50), (50, 75)]),
    ):  # fmt: skip
        rows.expect(order, lambda: other, 1)
        store = rows.store(spare)
        for number, (begin, end) in enumerate(lots):
            rows.release(min(number, 1))
            out = np.zeros(end - begin, np.int32)
            rows.place(order[begin:end], out, len(store) - (2 - number % 2) * spare // 2)
            np.testing.assert_array_equal(store[out], LARGE[order[begin:end]])
    assert placed == [True, True, False, False, True, True, True, True, True] and rows.store(60) is None


@pytest.mark.parametrize("swept", [True, False])
def test_slow_steps_keep_their_rows(tmp_path, monkeypatch, placed, swept):
    """Readers write over what is free, and rows that are read by themselves lie beside those of the half that steps are at."""
    honest = readers.Readers.take
    monkeypatch.setattr(readers.Readers, "take", lambda self, *given: (swept or len(placed) != 9) and honest(self, *given))
    run = lambda given, *slow: outcome(  # noqa: E731
        small_blocks(FEW), lambda m: m.fit(given, LABELS, batch_size=16, epochs=2, callbacks=slow, verbose=0), LARGE, LABELS
    )
    slow = LambdaCallback(on_train_batch_begin=lambda batch, logs: time.sleep(0.002))
    same(run(LARGE, slow), run(mapped(tmp_path, LARGE), slow))
    assert all(placed) == swept and len(placed) == 2 * 188


def test_a_batch_size_that_changes(tmp_path, placed):
    """Other halves of the ring, and another step, from one epoch to the next."""
    from gpunn.callbacks import BatchSizeSchedule

    fit = {"batch_size": 8, "epochs": 3, "verbose": 0}
    run = lambda given: outcome(  # noqa: E731
        small_blocks(FEW), lambda m: m.fit(given, LABELS, callbacks=[BatchSizeSchedule(lambda epoch: 8 * (epoch + 1))], **fit),
        LARGE, LABELS,
    )  # fmt: skip
    same(run(LARGE), run(mapped(tmp_path, LARGE)))
    assert placed and all(placed)


def test_an_order_that_is_not_like_a_random_one(tmp_path):
    """Rows of the file's end first: memory cannot hold what a sweep brings. What does not fit is read by itself, in the right order."""
    for order in (np.arange(3000)[::-1], np.roll(np.arange(3000), 1500), np.arange(3000)):
        rows, order = files.file_rows(mapped(tmp_path, LARGE)), order.astype(np.int32)
        rows.expect(order, None, 1)
        out = np.zeros((3000, 12), np.uint8)
        for at in range(0, 3000, 500):
            rows.read(order[at : at + 500], out[at : at + 500])
        np.testing.assert_array_equal(out, LARGE[order])


def test_a_place_in_the_middle_and_another_order(tmp_path):
    """What is not next in the order is read by itself, and a new order begins anew."""
    rows = files.file_rows(mapped(tmp_path, LARGE))
    one, other = (np.random.default_rng(s).permutation(3000).astype(np.int32) for s in (0, 1))
    for order, lots in ((one, [(100, 500), (500, 2000), (700, 720)]), (other, [(0, 10), (10, 3000)]), (one, [(0, 10), (2990, 3000)])):
        rows.expect(order, lambda: other, 1)
        for begin, end in lots:
            out = np.zeros((end - begin, 12), np.uint8)
            rows.read(order[begin:end], out)
            np.testing.assert_array_equal(out, LARGE[order[begin:end]])


def test_two_inputs_from_files(tmp_path, reads):
    wide = np.concatenate([LARGE, LARGE[::-1]], axis=1)

    def trained(a, b):
        from gpunn.random import set_random_seed

        set_random_seed(2)
        inputs = layers.Input((12,)), layers.Input((24,))
        model = models.Model(list(inputs), layers.Dense(5, "softmax")(layers.Concatenate()(list(inputs))))
        model.compile("adam", "sparse_categorical_crossentropy")
        model.fit([a, b], LABELS, batch_size=16, epochs=2, verbose=0)
        return model.get_weights()

    given = mapped(tmp_path, LARGE), mapped(tmp_path, wide, name="wide.bin")
    same(trained(LARGE, wide), trained(*given))
    assert reads


def reading():
    gc.collect()
    return [t for t in threading.enumerate() if t.name == "gpunn read"]


def test_readers_end_with_the_training(tmp_path):
    x = mapped(tmp_path, LARGE)
    model, seen = small_blocks(), []
    model.fit(x, LABELS, batch_size=16, verbose=0, callbacks=[LambdaCallback(on_epoch_end=lambda e, logs: seen.append(len(reading())))])
    assert seen[0] == readers.READERS
    for thread in reading():
        thread.join(5)
    assert not reading()


def test_a_file_that_becomes_shorter(tmp_path):
    x = mapped(tmp_path, LARGE)
    model = small_blocks()
    before = model.get_weights()

    def cut(epoch, logs):
        os.truncate(tmp_path / "x.bin", 20000)

    message = r"x of fit of model 'net': \d+ rows from \d+ to \d+ could not be read. OSError: the file ends at byte 20000, byte \d+ is"
    with pytest.raises(DataError, match=message):
        model.fit(x, LABELS, batch_size=16, epochs=30, verbose=0, callbacks=[LambdaCallback(on_epoch_begin=cut)])
    assert all(np.isfinite(w).all() for w in model.get_weights()) and len(before) == len(model.get_weights())
    assert np.isfinite(model.fit(X, Y, verbose=0).history["loss"][0])


def test_a_file_system_that_reads_only_through_its_cache(tmp_path, monkeypatch):
    """Some refuse to open a file for reading past it, some to read it."""
    honest, refused = os.preadv, []

    def refusing(file, views, at):
        if not refused:
            refused.append(file)
            raise OSError(22, "Invalid argument")
        return honest(file, views, at)

    fit = lambda given: outcome(small_blocks(), lambda m: m.fit(given, LABELS, batch_size=16, verbose=0), LARGE, LABELS)  # noqa: E731
    wanted = fit(LARGE)
    monkeypatch.delattr(os, "O_DIRECT", raising=False)
    same(wanted, fit(mapped(tmp_path, LARGE)))
    monkeypatch.undo()
    if hasattr(os, "O_DIRECT"):
        monkeypatch.setattr(files, "available_memory", lambda: 2 * 800 * 12)
        monkeypatch.setattr(sources, "SMALL", 0)
        file = direct.DirectFile(str(tmp_path / "x.bin"))
        if file.direct:
            monkeypatch.setattr(os, "preadv", refusing)
            buffer = direct.memory(8192)
            file.read(buffer, 0, 8000)
            assert refused and not file.direct and buffer[:8000].tobytes() == LARGE.tobytes()[:8000]
        file.close()


@pytest.mark.parametrize(("width", "rows", "memory", "wanted"), [
    (784, 10**6, 10**8, True), (784, 10**7, 10**8, False), (150_000, 10**5, 10**9, False), (784, 1000, 100, False),
])  # fmt: skip
def test_when_it_pays(width, rows, memory, wanted):
    """Not for rows as large as what a disk reads in the time of a request, nor where memory holds next to nothing of the file."""
    assert sweep.pays(width, rows, memory) == wanted
