"""Grid and random search: what is tried, what is recorded, what survives being broken off."""

import json
import math

import numpy as np
import pytest

from gpunn import callbacks, optimizers, random
from gpunn.layers import Dense, Input
from gpunn.models import Sequential
from gpunn.tuning import GridSearch, RandomSearch

pytestmark = pytest.mark.usefixtures("cpu")
RNG = np.random.default_rng(0)
X = RNG.standard_normal((120, 5)).astype("float32")
Y = (X @ RNG.standard_normal((5, 3))).argmax(axis=1)
FIT = {"validation_split": 0.25, "epochs": 2}
built = []


def build(units=4, rate=0.1, activation="tanh"):
    built.append((units, rate, activation))
    if units == 13:
        raise RuntimeError("thirteen")
    model = Sequential([Input((5,)), Dense(units, activation=activation), Dense(3, activation="softmax")])
    model.compile(optimizers.SGD(rate), "sparse_categorical_crossentropy", ["accuracy"])
    return model


@pytest.fixture(autouse=True)
def _fresh():
    built.clear()


def test_a_grid():
    search = GridSearch(build, {"units": [2, 8], "rate": np.array([0.01, 0.5]), "batch_size": (16, 32)}).run(X, Y, **FIT)
    assert [t.params for t in search.trials] == [
        {"units": u, "rate": r, "batch_size": b} for u in (2, 8) for r in (0.01, 0.5) for b in (16, 32)
    ]
    assert all(t.status == "ok" and len(t.history["loss"]) == 2 and t.score == min(t.history["val_loss"]) for t in search.trials)
    assert search.best.score == min(t.score for t in search.trials) and search.best.params["rate"] == 0.5
    model = search.best_model()
    assert model.evaluate(X[90:], Y[90:])[0] == pytest.approx(search.best.score, rel=1e-6)
    by_hand = _by_hand(search.best.params)
    assert by_hand == search.best.history["val_loss"], "a trial is what build and fit give from the seed"
    lines = search.table().splitlines()
    assert lines[0].split() == ["trial", "units", "rate", "batch_size", "val_loss"] and len(lines) == 9
    assert lines[1].split()[0] == str(search.best.number)
    rows = search.records()
    assert set(rows[0]) == {"number", "score", "epoch", "status", "error", "seconds", "units", "rate", "batch_size"}
    assert type(rows[0]["rate"]) is float


def _by_hand(params):
    random.set_random_seed(0)
    given = dict(params)
    size = given.pop("batch_size")
    return build(**given).fit(X, Y, batch_size=size, verbose=0, **FIT).history["val_loss"]


def test_the_best_epoch_counts_and_its_weights_are_kept():
    tell = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: logs.update(val_loss=[3.0, 1.0, 2.0][epoch]))
    kept = []
    keep = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: kept.append(keep.model.get_weights()))
    search = GridSearch(build, {"units": [4]}).run(X, Y, validation_split=0.25, epochs=3, callbacks=[tell, keep])
    assert search.best.score == 1.0 and search.best.epoch == 2
    for a, b in zip(search.best_model().get_weights(), kept[1], strict=True):
        np.testing.assert_array_equal(a, b)


def test_more_is_better_for_accuracy():
    search = GridSearch(build, {"rate": [1e-6, 0.5]}, monitor="val_acc").run(X, Y, validation_split=0.25, epochs=8)
    assert search.best.params == {"rate": 0.5} and search.best.mode == "max"
    assert search.best.score == max(search.best.history["val_accuracy"])
    assert search.table().splitlines()[1].split()[:2] == ["1", "0.5"]


def test_failures_are_recorded_and_the_search_goes_on():
    search = GridSearch(build, {"units": [13, 4], "rate": [0.1, 1e30]}).run(X * 1e3, Y, validation_split=0.25, epochs=1)
    assert [t.status for t in search.trials] == ["failed", "failed", "ok", "diverged"]
    assert search.trials[0].error == "RuntimeError: thirteen" and math.isnan(search.trials[3].score)
    assert search.best.number == 2 and search.table().splitlines()[-1].split()[-1] in ("failed", "diverged")
    with pytest.raises(ValueError, match=r"GridSearch: no trial gave a score \(RuntimeError: thirteen\)"):
        _ = GridSearch(build, {"units": [13]}).run(X, Y, **FIT).best
    missing = GridSearch(build, {"units": [4]}, monitor="f1", mode="max").run
    with pytest.warns(UserWarning, match="`f1` which is not available"):
        missing = missing(X, Y, epochs=1)
    assert missing.trials[0].error == "ValueError: monitor='f1' is not in the logs. There are: loss, accuracy."
    wrong = GridSearch(lambda units: units, {"units": [4]}).run(X, Y, **FIT)
    assert wrong.trials[0].error == "TypeError: The model function must return a compiled model. Received: 4."


def test_seeds_and_repeats():
    one = GridSearch(build, {"units": [3, 4]}, seed=5).run(X, Y, **FIT)
    random.set_random_seed(99)
    np.random.seed(1)
    before = random.uniform((3,), 0, 1, random.current_seed(), random.next_stream()), np.random.random()
    random.set_random_seed(99)
    np.random.seed(1)
    again = GridSearch(build, {"units": [3, 4]}, seed=5, repeats=3).run(X, Y, **FIT)
    after = random.uniform((3,), 0, 1, random.current_seed(), random.next_stream()), np.random.random()
    np.testing.assert_array_equal(before[0], after[0])
    assert before[1] == after[1], "what the caller draws is not disturbed"
    for a, b in zip(one.trials, again.trials, strict=True):
        assert a.scores[0] == b.scores[0] and len(set(b.scores)) == 3 and b.score == pytest.approx(np.mean(b.scores))
    other = GridSearch(build, {"units": [3, 4]}, seed=6).run(X, Y, **FIT)
    assert [t.scores[0] for t in other.trials] == [t.scores[1] for t in again.trials]
    assert " ± " in again.table()


def test_random_search():
    stats = pytest.importorskip("scipy.stats")
    space = {"rate": stats.loguniform(1e-3, 1.0), "units": [2, 3, 4], "activation": ["relu", "tanh"]}
    runs = [RandomSearch(build, space, trials=6, seed=s).run(X, Y, **FIT) for s in (1, 1, 2)]
    params = [[t.params for t in run.trials] for run in runs]
    assert params[0] == params[1] != params[2] and len(params[0]) == 6
    assert all(1e-3 <= p["rate"] <= 1 and type(p["rate"]) is float and type(p["units"]) is int for p in params[0])
    assert [t.score for t in runs[0].trials] == [t.score for t in runs[1].trials]
    lists = RandomSearch(build, {"units": [2, 3, 4]}, trials=50).run(X, Y, **FIT)
    assert sorted(t.params["units"] for t in lists.trials) == [2, 3, 4], "lists are drawn from without repetition"


class Stop(BaseException):
    """Stands for the end of the process."""


def broken_off(monkeypatch, search, after):
    """Run until so many models have been built."""
    honest = search.build

    def breaking(**params):
        if len(built) == after:
            raise Stop
        return honest(**params)

    monkeypatch.setattr(search, "build", breaking)
    with pytest.raises(Stop):
        search.run(X, Y, **FIT)
    monkeypatch.undo()


@pytest.mark.parametrize("torn", [False, True])
def test_a_journal_is_gone_on_with(tmp_path, monkeypatch, torn):
    journal = tmp_path / "deep" / "search.jsonl"
    space = {"units": [2, 13, 4], "rate": [0.5, 0.01]}
    whole = GridSearch(build, space).run(X, Y, **FIT)
    built.clear()
    broken_off(monkeypatch, GridSearch(build, space, journal=journal), 5)
    lines = journal.read_text().splitlines()
    assert len(lines) == 6 and json.loads(lines[0])["space"] == {"units": [2, 13, 4], "rate": [0.5, 0.01]}
    if torn:  # the process ended as it wrote
        journal.write_text("\n".join(lines[:5]) + "\n" + lines[5][:30])
    built.clear()
    search = GridSearch(build, space, journal=journal).run(X, Y, **FIT)
    assert len(built) == (2 if torn else 1), "only what is missing is run"
    for a, b in zip(search.trials, whole.trials, strict=True):
        assert (a.params, a.status, a.error, a.scores, a.history) == (b.params, b.status, b.error, b.scores, b.history)
        np.testing.assert_equal(a.score, b.score)
    assert len(journal.read_text().splitlines()) == 7 and all(json.loads(line) for line in journal.read_text().splitlines())
    built.clear()
    done = GridSearch(build, space, journal=journal).run(X, Y, **FIT)
    assert built == [] and done.table() == whole.table()
    for a, b in zip(done.best_model().get_weights(), whole.best_model().get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert done.best_model().optimizer.learning_rate == 0.5


def test_a_score_of_zero_is_a_score(tmp_path):
    tell = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: logs.update(val_loss=0.0))
    for _ in range(2):
        search = GridSearch(build, {"units": [2]}, journal=tmp_path / "j").run(X, Y, callbacks=tell, **FIT)
        assert search.best.score == 0.0
    assert len(built) == 1


def test_a_journal_of_something_else(tmp_path):
    journal = tmp_path / "j"
    GridSearch(build, {"units": [2, 3]}, journal=journal).run(X, Y, **FIT)
    for search, options in (
        (GridSearch(build, {"units": [2, 4]}, journal=journal), FIT), (GridSearch(build, {"units": [2, 3]}, seed=1, journal=journal), FIT),
        (GridSearch(build, {"units": [2, 3]}, journal=journal), FIT | {"epochs": 3}),
    ):
        with pytest.raises(ValueError, match=r"is the journal of another search. Expected: \{'(space|seed|fit)'"):
            search.run(X, Y, **options)
    (tmp_path / "text").write_text("not a journal\n")
    with pytest.raises(ValueError, match="is not the journal of a search"):
        GridSearch(build, {"units": [2]}, journal=tmp_path / "text").run(X, Y, **FIT)
    with pytest.raises(ValueError, match="A journal takes parameters and options that JSON can write"):
        GridSearch(build, {"activation": [object()]}, journal=tmp_path / "k").run(X, Y, **FIT)


def test_a_best_model_that_cannot_be_written(tmp_path):
    class Own(Dense):
        def get_config(self):
            raise ValueError("no words for it")

    def other(units):
        model = Sequential([Own(units, input_dim=5), Dense(3, activation="softmax")])
        model.compile("sgd", "sparse_categorical_crossentropy")
        return model

    with pytest.warns(UserWarning, match="The best model so far was not written beside the journal: no words for it"):
        search = GridSearch(other, {"units": [4]}, journal=tmp_path / "j").run(X, Y, **FIT)
    assert search.best.status == "ok" and search.best_model() is not None
    with pytest.raises(ValueError, match=r"the model of trial 0 is not there any more. Train it anew: \{'units': 4\}"):
        GridSearch(other, {"units": [4]}, journal=tmp_path / "j").run(X, Y, **FIT).best_model()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: GridSearch(build, {"unit": [1]}), "neither the model function nor fit takes 'unit'. The function takes: units, rate, act"),
        (lambda: GridSearch(build, {}), "space must be a dict from parameter names to values"),
        (lambda: GridSearch(build, {"units": 3}), "units must be a list of values. Received: units=3"),
        (lambda: GridSearch(build, {"units": []}), "units must be a list of values"),
        (lambda: GridSearch(build, {"activation": "relu"}), "activation must be a list of values"),
        (lambda: GridSearch("build", {"units": [1]}), "build must be a function that returns a compiled model"),
        (lambda: GridSearch(build, {"units": [1]}, mode="best"), "mode must be one of auto, min, max"),
        (lambda: GridSearch(build, {"units": [1]}, repeats=0), "repeats must be a number of at least 1"),
        (lambda: GridSearch(build, {"units": [1]}).run(X, Y), "monitor='val_loss' needs validation_data or validation_split"),
        (lambda: GridSearch(build, {"epochs": [1]}).run(X, Y, **FIT), "epochs stands in the space and in run's arguments"),
        (lambda: RandomSearch(build, {"units": 4}), "units must be a list of values or a distribution"),
        (lambda: RandomSearch(build, {"units": [4]}, trials=0), "trials must be a number of at least 1"),
    ],
)
def test_what_is_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()
    assert built == []


def test_lines_of_a_trial(capsys):
    GridSearch(build, {"units": [13, 2]}, verbose=1).run(X, Y, **FIT)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("trial 0: units=13: RuntimeError: thirteen (") and lines[1].startswith("trial 1: units=2: val_loss ")
