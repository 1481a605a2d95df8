"""Every kernel on the device against its NumPy reference in float64, and twice the same bits."""

import numpy as np
import pytest
from kernel_inputs import CASES as EVERY
from kernel_inputs import arguments, shapes
from kernel_targets import copies, outputs
from test_parity import compare, truth

from gpunn.kernels import REGISTRY

pytestmark = pytest.mark.gpu
CASES = [(name, dtype) for name, dtype in EVERY if REGISTRY[name].geometry != "cpu"]  # those no device runs


@pytest.fixture(scope="module", autouse=True)
def compiled(device):
    """Families of kernels side by side, where each first launch would compile its own after the other."""
    if device.name != "sim":
        device.ready((REGISTRY[name], dtype) for name, dtype in CASES if REGISTRY[name].cuda)


def on(device, kernel, args):
    """The arguments after a launch on the device, as host arrays."""
    there = [device.asarray(a) if isinstance(a, np.ndarray) else a for a in args]
    device.launch(kernel, *there)
    return [a if not isinstance(b, np.ndarray) else device.to_numpy(a) for a, b in zip(there, args, strict=True)]


@pytest.mark.parametrize(("name", "dtype"), CASES)
def test_parity(device, name, dtype):
    kernel = REGISTRY[name]
    for rows, columns in shapes(name):
        args = arguments(kernel, dtype, rows, columns)
        want = truth(kernel, args)
        first, again = on(device, kernel, copies(args)), on(device, kernel, copies(args))
        compare(kernel, args, outputs(kernel, first), want, f"{name} {dtype} {rows}x{columns} on {device.name}")
        for o, a, b in zip(kernel.operands, first, again, strict=True):
            assert not isinstance(a, np.ndarray) or a.tobytes() == b.tobytes(), f"{name}: two launches differ in {o.name}"


@pytest.mark.parametrize(("name", "dtype"), CASES)
def test_large(device, name, dtype):
    """Sizes at which every multiprocessor has work and a grid strides."""
    kernel = REGISTRY[name]
    if device.name == "sim" or kernel.geometry == "library":
        pytest.skip("too slow on the stand-in" if device.name == "sim" else "a library's")
    args = arguments(kernel, dtype, 1037, 517)  # half a million: each thread of an H200 has two or more
    want = truth(kernel, args)
    compare(kernel, args, outputs(kernel, on(device, kernel, copies(args))), want, f"{name} {dtype} large on {device.name}")
