"""What is done to each value that a kernel makes, before it is stored: an elementwise kernel, within products and column sums.

A text that takes an ending has the words PARAMETERS (behind its own), LOADS, HELD, FETCH and RESULT. EACH values of a thread are ended
together, TOGETHER at most; the `i`-th of them is called z in RESULT. What the ending reads beside them is fetched for all, and only then is
anything stored: else each fetch would wait for the store before it.
"""

from dataclasses import dataclass
from typing import Any

from gpunn.kernels.cuda_text import CTYPES
from gpunn.kernels.record import Kernel, Operand, parse

_AT = {"full": "at", "row": "c", "col": "r"}


@dataclass(frozen=True)
class Ending:
    """The elementwise kernel `then`, whose operand number `place` is what was made. Operands: those of `then` but that one; where it is an
    update (of weights, say), two more: ``last``, whether what was made is stored too, and where."""

    then: Kernel
    place: int

    @property
    def name(self) -> str:
        first = next(k for k in range(len(self.then.operands)) if can_end(self.then, k))
        return self.then.name + (f"_{self.place}" if self.place != first else "")

    @property
    def update(self) -> bool:
        """Whether it changes what is there. What it changes that by may be looked at after a run, as after a step of any other form."""
        return any(o.read and o.written for o in self.then.operands)

    @property
    def others(self) -> list[Operand]:
        return [o for k, o in enumerate(self.then.operands) if k != self.place]

    def operands(self, full: str = "full") -> tuple[Operand, ...]:
        """`full`: what an operand of this kind is to the kernel that is ended."""
        own = (Operand(f"of_{o.name}", full if o.kind == "full" else o.kind, o.dtype, o.read, o.written) for o in self.others)
        return (*own, *(parse(f"last:const -> made:{full}") if self.update else ()))

    def reference(self, made: Any, *arguments: Any) -> None:
        """`made` ended, with what stands for `operands`."""
        own, rest = arguments[: len(self.others)], arguments[len(self.others) :]
        made = made.reshape(next(a for o, a in zip(self.others, own, strict=True) if o.kind == "full").shape)
        if self.update and rest[0]:
            rest[1][...] = made
        self.then.reference(*own[: self.place], made, *own[self.place :])

    def words(self) -> dict[str, str]:
        """What is put into the text."""
        parameters, loads, held, fetch = [], [], [], []
        values = {}
        for k, o in enumerate(self.then.operands):
            name = f"of_{o.name}"
            if k == self.place:
                values[o.name] = "z"
                continue
            parameters.append(_parameter(o, name))
            if o.kind in _AT and o.read:
                held.append(f"T {name}_[EACH];")
                fetch.append(f"{name}_[i] = {name}[{_AT[o.kind]}];")
            elif o.kind == "scalar":
                loads.append(f"const T {name}_ = (T){name}[0];")
            values[o.name] = name if o.kind == "const" else f"{name}_" if o.kind == "scalar" else f"{name}_[i]"
        call = ", ".join(values[o.name] for o in self.then.operands if o.read)
        outputs = [f"of_{o.name}" for o in self.then.outputs]
        if len(outputs) == 1:
            result = [f"{outputs[0]}[at] = {self.then.formula.name}({call});"]
        else:
            results = ", ".join(f"o{k}_" for k in range(len(outputs)))
            result = [f"T {results};", f"{self.then.formula.name}({call}, {results});"]
            result += [f"{out}[at] = o{k}_;" for k, out in enumerate(outputs)]
        if self.update:
            parameters += ["T last", "T* __restrict__ made"]
            result.insert(0, "if (last != T(0)) made[at] = z;")
        return {
            "PARAMETERS": "".join(f"{p}, " for p in parameters), "LOADS": " ".join(loads), "HELD": " ".join(held), "FETCH": " ".join(fetch),
            "RESULT": " ".join(result), "TOGETHER": "4" if len(held) < 2 else "2" if len(held) < 4 else "1",  # as registers allow
        }  # fmt: skip


NO_WORDS = {"LOADS": "", "HELD": "", "FETCH": "", "TOGETHER": "4"}  # of a text without one


def can_end(then: Kernel, place: int) -> bool:
    """Whether there is such an ending: of an elementwise kernel of numbers of one type that reads the operand."""
    plain = then.formula is not None and then.geometry == "elements" and all(o.kind == "full" for o in then.outputs)
    typed = all(o.dtype == "T" or o.kind == "const" for o in then.operands)
    made = then.operands[place]
    return plain and typed and made.kind == "full" and made.read and not made.written


def _parameter(o: Operand, name: str) -> str:
    if o.kind == "const":
        return f"{'T' if o.dtype == 'T' else CTYPES[o.dtype]} {name}"
    return f"{'' if o.written else 'const '}{'double' if o.kind == 'scalar' else 'T'}* __restrict__ {name}"
