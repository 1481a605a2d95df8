"""Rows of a shuffled batch in order of their label: the batches stay the batches."""

import numpy as np

from gpunn import random
from gpunn.training.feeds.base import grouped


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
