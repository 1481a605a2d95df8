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
def sim(sim_with):
    return sim_with
