"""Files larger than memory: memory stays bounded."""

import subprocess
import sys

import numpy as np
import pytest

MEASURED = '''
import sys
import numpy as np
import gpunn
from gpunn import layers, models
from gpunn.training.feeds import files, sources

def most():
    """The largest resident memory so far, in MB. (getrusage would know that of the process which this one was forked from.)"""
    return next(int(line.split()[1]) // 1024 for line in open("/proc/self/status") if line.startswith("VmHWM"))

files.available_memory = sources.available_memory = lambda: 64 << 20
x, y = np.load(sys.argv[1], mmap_mode="r"), np.zeros(240_000, np.int64)
gpunn.set_backend("cpu")
model = models.Sequential([layers.Input((784,)), layers.Dense(4), layers.Dense(10, "softmax")])
model.compile("sgd", "sparse_categorical_crossentropy")
model.fit(np.zeros((64, 784), np.uint8), y[:64], batch_size=32, verbose=0)
before = most()
x = np.array(x) if sys.argv[2] == "in memory" else x
model.fit(x, y, batch_size=1024, verbose=0)
print(most() - before)
'''


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="resident memory is told elsewhere on this system")
@pytest.mark.parametrize("how", ["mapped", "in memory"])
def test_resident_memory_is_bounded(tmp_path, how):
    """180 MB of rows where 64 MB are said to be free: half of these hold rows, and little more is taken. An array in memory is seen."""
    rows = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", np.uint8, (240_000, 784))
    rows[:, 0] = 1
    rows.flush()
    done = subprocess.run([sys.executable, "-c", MEASURED, str(tmp_path / "x.npy"), how], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (int(done.stdout) < 90) == (how == "mapped"), done.stdout
