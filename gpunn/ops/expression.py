"""Formulas one after another, element by element, as one kernel forward and one back; perhaps summed over the last axes.

A value has a name: ``x0``, ``x1``, ... are what goes in, ``t0``, ``t1``, ... what the steps make. Going back, gradients are reckoned from
what went in and the result alone: what lies between is computed again, which costs less than to write and read it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gpunn.kernels.columns import add_two, multiply_two
from gpunn.kernels.record import Kernel
from gpunn.kernels.reductions import COLUMN_SUM
from gpunn.kernels.row_sums import ROW_SUM
from gpunn.ops.lines import Line, kernel_of, pruned, row_sums_of
from gpunn.ops.moves import copy
from gpunn.ops.operation import Back
from gpunn.ops.views import Placed, View

Named = dict[str, Placed]


@dataclass(frozen=True)
class Step:
    """A kernel of one result, on named values; ``gradients`` by the names of its operands, as `gpunn.ops.elementwise` has them."""

    kernel: Kernel
    gradients: dict[str, Kernel | None]
    arguments: tuple[str, ...]

    def operands(self) -> dict[str, str]:
        return dict(zip((o.name for o in self.kernel.operands if o.read), self.arguments, strict=True))


class Expression:
    """``steps``, the last of which gives the value; without any it is ``x0``. ``count``: of the values that go in."""

    def __init__(self, steps: Sequence[Step], count: int):
        self.steps, self.names = list(steps), [f"x{i}" for i in range(count)]
        self.value = f"t{len(self.steps) - 1}" if self.steps else "x0"
        self.forward = [Line(f"t{i}", s.kernel, s.arguments) for i, s in enumerate(self.steps)]

    def run(self, ops: Any, operands: Sequence[Any], dtype: Any, total: "Total | None" = None) -> tuple[Any, Back]:
        """-> (the value or, with `total`, its sums; the way back). Operands: arrays and numbers, broadcast to each other."""
        shape = np.broadcast_shapes(*(() if isinstance(v, float) else tuple(v.shape) for v in operands))
        view = View(ops, shape, operands, total.split if total else None)
        given = dict(zip(self.names, map(view.place, operands), strict=True))
        if total is None:
            (y,) = _launched(view, self.forward, [self.value], given, dtype, keep=True)
        else:
            y = total.summed(view, self.forward, self.value, given, dtype)

        def back(dy: Any, needs: Sequence[bool]) -> list[Any]:
            lines, upstream, known = list(self.forward), "dy", dict(given)
            if total is None:
                known |= {"dy": Placed(dy, "full"), "y": Placed(y, "full")}
            else:
                known |= {"dy": view.place(dy.reshape(total.kept(shape))), "share": Placed(total.factor(shape), "const")}
                upstream = "dz"
                lines.append(Line("dz", multiply_two, ("dy", "share")))
            return self._gradients(view, lines, upstream, known, operands, needs, dtype)

        return y, back

    def _gradients(
        self, view: View, lines: list[Line], upstream: str, known: Named, operands: Sequence[Any], needs: Sequence[bool],
        dtype: Any,
    ) -> list[Any]:
        wanted = [name for name, need in zip(self.names, needs, strict=True) if need]
        found = self._backward(lines, upstream, wanted, "y" in known)
        made = {n: d for n, d in found.items() if d != "dy"}
        arrays = dict(zip(made, _launched(view, lines, list(made.values()), known, dtype), strict=True)) if made else {}
        out: list[Any] = []
        passed = False  # dy itself to one operand; to others a copy
        for name, operand, need in zip(self.names, operands, needs, strict=True):
            if not need or name not in found:
                out.append(None)
                continue
            d = arrays.get(name, known["dy"].value)
            narrow = view.back(d, known[name].kind, operand.shape)
            same = name not in arrays and known[name].kind == "full" and narrow.size == d.size
            out.append(copy(view.ops, narrow) if same and passed else narrow)
            passed = passed or same
        return out

    def _backward(self, lines: list[Line], upstream: str, wanted: Sequence[str], kept: bool) -> dict[str, str]:
        """Append the lines of gradients. -> for each wanted value that has one, its name. `kept`: the value is at hand, as ``y``."""
        reached = set(wanted)
        for i, step in enumerate(self.steps):
            if any(a in reached for n, a in step.operands().items() if n in step.gradients):
                reached.add(f"t{i}")
        have: dict[str, str] = {self.value: upstream} if self.value in reached else {}
        for i, step in reversed(list(enumerate(self.steps))):
            own = f"t{i}"
            if own not in have:
                continue
            operands = step.operands()
            kernel_out = step.kernel.outputs[0].name
            values = operands | {"dy": have[own], kernel_out: "y" if kept and own == self.value else own}
            for name, source in operands.items():
                if source not in reached or name not in step.gradients:
                    continue
                gradient, d = step.gradients[name], have[own]
                if gradient is not None:
                    d = _append(lines, "g", gradient, tuple(values[o.name] for o in gradient.operands if o.read))
                have[source] = _append(lines, "g", add_two, (have[source], d)) if source in have else d
        return {name: have[name] for name in wanted if name in have}


def _append(lines: list[Line], letter: str, kernel: Kernel, arguments: tuple[str, ...]) -> str:
    lines.append(Line(f"{letter}{len(lines)}", kernel, arguments))
    return lines[-1].name


def scaled(ops: Any, x: Any, factor: Any) -> Any:
    """factor * x, as a new array; the factor is a number, or one on the device."""
    number = factor if isinstance(factor, float) else factor.reshape(())
    return Expression([Step(multiply_two, {}, ("x0", "x1"))], 2).run(ops, [x, number], x.dtype)[0]


class Total:
    """Sums over the last axes, or over all: ``axes``, from 0; with `mean` divided by how many terms there are."""

    def __init__(self, axes: Sequence[int], mean: bool):
        self.axes, self.mean = tuple(axes), mean

    @staticmethod
    def takes(axes: Sequence[int], ndim: int) -> bool:
        """Whether these are axes that it can be of."""
        return ndim > 1 and len(axes) > 0 and (len(axes) == ndim or (axes[0] > 0 and tuple(axes) == tuple(range(axes[0], ndim))))

    @property
    def split(self) -> int:
        return max(self.axes[0], 1)

    def kept(self, shape: Sequence[int]) -> tuple[int, ...]:
        return tuple(1 if i in self.axes else n for i, n in enumerate(shape))

    def factor(self, shape: Sequence[int]) -> float:
        return 1.0 / max(math.prod(shape[a] for a in self.axes), 1) if self.mean else 1.0

    def summed(self, view: View, lines: Sequence[Line], value: str, given: Named, dtype: Any) -> Any:
        """The sums, of kept axes."""
        factor, totals = self.factor(view.shape), view.ops.empty((view.rows,), dtype)
        lines, _ = _settled(view, lines, [value], given, dtype)
        kernel, arguments = row_sums_of(lines, value, _kinds(given)) or (None, ())
        if kernel is None:
            (terms,) = _launched(view, lines, [value], given, dtype)
            view.ops.launch(ROW_SUM, terms, factor, totals)
        else:
            view.ops.launch(kernel, *(view.matrix(given[a]) for a in arguments), factor, totals)
        if self.axes[0] == 0:
            rows, totals = totals, view.ops.empty((1,), dtype)
            view.ops.launch(COLUMN_SUM, rows.reshape(-1, 1), 0.0, totals)
        return totals.reshape(self.kept(view.shape))


def _launched(view: View, lines: Sequence[Line], results: Sequence[str], given: Named, dtype: Any, keep: bool = False) -> list[Any]:
    """The values of these names, each an array of the view's shape. `keep`: of what is costly, the values become part of `given`."""
    lines, last = _settled(view, lines, results, given, dtype)
    more = [last] if keep and last is not None and last not in results else []
    wanted = [*(r for r in results if r not in given), *more]
    kernel, arguments = kernel_of(lines, wanted, _kinds(given))
    out = [view.empty(dtype) for _ in wanted]
    alike = all(given[a].kind in ("full", "const") for a in arguments)  # then the rows are a batch's, as other kernels have them
    matrices = [view.matrix(given[a]) for a in arguments] + out
    view.ops.launch(kernel, *(a.reshape(view.shape or (1,)) if alike and not isinstance(a, float) else a for a in matrices))
    made = iter(array.reshape(view.shape) for array in out)
    arrays = [given[r].value if r in given else next(made) for r in results]
    given |= {name: Placed(next(made), "full") for name in more}
    return arrays


def _settled(view: View, lines: Sequence[Line], results: Sequence[str], given: Named, dtype: Any) -> tuple[list[Line], str | None]:
    """Where launches on the same rows run one after another in the cache, two exponentials or the like in one loop are slower than each in
    its own: all but the last are made here, as part of `given`. -> the lines that are left, the name of the last costly one."""
    lines = [line for line in lines if line.name not in given]
    costly = [line.name for line in pruned(lines, results)[0] if line.kernel.formula.costly] if view.ops.chains else []
    for name in costly[:-1]:
        given |= {name: Placed(_launched(view, lines, [name], given, dtype)[0], "full")}
        lines = [line for line in lines if line.name != name]
    return lines, costly[-1] if costly else None


def _kinds(given: Named) -> dict[str, str]:
    return {name: placed.kind for name, placed in given.items()}
