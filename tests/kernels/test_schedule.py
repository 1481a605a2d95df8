"""The scheduler: whatever the threads, a program does bit for bit what its launches do one by one."""

import threading
from itertools import pairwise

import numpy as np
import pytest
from kernel_targets import needs_numba

from gpunn.backend import cpu, schedule
from gpunn.backend.cpu import CpuBackend
from gpunn.backend.flat import cut_flat
from gpunn.kernels import REGISTRY, categorical, data, optimizers, philox, reductions, softmax
from gpunn.kernels.gemm import GEMM_NN, GEMM_NT, GEMM_TN

pytestmark = needs_numba
ROWS, WIDTH = 53, 32
K = REGISTRY


@pytest.fixture
def many_small_tasks(monkeypatch):
    """Cut everything as finely as the grain allows, and use the threads asked for however short the program."""
    monkeypatch.setattr(schedule, "PIECE", 50.0)
    monkeypatch.setattr(cpu, "ONE_THREAD", 0.0)


def narrow(a):
    """The same start and as many rows, but shorter ones."""
    return a.reshape(-1)[: ROWS * WIDTH // 2].reshape(ROWS, WIDTH // 2)


class Memory:
    """The arrays of a random program: activations, and one flat vector each for parameters and gradients, with views of them."""

    def __init__(self, seed):
        rng = np.random.default_rng(seed)
        size = 2 * (WIDTH * WIDTH + WIDTH)
        self.flat = [rng.standard_normal((size,)).astype("f4") * np.float32(0.1) for _ in range(2)]
        self.full = [rng.standard_normal((ROWS, WIDTH)).astype("f4") for _ in range(5)]
        self.col = [rng.random(ROWS).astype("f4") for _ in range(2)]
        self.label = rng.integers(0, WIDTH, ROWS).astype("i4")
        self.rate, self.step, self.sums = np.array([0.01]), np.array([3]), np.array([0.0, 0.0, -1.0])

    def weights(self, i, k):
        at = k * (WIDTH * WIDTH + WIDTH)
        return self.flat[i][at : at + WIDTH * WIDTH].reshape(WIDTH, WIDTH)

    def bias(self, i, k):
        at = k * (WIDTH * WIDTH + WIDTH) + WIDTH * WIDTH
        return self.flat[i][at : at + WIDTH]

    def everything(self):
        return [*self.flat, *self.full, *self.col, self.step, self.sums]

    def draw(self, rng):
        """A random launch: (kernel, arguments)."""
        a, b, c = (self.full[i] for i in rng.choice(5, 3, replace=False))
        part = slice(int(rng.integers(0, 5)), int(rng.integers(20, ROWS)))
        k = int(rng.integers(2))
        return [
            lambda: (K["tanh_"], a, b), lambda: (K["tanh_"], a, a), lambda: (K["relu_bwd"], a, b, c),
            lambda: (K["sigmoid"], a[part], b[part]), lambda: (K["tanh_"], a[part], a[part]),
            lambda: (K["bias_tanh"], a, self.bias(0, k), b),
            lambda: (GEMM_NN, a, self.weights(0, k), 0.0, b), lambda: (GEMM_NT, a, self.weights(0, k), 0.0, b),
            lambda: (K["tanh_"], a[:-1], b[:-1]), lambda: (K["tanh_"], a[1:], b[1:]),
            lambda: (K["add"], a[:-1], b[1:]),
            lambda: (K["tanh_"], narrow(a), narrow(b)),
            lambda: (GEMM_NN, a[part], self.weights(0, k), 1.0, b[part]),
            lambda: (GEMM_TN, a, b, 0.0, self.weights(1, k)), lambda: (reductions.COLUMN_SUM, a, 0.0, self.bias(1, k)),
            lambda: (K["sgd"], self.flat[0], self.flat[1], self.rate), lambda: (K["sgd"], self.bias(0, k), self.bias(1, k), self.rate),
            lambda: (softmax.SOFTMAX, a, b),
            lambda: (softmax.SOFTMAX_CE_SPARSE, a, self.label, self.col[0], 0.1, b, self.col[1], c),
            lambda: (categorical.HIT_SPARSE, a, self.label, self.col[0]),
            lambda: (philox.DROPOUT, a, self.step, 7, 1, 2**30, 1.5, b),
            lambda: (data.ACCUMULATE, self.col[1], self.col[0], self.step, self.sums),
            lambda: (reductions.MOMENTS, a, self.bias(0, 0), self.bias(0, 1)),
            lambda: (K["normalize"], a, self.bias(0, 0), self.bias(1, 0), self.bias(0, 1), self.bias(1, 1), b),
        ][rng.integers(24)]()


def one_by_one(seed, length, steps):
    memory, rng = Memory(seed), np.random.default_rng(seed)
    launches = [memory.draw(rng) for _ in range(length)]
    backend = CpuBackend(threads=1, compiled=True)
    for _ in range(steps):
        for launch in launches:
            backend.launch(*launch)
    return [a.copy() for a in memory.everything()]


def recorded(seed, length, threads):
    memory, rng = Memory(seed), np.random.default_rng(seed)
    backend = CpuBackend(threads=threads, compiled=True)
    with backend.record() as program:
        for _ in range(length):
            backend.launch(*memory.draw(rng))
    return memory, program


@pytest.mark.parametrize("threads", [1, 2, 3, 8])
def test_random_programs_are_the_launches_one_by_one(threads, many_small_tasks):
    for seed in range(40):
        want = one_by_one(seed, 14, 3)
        memory, program = recorded(seed, 14, threads)
        start = [a.copy() for a in memory.everything()]
        for repeat in range(6):
            for a, b in zip(memory.everything(), start, strict=True):
                a[...] = b
            program.run(3)
            for i, (a, b) in enumerate(zip(memory.everything(), want, strict=True)):
                assert a.tobytes() == b.tobytes(), f"seed {seed}, repetition {repeat}, array {i}: {program.describe()}"


def test_cuts_give_every_row_to_one_task(many_small_tasks):
    for seed in range(20):
        _, program = recorded(seed, 14, 3)
        plan = program.plan
        done = {}
        for first, end, lo, hi in plan.tasks:
            for node in range(first, end):
                done.setdefault(node, []).append((lo, hi))
        for node, parts in done.items():
            parts.sort()
            assert parts[0][0] == 0 and parts[-1][1] == plan.order[node].extent
            assert all(a[1] == b[0] for a, b in pairwise(parts))
        assert len(done) == len(plan.order) == len(cut_flat(program.nodes))
        assert all(a.phase <= b.phase for a, b in pairwise(plan.order))


class Dense:
    """A classifier with two hidden layers, as a model would launch it."""

    def __init__(self, rows=128, sizes=(20, 16, 12, 10), examples=512):
        rng = np.random.default_rng(0)
        self.images = rng.integers(0, 256, (examples, sizes[0])).astype("u1")
        self.labels = rng.integers(0, sizes[-1], examples).astype("i4")
        self.order, self.position, self.step = rng.permutation(examples).astype("i4"), np.array([0]), np.array([0])
        self.rate, self.alpha, self.sums = np.array([0.01]), np.array([0.0]), np.array([0.0, 0.0, -1.0])
        total = sum(a * b + b for a, b in pairwise(sizes))
        self.flat, self.grads, self.m, self.v = (np.zeros(total, "f4") for _ in range(4))
        self.flat[...] = rng.standard_normal(total) * 0.1
        self.rows, self.sizes = rows, sizes

    def views(self, flat):
        at = 0
        for a, b in pairwise(self.sizes):
            yield flat[at : at + a * b].reshape(a, b), flat[at + a * b : at + a * b + b]
            at += a * b + b

    def record(self, backend):
        rows, sizes, depth = self.rows, self.sizes, len(self.sizes) - 1
        y, dz = ([np.empty((rows, n), "f4") for n in sizes] for _ in range(2))
        label, weight, loss = np.empty(rows, "i4"), np.ones(rows, "f4"), np.empty(rows, "f4")
        params, grads = list(self.views(self.flat)), list(self.views(self.grads))
        with backend.record() as program:
            launch = backend.launch
            launch(data.GATHER["uint8"], self.images, self.order, self.position, 1 / 255, y[0])
            launch(data.PICK_LABELS, self.labels, self.order, self.position, label)
            for i in range(depth):
                launch(GEMM_NN, y[i], params[i][0], 0.0, y[i + 1])
                launch(K["bias_relu" if i < depth - 1 else "bias_linear"], y[i + 1], params[i][1], y[i + 1])
            launch(softmax.SOFTMAX_CE_SPARSE, y[-1], label, weight, 1 / rows, y[-1], loss, dz[-1])
            for i in reversed(range(depth)):
                launch(GEMM_TN, y[i], dz[i + 1], 0.0, grads[i][0])
                launch(reductions.COLUMN_SUM, dz[i + 1], 0.0, grads[i][1])
                if i:
                    launch(GEMM_NT, dz[i + 1], params[i][0], 0.0, dz[i])
                    launch(K["relu_bwd"], dz[i], y[i], dz[i])
            launch(optimizers.adam_rate, self.rate, self.step, 0.9, 0.999, self.alpha)
            launch(optimizers.adam, self.flat, self.m, self.v, self.grads, self.alpha, 0.9, 0.999, 1e-7)
            launch(data.ACCUMULATE, loss, weight, self.step, self.sums)
            launch(data.ADVANCE, self.position, self.step, rows, 1)
        return program


def test_a_dense_network_has_two_phases():
    program = Dense().record(CpuBackend(threads=2, compiled=True))
    phases = [[n.kernel.name for n in program.plan.order if n.phase == p] for p in range(3)]
    assert len(program.plan.queues) == 2
    assert {"gather_u8", "gemm_nn", "bias_relu", "softmax_ce_sparse", "gemm_nt", "relu_bwd", "adam_rate"} <= set(phases[0])
    assert {"gemm_tn", "column_sum", "accumulate", "adam", "advance"} == set(phases[1]) and phases[2] == []
    rows = {n.chain for n in program.plan.order if n.phase == 0 and n.extent == 128}
    assert len(rows) == 1, "all rows forward and backward are one chain"


@pytest.mark.parametrize("threads", [2, 3, 8])
def test_training_is_the_same_on_any_number_of_threads(threads, many_small_tasks):
    """Twelve epochs in a program give what one thread gives, and learn."""
    results = []
    for n in (1, threads):
        net = Dense()
        program = net.record(CpuBackend(threads=n, compiled=True))
        losses = []
        for _ in range(12):
            net.position[...] = 0
            net.sums[...] = (0, 0, -1)
            program.run(4)
            losses.append(net.sums[0] / net.sums[1])
        results.append((net.flat.tobytes(), losses))
        assert losses[-1] < losses[0] and net.sums[2] == -1 and net.step[0] == 48
    assert results[0] == results[1]


def test_the_reference_trains_alike():
    losses = []
    for compiled in (True, False):
        net = Dense()
        net.record(CpuBackend(threads=1, compiled=compiled)).run(4)
        losses.append(net.sums[0] / net.sums[1])
    assert abs(losses[0] - losses[1]) < 1e-5 * losses[1]


@pytest.mark.parametrize("threads", [1, 2])
def test_launches_without_rows_do_not_stop_a_program(threads, many_small_tasks):
    """A phase without a task is passed over. (A thread that waits for one would wait for ever: hence the thread here.)"""
    backend = CpuBackend(threads=threads, compiled=True)
    empty, x, y = np.empty((0, 3), "f4"), np.ones((5, 3), "f4"), np.empty((5, 3), "f4")
    out = np.ones(3, "f4")
    with backend.record() as program:
        backend.launch(K["tanh_"], empty, empty)
        backend.launch(reductions.COLUMN_SUM, x, 0.0, out)
        backend.launch(K["bias_linear"], empty, out, empty)
        backend.launch(K["bias_linear"], x, out, y)
    runner = threading.Thread(target=lambda: program.run(3), daemon=True)
    runner.start()
    runner.join(10)
    assert not runner.is_alive(), "the program hangs"
    assert (y == 6).all()
    with backend.record() as program:
        backend.launch(K["tanh_"], empty, empty)
    runner = threading.Thread(target=lambda: program.run(3), daemon=True)
    runner.start()
    runner.join(10)
    assert not runner.is_alive(), "the program hangs"


def test_recording_twice_at_once_is_refused():
    backend = CpuBackend(threads=1, compiled=True)
    with backend.record(), pytest.raises(RuntimeError, match="recorded already"), backend.record():
        pass
