"""What goes wrong with a batch names it, and the model stays usable."""

import os

import numpy as np
import pytest
from batch_kinds import SIZE, STEPS, Batches, batch, generator
from fed import WEIGHTS, X, Y, network, outcome, same

from gpunn.utils import DataError

pytestmark = [pytest.mark.usefixtures("cpu"), pytest.mark.filterwarnings("ignore:.*fork.*")]  # other tests have started threads


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
    "steps_per_epoch -0.5": (lambda: (generator(), None), {"steps_per_epoch": -0.5}, "steps_per_epoch: expected an integer of at least 1"),
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
