"""CUDA C on NumPy arrays: `HostModule` has the face of ``cupy.RawModule``, g++ compiles, fibers stand in for threads.

    module = HostModule(code=module_text().source, order="shuffled", guard=True)
    module.get_function("relu_f32")((blocks,), (threads,), (x, y, np.int64(x.size), np.int64(1)))

It notices what a GPU forgives by luck: shared memory read before it is written, barriers that only some threads reach, writes outside
an array, arguments of the wrong size; watched, missing barriers, reads outside an array, addresses that are not aligned. It shows no time.
"""

import contextlib
import ctypes
import pathlib
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from gpunn.backend.sim.host_compiler import WATCH, compiled

ORDERS = {"forward": 0, "reverse": 1, "shuffled": 2}
PAD = 4096  # bytes around an array whose edges are watched
_BARRIER = re.compile(r"__syncthreads|__syncwarp|_sync\s*\(|shim_grid_sync")
_KERNEL = re.compile(r"__global__\s+void\s+(?:__launch_bounds__\([^)]*\)\s*)?(\w+)\s*\(")
_lock = threading.Lock()  # the shim's world is one for a module: one launch at a time


class HostModule:
    """A module of kernels, compiled once a text and kept in the user's cache folder.

    Args:
        code: CUDA C; kernels are ``extern "C"``, in the global namespace or in ``gpunn``.
        order: in which order threads run between barriers: "forward" (all warps together), "reverse" or "shuffled" (one warp after another
            runs ahead as far as it can).
        guard: run on copies with watched edges: a write outside an array is an error, a read outside gives NaN.
        watch: an error, too, for two threads that touch the same memory with no barrier between, for a read outside an array (with `guard`)
            and for an address that is no multiple of its type's alignment. Launches then take some four times as long. Or another C++
            file with the functions of ``cuda_host_watch.cpp``, to be linked in its place.
        shift: guarded copies lie so many elements off multiples of 16 bytes.
        options: more options for the compiler, such as ``-DNAME``.

    Raises `HostCompileError` when g++ is missing or the text does not compile.
    """

    def __init__(
        self, *, code: str, order: str = "forward", guard: bool = False, watch: bool | pathlib.Path = False, shift: int = 0,
        options: Sequence[str] = (),
    ):
        if order not in ORDERS:
            raise ValueError(f"Invalid order: expected one of {tuple(ORDERS)}. Received: {order!r}")
        self.order, self.guard, self.watch, self.shift = order, guard, watch, shift
        plain = re.sub(r"//[^\n]*|/\*.*?\*/", "", code, flags=re.DOTALL)
        self.names = tuple(_KERNEL.findall(plain))
        self._waiting = _with_barriers(plain)
        watcher = WATCH if watch is True else watch or None
        self.library = ctypes.CDLL(str(compiled(code, self.names, options, watcher)))
        self.library.shim_error.restype = ctypes.c_char_p

    def get_function(self, name: str) -> "HostKernel":
        if name not in self.names:
            raise AttributeError(f"The module has no kernel {name!r}. It has: {', '.join(self.names)}")
        return HostKernel(self, name)

    def show(self, arguments: Sequence[Any]) -> None:
        """The arrays that the next launch is to watch."""
        arrays = {(a.ctypes.data, a.nbytes): i for i, a in enumerate(arguments) if isinstance(a, np.ndarray) and a.size}
        first, sizes = np.array(list(arrays), np.uint64).reshape(-1, 2).T.copy()
        self.library.shim_watch_arrays(
            ctypes.c_int(len(arrays)), first.ctypes, sizes.ctypes, np.array(list(arrays.values()), np.int32).ctypes,
            ctypes.c_size_t(PAD if self.guard else 0),
        )


class HostKernel:
    """One kernel: ``kernel(grid, block, arguments, shared_mem=0)``, arguments being arrays and NumPy scalars."""

    def __init__(self, module: HostModule, name: str):
        self.name, self._module = name, module
        self._function = getattr(module.library, f"shim_launch_{name}")
        sizes = (ctypes.c_ubyte * 1024)()  # more parameters than a kernel may have
        self._sizes = list(sizes[: getattr(module.library, f"shim_sizes_{name}")(sizes)])

    def __call__(
        self, grid: Sequence[int], block: Sequence[int], arguments: Sequence[Any], *, shared_mem: int = 0, cooperative: bool = False
    ) -> None:
        """Raises TypeError for arguments of the wrong kind or size, RuntimeError for what the shim noticed while running."""
        self._check(arguments)
        if HostGraph.recording is not None:  # as in a stream capture: nothing runs, numbers are frozen
            frozen = tuple(a if isinstance(a, np.ndarray) else np.array(a)[()] for a in arguments)
            HostGraph.recording.node(self.name, lambda: self._run(grid, block, frozen, shared_mem, cooperative))
        else:
            self._run(grid, block, arguments, shared_mem, cooperative)

    def _check(self, arguments: Sequence[Any]) -> None:
        if len(arguments) != len(self._sizes):
            raise TypeError(f"{self.name}: expected {len(self._sizes)} arguments. Received: {len(arguments)}")
        for i, (a, size) in enumerate(zip(arguments, self._sizes, strict=True)):
            if isinstance(a, np.ndarray):
                if size < 128:
                    raise TypeError(f"{self.name}, argument {i}: expected a number of {size} bytes. Received: an array of shape {a.shape}")
                if not a.flags.c_contiguous:
                    raise ValueError(
                        f"{self.name}, argument {i}: expected a C-contiguous array. Received: shape {a.shape}, strides {a.strides}"
                    )
            elif not isinstance(a, np.generic):  # CuPy would pass a Python int as 8 bytes, whatever the kernel reads
                raise TypeError(f"{self.name}, argument {i}: expected an array or a NumPy scalar. Received: {type(a).__name__}")
            elif a.itemsize != size:
                raise TypeError(f"{self.name}, argument {i}: expected {_words(size)}. Received: {a.dtype} ({a.itemsize} bytes)")

    def _run(self, grid: Sequence[int], block: Sequence[int], arguments: Sequence[Any], shared_mem: int, cooperative: bool) -> None:
        guarded = _guarded(self.name, arguments, self._module.shift) if self._module.guard else contextlib.nullcontext(arguments)
        with _lock, guarded as arrays:
            if self._module.watch:
                self._module.show(arrays)
            values = []  # for each argument the address of its value; the value of an array is its own address
            for a in arrays:
                values.append(np.array([a.ctypes.data], np.uint64) if isinstance(a, np.ndarray) else np.array([a]))
            self._start(grid, block, [v.ctypes.data for v in values], shared_mem, cooperative)

    def freeze(self, parameters: int) -> list[ctypes.Array[ctypes.c_char]]:
        """The values of the parameters to which an array of pointers at that address points, as a driver's launch copies them."""
        places = (ctypes.c_void_p * len(self._sizes)).from_address(parameters)
        sizes = (8 if size >= 128 else size for size in self._sizes)
        return [ctypes.create_string_buffer(ctypes.string_at(place, size), size) for place, size in zip(places, sizes, strict=True)]

    def run_frozen(
        self, grid: Sequence[int], block: Sequence[int], values: Sequence[Any], shared_mem: int = 0, cooperative: bool = False
    ) -> None:
        """A launch with values of `freeze`: addresses where arrays are asked for. Nothing is guarded."""
        with _lock:
            self._start(grid, block, [ctypes.addressof(v) for v in values], shared_mem, cooperative)

    def _start(self, grid: Sequence[int], block: Sequence[int], places: Sequence[int], shared_mem: int, cooperative: bool) -> None:
        pointers = (ctypes.c_void_p * len(places))(*places)
        shape = (ctypes.c_uint * 6)(*(*grid, 1, 1)[:3], *(*block, 1, 1)[:3])
        flags = (self.name in self._module._waiting) | 2 * cooperative | ORDERS[self._module.order] << 4
        if self._function(shape, ctypes.c_uint(shared_mem), ctypes.c_int(flags), pointers):
            raise RuntimeError(f"{self.name}: {self._module.library.shim_error().decode()}")


class HostGraph:
    """A recorded sequence of launches, as a captured CUDA graph is: ``with HostGraph() as graph: ...`` records, ``graph.launch()`` runs."""

    recording: "HostGraph | None" = None

    def __init__(self) -> None:
        self.nodes: list[tuple[str, Callable[[], None]]] = []

    def __enter__(self) -> "HostGraph":
        if HostGraph.recording is not None:
            raise RuntimeError("A graph is being recorded already.")
        HostGraph.recording = self
        return self

    def __exit__(self, *exception: Any) -> None:
        HostGraph.recording = None

    def node(self, name: str, run: Callable[[], None]) -> None:
        """Add a call that is no kernel, of a library say."""
        self.nodes.append((name, run))

    def launch(self) -> None:
        if HostGraph.recording is not None:
            raise RuntimeError("A graph cannot be launched while one is being recorded.")
        for _, run in self.nodes:
            run()


def _words(size: int) -> str:
    return "an array" if size >= 128 else f"a number of {size} bytes"


@contextlib.contextmanager
def _guarded(name: str, arguments: Sequence[Any], shift: int) -> Iterator[tuple[Any, ...]]:
    """Copies between two pads of 0xFF (NaN). An array given twice stays one array."""
    copies: dict[tuple[int, int], tuple[np.ndarray, np.ndarray, np.ndarray]] = {}
    out: list[Any] = []
    for a in arguments:
        if isinstance(a, np.ndarray):
            raw = np.full(a.nbytes + 2 * PAD + shift * a.itemsize, 0xFF, np.uint8)[shift * a.itemsize :]
            inner = raw[PAD : PAD + a.nbytes].view(a.dtype).reshape(a.shape)
            inner[...] = a
            a = copies.setdefault((a.ctypes.data, a.nbytes), (raw, inner, a))[1]
        out.append(a)
    yield tuple(out)
    for raw, inner, a in copies.values():
        if (raw[:PAD] != 0xFF).any() or (raw[PAD + a.nbytes :] != 0xFF).any():
            raise RuntimeError(f"{name}: wrote outside an array of shape {a.shape}")
        if a.flags.writeable:
            a[...] = inner


def _with_barriers(code: str) -> set[str]:
    """The functions that reach a barrier, directly or through another: their threads must be fibers."""
    bodies: dict[str, str] = {}
    for match in re.finditer(r"\b(\w+)\s*\([^(){};]*\)\s*\{", code):
        if match.group(1) in ("if", "for", "while", "switch"):
            continue
        depth, end = 1, match.end()
        while depth and end < len(code):
            depth += {"{": 1, "}": -1}.get(code[end], 0)
            end += 1
        bodies[match.group(1)] = bodies.get(match.group(1), "") + code[match.end() : end]
    found = {name for name, body in bodies.items() if _BARRIER.search(body)}
    while more := {n for n, body in bodies.items() if n not in found and found & set(re.findall(r"\b(\w+)\s*\(", body))}:
        found |= more
    return found
