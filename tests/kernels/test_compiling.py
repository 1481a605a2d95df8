"""Several processes compile what is missing; one that fails costs time, nothing else."""

import json
import os
import subprocess
import sys

import pytest

from gpunn.backend.cpu import has_numba

pytestmark = pytest.mark.skipif(not has_numba(), reason="nothing is compiled without Numba")

COMPILE = """
import json, sys, time
import numpy as np
from gpunn.kernels import REGISTRY, compiling, native

if "lost" in sys.argv: compiling.WORKER = "raise SystemExit(3)"
if "stuck" in sys.argv: compiling.WORKER = "print(1, flush=True); input(); raise SystemExit(3)"
if "none" in sys.argv: sys.executable = "/no/such/python"
told, here, honest = [], [], native.load
def load(file):
    here.append(file.name)
    if "interrupted" in sys.argv:
        time.sleep(8)  # the other process has compiled the rest, and waits
        raise KeyboardInterrupt
    time.sleep(2 * ("slow" in sys.argv))  # until another process is ready
    return honest(file)
native.load = load
compiling.listeners.append(lambda *a: told.append(a))
wanted = [(REGISTRY[name], np.dtype("float32")) for name in ("relu", "add", "negative", "linear", "add")]
missing = len(native.missing(wanted))
try:
    compiling.prepare(wanted, cores=2)
except KeyboardInterrupt:
    print(json.dumps({"told": told}))
    raise SystemExit
left = len(native.missing(wanted))
x, y = np.array([-1, 2], "f4"), np.empty(2, "f4")
from gpunn.backend import get_backend
get_backend("cpu").launch(REGISTRY["relu"], x, y)
print(json.dumps({"told": told, "missing": missing, "left": left, "here": len(here), "y": y.tolist()}))
"""


def compiled(folder, *how, processes=2):
    done = subprocess.run([sys.executable, "-c", COMPILE, *how], capture_output=True, text=True, timeout=100,
                          env={**os.environ, "GPUNN_CACHE": str(folder), "GPUNN_COMPILERS": str(processes)})
    assert done.returncode == 0 and done.stderr == "", done.stderr
    return json.loads(done.stdout)


@pytest.mark.one_in(2)
@pytest.mark.parametrize("how", ["slow", "stuck", *(pytest.param(how, marks=pytest.mark.slow) for how in ("lost", "none"))])
def test_all_is_compiled_once(tmp_path, how):
    """slow: the other process has time for some; lost: it dies at once; stuck: over the first; none: it cannot be started."""
    first = compiled(tmp_path, how)
    assert first["missing"] == 4 and first["left"] == 0 and first["y"] == [0, 2]
    assert first["told"] == [[done, 4] for done in range(5)]
    assert 2 <= first["here"] <= 4 if how == "slow" else first["here"] == 5  # what was launched in the end was loaded once more
    again = compiled(tmp_path)
    assert again["missing"] == 0 and again["here"] == 1 and again["told"] == []


def test_an_interruption_leaves_nobody_waiting(tmp_path):
    assert compiled(tmp_path, "interrupted")["told"][-1] == [3, 4]


def test_one_process(tmp_path):
    assert compiled(tmp_path, processes=1)["here"] == 5
