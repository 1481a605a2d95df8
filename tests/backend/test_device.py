"""The device's path, on `sim`, against the CPU's: same weights, order and masks; what a step may not do; what goes wrong."""

import threading

import numpy as np
import pytest

import gpunn
from gpunn import callbacks, layers, models
from gpunn.backend.device_program import STEPS_PER_GRAPH
from gpunn.backend.errors import DeviceMemoryError, KernelCompileError
from gpunn.backend.schedule import Node
from gpunn.kernels import elementwise
from gpunn.kernels.cuda_text import SUFFIX, typed
from gpunn.kernels.record import REGISTRY, Kernel, parse
from gpunn.training import pace

ROWS, BATCH = 331, 32  # the last batch is short, and an epoch is more than one graph of several steps would be
RNG = np.random.default_rng(3)
X = RNG.integers(0, 256, (ROWS, 12)).astype(np.uint8)
Y = (X.astype(int).sum(axis=1) % 5).astype(np.int64)
ONE_HOT = np.eye(5)[Y]


def network(name, kind="labels", optimizer="adam"):
    with gpunn.device(name):
        gpunn.utils.set_random_seed(11)
        model = models.Sequential([
            layers.Input((12,)), layers.Dense(24), layers.BatchNormalization(), layers.Activation("relu"), layers.Dropout(0.3),
            layers.Dense(16, activation="tanh"), layers.Dense(9, activation="relu"), layers.Dense(5, activation="softmax"),
        ])  # fmt: skip
        loss = "sparse_categorical_crossentropy" if kind == "labels" else "categorical_crossentropy"
        model.compile(optimizer, loss, ["accuracy"])
    return model


def trained(name, kind="labels", epochs=3, **options):
    model = network(name, kind, **options)
    before = model.get_weights()
    history = model.fit(X, Y if kind == "labels" else ONE_HOT, batch_size=BATCH, epochs=epochs, verbose=0).history
    return model, before, history


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
@pytest.mark.parametrize("kind", ["labels", "one-hot"])
@pytest.mark.parametrize("order", ["forward", "reverse", "shuffled"])
def test_training_equals_the_cpus(sim_with, order, kind, optimizer):
    sim_with(order=order)
    cpu, start, expected = trained("cpu", kind, optimizer=optimizer)
    sim, same_start, history = trained("sim", kind, optimizer=optimizer)
    for a, b in zip(start, same_start, strict=True):
        assert np.array_equal(a, b)
    np.testing.assert_allclose(history["loss"], expected["loss"], rtol=1e-4)
    np.testing.assert_allclose(history["accuracy"], expected["accuracy"], atol=1.01 / ROWS)  # a tie may fall either way
    for a, b in zip(cpu.get_weights(), sim.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-3, atol=2e-5)


def test_the_same_seed_gives_the_same_bits(sim_with):
    results = []
    for order in ("forward", "reverse", "shuffled"):
        sim_with(order=order)
        results.append(trained("sim", epochs=1)[0].get_weights())
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            assert np.array_equal(a, b)


def test_one_stream_gives_the_bits_of_two(sim_with):
    results = []
    for fork in (True, False):
        sim_with().fork = fork
        results.append(trained("sim", epochs=1)[0].get_weights())
    for a, b in zip(*results, strict=True):
        assert np.array_equal(a, b)


def test_guarded_and_watched_memory(sim_with):
    sim_with(guard=True, watch=True)
    trained("sim", epochs=1)


def test_float64(sim_with):
    sim_with()
    gpunn.config.set_floatx("float64")
    try:
        _, _, expected = trained("cpu", epochs=2)
        sim, _, history = trained("sim", epochs=2)
    finally:
        gpunn.config.set_floatx("float32")
    assert sim.get_weights()[0].dtype == np.float64
    np.testing.assert_allclose(history["loss"], expected["loss"], rtol=1e-10)


def test_evaluate_and_predict(sim_with):
    sim_with()
    cpu, sim = network("cpu"), network("sim")
    sim.set_weights(cpu.get_weights())
    weights = RNG.uniform(0.5, 2, ROWS)
    np.testing.assert_allclose(sim.evaluate(X, Y, batch_size=50, verbose=0), cpu.evaluate(X, Y, batch_size=50, verbose=0), rtol=1e-5)
    ours = sim.evaluate(X, Y, sample_weight=weights, verbose=0)
    np.testing.assert_allclose(ours, cpu.evaluate(X, Y, sample_weight=weights, verbose=0), rtol=1e-5)
    np.testing.assert_allclose(sim.predict(X, batch_size=50, verbose=0), cpu.predict(X, batch_size=50, verbose=0), rtol=1e-4, atol=1e-6)


def test_sample_weights_and_batches(sim_with):
    sim_with()
    losses = {}
    for name in ("cpu", "sim"):
        model = network(name)
        weights = np.linspace(0.1, 2, ROWS)
        history = model.fit(X, Y, batch_size=BATCH, epochs=2, sample_weight=weights, verbose=0).history
        losses[name] = history["loss"] + [model.train_on_batch(X[:7], Y[:7])[0], model.test_on_batch(X[:9], Y[:9])[0]]
    np.testing.assert_allclose(losses["sim"], losses["cpu"], rtol=1e-4)


def test_reads_graphs_and_memory(sim_with):
    """One read an epoch; two graphs for whole batches, one for the short one; nothing is allocated once the graphs are made."""
    ops = sim_with()
    seen = []

    class Watch(gpunn.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append((ops.reads, ops.allocations, ops.captures))

    model = network("sim")
    steps = 2 * STEPS_PER_GRAPH + 3
    rows = RNG.integers(0, 256, (steps * 4 + 2, 12)).astype(np.uint8)
    model.fit(rows, np.arange(len(rows)) % 5, batch_size=4, epochs=4, verbose=0, callbacks=[Watch()])
    reads, allocations, captures = zip(*seen[1:], strict=True)  # the first epoch makes the graphs
    assert np.diff(reads).tolist() == [1, 1]
    assert set(captures) == {3}
    assert len(set(allocations)) == 1


def test_an_allocation_inside_a_captured_step_is_refused(sim_with, monkeypatch):
    ops = sim_with()
    model = network("sim")
    wrong = ops.run_node

    def allocating(node, lane=0):
        if ops._capturing:
            ops.empty((3,))
        wrong(node, lane)

    monkeypatch.setattr(ops, "run_node", allocating)
    with pytest.raises(RuntimeError, match="allocates while it is captured"):
        model.fit(X, Y, verbose=0)


def test_a_later_epoch_is_whole_graphs(sim_with, monkeypatch):
    """Single steps, by which the first epoch finds how many to run between two looks, are not run again."""
    monkeypatch.setattr(pace, "CHUNK", 1e9)
    ops, seen = sim_with(), []
    replay = ops.replay
    monkeypatch.setattr(ops, "replay", lambda graph: (seen.append(graph), replay(graph)))
    ends = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(None))
    with gpunn.device("sim"):
        model = models.Sequential([layers.Input((5,)), layers.Dense(3)])
        model.compile("sgd", "mse")
    model.fit(np.ones((128, 5)), np.ones((128, 3)), batch_size=2, epochs=2, verbose=0, callbacks=[ends])
    assert len(seen) - 1 - seen.index(None) - 1 == 64 // STEPS_PER_GRAPH


def test_explain_counts_launches(sim_with):
    sim_with()
    with gpunn.device("sim"):
        model = models.Sequential([
            layers.Input((784,)), layers.Dense(300, activation="relu"), layers.Dense(100, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ])  # fmt: skip
        model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    text = model.explain(128, print_fn=lambda text: None)
    assert "softmax_ce_sparse_hit" in text and "finish_adam" in text and "gather_batch" in text
    assert "recorded as 26 launches" in text


def test_a_kernel_that_does_not_compile_is_named(sim_with, monkeypatch):
    ops = sim_with()
    text = 'extern "C" __global__ void broken_{}(const T* __restrict__ x, long long rows, long long columns) {{\n  nonsense here;\n}}\n'

    def cuda(dtype):
        return typed(text.format(SUFFIX[dtype]), dtype)

    kernel = Kernel(name="broken", operands=parse("x -> x"), extent=len, reference=lambda x: None, cuda=cuda)
    monkeypatch.setitem(REGISTRY, "broken", kernel)
    with pytest.raises(KernelCompileError, match=r"(?s)kernel broken_f32, line \d+.*nonsense here;.*whole log: .*\.log"):
        ops.launch(kernel, ops.zeros((3,)))


def test_a_users_kernel_is_compiled_when_it_is_first_launched(sim_with):
    ops = sim_with()

    @elementwise("x, y -> z", name="test_device_difference")
    def difference(x, y):
        return x - 2.0 * y

    try:
        z = ops.empty((5,))
        ops.launch(difference, ops.asarray(np.arange(5.0, dtype="float32")), ops.asarray(np.ones(5, "float32")), z)
        assert ops.to_numpy(z).tolist() == [-2, -1, 0, 1, 2]
    finally:
        del REGISTRY["test_device_difference"]


def test_out_of_memory(sim_with):
    ops = sim_with(memory=1000)
    with pytest.raises(DeviceMemoryError, match=r"'sim' is out of memory: 3\.9 KB were asked for, 1000 bytes are free"):
        ops.zeros((1000,))
    kept = ops.zeros((100,))
    assert ops.free_memory() == 600
    del kept
    assert ops.free_memory() == 1000


def test_a_batch_that_does_not_fit(sim_with):
    """The error names one that does, and with that one training goes on from the same weights."""
    ops = sim_with(memory=200_000)
    model = network("sim")
    before = model.get_weights()
    with pytest.raises(DeviceMemoryError, match=r"A step of 331 rows does not fit; a batch_size of (165|82) does\. The model is as it was"):
        model.fit(X, Y, batch_size=ROWS, verbose=0)
    for a, b in zip(before, model.get_weights(), strict=True):
        assert np.array_equal(a, b)
    model.fit(X, Y, batch_size=82, verbose=0)
    assert ops.free_memory() > 0


def test_a_program_inside_a_program_is_refused(sim_with):
    ops = sim_with()
    with ops.record(), pytest.raises(RuntimeError, match="being recorded already"), ops.record():
        pass


def test_a_product_of_shapes_that_do_not_fit(sim_with):
    ops = sim_with()
    nn = next(k for k in REGISTRY.values() if k.name == "gemm_nn")
    with pytest.raises(ValueError, match="do not give"):
        ops.run_node(Node(nn, [ops.zeros((2, 3)), ops.zeros((4, 5)), 0.0, ops.zeros((2, 5))], 2))


def test_the_name_device_stays_a_function(sim_with):
    """A submodule of that name would take its place once it was imported."""
    sim_with()
    network("sim")
    assert callable(gpunn.device) and gpunn.backend.device is gpunn.device


def test_families_are_compiled_side_by_side_and_once(sim_with, monkeypatch):
    ops = sim_with()
    asked, compile_ = [], ops.compile

    def counted(text):
        asked.append((threading.get_ident(), text.names))
        return compile_(text)

    monkeypatch.setattr(ops, "compile", counted)
    wanted = [(REGISTRY[name], "float32") for name in ("relu", "softmax", "silu", "relu_bwd", "mish", "softmax")]
    families = {kernel.family for kernel, _ in wanted}
    ops.ready(wanted)
    assert len(asked) == len(families) > 1 and threading.get_ident() not in {thread for thread, _ in asked}
    names = [name for _, of_family in asked for name in of_family]
    assert len(set(names)) == len(names), "each kernel is in one module"
    x = np.array([[-1.0, 2.0]], np.float32)
    ops.launch(REGISTRY["relu"], x, x)
    ops.synchronize()
    np.testing.assert_array_equal(x, [[0.0, 2.0]])
    ops.ready(wanted)
    assert len(asked) == len(families), "nothing is left to compile"


def test_a_family_that_cannot_be_compiled_is_told(sim_with, monkeypatch):
    ops = sim_with()

    def refused(text):
        raise RuntimeError("no compiler")

    monkeypatch.setattr(ops, "compile", refused)
    with pytest.raises(RuntimeError, match="no compiler"):
        ops.ready((REGISTRY[name], "float32") for name in ("relu", "silu"))
