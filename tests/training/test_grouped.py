"""Rows of a shuffled batch in order of their label: the batches stay the batches."""

import numpy as np
import pytest

from gpunn import random
from gpunn.backend.cpu import has_numba
from gpunn.training.feeds.base import grouped, ordered_fast


def test_the_same_batches_in_order_of_label():
    labels = np.random.default_rng(3).integers(0, 7, 103).astype(np.int32)
    order = random.permutation(103, 11)
    new = grouped(order, labels, 20)
    assert new.dtype == np.int32
    for start in range(0, 103, 20):  # the last one is short
        before, after = order[start : start + 20], new[start : start + 20]
        assert sorted(before) == sorted(after)
        assert (np.diff(labels[after]) >= 0).all()
    assert not np.array_equal(order, new)


@pytest.mark.skipif(not has_numba(), reason="Numba is not used here")
@pytest.mark.parametrize(("rows", "batch", "classes"), [(1, 1, 1), (103, 20, 7), (4096, 4096, 9), (5000, 128, 1), (50, 8, 10**6)])
@pytest.mark.parametrize("seed", [0, 2**63 - 1])
def test_compiled_orders_are_those_of_numpy(rows, batch, classes, seed):
    labels = np.random.default_rng(rows).integers(0, classes, rows).astype(np.int32)
    order = random.permutation(rows, seed, random.ORDER, 3)
    assert np.array_equal(ordered_fast(rows, batch, seed, 3, None, 0), order)
    assert np.array_equal(ordered_fast(rows, batch, seed, 3, labels, classes), grouped(order, labels, batch, classes))
