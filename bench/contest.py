"""Contestants side by side: each in its own process, one epoch each in turn, so that a noisy minute hits them all."""

import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import time
from contextlib import contextmanager
from datetime import date
from importlib import metadata

HERE = pathlib.Path(__file__).resolve().parent
REST = 0.5  # seconds before a turn: thread pools of the contestant before spin on the cores for up to 0.2 s after their work
SPIN = "while True: pass"


class Contestant:
    """A worker process; `epoch()` -> seconds. ``answers`` holds what it said besides, as words."""

    def __init__(self, name: str, *arguments: object, rows: int = 60000, script: str = "worker.py"):
        self.name, self.rows, self.seconds, self.answers = name, rows, [], []
        command = [sys.executable, str(HERE / script), name, *map(str, arguments), str(rows)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if self.process.stdout.readline().strip() != "ready":
            raise RuntimeError(f"{name} did not start")

    def epoch(self) -> float:
        time.sleep(REST)
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        seconds, *words = self.process.stdout.readline().split()
        self.seconds.append(float(seconds))
        self.answers.append(words)
        return self.seconds[-1]

    @property
    def rate(self) -> float:
        """Images a second, median."""
        return self.rows / statistics.median(self.seconds)

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def take_turns(everybody: list[Contestant], rounds: int) -> None:
    """So many epochs of each, one after another; then their processes end."""
    try:
        for _ in range(rounds):
            for c in everybody:
                c.epoch()
    finally:
        for c in everybody:
            c.close()


def ratios(everybody: list[Contestant]) -> dict[str, float]:
    """How many times as long as the first one each of the others took: medians of the rounds'."""
    ours = everybody[0].seconds
    return {c.name: round(statistics.median(b / a for a, b in zip(ours, c.seconds, strict=True)), 3) for c in everybody[1:]}


def serve(epoch) -> None:
    """What a worker does: an epoch for each line that comes in, answered with seconds and loss."""
    epoch()  # compiles, loads, allocates: not timed
    print("ready", flush=True)
    for _ in sys.stdin:
        began = time.perf_counter()
        loss = epoch()
        print(f"{time.perf_counter() - began:.6f} {loss:.6f}", flush=True)


@contextmanager
def neighbours(count: int):
    """A spinning process on each core: a laptop is never idle."""
    spinning = [subprocess.Popen([sys.executable, "-c", SPIN]) for _ in range(count)]
    try:
        yield
    finally:
        for p in spinning:
            p.kill()
            p.wait()


def machine() -> dict:
    """Where and with what a figure was measured."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=HERE).stdout.strip()
    versions = {}
    for name in ("numpy", "numba", "jax", "torch", "scikit-learn", "keras"):
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = None
    return {
        "cpu": _fact("model name") or platform.processor(), "instructions": _instructions(), "cores": len(os.sched_getaffinity(0)),
        "system": platform.system(), "python": platform.python_version(),
        "versions": versions, "commit": commit, "date": date.today().isoformat(), "load_average": _load(),
    }


def _fact(name: str) -> str | None:
    """What the system says of its first core; None where it says nothing."""
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    return next((line.split(":")[1].strip() for line in lines if line.startswith(name)), None)


def _instructions() -> str | None:
    """The widest vectors of an x86 core."""
    flags = (_fact("flags") or "").split()
    return next((name for name in ("avx512f", "avx2", "avx") if name in flags), None)


def _load() -> list[float] | None:
    """Processes that wanted a core in the last 1, 5 and 15 minutes: how quiet it was; None on Windows."""
    return [round(n, 1) for n in os.getloadavg()] if hasattr(os, "getloadavg") else None


def _file(name: str) -> pathlib.Path:
    """Results of narrower vectors than AVX-512's lie in files of their own."""
    name += "-avx2" if "cpu" in name and _instructions() == "avx2" else ""
    return HERE / "results" / f"{name}-{date.today().isoformat()}.json"


def saved(name: str) -> dict:
    """What `save` wrote today, by the same commit; else nothing."""
    text = json.loads(_file(name).read_text()) if _file(name).exists() else {}
    return text if text.get("machine", {}).get("commit") == machine()["commit"] else {}


def save(name: str, result: dict) -> pathlib.Path:
    file = _file(name)
    file.write_text(json.dumps({"machine": machine(), **result}, indent=1) + "\n")
    return file
