"""A plugin for pytest: the GPU's own backend, hosted, where tests ask for "sim". So what they do meets CuPy's arrays, which NumPy refuses.

    PYTHONPATH=tests/gpu GPUNN_TUNE=0 pytest -p hosted.as_sim tests/layers tests/ops -k sim

``GPUNN_TEST_ORDER`` is "forward", "reverse" or "shuffled". Tests that look into the stand-in itself, or take its arrays for NumPy's, fail.
"""

import os

from hosted.install import install

os.environ.setdefault("GPUNN_BACKEND", "cpu")  # "auto" would find this device
install(os.environ.get("GPUNN_TEST_ORDER", "forward"))

from gpunn import backend  # noqa: E402  after CuPy's stand-in device

_make = backend._make


def _gpu_for_sim(name):
    if name != "sim":
        return _make(name)
    ops = _make("gpu")
    ops.name = "sim"
    return ops


backend._make = _gpu_for_sim
