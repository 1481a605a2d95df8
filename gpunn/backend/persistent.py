"""One kernel that stays on the device for many steps, in the place of a graph: no launches between the phases of a step, barriers only.

Proven by the stand-in and by compiling it; no device has run it yet. So a device takes it only where it has measured it to be faster than
the graph (see `choice`), and only for steps that it can hold.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from gpunn.backend.errors import size
from gpunn.backend.fuse_step import fused
from gpunn.backend.phases import Chain, phases, written_bytes
from gpunn.backend.schedule import Node
from gpunn.kernels import data, step
from gpunn.kernels.persistent import MOST_PARAMETERS, Launch, persistent_text, why_not

MOST_LAUNCHES = 64  # of a step: what is compiled for one grows with it
MOST_STEPS = 1024  # in one launch: some drivers end a kernel that runs for seconds
COUNTERS = (data.ADVANCE, step.FINISH, step.FINISH_ADAM)


class NoForm(ValueError):
    """A step has no form as one kernel; the message says why."""


class PersistentStep:
    """A recorded step as one kernel. Raises `NoForm`. Nothing is compiled before the first `run`.

    ``phases``: its launches, in chains; ``carried``: whether the first phase runs beside the last one of the step before; ``module``: the
    text; ``function``: the compiled kernel, or None.
    """

    def __init__(self, ops: Any, nodes: Sequence[Node]):
        if not ops.cooperative:
            raise NoForm("the device has no cooperative launches")
        self._ops = ops
        launches = list(nodes)
        for cut in (True, False) if len(nodes) <= 2 * MOST_LAUNCHES else ():  # more are too many whatever is fused, and looking takes long
            launches = fused(nodes, ops, cut)
            if len(launches) <= MOST_LAUNCHES:
                break
        if len(launches) > MOST_LAUNCHES:
            raise NoForm(f"a step of {len(launches)} launches, and at most {MOST_LAUNCHES} fit")
        if reason := next((why for n in launches if (why := why_not(Launch(n.kernel, n.arguments)))), None):
            raise NoForm(reason)
        placed = phases(launches, ops)
        written = written_bytes(launches, ops.address) + sum(a.nbytes for a in placed.twice)
        if written > (most := ops.properties.cache // 2):
            raise NoForm(f"a step writes {size(written)}, more than half of the device's cache ({size(most)})")
        self.phases, self.carried = placed.phases, placed.carried
        self._twice = {ops.address(a): ops.empty(a.shape, a.dtype) for a in placed.twice}
        text = self._text(self.phases)
        if len(text.arguments) + 2 > MOST_PARAMETERS:
            raise NoForm(f"a step of {len(text.arguments)} arrays and numbers")
        self.module, self._arguments = text.module, text.arguments
        self.function: Any = None
        self._arrived = ops.zeros((1,), "uint32")

    def _text(self, groups: Sequence[Sequence[Chain]]) -> Any:
        launches = [[[Launch(n.kernel, n.arguments) for n in chain] for chain in group] for group in groups]
        return persistent_text(launches, self.carried, self._ops.properties, self._ops.address, self._twice)

    def compile(self) -> None:
        """Raises `KernelCompileError`, or RuntimeError where a device cannot hold a block on each multiprocessor."""
        if self.function is None:
            self.function = self._ops.compile_persistent(self.module)

    def run(self, steps: int, frozen: bool = False) -> None:
        """`steps` steps; `frozen`: all of the same batch, and nothing is counted."""
        self.compile()
        groups = [[frozen_nodes(chain) for chain in group] for group in self.phases] if frozen else []
        arguments = self._text(groups).arguments if frozen else self._arguments
        while steps > 0:
            now = min(steps, MOST_STEPS)
            self._ops.call_persistent(self.function, now, self._arrived, arguments)
            steps -= now

    @property
    def barriers(self) -> int:
        """Of one step."""
        return len(self.phases) - self.carried

    def describe(self) -> list[str]:
        names = [", ".join(" > ".join(f"{n.kernel.name} x {n.extent}" for n in chain) for chain in group) for group in self.phases]
        if self.carried:
            names[0] += " (beside the last phase of the step before)"
        return [f"phase {i}: {text}" for i, text in enumerate(names)]


def frozen_nodes(nodes: Sequence[Any]) -> list[Any]:
    """Launches in which no counter goes on, so that they may be tried as often as one likes."""
    out = []
    for node in nodes:
        names = [o.name for o in node.kernel.operands]
        if node.kernel in COUNTERS:
            stopped = {names.index(name) for name in ("by", "steps", "counts") if name in names}
            node = replace(node, arguments=[0 if i in stopped else a for i, a in enumerate(node.arguments)])
        out.append(node)
    return out
