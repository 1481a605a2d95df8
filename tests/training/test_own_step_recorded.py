"""A user's own train_step in `fit`, recorded: it gives what it gives as it is written."""


import numpy as np
import pytest
from kernel_targets import needs_gxx
from own_models import KINDS, LABELS, Classifier, Handed, Taught, X, agree, classifier, rivals, small, story, taught

import gpunn
from gpunn import GradientTape, losses, metrics
from gpunn import layers as L
from gpunn.training.recording import Recording

PLACES = ["cpu", pytest.param("sim", marks=needs_gxx)]


@pytest.fixture(params=PLACES)
def place(request):
    with gpunn.device(request.param):
        yield request.param


@pytest.mark.parametrize("kind", KINDS)
def test_as_written(place, kind, made):
    make, given, named = KINDS[kind]
    written = story(make, given, True, **named)
    assert not made
    recorded = story(make, given, False, **named)
    agree(written, recorded)
    assert made and all(isinstance(m, Recording) for m in made), made
    assert "Nodes:" in recorded[-1].explain(8, print_fn=lambda text: None)


@pytest.mark.usefixtures("cpu")
def test_what_does_the_same_gives_the_same():
    """By super a step adds penalties of outputs too, as the built-in one does."""
    class Plain(Classifier):
        train_step, test_step = gpunn.Model.train_step, gpunn.Model.test_step

    built_in, own = (story(lambda kind=kind: classifier(kind), (X, LABELS), False) for kind in (Plain, Handed))
    agree(built_in, own)


@pytest.mark.usefixtures("cpu")
def test_steps_of_a_chunk_run_without_python(made):
    """A step that only launches is replayed many at a time, and looked at once."""
    model = classifier()
    model.fit(np.tile(X, (20, 1)), np.tile(LABELS, 20), epochs=3, batch_size=16, verbose=0)
    assert len(made) == 1 and not made[0].trace.before and not made[0].trace.after
    assert made[0].runs == 3 * 65 - 1


@pytest.mark.parametrize("given", ["arrays", "batches", "growing", "files"])
def test_data_of_any_kind(given, made, place, tmp_path):
    """Batches that somebody else makes, and rows that stay in a file, are looked at where labels are to be checked."""
    results = []
    for eager in (True, False):
        gpunn.utils.set_random_seed(1)
        model = taught()
        model.run_eagerly = eager
        if given in ("batches", "growing"):
            cuts = np.cumsum([0, 13, 13, 13, 13] if given == "batches" else [0, 5, 5, 5, 16, 16, 5])

            class Batches(gpunn.utils.PyDataset):
                def __len__(self, cuts=cuts):
                    return len(cuts) - 1

                def __getitem__(self, i, cuts=cuts):
                    return X[cuts[i] : cuts[i + 1]], LABELS[cuts[i] : cuts[i + 1]]

            history = model.fit(Batches(workers=0), epochs=3, shuffle=False, verbose=0)
        elif given == "files":
            np.save(tmp_path / "x.npy", X)
            gpunn.config.set_streaming("always")
            try:
                history = model.fit(np.load(tmp_path / "x.npy", mmap_mode="r"), LABELS, epochs=3, batch_size=13, verbose=0)
            finally:
                gpunn.config.set_streaming("auto")
        else:
            history = model.fit(X, LABELS, epochs=3, batch_size=13, verbose=0)
        results.append((sorted(history.history), [np.asarray(v) for v in history.history.values()], model.student.get_weights()))
    agree(*results)
    assert all(isinstance(m, Recording) and bool(m.trace.before) == (given != "arrays") for m in made)
    assert made if given == "growing" else len(made) == 1


@pytest.mark.usefixtures("cpu")
@pytest.mark.parametrize("given", ["arrays", "batches"])
def test_labels_that_are_refused(given):
    """In a batch behind the recorded one."""
    wrong = LABELS.copy()
    wrong[45] = 7
    model = taught()

    def batches():
        for at in range(0, 52, 13):
            yield X[at : at + 13], wrong[at : at + 13]

    with pytest.raises(ValueError, match="label"):
        if given == "arrays":
            model.fit(X, wrong, batch_size=13, shuffle=False, verbose=0)
        else:
            model.fit(batches(), verbose=0)


@pytest.mark.usefixtures("cpu")
@pytest.mark.parametrize("dtype", ["int32", "float32"])
@pytest.mark.parametrize("given", ["arrays", "batches"])
def test_targets_that_only_some_batches_keep(given, dtype):
    """A hinge loss takes labels 0 and 1 for -1 and 1: the first batches have none that it changes."""
    class Hinged(Taught):
        def __init__(self):
            super().__init__()
            self.student, self.hinge = gpunn.Sequential([L.Dense(1)]), losses.Hinge()

        def train_step(self, data):
            x, y = data
            with GradientTape() as tape:
                loss = self.hinge(y, self.student(x))
            self.optimizer.apply(tape.gradient(loss, self.student.trainable_weights), self.student.trainable_weights)
            return {"loss": loss}

    ones = np.ones((52, 1), dtype)
    ones[40:] = 0

    def batches():
        while True:
            for at in range(0, 52, 13):
                yield X[at : at + 13], ones[at : at + 13]

    results = []
    for eager in (True, False):
        gpunn.utils.set_random_seed(1)
        model = Hinged()
        model.compile("sgd", run_eagerly=eager)
        if given == "arrays":
            history = model.fit(X, ones, epochs=2, batch_size=13, shuffle=False, verbose=0)
        else:
            history = model.fit(batches(), epochs=2, steps_per_epoch=4, verbose=0)
        results.append((sorted(history.history), [np.asarray(history.history["loss"])], model.student.get_weights()))
    agree(*results)


@pytest.mark.usefixtures("cpu")
def test_attributes_count_from_the_next_step_on(made):
    """Those of the model, as a callback sets them; and of its layers."""
    results = []
    for eager in (True, False):
        gpunn.utils.set_random_seed(1)
        model = small(run_eagerly=eager)
        change = gpunn.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs, m=model: setattr(m, "factor", 1.0 + epoch))
        history = model.fit(X, X[:, :1], epochs=4, batch_size=8, callbacks=[change], verbose=0).history
        results.append((sorted(history), [np.asarray(history["loss"])], model.get_weights()))
    agree(*results)
    assert len(made) >= 4


@pytest.mark.usefixtures("cpu")
@pytest.mark.parametrize("how", ["tensor", "mean"])
def test_a_loss_that_is_not_finite_is_told(how):
    x = X.copy()
    mean = metrics.Mean("loss")

    def kept(model, loss):
        if how == "tensor":
            return loss
        mean.update_state(loss)
        return mean.result()

    y = np.ones((52, 1), np.float32)
    y[40] = 3e38
    with pytest.warns(RuntimeWarning, match="NaN or infinite at step 6 of epoch 1"):
        small(kept).fit(x, y, batch_size=8, shuffle=False, verbose=0)


@pytest.mark.usefixtures("cpu")
@pytest.mark.parametrize("make", [taught, rivals])
def test_calls_batch_by_batch_are_recorded_once(make, made):
    """Whatever models within draw from, and with an epoch of `fit` on as many rows in between, which has a recording of its own."""
    model, given = make(), (X[:8], LABELS[:8])[: 2 if make is taught else 1]
    for _ in range(4):
        model.train_on_batch(*given)
    assert len(made) == 1
    model.fit(*given, batch_size=4, epochs=3, verbose=0)
    model.train_on_batch(*given)
    assert len(made) == 2 and made[0].runs == 4 and made[1].runs == 5


@pytest.mark.usefixtures("cpu")
def test_rows_of_another_call():
    """`train_on_batch` keeps its recording, and checks the labels that come."""
    model = taught()
    for _ in range(3):
        model.train_on_batch(X[:8], LABELS[:8])
    with pytest.raises(ValueError, match="label"):
        model.train_on_batch(X[:8], np.full(8, 9))
    assert np.isfinite(model.train_on_batch(X[8:16], LABELS[8:16])).all()


@pytest.mark.usefixtures("cpu")
def test_a_model_within_that_was_compiled_itself(made):
    """Its weights stay where the outer one has laid them; each goes on to train by itself afterwards."""
    results = []
    for eager in (True, False):
        gpunn.utils.set_random_seed(1)
        model = taught()
        model.student.build((None, 6))
        model.student.compile("adam", "mse")
        model.run_eagerly = eager
        history = model.fit(X, LABELS, epochs=3, batch_size=13, verbose=0).history
        storage = model.student.weights[0].home
        alone = model.student.fit(X, X[:, :3], epochs=1, verbose=0).history
        assert model.student.weights[0].home is not storage
        again = model.fit(X, LABELS, epochs=2, batch_size=13, verbose=0).history
        numbers = [np.asarray(v) for h in (history, alone, again) for v in h.values()]
        results.append((sorted(history), numbers, model.student.get_weights()))
    agree(*results)
    assert made and all(isinstance(m, Recording) for m in made), made
