"""Elementwise kernels: one formula, every target."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gpunn.kernels.formula import Formula
from gpunn.kernels.record import REGISTRY, Kernel, Operand, columns_of, parse, register, rows_of

CTYPES = {"float32": "float", "float64": "double", "u1": "unsigned char", "i4": "int", "i8": "long long", "u4": "unsigned int", "f8": "double"}
SUFFIX = {"float32": "f32", "float64": "f64"}


def elementwise(signature: str, name: str | None = None) -> Callable[[Callable], Kernel]:
    """Make a kernel of a scalar function: ``@elementwise("dy, y -> dx")``.

    The signature names the operands in the order of the function's arguments, then the outputs. A kind may follow a name: ``b:row`` one
    value a column, ``w:col`` one value a row, ``lr:scalar`` a float64 that lives on the device, ``eps:const`` a number passed by value.
    Raises `FormulaError` when the function is not in the formula language, ValueError when signature and function disagree.
    """

    def wrap(function: Callable) -> Kernel:
        return from_formula(Formula(function, name), signature)

    return wrap


def from_formula(formula: Formula, signature: str) -> Kernel:
    operands = parse(signature)
    inputs = [o for o in operands if o.read]
    outputs = [p.strip().split(":")[0] for p in signature.partition("->")[2].split(",")]
    if len(inputs) != len(formula.parameters) or len(outputs) != formula.outputs:
        raise ValueError(
            f"{formula.name}: the signature {signature!r} and the function disagree. Expected {len(inputs)} arguments and {len(outputs)} results. "
            f"Received: {len(formula.parameters)} and {formula.outputs}."
        )
    text = _Texts(formula, operands, outputs)
    kernel = Kernel(
        name=formula.name, operands=operands, extent=text.extent, reference=text.reference(), native_text=text.numba(), cuda=text.cuda,
        cost=lambda *a: 0.3 * text.columns(a),
    )
    object.__setattr__(kernel, "formula", formula)
    return register(kernel)


def composed(name: str, signature: str, arguments: str, expression: str, scope: dict[str, Any]) -> Kernel:
    """A kernel whose formula is an expression over other formulas, made once a name: ``composed("bias_relu", "z, b:row -> y", "z, b", ...)``."""
    if name in REGISTRY:
        return REGISTRY[name]
    source = f"def {name}({arguments}):\n    return {expression}\n"
    return from_formula(_text_formula(name, source, scope), signature)


def _text_formula(name: str, source: str, scope: dict[str, Any]) -> Formula:
    import linecache

    file = f"<gpunn formula {name}>"
    linecache.cache[file] = (len(source), None, source.splitlines(True), file)  # lets inspect find the text
    space = dict(scope)
    exec(compile(source, file, "exec"), space)
    return Formula(space[name], name)


class _Texts:
    """The implementations of one elementwise kernel."""

    def __init__(self, formula: Formula, operands: tuple[Operand, ...], outputs: Sequence[str]):
        self.formula, self.operands, self.outputs = formula, operands, list(outputs)
        self.inputs = [o for o in operands if o.read]
        self.full = next((i for i, o in enumerate(operands) if o.kind == "full"), None)
        self.two_d = any(o.kind in ("row", "col") for o in operands)

    def extent(self, *arguments: Any) -> int:
        return 1 if self.full is None else rows_of(arguments[self.full])

    def columns(self, arguments: Sequence[Any]) -> int:
        return 1 if self.full is None else columns_of(arguments[self.full])

    def reference(self) -> Callable[..., None]:
        space: dict[str, Any] = {"np": np}
        for f in self.formula.closure():
            exec(f.python("numpy"), space)
        function = space[self.formula.name]

        def run(*arguments: Any) -> None:
            shape = (self.extent(*arguments), self.columns(arguments))
            view = {}
            for o, a in zip(self.operands, arguments, strict=True):
                view[o.name] = _as(o, a, shape)
            with np.errstate(all="ignore"):
                result = function(*(view[o.name] for o in self.inputs))
            for name, r in zip(self.outputs, result if len(self.outputs) > 1 else (result,), strict=True):
                view[name][...] = r

        return run

    def numba(self) -> str:
        lines = [f.python("numba").replace("def ", "@inlined\ndef ", 1) for f in self.formula.closure()]
        names = [o.name for o in self.operands]
        lines.append(f"def body({', '.join(names)}, lo, hi, scratch):")
        scalars = [o for o in self.operands if o.kind in ("scalar", "const")]
        lines += [f"    {o.name}_ = T({o.name}[0])" for o in scalars]
        at = {}
        for o in self.operands:
            at[o.name] = {"scalar": f"{o.name}_", "const": f"{o.name}_", "row": f"{o.name}[j]", "col": f"{o.name}_"}.get(
                o.kind, f"{o.name}[i, j]" if self.two_d else f"{o.name}[i]"
            )
        if self.full is None:
            lines.append("    for i in range(lo, hi):")
            pad = " " * 8
        elif self.two_d:
            lines.append("    for i in range(lo, hi):")
            lines += [f"        {o.name}_ = T({o.name}[i])" for o in self.operands if o.kind == "col"]
            lines.append(f"        for j in range({names[self.full]}.shape[1]):")
            pad = " " * 12
        else:
            first = names[self.full]
            lines.append(f"    a_, b_ = lo * {first}.shape[1], hi * {first}.shape[1]")
            # slices, so that indices count from 0: Numba would otherwise look for negative ones, and the loop would not be vectors
            lines += [f"    {o.name} = {o.name}.reshape({o.name}.size)[a_:b_]" for o in self.operands if o.kind == "full"]
            lines.append(f"    for i in range({first}.size):")
            pad = " " * 8
        call = f"{self.formula.name}({', '.join(at[o.name] for o in self.inputs)})"
        if len(self.outputs) == 1:
            lines.append(f"{pad}{_target(at, self.outputs[0])} = {call}")
        else:
            lines.append(f"{pad}result = {call}")
            lines += [f"{pad}{_target(at, o)} = result[{k}]" for k, o in enumerate(self.outputs)]
        return "\n".join(lines)

    def cuda(self, dtype: str) -> str:
        parameters, loads, at = [], [], {}
        for o in self.operands:
            t = "T" if o.dtype == "T" else CTYPES[o.dtype]
            if o.kind == "const":
                parameters.append(f"{t} {o.name}")
                at[o.name] = o.name
                continue
            t = "double" if o.kind == "scalar" and o.dtype == "T" else t
            parameters.append(f"{'' if o.written else 'const '}{t}* __restrict__ {o.name}")
            index = {"row": "c", "col": "r", "scalar": "0"}.get(o.kind, "i")
            at[o.name] = f"(T){o.name}[{index}]" if t not in ("T",) else f"{o.name}[{index}]"
            if o.kind == "scalar" and not o.written:
                loads.append(f"const T {o.name}_ = (T){o.name}[0];")
                at[o.name] = f"{o.name}_"
        split = "const long long r = i / columns, c = i - r * columns; " if self.two_d else ""
        call = ", ".join(at[o.name] for o in self.inputs)
        if len(self.outputs) == 1:
            work = f"{self.outputs[0]}[{'0' if self.full is None else 'i'}] = {self.formula.name}({call});"
        else:
            temps = ", ".join(f"o{k}_" for k in range(len(self.outputs)))
            work = f"T {temps}; {self.formula.name}({call}, {temps}); " + " ".join(f"{o}[i] = o{k}_;" for k, o in enumerate(self.outputs))
        kernel = (
            f'extern "C" __global__ void {self.formula.name}_{SUFFIX[dtype]}({", ".join(parameters)}, long long n, long long columns) {{\n'
            f"  {' '.join(loads)}\n"
            f"  for (long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x; i < n; i += (long long)gridDim.x * blockDim.x) {{\n"
            f"    {split}{work}\n  }}\n}}\n"
        )
        return typed(kernel, dtype)


def device_functions(dtype: str) -> str:
    """The device functions of every registered formula, callee first, for one floating type."""
    seen: dict[str, Formula] = {}
    for kernel in REGISTRY.values():
        for f in kernel.formula.closure() if hasattr(kernel, "formula") else ():
            seen.setdefault(f.name, f)
    return "\n".join(typed(f.cuda(), dtype) for f in seen.values()) + "\n"


def typed(text: str, dtype: str) -> str:
    """CUDA text with the type parameter T filled in."""
    import re

    return re.sub(r"\bT\b", CTYPES[dtype], text)


def _as(o: Operand, a: Any, shape: tuple[int, int]) -> Any:
    if o.kind == "full":
        return a.reshape(shape)
    if o.kind == "col":
        return a.reshape(shape[0], 1)
    if o.kind == "const":
        return a
    return a.reshape(-1) if o.kind == "row" else a.reshape(1)[:1] if o.written else a.reshape(-1)[0]


def _target(at: dict[str, str], name: str) -> str:
    return f"{name}[0]" if at[name] == f"{name}_" else at[name]
