"""Training from a mapped file against training from memory, in turns, with the memory each process takes.

    python bench/stream.py [--rows 4000000] [--limit-mb 1024] [--turns 11] [--batch 128] [--hidden 300 100] [--steps 3000] [--save]

Every contestant trains the same network on the same rows (Fashion-MNIST over and over, as bytes) in a process of its own, `steps` batches a
turn, one after the other, so that a noisy minute hits them all. Between its turns a process is stopped, so that it cannot read ahead in the
others' time. "limited" contestants run in a control group that gets less memory than the file is long, page cache included, where this
machine lets us make one: their rows come from the disk, from a copy of the file that nobody else has read, and whose pages were put out of
the cache (posix_fadvise) before. ``--memory-rows`` lets the contestant from memory hold fewer rows than the file has: where the file is
larger than this machine's memory (``--only memory "mapped, limited" --limit-mb 0``, which means: no control group).
Reported: rows a second (median over turns, and best), the median over turns of the ratio to the contestant from memory that shuffles alike,
the ratio of the sums over all turns (drawing the order of an epoch among them), processor time a row (which a busy neighbour changes less),
the largest resident memory seen, split into private (anonymous) and file-backed, and the disk's own rate.
"""

import argparse
import itertools
import mmap
import os
import pathlib
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import contest
import numpy as np

WIDTH = 784
COPY = "copy.npy"
# name: (from a file, shuffle, limited)
CONTESTANTS = {
    "memory": (False, "rows", False), "mapped": (True, "rows", False), "mapped, limited": (True, "rows", True),
    "memory, batches shuffled": (False, "batch", False), "mapped, batches shuffled": (True, "batch", False),
    "mapped, batches shuffled, limited": (True, "batch", True),
}


def write_file(path: pathlib.Path, rows: int) -> None:
    """Rows, and labels beside them; none of it stays in the system's cache."""
    from gpunn.datasets import fashion_mnist

    (x, y), _ = fashion_mnist.load_data()
    np.save(path.with_suffix(".labels.npy"), np.resize(y, rows).astype(np.int32))
    with open(path, "wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": (rows, WIDTH)})
        for start in range(0, rows, len(x)):
            file.write(x[: rows - start].tobytes())
        file.flush()
        os.fsync(file.fileno())
    forget(path)


def forget(path: pathlib.Path) -> None:
    """Puts a file's pages out of the system's cache."""
    with open(path, "rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def disk_rate(path: pathlib.Path) -> int:
    """MB a second that four threads read from a file, past the cache, for two seconds."""
    file, size, place = os.open(path, os.O_RDONLY | os.O_DIRECT), 2 << 20, itertools.count()
    pieces, until, began = (path.stat().st_size - size) // size, time.perf_counter() + 2, time.perf_counter()

    def read() -> int:
        with mmap.mmap(-1, size) as buffer:
            done = 0
            while time.perf_counter() < until:
                done += os.preadv(file, [buffer], next(place) % pieces * size)
        return done

    with ThreadPoolExecutor(4) as pool:
        done = sum(f.result() for f in [pool.submit(read) for _ in range(4)])
    os.close(file)
    return round(done / 1e6 / (time.perf_counter() - began))


class Memory(threading.Thread):
    """Watches this process's resident memory."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak = {"RssAnon": 0, "RssFile": 0, "VmRSS": 0}

    def run(self) -> None:
        while True:
            for line in pathlib.Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
                name = line.split(":")[0]
                if name in self.peak:
                    self.peak[name] = max(self.peak[name], int(line.split()[1]) // 1024)
            time.sleep(0.02)


def work(path: str, mapped: bool, shuffle: str, batch: int, steps: int, hidden: list[int], most: int | None) -> None:
    """A contestant: `steps` batches for every line that comes in."""
    import gpunn
    from gpunn import layers, models

    gpunn.set_backend("cpu")
    gpunn.utils.set_random_seed(1)
    x, y = np.load(path, mmap_mode="r"), np.load(pathlib.Path(path).with_suffix(".labels.npy"))
    if not mapped:
        x, y = np.array(x[:most]), y[:most]
        forget(pathlib.Path(path))
    dense = [layers.Dense(n, activation="relu") for n in hidden]
    model = models.Sequential([layers.Input((WIDTH,)), *dense, layers.Dense(10, activation="softmax")])
    model.compile(gpunn.optimizers.Adam(1e-6), "sparse_categorical_crossentropy")
    how = True if shuffle == "rows" else "batch"
    watch = Memory()

    class Turns(gpunn.callbacks.Callback):
        def on_train_begin(self, logs=None):
            watch.start()

        def on_epoch_begin(self, epoch, logs=None):
            if not sys.stdin.readline():
                os._exit(0)
            self.began = time.perf_counter(), time.process_time()

        def on_epoch_end(self, epoch, logs=None):
            seconds, busy = time.perf_counter() - self.began[0], time.process_time() - self.began[1]
            print(seconds, busy, logs["loss"], *watch.peak.values(), flush=True)

    print("ready", flush=True)
    rounds = len(x) // batch // steps * steps
    model.fit(x[: rounds * batch], y[: rounds * batch], batch_size=batch, epochs=10**6, steps_per_epoch=steps, shuffle=how, verbose=0,
              callbacks=[Turns()])


class Contestant:
    def __init__(self, name: str, path: str, options: argparse.Namespace, group: pathlib.Path | None):
        mapped, shuffle, _ = CONTESTANTS[name]
        self.name, self.seconds, self.busy, self.peak = name, [], [], []
        command = [sys.executable, __file__, "--work", path, "--mapped", str(int(mapped)), "--shuffle", shuffle, "--batch",
                   str(options.batch), "--steps", str(options.steps), "--hidden", *map(str, options.hidden)]
        command += ["--memory-rows", str(options.memory_rows)] if options.memory_rows else []
        enter = lambda: (group / "cgroup.procs").write_text(str(os.getpid())) if group else None  # noqa: E731
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, preexec_fn=enter)
        if self.process.stdout.readline().strip() != "ready":
            raise RuntimeError(f"{name} did not start")

    def turn(self) -> None:
        self.process.send_signal(signal.SIGCONT)
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        seconds, busy, loss, *peak = self.process.stdout.readline().split()
        self.seconds.append(float(seconds))
        self.busy.append(float(busy))
        self.process.send_signal(signal.SIGSTOP)
        self.peak, self.loss = list(map(int, peak)), float(loss)

    def close(self) -> None:
        self.process.send_signal(signal.SIGCONT)
        self.process.stdin.close()
        self.process.wait()


def limited_group(megabytes: int, number: int) -> pathlib.Path | None:
    """A control group with that much memory (version 1 or 2), or None where we may not make one; its number among ours."""
    for root, name in (("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")):
        group = pathlib.Path(root) / f"gpunn-stream-{os.getpid()}-{number}"
        try:
            group.mkdir()
            (group / name).write_text(str(megabytes << 20))
            return group
        except OSError:
            if group.is_dir():
                group.rmdir()
    return None


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=4_000_000)
    parser.add_argument("--limit-mb", type=int, default=1024)
    parser.add_argument("--turns", type=int, default=11)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--hidden", type=int, nargs="+", default=[300, 100])
    parser.add_argument("--memory-rows", type=int)
    parser.add_argument("--only", nargs="+", choices=CONTESTANTS, default=list(CONTESTANTS))
    parser.add_argument("--folder", help="where the files are made, for the time of the contest")
    parser.add_argument("--data", help="a folder on the same disk where the rows are kept, and found the next time")
    parser.add_argument("--save", action="store_true")
    parser.add_argument("--work")
    parser.add_argument("--mapped", type=int)
    parser.add_argument("--shuffle")
    options = parser.parse_args()
    if options.work:
        shape = options.batch, options.steps, options.hidden, options.memory_rows
        work(options.work, bool(options.mapped), options.shuffle, *shape)
        return
    limited = [n for n in options.only if CONTESTANTS[n][2] and options.limit_mb]
    groups = {n: limited_group(options.limit_mb, k) for k, n in enumerate(limited)}  # one each: what they take together is nobody's matter
    names = [n for n in options.only if groups.get(n, True)]
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        path = pathlib.Path(options.data or folder) / f"rows-{options.rows}.npy"
        if not path.exists():
            write_file(path, options.rows)
        copy = pathlib.Path(folder) / COPY  # for those with a limit: its cached pages must not be somebody else's
        both = any(CONTESTANTS[n][0] and not CONTESTANTS[n][2] for n in names)
        for file, target in ((path, copy), (path.with_suffix(".labels.npy"), copy.with_suffix(".labels.npy"))):
            if both:
                shutil.copyfile(file, target)
                os.sync()
            else:
                target.hardlink_to(file)
            forget(target)
        disk = disk_rate(copy)
        contestants = [Contestant(name, str(copy if CONTESTANTS[name][2] else path), options, groups.get(name)) for name in names]
        for c in contestants:
            c.turn()  # compiles; the limited ones start with a cold cache
            c.seconds.clear()
            c.busy.clear()
        for _ in range(options.turns):
            for c in contestants:
                c.turn()
        for c in contestants:
            c.close()
    for group in groups.values():
        if group:
            group.rmdir()
    rows = options.batch * options.steps
    result = {
        "file_mb": options.rows * WIDTH >> 20, "limit_mb": options.limit_mb if any(groups.values()) else None,
        "memory_rows": options.memory_rows, "disk_mb_per_second": disk, "batch": options.batch, "hidden": options.hidden,
        "turns": options.turns, "steps": options.steps, "contestants": {},
    }  # fmt: skip
    base = {CONTESTANTS[c.name][1]: c for c in contestants if c.name.startswith("memory")}
    for c in contestants:
        against = base.get(CONTESTANTS[c.name][1])
        ratios = [b / a for a, b in zip(c.seconds, against.seconds, strict=True)] if against else [float("nan")]
        result["contestants"][c.name] = {
            "rows_per_second": round(rows / statistics.median(c.seconds)), "best": round(rows / min(c.seconds)),
            "ratio": round(statistics.median(ratios), 3), "loss": c.loss,
            "ratio_of_sums": round(sum(against.seconds) / sum(c.seconds), 3) if against else None,
            "cpu_us_per_row": round(statistics.median(c.busy) / rows * 1e6, 2),
            "anon_mb": c.peak[0], "file_backed_mb": c.peak[1], "rss_mb": c.peak[2],
        }
        print(f"{c.name:36}", result["contestants"][c.name])
    if options.save:
        print(contest.save(f"stream-{'-'.join(map(str, options.hidden))}", result))


if __name__ == "__main__":
    main()
