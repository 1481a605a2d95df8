"""The training curve: what is on it, and that odd histories draw."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from gpunn.cli.curve import draw

HISTORY = {"accuracy": [0.5, 0.8, 0.9], "loss": [2.0, 1.0, 0.5], "val_accuracy": [0.4, 0.7, 0.8], "val_loss": [2.1, 1.2, 0.9]}


@pytest.fixture
def axes(monkeypatch, tmp_path):
    """``axes(history, test)`` draws and returns the panels."""
    kept = []
    real = Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda figure, path: (kept.append(figure), real(figure, path))[1])

    def panels(history, test):
        draw(tmp_path / "curve.png", history, "a title", test)
        image = imread(tmp_path / "curve.png")
        assert image.shape[0] > 400 and np.ptp(image) > 0.5  # not blank
        assert kept[-1].get_suptitle() == "a title"
        return kept[-1].axes

    return panels


def test_two_panels(axes):
    loss, accuracy = axes(HISTORY, {"loss": 0.8, "accuracy": 0.85})
    assert [(a.get_xlabel(), a.get_ylabel()) for a in (loss, accuracy)] == [("epoch", "loss"), ("epoch", "accuracy")]
    labels = [[t.get_text() for t in a.get_legend().get_texts()] for a in (loss, accuracy)]
    assert labels == [["training", "validation", "test 0.8000"], ["training", "validation", "test 85.0%"]]
    assert accuracy.yaxis.get_major_formatter()(0.5) == "50%"
    lines = loss.get_lines()
    np.testing.assert_array_equal(lines[0].get_xdata(), [1, 2, 3])
    np.testing.assert_array_equal(lines[0].get_ydata(), HISTORY["loss"])
    np.testing.assert_array_equal(lines[1].get_ydata(), HISTORY["val_loss"])


def test_no_accuracy_no_validation_no_test(axes):
    (loss,) = axes({"loss": [1.0, 0.5]}, {})
    assert [t.get_text() for t in loss.get_legend().get_texts()] == ["training"]


def test_one_epoch_is_visible_and_numbers_may_be_missing(axes):
    loss, _ = axes({"accuracy": [0.5], "loss": [2.0]}, {})
    assert loss.get_lines()[0].get_marker() == "o" and loss.get_ylim()[0] <= 2 <= loss.get_ylim()[1]
    loss, _ = axes({"accuracy": [0.5, None], "loss": [2.0, None]}, {})
    assert np.isnan(loss.get_lines()[0].get_ydata()[1])
    (loss,) = axes({"loss": [None]}, {})
    assert loss.get_xlim() == (0.5, 1.5)
