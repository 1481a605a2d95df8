"""Graph or persistent kernel: the faster one runs, if both come to the same weights; and the choice is remembered."""

import numpy as np
import pytest
from small_steps import agree, fitted, network, program_of

from gpunn.backend import algorithms, choice
from gpunn.backend.errors import DeviceMemoryError
from gpunn.backend.persistent import PersistentStep
from gpunn.kernels.device import ModuleText


class Clock:
    """Seconds that the graph and the kernel are said to take, in turns."""

    def __init__(self, ops, graph, kernel):
        self.taken, self.calls, self.ops = (graph, kernel), 0, ops

    def __call__(self, run):
        run()
        self.ops.synchronize()
        self.calls += 1
        return self.taken[(self.calls - 1) % 2] * choice.STEPS * 1e-6


@pytest.fixture
def timed(sim_with, tmp_path, monkeypatch):
    """``timed(graph, kernel)``: a device on which they take so many microseconds a step."""
    monkeypatch.setenv("GPUNN_CACHE", str(tmp_path))
    monkeypatch.setattr(choice, "STEPS", 4)

    def make(graph, kernel):
        algorithms.forget()
        ops = sim_with()
        ops.tuning = "a device"
        monkeypatch.setattr(ops, "clock", Clock(ops, graph, kernel))
        return ops

    yield make
    algorithms.forget()


def test_the_faster_one_is_taken_and_remembered(timed):
    ops = timed(31.24, 28.06)
    expected = fitted(ops, "never")
    model = network()
    ops.persistent = "measured"
    program = program_of(model)
    assert program.choice().why == "graph, or persistent kernel: 8 phases, 7 barriers a step: timed at the first step"
    assert program.choice().persistent is None and ops.clock.calls == 0
    agree(expected, fitted(ops, "measured"))
    assert ops.clock.calls == 2 * (choice.ROUNDS + 1)
    why = program_of(network()).choice().why
    assert why == "persistent kernel: 8 phases, 7 barriers a step; measured 28.1 us a step against 31.2 us of the graph"
    again = timed(1.0, 2.0)  # another process, which has the file
    agree(expected, fitted(again, "measured"))
    assert again.clock.calls == 0 and program_of(network()).choice().persistent is not None


def test_the_graph_stays_where_it_is_faster(timed):
    ops = timed(28.06, 31.24)
    expected = fitted(ops, "never")
    got = fitted(ops, "measured")
    assert program_of(network()).choice().why == "graph: measured 28.1 us a step against 31.2 us of the persistent"
    assert all(np.array_equal(a, b) for a, b in zip(expected[1], got[1], strict=True)) and expected[0] == got[0]


def test_tune_off_is_the_graph(timed, monkeypatch):
    monkeypatch.setenv("GPUNN_TUNE", "0")
    ops = timed(2.0, 1.0)
    fitted(ops, "measured", epochs=1)
    assert ops.clock.calls == 0 and program_of(network()).choice().why == "graph: nothing is timed here"


def test_a_kernel_that_computes_something_else_is_not_taken(timed, monkeypatch):
    ops = timed(31.0, 1.0)
    expected = fitted(ops, "never")
    compiled = PersistentStep.compile

    def broken(self):
        if "; w.column_sum_adam_f32(" in self.module.source:  # no updates of biases
            source = self.module.source.replace("; w.column_sum_adam_f32(", "; if (false) w.column_sum_adam_f32(")
            self.module = ModuleText(source, self.module.names)
        compiled(self)

    monkeypatch.setattr(PersistentStep, "compile", broken)
    got = fitted(ops, "measured")
    assert program_of(network()).choice().why == "graph: the persistent kernel comes to other weights"
    assert all(np.array_equal(a, b) for a, b in zip(expected[1], got[1], strict=True))


@pytest.mark.parametrize("step", ["compile_persistent", "call_persistent"])
def test_a_kernel_that_cannot_be_compiled_or_launched_is_not_taken(timed, monkeypatch, step):
    ops = timed(31.0, 1.0)

    def refuse(*arguments):
        raise RuntimeError("no multiprocessor can hold a block of it")

    monkeypatch.setattr(ops, step, refuse)
    agree(fitted(ops, "never"), fitted(ops, "measured"))
    why = "graph: the persistent kernel cannot be used (no multiprocessor can hold a block of it)"
    assert program_of(network()).choice().why == why


def test_too_little_memory_is_no_choice(timed, monkeypatch):
    """The graph runs, and another time both are tried."""
    ops = timed(31.0, 1.0)
    expected = fitted(ops, "never")

    def refuse(ops, array):
        raise DeviceMemoryError(array.nbytes, 0, ops.name)

    with monkeypatch.context() as patch:
        patch.setattr(choice, "_copy", refuse)
        got = fitted(ops, "measured")
    assert all(np.array_equal(a, b) for a, b in zip(expected[1], got[1], strict=True)) and ops.clock.calls == 0
    fitted(ops, "measured", epochs=1)
    assert ops.clock.calls and program_of(network()).choice().persistent is not None
