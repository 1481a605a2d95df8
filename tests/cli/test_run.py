"""``gpunn run``: somebody's script, its arguments, its errors and its pictures."""

import os
import subprocess
import sys

import pytest
from click.testing import CliRunner

from gpunn import backend, compat, config
from gpunn.backend import probe
from gpunn.cli.app import gpunn as command


@pytest.fixture
def run(tmp_path, monkeypatch):
    """``run(text, *arguments)`` -> click's result of a script of that text."""
    monkeypatch.delenv("GPUNN_BACKEND", raising=False)
    monkeypatch.chdir(tmp_path)

    def call(text, *arguments, before=()):
        (tmp_path / "script.py").write_text(text)
        return CliRunner().invoke(command, ["run", *before, "script.py", *arguments])

    return call


TRAIN = """
import numpy as np, keras
from keras.layers.core import Dense
model = keras.models.Sequential([Dense(output_dim=2, input_dim=2, activation="relu"), Dense(1)])
model.compile(loss="mean_squared_error", optimizer="sgd", metrics="accuracy")
history = model.fit(np.eye(2), np.ones(2), nb_epoch=3, verbose=0)
print(model.backend.name, len(history.history["acc"]))
"""


@pytest.mark.filterwarnings("default::DeprecationWarning:__main__")
@pytest.mark.parametrize("where", ["before", "after", "equals", "variable"])
@pytest.mark.parametrize("name", ["cpu", "sim"])
def test_either_backend(run, monkeypatch, where, name):
    if where == "variable":
        monkeypatch.setenv("GPUNN_BACKEND", name)
    arguments = {"after": ["--backend", name], "equals": [f"--backend={name}"]}.get(where, [])
    done = run(TRAIN, *arguments, before=["--backend", name] if where == "before" else [])
    assert (done.exit_code, done.stdout.split()) == (0, [name, "3"]), done.stderr
    assert "output_dim is an old spelling of units" in done.stderr and "script.py:4: DeprecationWarning" in done.stderr
    assert backend._default is None and not compat.installed()


def test_arguments_and_place(run, tmp_path):
    """As ``python script.py`` would: argv, __main__, __file__, neighbours importable; all after -- is the script's."""
    (tmp_path / "beside_the_script.py").write_text("here = 7")
    text = "import sys, beside_the_script as beside\nprint(sys.argv, __name__, __file__, beside.here)"
    before = sys.argv[:], sys.path[:], os.getcwd()
    done = run(text, "a", "--lr", "1", "-h", "--", "--backend", "tpu")
    assert done.stdout == "['script.py', 'a', '--lr', '1', '-h', '--backend', 'tpu'] __main__ script.py 7\n"
    assert (sys.argv, sys.path, os.getcwd()) == before


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("import sys; sys.exit(3)", 3, ""),
        ("raise SystemExit", 0, ""),
        ("raise KeyboardInterrupt", 130, "error: interrupted\n"),
        ("from keras.layers import Dens", 1, "has no 'Dens'. It has: "),
        ("def f():\n  raise KeyError('x')\nf()", 1, "in f\n    raise KeyError('x')\nKeyError: 'x'\n"),
        ("1 +", 1, "SyntaxError: invalid syntax\n"),
    ],
)
def test_ends(run, text, code, said):
    done = run(text)
    assert done.exit_code == code and said in done.stderr.replace("\r", "")
    assert "runpy" not in done.stderr and "gpunn/cli" not in done.stderr


FAILS = """
import keras
{first}
model = keras.Sequential([keras.layers.Dense(2)])
def train():
    model.fit([[1.0]], [[1.0]])
train()
"""


@pytest.mark.parametrize("whole", ["", "option", "variable"])
def test_a_traceback_without_our_lines(run, monkeypatch, whole):
    if whole == "variable":
        monkeypatch.setenv("GPUNN_DEBUG", "1")
    monkeypatch.setattr(config, "_short_tracebacks", True)
    done = run(FAILS.format(first="keras.config.disable_traceback_filtering()" if whole == "option" else ""))
    assert done.exit_code == 1 and "line 6, in train" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("ValueError: You must call `compile()`")
    assert ("compiling.py" in done.stderr) is bool(whole) is ("own lines are left out" not in done.stderr)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere.py"], "error: There is no script 'nowhere.py'.\n"),
        ([], "error: Missing argument 'SCRIPT'. See: gpunn run --help\n"),
        (["--backend", "tpu", "script.py"], "'tpu' is not one of 'auto', 'cpu', 'gpu', 'sim'"),
        (["script.py", "--backend", "tpu"], "--backend: expected one of auto, cpu, gpu, sim. Received: 'tpu'."),
        (["script.py", "--backend"], "Received: ''."),
    ],
)
def test_bad_usage(run, tmp_path, arguments, said):
    (tmp_path / "script.py").write_text("print(1)")
    done = CliRunner().invoke(command, ["run", *arguments])
    assert done.exit_code == 2 and said in done.stderr and done.stderr.count("\n") == 1 and done.stdout == ""


def test_a_gpu_that_is_not_there(run, monkeypatch):
    def refuse():
        raise probe.GpuUnavailable("There is no GPU.")

    monkeypatch.setattr("gpunn.cli.script.choose_backend", lambda name: refuse())
    assert "There is no GPU." in run("print(1)", "--backend", "gpu").stderr


def test_plotting_without_a_screen(tmp_path):
    """plt.show() returns at once, without a word, though matplotlib is set to open windows."""
    (tmp_path / "matplotlibrc").write_text("backend: TkAgg\n")
    (tmp_path / "script.py").write_text(
        TRAIN + "import matplotlib.pyplot as plt\nplt.plot(history.history['loss'])\nplt.show()\nprint('shown', plt.get_backend())\n"
    )
    clean = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY", "MPLBACKEND")}
    done = subprocess.run(
        [sys.executable, "-m", "gpunn", "run", "script.py", "--backend", "cpu"], cwd=tmp_path, env=clean, capture_output=True, text=True,
        check=False, timeout=120,
    )
    assert done.returncode == 0 and done.stdout.splitlines()[-1].lower() == "shown agg", done.stderr
    assert "non-interactive" not in done.stderr


CHILDREN = """
import os, subprocess, sys
code = "import keras, os; print(keras, os.environ['GPUNN_BACKEND'], keras.Sequential.__module__)"
print(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
"""


def test_processes_of_the_script_are_served_too(tmp_path):
    """joblib's, for one. A sitecustomize of the user's runs there as well, and the environment is as it was afterwards."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "sitecustomize.py").write_text("print('mine', end=' ')")
    (tmp_path / "script.py").write_text(CHILDREN)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "mine")}
    command = [sys.executable, "-m", "gpunn", "run", "--backend", "cpu", "script.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=environment)
    assert done.stdout.split("\n")[0] == "mine mine <module 'keras' served by gpunn> cpu gpunn.models.sequential", done.stderr


def test_the_environment_is_as_it_was(run, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "somewhere")
    done = run("import os; print(os.environ['GPUNN_BACKEND'], os.environ['PYTHONPATH'].split(os.pathsep)[-1])", "--backend", "cpu")
    assert done.stdout.split() == ["cpu", "somewhere"]
    assert os.environ["PYTHONPATH"] == "somewhere" and "GPUNN_BACKEND" not in os.environ
