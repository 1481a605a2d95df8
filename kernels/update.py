"""Options that every optimizer has, written around an update formula: still one pass over the model.

`with_options` takes an elementwise kernel in which `g` is the gradient and (mostly) `p` the parameter, and makes the kernel that also does
what is asked for, in Keras's order: unscale the gradient, add it to an accumulated one, clip it, shrink the parameter, update, average the
parameter. What a step does by its number (update or only accumulate; put the average in place) comes from scalars on the device, and is
chosen without branches. The operands that this adds are called ``o_...`` and stand in `OPERANDS`.
"""

from dataclasses import dataclass

from gpunn.kernels.elementwise import from_formula, text_formula
from gpunn.kernels.record import REGISTRY, Kernel, Operand

OPERANDS = {
    "o_unscale": "a number the gradient is multiplied by",
    "o_sum": "the accumulated gradient",
    "o_share": "one over the number of gradients accumulated",
    "o_gate": "1 where this step updates, 0 where it only accumulates",
    "o_limit": "the largest size of a gradient's element",
    "o_shrink": "a factor of the gradient, of the model or of each 16 elements",
    "o_decay": "weight decay, of the model or of each 16 elements",
    "o_average": "the averaged parameter",
    "o_mix": "the average's share of itself",
    "o_put": "1 where the parameter becomes its average",
}


@dataclass(frozen=True)
class Options:
    """What is written around a formula.

    Attributes: ``unscale``; ``accumulate``: "" or "add" (this step's gradient is added here) or "added" (it has been); ``clip``: "" or
    "value" (each element), "model" (a factor of the whole gradient) or "rows" (a factor of each row); ``decay``: "" or "model" or "rows";
    ``gate``; ``average``. Accumulating implies the gate.
    """

    unscale: bool = False
    accumulate: str = ""
    clip: str = ""
    decay: str = ""
    gate: bool = False
    average: bool = False

    @property
    def suffix(self) -> str:
        words = [
            self.unscale and "unscale", self.accumulate, self.clip and f"clip_{self.clip}", self.decay and f"decay_{self.decay}",
            self.gate and not self.accumulate and "gate", self.average and "average",
        ]
        return "".join(f"_{w}" for w in words if w)


def with_options(base: Kernel, options: Options) -> Kernel:
    """The kernel of `base` with these options; made once a combination."""
    name = base.name + options.suffix
    if name in REGISTRY:
        return REGISTRY[name]
    operands = {o.name: o for o in base.operands}
    before = _before(options, operands)
    gate = options.gate or bool(options.accumulate)
    held = [o.name for o in operands.values() if o.written and o.read and o.name != "o_sum"] if gate else []
    assigns, returns = base.formula.body()
    results = dict(zip([o.name for o in base.operands if o.written], returns, strict=True))
    lines = [f"o_old_{n} = {n}" for n in held] + before + assigns
    if "p" in operands and "p" not in results:  # shrunk by weight decay alone
        results["p"] = "p"
    lines += [f"o_new_{n} = {text}" for n, text in results.items()]
    if gate:
        operands["o_gate"] = Operand("o_gate", "scalar")
        lines += [f"o_new_{n} = o_new_{n} if o_gate > 0.0 else o_old_{n}" for n in held]
    if options.accumulate:
        lines.append("o_new_o_sum = 0.0 if o_gate > 0.0 else o_total")
        results["o_sum"] = ""
    if options.average:
        operands |= {n: Operand(n, "scalar") for n in ("o_mix", "o_put")} | {"o_average": Operand("o_average", written=True)}
        lines += ["o_new_o_average = o_mix * o_average + (1.0 - o_mix) * o_new_p", "o_new_p = o_new_o_average if o_put > 0.0 else o_new_p"]
        results["o_average"] = ""
    inputs = [o for o in operands.values() if o.read]
    body = [*lines, f"return {', '.join(f'o_new_{n}' for n in results)}"]
    source = f"def {name}({', '.join(o.name for o in inputs)}):\n" + "".join(f"    {line}\n" for line in body)
    signature = f"{', '.join(map(_written_down, inputs))} -> {', '.join(_written_down(operands[n]) for n in results)}"
    return from_formula(text_formula(name, source, base.formula.scope), signature, base.family)


def _before(options: Options, operands: dict[str, Operand]) -> list[str]:
    """What is done to the gradient and the parameter first; adds its operands."""

    def operand(name: str, kind: str, written: bool = False) -> None:
        operands[name] = Operand(name, kind, written=written)

    lines = []
    if options.unscale and options.accumulate != "added":
        operand("o_unscale", "const")
        lines.append("g = g * o_unscale")
    if options.accumulate:
        operand("o_sum", "full", written=True)
        operand("o_share", "const")
        lines += [f"o_total = o_sum{' + g' if options.accumulate == 'add' else ''}", "g = o_total * o_share"]
        if options.accumulate == "added":
            del operands["g"]
    if options.clip == "value":
        operand("o_limit", "const")
        lines.append("g = minimum(maximum(g, -o_limit), o_limit)")
    elif options.clip:
        operand("o_shrink", "scalar" if options.clip == "model" else "col")
        lines.append("g = g * o_shrink")
    if options.decay:
        operand("o_decay", "const" if options.decay == "model" else "col")
        operands.setdefault("rate", Operand("rate", "scalar"))
        operands["p"] = Operand("p", written=True)
        lines.append("p = p - p * o_decay * rate")
    return lines


def _written_down(o: Operand) -> str:
    return f"{o.name}:{o.kind}" + ("" if o.dtype == "T" else f":{o.dtype}")
