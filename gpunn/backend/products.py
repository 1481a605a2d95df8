"""Matrix products of a program as cuBLASLt plans, taking in what stands beside them: bias, relu, relu's gradient, bias gradients.

Each rule is tried as a plan; where the library has no algorithm the launches stay as they were. What no plan takes goes to cuBLAS.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gpunn.backend.cublas import BlasError
from gpunn.backend.cublaslt import Plan, mask_shape
from gpunn.backend.fuse_nodes import Program
from gpunn.backend.hazards import Touch, conflict
from gpunn.backend.schedule import Node
from gpunn.kernels import gemm
from gpunn.kernels.record import REGISTRY, Kernel, matrix, parse
from gpunn.kernels.reductions import COLUMN_SUM

TRANSPOSES = {gemm.GEMM_NN.name: (False, False), gemm.GEMM_NT.name: (False, True), gemm.GEMM_TN.name: (True, False)}
_SIGNATURES = {
    "none": "a:whole, b:whole -> out:whole", "add": "a:whole, b:whole, out:whole -> out:whole",
    "bias": "a:whole, b:whole, bias:row -> out:whole", "relu_bias": "a:whole, b:whole, bias:row -> out:whole",
    "relu_aux_bias": "a:whole, b:whole, bias:row -> out:whole, mask:whole:u1",
    "drelu_bgrad": "a:whole, b:whole, mask:whole:u1 -> out:whole, bias:row", "bgrad": "a:whole, b:whole -> out:whole, bias:row",
}


@dataclass
class Planned(Node):
    """A launch that is a plan."""

    plan: Plan | None = None


def _not_here(*arguments: Any) -> None:
    raise RuntimeError("A planned product runs on a device only.")


def planned(program: Program, node: Node, epilogue: str = "none", bias: Any = None, mask: Any = None, out: Any = None) -> Planned | None:
    """A product (perhaps with another output array) as a plan, or None where there is no algorithm."""
    a, b, add, target = node.arguments
    out = matrix(target if out is None else out)
    ta, tb = TRANSPOSES[node.kernel.name]
    try:
        plan = Plan(program.ops.light, matrix(a), matrix(b), out, ta, tb, epilogue, bias, mask, bool(add), program.batch)
    except BlasError:
        return None
    program.ops.tune(plan)
    kind = "add" if add else epilogue
    name = node.kernel.name if epilogue == "none" else f"{node.kernel.name}+{epilogue}"
    extra = {"relu_aux_bias": [bias, out, mask], "drelu_bgrad": [mask, out, bias], "bgrad": [out, bias]}
    extra |= {"bias": [bias, out], "relu_bias": [bias, out]}
    kernel = Kernel(name=name, operands=parse(_SIGNATURES[kind]), extent=node.kernel.extent, reference=_not_here, geometry="library")
    return Planned(kernel, [a, b, *extra.get(epilogue, [out])], node.extent, plan=plan)


def plan(program: Program) -> None:
    """Replace the products of a program by plans."""
    for rule in (relu_layers, biased, bias_gradients, plain):
        tried: set[int] = set()
        while (found := _first(program, rule, tried)) is not None:
            gone, place, node = found
            program.replace(gone, place, node)


def _first(program: Program, rule: Callable[[Program, int], Any], tried: set[int]) -> Any:
    for i, node in enumerate(program.nodes):
        if node.kernel.name in TRANSPOSES and not isinstance(node, Planned) and id(node) not in tried:
            tried.add(id(node))
            if (found := rule(program, i)) is not None:
                return found
    return None


def _biased_by(program: Program, i: int, name: str) -> int | None:
    """The node that adds a bias to the product `i`, and nothing in the way."""
    _, _, add, z = program.nodes[i].arguments
    for j, node in program.find(REGISTRY[name]):
        if j > i and not add and program.same(node.arguments[0], z) and program.may_move(i, j, (j,)):
            if program.same(z, node.arguments[2]) or program.private(z, (i, j)):
                return j
    return None


def relu_layers(program: Program, i: int) -> Any:
    """Product, bias and relu in one; backward the product before relu's gradient with that gradient and its sum."""
    if program.nodes[i].kernel is not gemm.GEMM_NN or (j := _biased_by(program, i, "bias_relu")) is None:
        return None
    forward, (_, bias, y) = program.nodes[i], program.nodes[j].arguments
    pair = _gradient_of(program, y, j)
    if pair is not None:
        g, k = pair
        mask = program.ops.zeros(mask_shape(*matrix(y).shape), "uint8")
        front = planned(program, forward, "relu_aux_bias", bias, mask, y)
        back = front and planned(program, program.nodes[g], "drelu_bgrad", program.nodes[k].arguments[3], mask)
        if front and back:
            program.replace((g, k), k, back)
            return (i, j), j, front
    only = planned(program, forward, "relu_bias", bias, None, y)
    return only and ((i, j), j, only)


def _gradient_of(program: Program, y: Any, after: int) -> tuple[int, int] | None:
    """(the product that makes y's gradient, relu's gradient with its sum), where they stand side by side and y is what it was."""
    start = program.ops.address(y)
    reads = (Touch(start, start + y.nbytes, False),)
    for k, node in program.find(REGISTRY["relu_bwd_sum"]):
        d, y_2, add, _ = node.arguments
        if k <= after or add or not program.same(y, y_2) or any(conflict(reads, program.touched[n]) for n in range(after + 1, k)):
            continue
        for g, product in program.find(gemm.GEMM_NT):
            if after < g < k and not product.arguments[2] and program.same(product.arguments[3], d) and program.may_move(g, k, (k,)):
                return g, k
    return None


def biased(program: Program, i: int) -> Any:
    if program.nodes[i].kernel is not gemm.GEMM_NN or (j := _biased_by(program, i, "bias_linear")) is None:
        return None
    _, bias, y = program.nodes[j].arguments
    node = planned(program, program.nodes[i], "bias", bias, None, y)
    return node and ((i, j), j, node)


def bias_gradients(program: Program, i: int) -> Any:
    """x^T @ dz, and the sum of dz over its rows."""
    if program.nodes[i].kernel is not gemm.GEMM_TN or program.nodes[i].arguments[2]:
        return None
    dz = program.nodes[i].arguments[1]
    for j, node in program.find(COLUMN_SUM):
        x, add, out = node.arguments
        if not add and program.same(x, dz) and program.may_move(j, i, (i,)):
            product = planned(program, program.nodes[i], "bgrad", out)
            return product and ((i, j), i, product)
    return None


def plain(program: Program, i: int) -> Any:
    node = planned(program, program.nodes[i])
    return node and ((i,), i, node)
