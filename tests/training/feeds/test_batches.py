"""Generators, sequences, iterables and PyTorch's loaders: the same as the arrays they are made from; how far ahead they are taken.

What goes wrong with a batch names it, and the model stays usable.
"""

import os
import threading

import numpy as np
import pytest
from fed import ONE_HOT, WEIGHTS, X, Y, network, outcome, same

import gpunn
from gpunn import callbacks
from gpunn.random import permutation
from gpunn.utils import DataError

SIZE = 16
STEPS = -(-len(X) // SIZE)
pytestmark = [pytest.mark.usefixtures("cpu"), pytest.mark.filterwarnings("ignore:.*fork.*")]  # other tests have started threads


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


@pytest.mark.parametrize("kind", KINDS)
def test_the_bits_of_arrays(kind):
    make, options = KINDS[kind]
    expected = outcome(network(), lambda m: m.fit(X, Y, batch_size=SIZE, epochs=2, shuffle=False, verbose=0))
    same(expected, outcome(network(), lambda m: m.fit(make(), epochs=2, shuffle=False, verbose=0, **options)))


@pytest.mark.parametrize("kind", ["a generator", "a generator, made here", "a Sequence, several workers", "a DataLoader"])
def test_the_bits_of_arrays_on_the_device(sim, kind):
    make, options = KINDS[kind]
    for order in ("forward", "reverse"):
        sim(order=order)
        expected = outcome(network("sim"), lambda m: m.fit(X, Y, batch_size=SIZE, epochs=2, shuffle=False, verbose=0))
        found = outcome(network("sim"), lambda m: m.fit(make(), epochs=2, shuffle=False, verbose=0, **options))
        same(expected, found)
    assert found[-1] == 2, "one read an epoch"


@pytest.mark.parametrize("kind", ["a generator", "a Sequence, several workers", "a DataLoader"])
def test_evaluate_predict_and_validation(kind):
    make = KINDS[kind][0]
    model = network()
    np.testing.assert_allclose(model.evaluate(make(), steps=STEPS), model.evaluate(X, Y, batch_size=SIZE), rtol=1e-6)
    np.testing.assert_array_equal(model.predict(make(), steps=STEPS), model.predict(X, batch_size=SIZE))
    np.testing.assert_array_equal(model.predict(make(), steps=3), model.predict(X[: 3 * SIZE], batch_size=SIZE))
    histories = []
    for held in ((X, Y), make()):
        again = network()
        options = {"validation_data": held, "validation_steps": STEPS, "validation_batch_size": SIZE}
        histories.append(again.fit(X, Y, batch_size=SIZE, epochs=2, verbose=0, **options).history)
    same(*histories)


def test_predict_takes_inputs_alone():
    model = network()
    expected = model.predict(X, batch_size=SIZE)
    for give in (lambda b: b[0], lambda b: (b[0],), lambda b: [b[0], b[1]], lambda b: (*b, np.ones(len(b[0])))):
        np.testing.assert_array_equal(model.predict(map(give, generator())), expected)


def test_weights_and_class_weights():
    """As Keras weighs them; both together multiply."""
    for arrays, batches, options in (
        ({"sample_weight": WEIGHTS}, {"w": WEIGHTS}, {}),
        ({}, {}, {"class_weight": {0: 2.0, 3: 0.5}}),
        ({"sample_weight": WEIGHTS}, {"w": WEIGHTS}, {"class_weight": {0: 2.0, 3: 0.5}}),
    ):
        expected = network()
        expected.fit(X, Y, batch_size=SIZE, shuffle=False, verbose=0, **arrays, **options)
        model = network()
        model.fit(generator(**batches), verbose=0, **options)
        same(expected.get_weights(), model.get_weights())


def test_other_targets():
    expected, model = network(loss="categorical_crossentropy"), network(loss="categorical_crossentropy")
    expected.fit(X, ONE_HOT, batch_size=SIZE, shuffle=False, verbose=0)
    model.fit(generator(y=ONE_HOT), verbose=0)
    same(expected.get_weights(), model.get_weights())


def test_the_order_of_a_sequence():
    """Shuffled anew for every epoch, from the model's seed, as rows are; each batch once; the same whoever makes them."""
    orders = []
    for options in ({}, {"workers": 3}):
        data, model = Batches(**options), network()
        model.fit(data, epochs=2, verbose=0)
        orders.append(data.asked)
        assert data.events == ["begin", "end"] * 2
    if orders[1] != orders[0]:  # threads may ask in another order than they are given the batches
        assert sorted(orders[0]) == sorted(orders[1])
    seed = network().rng.seed
    assert orders[0] == [*permutation(STEPS, seed, step=0), *permutation(STEPS, seed, step=1)]


def test_a_sequence_that_changes_between_epochs():
    class Growing(Batches):
        def on_epoch_end(self):
            self.count += 1

    data, model = Growing(3), network()
    model.fit(data, epochs=3, verbose=0, shuffle=False)
    assert data.asked == [0, 1, 2, 0, 1, 2, 3, 0, 1, 2, 3, 4]


def test_steps_per_epoch_goes_on_where_it_was():
    """Epochs shorter than a pass continue it; longer ones begin another."""
    data, model = Batches(5), network()
    model.fit(data, epochs=4, steps_per_epoch=3, verbose=0, shuffle=False)
    assert data.asked == [0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1]
    data = Batches(2)
    model.fit(data, epochs=1, steps_per_epoch=5, verbose=0, shuffle=False)
    assert data.asked == [0, 1, 0, 1, 0]


def test_a_sequence_without_end():
    class Endless(Batches):
        num_batches = None

        def __getitem__(self, i):
            return batch(i % STEPS)

    model = network()
    model.fit(Endless(), epochs=2, steps_per_epoch=5, verbose=0)
    assert model.optimizer.iterations == 10


def test_no_batch_more_than_the_steps_are_taken():
    taken = []

    def counted():
        for i in range(100):
            taken.append(i)
            yield batch(i % STEPS)

    source, model = counted(), network()
    model.fit(source, epochs=3, steps_per_epoch=7, verbose=0)
    assert len(taken) == 21
    model.evaluate(source, steps=4)
    model.predict(source, steps=2)
    assert len(taken) == 27 and next(source)[0].shape == (16, 12)


@pytest.mark.parametrize("most", [1, 2, 10])
def test_how_far_ahead_batches_are_taken(most):
    taken, ahead = [0], []

    def counted():
        for i in range(60):
            taken[0] += 1
            yield batch(i % STEPS)

    class Watch(callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            threading.Event().wait(0.005)  # let the thread run as far as it may
            ahead.append(taken[0] - batch - 1)

    network().fit(counted(), verbose=0, callbacks=[Watch()], max_queue_size=most)
    assert max(ahead) <= max(most, 2) and (most == 1 or max(ahead) >= most - 2)


def test_without_workers_each_batch_is_made_when_it_is_needed():
    """In the thread that trains, and never ahead: a generator may use the model itself."""
    model, seen = network(), []

    def asks_the_model():
        for i in range(6):
            assert threading.current_thread() is threading.main_thread()
            seen.append((model.optimizer.iterations, float(model.predict(X[:1])[0, 0])))
            yield batch(i)

    model.fit(asks_the_model(), verbose=0, workers=0)
    assert [steps for steps, _ in seen] == [0, 0, 1, 2, 3, 4] or [steps for steps, _ in seen] == list(range(6))
    assert len({p for _, p in seen}) >= 5


def test_a_generator_may_use_kernels(cpu):
    """Launches of the thread that makes batches do not slip into the program that the other one records."""
    from gpunn import metrics

    def busy():
        for i in range(STEPS):
            assert metrics.MeanSquaredError()(np.ones((4, 3)), np.zeros((4, 3))) == 1
            yield batch(i)

    expected, model = network(), network()
    expected.fit(X, Y, batch_size=SIZE, shuffle=False, verbose=0)
    model.fit(busy(), verbose=0, max_queue_size=2)
    same(expected.get_weights(), model.get_weights())


def test_batches_of_many_sizes():
    """Each size has its own program; a batch larger than those before makes room for itself."""
    parts = [(X[:n], Y[:n]) for n in (5, 20, 20, 90, 3, 207)]
    model, one_by_one = network(), network()
    history = model.fit(iter(parts), verbose=0).history
    losses = [one_by_one.train_on_batch(*p)[0] for p in parts]
    same(model.get_weights(), one_by_one.get_weights())
    sizes = [len(p[0]) for p in parts]
    np.testing.assert_allclose(history["loss"][0], np.average(losses, weights=sizes), rtol=1e-6)
    np.testing.assert_array_equal(model.predict(iter(parts)), np.concatenate([model.predict_on_batch(p[0]) for p in parts]))


def test_a_summed_loss():
    from gpunn.losses import SparseCategoricalCrossentropy

    expected, model = (network(loss=SparseCategoricalCrossentropy(reduction="sum")) for _ in "ab")
    a = expected.fit(X, Y, batch_size=SIZE, shuffle=False, verbose=0).history
    assert model.fit(generator(), verbose=0).history == a
    with pytest.raises(ValueError, match=r"summed over batches takes batches of two sizes at most. Received: 4, 5 and 6 rows"):
        model.fit(iter([(X[:n], Y[:n]) for n in (4, 5, 6)]), verbose=0)


def test_a_model_without_an_input_shape():
    from gpunn.layers import Dense
    from gpunn.models import Sequential
    from gpunn.random import set_random_seed

    weights = []
    for fit in (lambda m: m.fit(X, Y, batch_size=SIZE, shuffle=False, verbose=0), lambda m: m.fit(generator(), verbose=0)):
        set_random_seed(2)
        model = Sequential([Dense(5, activation="softmax")])
        model.compile("sgd", "sparse_categorical_crossentropy", ["accuracy"])
        fit(model)
        weights.append(model.get_weights())
    same(*weights)


def test_a_layer_of_ones_own():
    """Steps that cannot be recorded take the same feeds."""
    from gpunn.layers import Dense, Layer
    from gpunn.models import Sequential
    from gpunn.random import set_random_seed

    class Halve(Layer):
        def forward(self, x, training=False):
            return x / 2, lambda dy: dy / 2

    results = []
    for fit in (lambda m: m.fit(X, Y, batch_size=SIZE, shuffle=False, verbose=0), lambda m: m.fit(generator(), verbose=0)):
        set_random_seed(2)
        model = Sequential([Halve(input_shape=(12,)), Dense(5, activation="softmax")])
        model.compile("sgd", "sparse_categorical_crossentropy", ["accuracy"])
        fit(model)
        results.append((model.get_weights(), model.predict(generator()), model.predict(X, batch_size=SIZE)))
    same(*results)
    np.testing.assert_array_equal(results[0][1], results[0][2])


def test_the_progress_bar_without_a_length(capsys):
    network().fit(generator(), verbose=1)
    network().fit(Again(), verbose=2)
    assert capsys.readouterr().out.count("loss") == 2


# ---------------------------------------------------------------------- what goes wrong


def after(good, bad):
    for i in range(good):
        yield batch(i)
    if isinstance(bad, BaseException):
        raise bad
    yield bad


def dying(**options):
    torch = pytest.importorskip("torch")
    from torch.utils.data import DataLoader, Dataset

    class Rows(Dataset):
        dies = True

        def __len__(self):
            return 207

        def __getitem__(self, i):
            if i == 100 and self.dies:
                os._exit(3)
            return torch.tensor(X[i]), int(Y[i])

    return DataLoader(Rows(), SIZE, **options)


def unreadable():
    class Files(Batches):
        def __getitem__(self, i):
            if i == 6:
                with open("/nowhere/image-96.png", "rb"):
                    pass
            return batch(i)

    return Files(workers=2)


LATE = {
    "another width": (lambda: after(4, (X[:, :5], Y)), ValueError, r"batch 5 of epoch 1 from a generator does not fit.*\(None, 12\)"),
    "another type": (lambda: after(4, (X / 2, Y)), ValueError, "batch 5 of epoch 1 .*Expected rows of type uint8.* Received: float32"),
    "a label too high": (lambda: after(4, (X, Y + 1)), ValueError, "batch 5 of epoch 1 .*labels must be from 0 to 4.*Received: 5 in row"),
    "NaN": (lambda: after(4, (X * np.nan, Y)), ValueError, "batch 5 of epoch 1 .*NaN or infinity in row 0"),
    "fewer targets": (lambda: after(4, (X, Y[:9])), ValueError, "batch 5 of epoch 1 .*expected as many rows as x, 207. Received: 9"),
    "no targets": (lambda: after(4, (X,)), ValueError, "batch 5 of epoch 1 .*expected targets. Received: None"),
    "weights at once": (lambda: after(4, (X, Y, WEIGHTS)), ValueError, "batch 5 of epoch 1 .*Expected a batch without sample weights"),
    "four things": (lambda: after(4, (X, Y, WEIGHTS, 1)), ValueError, r"batch 5 of epoch 1 .*A batch is \(x, y\).*Received: 4 of them"),
    "a dict": (lambda: after(4, {"x": X}), ValueError, r"batch 5 of epoch 1 .*expected inputs named .*Received: \['x'\]"),
    "no rows": (lambda: after(4, (X[:0], Y[:0])), ValueError, "batch 5 of epoch 1 .*expected at least one row"),
    "an exception": (lambda: after(4, OSError("no disk")), DataError, "batch 5 of epoch 1 from a generator could.*OSError: no disk"),
    "an end": (lambda: generator(), DataError, "a generator ended before batch 14 of epoch 1; 20 batches were asked for"),
    "an unreadable file": (unreadable, DataError, "batch 7 of epoch 1 from a Files could not be made. FileNotFoundError: .*image-96.png"),
    "a worker that dies": (
        lambda: dying(num_workers=1), DataError,
        r"batch \d of epoch 1 from a DataLoader could not be made. The loader's worker process \d+ has ended with exit code 3. ",
    ),
}


@pytest.mark.parametrize("workers", [None, 0], ids=["ahead", "here"])
@pytest.mark.parametrize("case", LATE)
def test_in_the_middle_of_an_epoch(case, workers):
    """The batch is named, the model is as the last step left it, and the next fit works."""
    make, kind, message = LATE[case]
    if workers == 0 and case == "a worker that dies":
        pytest.skip("PyTorch's handler raises where it likes in the main thread, if the loader was begun there")
    model = network()
    options = {} if workers is None else {"workers": workers}
    with pytest.raises(kind, match=f"(?s)Argument x of fit: {message}"):
        model.fit(make(), steps_per_epoch=20, shuffle=False, verbose=0, **options)
    steps = model.optimizer.iterations
    assert 0 < steps < 14
    twin = network()
    twin.fit(X, Y, batch_size=SIZE, shuffle=False, steps_per_epoch=steps, verbose=0)
    same(twin.get_weights(), model.get_weights())
    assert np.isfinite(model.fit(X, Y, batch_size=SIZE, verbose=0).history["loss"][0])


def test_a_loader_whose_worker_died_is_begun_anew():
    """Though it would go on with workers that stay."""
    given = dying(num_workers=1, persistent_workers=True)
    with pytest.raises(DataError, match="has ended with exit code 3"):
        network().fit(given, verbose=0)
    given.dataset.dies = False
    options = {"batch_size": SIZE, "shuffle": False, "epochs": 2, "verbose": 0}
    same(*(outcome(network(), lambda m, g=g: m.fit(*g, **options)) for g in ((given,), (X, Y))))


DOOR = {
    "y beside batches": (lambda: (Batches(), Y), {}, r"Argument y of fit: expected None, as the batches of x, a Batches, have their own"),
    "weights beside": (lambda: (generator(), None), {"sample_weight": WEIGHTS}, "Argument sample_weight of fit: expected None"),
    "a split": (lambda: (generator(), None), {"validation_split": 0.2}, "validation_split of fit: expected x to be arrays"),
    "nothing": (lambda: (iter([]), None), {}, "Argument x of fit: expected at least one batch. Received: a generator without any"),
    "an empty sequence": (lambda: (Batches(0), None), {}, "expected at least one batch. Received: a Batches without any"),
    "a wrong first batch": (lambda: (after(0, (X[:, :2], Y)), None), {}, r"batch 1 of epoch 1 .*expected shape \(None, 12\)"),
    "steps_per_epoch 0": (lambda: (generator(), None), {"steps_per_epoch": 0}, "steps_per_epoch: expected an integer of at least 1"),
    "steps_per_epoch 1.5": (lambda: (generator(), None), {"steps_per_epoch": 1.5}, "steps_per_epoch: expected an integer of at least 1"),
    "validation_steps": (lambda: (generator(), None), {"validation_steps": -1}, "validation_steps: expected an integer of at least 1"),
    "workers": (lambda: (generator(), None), {"workers": -1}, "workers: expected an integer of at least 0"),
    "max_queue_size": (lambda: (generator(), None), {"max_queue_size": 0}, "max_queue_size: expected an integer of at least 1"),
    "validation, first batch": (
        lambda: (generator(), None), {"validation_data": after(0, (X, Y + 1))}, r"Argument x of fit \(validation_data\): batch 1 of epoch 1"
    ),
    "validation, exception": (
        lambda: (X, Y), {"validation_data": after(0, KeyError("k"))}, r"fit \(validation_data\): batch 1 of epoch 1 .*KeyError"
    ),
    "a dict": (lambda: ({"a": X}, Y), {}, r"expected inputs named .*Received: \['a'\]"),
}  # fmt: skip


@pytest.mark.parametrize("case", DOOR)
def test_the_door_refuses_and_changes_nothing(case):
    make, options, message = DOOR[case]
    model = network()
    model.fit(X, Y, verbose=0)
    before = [*model.get_weights(), model.optimizer.iterations, model.epochs_seen, dict(model.history.history)]
    x, y = make()
    with pytest.raises((ValueError, DataError), match=f"(?s){message}"):
        model.fit(x, y, **{"verbose": 0} | options)
    np.testing.assert_equal([*model.get_weights(), model.optimizer.iterations, model.epochs_seen, dict(model.history.history)], before)
    model.fit(X, Y, verbose=0)


def test_a_generator_that_is_used_up():
    model = network()
    with pytest.raises(DataError, match=r"a generator ended before batch 1 of epoch 2\. It is used up once: ask for no more steps"):
        model.fit(generator(), epochs=2, verbose=0)
    assert model.optimizer.iterations == STEPS
    with pytest.raises(DataError, match=r"fit \(validation_data\): a generator ended before batch 1 of epoch 2"):
        model.fit(X, Y, epochs=2, validation_data=generator(), verbose=0)
    with pytest.raises(DataError, match=r"Argument x of evaluate: a generator ended before batch 14 of epoch 1; 15 batches"):
        model.evaluate(generator(), steps=15)
    with pytest.raises(DataError, match=r"Argument x of predict: a generator ended before batch 14"):
        model.predict(generator(), steps=15)


def test_rows_instead_of_batches():
    torch = pytest.importorskip("torch")
    from torch.utils.data import TensorDataset

    with pytest.raises(ValueError, match=r"expected batches. Received: a TensorDataset, which gives rows. Wrap it in a DataLoader"):
        network().fit(TensorDataset(torch.tensor(X), torch.tensor(Y)), verbose=0)


def test_stopping_early_ends_the_generator_in_order():
    """The thread is gone when fit returns: the generator can be used by its owner."""
    source, model = generator(2), network()

    class Stop(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = batch == 2

    model.fit(source, verbose=0, callbacks=[Stop()], max_queue_size=2)
    assert model.optimizer.iterations == 3 and len(next(source)) == 2
