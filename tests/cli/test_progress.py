"""The progress bar: rows, throttling, and that the numbers of a running batch are left alone."""

import io
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rich.console import Console

IMAGES, BATCH, EPOCHS = 100, 10, 3


@pytest.fixture
def parts(engine):
    from gpunn.cli import progress
    from gpunn.cli.record import Record

    return progress, Record(IMAGES)


def console(terminal):
    return Console(file=io.StringIO(), force_terminal=terminal, width=100, highlight=False, color_system="standard" if terminal else None)


def epoch(engine, record, rows, number, loss=0.5, accuracy=0.5):
    for callback in (record, rows):
        callback.on_epoch_begin(number, None)
    for batch in range(IMAGES // BATCH):
        rows.on_train_batch_end(batch, engine.Unread())
    logs = {"accuracy": 0.9, "loss": loss, "val_accuracy": accuracy, "val_loss": 0.6}
    for callback in (record, rows):
        callback.on_epoch_end(number, logs)


def test_rows_without_a_terminal(engine, parts):
    progress, record = parts
    out = console(False)
    with progress.EpochRows(out, record, EPOCHS) as rows:
        for number in range(EPOCHS):
            epoch(engine, record, rows, number)
    text = out.file.getvalue()
    assert "\x1b" not in text
    assert text.splitlines()[0].split() == ["epoch", "images/s", "loss", "accuracy", "val", "loss", "val", "accuracy"]
    assert [line.split()[0] for line in text.splitlines()[1:]] == ["1/3", "2/3", "3/3"]
    assert text.splitlines()[1].split()[2:] == ["0.5000", "0.9000", "0.6000", "0.5000"]
    assert len({len(line) for line in text.splitlines()}) == 1  # the columns are aligned


def test_no_batch_hook_without_a_terminal(engine, parts):
    progress, _ = parts
    assert "on_train_batch_end" not in vars(progress.EpochRows) and "on_train_batch_end" in vars(progress.LiveRows)
    assert progress.LiveRows.every_batch is False  # else the engine comes back to Python after every single step


def test_the_bar_is_drawn_a_few_times_a_second_only(engine, parts, monkeypatch):
    progress, record = parts
    out, drawn, clock = console(True), [], [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: clock[0])
    rows = progress.LiveRows(out, record, 100, BATCH)
    monkeypatch.setattr(rows._bar, "refresh", lambda: drawn.append(clock[0]))
    with rows:
        for number in range(100):
            clock[0] += 0.01
            epoch(engine, record, rows, number)
        drawings = [moment for moment in drawn if moment > 0]
    assert 5 <= len(drawings) <= 1.0 / progress.REDRAW + 1
    text = out.file.getvalue()
    assert "1/100" in text and "100/100" in text and text.count("/100 ") >= 100


def test_what_the_bar_shows(engine, parts, monkeypatch):
    progress, record = parts
    out, clock = console(True), [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: clock[0])
    with progress.LiveRows(out, record, EPOCHS, BATCH) as rows:
        assert "getting ready" in out.file.getvalue()
        rows.on_epoch_begin(0, None)
        clock[0] = 60.0  # kernels were compiled
        rows.on_train_batch_end(0, engine.Unread())
        assert "left" not in out.file.getvalue()
        clock[0] = 61.0
        rows.on_train_batch_end(5, engine.Unread())
        assert "50 images/s" in out.file.getvalue() and "0:05 left" in out.file.getvalue()  # 240 images to go
        record.on_epoch_end(0, {"loss": 0.5})
        rows.on_epoch_begin(1, None)
        clock[0] = 64.0
        rows.on_train_batch_end(4, engine.Unread())
        text = out.file.getvalue()
    assert "epoch 2/3" in text and "35 images/s" in text and "0:05 left" in text.rpartition("epoch 2/3")[2]


def test_in_a_terminal(tmp_path):
    """A real terminal: a warning of the engine clears the bar's line first, and no bar is left in the end."""
    pty = pytest.importorskip("pty", reason="needs a POSIX terminal")
    command = [sys.executable, str(Path(__file__).with_name("fake_engine.py")), '{"warn_at": 2, "delay": 0.08}']
    command += ["train", "digits", "--backend", "cpu", "--epochs", "3", "--out", str(tmp_path)]
    ours, theirs = pty.openpty()
    environment = os.environ | {"TERM": "xterm-256color", "COLUMNS": "90", "LINES": "40"}
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment) as process:
        os.close(theirs)
        text = ""
        while True:
            try:
                data = os.read(ours, 65536)
            except OSError:  # Linux says so when the other end is closed
                break
            if not data:
                break
            text += data.decode()
    os.close(ours)
    assert process.returncode == 0
    before, _, after = text.partition("warning: ")
    assert "epoch 2/3" in before and "3/3" in after
    assert "\x1b[2K" in before.rpartition("━")[2] and "epoch 2/3" in after.partition("\n")[2]  # cleared before, drawn again below
    assert "\x1b[2K" in after.rpartition("━")[2] and "test accuracy" in after.rpartition("━")[2]


def test_the_best_validation_accuracy_is_green(engine, parts):
    progress, record = parts
    out = console(True)
    with progress.EpochRows(out, record, 4) as rows:
        for number, accuracy in enumerate([0.5, 0.7, 0.6, 0.8]):
            record.on_epoch_begin(number, None)
            logs = {"loss": float("nan") if number == 3 else 0.5, "val_accuracy": accuracy}
            record.model = type("Model", (), {})()
            for callback in (record, rows):
                callback.on_epoch_end(number, logs)
    lines = out.file.getvalue().splitlines()[1:]
    assert ["\x1b[32m" in line for line in lines] == [True, True, False, True]
    assert ["31m" in line for line in lines] == [False, False, False, True]  # a loss that is not a number


def test_columns_hold_for_large_numbers(engine, parts):
    progress, record = parts
    out = console(False)
    record.model = type("Model", (), {})()
    with progress.EpochRows(out, record, EPOCHS) as rows:
        for number, loss in enumerate([0.5, 1.41e39, float("nan")]):
            epoch(engine, record, rows, number, loss)
    lines = out.file.getvalue().splitlines()
    assert len({len(line) for line in lines}) == 1 and "1.410e+39" in lines[2] and " nan " in lines[3]


def test_record_leaves_validation_out_of_the_speed(engine, parts, monkeypatch):
    _, record = parts
    clock = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])
    for seconds in (2.0, 1.0, 0.5):
        record.on_epoch_begin(0, None)
        clock[0] += seconds
        record.on_test_begin(None)
        clock[0] += 100
        record.on_epoch_end(0, {"loss": 1.0})
    assert record.rates == [50, 100, 200] and record.images_per_second == 100 and record.epochs == 3
    record.on_epoch_begin(0, None)
    clock[0] += 4
    record.on_epoch_end(0, {"loss": 1.0})  # without validation
    assert record.rates[-1] == 25
