"""Cutting launches over flat vectors where their pieces were written."""

import numpy as np
import pytest

from gpunn.backend.cpu import CpuBackend
from gpunn.backend.flat import cut_flat
from gpunn.backend.schedule import Node
from gpunn.kernels import REGISTRY
from gpunn.kernels.gemm import GEMM_TN
from gpunn.kernels.reductions import COLUMN_SUM

SGD = REGISTRY["sgd"]


def step(cuts):
    """Two gradients written into a flat vector of 60 numbers at the places `cuts`, and an update of it all."""
    rng = np.random.default_rng(0)
    x, dy = rng.standard_normal((7, 5)).astype("f4"), rng.standard_normal((7, 4)).astype("f4")
    values, gradients = rng.standard_normal(60).astype("f4"), np.zeros(60, "f4")
    kernel, bias = gradients[cuts[0] : cuts[0] + 20].reshape(5, 4), gradients[cuts[1] : cuts[1] + 4]
    launches = [(GEMM_TN, [x, dy, 0.0, kernel]), (COLUMN_SUM, [dy, 0.0, bias]), (SGD, [values, gradients, np.array([0.1])])]
    return [Node(k, a, k.extent(*a)) for k, a in launches], values


def test_pieces_and_the_gaps_between_them():
    nodes, _ = step((8, 32))
    pieces = [(n.extent, n.arguments[0].size) for n in cut_flat(nodes) if n.kernel is SGD]
    assert pieces == [(8, 8), (5, 20), (4, 4), (4, 4), (24, 24)]


def test_crossing_writers_leave_the_launch_whole():
    nodes, _ = step((8, 26))
    assert [n.extent for n in cut_flat(nodes) if n.kernel is SGD] == [60]


@pytest.mark.parametrize("cuts", [(0, 20), (8, 32), (8, 26), (40, 0)])
def test_the_result_is_the_same(cuts):
    nodes, values = step(cuts)
    for node in nodes:
        node.kernel.reference(*node.arguments)
    want = values.copy()
    nodes, values = step(cuts)
    for node in cut_flat(nodes):
        node.kernel.reference(*node.arguments)
    np.testing.assert_array_equal(values, want)


def test_a_weight_is_updated_where_its_gradient_was_summed():
    pytest.importorskip("numba", reason="programs of phases need Numba")
    nodes, _ = step((8, 32))
    backend = CpuBackend(threads=2, compiled=True)
    with backend.record() as program:
        for node in nodes:
            backend.launch(node.kernel, *node.arguments)
    product = next(n for n in program.plan.order if n.kernel is GEMM_TN)
    update = next(n for n in program.plan.order if n.kernel is SGD and n.extent == 5)
    assert (product.phase, product.chain) == (update.phase, update.chain)
