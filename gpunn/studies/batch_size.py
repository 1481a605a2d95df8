"""BatchSizeStudy: what the batch size does to speed, to the steps and the time to a target, to the result, and to the minimum found."""

import os
import pathlib
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from gpunn.backend import get_backend
from gpunn.studies import journal
from gpunn.studies.environment import code_version, facts
from gpunn.studies.results import Results
from gpunn.studies.run import Build, Data, base_rate, do
from gpunn.studies.settings import DEFAULT_AMOUNT, Job, Settings, parse_sizes, sized
from gpunn.tuning.journal import Journal

APART = 10_000  # a search for a rate has a seed of its own


class BatchSizeStudy:
    """Trains one network from the same initial weights with every batch size and seed, and measures.

    Arguments:
        build: ``build(row_shape, classes)`` -> a model for integer labels, compiled (with the accuracy as a metric) or not.
        train, validation, test: (x, y) each. Looks during a run, and the target, go by the validation rows.
        sizes: batch sizes, or words such as "8..8192" (doubling).
        seeds: how many; from ``first_seed`` on. Initial weights and order of the rows follow from the seed.
        lr_rule: the rate of a size m. "none": the same for all; "linear": times m / base_batch; "sqrt": times its root; "tuned": the best
            of rates a factor of 2 apart, searched for each size.
        budget, amount: "epochs", "steps", "time" (seconds of training) or "target-accuracy" (until it is reached, in at most `amount`
            epochs).
        optimizer, optimizer_config, learning_rate: where `build` does not compile; ``learning_rate`` is that of ``base_batch`` rows.
        target: a validation accuracy; steps, epochs and seconds to it are measured.
        diagnostics: noise scale, sharpness, gradient directions: about as long again as the trainings of small networks.
        out: a folder for journal, tables, pictures and report.
        backends: "cpu", "gpu", or both.
        jobs: processes that work side by side (joblib); None: what joblib's own `parallel_config` says, so that its Dask backend spreads
            the jobs over machines. Times are fair only with 1.
        about: words for the report, such as {"dataset": "digits"}.

    Every job is independent; the journal gets a line when one is done, so that a study that was killed goes on where it was. Raises
    ValueError for arguments that do not fit, sizes above the rows among them, before anything is trained.
    """

    def __init__(
        self, build: Build, train: Any, validation: Any, test: Any, sizes: Any = "8..8192", seeds: int = 5, lr_rule: str = "sqrt",
        budget: str = "epochs", amount: float | None = None, optimizer: str = "sgd", optimizer_config: dict[str, Any] | None = None,
        learning_rate: float | None = None, base_batch: int = 128, target: float | None = None, first_seed: int = 0,
        diagnostics: bool = True, out: Any = "batch-size-study", backends: Iterable[str] = ("auto",), jobs: int | None = 1,
        about: dict[str, Any] | None = None,
    ):
        self.build, self.data = build, Data(*((np.asarray(x), np.asarray(y)) for x, y in (train, validation, test)))
        chosen = parse_sizes(sizes) if isinstance(sizes, str) else [int(n) for n in sizes]
        amount = DEFAULT_AMOUNT.get(budget, 1.0) if amount is None else float(amount)
        self.settings = Settings(
            sized(chosen), seeds, lr_rule, budget, amount, optimizer, dict(optimizer_config or {}), learning_rate, base_batch, target,
            first_seed, diagnostics,
        )
        self.settings.check(len(self.data.train[0]))
        self.backends = list(dict.fromkeys(get_backend(name).name for name in backends))
        self.out, self.jobs, self.words = pathlib.Path(out), jobs, dict(about or {})
        self.base = base_rate(build, self.data, self.settings)

    def about(self) -> dict[str, Any]:
        """What makes two studies the same: the journal's first line, without the machine."""
        train = self.data.train
        rows = {name: [int(n) for n in np.shape(x)] for name, (x, _) in vars(self.data).items()}
        return {
            "study": "batch-size", "code": code_version(), "settings": self.settings.plain(), "base_rate": self.base, "data": rows,
            "data_sum": float(np.float64(train[0][:: max(1, len(train[0]) // 1000)].sum())), "backends": self.backends, "words": self.words,
        }

    # ------------------------------------------------------------------ running
    def run(self, resume: bool = False, tell: Callable[[str], None] | None = None) -> Results:
        """Do every job that the journal does not have. -> the results, also written into the folder as tables.

        ``tell`` gets a line for each job done. May be called again after it was broken off, with ``resume=True``.
        """
        self.out.mkdir(parents=True, exist_ok=True)
        book = journal.opened(self.out, self.about(), resume)
        machine = facts(get_backend(self.backends[0])) | {"jobs at once": self.jobs or "as joblib was told"}
        book.add({"kind": "machine", "facts": machine, "threads of a process": self._threads()})
        rates: dict[tuple[str, int], float] = {}
        sizes, setting = self.settings.sizes, self.settings
        if setting.lr_rule == "tuned":
            first = setting.first_seed + APART
            self._do([(Job("tune", n, first, setting.rate(n, self.base)), b) for b in self.backends for n in sizes], book, tell)
            rates = {(e["backend"], e["size"]): e["rate"] for e in book.entries if e.get("kind") == "tune" and "rate" in e}
        todo = []
        for seed in range(setting.first_seed, setting.first_seed + setting.seeds):
            for b in self.backends:
                todo += [(Job("run", n, seed, rates.get((b, n), setting.rate(n, self.base))), b) for n in sizes]
                todo += [(Job("law", 0, seed, self.base), b)] if setting.diagnostics else []
        self._do(todo, book, tell)
        results = Results(book.about, book.entries)
        results.write(self.out)
        return results

    def _threads(self) -> int:
        return max(1, (os.cpu_count() or 1) // max(1, self.jobs or 1))

    def _do(self, todo: list[tuple[Job, str]], book: Journal, tell: Callable[[str], None] | None) -> None:
        """Every job but those in the journal, which gets a line each."""
        done = {(e["backend"], e["kind"], e["size"], e["seed"]) for e in book.entries if "size" in e}
        left = [(job, backend) for job, backend in todo if (backend, *job.key) not in done]
        for number, entry in enumerate(self._results(left), 1):
            book.add(entry)
            if tell is not None:
                tell(f"{number}/{len(left)}  {in_words(entry)}")

    def _results(self, todo: list[tuple[Job, str]]) -> Iterable[dict[str, Any]]:
        if self.jobs == 1 or len(todo) < 2:
            return (do(job, self.build, self.data, self.settings, backend) for job, backend in todo)
        try:
            from joblib import Parallel, delayed
        except ImportError as error:
            raise ImportError(f'Jobs side by side need joblib ({error}). Install it with: pip install "gpunn[study]"') from error
        given = (delayed(_apart)(job, self.build, self.data, self.settings, backend, self._threads()) for job, backend in todo)
        results: Iterable[dict[str, Any]] = Parallel(n_jobs=self.jobs, return_as="generator_unordered")(given)
        return results


def _apart(job: Job, build: Build, data: Data, settings: Settings, backend: str, threads: int) -> dict[str, Any]:
    """In a worker process, which shares the cores with others."""
    os.environ.setdefault("GPUNN_THREADS", str(threads))
    return do(job, build, data, settings, backend)


def in_words(entry: dict[str, Any]) -> str:
    """A job done, in a line."""
    name = f"{entry['backend']} batch {entry['size']} seed {entry['seed']}"
    if entry["kind"] == "law":
        return f"{entry['backend']} gradient directions, seed {entry['seed']}"
    if entry["status"] != "ok":
        return f"{name}: {entry['status']} {entry.get('reason', '')}".rstrip()
    if entry["kind"] == "tune":
        return f"{name.rpartition(' seed')[0]}: learning rate {entry['rate']:.4g} of {len(entry['trials'])} tried"
    speed = entry["images_per_second"]
    return f"{name}: test accuracy {entry['test_accuracy']:.4f}, {'-' if speed is None else f'{speed:,.0f}'} images/s"
