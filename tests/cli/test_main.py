"""Entry point: missing extras, errors of one line, exit codes, a quick start."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import gpunn.cli
from gpunn.cli.shell import Commands, Failure, one_line

FAKE = Path(__file__).with_name("fake_engine.py")


def run(*arguments, plan="{}", **environment):
    """The command in a process of its own, on the stand-in engine."""
    command = [sys.executable, str(FAKE), plan, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | environment, timeout=60)


@pytest.mark.parametrize("gone", [["click"], ["rich", "matplotlib"]])
def test_missing_extras(monkeypatch, capsys, gone):
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name in gone else real(name, *more))
    with pytest.raises(SystemExit) as ended:
        gpunn.cli.main()
    out, err = capsys.readouterr()
    assert ended.value.code == 2 and out == ""
    assert err == f'gpunn: the command line needs {", ".join(gone)}: pip install "gpunn[cli]"\n'


def test_exit_codes_of_a_process(tmp_path):
    out = tmp_path / "out"
    done = run("train", "digits", "--epochs", 2, "--backend", "cpu", "--json", "--out", out)
    assert done.returncode == 0
    result = json.loads(done.stdout)
    assert result["status"] == "ok" and result["epochs_done"] == 2 and Path(result["files"]["model"]).is_file()
    assert "\x1b" not in done.stderr and "1/2" in done.stderr

    done = run("train", "digits", "--backend", "cpu", "--out", out, plan='{"nan_at": 2}')
    assert done.returncode == 1 and done.stderr.startswith("error: training failed: the loss was not finite in epoch 2.")

    done = run("train", "cifar")
    assert (done.returncode, done.stdout) == (2, "")
    expected = "error: Invalid value for 'DATASET': 'cifar' is not one of 'fashion-mnist', 'mnist', 'digits'. See: gpunn train --help"
    assert done.stderr.splitlines() == [expected]

    done = run("train", "digits", "--backend", "cpu", "--out", tmp_path / "half", plan='{"interrupt_at": 3}')
    assert done.returncode == 130 and done.stderr.splitlines() == ["error: interrupted after 2 of 25 epochs"]
    assert sorted(p.name for p in (tmp_path / "half").iterdir()) == ["curve.png", "history.json", "model.gpunn.npz"]


def test_the_cpu_path_imports_no_cupy_and_help_imports_nothing_heavy(tmp_path):
    code = (
        f"import sys; sys.path.insert(0, {str(FAKE.parent)!r}); import fake_engine; fake_engine.install()\n"
        "from gpunn.cli.app import gpunn as command\n"
        "code = command.main(sys.argv[1:], standalone_mode=False)\n"
    )
    guard = "import atexit, sys\natexit.register(lambda: print('LOADED', *sorted(sys.modules)))\n"

    def loaded(*arguments, fake):
        text = guard + (code if fake else "from gpunn.cli import main\nmain()\n")
        done = subprocess.run([sys.executable, "-c", text, *map(str, arguments)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return set(done.stdout.rpartition("LOADED")[2].split())

    trained = loaded("train", "digits", "--backend", "cpu", "--epochs", 1, "--out", tmp_path, fake=True)
    assert "numpy" in trained and not trained & {"cupy", "matplotlib.pyplot"}
    assert not loaded("train", "--help", fake=False) & {"numpy", "rich", "matplotlib", "cupy", "numba"}


@pytest.fixture
def command():
    """A command that does what its argument says."""

    @click.group(cls=Commands)
    def group():
        pass

    @group.command()
    @click.argument("what")
    def do(what):
        if what == "return":
            return 7
        if what == "warn":
            import warnings

            with warnings.catch_warnings():
                warnings.simplefilter("always")
                warnings.warn("step 3:\n  odd", stacklevel=1)
            return 0
        failures = {"failure": Failure("bad\n  input"), "failed": Failure("lost", 1), "bug": KeyError("k")}
        raise failures.get(what, KeyboardInterrupt())

    return lambda what, **environment: CliRunner().invoke(group, ["do", what], env=environment)


@pytest.mark.parametrize(
    ("what", "code", "stderr"),
    [
        ("return", 7, ""),
        ("failure", 2, "error: bad input\n"),
        ("failed", 1, "error: lost\n"),
        ("bug", 1, "error: KeyError: 'k' (GPUNN_DEBUG=1 shows where)\n"),
        ("interrupt", 130, "error: interrupted\n"),
        ("warn", 0, "warning: step 3: odd\n"),
    ],
)
def test_one_line_and_an_exit_code(command, what, code, stderr):
    done = command(what, GPUNN_DEBUG="")
    assert (done.exit_code, done.stdout, done.stderr.lstrip("\n")) == (code, "", stderr)


@pytest.mark.parametrize("what", ["failure", "bug"])
def test_debugging_shows_the_traceback(command, what):
    done = command(what, GPUNN_DEBUG="1")
    assert "Traceback (most recent call last)" in done.stderr and "test_main.py" in done.stderr
    assert "Traceback" not in command(what, GPUNN_DEBUG="0").stderr


def test_errors_are_red_unless_no_color(monkeypatch, capsys):
    from gpunn.cli.shell import say_error

    monkeypatch.setattr("click.utils.should_strip_ansi", lambda stream=None, color=None: color is False)
    monkeypatch.delenv("NO_COLOR", raising=False)
    say_error("lost")
    assert "\x1b[31m" in capsys.readouterr().err
    monkeypatch.setenv("NO_COLOR", "1")
    say_error("lost")
    assert capsys.readouterr().err == "error: lost\n"


@pytest.mark.parametrize(("arguments", "said"), [
    (["train"], "Missing argument 'DATASET'"),
    (["train", "digits", "--epochs", "0"], "'--epochs'"),
    (["train", "digits", "--lr", "0"], "'--lr'"),
    (["train", "digits", "--backend", "tpu"], "'tpu' is not one of 'auto', 'cpu', 'gpu'"),
    (["train", "digits", "--no-such"], "--no-such"),
    (["tarin"], "No such command 'tarin'"),
])
def test_bad_usage(call, arguments, said):
    done = call(*arguments)
    assert done.exit_code == 2 and done.stdout == ""
    assert said in done.stderr and done.stderr.count("\n") == 1 and done.stderr.startswith("error: ")
    assert "--help" in done.stderr


def test_help_and_version(call):
    assert call("--version").stdout == f"gpunn, version {gpunn.__version__}\n"
    for arguments in ([], ["--help"], ["-h"]):
        done = call(*arguments)
        assert done.exit_code == 0 and "train" in done.stdout and "doctor" in done.stdout
    help_text = call("train", "--help").stdout
    for option in ("--model", "--epochs", "--batch-size", "--optimizer", "--lr", "--seed", "--backend", "--data-dir", "--out", "--json"):
        assert option in help_text
    assert "15 for fashion-mnist" in " ".join(help_text.split())


@pytest.mark.parametrize(("text", "line"), [
    ("lost", "lost"),
    ("lost\n  and gone", "lost and gone"),
    ("Looked in:\n  - here: no\n  - there\nSo use digits.", "Looked in: here: no; there. So use digits."),
    ("Looked in:\n- here.\nMirrors tried:\n- there: no\n", "Looked in: here. Mirrors tried: there: no."),
    ("a - b\nc - d", "a - b c - d"),
])
def test_one_line(text, line):
    assert one_line(ValueError(text)) == line


def test_one_line_of_an_error_without_words():
    assert one_line(KeyboardInterrupt()) == "KeyboardInterrupt"
