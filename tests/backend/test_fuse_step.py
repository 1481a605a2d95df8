"""What one kernel holds of a step: updates within the products and sums that make gradients, loss rows behind the product that made them.

Sums are ordered otherwise than a library's: results are the graph's within rounding, not to the bit.
"""

import re

import numpy as np
import pytest
from small_steps import X, Y, agree, fitted, program_of

import gpunn
from gpunn import Input, Model, layers, models, optimizers
from gpunn.backend import fuse_step, phases
from gpunn.backend.persistent import PersistentStep
from gpunn.kernels import REGISTRY
from gpunn.kernels.device import ModuleText, Properties
from gpunn.training.loop import Training

Z = (X / 255).astype(np.float32)


def dense(optimizer="adam", widths=(30, 20), loss="sparse_categorical_crossentropy", change=lambda model: None, **options):
    """A network that takes its rows as they are gathered."""
    gpunn.utils.set_random_seed(3)
    with gpunn.device("sim"):
        hidden = [layers.Dense(width, "relu", **options) for width in widths]
        model = models.Sequential([layers.Input((37,)), *hidden, layers.Dense(10, "softmax")])
        change(model)
        model.compile(optimizer() if callable(optimizer) else optimizer, loss, ["accuracy"])
    return model


def first_rests(model):
    model.layers[0].trainable = False


def shared():
    gpunn.utils.set_random_seed(3)
    with gpunn.device("sim"):
        x = Input((37,))
        twice = layers.Dense(16, "relu")
        h = twice(twice(layers.Dense(16, "relu")(x)))
        model = Model(x, layers.Dense(10, "softmax")(h))
        model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    return model


def weighed(optimizer, **options):
    return lambda: optimizer(**options)


MODELS = {  # what trains; and whether any update is within what makes its gradient
    "sgd": (lambda: dense(weighed(optimizers.SGD, learning_rate=0.1)), True),
    "momentum": (lambda: dense(weighed(optimizers.SGD, learning_rate=0.05, momentum=0.9, nesterov=True)), True),
    "rmsprop": (lambda: dense(weighed(optimizers.RMSprop, epsilon=1e-3)), True),
    "adamw, averaged": (lambda: dense(weighed(optimizers.AdamW, use_ema=True, ema_overwrite_frequency=3)), True),
    "nadam": (lambda: dense("nadam"), True),
    "lamb": (lambda: dense("lamb"), True),
    "accumulated": (lambda: dense(weighed(optimizers.Adam, gradient_accumulation_steps=2)), True),
    "clipnorm": (lambda: dense(weighed(optimizers.Adam, clipnorm=0.1)), False),
    "global clipnorm": (lambda: dense(weighed(optimizers.Adam, global_clipnorm=0.1)), False),
    "clipvalue, schedule": (
        lambda: dense(weighed(optimizers.Adam, clipvalue=0.01, learning_rate=optimizers.schedules.CosineDecay(0.01, 20))), True,
    ),
    "penalty": (lambda: dense(kernel_regularizer="l2"), False),  # its launch goes over all gradients
    "no biases": (lambda: dense(use_bias=False), True),
    "first layer at rest": (lambda: dense(change=first_rests), True),
    "shared layer": (shared, True),
    "one weight": (lambda: dense(widths=()), True),
}


def names(model, ops):
    return [n.kernel.name for n in fuse_step.fused(program_of(model, x=Z).nodes, ops)]


def gradients(model):
    return model.backend.to_numpy(model.storage.gradients)


ALIKE = ("lamb", "nadam", "clipnorm", "clipvalue, schedule", "no biases", "rmsprop", "momentum")  # to others; these are slow


@pytest.mark.parametrize("kind", [pytest.param(k, marks=pytest.mark.slow) if k in ALIKE else k for k in MODELS])
def test_training_is_the_graph_s(sim_with, kind):
    """Losses, weights, moments; and the gradients that are there afterwards."""
    ops = sim_with()
    make, within = MODELS[kind]
    within_it = [n for n in names(make(), ops) if re.match(r"(product_tn|column_sum)_\w*(sgd|rmsprop|adam|lamb)", n)]
    assert bool(within_it) == within
    results = []
    for mode in ("never", "always"):
        results.append((fitted(ops, mode, make, epochs=1), trained(ops, mode, make)))
    agree(results[0][0], results[1][0])
    for a, b in zip(*(own for _, own in results), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=2e-6)


def trained(ops, mode, make, portions=(3, 2)):
    """Weights and gradients after some whole batches."""
    ops.persistent = mode
    model = make()
    training = Training(model, model._check(Z, Y, None, None, "fit"), 30, False)
    for steps in portions:
        training.step(30, steps)
    assert (training.record(30).choice().persistent is None) == (mode == "never")
    return [*model.get_weights(), gradients(model)]


def test_gradients_are_stored_in_the_last_step_alone(sim_with, monkeypatch):
    ops = sim_with()
    want = trained(ops, "never", dense)
    assert np.abs(want[-1]).max() > 0
    for portions in ((5,), (1, 4)):
        np.testing.assert_allclose(trained(ops, "always", dense, portions)[-1], want[-1], rtol=1e-4, atol=2e-6)
    monkeypatch.setattr("gpunn.kernels.persistent.LAST", "no such constant")
    monkeypatch.setattr(fuse_step, "LAST", 0.0)
    assert not trained(ops, "always", dense)[-1].any(), "no step stored any: nothing else writes them"


def test_sums_of_class_weights_and_a_short_batch(sim_with):
    ops, results = sim_with(), []
    for mode in ("never", "always"):
        ops.persistent = mode
        model = dense()
        history = model.fit(Z, Y, batch_size=60, epochs=2, class_weight={k: 1.0 + k for k in range(10)}, verbose=0).history
        results.append((history, model.get_weights(), []))
    agree(*results)


# ---------------------------------------------------------------------- what is fused
def test_the_step_of_a_classifier_of_images(sim_with):
    """Six barriers: three products forward, the last with its loss, two back, and the update of the first layer."""
    ops = sim_with()
    ops.properties = Properties(132)
    rng = np.random.default_rng(0)
    with gpunn.device("sim"):
        model = models.Sequential([layers.Input((784,)), *(layers.Dense(n, "relu") for n in (300, 100)), layers.Dense(10, "softmax")])
        model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    program = program_of(model, 128, rng.standard_normal((128, 784)).astype(np.float32), rng.integers(0, 10, 128))
    step = PersistentStep(ops, program.nodes)
    groups = [[[n.kernel.name for n in chain] for chain in group if chain[0].kernel.name != "adam"] for group in step.phases]
    assert groups == [
        [["gather_batch_float"]],
        [["product_nn_16x32_bias_relu"]],
        [["product_nn_16x16_bias_relu"]],
        [["product_nn_16x32", "softmax_ce_sparse_hit"]],
        [["product_nt_16x32_relu_bwd"], ["finish_adam"]],
        [["product_nt_16x32_relu_bwd"], ["column_sum_adam"], ["product_tn_16x32_adam"], ["column_sum_adam"]],
        [["product_tn_64x32_adam"], ["column_sum_adam"], ["product_tn_16x32_adam"]],
    ]
    assert step.barriers == 6 and [a.shape for a in step._twice.values()] == [(128, 784)]
    rest = [n for group in step.phases for (n, *_) in group if n.kernel.name == "adam"]
    assert sum(n.arguments[0].size for n in rest) == model.storage.trainable_size - model.count_params(), "what is between parameters"


def test_what_the_last_phase_reads_is_left_to_the_second_phase(sim_with):
    """Numbers of a step that its update takes: in the first phase they would meet the update of the step before."""
    ops = sim_with()
    for kind in ("nadam", "accumulated"):
        placed = phases.phases(fuse_step.fused(program_of(MODELS[kind][0](), x=Z).nodes, ops), ops)
        (first,), second = placed.phases[0], [n.kernel.name for chain in placed.phases[1] for n in chain]
        assert placed.carried and first[0].kernel.name == "gather_batch_float" and [a.shape for a in placed.twice] == [(32, 37)]
        assert {"nadam": "nadam_rate", "accumulated": "update_counters"}[kind] in second


def test_the_update_waits_for_who_reads_the_weights(sim_with):
    """Backwards through a layer its weights are those of the step before."""
    ops = sim_with()
    placed = phases.phases(fuse_step.fused(program_of(dense(), x=Z).nodes, ops), ops).phases
    at = {}
    for p, group in enumerate(placed):
        for node in (n for chain in group for n in chain):
            for o, a in zip(node.kernel.operands, node.arguments, strict=True):
                if o.kind != "const" and a.size == 600:  # weights of the layer in the middle
                    at.setdefault(ops.address(a), []).append((p, o.written))
    used = [places for places in at.values() if len(places) == 3]
    assert used == [[(2, False), (5, False), (6, True)]]


def test_a_model_of_one_array(sim_with):
    """A piece may be the whole vector."""
    ops = sim_with()
    with gpunn.device("sim"):
        model = models.Sequential([layers.Input((48,)), layers.Dense(16, use_bias=False)])
        model.compile(optimizers.SGD(0.1), "mse")
    program = program_of(model, 32, np.ones((64, 48), np.float32), np.ones((64, 16), np.float32))
    assert [n.kernel.name for n in fuse_step.fused(program.nodes, ops)][-3:] == ["product_tn_16x32_sgd", "advance", "advance"]


@pytest.mark.parametrize("where", ["read", "written", "added to"])
def test_a_gradient_that_others_need_stays_where_it_is(sim_with, where):
    ops = sim_with()
    x, dy = ops.asarray(np.ones((6, 4)), "float32"), ops.asarray(np.ones((6, 3)), "float32")
    values, flat, rate = ops.zeros((16,)), ops.zeros((16,)), ops.zeros((1,), "float64")
    g = flat[:12].reshape(4, 3)
    with ops.record() as program:
        ops.matmul(x, dy, g, ta=True, add=where == "added to")
        if where != "added to":
            ops.launch(REGISTRY["relu"], *((g, ops.zeros((4, 3))) if where == "read" else (ops.zeros((4, 3)), g)))
        ops.launch(REGISTRY["sgd"], values, flat, rate)
    kernels = [n.kernel.name for n in fuse_step.fused(program.nodes, ops)]
    assert kernels.count("sgd") == 1 and kernels[-1] == "sgd" and not any(k.endswith("_sgd") for k in kernels)


def test_rows_follow_rows_of_the_same_memory(sim_with):
    """One block goes on with the rows that it has made, and not with others."""
    ops = sim_with()
    room, out = ops.zeros((40, 8)), ops.zeros((32, 8))
    for start, expected in ((0, [["softmax", "softmax"]]), (8, [["softmax"], ["softmax"]])):
        with ops.record() as program:
            ops.launch(REGISTRY["softmax"], out, room[:32])
            ops.launch(REGISTRY["softmax"], room[start : start + 32], ops.zeros((32, 8)))
        assert [[n.kernel.name for chain in group for n in chain] for group in phases.phases(program.nodes, ops).phases] == expected


def test_too_many_pieces_are_not_cut(sim_with):
    """A deep network's update stays in one launch, rather than the step a graph."""
    ops = sim_with()
    program = program_of(dense(widths=(9,) * 14), x=Z)
    assert len(fuse_step.fused(program.nodes, ops)) > 64
    step = PersistentStep(ops, program.nodes)
    assert [n.kernel.name for group in step.phases for chain in group for n in chain][-1] == "adam"


def test_what_lasts_is_found_in_fused_launches(sim_with):
    ops = sim_with()
    model = dense()
    program = program_of(model, x=Z)
    for nodes in (program.nodes, fuse_step.fused(program.nodes, ops)):
        found = [a for a in phases.lasting(nodes, ops.address) if a.dtype == np.float32]
        assert sum(a.size for a in found) == 3 * model.storage.trainable_size, "weights and both moments"


# ---------------------------------------------------------------------- each part is needed
def differs(sim_with, monkeypatch, pattern, replacement):
    """With a part of a step's text replaced: whether it computes something else in some order of threads, and what the watch says."""
    expected = trained(sim_with(), "always", dense)
    compiled, done = PersistentStep.compile, []

    def broken(self):
        if self not in done:
            done.append(self)
            source, count = re.subn(pattern, replacement, self.module.source)
            assert count
            self.module = ModuleText(source, self.module.names)
        compiled(self)

    monkeypatch.setattr(PersistentStep, "compile", broken)
    something_else = any(
        not all(np.array_equal(a, b) for a, b in zip(expected, trained(sim_with(order=order), "always", dense), strict=True))
        for order in ("forward", "reverse", "shuffled")
    )
    try:
        trained(sim_with(watch=True), "always", dense)
    except RuntimeError as error:
        return something_else, str(error)
    return something_else, ""


@pytest.mark.filterwarnings("ignore:The loss became NaN")
def test_the_barrier_within_a_chain_is_needed(sim_with, monkeypatch):
    something_else, seen = differs(sim_with, monkeypatch, r" __syncthreads\(\); for \(unsigned int t", " for (unsigned int t")
    assert something_else and "with no barrier between" in seen


def test_the_second_array_is_needed(sim_with, monkeypatch):
    something_else, seen = differs(sim_with, monkeypatch, r"\((?:\(step \+ 1\)|step) & 1 \? v\d+ : (v\d+)\)", r"\1")
    assert something_else and "with no barrier between" in seen


def test_a_text_that_is_left_alone_is_the_same_in_every_order(sim_with, monkeypatch):
    assert differs(sim_with, monkeypatch, "w.meet", "w.meet") == (False, "")
