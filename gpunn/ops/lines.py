"""Formulas one after another as one kernel: each a line ``name = kernel(names)``, of which a kernel takes what its results need."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from gpunn.kernels.activations import linear
from gpunn.kernels.elementwise import composed, lines_formula
from gpunn.kernels.record import Kernel
from gpunn.kernels.row_sums import ROW_SUM, row_sum

FAMILY = "fused"  # a device compiles what a model's steps have of these at once, and nothing else with it


@dataclass(frozen=True)
class Line:
    """``name = kernel(arguments)``: a formula's value, by names."""

    name: str
    kernel: Kernel
    arguments: tuple[str, ...]


def pruned(lines: Sequence[Line], results: Sequence[str]) -> tuple[list[Line], list[str]]:
    """-> (the lines that the results need, the names that these take from elsewhere)."""
    needed, kept = set(results), []
    for line in reversed(lines):
        if line.name in needed:
            kept.append(line)
            needed.update(line.arguments)
    made = {line.name for line in kept}
    return kept[::-1], sorted(needed - made, key=lambda n: (len(n), n))


def kernel_of(lines: Sequence[Line], results: Sequence[str], kinds: dict[str, str]) -> tuple[Kernel, list[str]]:
    """-> (a kernel that makes the results of what it is given, the names of that in its order)."""
    lines, names = pruned(lines, results)
    if len(lines) == 1 and [lines[0].name] == list(results):
        alone = lines[0]
        if [o.kind for o in alone.kernel.operands if o.read] == [kinds[a] for a in alone.arguments]:
            return alone.kernel, list(alone.arguments)
    if not lines:  # a value as it came
        lines, results = [Line("t", linear, (results[0],))], ["t"]
    outputs = [f"o{i}" for i in range(len(results))]
    signature = f"{_typed(names, kinds)} -> {', '.join(outputs)}"
    text, scope = _text(lines), {line.kernel.name: line.kernel for line in lines}
    expression = ", ".join(results)
    return composed(_title(lines, signature, text, expression), signature, ", ".join(names), expression, scope, text, FAMILY), names


def row_sums_of(lines: Sequence[Line], value: str, kinds: dict[str, str]) -> tuple[Kernel, list[str]] | None:
    """A kernel of the rows' sums and the names it takes; None where no array among these has all elements."""
    lines, names = pruned(lines, [value])
    if "full" not in {kinds[name] for name in names}:
        return None
    if not lines:
        return ROW_SUM, names
    text, scope = _text(lines), {line.kernel.name: line.kernel for line in lines}
    name = _title(lines, f"sum of {_typed(names, kinds)}", text, value)
    return row_sum(f"{name}_sum", _typed(names, kinds), lines_formula(name, ", ".join(names), text, value, scope), FAMILY), names


def _typed(names: Sequence[str], kinds: dict[str, str]) -> str:
    return ", ".join(f"{name}:{kinds[name]}" for name in names)


def _text(lines: Sequence[Line]) -> list[str]:
    return [f"{line.name} = {line.kernel.name}({', '.join(line.arguments)})" for line in lines]


def _title(lines: Sequence[Line], signature: str, text: Sequence[str], expression: str) -> str:
    """A name that tells the first formulas, and is this text's alone."""
    mark = hashlib.sha256("\n".join([signature, *text, expression]).encode()).hexdigest()[:10]
    return "_".join([*(line.kernel.name for line in lines[:3]), mark])
