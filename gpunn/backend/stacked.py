"""Replicas on a device: the arrays of all lie side by side, and one launch serves all.

Every replica records its step as ever, on arrays that `Section` gives it: slice r of a buffer that holds the same array of all of them. So
the recorded programs differ in addresses alone, by the same distance everywhere, and replica 0's stands for all: what is fused, planned and
laid over two streams is decided on its launches, and each is then done for all replicas at once (`Many`: one more axis of the grid; for
products a batch of matrices a fixed distance apart).
"""

import bisect
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np

from gpunn.backend import fuse_nodes, products
from gpunn.backend.device_program import DeviceProgram
from gpunn.backend.many import Many
from gpunn.backend.schedule import Node
from gpunn.backend.together import Section, Stack, Together
from gpunn.kernels.many import MOST, table_dtype

ALIGN = 256  # bytes: every slice starts as an allocation of its own would


class DifferentSteps(ValueError):
    """Replicas do not record the same step."""


class _EachInt(int):
    """A constant that every replica has its own of; as a number it is replica 0's."""

    values: list[Any]


class _EachFloat(float):
    values: list[Any]


def _each(values: Sequence[Any]) -> Any:
    made = (_EachInt if isinstance(values[0], (int, np.integer)) else _EachFloat)(values[0])
    made.values = list(values)
    return made


class _Slices:
    """What is allocated in one section: the k-th allocation of every replica lies in the k-th buffer."""

    def __init__(self, stack: "DeviceStack", replica: int, taken: list[Any], blank: bool):
        self.stack, self.replica, self.taken, self.next, self.blank = stack, replica, taken, 0, blank

    def take(self, shape: Any, dtype: Any) -> Any:
        stack, kind = self.stack, np.dtype(dtype)
        shape = tuple(shape) if isinstance(shape, (tuple, list)) else (int(shape),)
        size = int(np.prod(shape, dtype=np.int64)) * kind.itemsize
        pitch = max(1, -(-size // ALIGN)) * ALIGN
        if self.replica == 0:
            buffer = stack.ops.allocate((stack.count * pitch,), np.uint8)
            if self.blank:
                stack.ops.write(buffer, 0)
            self.taken.append((shape, kind, pitch, buffer))
            stack.know(buffer, pitch)
        if self.next >= len(self.taken) or self.taken[self.next][:2] != (shape, kind):
            raise DifferentSteps(f"Replicas: replica {self.replica} does not make the arrays that replica 0 makes: {shape} of {kind}.")
        _, _, pitch, buffer = self.taken[self.next]
        self.next += 1
        start = self.replica * pitch
        return buffer[start : start + size].view(kind).reshape(shape)


class DeviceStack(Stack):
    """Replicas of a device whose arrays lie side by side."""

    moves = True

    def __init__(self, ops: Any, count: int):
        super().__init__(ops, count)
        if count > MOST:
            raise ValueError(f"Replicas: at most {MOST} at once. Received: {count}.")
        self._places: list[tuple[int, int, Any]] = []  # of every buffer: address, bytes of a slice, itself

    # ------------------------------------------------------------------ where arrays lie
    def section(self) -> Section:
        taken: list[Any] = []

        @contextmanager
        def of(replica: int, blank: bool = False) -> Iterator[None]:
            with self.ops.allocating(_Slices(self, replica, taken, blank)):
                yield

        return of

    def know(self, buffer: Any, pitch: int) -> None:
        bisect.insort(self._places, (self.ops.address(buffer), pitch, buffer), key=lambda place: place[0])

    def pitch(self, array: Any) -> int:
        """Bytes between two replicas' arrays, given replica 0's; 0 for an array that all have in common."""
        at = self.ops.address(array)
        i = bisect.bisect_right(self._places, at, key=lambda place: place[0]) - 1
        if i < 0:
            return 0
        base, pitch, buffer = self._places[i]
        if at >= base + buffer.nbytes:
            return 0
        if at + array.nbytes > base + pitch:
            raise DifferentSteps(f"Replicas: an array of shape {array.shape} is not replica 0's.")
        return pitch

    def read(self, arrays: Sequence[Any]) -> list[Any]:
        """One read for all."""
        first = arrays[0]
        pitch, at = self.pitch(first), self.ops.address(first)
        i = bisect.bisect_right(self._places, at, key=lambda place: place[0]) - 1
        base, _, buffer = self._places[i]
        whole = self.ops.to_numpy(buffer).reshape(self.count, pitch)[:, at - base : at - base + first.nbytes]
        return [np.ascontiguousarray(line).view(first.dtype).reshape(first.shape) for line in whole]

    def each(self, work: Callable[[int], Any]) -> list[Any]:
        with ThreadPoolExecutor(min(self.count, os.cpu_count() or 1, 16)) as pool:
            return list(pool.map(work, range(self.count)))

    # ------------------------------------------------------------------ programs
    def program(self, programs: Sequence[Any]) -> Together:
        return StackedProgram(self, programs)

    def merged(self, programs: Sequence[Any]) -> list[Node]:
        """Replica 0's launches. Raises `DifferentSteps` where another's are not the same at their own places."""
        out = []
        for i, nodes in enumerate(zip(*[p.nodes for p in programs], strict=False)):
            first = nodes[0]
            if any(n.kernel is not first.kernel or n.extent != first.extent for n in nodes):
                raise DifferentSteps(f"Replicas: launch {i} is {[n.kernel.name for n in nodes]}.")
            arguments = list(first.arguments)
            for k, o in enumerate(first.kernel.operands):
                own = [n.arguments[k] for n in nodes]
                if o.kind == "const":
                    arguments[k] = own[0] if all(v == own[0] for v in own) else _each(own)
                else:
                    self._check(o, own, first.kernel.name)
            out.append(Node(first.kernel, arguments, first.extent))
        if len({len(p.nodes) for p in programs}) > 1:
            raise DifferentSteps(f"Replicas: steps of {sorted({len(p.nodes) for p in programs})} launches.")
        return out

    def _check(self, operand: Any, own: Sequence[Any], kernel: str) -> None:
        pitch, at = self.pitch(own[0]), self.ops.address(own[0])
        for r, a in enumerate(own):
            if a.shape != own[0].shape or a.dtype != own[0].dtype or (a.nbytes and self.ops.address(a) != at + r * pitch):
                raise DifferentSteps(f"Replicas: operand {operand.name!r} of {kernel} is not replica {r}'s own array.")
        if operand.written and not pitch and own[0].nbytes and self.count > 1:
            raise DifferentSteps(f"Replicas: {kernel} would write operand {operand.name!r}, which all replicas have in common.")

    def many(self, node: Node) -> Node:
        """A launch for all replicas."""
        if isinstance(node, products.Planned):
            return node  # its plan is one of a batch of products
        steps = [0 if o.kind == "const" else self.pitch(a) // a.itemsize for o, a in zip(node.kernel.operands, node.arguments, strict=True)]
        tables, dtype = {}, node.kernel.dtype(node.arguments)
        for o, a in zip(node.kernel.operands, node.arguments, strict=True):
            if o.kind == "const" and isinstance(a, (_EachInt, _EachFloat)):
                tables[o.name] = self.ops.asarray(np.array(a.values, table_dtype(node.kernel, o.name, dtype)))
        return Many(node.kernel, node.arguments, node.extent, count=self.count, steps=tuple(steps), tables=tables)


class StackedProgram(Together):
    """The step of all replicas."""

    def __init__(self, stack: DeviceStack, programs: Sequence[Any]):
        super().__init__(programs)
        self._program = _Merged(stack, stack.merged(programs))

    def run(self, steps: int = 1) -> None:
        self._program.run(steps)

    def describe(self) -> list[str]:
        return self._program.describe()


class _Merged(DeviceProgram):
    def __init__(self, stack: DeviceStack, nodes: list[Node]):
        super().__init__(stack.ops)
        self._stack, self.nodes = stack, nodes

    @property
    def launches(self) -> list[Node]:
        if self._launches is None:
            with self._stack.section()(0, blank=True):  # what a fused launch needs beside, all replicas need
                program = fuse_nodes.fuse(self.nodes, self._ops)
                program.batch = self._stack
                if self._ops.light is not None:
                    products.plan(program)
            self._launches = [self._stack.many(node) for node in program.nodes]
        return self._launches
