"""Fused programs compute what they computed before, and a rule keeps off where somebody else needs what it would drop."""

import numpy as np
import pytest

from gpunn.backend import fuse_nodes, lanes
from gpunn.backend.cpu import CpuBackend
from gpunn.backend.hazards import conflict, touches
from gpunn.kernels import categorical, data, gemm, optimizers, softmax
from gpunn.kernels.record import REGISTRY
from gpunn.kernels.reductions import COLUMN_SUM

RNG = np.random.default_rng(5)
ROWS, IN, OUT = 6, 4, 3


class Recorder:
    """NumPy arrays and a list of launches."""

    def __init__(self):
        self.nodes = []

    def address(self, array):
        return array.ctypes.data

    def zeros(self, shape, dtype):
        return np.zeros(shape, dtype)

    def launch(self, kernel, *arguments):
        self.nodes.append(fuse_nodes.node_of(kernel, *arguments))


def real(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


class Step:
    """The launches around a loss, and the arrays they share."""

    def __init__(self):
        self.source, self.labels = real(20, IN), RNG.integers(0, OUT, 20).astype(np.int32)
        self.order, self.position, self.step = RNG.permutation(20).astype(np.int32), np.array([3]), np.array([7])
        self.x, self.label, self.weight = real(ROWS, IN), np.zeros(ROWS, np.int32), np.ones(ROWS, np.float32)
        self.kernel, self.bias, self.z, self.p = real(IN, OUT), real(OUT), real(ROWS, OUT), real(ROWS, OUT)
        self.loss, self.dz, self.hit = real(ROWS), real(ROWS, OUT), real(ROWS)
        self.sums, self.more = np.array([0.0, 0, -1]), np.array([0.0, 0, -1])
        self.y, self.dy, self.db = np.abs(real(ROWS, OUT)), real(ROWS, OUT), real(OUT)
        self.count, self.unused = np.array([41]), np.array([0])
        self.rate, self.alpha = np.array([0.01]), np.array([np.nan])
        self.flat = [real(24), real(24), np.abs(real(24)), real(24)]

    def record(self, before=lambda s, ops: None, middle=lambda s, ops: None, after=lambda s, ops: None):
        ops = Recorder()
        ops.launch(data.GATHER["float"], self.source, self.order, self.position, 1.0, self.x)
        before(self, ops)
        ops.launch(data.PICK_LABELS, self.labels, self.order, self.position, self.label)
        ops.launch(gemm.GEMM_NN, self.x, self.kernel, 0.0, self.z)
        ops.launch(REGISTRY["bias_linear"], self.z, self.bias, self.z)
        ops.launch(softmax.SOFTMAX_CE_SPARSE, self.z, self.label, self.weight, 0.5, self.p, self.loss, self.dz)
        ops.launch(data.ACCUMULATE, self.loss, self.weight, self.step, self.sums)
        middle(self, ops)
        ops.launch(categorical.HIT_SPARSE, self.p, self.label, self.hit)
        ops.launch(data.ACCUMULATE, self.hit, self.weight, self.step, self.more)
        ops.launch(REGISTRY["relu_bwd"], self.dy, self.y, self.dy)
        ops.launch(COLUMN_SUM, self.dy, 0.0, self.db)
        ops.launch(optimizers.adam_rate, self.rate, self.count, 0.9, 0.999, self.alpha)
        p, m, v, g = self.flat
        ops.launch(optimizers.adam, p, m, v, g, self.alpha, 0.9, 0.999, 1e-7)
        ops.launch(data.ADVANCE, self.unused, self.count, 0, 1)
        after(self, ops)
        ops.launch(data.ADVANCE, self.position, self.step, ROWS, 1)
        return ops

    def arrays(self):
        return {k: v for k, v in vars(self).items() if isinstance(v, np.ndarray)} | dict(zip("pmvg", self.flat, strict=True))


def run(nodes):
    cpu = CpuBackend(compiled=False)
    for node in nodes:
        cpu.launch(node.kernel, *node.arguments)


def fused_names(ops):
    return [n.kernel.name for n in fuse_nodes.fuse(ops.nodes, ops).nodes]


def test_a_step_becomes_six_launches():
    assert fused_names(Step().record()) == [
        "gather_batch_float", "gemm_nn", "softmax_ce_sparse_hit", "relu_bwd_sum", "finish_adam", "adam",
    ]  # fmt: skip


def test_fused_and_not_fused_give_the_same_numbers():
    global RNG
    results = []
    for fuse in (True, False):
        RNG = np.random.default_rng(5)
        step = Step()
        ops = step.record()
        run(fuse_nodes.fuse(ops.nodes, ops).nodes if fuse else ops.nodes)
        results.append(step.arrays())
    dropped = {"p", "z"}  # the probabilities and the biased logits are nobody's but the fused kernel's
    for name in results[0].keys() - dropped:
        np.testing.assert_allclose(results[0][name], results[1][name], rtol=1e-6, atol=1e-7, err_msg=name)
    assert results[0]["position"] == 3 + ROWS and results[0]["step"] == 8 and results[0]["count"] == 42


@pytest.mark.parametrize(
    ("where", "kernel", "arguments", "kept"),
    [
        ("middle", "relu", lambda s: (s.p, s.y), "softmax_ce_sparse"),  # somebody reads the probabilities
        ("after", "relu", lambda s: (s.z, s.y), "softmax_ce_sparse"),  # ... or the biased logits
        ("middle", "advance", lambda s: (s.position, s.step, 1, 1), "accumulate"),  # the counter moves between the sums
        ("before", "advance", lambda s: (s.position, s.step, 1, 1), "pick_labels"),  # ... or between rows and labels
        ("after", "advance", lambda s: (s.position, s.step, 1, 1), "advance"),
    ],
)
def test_a_rule_keeps_off_what_others_need(where, kernel, arguments, kept):
    step = Step()
    ops = step.record(**{where: lambda s, ops: ops.launch(REGISTRY[kernel], *arguments(s))})
    assert kept in fused_names(ops)


def test_a_bias_gradient_that_is_added_to_stays_in_order():
    step = Step()
    ops = step.record(after=lambda s, ops: ops.launch(COLUMN_SUM, s.dy, 1.0, s.db))
    names = fused_names(ops)
    assert names.index("relu_bwd_sum") < names.index("column_sum")


def test_conflicts():
    step = Step()
    ops = step.record()
    gather, pick, product = (touches(n, ops.address) for n in ops.nodes[:3])
    assert not conflict(gather, pick), "two readers"
    assert conflict(gather, product), "one writes what the other reads"
    part = np.zeros(10, np.float32)
    front, back = (touches(fuse_nodes.node_of(REGISTRY["relu"], a, a), ops.address) for a in (part[:5], part[5:]))
    assert not conflict(front, back) and conflict(front, touches(fuse_nodes.node_of(REGISTRY["relu"], part, part), ops.address))


def test_lanes_wait_for_what_they_read():
    step = Step()
    ops = step.record(middle=lambda s, ops: ops.launch(gemm.GEMM_TN, s.x, s.dz, 0.0, s.kernel.copy()))
    nodes = fuse_nodes.fuse(ops.nodes, ops).nodes
    assert all(p.lane == lanes.MAIN for p in lanes.place(nodes, ops.address, fork=False))
    placed = lanes.place(nodes, ops.address, fork=True)
    by_name = {p.node.kernel.name: (i, p) for i, p in enumerate(placed)}
    finish, adam = by_name["finish_adam"], by_name["adam"]
    assert finish[1].lane == lanes.SIDE and adam[1].lane == lanes.MAIN
    assert adam[1].after == finish[0] and finish[1].marked, "adam reads the rate that finish_adam wrote"
    assert finish[1].after == by_name["softmax_ce_sparse_hit"][0], "finish_adam reads the loss"
