"""Rules of operations element by element: the formulas of their gradients, on tensors."""

from gpunn.ops.elementwise import CAST, Elementwise
from gpunn.ops.rules.base import Asked, Found, folded, linear, rule, zeros_of
from gpunn.ops.rules.formulas import on_tensors


@rule(Elementwise)
def elementwise(asked: Asked) -> Found:
    definition = asked.call.definition
    kernel = definition.kernel
    names = [o.name for o in kernel.operands if o.read]
    values = dict(zip(names, asked.operands, strict=True)) | {"dy": asked.dy, kernel.outputs[0].name: asked.y}
    out: Found = []
    for name, operand, need in zip(names, asked.operands, asked.needs, strict=True):
        if not need or name not in definition.gradients:
            out.append(None)
            continue
        gradient = definition.gradients[name]
        d = asked.dy if gradient is None else on_tensors(gradient.formula)(*(values[o.name] for o in gradient.operands if o.read))
        out.append(zeros_of(operand) if isinstance(d, float) else folded(d, operand))
    return out


rule(CAST)(linear)
