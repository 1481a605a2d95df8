"""One kernel that holds a whole train step and runs it many times: the kernels' own texts, phase by phase, a barrier of the grid between.

Each launch of a phase is a number of blocks; the blocks that are resident on the device take those of all launches of a phase in turns.
A kernel's text becomes a member function of a struct in which other variables stand for CUDA's ``blockIdx`` and its like. What the kernel
is called with: how many steps, the barrier's counter, then every array and every constant of the launches, each once.

Some launches of a phase are chains: a block that has made rows with the first kernel goes on with the next one on these rows. Arrays that
the next step's first phase writes while this step's last one reads them are there twice, for steps in turns.

The grid must be launched cooperatively, with no more blocks than are resident at once. Arrays that one kernel reads another one writes,
while this one runs: no pointer to constant values may be ``__restrict__``, for then NVRTC reads it through the cache of data that nobody
writes (it did, for biases; a test looks at what it makes). Those to what is written stay so, which is enough to move loads past stores.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gpunn.kernels.cuda_text import FOLDER, prelude
from gpunn.kernels.device import WARP, ModuleText, Properties, filled, function_name, functions_of, launch_arguments, tiles_of
from gpunn.kernels.many import HEAD
from gpunn.kernels.record import FLOATS, Kernel, shape_of

NAME = "persistent_step"
GEOMETRIES = ("elements", "rows", "warps", "columns", "one", "tiles")
FIXED = ("inner", "add")  # constants that are written into the text, as rows and columns are: they belong to the form of a step
LAST = "last"  # the name of a constant that is 1 in the last step of a launch, else 0
ROOM = 64  # bytes of shared memory a thread, for whatever kernel a block is running
MOST_PARAMETERS = 4096 // 8  # of a kernel
_BUILTIN = re.compile(r"\b(blockIdx|threadIdx|blockDim|gridDim)\b")
_READ_ONLY = re.compile(r"(\bconst [\w<> ]+\*) __restrict__")
_SHARED = re.compile(r"__shared__ ([\w<> ]+?) (\w+)\[([^\]]*)\];")


def threads_for(architecture: int) -> int:
    """Threads of a resident block on sm_<architecture>: as many as find their values in registers (ptxas of CUDA 13 spills some of a step's
    on newer ones; see tests/kernels/test_persistent.py)."""
    return 512 if architecture < 100 else 256


@dataclass(frozen=True)
class Launch:
    """A kernel with its arguments."""

    kernel: Kernel
    arguments: Sequence[Any]

    @property
    def dtype(self) -> str:
        return self.kernel.dtype(self.arguments).name


@dataclass(frozen=True)
class Shape:
    """``blocks`` of x * y threads; ``beside``: so many of them share the threads of one resident block."""

    blocks: int
    x: int
    y: int = 1
    beside: int = 1

    @property
    def resident(self) -> int:
        return -(-self.blocks // self.beside)


@dataclass
class Text:
    """``module``: the text; ``arguments``: what stands for its parameters after the first two, in order."""

    module: ModuleText
    arguments: list[Any] = field(default_factory=list)


def why_not(launch: Launch) -> str | None:
    """Why a launch cannot be part of such a kernel; None where it can."""
    kernel = launch.kernel
    if kernel.cuda is None or kernel.geometry not in GEOMETRIES:
        return f"{kernel.name} has no persistent form"
    if kernel.geometry == "tiles" and launch.dtype != "float32":
        return f"{kernel.name} in {launch.dtype} has no persistent form"
    text = kernel.cuda(launch.dtype)
    head = HEAD.search(text)
    plain = head is not None and head.start() == 0 and len(head.group(3).split(",")) == len(kernel.operands) + 2
    small = kernel.geometry != "rows" or all(count == str(WARP) for _, _, count in _SHARED.findall(text))  # for any number of threads
    if not plain or not small or re.search(r"blockIdx\.[yz]|__ldg", text) or "__shared__" in _SHARED.sub("", text):
        return f"{kernel.name} has no persistent form"
    return None


def shape(launch: Launch, device: Properties) -> Shape | None:
    """How a launch is cut into blocks; None when there is nothing to do."""
    kernel, threads, resident = launch.kernel, device.persistent_threads, device.multiprocessors
    rows, columns = shape_of(kernel, launch.arguments)
    if kernel.geometry == "elements":
        blocks = min(-(-rows * columns // (kernel.per_thread * threads)), resident)
        return Shape(blocks, threads) if blocks else None
    if kernel.geometry == "rows":
        return _rows(launch, rows, columns, threads, resident)
    if kernel.geometry == "warps":
        return Shape(-(-rows // (threads // WARP)), threads) if rows and columns else None
    if kernel.geometry == "columns":
        wide = 32
        while wide > 8 and -(-columns // wide) < resident:
            wide //= 2
        return Shape(-(-columns // wide), wide, threads // wide) if columns else None
    if kernel.geometry == "tiles":
        return Shape(tiles_of(kernel, rows, columns), threads) if rows and columns else None
    return Shape(1, threads)


def _rows(launch: Launch, rows: int, columns: int, threads: int, resident: int) -> Shape | None:
    """A block a row; without barriers of its own it may be a part of a resident one, so that more rows are under way at once."""
    if not rows or not columns:
        return None
    x = threads
    if not re.search("__shared__|__syncthreads", launch.kernel.cuda(launch.dtype)):
        while x > WARP and (rows * x > resident * threads or x // 2 >= columns):
            x //= 2
    return Shape(rows, x, 1, threads // x)


def rows_of_block(launch: Launch, device: Properties) -> int:
    """How many whole rows a block makes, one block after another; 0 where blocks make other parts."""
    kernel = launch.kernel
    if kernel.geometry == "warps":
        return 0 if re.search("__shared__|__syncthreads", kernel.cuda(launch.dtype)) else device.persistent_threads // WARP
    columns = shape_of(kernel, launch.arguments)[1]
    return kernel.tile[0] if kernel.geometry == "tiles" and columns <= kernel.tile[1] else 0


def follows(first: Launch, then: Launch, device: Properties) -> bool:
    """Whether a block that has made rows with `first` can go on with `then` on them: several blocks' share, perhaps, but no part of one."""
    if then.kernel.geometry != "warps" or why_not(first) or why_not(then):
        return False
    made, wanted = (rows_of_block(x, device) for x in (first, then))
    rows, rows_2 = (shape_of(x.kernel, x.arguments)[0] for x in (first, then))
    return wanted > 0 and made > 0 and made % wanted == 0 and rows == rows_2 and shape(then, device) is not None


def persistent_text(
    phases: Sequence[Sequence[Sequence[Launch]]], carried: bool, device: Properties, address: Callable[[Any], int],
    twice: "dict[int, Any] | None" = None,
) -> Text:
    """The kernel of these phases, of each its chains of launches.

    ``carried``: the first phase does not depend on the last one of the step before, and runs beside it. ``twice``: the second array of
    each one that is there twice, by the address of the first.
    """
    values = _Values(address, twice or {})
    functions: dict[str, str] = {}
    entries = []

    def call(launch: Launch, step: str) -> str:
        name = function_name(launch.kernel, launch.dtype)
        functions.setdefault(name, _function(launch, device.persistent_threads))
        entries.append((launch.kernel, launch.dtype))
        return f"w.{name}({', '.join(values.of(launch, step))});"

    written = []
    for number, chains in enumerate(phases):
        step = "(step + 1)" if carried and number == 0 else "step"
        calls: list[tuple[Shape, str, str]] = []
        for first, *more in chains:
            cut = shape(first, device)
            if cut is not None:
                calls.append((cut, call(first, step), _chained(first, [(x, call(x, step)) for x in more], device)))
        written.append(calls)
    body = _carried(written) if carried else [*_loop(0), *(line for calls in written for line in _phase(calls)), "  }"]
    threads = device.persistent_threads
    helpers = functions_of([(kernel, dtype) for kernel, _ in entries for dtype in FLOATS])
    inside = _READ_ONLY.sub(r"\1", _BUILTIN.sub(r"\1_", "\n".join([prelude(), *helpers, *functions.values()])))
    source = "\n".join([
        "namespace gpunn {", "struct work {", (FOLDER / "persistent.cuh").read_text(), f"static constexpr int ROOM = {ROOM * threads};",
        inside, "};",
        f'extern "C" __global__ void __launch_bounds__({threads}, 1) {NAME}({", ".join(values.parameters)}) {{',
        f"  __shared__ __align__(16) unsigned char arena[{ROOM * threads}];", "  work w;", "  w.arena_ = arena;", *body, "}", "}", "",
    ])  # fmt: skip
    return Text(ModuleText(source, (NAME,)), values.arguments)


class _Values:
    """The parameters of the kernel, and what stands for them."""

    def __init__(self, address: Callable[[Any], int], twice: dict[int, Any]):
        self._address, self._twice = address, twice
        self._arrays: dict[tuple[int, str], str] = {}
        self.parameters = ["long long steps", "unsigned int* arrived"]
        self.arguments: list[Any] = []

    def of(self, launch: Launch, step: str) -> list[str]:
        """What a launch's function is called with: names of parameters, then rows and columns. `step`: the number of its step in words."""
        head = HEAD.search(launch.kernel.cuda(launch.dtype))
        given = launch_arguments(launch.kernel, launch.arguments)
        out = []
        for o, value, parameter in zip(launch.kernel.operands, given, head.group(3).split(","), strict=False):
            kind = " ".join(parameter.split()).rpartition(" ")[0].replace("__restrict__", "").replace("const ", "").strip()
            if o.kind != "const":
                out.append(self._one_of_two(kind, value, step))
            elif o.name == LAST:
                out.append(f"{kind}({step} + 1 == steps)")
            elif o.name in FIXED:
                out.append(f"{int(value)}LL" if kind == "long long" else f"{kind}({float(value)!r})")
            else:
                out.append(self._new(kind, np.asarray(value)[()]))
        return [*out, *(f"{int(n)}LL" for n in given[len(launch.kernel.operands) :])]

    def _one_of_two(self, kind: str, array: Any, step: str) -> str:
        own, second = self._array(kind, array), self._twice.get(self._address(array))
        return own if second is None else f"({step} & 1 ? {self._array(kind, second)} : {own})"

    def _array(self, kind: str, array: Any) -> str:
        key = self._address(array), kind
        if key not in self._arrays:
            self._arrays[key] = self._new(kind, array)
        return self._arrays[key]

    def _new(self, kind: str, value: Any) -> str:
        name = f"v{len(self.arguments)}"
        self.parameters.append(f"{kind} {name}")
        self.arguments.append(value)
        return name


def _function(launch: Launch, threads: int) -> str:
    """A kernel's text as a member function; its shared memory is a part of the resident block's."""
    text = filled(launch.kernel, launch.dtype, threads)
    head = HEAD.search(text)
    assert head is not None  # noqa: S101  `why_not` has looked
    used: list[str] = []

    def place(match: re.Match[str]) -> str:
        kind, name, count = match.groups()
        start = " + ".join(used) or "0"
        used.append(f"(sizeof({kind}) * ({count}) + 15) / 16 * 16")
        return f'static_assert({" + ".join(used)} <= ROOM, "shared memory"); {kind}* const {name} = ({kind}*)(arena_ + {start});'

    body = _SHARED.sub(place, text[head.end() :])
    return f"__device__ __forceinline__ void {head.group(2)}({head.group(3)}) {{{body}"


# ---------------------------------------------------------------------- the loop over steps
def _loop(first: int) -> list[str]:
    return [f"  for (long long step = {first}; step < steps; ++step) {{"]


def _carried(phases: Sequence[Sequence[tuple[Shape, str, str]]]) -> list[str]:
    """Before the first step only what is carried runs, in the last one all but that."""
    *middle, last = phases[1:]
    own, more = _count(last), _count(phases[0])
    bounds = f"step < 0 ? {own}u : 0u", f"step + 1 < steps ? {own + more}u : {own}u"
    return [*_loop(-1), "  if (step >= 0) {", *(line for calls in middle for line in _phase(calls)), "  }",
            *_phase([*last, *phases[0]], *bounds), "  }"]  # fmt: skip


def _count(calls: Sequence[tuple[Shape, str, str]]) -> int:
    return sum(cut.resident for cut, _, _ in calls)


def _phase(calls: Sequence[tuple[Shape, str, str]], first: str = "0u", end: str | None = None) -> list[str]:
    """The blocks of all calls, handed to the resident ones in turns."""
    end = f"{_count(calls)}u" if end is None else end
    lines = [f"    for (unsigned int v = blockIdx.x + ({first}), end = {end}; v < end; v += gridDim.x) {{"]
    start = 0
    for i, (cut, call, more) in enumerate(calls):
        stop = start + cut.resident
        block = f"v - {start}u"
        own = block if cut.beside == 1 else f"({block}) * {cut.beside}u + threadIdx.x / {cut.x * cut.y}u"
        thread = "threadIdx.x" if cut.beside == 1 else f"threadIdx.x % {cut.x * cut.y}u"
        only = "" if cut.beside == 1 else f"if (w.blockIdx_.x < {cut.blocks}u) "
        work = f"w.be<{cut.x}, {cut.y}>({own}, {cut.blocks}u, {thread}); {only}{call}{more.replace('BLOCK', f'({block})')}"
        lines.append(f"      {'else ' if i else ''}if (v < {stop}u) {{ {work} }}")
        start = stop
    return [*lines, "      __syncthreads();", "    }", "    w.meet(arrived);"]


def _chained(first: Launch, more: Sequence[tuple[Launch, str]], device: Properties) -> str:
    """What number BLOCK of the blocks goes on with."""
    out = ""
    for launch, call in more:
        cut, turns = shape(launch, device), rows_of_block(first, device) // rows_of_block(launch, device)
        assert cut is not None  # noqa: S101  `follows` has looked
        out += f" __syncthreads(); for (unsigned int t = 0; t < {turns}u; ++t) {{"
        out += f" w.be<{cut.x}, 1>(BLOCK * {turns}u + t, {cut.blocks}u, threadIdx.x); {call} }}"
    return out
