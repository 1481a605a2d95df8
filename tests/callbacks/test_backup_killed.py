"""A process that is killed at any moment and started again ends with the bits of one that was not."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

KILLED = 1 if os.name == "nt" else -signal.SIGKILL
SCRIPT = """
import hashlib, json, sys, time
import numpy as np
import gpunn
from gpunn import callbacks
folder, freq = sys.argv[1], sys.argv[2]
rng = np.random.default_rng(0)
x = rng.standard_normal((400, 10)).astype("float32"); y = rng.integers(0, 4, 400)
layers = gpunn.layers
model = gpunn.Sequential([
    gpunn.Input((10,)), layers.Dense(32, activation="relu"), layers.BatchNormalization(), layers.Dropout(0.2),
    layers.Dense(4, activation="softmax"),
])
model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
if sys.argv[3] == "first":
    model.rng.seed = 11
    drawn = (np.random.default_rng(i).standard_normal(w.shape) * 0.3 if w.ndim == 2 else w for i, w in enumerate(model.get_weights()))
    model.set_weights(list(drawn))
class Slow(callbacks.Callback):
    def on_train_begin(self, logs=None):
        print("begun", flush=True)
    def on_train_batch_end(self, batch, logs=None):
        time.sleep(0.004)
history = model.fit(x, y, batch_size=32, epochs=8, validation_split=0.1, verbose=0, callbacks=[
    callbacks.BackupAndRestore(folder + "/backup", save_freq=freq if freq == "epoch" else int(freq)), Slow(),
    callbacks.CSVLogger(folder + "/log.csv"), callbacks.ReduceLROnPlateau(patience=1),
    callbacks.EarlyStopping(patience=30, restore_best_weights=True)])
moments = [model.backend.to_numpy(v) for v in model.optimizer.state.values()]
digest = hashlib.sha256(b"".join(a.tobytes() for a in model.get_weights() + moments))
digest.update(json.dumps(history.history).encode() + open(folder + "/log.csv", "rb").read())
print("end", digest.hexdigest(), len(history.epoch), model.optimizer.iterations, flush=True)
"""


def start(folder, freq, which, out):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GPUNN_") or k == "GPUNN_CACHE"} | {"GPUNN_BACKEND": "cpu"}
    return subprocess.Popen([sys.executable, "-c", SCRIPT, str(folder), freq, which], stdout=out, stderr=subprocess.PIPE, env=environment)


@pytest.mark.slow
@pytest.mark.parametrize(("freq", "times"), [("epoch", 2), ("1", 5)])
def test_killed_at_random_moments(tmp_path, freq, times):
    """Killed several times at moments drawn anew in every run, somewhere from the first batch to a backup being written."""
    (tmp_path / "whole").mkdir()
    with start(tmp_path / "whole", freq, "first", subprocess.PIPE) as child:
        out, errors = child.communicate(timeout=120)
    expected = out.split(b"end ")[-1]
    assert child.returncode == 0 and expected.split()[1:] == [b"8", b"96"], errors
    folder, kills, rng = tmp_path / "killed", 0, np.random.default_rng()
    folder.mkdir()
    which = "first"
    while True:
        with start(folder, freq, which, subprocess.PIPE) as child:
            line = child.stdout.readline()
            assert line.startswith(b"begun"), child.stderr.read()
            if kills < times:
                time.sleep(rng.uniform(0.0, 0.3))
                child.kill()
            out, errors = child.communicate(timeout=120)
        if child.returncode == 0:
            break
        assert child.returncode == KILLED, errors
        kills += 1
        which = "again" if (folder / "backup" / "backup.npz").exists() else "first"  # a start from nothing needs the first weights
    assert out.split(b"end ")[-1] == expected and kills >= 1  # on a slow moment it ends before the last
