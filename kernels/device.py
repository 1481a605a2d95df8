"""The kernels as a device sees them: one module's source, the arguments of a launch, and its grid. The conventions stand in `record`."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gpunn.kernels.cuda_text import SUFFIX, prelude, typed
from gpunn.kernels.record import FLOATS, REGISTRY, Kernel, shape_of

WARP = 32
MAX_THREADS = {"elements": 256, "rows": 256, "warps": 256, "columns": 1024, "one": 512, "tiles": 256}  # in a block, by geometry
AHEAD, WAVES = 4, 4  # see `_elements`
_FUNCTION = re.compile(r"(?:__global__ void (?:__launch_bounds__\([\d, ]+\) )?|__device__ __forceinline__ [\w<>]+ )(\w+)\(")
Launch = tuple[tuple[int, ...], tuple[int, ...]]


@dataclass(frozen=True)
class ModuleText:
    """``source``: the CUDA C of a module; ``names``: the kernels it exports."""

    source: str
    names: tuple[str, ...]

    def line(self, number: int) -> str:
        return self.source.splitlines()[number - 1]

    def function_at(self, number: int) -> str:
        """The name of the function that a line of the source belongs to."""
        found = "the prelude"
        for text in self.source.splitlines()[:number]:
            if match := _FUNCTION.search(text):
                found = match.group(1)
        return found


@dataclass(frozen=True)
class Properties:
    """What a launch must know of a device. ``cache``: bytes of its second-level cache; ``persistent_threads``: of the one block that each
    multiprocessor has in a kernel that stays there; see `persistent`."""

    multiprocessors: int
    threads_per_multiprocessor: int = 2048
    cache: int = 32 << 20
    persistent_threads: int = 512


def function_name(kernel: Kernel, dtype: Any) -> str:
    return f"{kernel.name}_{SUFFIX[np.dtype(dtype).name]}"


def instances(dtypes: Iterable[Any] = FLOATS, kernels: Iterable[Kernel] | None = None) -> list[tuple[Kernel, str]]:
    """Every (kernel, floating type) that has CUDA text. Kernels without arrays of that type exist in float64 alone: see `Kernel.dtype`."""
    wanted = [np.dtype(d).name for d in dtypes]
    out = []
    for kernel in REGISTRY.values() if kernels is None else kernels:
        if kernel.cuda is not None:
            out += [(kernel, d) for d in (wanted if kernel.has_float_arrays else ["float64"])]
    return out


def module_text(dtypes: Iterable[Any] = FLOATS, kernels: Iterable[Kernel] | None = None) -> ModuleText:
    """One module of all registered kernels (or of `kernels`): prelude, device functions, kernels, in a namespace of their own."""
    chosen = instances(dtypes, kernels)
    return module_of(functions_of(chosen), [bounded(*one) for one in chosen], [function_name(*one) for one in chosen])


def functions_of(chosen: Iterable[tuple[Kernel, str]]) -> list[str]:
    """The texts of the device functions that these kernels call, in order, each once."""
    pairs = [(formula, dtype) for kernel, dtype in chosen for formula in kernel.formulas]
    return list(dict.fromkeys(typed(formula.cuda(), _type_of(formula, dtype)) for formula, dtype in pairs))


def _type_of(formula: Any, dtype: str) -> str:
    """What a formula computes in within a kernel of this type: float64 where it is that of a kernel without arrays, as that kernel does."""
    kernel = REGISTRY.get(formula.name)
    return dtype if kernel is None or kernel.has_float_arrays else "float64"


def module_of(functions: Iterable[str], kernels: Iterable[str], names: Iterable[str]) -> ModuleText:
    """Texts as one module."""
    return ModuleText("namespace gpunn {\n" + "\n".join([prelude(), *functions, *kernels]) + "}\n", tuple(names))


def bounded(kernel: Kernel, dtype: str) -> str:
    """A kernel's text with the largest block it is launched with: what the compiler shares out the registers by."""
    text = filled(kernel, dtype, MAX_THREADS[kernel.geometry])
    # kernels that do much for a row or keep much of an image's geometry, and numbers that take two registers: no spills for the sake of one
    # more block beside them
    much = kernel.geometry in ("rows", "tiles") or kernel.family == "images"
    one = ", 1" if much or np.dtype(dtype) == np.float64 else ""
    return text.replace("__global__ void ", f"__global__ void __launch_bounds__({MAX_THREADS[kernel.geometry]}{one}) ", 1)


def filled(kernel: Kernel, dtype: str, threads: int) -> str:
    """A kernel's text, for blocks of so many threads where it is compiled for a number of them."""
    return re.sub(r"\bTHREADS\b", str(threads), kernel.cuda(dtype))


def launch_arguments(kernel: Kernel, arguments: Sequence[Any]) -> tuple[Any, ...]:
    """What the device function is called with: arrays as they are, constants as NumPy scalars of its types, then rows and columns."""
    kernel.check(arguments)
    dtype = kernel.dtype(arguments)
    out = []
    for o, a in zip(kernel.operands, arguments, strict=True):
        if o.kind == "const":
            a = np.int64(a) if o.dtype == "i8" else np.float64(a) if o.dtype == "f8" else dtype.type(a)
        out.append(a)
    rows, columns = shape_of(kernel, arguments)
    if kernel.geometry == "elements":
        rows *= columns
    return (*out, np.int64(rows), np.int64(columns))


def launch_geometry(kernel: Kernel, arguments: Sequence[Any], device: Properties, together: int = 1) -> Launch | None:
    """-> (grid, block), by the sizes and the device; None when there is nothing to do (a grid of zero blocks is no launch). `together`:
    how many such launches over columns run side by side.

    Small launches are spread over many multiprocessors in small blocks, large ones get blocks large enough to fill each.
    """
    rows, columns = shape_of(kernel, arguments)
    if kernel.geometry == "elements":
        return _elements(-(-rows * columns // kernel.per_thread), device)
    if kernel.geometry == "rows":
        return ((rows,), (min(MAX_THREADS["rows"], -(-columns // (kernel.per_thread * WARP)) * WARP),)) if rows and columns else None
    if kernel.geometry == "warps":
        return _warps(rows, device) if columns else None
    if kernel.geometry == "columns":
        return _columns(rows, columns, device, together)
    if kernel.geometry == "one":
        return (1,), (min(MAX_THREADS["one"], max(1, -(-rows // WARP)) * WARP),)
    if kernel.geometry == "tiles":
        tiles = tiles_of(kernel, rows, columns)
        return ((tiles,), (MAX_THREADS["tiles"],)) if tiles else None
    raise ValueError(f"Kernel {kernel.name!r} is not launched: its geometry is {kernel.geometry!r}, a library does its work.")


def tiles_of(kernel: Kernel, rows: int, columns: int) -> int:
    """Blocks of a kernel of geometry "tiles"."""
    return -(-rows // kernel.tile[0]) * -(-columns // kernel.tile[1])


def _elements(threads: int, device: Properties) -> Launch | None:
    """Blocks up to what is resident at once; of larger arrays a thread takes `AHEAD` elements before there are more blocks, and from
    `WAVES` times as many on more still. Those that wait begin as others end: how many are resident depends on a kernel's registers."""
    block = MAX_THREADS["elements"]
    while block > 64 and -(-threads // block) < device.multiprocessors:
        block //= 2
    resident = device.multiprocessors * (device.threads_per_multiprocessor // block)
    more = min(-(-threads // (block * AHEAD)), resident * WAVES)
    return ((min(-(-threads // block), max(resident, more)),), (block,)) if threads else None


def _warps(rows: int, device: Properties) -> Launch | None:
    each = MAX_THREADS["warps"] // WARP
    while each > 1 and -(-rows // each) < device.multiprocessors:
        each //= 2
    return ((-(-rows // each),), (WARP * each,)) if rows else None


def _columns(rows: int, columns: int, device: Properties, together: int) -> Launch | None:
    """Wide enough for whole memory sectors (8 floats), tall enough to read many rows at once."""
    wide = 32
    while wide > 8 and -(-columns // wide) * together < device.multiprocessors:
        wide //= 2
    tall = 1
    while tall * wide < MAX_THREADS["columns"] and tall * 4 < rows:
        tall *= 2
    return ((-(-columns // wide),), (wide, max(tall, WARP // wide))) if columns else None
