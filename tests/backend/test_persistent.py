"""A step as one kernel: it computes what the graph computes, keeps its barriers, and says why where it cannot be."""

import re

import numpy as np
import pytest
from small_steps import X, Y, agree, fitted, network, program_of

import gpunn
from gpunn import layers, models
from gpunn.backend import fuse_step, phases
from gpunn.backend.hazards import conflict, touches
from gpunn.backend.persistent import NoForm, PersistentStep, frozen_nodes
from gpunn.kernels import REGISTRY, data
from gpunn.kernels.device import ModuleText, Properties
from gpunn.training.loop import Training

ORDERS = ("forward", "reverse", "shuffled")
BETWEEN = {"plain": (), "dropout": (lambda: layers.Dropout(0.3),), "normalized": (layers.BatchNormalization, lambda: layers.Dropout(0.2))}


@pytest.mark.parametrize("kind", ["adam", "momentum", "sgd"])
def test_training_is_the_graph_s(sim_with, kind):
    ops = sim_with()
    agree(fitted(ops, "never", kind=kind), fitted(ops, "always", kind=kind))


@pytest.mark.parametrize("between", BETWEEN)
@pytest.mark.parametrize("order", ORDERS)
def test_orders_of_threads_give_the_same_bits(sim_with, order, between):
    """In every order the bits of the first one, and the graph's numbers."""
    options = {"between": BETWEEN[between], "kind": "momentum"}  # Adam makes steps of rounding errors where a gradient is exactly zero
    expected = fitted(sim_with(), "always", **options)
    ops = sim_with(order=order, watch=order == "shuffled")
    got = fitted(ops, "always", **options)
    assert got[0] == expected[0]
    for a, b in zip(got[1], expected[1], strict=True):
        assert np.array_equal(a, b)
    agree(fitted(ops, "never", **options), got)


@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "elu", "gelu", "leaky_relu"])
def test_activations(sim_with, activation):
    ops = sim_with()
    agree(fitted(ops, "never", activation=activation, epochs=1), fitted(ops, "always", activation=activation, epochs=1))


def test_another_loss(sim_with):
    ops = sim_with()
    options = {"loss": "mean_squared_error", "epochs": 1}
    agree(fitted(ops, "never", **options), fitted(ops, "always", **options))


@pytest.mark.one_in(3)
@pytest.mark.parametrize("blocks", [1, 3, 7])
def test_any_number_of_blocks_and_threads(sim_with, blocks):
    """Blocks that are not one for each multiprocessor's share: the rest is done in turns."""
    ops = sim_with(watch=True)
    graph = fitted(ops, "never")
    for threads in (128, 256):
        ops.properties = Properties(blocks, persistent_threads=threads)
        agree(graph, fitted(ops, "always"))


def test_short_runs_are_long_ones(sim_with):
    ops = sim_with()
    ops.persistent = "always"
    weights = []
    for portions in ((7,), (1, 2, 4), (1,) * 7):
        model = network(between=BETWEEN["dropout"])
        training = Training(model, model._check(X, Y, None, None, "fit"), 20, False)
        for steps in portions:
            training.step(20, steps)
        assert int(ops.to_numpy(model.rng.step)[0]) == int(ops.to_numpy(training.feed.position)[0]) // 20 == 7
        weights.append(model.get_weights())
    for other in weights[1:]:
        assert all(np.array_equal(a, b) for a, b in zip(weights[0], other, strict=True))


def test_no_more_than_some_steps_in_a_launch(sim_with, monkeypatch):
    ops = sim_with()
    expected = fitted(ops, "always")
    monkeypatch.setattr("gpunn.backend.persistent.MOST_STEPS", 3)
    got = fitted(ops, "always")
    assert all(np.array_equal(a, b) for a, b in zip(expected[1], got[1], strict=True))


def test_only_whole_batches_run_so(sim_with):
    ops = sim_with()
    ops.persistent = "always"
    model = network()
    training = Training(model, model._check(X, Y, None, None, "fit"), 32, False)
    assert training.record(32).choice().persistent is not None
    assert training.record(22).choice().why == "graph"
    captures = ops.captures
    training.step(32, 4)
    training.step(22, 1)
    assert ops.captures == captures + 1  # the short batch's


# ---------------------------------------------------------------------- barriers
def without_barrier(module, number):
    """The text without one of its grid barriers."""
    parts = module.source.split("    w.meet(arrived);\n")
    assert 0 <= number < len(parts) - 1
    kept = ["    w.meet(arrived);\n"] * (len(parts) - 1)
    kept[number] = ""
    return ModuleText("".join(a + b for a, b in zip(parts, [*kept, ""], strict=True)), module.names)


@pytest.mark.one_in(2)
@pytest.mark.filterwarnings("ignore:The loss became NaN")
@pytest.mark.parametrize("number", range(7))
def test_each_barrier_is_needed(sim_with, number, monkeypatch):
    """Without any one of them some order of threads computes something else, or at least threads touch what others do meanwhile."""
    expected = fitted(sim_with(), "always", epochs=1)
    compiled = PersistentStep.compile
    plain = []

    def broken(self):
        if not any(self is s for s in plain):
            plain.append(self)
            self.module = without_barrier(self.module, number)
        compiled(self)

    monkeypatch.setattr(PersistentStep, "compile", broken)
    with pytest.raises(RuntimeError, match=r"persistent_step: .* with no barrier between: byte"):
        fitted(sim_with(watch=True), "always", epochs=1)
    differs = []
    for order in ORDERS:
        got = fitted(sim_with(order=order), "always", epochs=1)
        alike = all(np.array_equal(a, b) for a, b in zip(expected[1], got[1], strict=True))
        differs.append(not alike or got[0] != expected[0])  # behind a block that made all rows alone, only the sums of losses wait
    assert any(differs)


def test_phases_hold_no_two_launches_that_conflict(sim_with):
    ops = sim_with()
    for between in BETWEEN.values():
        nodes = fuse_step.fused(program_of(network(between=between)).nodes, ops)
        placed = phases.phases(nodes, ops)
        groups = [[n for chain in group for n in chain] for group in placed.phases]
        assert sum(map(len, groups)) == len(nodes) and all(groups)
        place = {id(n): p for p, group in enumerate(groups) for n in group}
        chains = {id(n): i for i, chain in enumerate(c for group in placed.phases for c in group) for n in chain}
        for i, a in enumerate(nodes):
            for b in nodes[i + 1 :]:
                if conflict(touches(a, ops.address), touches(b, ops.address)):
                    assert place[id(a)] < place[id(b)] or chains[id(a)] == chains[id(b)]
        assert placed.carried  # the next batch is gathered while the weights are updated
    assert len(groups) > 18 and "gather" in groups[0][0].kernel.name


def test_what_the_last_phase_touches_is_not_carried(sim_with):
    """The counter goes on in the last phase: the next batch cannot be gathered beside it."""
    ops = sim_with()
    rows, order, position = ops.asarray(np.eye(6, 3, dtype=np.float32)), ops.asarray(np.arange(6), "int32"), ops.zeros((1,), "int64")
    step, out, more = ops.zeros((1,), "int64"), ops.zeros((2, 3)), ops.zeros((2, 3))
    one = ops.asarray(np.ones(3, np.float32))
    with ops.record() as program:
        ops.launch(data.GATHER["float"], rows, order, position, 1.0, out)
        ops.launch(REGISTRY["bias_linear"], out, one, more)
        ops.launch(data.ADVANCE, position, step, 2, 1)
    placed = phases.phases(program.nodes, ops)
    assert [[n.kernel.name for c in g for n in c] for g in placed.phases] == [["gather_float"], ["bias_linear", "advance"]]
    assert not placed.carried and not placed.twice
    kernel = PersistentStep(ops, program.nodes)
    kernel.run(3)
    assert kernel.barriers == 2 and ops.to_numpy(position)[0] == 6 and ops.to_numpy(step)[0] == 3
    assert np.array_equal(ops.to_numpy(more), 1 + np.eye(6, 3, dtype=np.float32)[4:6])


# ---------------------------------------------------------------------- what cannot be
def reason(ops, model, **data):
    ops.persistent = "always"
    return program_of(model, **data).choice().why


def test_programs_without_a_form_stay_graphs_and_say_why(sim_with, monkeypatch):
    ops = sim_with()
    assert reason(ops, network()) == "persistent kernel: 8 phases, 7 barriers a step"
    ops.properties = Properties(4, cache=1 << 14, persistent_threads=128)
    assert re.fullmatch(r"graph: a step writes [\d.]+ KB, more than half of the device's cache \(8.0 KB\)", reason(ops, network()))
    ops.properties = Properties(4, persistent_threads=128)
    ops.cooperative = False
    assert reason(ops, network()) == "graph: the device has no cooperative launches"
    ops.cooperative = True
    with gpunn.device("sim"):
        deep = models.Sequential([layers.Input((37,)), *(layers.Dense(4, "relu") for _ in range(20)), layers.Dense(10, "softmax")])
        deep.compile("sgd", "sparse_categorical_crossentropy")
        monkeypatch.setattr(gpunn.config, "_floatx", "float64")
        wide = models.Sequential([layers.Input((37,)), layers.Dense(10, "softmax")])
        wide.compile("sgd", "sparse_categorical_crossentropy")
    assert re.fullmatch(r"graph: a step of \d+ launches, and at most 64 fit", reason(ops, deep))
    assert re.fullmatch(r"graph: product_\w+ in float64 has no persistent form", reason(ops, wide))
    ops.persistent = "never"
    assert program_of(network()).choice().why == "graph"


def test_a_kernel_that_cannot_be_inside_is_named(sim_with, monkeypatch):
    ops = sim_with()
    monkeypatch.setattr("gpunn.backend.persistent.why_not", lambda launch: f"{launch.kernel.name} has no persistent form")
    with pytest.raises(NoForm, match=r"^gather_batch_\w+ has no persistent form$"):
        PersistentStep(ops, program_of(network()).nodes)


def test_explain_says_how_a_step_runs(sim_with):
    ops = sim_with()
    text = network().explain(32, print_fn=lambda text: None)
    assert "; graph: nothing is timed here" in text
    ops.persistent = "always"
    text = network().explain(32, print_fn=lambda text: None)
    assert "; persistent kernel: 8 phases, 7 barriers a step" in text
    assert re.search(r"phase 0: gather\w+ x 32 \(beside the last phase of the step before\)", text)


@pytest.mark.parametrize("loss", ["sparse_categorical_crossentropy", "mean_squared_error"])  # counters in one launch, and in their own
def test_frozen_steps_leave_the_counters(sim_with, loss):
    ops = sim_with()
    model = network(loss=loss)
    y = Y if "cross" in loss else np.eye(10, dtype=np.float32)[Y]
    training = Training(model, model._check(X, y, None, None, "fit"), 32, False)
    program = training.record(32)
    lasting = phases.lasting(program.nodes, ops.address)
    shapes = {a.shape for a in lasting}
    size = model.storage.trainable_size
    assert (size,) in shapes and not any(a.shape[0] == 32 for a in lasting)  # parameters and moments, and no activations
    step = PersistentStep(ops, program.nodes)
    before = model.get_weights()
    step.run(3, frozen=True)
    ops.synchronize()
    assert int(ops.to_numpy(training.feed.position)[0]) == 0 and int(ops.to_numpy(model.rng.step)[0]) == 0
    assert not np.array_equal(before[0], model.get_weights()[0])
    assert [n.kernel for n in frozen_nodes(program.nodes)] == [n.kernel for n in program.nodes]
