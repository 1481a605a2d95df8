"""What a backend offers the layers: arrays, kernel launches, matrix products, and recording launches into a program.

A *program* is a train (or predict) step recorded once: launches on arrays that stay where they are. Replaying it runs the step again; what
differs from step to step (position in the epoch, step number, learning rate) is read from memory on the device.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Protocol

import numpy as np

from gpunn.backend.foreign import elsewhere, gpu_of
from gpunn.backend.together import Stack
from gpunn.kernels import Kernel, gemm


class Program(Protocol):
    """A recorded step. ``repeated``: whether it is run many times in a row, as the step of a whole batch is."""

    nodes: list[Any]
    repeated: bool

    def run(self, steps: int = 1) -> None:
        """Replay the step `steps` times."""

    def describe(self) -> list[str]:
        """A line for each node, for `Model.explain`."""


class Backend:
    """Base class. Subclasses say where arrays live and how a kernel is launched.

    Attributes: ``name`` ("cpu", "gpu", "sim"); ``reads``, how many times values came back to the host (a test counts them).
    """

    name = "base"
    block = 4 << 20  # bytes of data that are brought here at a time, where not all of it is
    writes_later = False  # whether `write` may still read what it was given after it has returned
    chains = False  # whether launches on the same rows run one after another in the cache: parts then cost no more than one for all

    def __init__(self) -> None:
        self.reads = 0

    def here(self) -> AbstractContextManager:
        """Where library code that computes with our arrays runs."""
        return nullcontext()

    def free_memory(self) -> int | None:
        """Bytes that an allocation could get; None where arrays are in memory of the host."""
        return None

    # ------------------------------------------------------------------ arrays
    def empty(self, shape: tuple[int, ...], dtype: Any = "float32") -> Any:
        raise NotImplementedError

    def zeros(self, shape: tuple[int, ...], dtype: Any = "float32") -> Any:
        array = self.empty(shape, dtype)
        array[...] = 0
        return array

    def asarray(self, values: Any, dtype: Any = None) -> Any:
        """A C-contiguous array on this backend's device."""
        raise NotImplementedError

    def write(self, target: Any, values: Any) -> None:
        """Copy host values into an array that stays where it is."""
        raise NotImplementedError

    def to_numpy(self, array: Any) -> np.ndarray:
        """A copy on the host; waits for the device."""
        raise NotImplementedError

    def address(self, array: Any) -> int:
        """Where an array lies."""
        raise NotImplementedError

    def adopt(self, value: Any, name: str) -> Any | None:
        """An array that lives on this device already as one of ours, without a copy where it can be; None for what is in host memory.

        Raises ValueError, naming the argument, for an array on another device.
        """
        if (number := gpu_of(value)) is not None:
            raise elsewhere(name, number, self.name)
        return None

    def take_in(self, array: Any) -> Any:
        """An array as this device computes with it: one of the host's is uploaded where those are others."""
        return array

    def hand_out(self, array: Any) -> Any:
        """An array of ours that a caller gets as it is: what the caller does with it comes after what we do."""
        return array

    def first_not_finite(self, rows: Any) -> int | None:
        """The first row of an array of ours with NaN or infinity in it."""
        raise NotImplementedError

    # ------------------------------------------------------------------ uploads beside the steps; see training.feeds.ring
    def staging(self, array: Any) -> np.ndarray:
        """Memory of the host from which `upload` fills an array of ours: the array itself, where that is memory of the host."""
        return array

    def upload(self, target: Any, staged: np.ndarray) -> None:
        """Start a copy of staging memory, in the lane of copies. May be called from any thread, as the three that follow."""

    def mark(self, lane: int) -> Any:
        """A mark behind what a lane has been given so far, outside of any program; None where nothing ever waits."""
        return None

    def follow(self, lane: int, mark: Any) -> None:
        """What a lane is given from now on waits for a mark."""

    def reached(self, mark: Any) -> None:
        """Wait here until a mark has been passed."""

    # ------------------------------------------------------------------ kernels
    def launch(self, kernel: Kernel, *arguments: Any) -> None:
        """Run a kernel, or record it when a program is being recorded."""
        raise NotImplementedError

    def matmul(self, a: Any, b: Any, out: Any = None, *, ta: bool = False, tb: bool = False, add: bool = False) -> Any:
        """out (+)= op(a) @ op(b), with a and b taken as matrices (rows, everything else)."""
        rows = _columns(a) if ta else a.shape[0]
        columns = b.shape[0] if tb else _columns(b)
        if out is None:
            out = self.empty((rows, columns), a.dtype)
        kernel = gemm.GEMM_TN if ta else gemm.GEMM_NT if tb else gemm.GEMM_NN
        self.launch(kernel, a, b, float(add), out)
        return out

    def gram(self, x: Any, out: Any = None, *, columns: bool = False) -> Any:
        """out = x @ x' of a matrix, the products of all rows with each other; x' @ x with `columns`."""
        return self.matmul(x, x, out, ta=columns, tb=not columns)

    def square(self, x: Any, out: Any) -> Any:
        """out = x @ x of a symmetric matrix."""
        return self.matmul(x, x, out)

    @contextmanager
    def record(self) -> Iterator[Any]:
        """``with backend.record() as program:`` launches are recorded and not run."""
        raise NotImplementedError
        yield

    def stack(self, count: int) -> Stack:
        """Where `count` replicas of a model lie, and how their steps run together; see `together`."""
        return Stack(self, count)

    def set_precision(self, tf32: bool) -> None:
        """Whether products of float32 may be done in TF32, where the device has it."""

    def synchronize(self) -> None:
        """Wait until everything launched has run."""


def _columns(a: Any) -> int:
    return a.size // a.shape[0] if a.shape[0] else int(np.prod(a.shape[1:]))
