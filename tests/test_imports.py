"""What importing and training pull in, seen in processes of their own; and a training without Numba."""

import importlib
import json
import os
import pathlib
import subprocess
import sys
import tomllib

import pytest

HEAVY = [
    "cupy",
    "cupy_backends",
    "numba",
    "llvmlite",
    "matplotlib",
    "sklearn",
    "scipy",
    "pandas",
    "torch",
    "jax",
    "keras",
    "tensorflow",
    "rich",
    "click",
]
TRAIN = """
import numpy as np, gpunn
gpunn.utils.set_random_seed(1)
rng = np.random.default_rng(0)
x = rng.standard_normal((300, 8)); y = (x @ rng.standard_normal((8, 3))).argmax(axis=1)
model = gpunn.Sequential([
    gpunn.Input((8,)), gpunn.layers.Dense(16, activation="relu"), gpunn.layers.BatchNormalization(), gpunn.layers.Dropout(0.1),
    gpunn.layers.Dense(3, activation="softmax"),
])
model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
model.optimizer.learning_rate = 0.01
history = model.fit(x, y, epochs=10, batch_size=32, validation_split=0.2, verbose=0).history
found |= {"loss": history["loss"], "accuracy": model.evaluate(x, y)[1], "compiled": model.backend.compiled, "device": model.backend.name}
"""


def run(code, **environment):
    """What a fresh interpreter found: the heavy modules in it at the end, and whatever the code adds."""
    text = f"import sys, json\nfound = {{}}\n{code}\nfound['heavy'] = [m for m in {HEAVY!r} if m in sys.modules]\nprint(json.dumps(found))"
    clean = {k: v for k, v in os.environ.items() if not k.startswith("GPUNN_") or k == "GPUNN_CACHE"}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", text], env=clean | environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_import_is_light():
    assert run("import gpunn\nfound['names'] = dir(gpunn), gpunn.__version__")["heavy"] == []


def test_every_public_name_is_there():
    """No entry of the lazy table leads nowhere."""
    run("import gpunn\nfor name in dir(gpunn): getattr(gpunn, name)", GPUNN_BACKEND="cpu")
    with pytest.raises(AttributeError, match="module 'gpunn' has no attribute 'Sequentiel'"):
        import gpunn

        gpunn.Sequentiel  # noqa: B018


PUBLIC = """activations applications callbacks config constraints datasets distillation dtype_policies initializers layers linear_model
losses metrics models neural_network ops ops.image optimizers optimizers.schedules preprocessing pruning regularizers saving tree tuning
utils visualization""".split()


@pytest.mark.parametrize("name", PUBLIC)
def test_dir_lists_what_is_for_users(name):
    """All of it, and nothing of how the module is made."""
    module = importlib.import_module(f"gpunn.{name}")
    listed = dir(module)
    assert listed == sorted(getattr(module, "__all__", listed)) and not [n for n in listed if n.startswith("_")]
    assert not {"Any", "np", "lookup", "base", "config", "importlib", "Callable"} & set(listed)
    for one in listed:
        assert getattr(module, one) is not None


def test_training_on_the_cpu_never_imports_cupy():
    found = run(TRAIN, GPUNN_BACKEND="cpu")  # (Numba looks at SciPy where that is installed)
    assert found["device"] == "cpu" and set(found["heavy"]) <= {"numba", "llvmlite", "scipy"} and found["accuracy"] > 0.85


def test_training_without_numba():
    """The same seed gives the same training with NumPy alone, to rounding."""
    plain, fast = run(TRAIN, GPUNN_BACKEND="cpu", GPUNN_NUMBA="0"), run(TRAIN, GPUNN_BACKEND="cpu")
    assert plain["heavy"] == [] and plain["compiled"] is False
    assert plain["loss"] == pytest.approx(fast["loss"], rel=1e-4) and plain["accuracy"] > 0.85


def test_a_broken_cupy_does_not_reach_the_cpu(tmp_path):
    (tmp_path / "cupy.py").write_text("raise SystemExit('cupy was imported')")
    assert run(TRAIN, GPUNN_BACKEND="cpu", PYTHONPATH=str(tmp_path))["device"] == "cpu"


def test_every_folder_is_packaged():
    root = pathlib.Path(__file__).parents[1]
    named = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    assert sorted(named) == sorted({".".join(f.relative_to(root).parent.parts) for f in root.glob("gpunn/**/*.py")} | {"gpunn.kernels"})
