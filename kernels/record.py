"""What a kernel is: a name, typed operands, a parallel axis, and one implementation a target.

A kernel runs over a half-open range of its axis (rows of a batch, elements of a vector, columns of a matrix). An operand is *aligned* when
index i of the axis touches row i of the operand only; kernels that meet in aligned operands alone can be run one after another on a few rows
at a time, without waiting for the others (see `gpunn.backend.schedule`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

KINDS = ("full", "row", "col", "scalar", "const", "whole")
REGISTRY: dict[str, "Kernel"] = {}


@dataclass(frozen=True)
class Operand:
    """``name``, ``kind`` and ``dtype`` ("T" is the kernel's floating type).

    Kinds: full (rows x columns, aligned), col (one value a row, aligned), row (one value a column), scalar (one float64 on the device),
    const (a number passed by value), whole (any array, not aligned).
    """

    name: str
    kind: str = "full"
    dtype: str = "T"
    read: bool = True
    written: bool = False

    @property
    def aligned(self) -> bool:
        return self.kind in ("full", "col")


@dataclass(frozen=True, eq=False)
class Kernel:
    """One registered kernel.

    Attributes:
        name: unique name; also the CUDA function's prefix.
        operands: in the order a launch takes them; an output that is also an input stands once.
        extent: ``extent(*operands) -> int``, the length of the parallel axis.
        reference: ``reference(*arrays)`` in NumPy, writes the outputs: the specification, and the fallback without Numba.
        native: text of a Numba function ``body(<operands>, lo, hi, scratch)`` or a function of that form.
        cuda: ``cuda(dtype) -> str``, CUDA C; None when a library does it on the device.
        geometry: on the device, how the axis maps to a grid: "elements", "rows" (a block a row), "warps" (a warp a row), "one" (one block).
        cost: ``cost(*operands) -> float``, about how many nanoseconds one unit of the axis takes a CPU core.
        scratch: ``scratch(*operands) -> int``, bytes of private memory a CPU task needs.
        grain: rows that a CPU task should take at least, and the multiple it is rounded to.
    """

    name: str
    operands: tuple[Operand, ...]
    extent: Callable[..., int]
    reference: Callable[..., None]
    native: Callable[..., Any] | None = None
    native_text: str | None = None
    cuda: Callable[[str], str] | None = None
    geometry: str = "elements"
    cost: Callable[..., float] = field(default=lambda *a: 1.0)
    scratch: Callable[..., int] = field(default=lambda *a: 0)
    grain: int = 1

    @property
    def outputs(self) -> tuple[Operand, ...]:
        return tuple(o for o in self.operands if o.written)

    def dtype(self, arguments: Sequence[Any]) -> np.dtype:
        """The floating type of a launch: that of its first "T" array."""
        for o, a in zip(self.operands, arguments, strict=True):
            if o.dtype == "T" and o.kind not in ("const", "scalar"):
                return np.dtype(a.dtype)
        return np.dtype("float64")


def parse(signature: str) -> tuple[Operand, ...]:
    """``"dy, y, b:row, x:whole:u1 -> dx, p"`` -> operands: inputs, then those outputs that are not inputs too."""
    left, _, right = signature.partition("->")
    outs = {}
    for part in filter(None, (p.strip() for p in right.split(","))):
        name, kind, dtype = _fields(part)
        outs[name] = Operand(name, kind, dtype, read=False, written=True)
    operands = []
    for part in filter(None, (p.strip() for p in left.split(","))):
        name, kind, dtype = _fields(part)
        operands.append(Operand(name, kind, dtype, read=True, written=outs.pop(name, None) is not None))
    return (*operands, *outs.values())


def _fields(part: str) -> tuple[str, str, str]:
    name, kind, dtype = (*part.split(":"), "full", "T")[:3] if part.count(":") == 0 else (*part.split(":"), "T")[:3]
    if kind not in KINDS or not name.isidentifier():
        raise ValueError(f"Invalid operand {part!r}: expected name[:kind[:dtype]] with kind one of {KINDS}.")
    return name, kind, dtype


def register(kernel: Kernel) -> Kernel:
    if kernel.name in REGISTRY:
        raise ValueError(f"A kernel named {kernel.name!r} is registered already.")
    REGISTRY[kernel.name] = kernel
    return kernel


def rows_of(array: Any) -> int:
    return array.shape[0] if array.ndim else 1


def columns_of(array: Any) -> int:
    return int(np.prod(array.shape[1:], dtype=np.int64))


def first_rows(*arguments: Any) -> int:
    """The extent of most kernels: the rows of the first operand."""
    return rows_of(arguments[0])


def bytes_moved(kernel: Kernel, arguments: Sequence[Any]) -> int:
    """Bytes a launch must at least read and write: the figure bandwidth is reckoned by."""
    total = 0
    for o, a in zip(kernel.operands, arguments, strict=True):
        if o.kind != "const":
            total += a.nbytes * (o.read + o.written)
    return total
