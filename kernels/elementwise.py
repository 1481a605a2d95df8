"""Elementwise kernels: one formula, every target."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gpunn.kernels.elementwise_cuda import cuda_text
from gpunn.kernels.formula import Formula
from gpunn.kernels.record import REGISTRY, Kernel, Operand, columns_of, parse, register, rows_of


def elementwise(signature: str, name: str | None = None, family: str | None = None) -> Callable[[Callable], Kernel]:
    """Make a kernel of a scalar function: ``@elementwise("dy, y -> dx")``.

    The signature names the operands in the order of the function's arguments, then the outputs. A kind may follow a name: ``b:row`` one
    value a column, ``w:col`` one value a row, ``lr:scalar`` a float64 that lives on the device, ``eps:const`` a number passed by value.
    `name` is the kernel's if not the function's; kernels of a `family` are compiled together on a device (what is not gpunn's own is one,
    so that gpunn's come from the cache). The same formula again (a cell of a notebook run twice) gives the kernel that is there.
    Raises `FormulaError` when the function is not in the formula language, ValueError when signature and function disagree, or the name is
    another kernel's.
    """
    if not isinstance(signature, str):
        what = f"the function {signature.__name__!r}" if callable(signature) else repr(signature)
        raise TypeError(f'elementwise: expected a signature of the operands, as in @gpunn.elementwise("x -> y"). Received: {what}.')

    def wrap(function: Callable) -> Kernel:
        ours = function.__module__.startswith("gpunn.")
        return from_formula(Formula(function, name), signature, ("" if ours else "own") if family is None else family)

    return wrap


def from_formula(formula: Formula, signature: str, family: str = "") -> Kernel:
    operands = parse(signature)
    inputs = [o for o in operands if o.read]
    outputs = [p.strip().split(":")[0] for p in signature.partition("->")[2].split(",")]
    if len(inputs) != len(formula.parameters) or len(outputs) != formula.outputs:
        raise ValueError(
            f"{formula.name}: the signature {signature!r} and the function disagree. Expected {len(inputs)} arguments and "
            f"{len(outputs)} results. Received: {len(formula.parameters)} and {formula.outputs}."
        )
    text = _Texts(formula, operands, outputs)
    kernel = Kernel(
        name=formula.name, operands=operands, extent=text.extent, reference=text.reference(), native_text=text.numba(), cuda=text.cuda,
        cost=lambda *a: 0.3 * text.columns(a), formula=formula, formulas=tuple(formula.closure()), family=family,
        flat=text.full is not None and not text.two_d,
    )
    there = REGISTRY.get(kernel.name)
    if there is None:
        return register(kernel)
    if there.operands != operands or [f.cuda() for f in there.formulas] != [f.cuda() for f in kernel.formulas]:
        raise ValueError(f"A kernel named {kernel.name!r} is there already, with another formula. Give this one another name (`name=`).")
    return there


def composed(
    name: str, signature: str, arguments: str, expression: str, scope: dict[str, Any], before: Sequence[str] = (), family: str | None = None
) -> Kernel:
    """A kernel whose formula is an expression over other formulas, made once a name; `before`: assignments that it follows. Without a
    `family` it is of the first formula's.

    ``composed("bias_relu", "z, b:row -> y", "z, b", "relu(z + b)", {"relu": relu})``
    """
    if name in REGISTRY:
        return REGISTRY[name]
    if family is None:
        family = next((k.family for k in scope.values() if getattr(k, "family", "")), "")
    return from_formula(lines_formula(name, arguments, before, expression, scope), signature, family)


def lines_formula(name: str, arguments: str, before: Sequence[str], expression: str, scope: dict[str, Any]) -> Formula:
    """The formula of an expression after assignments."""
    return text_formula(name, "\n    ".join([f"def {name}({arguments}):", *before, f"return {expression}"]) + "\n", scope)


def chained(name: str, outer: Kernel, operand: str, inner: Kernel) -> Kernel:
    """`outer` with its `operand` made by `inner`, an elementwise kernel with one output: one pass, made once a name.

    Operands are outer's, with inner's inputs in the place of `operand`.
    """
    taken = {o.name for o in outer.operands}
    signature, arguments, parts, renamed = [], [], [], []
    for o in inner.operands:
        if o.read:
            own = o.name
            while own in taken:
                own += "0"
            renamed.append((own, o))
    for o in (o for o in outer.operands if o.read):
        for own, p in renamed if o.name == operand else [(o.name, o)]:
            signature.append(f"{own}:{p.kind}:{p.dtype}")
            arguments.append(own)
        parts.append(f"{inner.name}({', '.join(own for own, _ in renamed)})" if o.name == operand else o.name)
    outputs = ", ".join(f"{o.name}:{o.kind}:{o.dtype}" for o in outer.outputs)
    expression = f"{outer.name}({', '.join(parts)})"
    return composed(
        name, f"{', '.join(signature)} -> {outputs}", ", ".join(arguments), expression, {outer.name: outer, inner.name: inner}
    )


def text_formula(name: str, source: str, scope: dict[str, Any]) -> Formula:
    """The formula of a function given as text; `scope` holds the formulas and numbers it uses."""
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
        function = self.formula.numpy

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
        names = [o.name for o in self.operands]
        lines = numba_head(self.formula, names)
        lines += [f"    {_value(o)} = T({o.name}[0])" for o in self.inputs if o.kind in ("scalar", "const")]
        at = {}
        for o in self.operands:
            element = f"{o.name}[i_, j_]" if self.two_d else f"{o.name}[i_]"
            at[o.name] = {"full": element, "row": f"{o.name}[j_]"}.get(o.kind, _value(o))
        if self.full is None:
            lines.append("    for i_ in range(lo_, hi_):")
            pad = " " * 8
        elif self.two_d:
            lines.append("    for i_ in range(lo_, hi_):")
            lines += [f"        {_value(o)} = T({o.name}[i_])" for o in self.operands if o.kind == "col"]
            lines.append(f"        for j_ in range({names[self.full]}.shape[1]):")
            pad = " " * 12
        else:
            # slices, so that indices count from 0: Numba would otherwise look for negative ones, and the loop would not be vectors
            lines += [f"    {o.name} = {o.name}[lo_:hi_]" for o in self.operands if o.kind == "full"]
            lines.append(f"    for i_ in range({names[self.full]}.size):")
            pad = " " * 8
        call = f"{self.formula.name}({', '.join(at[o.name] for o in self.inputs)})"
        targets = [f"{o}[0]" if self.full is None else at[o] for o in self.outputs]
        if len(targets) == 1:
            lines.append(f"{pad}{targets[0]} = {call}")
        else:
            lines.append(f"{pad}result_ = {call}")
            lines += [f"{pad}{target} = result_[{k}]" for k, target in enumerate(targets)]
        return "\n".join(lines)

    def cuda(self, dtype: str) -> str:
        return cuda_text(self.formula, self.operands, self.outputs, dtype)


def numba_head(formula: Formula, names: Sequence[str]) -> list[str]:
    """The lines before a body that calls the formula: its functions, the body's own first line, and whether its vectors are the widest:
    twice the arithmetic a second, which would cost where memory is the limit."""
    functions = [f.python("numba").replace("def ", "@inlined\ndef ", 1) for f in formula.closure()]
    wide = any("vector_math." in text for text in functions)
    return [*functions, f"def body({', '.join(names)}, lo_, hi_, scratch_):", *(["    widest()"] if wide else [])]


def _as(o: Operand, a: Any, shape: tuple[int, int]) -> Any:
    if o.kind == "full":
        return a.reshape(shape)
    if o.kind == "col":
        return a.reshape(shape[0], 1)
    if o.kind == "const":
        return a
    return a.reshape(-1) if o.kind == "row" else a.reshape(1)[:1] if o.written else a.reshape(-1)[0]


def _value(o: Operand) -> str:
    """The variable that holds a scalar's, a constant's or (of this row) a column's value; no operand's name ends in an underscore."""
    return f"{o.name}_value_"
