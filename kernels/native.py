"""The CPU's compiled kernels: every kernel becomes one function of one shape, ``entry(arguments, lo, hi, scratch)``, called by address.

An argument is three 64-bit words: address, rows, columns. The functions are written once a kernel and type into the user's cache folder,
where Numba keeps their machine code: a second process loads them in milliseconds. Imported only when Numba is there.
"""

import ctypes
import functools
import hashlib
import importlib.util
import inspect
import os
import pathlib
import sys
from collections.abc import Sequence
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from gpunn.kernels import cache
from gpunn.kernels.linked import divide_by_roots
from gpunn.kernels.record import Kernel, Operand, columns_of, rows_of

I64 = ir.IntType(64)
FAST = "{'contract', 'nsz', 'arcp', 'reassoc'}"  # not nnan, ninf: what is not finite must stay visible
_TYPES = {"T": "T", "u1": "np.uint8", "i4": "np.int32", "i8": "np.int64", "u4": "np.uint32", "f8": "np.float64"}
_entries: dict[tuple[str, np.dtype], tuple[int, Any]] = {}


@intrinsic
def address(typingctx, array):
    """Where an array's data lies, as an integer."""

    def codegen(context, builder, signature, args):
        return builder.ptrtoint(cgutils.create_struct_proxy(signature.args[0])(context, builder, value=args[0]).data, I64)

    return types.int64(array), codegen


@intrinsic
def pointer(typingctx, at, like):
    """The integer `at` as a pointer to elements of the type of `like` (an array or a number)."""
    element = like.dtype if isinstance(like, types.Array) else like

    def codegen(context, builder, signature, args):
        return builder.inttoptr(args[0], context.get_value_type(element).as_pointer())

    return types.CPointer(element)(types.int64, like), codegen


@intrinsic
def move(typingctx, source, target, size):
    """Copies `size` bytes from one address to another; the two do not overlap."""

    def codegen(context, builder, signature, args):
        byte = ir.IntType(8).as_pointer()
        cgutils.raw_memcpy(builder, builder.inttoptr(args[1], byte), builder.inttoptr(args[0], byte), args[2], 1)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), codegen


def ask_for(builder: Any, where: Any, write: int, level: int) -> None:
    """Emits a prefetch of the cache line at a pointer; level: 3 for the first-level cache, 2 for the second."""
    i32, byte = ir.IntType(32), ir.IntType(8).as_pointer()
    kind = ir.FunctionType(ir.VoidType(), [byte, i32, i32, i32])
    function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
    builder.call(function, [builder.bitcast(where, byte), i32(write), i32(level), i32(1)])


def _prefetching(write: int, level: int) -> Any:
    def codegen(context, builder, signature, args):
        data = cgutils.create_struct_proxy(signature.args[0])(context, builder, value=args[0]).data
        ask_for(builder, builder.gep(data, [args[1]]), write, level)
        return context.get_dummy_value()

    return codegen


@intrinsic
def prefetch(typingctx, array, index):
    """Ask for the cache line of element `index` of a flat array, into the second-level cache."""
    return types.void(array, types.int64), _prefetching(0, 2)


@intrinsic
def prefetch_to_write(typingctx, array, index):
    """The same of a line that is going to be written."""
    return types.void(array, types.int64), _prefetching(1, 3)


@intrinsic
def widest(typingctx):
    """Loops of the function that calls this use the widest vectors there are: LLVM would halve them on many CPUs that have AVX-512."""

    def codegen(context, builder, signature, args):
        set.add(builder.function.attributes, '"prefer-vector-width"="512"')  # llvmlite's own `add` knows no attributes with values
        return context.get_dummy_value()

    return types.void(), codegen


@intrinsic
def true_roots(typingctx):
    """`divide_by_roots` of the function that calls this."""

    def codegen(context, builder, signature, args):
        divide_by_roots(builder.function)
        return context.get_dummy_value()

    return types.void(), codegen


def cache_folder() -> pathlib.Path:
    """Where compiled kernels are kept: ``GPUNN_CACHE`` or the user's cache folder; a temporary one when neither can be written."""
    return cache.folder(f"kernels-{_digest()}")


def _digest() -> str:
    """Changes with this package's kernels and with Numba: Numba itself does not notice a changed callee."""
    h = hashlib.sha256(f"{numba.__version__} {np.__version__}".encode())
    for file in sorted(pathlib.Path(__file__).parent.glob("*.py")):
        h.update(file.read_bytes())
    return h.hexdigest()[:16]


_folder: pathlib.Path | None = None


def entry(kernel: Kernel, dtype: np.dtype) -> int:
    """The address of the compiled kernel for one floating type."""
    found = _entries.get((kernel.name, dtype))
    if found is None:
        module = load(_file(kernel, dtype))
        found = _entries[kernel.name, dtype] = (module.entry.address, module)
    return found[0]


def missing(wanted: Sequence[tuple[Kernel, np.dtype]]) -> list[pathlib.Path]:
    """The files, written, of those of these kernels that have no machine code in the cache folder: written by hand first, which take
    longest."""
    new = {(kernel.name, dtype): kernel for kernel, dtype in wanted if (kernel.name, dtype) not in _entries}
    if not new or os.environ.get("NUMBA_CACHE_DIR"):  # where Numba was told to keep it elsewhere
        return []
    files = {_file(kernel, dtype): kernel.native_text is not None for (_, dtype), kernel in new.items()}
    made = {index.name.split(".")[0] for index in next(iter(files)).parent.glob("__pycache__/*.nbi")}
    return sorted((file for file in files if file.stem not in made), key=files.__getitem__)


def _file(kernel: Kernel, dtype: np.dtype) -> pathlib.Path:
    """The file with a kernel's text, written unless it is there."""
    global _folder
    if _folder is None:
        _folder = cache_folder()
    source = _source(kernel, dtype)
    file = _folder / f"{kernel.name}_{dtype.name}_{hashlib.sha256(source.encode()).hexdigest()[:12]}.py"
    if not file.exists():
        temporary = file.with_suffix(f".{os.getpid()}.tmp")
        temporary.write_text(source)
        os.replace(temporary, file)
    return file


def load(file: pathlib.Path) -> Any:
    """The module of a kernel's text, with its machine code: from the cache folder, or compiled, and kept there."""
    spec = importlib.util.spec_from_file_location(f"gpunn_kernel_{file.stem.rpartition('_')[0]}", file)
    module = importlib.util.module_from_spec(spec)  # type: ignore[arg-type]
    sys.modules[spec.name] = module  # type: ignore[union-attr]  # Numba looks the module up by name when it loads machine code
    spec.loader.exec_module(module)  # type: ignore[union-attr]
    return module


def _source(kernel: Kernel, dtype: np.dtype) -> str:
    lines = [
        f'"""{kernel.name}, {dtype.name}: written by gpunn.kernels.native."""', "import math", "import numpy as np",
        "from numba import carray, cfunc, njit, types", "from gpunn.kernels import vector_math, vector_native",
        "from gpunn.kernels.linked import APART, PLAIN", "from gpunn.kernels.native import pointer, true_roots, widest",
        f"T = np.{dtype.name}",
        f"inlined = njit(nogil=True, error_model='numpy', fastmath={FAST}, forceinline=True, **PLAIN)",
        # same index in, same index out: an output that is an input may be treated as if it were not, and loops stay vectors
        f"apart = njit(nogil=True, error_model='numpy', fastmath={FAST}, **APART)",
    ]
    if kernel.native_text is not None:
        lines.append(kernel.native_text)
        imported = kernel.native_text.startswith("from ")
    else:
        module, name = inspect.getmodule(kernel.native).__name__, kernel.native.__name__  # type: ignore[union-attr]
        lines += [*_imports(kernel), f"from {module} import {name} as body"]
        imported = False
    if not imported:
        lines.append("body = apart(body)")
    lines.append("@cfunc(types.void(types.CPointer(types.int64), types.int64, types.int64, types.int64), cache=True)")
    lines += ["def entry(a, lo, hi, scratch):", "    true_roots()"]
    names = []
    for i, o in enumerate(kernel.operands):
        names.append(f"p{i}")
        two_d = o.kind in ("full", "whole", "cols") and not (kernel.flat and o.kind == "full")
        shape = "(a[{0}], a[{1}])" if two_d else "(a[{0}] * a[{1}],)"
        lines.append(f"    p{i} = carray(pointer(a[{3 * i}], {_type(o)}(0)), {shape.format(3 * i + 1, 3 * i + 2)})")
    if kernel.flat:  # not a matrix reshaped in the body: LLVM would no longer see that its arrays are apart
        columns = f"a[{3 * next(i for i, o in enumerate(kernel.operands) if o.kind == 'full') + 2}]"
        lines.append(f"    lo, hi = lo * {columns}, hi * {columns}")
    lines.append(f"    body({', '.join(names)}, lo, hi, scratch)")
    return "\n".join(lines) + "\n"


def _imports(kernel: Kernel) -> list[str]:
    """Helpers that a hand-written body calls must be compiled functions before the body is."""
    module = inspect.getmodule(kernel.native)
    helpers = [n for n in kernel.native.__code__.co_names if inspect.isfunction(getattr(module, n, None))]
    out = []
    for n in helpers:
        out += [f"import {module.__name__} as _m", f"if not hasattr(_m.{n}, 'py_func'): _m.{n} = inlined(_m.{n})"]  # type: ignore[union-attr]
    return out


def _type(o: Operand) -> str:
    if o.kind in ("scalar", "const") and o.dtype == "T":
        return "np.float64"
    return _TYPES[o.dtype]


def words(kernel: Kernel, arguments: list[Any]) -> tuple[list[int], list[Any]]:
    """-> (the argument block, what must be kept alive)."""
    block, keep = [], []
    for o, a in zip(kernel.operands, arguments, strict=True):
        if o.kind == "const":
            a = ctypes.c_int64(int(a)) if o.dtype == "i8" else ctypes.c_double(a)
            block += [ctypes.addressof(a), 1, 1]
        else:
            block += [a.ctypes.data, rows_of(a), columns_of(a)]
        keep.append(a)
    return block, keep


@functools.cache
def nap() -> tuple[int, int]:
    """(the address of a C function, its argument): what a waiting thread calls once spinning has not helped. It sleeps for 20
    microseconds; on Windows, where no sleep is shorter than a tick of 1 to 16 milliseconds, it lets another thread have the core."""
    if os.name == "nt":
        function, duration = ctypes.windll.kernel32.Sleep, 0  # type: ignore[attr-defined]
    else:
        function, duration = ctypes.CDLL(None).usleep, 20
    return ctypes.cast(function, ctypes.c_void_p).value or 0, duration
