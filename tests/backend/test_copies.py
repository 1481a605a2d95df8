"""Copies that a recorded program does without: what it computes stays the same, and a copy that is needed stays."""

import numpy as np
import pytest

from gpunn.backend import get_backend
from gpunn.backend.copies import made_in_place
from gpunn.kernels.record import REGISTRY

pytestmark = pytest.mark.usefixtures("cpu")
COPY, RELU, ADD = REGISTRY["linear"], REGISTRY["relu"], REGISTRY["add"]


class Story:
    """A few arrays by name, and launches on them."""

    def __init__(self):
        self.ops = get_backend("cpu")
        self.arrays = {n: self.ops.asarray(np.arange(-8, 8, dtype=np.float32) + k).reshape(4, 4) for k, n in enumerate("abcdxy")}

    def nodes(self, launches):
        with self.ops.record() as program:
            for kernel, *names in launches:
                self.ops.launch(kernel, *(eval(n, {}, self.arrays) for n in names))
        return program


STORIES = {  # launches, whether the copy stays, and what is looked at
    "made and copied": ([(RELU, "a", "x"), (COPY, "x", "b")], False, "ab"),
    "used before": ([(RELU, "a", "x"), (RELU, "x", "c"), (COPY, "x", "b")], False, "abc"),
    "a part is used": ([(RELU, "a", "x"), (RELU, "x[2:]", "c[:2]"), (COPY, "x", "b")], False, "abc"),
    "used afterwards": ([(RELU, "a", "x"), (COPY, "x", "b"), (RELU, "x", "c")], True, "abc"),
    "written afterwards": ([(RELU, "a", "x"), (COPY, "x", "b"), (RELU, "b", "x"), (RELU, "x", "c")], True, "abc"),
    "was there": ([(RELU, "x", "c"), (COPY, "x", "b")], True, "abc"),
    "added to": ([(ADD, "x", "a"), (COPY, "x", "b")], True, "abx"),
    "the target is read in between": ([(RELU, "a", "x"), (RELU, "b", "c"), (COPY, "x", "b")], True, "abc"),
    "the target is read by who makes it": ([(REGISTRY["relu_bwd"], "a", "b", "x"), (COPY, "x", "b")], True, "ab"),
    "part of what another array has": ([(RELU, "a", "x"), (COPY, "x[1:3]", "b[:2]")], True, "ab"),
    "two copies": ([(RELU, "a", "x"), (COPY, "x", "y"), (COPY, "y", "b")], False, "ab"),
    "a sum": ([(REGISTRY["column_sum"], "a", "0.0", "x[0]"), (COPY, "x[0]", "b[3]")], False, "ab"),
    "a sum that adds": ([(REGISTRY["column_sum"], "a", "1.0", "x[0]"), (COPY, "x[0]", "b[3]")], True, "ab"),
}  # fmt: skip


def test_what_others_read_between_two_runs_is_still_written():
    story = Story()
    program = story.nodes([(RELU, "a", "x"), (COPY, "x", "b")])
    assert len(made_in_place(program.nodes, story.ops.address, [story.arrays["x"][1:2]])) == 2
    assert len(made_in_place(program.nodes, story.ops.address, [story.arrays["y"]])) == 1


@pytest.mark.parametrize("name", STORIES)
def test_the_same_comes_out(name):
    launches, stays, seen = STORIES[name]
    results, counts = [], []
    for shortened in (False, True):
        story = Story()
        program = story.nodes(launches)
        if shortened:
            program.nodes[:] = made_in_place(program.nodes, story.ops.address)
        counts.append(len(program.nodes))
        program.run(1)
        results.append([story.arrays[n].copy() for n in seen])
    for a, b in zip(*results, strict=True):
        np.testing.assert_array_equal(a, b)
    assert (counts[0] == counts[1]) == stays
