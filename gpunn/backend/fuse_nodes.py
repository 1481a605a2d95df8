"""A recorded step with fewer launches: runs of nodes replaced by the fused kernels of `gpunn.kernels.step`.

A rule finds nodes by kernel and by the memory they share, and replaces them by one node where the last of them may stand. A node moves only
past nodes that it does not conflict with (`hazards`), and an array that would no longer be written must be nobody else's: so a program
computes what it computed before, whatever was recorded.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from gpunn.backend.hazards import Touch, conflict, same, touches
from gpunn.backend.schedule import Node
from gpunn.kernels import categorical, data, optimizers, softmax
from gpunn.kernels import step as fused
from gpunn.kernels.record import REGISTRY
from gpunn.kernels.reductions import COLUMN_SUM

Replacement = tuple[Sequence[int], int, Node]  # nodes that go, the place of the new one, the new one


class Program:
    """Nodes with what they touch, as the rules look at them."""

    def __init__(self, nodes: Sequence[Node], ops: Any):
        self.nodes, self.ops = list(nodes), ops
        self.batch: Any = None  # where these launches stand for those of several replicas: the stack they lie in
        self.touched: list[tuple[Touch, ...]] = [touches(n, ops.address) for n in nodes]

    def find(self, *kernels: Any) -> Iterator[tuple[int, Node]]:
        for i, node in enumerate(self.nodes):
            if node.kernel in kernels:
                yield i, node

    def same(self, a: Any, b: Any) -> bool:
        return same(a, b, self.ops.address)

    def may_move(self, node: int, place: int, without: Sequence[int] = ()) -> bool:
        """Whether a node may run at another place: nothing in between conflicts with it, but those that go with it."""
        lo, hi = sorted((node, place))
        return not any(conflict(self.touched[node], self.touched[k]) for k in range(lo, hi + 1) if k != node and k not in without)

    def private(self, array: Any, users: Sequence[int]) -> bool:
        """Whether nobody but these nodes touches an array."""
        start = self.ops.address(array)
        mine = (Touch(start, start + array.nbytes, True),)
        return not any(conflict(mine, t) for k, t in enumerate(self.touched) if k not in users)

    def replace(self, gone: Sequence[int], place: int, node: Node) -> None:
        """Put a node in place of others; `place` counts before anything went."""
        at = place - sum(g < place for g in gone)
        for g in sorted(gone, reverse=True):
            del self.nodes[g], self.touched[g]
        self.nodes.insert(at, node)
        self.touched.insert(at, touches(node, self.ops.address))


def fuse(nodes: Sequence[Node], ops: Any, rules: "Sequence[Rule] | None" = None) -> Program:
    """A device's program: every rule (of `RULES`, or of these), as often as it finds something."""
    program = Program(nodes, ops)
    for rule in RULES if rules is None else rules:
        while (found := rule(program)) is not None:
            program.replace(*found)
    return program


def node_of(kernel: Any, *arguments: Any) -> Node:
    return Node(kernel, list(arguments), kernel.extent(*arguments))


# ---------------------------------------------------------------------- rules: each finds one replacement, or None


def gather_with_labels(program: Program) -> Replacement | None:
    for i, gather in program.find(*data.GATHER.values()):
        rows, order, position, scale, out = gather.arguments
        for j, pick in program.find(data.PICK_LABELS):
            labels, order_2, position_2, label = pick.arguments
            together = program.same(order, order_2) and program.same(position, position_2) and gather.extent == pick.extent
            if together and program.may_move(j, i):
                kernel = fused.GATHER_BATCH[gather.kernel.name]
                return (i, j), min(i, j), node_of(kernel, rows, labels, order, position, scale, out, label)
    return None


def loss_with_hits(program: Program) -> Replacement | None:
    """Bias, softmax with cross-entropy and accuracy, where nobody else reads the probabilities."""
    for j, loss in program.find(softmax.SOFTMAX_CE_SPARSE):
        z, label, weight, scale, p, values, dz = loss.arguments
        for i, bias in program.find(REGISTRY["bias_linear"]):
            raw, b, biased = bias.arguments
            for k, hits in program.find(categorical.HIT_SPARSE):
                p_2, label_2, hit = hits.arguments
                users = (i, j, k)
                linked = program.same(biased, z) and program.same(p, p_2) and program.same(label, label_2)
                writer = (*users, _writer_before(program, raw, i)) if program.same(raw, biased) else users
                if not (linked and i < j < k) or not program.private(p, users) or not program.private(biased, writer):
                    continue
                if program.may_move(i, j, users) and program.may_move(k, j, users):
                    return users, j, node_of(fused.SOFTMAX_CE_SPARSE_HIT, raw, b, label, weight, scale, values, dz, hit)
    return None


def _writer_before(program: Program, array: Any, node: int) -> int:
    """The last node before `node` that touches an array: where a bias is added in place, the product that made it."""
    start = program.ops.address(array)
    mine = (Touch(start, start + array.nbytes, True),)
    return next((k for k in range(node - 1, -1, -1) if conflict(mine, program.touched[k])), -1)


def activation_with_bias_gradient(program: Program) -> Replacement | None:
    for i, gradient in enumerate(program.nodes):
        if not fused.sums(gradient.kernel):
            continue
        dy, *others, dx = gradient.arguments
        if not program.same(dy, dx) or program.same(others[0], dx) or dx.ndim != 2:
            continue
        for j, total in program.find(COLUMN_SUM):
            x, add, out = total.arguments
            if j > i and program.same(x, dx) and x.shape == dx.shape and program.may_move(j, i, (i,)):
                return (i, j), i, node_of(fused.gradient_sum(gradient.kernel), dx, *others, add, out)
    return None


def finish_step(program: Program) -> Replacement | None:
    """The first two sums of an epoch, Adam's rate and all counters in one, before the update of the parameters."""
    advances = [i for i, _ in program.find(data.ADVANCE)]
    sums = [i for i, _ in program.find(data.ACCUMULATE)][:2]
    if len(sums) < 2 or not 1 <= len(advances) <= 2:
        return None
    own, last = advances[0] if len(advances) == 2 else None, advances[-1]  # the optimizer's counter, and the step's
    position, counter, by, steps = program.nodes[last].arguments
    (values, weights, step, total), (more, more_weights, step_2, more_total) = (program.nodes[i].arguments for i in sums)
    if not (program.same(step, counter) and program.same(step_2, counter)) or values.shape != more.shape or values.dtype != more.dtype:
        return None
    gone, place = [*sums, last], last
    count, counts, rate = program.ops.zeros((1,), "int64"), 0, None
    if own is not None:
        _, count, moved, counts = program.nodes[own].arguments
        rate = next((i for i, n in program.find(optimizers.adam_rate) if program.same(n.arguments[1], count)), None)
        if moved or program.same(count, counter):
            return None
        gone.append(own)
        if rate is not None:
            gone.append(rate)
            place = rate
            if rate > own:
                return None
    if max(gone) != last or max(sums) > min(advances) or not all(program.may_move(i, place, gone) for i in gone):
        return None
    arguments = [values, weights, more, more_weights, total, more_total, position, counter, count, by, steps, counts]
    if rate is None:
        return gone, place, node_of(fused.FINISH, *arguments)
    base, _, beta_1, beta_2, alpha = program.nodes[rate].arguments
    return gone, place, node_of(fused.FINISH_ADAM, *arguments, base, beta_1, beta_2, alpha)


Rule = Callable[[Program], Replacement | None]
RULES: tuple[Rule, ...] = (
    gather_with_labels, loss_with_hits, activation_with_bias_gradient, finish_step,
)
