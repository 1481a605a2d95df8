"""Sums over tall matrices: in parts, the same numbers, and as many blocks as the device has room for."""

import numpy as np
import pytest
from kernel_targets import H200

import gpunn
from gpunn.backend import tall
from gpunn.backend.many import Many
from gpunn.backend.schedule import Node
from gpunn.kernels import REGISTRY
from gpunn.kernels.device import launch_geometry
from gpunn.kernels.step import gradient_sum

RNG = np.random.default_rng(0)
ROWS = (1023, 1024, 1500, 4096)


def operands(name, rows, columns, dtype):
    def real(*shape):
        return RNG.standard_normal(shape).astype(dtype)

    x, out = real(rows, columns) + 3, [real(columns), real(columns)]
    groups, places = 2, 3
    return {
        "column_sum": [x, 0.0, out[0]], "prelu_sum": [real(rows, columns), x, 1.0, out[0]],
        "relu_bwd_sum": [real(rows, columns), x, 1.0, out[0]], "moments": [x, *out],
        "normalize_sums": [real(rows, columns), x, real(columns), real(columns), *out],
        "group_sums": [
            real(rows - rows % places, columns), x[: rows - rows % places], real(rows // places, groups), real(rows // places, groups),
            places, groups, *out,
        ],
    }[name]


NAMES = ("column_sum", "prelu_sum", "relu_bwd_sum", "moments", "normalize_sums", "group_sums")


@pytest.fixture
def eager(monkeypatch):
    """Parts even where they would not pay."""
    monkeypatch.setattr(tall, "LAUNCH", 0.0)


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("rows", ROWS)
@pytest.mark.parametrize("name", NAMES)
def test_the_same_numbers(name, rows, sim_with):
    ops, dtype = sim_with(), "float64"
    given = operands(name, rows, 10, dtype)
    wanted = [a.copy() if isinstance(a, np.ndarray) else a for a in given]
    kernel = REGISTRY[name]
    kernel.reference(*wanted)
    with ops.record() as program:
        ops.launch(kernel, *given)
    assert len(program.launches) > 1 and isinstance(program.launches[0], Many)
    program.run()
    ops.synchronize()
    for o, mine, right in zip(kernel.operands, given, wanted, strict=True):
        if o.written:
            np.testing.assert_allclose(mine, right, rtol=1e-12, atol=1e-12, err_msg=o.name)


def test_they_have_to_pay():
    assert tall.pays(65536, 256, 1 << 26, H200) and tall.pays(100352, 32, 100352 * 128, H200)
    assert not tall.pays(128, 300, 128 * 1200, H200) and not tall.pays(1024, 300, 1024 * 1200, H200) and not tall.pays(0, 0, 0, H200)


@pytest.mark.usefixtures("eager")
def test_small_matrices_stay_whole(sim_with):
    ops = sim_with()
    for name in NAMES:
        with ops.record() as program:
            ops.launch(REGISTRY[name], *operands(name, 500, 10, "float32"))
        assert len(program.launches) == 1


@pytest.mark.usefixtures("eager")
def test_no_rows_or_columns(sim_with):
    ops = sim_with()
    for shape in ((0, 4), (5000, 0)):
        with ops.record() as program:
            ops.launch(REGISTRY["column_sum"], np.zeros(shape, "f4"), 0.0, out := np.ones(shape[1], "f4"))
        program.run()
        ops.synchronize()
        assert not out.any()


@pytest.mark.parametrize(("rows", "columns"), [(65536, 256), (100352, 32), (100352, 1), (8192, 300)])
def test_blocks_fill_the_device(rows, columns, sim_with):
    ops = sim_with()
    ops.properties = H200
    node = Node(REGISTRY["column_sum"], [np.empty((rows, columns), "f4"), 0.0, np.empty(columns, "f4")], columns)
    first, *_, last = tall.cut([node], ops)
    (blocks, *_), _ = launch_geometry(first.kernel, first.arguments, ops.properties, first.together)
    assert blocks * first.count >= min(ops.properties.multiprocessors, rows // tall.LEAST_ROWS)
    assert last.arguments[0].shape[0] >= first.count and last.kernel.name == "column_sum"


def test_what_is_read_twice_stays_near(sim_with):
    ops = sim_with()
    ops.properties = H200
    for dtype in ("f4", "f8"):
        node = Node(REGISTRY["moments"], [np.empty((65536, 256), dtype), np.empty(256, dtype), np.empty(256, dtype)], 256)
        first, last = tall.cut([node], ops)
        rows, (_, block) = first.arguments[0].shape[0], launch_geometry(first.kernel, first.arguments, H200, first.together)
        assert rows * block[0] * np.dtype(dtype).itemsize <= tall.NEAR
        assert rows * first.count == 65536 and last.kernel.name == "join_moments"
    many = np.broadcast_to(np.zeros(1, "f4"), (1 << 25, 1))  # more parts than a grid's third axis could hold
    node = Node(REGISTRY["moments"], [many, np.empty(1, "f4"), np.empty(1, "f4")], 1)
    assert tall.cut([node], ops)[0].count == tall.MOST_PARTS


def test_parts_are_sums_of_gradients_too():
    assert all(tall.is_gradient_sum(gradient_sum(REGISTRY[n])) for n in ("relu_bwd", "sigmoid_bwd"))
    assert not any(tall.is_gradient_sum(REGISTRY[n]) for n in ("moments", "relu_bwd", "column_sum"))


@pytest.mark.usefixtures("eager")
def test_a_network_with_tall_sums_trains_as_on_a_cpu(monkeypatch):
    seen, parts = set(), tall._parts

    def watched(node, ops):
        made = parts(node, ops)
        seen.update({node.kernel.name} if len(made) > 1 else ())
        return made

    monkeypatch.setattr(tall, "_parts", watched)
    x, y = RNG.standard_normal((32, 12, 12, 1)).astype("f4"), RNG.integers(0, 3, 32)
    weights = []
    for device in ("cpu", "sim"):
        gpunn.utils.set_random_seed(1)
        with gpunn.device(device):
            model = gpunn.Sequential([
                gpunn.layers.Input((12, 12, 1)), gpunn.layers.Conv2D(4, 3), gpunn.layers.BatchNormalization(),
                gpunn.layers.Activation("relu"), gpunn.layers.Flatten(), gpunn.layers.Dense(3, activation="softmax"),
            ])
            model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
        model.fit(x, y, batch_size=16, epochs=2, verbose=0)
        weights.append(model.get_weights())
    for mine, right in zip(*weights, strict=True):
        np.testing.assert_allclose(mine, right, rtol=1e-4, atol=1e-5)
    assert {"moments", "normalize_sums"} <= seen
