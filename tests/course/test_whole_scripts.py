"""Slides as one script each, in a process of their own, through ``gpunn run``."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SNIPPETS = Path(__file__).with_name("snippets")


def run(tmp_path, backend, *snippets):
    """What the script of these snippets prints."""
    if backend == "sim" and shutil.which("g++") is None:
        pytest.skip("sim needs g++")
    (tmp_path / "script.py").write_text("".join((SNIPPETS / f"{name}.py").read_text() for name in snippets))
    done = subprocess.run(
        [sys.executable, "-m", "gpunn", "run", "script.py", "--backend", backend], cwd=tmp_path, env=os.environ | {"GPUNN_NUMBA": "0"},
        capture_output=True, text=True, check=False, timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("backend", ["cpu", pytest.param("sim", marks=pytest.mark.slow)])
def test_sn06_to_sn09(tmp_path, backend):
    """Three networks, 1,000 epochs each, without a line changed: the slide's twelve lines."""
    lines = run(tmp_path, backend, "sn06", "sn07", "sn08", "sn09").splitlines()
    assert len(lines) == 12 and [line[:13].strip() for line in lines[:4]] == ["Pred prob:", "Pred:", "True:", "Accuracy:"]
    assert all(float(line.rpartition(" ")[2]) in (0.25, 0.5, 0.75, 1.0) for line in lines[3::4])


def test_the_keras_and_the_scikit_learn_way_of_one_data_set(tmp_path):
    """The command takes scripts that import from all three; what is real scikit-learn stays so."""
    script = (
        "from sklearn.datasets import load_digits\nfrom sklearn.model_selection import train_test_split\nimport tensorflow as tf\n"
        "x, y = load_digits(return_X_y=True)\na, b, c, d = train_test_split(x / 16, y, random_state=0)\n"
        "model = tf.keras.Sequential([tf.keras.layers.Dense(32, activation='relu'), tf.keras.layers.Dense(10, activation='softmax')])\n"
        "model.compile('adam', 'sparse_categorical_crossentropy', metrics=['accuracy'])\nmodel.fit(a, c, epochs=15, verbose=0)\n"
        "print(model.evaluate(b, d, verbose=0)[1] > 0.9, train_test_split.__module__.partition('.')[0])\n"
    )
    (tmp_path / "script.py").write_text(script)
    done = subprocess.run(
        [sys.executable, "-m", "gpunn", "run", "script.py", "--backend", "cpu"], cwd=tmp_path, capture_output=True, text=True, check=False,
    )
    assert done.stdout == "True sklearn\n", done.stderr
