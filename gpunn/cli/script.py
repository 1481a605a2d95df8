"""``gpunn run``: a script written for Keras, tf.keras or scikit-learn's networks, run on gpunn without a change."""

import os
import runpy
import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import gpunn
from gpunn import compat, config
from gpunn.cli.inputs import choose_backend
from gpunn.cli.shell import FAILED, OK, Failure, debugging

BACKENDS = ("auto", "cpu", "gpu", "sim")


def run(script: Path, arguments: Sequence[str], backend: str) -> int:
    """Run it as ``python script arguments`` would; the exit code.

    Raises:
        Failure: when there is no such script, or the backend cannot be used.
        SystemExit: as the script ends itself.
    """
    if not script.is_file():
        raise Failure(f"There is no script {str(script)!r}.")
    arguments, backend = _own_options(arguments, backend)
    name = backend if backend == "sim" else choose_backend(backend)
    try:
        with gpunn.device(name), compat.install(), _in_children(name), _as_main(script, arguments):
            runpy.run_path(str(script), run_name="__main__")
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        _print_traceback(error, script)
        return FAILED
    return OK


def _own_options(arguments: Sequence[str], backend: str) -> tuple[list[str], str]:
    """Take ``--backend`` out of what follows the script; all after ``--`` is the script's, whatever it looks like."""
    mine = list(arguments)
    theirs: list[str] = []
    while mine:
        word = mine.pop(0)
        if word == "--":
            return theirs + mine, backend
        name, equals, value = word.partition("=")
        if name != "--backend":
            theirs.append(word)
            continue
        backend = value if equals else mine.pop(0) if mine else ""
        if backend not in BACKENDS:
            raise Failure(f"--backend: expected one of {', '.join(BACKENDS)}. Received: {backend!r}. (A script's own goes after --.)")
    return theirs, backend


@contextmanager
def _in_children(backend: str) -> Iterator[None]:
    """Processes that the script starts are served gpunn as well, on the same backend."""
    before = {name: os.environ.get(name) for name in ("PYTHONPATH", "GPUNN_BACKEND")}
    folders = [str(Path(compat.__file__).parent / "startup"), *filter(None, [before["PYTHONPATH"]])]
    os.environ |= {"PYTHONPATH": os.pathsep.join(folders), "GPUNN_BACKEND": backend}
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def _as_main(script: Path, arguments: Sequence[str]) -> Iterator[None]:
    """The arguments, the import path and the warnings that the script would have by itself."""
    argv, path = sys.argv, sys.path[:]
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        sys.argv = [str(script), *arguments]
        sys.path.insert(0, str(script.resolve().parent))
        try:
            yield
        finally:
            sys.argv, sys.path[:] = argv, path


def _show_warning(message: Any, category: type[Warning], filename: str, lineno: int, file: Any = None, line: str | None = None) -> None:
    print(warnings.formatwarning(message, category, filename, lineno, line), end="", file=sys.stderr)


def _print_traceback(error: BaseException, script: Path) -> None:
    """As Python prints it, from the script's first line on."""
    trace: TracebackType | None = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename != str(script):
        trace = trace.tb_next
    shown = trace
    if config.is_traceback_filtering_enabled() and not debugging():
        shown = _without_our_lines(trace)
    if shown is not trace:  # said first, so that the error stays the last line
        how = "GPUNN_DEBUG=1, or keras.config.disable_traceback_filtering(), shows them."
        print(f"(gpunn's own lines are left out. {how})", file=sys.stderr)
    traceback.print_exception(type(error), error, shown)


def _without_our_lines(trace: TracebackType | None) -> TracebackType | None:
    """The same trace without what ran in gpunn, as Keras's users know it; itself where nothing did."""
    frames = []
    while trace is not None:
        frames.append(trace)
        trace = trace.tb_next
    kept = [f for f in frames if not str(f.tb_frame.f_globals.get("__name__", "")).startswith("gpunn.")]
    if len(kept) == len(frames):
        return frames[0] if frames else None
    rest: TracebackType | None = None
    for f in reversed(kept):
        rest = TracebackType(rest, f.tb_frame, f.tb_lasti, f.tb_lineno)
    return rest
