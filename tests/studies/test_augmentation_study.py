"""The study of augmentation, on a few scikit-learn digits: it runs, its verdicts follow its figures, its pictures are there."""

import json

import numpy as np
import pytest

from gpunn.datasets import digits
from gpunn.studies import augmentation
from gpunn.studies.claims import CLAIMS, try_claim
from gpunn.studies.claims.base import HOLDS

pytest.importorskip("matplotlib")
Image = pytest.importorskip("PIL.Image")


@pytest.fixture
def given():
    (x, y), (x_test, y_test) = digits.load_data()
    part = lambda a, n: (a[:n] / np.float32(16))[..., None]  # noqa: E731
    return augmentation.Setup((part(x, 60), y[:60]), (part(x_test, 100), y_test[:100]), "digits", 2, 1)


def test_from_setup_to_pictures(given, cpu, tmp_path):
    told = []
    rows = augmentation.run(given, told.append)
    found = augmentation.verdict(augmentation.measure(given, rows))
    found.charts.append(augmentation.pictures(given))
    assert len(told) == len(rows) == len(augmentation.KINDS) and set(found.verdicts) == {"CL-41", "CL-42"}
    for path in augmentation.draw(found, tmp_path):
        assert np.asarray(Image.open(path).convert("L")).std() > 10
    assert json.loads((tmp_path / "augmentation.json").read_text())["table"][0]["kind"] == "none"
    chart = found.charts[1]
    pictures = dict(zip(chart.image_titles, chart.images, strict=True))
    assert len(pictures) == len(augmentation.OPERATIONS) + 6
    same = [name for name in augmentation.OPERATIONS if np.array_equal(pictures[name], pictures["the image"])]
    assert not same, "every operation shows"


def test_verdicts_follow_the_figures():
    def judged(clean, gap, noisy):
        table = [
            {"kind": k, "clean": c, "clean sd": 0.01, "gap": g, "noisy": n, "blurred": n}
            for k, c, g, n in zip(augmentation.KINDS, clean, gap, noisy, strict=True)
        ]
        return augmentation.verdict(augmentation.Findings("", table)).verdicts.values()

    assert all(words.startswith("holds") for words in judged([0.8, 0.9, 0.6, 0.8], [0.2, 0.1, 0.2, 0.2], [0.3, 0.4, 0.3, 0.7]))
    assert all(words.startswith("does not hold here") for words in judged([0.8, 0.7, 0.9, 0.8], [0.2, 0.1, 0.2, 0.2], [0.3, 0.4, 0.3, 0.2]))


def test_claims_are_of_the_study(given, cpu, monkeypatch):
    """``gpunn study run CL-41`` trains the study's own kinds, and comes to its figures and verdicts."""
    monkeypatch.setattr(augmentation, "setup", lambda full: given)
    found = augmentation.verdict(augmentation.measure(given, augmentation.run(given, lambda line: None)))
    for key, kinds in (("CL-41", augmentation.OVERFITTING), ("CL-42", augmentation.QUALITY)):
        record = try_claim(CLAIMS[key], backend="cpu")
        assert record.error is None and record.data == [given.data], record.error
        assert record.outcome.table == [row for row in found.table if row["kind"] in kinds]
        assert found.verdicts[key].split(": ", 1)[1] == record.outcome.found[0].lower() + record.outcome.found[1:-1]
        assert found.verdicts[key].startswith("holds") == (record.outcome.verdict == HOLDS)


def test_the_command(given, cpu, tmp_path, monkeypatch):
    from click.testing import CliRunner

    from gpunn.cli.app import gpunn as command

    monkeypatch.setattr(augmentation, "setup", lambda full: given)
    done = CliRunner().invoke(command, ["study", "augmentation", "--backend", "cpu", "--out", str(tmp_path / "there")])
    assert done.exit_code == 0 and "CL-41" in done.output and "CL-42" in done.output, done.output
    assert sorted(p.name for p in (tmp_path / "there").iterdir()) == [
        "augmentation-accuracy.png", "augmentation-operations.png", "augmentation.json",
    ]  # fmt: skip
