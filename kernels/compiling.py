"""Kernels that were never compiled here: by several processes side by side, with word of how far they are.

Processes share what they make through the cache folder alone: one that fails, or cannot be started, leaves its work to this one. Imported
without Numba, used only with it.
"""

import contextlib
import os
import pathlib
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from gpunn.kernels.record import Kernel

FEWEST = 4  # missing kernels for which another process is worth its start of a second or two
MOST = 4  # processes: the slowest kernel of a dense network takes a fifth of the time of all
WORKER = "import sys; sys.path[:] = {path!r}; from gpunn.kernels.compiling import serve; serve()"

Listener = Callable[[int, int], None]
listeners: list[Listener] = []  # called with (done, count) before the first kernel and after each, from any thread, by one at a time


def words(done: int, count: int) -> str:
    """What a listener may show."""
    return f"compiling kernels, this once: {done} of {count}"


def prepare(wanted: Sequence[tuple[Kernel, np.dtype]], cores: int) -> None:
    """Compile into the cache folder what is missing of these kernels for their floating types: by ``GPUNN_COMPILERS`` processes, else by as
    many as there are cores, up to `MOST`."""
    from gpunn.kernels import native

    files = native.missing(wanted)
    if not files:
        return
    processes = int(os.environ.get("GPUNN_COMPILERS", 0)) or min(cores, MOST)
    jobs = _Jobs(files)
    with contextlib.ExitStack() as others:
        if len(files) >= FEWEST and sys.executable and not getattr(sys, "frozen", False):  # else this program cannot be started again
            for _ in range(min(processes, len(files)) - 1):
                others.enter_context(_help(jobs))
        others.callback(jobs.stop)  # first: an error here must not leave anybody waiting for this one's job
        while file := jobs.take():
            native.load(file)
            jobs.ended(file)


def serve() -> None:
    """Say "ready", then compile the files whose names come, a line each, and answer each with a line."""
    from gpunn.kernels import native

    print("ready", flush=True)
    for line in sys.stdin:
        native.load(pathlib.Path(line.rstrip("\n")))
        print("compiled", flush=True)


class _Jobs:
    """The files that are left to compile, for several threads."""

    def __init__(self, files: Sequence[pathlib.Path]):
        self._left, self._count, self._done, self._under_way, self._stopped = list(files), len(files), 0, 0, False
        self._changed = threading.Condition()
        self._tell()

    def take(self) -> pathlib.Path | None:
        """The next one, once there is one; None when all are done."""
        with self._changed:
            self._changed.wait_for(lambda: self._left or not self._under_way or self._stopped)
            if self._stopped or not self._left:
                return None
            self._under_way += 1
            return self._left.pop(0)

    def ended(self, file: pathlib.Path, compiled: bool = True) -> None:
        """Of one that was taken: done, or still to do."""
        with self._changed:
            self._under_way -= 1
            if compiled:
                self._done += 1
                self._tell()
            else:
                self._left.append(file)
            self._changed.notify_all()

    def stop(self) -> None:
        """Nobody takes one any more."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def _tell(self) -> None:
        for listener in tuple(listeners):
            listener(self._done, self._count)


@contextlib.contextmanager
def _help(jobs: _Jobs) -> Iterator[None]:
    """Within the block a process takes jobs as well."""
    try:
        process = subprocess.Popen(
            [sys.executable, "-c", WORKER.format(path=sys.path)], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )
    except OSError:
        yield
        return
    thread = threading.Thread(target=_give, args=(jobs, process), daemon=True, name="gpunn compiles")
    thread.start()
    try:
        yield
    finally:
        process.kill()
        thread.join()
        process.communicate()


def _give(jobs: _Jobs, process: "subprocess.Popen[str]") -> None:
    """One file after another to a process, from its first word on, while it answers."""
    answers = process.stdout.readline()  # type: ignore[union-attr]
    while answers and (file := jobs.take()):
        try:
            print(file, file=process.stdin, flush=True)
            answers = process.stdout.readline()  # type: ignore[union-attr]
        except OSError:
            answers = ""
        jobs.ended(file, bool(answers))
