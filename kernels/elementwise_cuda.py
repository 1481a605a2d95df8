"""The CUDA C of elementwise kernels: a loop over elements, several of which are loaded before the first is worked on (see `at_once` of the
prelude). Arrays of no more elements than there are threads give each thread one."""

from collections.abc import Sequence

from gpunn.kernels.cuda_text import CTYPES, SUFFIX, typed
from gpunn.kernels.formula import Formula
from gpunn.kernels.record import Operand

MOST = 4  # elements that a thread loads at once
LOADS = 8  # of all its arrays together, about: more would take registers that other threads need


def elements_at_once(operands: Sequence[Operand]) -> int:
    """How many elements a thread loads before it works on the first."""
    arrays = sum(o.read and o.kind == "full" for o in operands)
    return max(1, min(MOST, LOADS // max(1, arrays)))


def cuda_text(formula: Formula, operands: Sequence[Operand], outputs: Sequence[str], dtype: str) -> str:
    """One kernel: ``<name>_<f32|f64>(<operands>, elements, columns)``."""
    loaded = [o for o in operands if _loaded(o)]
    elements = ", ".join(f"{o.name}[{_INDEX.get(o.kind, 'i_')}]" for o in loaded)
    two_d = any(o.kind in ("row", "col") for o in operands)
    alone = not any(o.kind in ("full", "row", "col") for o in operands)
    lines = [
        f'extern "C" __global__ void {formula.name}_{SUFFIX[dtype]}({_parameters(operands)}) {{',
        *(["  if (blockIdx.x + threadIdx.x != 0) return;"] if alone else []),  # the others would read what this one writes
        *(f"  const T {o.name}_value_ = (T){o.name}[0];" for o in operands if o.read and o.kind == "scalar"),
        f"  struct values_ {{ {' '.join(f'{_type(o)} {o.name};' for o in loaded)} }};",
        "  const long long first_ = blockIdx.x * (long long)blockDim.x + threadIdx.x, stride_ = (long long)gridDim.x * blockDim.x;",
        *(_PLACE if two_d else ()),
        f"  at_once<{elements_at_once(operands)}>(first_, n_, stride_, [&](long long i_) {{",
        f"    const values_ v_ = {{{elements}}};",
        *(_ADVANCE if two_d else ()),
        "    return v_;",
        "  }, [&](long long i_, const values_& v_) {",
        f"    {_work(formula, operands, outputs)}",
        "  });",
        "}",
    ]
    return typed("\n".join(lines) + "\n", dtype)


_INDEX = {"row": "column_", "col": "row_"}
_PLACE = (  # the row and the column of an element, and how far the thread's next one is away: no division for each
    "  long long row_ = quotient(first_, columns_), column_ = first_ - row_ * columns_;",
    "  const long long rows_ = quotient(stride_, columns_), rest_ = stride_ - rows_ * columns_;",
)
_ADVANCE = (
    "    row_ += rows_;",
    "    column_ += rest_;",
    "    if (column_ >= columns_) { column_ -= columns_; ++row_; }",
)


def _work(formula: Formula, operands: Sequence[Operand], outputs: Sequence[str]) -> str:
    """The formula of one element, and where its results go."""
    call = ", ".join(_value(o) for o in operands if o.read)
    at = "i_" if any(o.kind == "full" for o in operands) else "0"
    if len(outputs) == 1:
        return f"{outputs[0]}[{at}] = {formula.name}({call});"
    results = [f"o{k}_" for k in range(len(outputs))]
    stores = " ".join(f"{o}[{at}] = {r};" for o, r in zip(outputs, results, strict=True))
    return f"T {', '.join(results)}; {formula.name}({', '.join([call, *results])}); {stores}"


def _parameters(operands: Sequence[Operand]) -> str:
    out = []
    for o in operands:
        array = f"{'' if o.written else 'const '}{_type(o)}* __restrict__ {o.name}"
        out.append(f"{_type(o)} {o.name}" if o.kind == "const" else array)
    return ", ".join([*out, "long long n_", "long long columns_"])


def _type(o: Operand) -> str:
    return "double" if o.kind == "scalar" and o.dtype == "T" else "T" if o.dtype == "T" else CTYPES[o.dtype]


def _loaded(o: Operand) -> bool:
    """Whether each element has a value of its own."""
    return o.read and o.kind not in ("const", "scalar")


def _value(o: Operand) -> str:
    """What the formula is given."""
    if _loaded(o):
        return f"v_.{o.name}" if o.dtype == "T" else f"(T)v_.{o.name}"
    return o.name if o.kind == "const" else f"{o.name}_value_"
