"""CUDA C as a shared library of the host: the kernels' text behind the shim, kept in the user's cache folder."""

import contextlib
import hashlib
import os
import pathlib
import shutil
import subprocess
import tempfile
from collections.abc import Sequence

from gpunn.kernels import cache

SHIM = pathlib.Path(__file__).with_name("cuda_host_shim.h")
BESIDE = [SHIM.with_name(f"cuda_host_{name}.h") for name in ("scheduler", "watch", "hooks")]  # what it, and what watches, includes
WATCH = SHIM.with_name("cuda_host_watch.cpp")
FLAGS = ("-O1", "-std=c++17", "-fPIC", "-w", "-ffp-contract=off", "-fno-strict-aliasing", "-U_FORTIFY_SOURCE", "-fno-threadsafe-statics")
WATCHED = ("-DSHIM_WATCH", "-fsanitize=thread,alignment")  # a call before each access; see WATCH


class HostCompileError(RuntimeError):
    """g++ is missing, or refused the text."""


def compiled(code: str, names: Sequence[str], options: Sequence[str] = (), watcher: pathlib.Path | None = None) -> pathlib.Path:
    """The library of a text whose kernels have these names, compiled unless it is in the cache. ``watcher``: what its accesses call.

    Raises `HostCompileError`.
    """
    command = [os.environ.get("CXX", "g++"), *FLAGS, *os.environ.get("CXXFLAGS", "").split(), *(WATCHED if watcher else ())]
    texts = [file.read_text() for file in (SHIM, *BESIDE, *([watcher] if watcher else []))]
    library = cache.folder("sim") / f"{_key(*command, *options, code, *texts)}.so"
    if library.exists():
        return library
    if shutil.which(command[0]) is None:
        raise HostCompileError(f"{command[0]} was not found. The sim backend compiles CUDA text for the CPU: install g++, or set CXX.")
    shim = _shim(command, texts, watcher)
    command += [*options, "-include", str(shim / SHIM.name)]
    with tempfile.TemporaryDirectory(dir=library.parent) as folder:
        source, made, out = (pathlib.Path(folder) / f"module.{end}" for end in ("cpp", "o", "so"))
        exports = "\n".join(f"SHIM_EXPORT({n})" for n in names)
        source.write_text(f'#line 1 "gpunn.cu"\n{code}\nnamespace gpunn {{}}\nusing namespace gpunn;\n{exports}\n')
        if watcher:  # linked apart, without the libraries that WATCHED asks for
            _run([*command, "-c", "-o", str(made), str(source)])
            _run([command[0], "-shared", "-o", str(out), str(made), str(shim / "watch.o")])
        else:
            _run([*command, "-shared", "-o", str(out), str(source)])
        os.replace(out, library)
    return library


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise HostCompileError(f"{command[0]} refused the text:\n{done.stderr[:4000]}")


def _key(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:24]


def _shim(command: Sequence[str], texts: Sequence[str], watcher: pathlib.Path | None) -> pathlib.Path:
    """A folder with the shim and what the compiler made of it ahead of time, which halves a module's time, and the compiled watcher."""
    place = cache.folder("sim") / f"shim-{_key(*command, *texts)}"
    if not place.exists():
        with tempfile.TemporaryDirectory(dir=place.parent) as folder:
            made = pathlib.Path(folder) / "shim"
            made.mkdir()
            header = str(shutil.copy(SHIM, made))
            for beside in BESIDE:
                shutil.copy(beside, made)
            ahead = [*command, "-x", "c++-header", header, "-o", f"{header}.gch"]
            subprocess.run(ahead, capture_output=True)  # where that fails the text is read, as it lies beside
            if watcher:
                _run([command[0], *FLAGS, "-O2", "-DSHIM_WATCH", f"-I{made}", "-c", "-o", str(made / "watch.o"), str(watcher)])
            with contextlib.suppress(OSError):  # another process has made it meanwhile
                os.replace(made, place)
    return place
