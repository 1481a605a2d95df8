"""Inputs for every kernel of the registry. A new kernel needs an entry in `ELEMENTWISE` or a function in `MAKERS` of one of the files
inputs_*.py: test_parity.py says so.

All numbers are made in float32, so that a float32 launch and its float64 truth start from the same values; outputs start as NaN or -1.
"""

import importlib
import pathlib

import numpy as np
from draws import Maker, whole

from gpunn.kernels.record import REGISTRY, Kernel

SHAPES = [(0, 5), (1, 1), (3, 1), (1, 33), (31, 10), (33, 31), (257, 3), (6, 257)]
MAKERS: dict = {}
ELEMENTWISE: dict = {}  # how each input that is not `real` is drawn; numbers are constants and scalars
for _file in sorted(pathlib.Path(__file__).parent.glob("inputs_*.py")):
    _family = importlib.import_module(_file.stem)
    MAKERS |= getattr(_family, "MAKERS", {})
    ELEMENTWISE |= getattr(_family, "ELEMENTWISE", {})
NEEDS_ROWS = {"moments"}  # a mean over no rows is no number
MORE_SHAPES = {
    **{name: [(2, 5000)] for name in ("softmax", "softmax_ce_sparse", "softmax_ce_dense", "log_softmax", "sparsemax")},
    "column_sum": [(5000, 2)],
}
NAMES = tuple(REGISTRY)  # what gpunn itself registers: tests of other files may add to the registry later


def _elementwise(kernel: Kernel, m: Maker, rows: int, columns: int):
    how = ELEMENTWISE[kernel.name]
    out = []
    for o in kernel.operands:
        value = how.get(o.name, "real")
        if o.kind == "const":
            out.append(value if o.dtype == "i8" else m.number(value))
        elif o.kind == "scalar":
            value = value if o.read else -1 if o.dtype == "i8" else np.nan
            out.append(whole(value) if o.dtype == "i8" else np.array([value], np.float32).astype(np.float64))
        else:
            shape = {"full": (rows, columns), "row": (columns,), "col": (rows,)}[o.kind]
            out.append(getattr(m, value)(*shape) if o.read else m.blank(*shape))
    return out


def shapes(name):
    return [s for s in SHAPES + MORE_SHAPES.get(name, []) if s[0] or name not in NEEDS_ROWS]


def arguments(kernel: Kernel, dtype, rows: int, columns: int, seed: int = 0, maker=Maker):
    """What a launch of the kernel takes; the same numbers for every dtype."""
    m = maker(dtype, seed)
    if kernel.name in ELEMENTWISE:
        return _elementwise(kernel, m, rows, columns)
    return MAKERS[kernel.name](m, rows, columns)


def dtypes(kernel: Kernel):
    return ("float32", "float64") if kernel.has_float_arrays else ("float64",)


CASES = [(name, dtype) for name in NAMES for dtype in dtypes(REGISTRY[name]) if name in ELEMENTWISE or name in MAKERS]
