import shutil
import sys
import threading
import time
from pathlib import Path

import pytest

from gpunn import config

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(autouse=True)
def _streaming(monkeypatch):
    monkeypatch.setattr(config, "_streaming", None)
    monkeypatch.delenv("GPUNN_STREAMING", raising=False)


@pytest.fixture(autouse=True)
def _no_thread_stays():
    """A thread that feeds ends with its pass."""
    yield
    for _ in range(100):
        left = [t for t in threading.enumerate() if t.name.startswith("gpunn feed")]
        if not left:
            return
        time.sleep(0.01)
    pytest.fail(f"threads are left: {left}")


@pytest.fixture
def sim(monkeypatch):
    """``sim(order=..., memory=...)``: a SimBackend of its own behind the name "sim"."""
    if shutil.which("g++") is None or shutil.which("gcc") is None:
        pytest.skip("sim needs g++ and gcc")
    from gpunn import backend
    from gpunn.backend.sim import SimBackend

    def make(**options):
        ops = SimBackend(**options)
        monkeypatch.setitem(backend._made, "sim", ops)
        return ops

    return make
