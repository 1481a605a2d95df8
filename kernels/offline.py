"""Compiles the module for every architecture without a GPU or a driver: ``python -m gpunn.kernels.offline``.

NVRTC comes with CuPy's extras. A kernel that does not compile is named with its source line; one that spills registers is a failure too.
"""

import argparse
import re
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from gpunn.kernels.device import ModuleText, module_text

ARCHITECTURES = ("75", "80", "86", "89", "90", "100", "120")
OPTIONS = ("-std=c++17", "-ftz=true", "--ptxas-options=-v")  # CuPy always adds -ftz=true


class CompileError(Exception):
    """NVRTC refused the source: the message names the kernel, the line and what NVRTC said."""


@dataclass(frozen=True)
class Usage:
    """What one kernel takes: registers a thread, bytes of shared memory, bytes spilled a thread."""

    registers: int
    shared: int
    spilled: int


def compile_for(architecture: str, text: ModuleText) -> dict[str, Usage]:
    """-> what each kernel takes on ``sm_<architecture>``. Raises `CompileError`, and ImportError where CuPy is not installed."""
    from cupy_backends.cuda.libs import nvrtc

    program = nvrtc.createProgram(text.source, "gpunn.cu", (), ())
    try:
        try:
            nvrtc.compileProgram(program, (*OPTIONS, f"-arch=sm_{architecture}"))
        except nvrtc.NVRTCError:
            raise CompileError(explain(nvrtc.getProgramLog(program), text, f"sm_{architecture}")) from None
        binary, log = nvrtc.getCUBIN(program), nvrtc.getProgramLog(program)
    finally:
        nvrtc.destroyProgram(program)
    used = usage(log)
    missing = [name for name in text.names if name not in used or name.encode() not in binary]
    if missing:
        raise CompileError(f"sm_{architecture}: kernels missing from the compiled module: {', '.join(missing)}")
    return used


def explain(log: str, text: ModuleText, where: str) -> str:
    """The compiler's errors, each with its kernel and source line."""
    lines = []
    for number, message in re.findall(r"^\S*?[(:](\d+)(?:\)|:\d+): error: (.*)$", log, re.MULTILINE):  # NVRTC's form, and GCC's
        at = int(number)
        lines.append(f"{where}: kernel {text.function_at(at)}, line {at}: {message}\n    {text.line(at).strip()[:300]}")
    return "\n".join(lines) or f"{where}: {log.strip()[:2000]}"


def usage(log: str) -> dict[str, Usage]:
    """Read what ptxas -v reports."""
    out: dict[str, Usage] = {}
    name, spilled = "", 0
    for line in log.splitlines():
        if match := re.search(r"Compiling entry function '(\w+)'", line):
            name, spilled = match.group(1), 0
        if match := re.search(r"(\d+) bytes spill stores, (\d+) bytes spill loads", line):
            spilled = int(match.group(1)) + int(match.group(2))
        if name and (match := re.search(r"Used (\d+) registers", line)):
            shared = re.search(r"(\d+) bytes smem", line)
            out[name] = Usage(int(match.group(1)), int(shared.group(1)) if shared else 0, spilled)
    return out


def check(architecture: str, text: ModuleText) -> tuple[str, list[str]]:
    """-> (a line of the table, what is wrong)."""
    start = time.perf_counter()
    try:
        used = compile_for(architecture, text)
    except CompileError as error:
        return f"sm_{architecture:4} failed", [str(error)]
    worst = max(used, key=lambda name: used[name].registers)
    spilled = sum(u.spilled for u in used.values())
    seconds = time.perf_counter() - start
    line = f"sm_{architecture:4} {len(used):7} {used[worst].registers:9}  {worst:28} {spilled:8} {seconds:8.1f}"
    return line, [f"sm_{architecture}: {name} spills {u.spilled} bytes a thread" for name, u in used.items() if u.spilled]


def every_many() -> ModuleText:
    """Every kernel over replicas, each of which has its own seed."""
    from gpunn.kernels.device import instances
    from gpunn.kernels.many import many_module

    return many_module((k, d, tuple(o.name for o in k.operands if o.name == "seed" and o.kind == "const")) for k, d in instances())


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m gpunn.kernels.offline", description=__doc__)
    parser.add_argument("--arch", default=",".join(ARCHITECTURES), help="comma-separated, without sm_ (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=2, help="compilations at a time (default: %(default)s)")
    parser.add_argument("--replicas", action="store_true", help="compile the forms for several replicas in one launch instead; see `many`")
    options = parser.parse_args(arguments)
    try:
        from cupy_backends.cuda.libs import nvrtc

        version = ".".join(map(str, nvrtc.getVersion()))
    except (ImportError, RuntimeError) as error:
        print(f"NVRTC cannot be used: {error}\nIt comes with CuPy: pip install 'gpunn[cuda13]'", file=sys.stderr)
        return 1
    text = every_many() if options.replicas else module_text()
    print(f"NVRTC {version}, {len(text.names)} kernels, {len(text.source.splitlines())} lines")
    print(f"{'arch':7} kernels registers  (of)                           spilled  seconds")
    wrong = []
    with ThreadPoolExecutor(options.threads) as pool:
        for line, bad in pool.map(lambda a: check(a, text), options.arch.split(",")):
            print(line, flush=True)
            wrong += bad
    for problem in wrong:
        print(problem, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
