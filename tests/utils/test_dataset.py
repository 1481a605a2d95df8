"""Dataset: elements, batches and their order; and data sets made of arrays."""

import itertools

import numpy as np
import pytest

import gpunn
from gpunn import layers
from gpunn.utils import element_spec, split_dataset, structures, timeseries_dataset_from_array
from gpunn.utils.dataset import AUTOTUNE, Dataset

pytestmark = pytest.mark.usefixtures("cpu")


def listed(dataset):
    return [np.asarray(e).tolist() for e in dataset]


def numbers(n=5):
    return Dataset.range(n)


def one_by_one(n=5):
    """The same without arrays behind it."""
    return Dataset.from_generator(lambda: iter(range(n)), output_types="int64")


@pytest.mark.parametrize("make", [numbers, one_by_one])
def test_steps(make):
    assert listed(make()) == [0, 1, 2, 3, 4] == [int(v) for v in make().as_numpy_iterator()]
    assert listed(make().batch(2)) == [[0, 1], [2, 3], [4]] and listed(make().batch(2, drop_remainder=True)) == [[0, 1], [2, 3]]
    assert listed(make().take(2)) == [0, 1] and listed(make().skip(3)) == [3, 4] and listed(make().take(-1).skip(-1)) == []
    assert listed(make().take(2).repeat(2)) == [0, 1, 0, 1] and listed(make().repeat().take(7)) == [0, 1, 2, 3, 4, 0, 1]
    assert listed(make().take(0).repeat()) == [] == listed(make().repeat(0))
    assert listed(make().map(lambda v: v * v, num_parallel_calls=AUTOTUNE)) == [0, 1, 4, 9, 16]
    assert listed(make().filter(lambda v: v % 2 == 0)) == [0, 2, 4] and listed(make().shard(2, 1)) == [1, 3]
    assert listed(make().concatenate(make().take(1))) == [0, 1, 2, 3, 4, 0]
    assert listed(make().batch(2).unbatch()) == [0, 1, 2, 3, 4] and listed(make().prefetch(AUTOTUNE)) == [0, 1, 2, 3, 4]
    assert [(int(n), int(v)) for n, v in make().skip(3).enumerate(start=7)] == [(7, 3), (8, 4)]
    assert listed(make().window(3, shift=1, drop_remainder=True).flat_map(lambda w: w.batch(3))) == [[0, 1, 2], [1, 2, 3], [2, 3, 4]]
    turns = make().interleave(lambda n: Dataset.from_tensor_slices(np.full(3, n)), cycle_length=2, block_length=2)
    assert listed(turns) == [0, 0, 1, 1, 0, 1, 2, 2, 3, 3, 2, 3, 4, 4, 4]
    with pytest.raises(ValueError, match="expected block_length of 1 or more"):  # else it would go round for ever
        make().interleave(lambda n: Dataset.from_tensor_slices(np.full(3, n)), block_length=0)
    assert [listed(w) for w in make().window(2, stride=2)] == [[0, 2], [2, 4], [4]]
    assert int(make().reduce(np.int64(0), lambda a, b: a + b)) == 10 and listed(make().apply(lambda d: d.take(1))) == [0]


@pytest.mark.parametrize(
    ("change", "length"),
    [
        (lambda d: d, 5), (lambda d: d.batch(2), 3), (lambda d: d.batch(2, drop_remainder=True), 2), (lambda d: d.repeat(3), 15),
        (lambda d: d.repeat(), -1), (lambda d: d.repeat().batch(2), -1), (lambda d: d.repeat().take(9), 9), (lambda d: d.skip(9), 0),
        (lambda d: d.concatenate(d), 10), (lambda d: d.filter(bool), -2), (lambda d: d.shuffle(3).map(abs).cache(), 5),
        (lambda d: Dataset.zip((d, d.take(2))), 2), (lambda d: d.batch(2).unbatch(), -2), (lambda d: d.shard(2, 0), 3),
    ],
)
def test_how_many(change, length):
    dataset = change(numbers())
    assert int(dataset.cardinality()) == length and bool(dataset)
    if length >= 0:
        assert len(dataset) == length == len(list(dataset))
    else:
        with pytest.raises(TypeError, match="infinite" if length == -1 else "unknown length"):
            len(dataset)


def test_structures():
    data = {"a": np.arange(6).reshape(3, 2), "b": [1.0, 2.0, 3.0]}
    batches = list(Dataset.from_tensor_slices((data, [0, 1, 0])).batch(2))
    assert batches[0][0]["a"].shape == (2, 2) and batches[1][0]["b"].tolist() == [3.0] and batches[0][1].tolist() == [0, 1]
    swapped = Dataset.from_tensor_slices((data["b"], data["a"])).map(lambda b, a: [a, {"b": b}])
    (a, inner), *_ = swapped
    assert a.tolist() == [0, 1] and float(inner["b"]) == 1.0
    (x, (y, z)), *_ = Dataset.zip((numbers(), Dataset.zip(numbers().skip(1), one_by_one())))
    assert (int(x), int(y), int(z)) == (0, 1, 0)
    assert [int(e["k"]) for e in Dataset.zip({"k": numbers(2)})] == [0, 1]
    assert [e.shape for e in Dataset.from_tensors(np.ones((2, 3)))] == [(2, 3)]
    for call, said in (
        (lambda: Dataset.from_tensor_slices((np.ones(3), np.ones(4))), r"as many rows each\. Received: \[3, 4\]"),
        (lambda: numbers().batch(0), "batch_size of at least 1"), (lambda: numbers().shuffle(0), "buffer_size of at least 1"),
    ):
        with pytest.raises(ValueError, match=said):
            call()
    with pytest.raises(TypeError, match="a function that returns an iterator"):
        Dataset.from_generator([1, 2])


@pytest.mark.parametrize("make", [numbers, one_by_one])
@pytest.mark.parametrize("buffer", [1, 4, 100])
def test_shuffle(make, buffer):
    dataset = make(30).shuffle(buffer, seed=3)
    first, second = listed(dataset), listed(dataset)
    assert sorted(first) == sorted(second) == list(range(30)) and (first != second) == (buffer > 1)
    assert first == listed(make(30).shuffle(buffer, seed=3))
    assert all(value <= place + buffer - 1 for place, value in enumerate(first))
    assert buffer != 4 or {1, 2, 3} & set(first[:15])  # nothing waits in the buffer for ever
    still = make(30).shuffle(buffer, seed=3, reshuffle_each_iteration=False)
    assert listed(still) == listed(still) == first
    again = listed(make(30).shuffle(buffer).repeat(2))
    assert sorted(again[:30]) == sorted(again[30:]) and (again[:30] != again[30:]) == (buffer > 1)


def test_the_order_follows_from_the_seed():
    orders = []
    for seed in (1, 1, 2):
        gpunn.utils.set_random_seed(seed)
        orders.append((listed(numbers(20).shuffle(20)), listed(numbers(20).shuffle(20))))
    assert orders[0] == orders[1] != orders[2] and orders[0][0] != orders[0][1]


def test_cache_works_elements_out_once():
    calls = []
    dataset = numbers().map(lambda v: calls.append(int(v)) or v).cache()
    next(iter(dataset))  # not all of them: nothing is kept
    assert listed(dataset) == listed(dataset) == [0, 1, 2, 3, 4] and calls == [0, 0, 1, 2, 3, 4]


def data():
    rng = np.random.default_rng(5)
    x = rng.normal(size=(50, 4)).astype("float32")
    return x, (x.sum(1) > 0).astype("float32")


def model():
    gpunn.utils.set_random_seed(4)
    made = gpunn.Sequential([layers.Dense(8, "relu", input_shape=(4,)), layers.Dense(1, "sigmoid")])
    made.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return made


def test_training_like_arrays():
    x, y = data()
    ours, other = model(), model()
    batches = Dataset.from_tensor_slices((x, y)).batch(16).prefetch(AUTOTUNE)
    history = ours.fit(batches, epochs=3, validation_data=batches, verbose=0).history
    expected = other.fit(x, y, batch_size=16, epochs=3, shuffle=False, validation_data=(x, y), verbose=0).history
    for name, values in expected.items():
        np.testing.assert_allclose(history[name], values, rtol=1e-5, err_msg=name)
    np.testing.assert_allclose(ours.evaluate(batches, verbose=0), other.evaluate(x, y, verbose=0), rtol=1e-5)
    np.testing.assert_allclose(ours.predict(batches, verbose=0), other.predict(x, verbose=0), rtol=1e-5)


def test_each_epoch_has_an_order_of_its_own():
    x, y = data()
    seen = []
    batches = Dataset.from_tensor_slices((x, y)).shuffle(50, seed=1).map(lambda a, b: seen.append(float(a[0])) or (a, b)).batch(50)
    model().fit(batches, epochs=2, verbose=0)
    first, second = seen[:50], seen[-50:]
    assert sorted(first) == sorted(second) and first != second


def test_without_end():
    x, y = data()
    batches = Dataset.from_tensor_slices((x, y)).repeat().batch(10)
    made = model()
    made.fit(batches, steps_per_epoch=3, epochs=2, verbose=0)
    assert made.optimizer.iterations == 6
    for call in (lambda: made.fit(batches, verbose=0), lambda: made.evaluate(batches, verbose=0)):
        with pytest.raises(ValueError, match="a Dataset without end needs a number of steps"):
            call()


# ---------------------------------------------------------------------- made of arrays
SETTINGS = [
    {"sequence_length": 10, "sampling_rate": 2, "sequence_stride": 3}, {"sequence_length": 4, "batch_size": 7},
    {"sequence_length": 5, "start_index": 10, "end_index": 40, "batch_size": 100}, {"sequence_length": 3, "batch_size": None},
]


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("targets", [True, False])
def test_windows_of_a_series(settings, targets):
    """What the definition says, window by window."""
    series = np.random.default_rng(1).normal(size=(99, 2))
    goals = np.arange(99.0) if targets else None
    first, end = settings.get("start_index", 0), settings.get("end_index", 99)
    rate, length = settings.get("sampling_rate", 1), settings["sequence_length"]
    expected = [
        (series[start : start + length * rate : rate], start)
        for start in range(first, end - (length - 1) * rate, settings.get("sequence_stride", 1))
    ]
    found = timeseries_dataset_from_array(series, goals, **settings)
    size = settings.get("batch_size", 128)
    if size is not None:
        assert len(found) == -(-len(expected) // size)
        found = found.unbatch()
    rows = list(found)
    assert len(rows) == len(expected)
    for row, (window, start) in zip(rows, expected, strict=True):
        np.testing.assert_array_equal(row[0] if targets else row, window)
        assert not targets or row[1] == start


def test_windows_shuffled_and_refused():
    found = timeseries_dataset_from_array(np.arange(30), np.arange(30), 3, batch_size=5, shuffle=True, seed=2)
    orders = [[int(y) for _, ys in found for y in ys] for _ in range(2)]
    assert sorted(orders[0]) == sorted(orders[1]) == list(range(28)) and orders[0] != orders[1]
    assert all((x == y[:, None] + np.arange(3)).all() for x, y in found)
    for named in ({"start_index": 30}, {"start_index": 5, "end_index": 5}, {"sampling_rate": 0}, {"sequence_stride": 30}, {"format": "x"}):
        with pytest.raises(ValueError, match=f"{list(named)[-1]} is out of range"):
            timeseries_dataset_from_array(np.arange(30), None, 3, **named)


SIZES = [(0.8, None), (None, 0.25), (7, None), (0.5, 0.3), (None, 3), (3, 4), (0.15, None), (1, 0.77)]


@pytest.mark.parametrize(("left", "right"), SIZES)
def test_two_parts_like_keras(left, right):
    keras = pytest.importorskip("keras_twin").keras
    expected = keras.src.utils.dataset_utils._rescale_dataset_split_sizes(left, right, 10)
    x, y = np.arange(20).reshape(10, 2), np.arange(10)
    one, two = split_dataset((x, y), left, right)
    assert (len(one), len(two)) == expected
    assert [int(b) for _, b in one] == list(range(expected[0])) and [int(b) for _, b in two] == list(range(10 - expected[1], 10))
    assert all((a == [2 * b, 2 * b + 1]).all() for a, b in itertools.chain(one, two))


def test_two_parts_of_other_kinds():
    x = np.arange(10)
    one, two = split_dataset(x, 0.5, shuffle=True, seed=1)
    assert sorted(listed(one) + listed(two)) == list(range(10)) and listed(one) != list(range(5))
    assert listed(split_dataset(numbers(), 2)[1]) == [2, 3, 4]
    assert [int(e["k"]) for e in split_dataset({"k": x}, 2)[0]] == [0, 1]

    class Rows:
        def __len__(self):
            return 4

        def __getitem__(self, i):
            return np.full(2, i), i

    assert [int(y) for _, y in split_dataset(Rows(), 3)[0]] == [0, 1, 2]
    for sizes, error in [((None, None), ValueError), ((0, None), ValueError), ((8, 4), ValueError), ((1.5, None), ValueError),
                         (("a", None), TypeError), ((0.01, None), ValueError)]:
        with pytest.raises(error, match="split_dataset"):
            split_dataset(x, *sizes)
    with pytest.raises(ValueError, match="an empty one"):
        split_dataset(numbers(0), 0.5)


def test_batches_filled_up():
    """Rows of any length beside labels that are numbers."""
    rows = Dataset.from_generator(lambda: iter([(np.arange(n), n) for n in (2, 4, 1)]))
    (x, y), (x2, y2) = rows.padded_batch(2)
    assert x.tolist() == [[0, 1, 0, 0], [0, 1, 2, 3]] and y.tolist() == [2, 4] and (x2.tolist(), y2.tolist()) == ([[0]], [1])
    ((x, _),) = rows.padded_batch(3, padded_shapes=([5], []), padding_values=(-1, None))
    assert x.tolist()[2] == [0, -1, -1, -1, -1]


# ---------------------------------------------------------------------- what elements are like
def shapes(dataset):
    return structures.mapped(lambda spec: spec.shape, dataset.element_spec)


def test_shapes_of_batches_are_open():
    """As TensorFlow has them: the last batch may be short."""
    rows = Dataset.from_tensor_slices((np.zeros((10, 3), "float32"), np.arange(10)))
    assert shapes(rows) == ((3,), ()) and rows.element_spec[0].dtype == "float32"
    assert shapes(rows.batch(4)) == ((None, 3), (None,))
    assert shapes(rows.batch(4, drop_remainder=True)) == ((4, 3), (4,))
    assert shapes(rows.batch(5).batch(2, drop_remainder=True)) == ((2, None, 3), (2, None))
    kept = rows.shuffle(3).batch(4).repeat(2).prefetch(1).take(3).cache().filter(lambda x, y: True)
    assert shapes(kept) == ((None, 3), (None,))
    assert shapes(rows.batch(4).map(lambda x, y: {"x": x * 2, "mean": x.mean()})) == {"x": (None, 3), "mean": ()}
    assert shapes(rows.batch(4).map(lambda x, y: (x.T, y))) == ((3, 4), (None,))
    assert shapes(Dataset.zip((rows.batch(2), rows))) == (((None, 3), (None,)), ((3,), ()))
    assert shapes(rows.batch(2).enumerate()) == ((), ((None, 3), (None,)))
    assert shapes(rows.batch(2).unbatch()) == ((3,), ())


def test_shapes_that_are_said():
    spec = element_spec.TensorSpec
    lengths = Dataset.from_generator(lambda: iter([np.zeros(2), np.zeros(3)]), output_signature=spec((None,), "float32"))
    assert lengths.element_spec == spec((None,), "float32")
    assert shapes(lengths.padded_batch(2)) == (None, None) and shapes(lengths.padded_batch(2, padded_shapes=[5])) == (None, 5)
    pairs = Dataset.from_generator(
        lambda: iter([(np.zeros(2), 1)]), output_types=("float32", "int32"), output_shapes=((None,), ())
    )
    assert pairs.element_spec == (spec((None,), "float32"), spec((), "int32"))
    assert shapes(pairs.padded_batch(2, padded_shapes=([None], []), drop_remainder=True)) == ((2, None), (2,))
