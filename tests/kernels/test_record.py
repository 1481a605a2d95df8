"""Records: signatures, shapes, and the arguments that a launch refuses."""

import subprocess
import sys

import numpy as np
import pytest

from gpunn.backend.cpu import CpuBackend
from gpunn.kernels import REGISTRY
from gpunn.kernels.record import Kernel, bytes_moved, parse, register, shape_of


def test_signatures():
    operands = parse("p, m, g, rate:scalar, labels:col:i4, beta:const -> p, m, loss:col")
    assert [o.name for o in operands] == ["p", "m", "g", "rate", "labels", "beta", "loss"]
    assert [o.written for o in operands] == [True, True, False, False, False, False, True]
    assert [o.read for o in operands] == [True] * 6 + [False]
    assert (operands[4].kind, operands[4].dtype) == ("col", "i4")
    assert [o.aligned for o in parse("a, b:row, c:col, d:scalar, e:const, f:whole -> g")] == [True, False, True, False, False, False, True]


@pytest.mark.parametrize("bad", ["a:column -> b", "a b -> c", "1a -> b"])
def test_a_bad_operand_is_named(bad):
    with pytest.raises(ValueError, match=r"Invalid operand .*expected name\[:kind\[:dtype\]\]"):
        parse(bad)


ALL = """
import importlib, pkgutil
from gpunn import kernels
named = set(kernels.REGISTRY)
for module in pkgutil.iter_modules(kernels.__path__):
    try:
        importlib.import_module(f"gpunn.kernels.{module.name}")
    except ImportError:  # without Numba
        pass
print(*set(kernels.REGISTRY) - named)
"""


def test_every_file_with_kernels_is_imported_with_the_package():
    """Else those that come later are neither compiled offline nor measured."""
    done = subprocess.run([sys.executable, "-c", ALL], capture_output=True, text=True, timeout=100, check=True)
    assert done.stdout.split() == []


def test_names_are_unique_and_geometries_known():
    with pytest.raises(ValueError, match="named 'relu' is registered already"):
        register(REGISTRY["relu"])
    with pytest.raises(ValueError, match=r"Kernel 'k': expected a geometry of .*'warps'.*Received: 'warp'"):
        Kernel("k", parse("x -> y"), lambda *a: 1, lambda *a: None, geometry="warp")


@pytest.mark.parametrize(
    ("name", "make", "shape"),
    [
        ("relu", lambda: [np.empty((3, 4, 5))] * 2, (3, 20)),
        ("gather_u8", lambda: [np.empty((9, 4), "u1"), np.empty(9, "i4"), np.empty(1, "i8"), 1.0, np.empty((3, 4))], (3, 4)),
        ("column_sum", lambda: [np.empty((6, 4)), 0.0, np.empty(4)], (6, 4)),
        ("pick_labels", lambda: [np.empty(9, "i4"), np.empty(9, "i4"), np.empty(1, "i8"), np.empty(3, "i4")], (3, 1)),
        ("accumulate", lambda: [np.empty(7), np.empty(7), np.empty(1, "i8"), np.empty(3)], (7, 1)),
        ("adam_rate", lambda: [np.empty(1), np.empty(1, "i8"), 0.9, 0.9, np.empty(1)], (1, 1)),
        ("relu", lambda: [np.empty((0, 4))] * 2, (0, 4)),
    ],
)
def test_the_shape_of_a_launch(name, make, shape):
    args = make()
    REGISTRY[name].check(args)
    assert shape_of(REGISTRY[name], args) == shape


def test_bytes_are_counted_once_a_read_and_once_a_write():
    p = np.empty((10,), "f4")
    assert bytes_moved(REGISTRY["sgd"], [p, p, np.empty(1)]) == 3 * 40 + 8


F4, F8 = np.ones((4, 3), "f4"), np.ones((4, 3), "f8")


@pytest.mark.parametrize(
    ("name", "args", "error", "message"),
    [
        ("relu", [F4], TypeError, r"Kernel 'relu' takes 2 arguments: x, y\. Received: 1"),
        ("relu", [F4, F8], TypeError, r"Kernel 'relu': expected 'y' of dtype float32\. Received: float64"),
        ("relu", [F4.astype("f2")] * 2, TypeError, r"expected 'x' of dtype float32 or float64\. Received: float16"),
        ("relu", [F4.astype("i8")] * 2, TypeError, r"expected 'x' of dtype float32 or float64\. Received: int64"),
        ("relu", [np.asfortranarray(F4), F4], ValueError, r"expected 'x' C-contiguous\. Received: shape \(4, 3\), strides"),
        ("relu", [F4, np.ones((4, 6), "f4")[:, ::2]], ValueError, r"expected 'y' C-contiguous"),
        ("relu", [F4, F4[:3]], ValueError, r"'relu': expected 'y' of 12 elements, to fit 'x' of shape \(4, 3\)\. Received: shape \(3, 3\)"),
        ("add_two", [F4, F4[0], F4.copy()], ValueError, r"expected 'b' of 12 elements, to fit 'a' .* Received: shape \(3,\)"),
        ("bias_linear", [F4, F4[:, 0].copy(), F4.copy()], ValueError, r"expected 'b' of 3 elements, .* Received: shape \(4,\)"),
        ("bias_linear", [F4, F4[0], F4.reshape(2, 6)], ValueError, r"of 4 rows, to fit .* Received: shape \(2, 6\)"),
        ("sgd", [F4.copy(), F4, np.ones(1, "f4")], TypeError, r"expected 'rate' of dtype float64\. Received: float32"),
        ("softmax_bwd", [F4, F4, np.frombuffer(F4.tobytes(), "f4").reshape(4, 3)], ValueError, r"expected 'dx' to be writeable"),
        ("hit_sparse", [F4, np.zeros(4, "i8"), np.ones(4, "f4")], TypeError, r"expected 'label' of dtype int32\. Received: int64"),
    ],
)
@pytest.mark.parametrize("compiled", [False, True])
def test_bad_arguments_are_refused_at_the_door(name, args, error, message, compiled):
    backend = CpuBackend(threads=1, compiled=compiled)
    with pytest.raises(error, match=message):
        backend.launch(REGISTRY[name], *args)
    with pytest.raises(error, match=message), backend.record():
        backend.launch(REGISTRY[name], *args)
