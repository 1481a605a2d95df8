"""Replicas on a device: where their arrays lie, one launch for all, and what is refused."""

import numpy as np
import pytest

import gpunn
from gpunn.backend.stacked import DifferentSteps, Many
from gpunn.kernels import REGISTRY
from gpunn.layers import Dense, Dropout, Input
from gpunn.models import Replicas, Sequential
from gpunn.models.joint import settled
from gpunn.training.loop import Training
from gpunn.training.together import Trainings

RNG = np.random.default_rng(0)
X, Y = RNG.integers(0, 256, (150, 20)).astype(np.uint8), RNG.integers(0, 4, 150)


def network():
    return Sequential([Input((20,)), Dense(8, "relu"), Dense(8, "relu"), Dropout(0.5), Dense(4, "softmax")])


def replicas(count=3):
    with gpunn.device("sim"):
        out = Replicas(network, seeds=range(count))
        out.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    return out


def recorded(models):
    """(the stack, the joint trainings)"""
    rows = models._check(X, Y, None, None, "fit")
    stack = settled(models.models)
    return stack, Trainings(stack, models.models, rows, 32, True)


def recording(stack, body):
    """The programs of a body run for each replica."""
    section, programs = stack.section(), []
    for r in range(stack.count):
        with section(r), stack.ops.record() as program:
            body(r)
        programs.append(program)
    return programs


def test_arrays_lie_a_fixed_distance_apart(sim_with):
    ops = sim_with()
    stack = ops.stack(3)
    section, made = stack.section(), []
    for r in range(3):
        with section(r):
            made.append((ops.zeros((5, 3)), ops.asarray(np.full((4,), r))))
    for same in zip(*made, strict=True):
        pitch = stack.pitch(same[0])
        assert pitch > 0 and pitch % 256 == 0
        assert [ops.address(a) - ops.address(same[0]) for a in same] == [0, pitch, 2 * pitch]
    assert stack.pitch(made[0][0][2:].reshape(-1)) == stack.pitch(made[0][0])
    assert stack.pitch(ops.zeros((3,))) == 0
    reads = ops.reads
    assert [list(a) for a in stack.read([m[1] for m in made])] == [[r] * 4 for r in range(3)]
    assert ops.reads == reads + 1


def test_a_step_has_as_many_launches_as_one_replicas(sim_with):
    ops = sim_with()
    models = replicas()
    _, joint = recorded(models)
    together = joint.record(32)
    with gpunn.device("sim"):
        model = network()
        model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    alone = Training(model, model._check(X, Y, None, None, "fit"), 32, True).record(32)
    ours, other = together.describe(), alone.describe()
    assert ours[1:] == other[1:] and ours[0].rpartition(";")[0] == other[0].rpartition(";")[0]  # behind it: whether a graph runs, and why
    launches = together._program.launches
    assert {"gemm_nn+relu_aux_bias", "gemm_nt+drelu_bgrad"} <= {n.kernel.name for n in launches}
    many = [n for n in launches if isinstance(n, Many)]
    assert many and all(n.count == 3 for n in many)
    assert {"dropout"} == {n.kernel.name for n in many if "seed" in n.tables}
    reads = ops.reads
    joint.epoch()
    assert ops.reads == reads + 1  # the sums of all


@pytest.mark.parametrize("light", [True, False])
@pytest.mark.parametrize("order", ["forward", "reverse", "shuffled"])
def test_products_are_batches(sim_with, light, order):
    ops = sim_with(order=order)
    if not light:
        ops.light = None
    models = replicas(2)
    models.fit(X, Y, batch_size=32, epochs=2)
    for seed, model in enumerate(models.models):
        with gpunn.device("sim"):
            gpunn.utils.set_random_seed(seed)
            other = network()
            other.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
        other.fit(X, Y, batch_size=32, epochs=2, verbose=0)
        assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), other.get_weights(), strict=True))


def test_rows_of_data_are_there_once(sim_with):
    ops = sim_with()
    models = replicas(8)
    models._ready((20,))
    before = ops.allocated
    _, joint = recorded(models)
    assert joint.passes[0].feed.xs[0] is joint.passes[7].feed.xs[0]
    parameters = 4 * 4 * sum(p.value.size for p in models.models[0].parameters)
    assert ops.allocated - before < X.nbytes + 8 * (3 * parameters + 4 * 150 + 8192)


def test_different_steps_are_refused(sim_with):
    ops = sim_with()
    stack = ops.stack(2)
    relu, tanh = REGISTRY["relu"], REGISTRY["tanh_"]

    def body(kernel, shape=(4, 4), times=1):
        x = ops.zeros(shape)
        for _ in range(times):
            ops.launch(kernel, x, x)

    with pytest.raises(DifferentSteps, match="launch 0 is"):
        stack.program(recording(stack, lambda r: body(tanh if r else relu)))
    with pytest.raises(DifferentSteps, match="replica 1 does not make the arrays that replica 0 makes"):
        recording(stack, lambda r: body(relu, (4 + r, 4)))
    with pytest.raises(DifferentSteps, match=r"steps of \[1, 2\] launches"):
        stack.program(recording(stack, lambda r: body(relu, times=1 + r)))
    shared = ops.zeros((4, 4))
    with pytest.raises(DifferentSteps, match="would write operand 'y', which all replicas have in common"):
        stack.program(recording(stack, lambda r: ops.launch(relu, shared, shared)))
    own = [ops.zeros((4, 4)), ops.zeros((4, 4))]
    with pytest.raises(DifferentSteps, match=r"operand 'x' of relu is not replica 1's own"):
        stack.program(recording(stack, lambda r: ops.launch(relu, own[r], ops.empty((4, 4)))))
