"""What a kernel is: a name, typed operands, a parallel axis, and one implementation a target.

A kernel runs over a half-open range of its axis (rows of a batch, elements of a vector, columns of a matrix). An operand is *aligned*
when index i of the axis touches row i of the operand only; kernels that meet in aligned operands alone can be run one after another on a
few rows at a time, without waiting for the others (see `gpunn.backend.schedule`).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

DTYPES = {name: np.dtype(name) for name in ("u1", "i4", "i8", "u4", "f8")}
FLOATS = ("float32", "float64")
_FLOATING = frozenset(map(np.dtype, FLOATS))
KINDS = ("full", "row", "col", "cols", "scalar", "const", "whole")
REGISTRY: dict[str, "Kernel"] = {}

# On a device a kernel is the function ``<name>_<f32|f64>``. It takes its operands in order: arrays and scalars as pointers (a scalar is
# double, or long long where it is :i8), a const by value as T (long long where it is :i8, double where :f8); then ``long long rows,
# long long columns``. These are the rows and columns of the operand that `shape_of` names, and a geometry is one of:
GEOMETRIES = (
    "elements",  # a grid of any size strides over all elements; here `rows` counts elements, and element i is in row i / columns
    "rows",  # a block a row, of any number of threads
    "warps",  # a warp a row, several warps a block
    "columns",  # a block of (x, y) threads, both powers of two, takes x columns; the results are one value a column
    "one",  # one block of whole warps
    "tiles",  # a block of THREADS threads, which the text is compiled for, makes a tile of the output
    "library",  # no text: a library does it
    "cpu",  # no text: the CPU's alone
)


@dataclass(frozen=True)
class Operand:
    """``name``, ``kind`` and ``dtype`` ("T" is the kernel's floating type).

    Kinds: full (rows x columns, aligned), col (one value a row, aligned), row (one value a column), scalar (one float64 on the device),
    const (a number passed by value), whole (any array, not aligned), cols (a matrix whose columns are the axis, aligned with them).
    """

    name: str
    kind: str = "full"
    dtype: str = "T"
    read: bool = True
    written: bool = False

    @property
    def aligned(self) -> bool:
        return self.kind in ("full", "col", "cols")


@dataclass(frozen=True, eq=False)
class Kernel:
    """One registered kernel.

    Attributes:
        name: unique name; also the CUDA function's prefix.
        operands: in the order a launch takes them; an output that is also an input stands once.
        extent: ``extent(*operands) -> int``, the length of the parallel axis.
        reference: ``reference(*arrays)`` in NumPy, writes the outputs: the specification, and the fallback without Numba.
        native: text of a Numba function ``body(<operands>, lo, hi, scratch)`` or a function of that form.
        flat: the native body takes each full operand as one vector of its elements, and the range in elements.
        cuda: ``cuda(dtype) -> str``, CUDA C; None when a library does it on the device.
        geometry: how a device maps the work to a grid; see `GEOMETRIES`.
        per_thread: elements that a device thread takes at a time (geometries "elements" and "rows").
        tile: rows and columns of the output that a block makes (geometry "tiles").
        cost: ``cost(*operands) -> float``, about how many nanoseconds one unit of the axis takes a CPU core.
        scratch: ``scratch(*operands) -> int``, bytes of private memory a CPU task needs.
        formula: the `Formula` of an elementwise kernel, so that other formulas may call it.
        formulas: every formula whose device function the CUDA text calls, callee first.
        grain: ``grain(*operands) -> int``, or that number: what a CPU task should take at least, and the multiple it is rounded to.
        family: kernels that a device compiles together; "" are those that most steps need.
    """

    name: str
    operands: tuple[Operand, ...]
    extent: Callable[..., int]
    reference: Callable[..., None]
    native: Callable[..., Any] | None = None
    native_text: str | None = None
    cuda: Callable[[str], str] | None = None
    geometry: str = "elements"
    per_thread: int = 1
    tile: tuple[int, int] = (1, 1)
    cost: Callable[..., float] = field(default=lambda *a: 1.0)
    scratch: Callable[..., int] = field(default=lambda *a: 0)
    grain: int | Callable[..., int] = 1
    formula: Any = None
    formulas: tuple[Any, ...] = ()
    family: str = ""
    flat: bool = False

    def __post_init__(self) -> None:
        if self.geometry not in GEOMETRIES:
            raise ValueError(f"Kernel {self.name!r}: expected a geometry of {GEOMETRIES}. Received: {self.geometry!r}")

    @property
    def has_float_arrays(self) -> bool:
        """Whether an array operand is of type T. A kernel without (counters, a learning rate) exists in float64 only."""
        return any(o.dtype == "T" and o.kind not in ("const", "scalar") for o in self.operands)

    def aligned(self, operand: Operand) -> bool:
        """Whether index i of the axis touches row i of this operand only; where the axis is a matrix's columns, value i of a row."""
        return operand.aligned or (operand.kind == "row" and self.geometry == "columns")

    @property
    def outputs(self) -> tuple[Operand, ...]:
        return tuple(o for o in self.operands if o.written)

    def check(self, arguments: Sequence[Any]) -> None:
        """Compiled kernels and devices take memory as they are told: a wrong type would be read as garbage.

        Raises TypeError (the number of arguments, an operand's dtype) and ValueError (not C-contiguous, an output that is read-only, or, of
        an elementwise kernel, sizes that do not fit each other).
        """
        if len(arguments) != len(self.operands):
            names = ", ".join(o.name for o in self.operands)
            raise TypeError(f"Kernel {self.name!r} takes {len(self.operands)} arguments: {names}. Received: {len(arguments)}")
        floating = self.dtype(arguments)
        for o, a in zip(self.operands, arguments, strict=True):
            if o.kind == "const":
                continue
            if o.dtype != "T":
                expected = DTYPES[o.dtype]
            elif (expected := DTYPES["f8"] if o.kind == "scalar" else floating) not in _FLOATING:
                raise TypeError(f"Kernel {self.name!r}: expected {o.name!r} of dtype {' or '.join(FLOATS)}. Received: {a.dtype}")
            if a.dtype != expected:
                raise TypeError(f"Kernel {self.name!r}: expected {o.name!r} of dtype {expected}. Received: {a.dtype}")
            if not a.flags.c_contiguous:
                raise ValueError(f"Kernel {self.name!r}: expected {o.name!r} C-contiguous. Received: shape {a.shape}, strides {a.strides}")
            if o.written and not getattr(a.flags, "writeable", True):
                raise ValueError(f"Kernel {self.name!r}: expected {o.name!r} to be writeable. Received: a read-only array")
        if self.formula is not None:
            self._check_sizes(arguments)

    def _check_sizes(self, arguments: Sequence[Any]) -> None:
        first = next((i for i, o in enumerate(self.operands) if o.kind == "full"), None)
        if first is None:
            return
        shape = (rows_of(arguments[first]), columns_of(arguments[first]))
        sizes = {"full": shape[0] * shape[1], "row": shape[1], "col": shape[0]}
        for o, a in zip(self.operands, arguments, strict=True):
            wanted = sizes.get(o.kind)
            if wanted is None or (a.size == wanted and (o.kind != "full" or self.flat or rows_of(a) == shape[0])):
                continue
            what = f"of {wanted} elements" if a.size != wanted else f"of {shape[0]} rows"
            fit = f"to fit {self.operands[first].name!r} of shape {tuple(arguments[first].shape)}"
            raise ValueError(f"Kernel {self.name!r}: expected {o.name!r} {what}, {fit}. Received: shape {tuple(a.shape)}")

    def dtype(self, arguments: Sequence[Any]) -> np.dtype:
        """The floating type of a launch: that of its first "T" array."""
        for o, a in zip(self.operands, arguments, strict=True):
            if o.dtype == "T" and o.kind not in ("const", "scalar"):
                return a.dtype
        return DTYPES["f8"]


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
    return math.prod(array.shape[1:])


def matrix(array: Any) -> Any:
    """(rows, everything else); also of an array without rows."""
    return array.reshape(array.shape[0], columns_of(array))


def first_rows(*arguments: Any) -> int:
    """The extent of most kernels: the rows of the first operand."""
    return rows_of(arguments[0])


def shape_of(kernel: Kernel, arguments: Sequence[Any]) -> tuple[int, int]:
    """(rows, columns) of a launch on a device: of the first full operand, else the first whole, else the first col or row (one column)."""
    for kind in ("full", "whole", "cols", "col", "row"):
        for o, a in zip(kernel.operands, arguments, strict=True):
            if o.kind == kind:
                return (rows_of(a), columns_of(a)) if kind in ("full", "whole", "cols") else (a.size, 1)
    return 1, 1


def bytes_moved(kernel: Kernel, arguments: Sequence[Any]) -> int:
    """Bytes a launch must at least read and write: the figure bandwidth is reckoned by."""
    total = 0
    for o, a in zip(kernel.operands, arguments, strict=True):
        if o.kind != "const":
            total += a.nbytes * (o.read + o.written)
    return total
