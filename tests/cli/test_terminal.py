"""Commands in a real terminal, with the real engine: bars and rows are drawn, and the run is what it is elsewhere."""

import contextlib
import os
import re
import subprocess
import sys

import pytest

pty = pytest.importorskip("pty", reason="a terminal of Unix")


def in_a_terminal(*arguments):
    """-> (exit status, what was drawn, without colours and cursor moves)"""
    ours, terminal = pty.openpty()
    with subprocess.Popen([sys.executable, "-m", "gpunn", *map(str, arguments)], stdin=terminal, stdout=terminal, stderr=terminal) as run:
        os.close(terminal)
        drawn = b""
        with contextlib.suppress(OSError):  # its end
            while data := os.read(ours, 4096):
                drawn += data
    os.close(ours)
    return run.returncode, re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", drawn.decode().replace("\r", "\n"))


def test_train(tmp_path, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    status, drawn = in_a_terminal("train", "digits", "--epochs", 3, "--backend", "cpu", "--out", tmp_path / "run")
    assert status == 0, drawn
    assert "getting ready" in drawn and re.search(r"epoch [123]/3", drawn) and re.search(r"\n +3/3 ", drawn)
    assert re.search(r"test accuracy │ +\d\d\.\d", drawn)
    assert sorted(p.name for p in (tmp_path / "run").iterdir()) == ["curve.png", "history.json", "model.gpunn.npz"]
