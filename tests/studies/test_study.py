"""A whole study: its journal, what it refuses, what it goes on with, and its tables."""

import csv
import json
import math
import os
import subprocess
import sys
import time

import numpy as np
import pytest
from small_study import rows

from gpunn import optimizers
from gpunn.layers import Dense, Input
from gpunn.models import Sequential
from gpunn.studies import BatchSizeStudy, Results, batch_size
from gpunn.studies import journal as journals
from gpunn.studies.run import do
from gpunn.studies.settings import parse_sizes

SCRIPT = """
import sys, time
sys.path.insert(0, {tests!r})
from small_study import made
made(out={out!r}).run(resume=True, tell=lambda line: (print(line, flush=True), time.sleep(0.2)))
"""


def plain(results):
    """The numbers of every run that follow from the seed."""
    names = ("train_loss", "test_accuracy", "steps", "sharpness", "eigenvalue", "cosine", "learning_rate")
    return {(r["size"], r["seed"]): [r[n] for n in names] + [p[3:] for p in r["points"]] + r["noise"] for r in results.runs}


def test_end_to_end(study, tmp_path):
    results = study().run()
    assert sorted(plain(results)) == [(n, s) for n in (16, 32, 64) for s in (0, 1)] and not results.failed("diverged")
    for run in results.runs:
        assert run["steps"] == 3 * -(-500 // run["size"]) and run["epochs"] == 3 and run["points"][-1][0] == run["steps"]
        assert run["learning_rate"] == pytest.approx(0.1 * math.sqrt(run["size"] / 32)) and run["images_per_second"] > 0
        assert run["parts"]["step"] > 0 and run["step_bytes"] > 0 and run["sharpness"] >= 0 and 0 < run["cosine"] <= 1 and run["noise"]
        assert [p[2] for p in run["points"]] == sorted(p[2] for p in run["points"])
    assert plain(results)[16, 0] != plain(results)[16, 1]
    assert results.law("cpu")["sizes"] == [16, 32, 64] and results.reached("cpu", 16) == (2, 2)
    again = Results.read(tmp_path / "out")
    assert plain(again) == plain(results) and json.loads((tmp_path / "out" / "study.json").read_text())["runs"]
    with open(tmp_path / "out" / "runs.csv", encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))
    assert len(table) == 6 and float(table[0]["test_accuracy"]) == results.runs[0]["test_accuracy"]
    assert {p.name for p in (tmp_path / "out").iterdir()} >= {"points.csv", "noise.csv", "summary.csv", "journal.jsonl"}


def test_a_killed_study_goes_on(study, tmp_path):
    """Killed in the midst; what was written stays to the byte, a torn line goes, and the end is that of a study never killed."""
    out = tmp_path / "killed"
    text = SCRIPT.format(tests=os.path.dirname(__file__), out=str(out))
    process = subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE, text=True)
    for _ in range(3):
        assert process.stdout.readline()
    process.kill()
    process.wait()
    process.stdout.close()
    path = out / journals.NAME
    before = path.read_bytes()
    assert before.count(b'"run"') >= 3
    with open(path, "ab") as file:
        file.write(b'{"kind": "run", "size": 16, "se')
    resumed = study(out=out).run(resume=True)
    assert path.read_bytes().startswith(before) and resumed.resumed == 1 and len(resumed.runs) == 6  # none twice
    assert plain(resumed) == plain(study(out=tmp_path / "whole").run())


def test_jobs_side_by_side(study, tmp_path):
    pytest.importorskip("joblib")
    apart = study(out=tmp_path / "two", jobs=2, diagnostics=False, sizes=[16, 64]).run()
    alone = study(out=tmp_path / "one", diagnostics=False, sizes=[16, 64]).run()
    assert plain_few(apart) == plain_few(alone)


def plain_few(results):
    return {(r["size"], r["seed"]): (r["train_loss"], r["test_accuracy"]) for r in results.runs}


@pytest.mark.parametrize(("options", "text"), [
    ({"sizes": "256..1024"}, "more rows than the training data, 500. Received: sizes 512, 1024"), ({"sizes": "x"}, "written like 8..8192"),
    ({"sizes": []}, "at least one batch size"), ({"lr_rule": "cubic"}, "lr_rule must be one of none, linear, sqrt, tuned"),
    ({"budget": "money"}, "budget must be one of epochs"), ({"target": 1.5}, "target is an accuracy"), ({"seeds": 0}, "seeds must be"),
    ({"budget": "target-accuracy", "target": None}, "needs a target"), ({"amount": 0}, "amount must be above 0"),
    ({"learning_rate": -1}, "learning_rate must be"),
])
def test_refused(study, options, text):
    with pytest.raises(ValueError, match=text):
        study(**options)


def test_sizes_in_words():
    assert parse_sizes("8..64") == [8, 16, 32, 64] and parse_sizes("100, 7,8..20") == [7, 8, 16, 100]
    for wrong in ("0..8", "8..4", "8-16", ""):
        with pytest.raises(ValueError, match="Batch sizes"):
            parse_sizes(wrong)


def test_a_journal_that_is_there(study, tmp_path, monkeypatch):
    quick = {"sizes": [64], "seeds": 1, "amount": 1, "diagnostics": False}
    study(**quick).run()
    with pytest.raises(ValueError, match="is there already: an earlier study"):
        study(**quick).run()
    with pytest.raises(ValueError, match="repeat the study's own settings"):
        study(**quick | {"seeds": 2}).run(resume=True)
    monkeypatch.setattr(batch_size, "code_version", lambda: "0.2.0-other")
    with pytest.raises(ValueError, match=r"written by other code .* Go on with the version that began it, or start anew"):
        study(**quick).run(resume=True)
    (tmp_path / "out" / journals.NAME).write_text("nothing\n")
    with pytest.raises(ValueError, match="is not the journal of a study"):
        Results.read(tmp_path / "out")
    with pytest.raises(ValueError, match="There is no study in"):
        Results.read(tmp_path / "elsewhere")


def test_censored_diverged_and_skipped(study, monkeypatch):
    """A target never reached is no number; a size that diverges or does not fit is left out, and both are said."""
    from gpunn.backend.errors import DeviceMemoryError
    from gpunn.studies import run
    from gpunn.studies.report.words import found, not_found

    whole = run._train

    def train(model, data, settings, size, share, noise):
        if size == 64:
            raise DeviceMemoryError(10**9, 10**6, "cpu")
        return whole(model, data, settings, size, share, noise)

    monkeypatch.setattr(run, "_train", train)
    results = study(target=1.0, diagnostics=False, sizes=[16, 32, 64], lr_rule="linear", learning_rate=0.1, seeds=1).run()
    assert results.to_target("cpu", 16, "step").value == math.inf and results.quickest("cpu") is None
    assert results.reaching("cpu", "step") == {} and results.summary()[0]["step_to_target"] is None
    assert [r["size"] for r in results.failed("skipped")] == [64] and results.summary()[2]["runs"] == 0
    words = " ".join(found(results) + not_found(results))
    assert "No size reached 100.0%" in words and "Batch 64 on cpu, seed 0, was skipped" in words

    wild = study(diagnostics=False)
    entry = do(batch_size.Job("run", 16, 0, 1e20), _explodes, wild.data, wild.settings, "cpu")
    assert entry["status"] == "diverged" and "train_loss" not in entry


def _explodes(shape, classes):
    return Sequential([Input(shape), Dense(12, "relu"), Dense(12, "relu"), Dense(classes, activation="softmax")])


@pytest.mark.parametrize(("budget", "amount"), [("steps", 20), ("time", 0.05), ("target-accuracy", 30)])
def test_budgets(study, budget, amount):
    results = study(budget=budget, amount=amount, seeds=1, diagnostics=False, sizes=[16, 64]).run()
    for run in results.runs:
        if budget == "steps":
            assert run["steps"] == 20
        if budget == "time":
            assert 0.05 <= run["seconds"] < 0.6
        if budget == "target-accuracy":
            assert run["reached"]["step"] == run["steps"] and run["points"][-1][4] >= 0.6 > max([0, *(p[4] for p in run["points"][:-1])])


def test_tuned_rates(study):
    """From a base rate far too small the search goes up; each try is in the journal."""
    results = study(lr_rule="tuned", learning_rate=0.001, seeds=1, diagnostics=False, sizes=[16, 64], amount=2).run()
    tunes = [e for e in results.entries if e.get("kind") == "tune"]
    assert [t["size"] for t in tunes] == [16, 64] and all(t["rate"] > 0.004 and len(t["trials"]) > 3 for t in tunes)
    assert [r["learning_rate"] for r in results.runs] == [t["rate"] for t in tunes]


def test_a_compiled_model_keeps_its_optimizer(cpu, tmp_path):
    def build(shape, classes):
        model = Sequential([Input(shape), Dense(classes, activation="softmax")])
        model.compile(optimizers.Adam(0.004), "sparse_categorical_crossentropy", ["accuracy"])
        return model

    study = BatchSizeStudy(
        build, *rows(), sizes=[64], seeds=1, amount=1, base_batch=16, diagnostics=False, out=tmp_path, backends=["cpu"],
    )
    assert study.run().runs[0]["learning_rate"] == pytest.approx(0.008)


def test_the_critical_batch_of_known_steps():
    """steps = 100 (1 + 50 / m), with noise over seeds: the fit finds both numbers."""
    rng, entries = np.random.default_rng(0), []
    sizes = [8, 16, 32, 64, 128, 256]
    for size in sizes:
        for seed in range(5):
            steps = round(100 * (1 + 50 / size) * math.exp(0.05 * rng.standard_normal()))
            noise = [[s, 1.0, 60.0, 60.0] for s in (1, 2, 3, 4)]
            entries.append({"kind": "run", "backend": "cpu", "size": size, "seed": seed, "status": "ok", "noise": noise,
                            "reached": {"step": steps, "epoch": 1.0, "seconds": 1.0}})
    about = {"settings": {"sizes": sizes, "target": 0.9, "base_batch": 32, "seeds": 5}, "backends": ["cpu"]}
    results = Results(about, entries)
    fit, said = results.fitted("cpu"), results.predicted("cpu")
    assert fit.batch == pytest.approx(50, rel=0.2) and fit.steps == pytest.approx(100, rel=0.1) and fit.low < 50 < fit.high
    assert said.batch == 60


def test_time_passes_only_while_steps_run(study, monkeypatch):
    """The clock of a run stands still while it looks at the validation rows."""
    from gpunn.studies.watch import Watch

    look = Watch._look

    def slowly(self):
        time.sleep(0.02)
        look(self)

    monkeypatch.setattr(Watch, "_look", slowly)
    run = study(seeds=1, diagnostics=False, sizes=[16]).run().runs[0]
    assert len(run["points"]) > 15 and run["seconds"] < 0.2


def test_two_backends(study, sim_with):
    """The GPU's code, run on the CPU, measures what the CPU does."""
    sim_with()
    results = study(backends=["cpu", "sim"], sizes=[32], seeds=1, amount=1).run()
    cpu, sim = (results.of(name, 32)[0] for name in ("cpu", "sim"))
    for name in ("train_loss", "sharpness", "eigenvalue", "cosine", "error"):
        assert sim[name] == pytest.approx(cpu[name], rel=1e-3), name
    assert sim["noise"][0][1:] == pytest.approx(cpu["noise"][0][1:], rel=1e-3) and sim["step_bytes"] > 0 and sim["parts"]["step"] > 0
