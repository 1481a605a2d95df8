"""``gpunn study``: batch-size studies and claims from the command line."""

import json

import pytest
from click.testing import CliRunner

from gpunn.cli.app import gpunn as command

pytest.importorskip("plotly")


@pytest.fixture
def call(cpu, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GPUNN_BACKEND", raising=False)
    return lambda *arguments: CliRunner().invoke(command, ["study", *map(str, arguments)])


def test_a_study_its_report_and_going_on(call, tmp_path):
    options = ("digits", "--sizes", "32,512", "--seeds", 1, "--amount", 1, "--backend", "cpu", "--quick")
    done = call("batch-size", *options)
    assert done.exit_code == 0, done.stderr
    folder = tmp_path / "runs" / "study-digits"
    assert "1/2  cpu batch 32 seed 0: test accuracy" in done.stdout and "Speed:" in done.stdout
    text = (folder / "report.html").read_text()
    assert "gpunn study batch-size digits --sizes 32,512 --seeds 1 --amount 1.0 --backend cpu --quick" in text
    assert str(tmp_path) not in text and str(tmp_path) not in (folder / "journal.jsonl").read_text()
    again = call("batch-size", *options)
    assert again.exit_code == 2 and "Go on with it by --resume" in again.stderr
    (folder / "report.html").unlink()
    assert call("batch-size", *options, "--resume").exit_code == 0 and (folder / "report.html").exists()
    (folder / "report.html").unlink()
    assert call("report", folder).exit_code == 0 and (folder / "report.html").exists()
    assert call("report", tmp_path).exit_code == 2


def test_a_model_of_ones_own(call, tmp_path):
    (tmp_path / "mine.py").write_text(
        "import gpunn\n\ndef small(shape, classes):\n    return gpunn.Sequential([gpunn.Input(shape), gpunn.layers.Flatten(),"
        " gpunn.layers.Dense(classes, 'softmax')])\n"
    )
    base = ("digits", "--sizes", "64", "--seeds", 2, "--amount", 1, "--backend", "cpu", "--quick", "--jobs", 2)
    done = call("batch-size", *base, "--model", "mine.py:small", "--out", "own")
    assert done.exit_code == 0, done.stderr
    summary = json.loads((tmp_path / "own" / "study.json").read_text())["summary"]
    assert summary[0]["runs"] == 2 and summary[0]["step_bytes"] < 200_000
    assert "no function 'large'" in call("batch-size", *base, "--model", "mine.py:large", "--out", "other").stderr


@pytest.mark.parametrize(("options", "text"), [
    (("--sizes", "4096"), "more rows than the training data"), (("--sizes", "x"), "written like 8..8192"), (("--backend", "both"), "gpu"),
])
def test_bad_input(call, options, text):
    done = call("batch-size", "digits", "--seeds", 1, *options)
    assert done.exit_code == 2 and text in done.stderr.lower() + done.stderr


def test_claims(call, tmp_path):
    listed = call("list")
    assert listed.exit_code == 0 and "CL-01" in listed.stdout and "CL-71" in listed.stdout
    done = call("run", "55", "cl-23", "--out", "claims", "--backend", "cpu")
    assert done.exit_code == 0 and "holds only if the activation is 0 at 0" in done.stdout, done.stderr
    assert {p.name for p in (tmp_path / "claims").iterdir()} == {"CL-55.png", "CL-23.png", "claims.json", "index.html"}
    assert "no claim 'CL-999'" in call("run", "CL-999").stderr and call("run", "CL-999").exit_code == 2
