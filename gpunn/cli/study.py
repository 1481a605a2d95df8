"""``gpunn study``: batch-size studies and their reports, and the lectures' claims."""

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from gpunn.cli.inputs import choose_backend, load_data, make_model
from gpunn.cli.presets import PRESETS, mlp
from gpunn.cli.shell import OK, Failure, one_line

TARGETS = {"fashion-mnist": 0.85, "mnist": 0.97, "digits": 0.95}
RATES = {"sgd": 0.1}


@dataclass(frozen=True)
class Options:
    """The command's options, by their names; ``None`` where the default depends on the data set or the optimizer."""

    dataset: str
    model: str
    sizes: str | None
    seeds: int
    lr_rule: str
    budget: str
    amount: float | None
    optimizer: str
    lr: float | None
    base_batch: int
    target: float | None
    backend: str
    jobs: int
    quick: bool
    data_dir: Path | None
    out: Path | None
    resume: bool


class _Mlp:
    """The default network of a data set; a class, so that other processes can be handed it."""

    def __init__(self, hidden: tuple[int, ...]):
        self.hidden = hidden

    def __call__(self, shape: tuple[int, ...], classes: int) -> Any:
        return mlp(shape, classes, self.hidden)


def batch_size(options: Options, arguments: list[str]) -> int:
    """Do it; the exit code."""
    from gpunn.studies import BatchSizeStudy

    console = Console(highlight=False)
    _need("plotly", "joblib", "scipy")
    data = load_data(options.dataset, options.data_dir)
    folder = options.out or Path("runs") / f"study-{options.dataset}"
    most = len(data.train[0])
    sizes = options.sizes or f"8..{min(8192, 1 << (most.bit_length() - 1))}"
    backends = ["cpu", choose_backend("gpu")] if options.backend == "both" else [choose_backend(options.backend)]
    about = {"dataset": options.dataset, "model": options.model if options.model != "mlp" else _described(options.dataset),
             "command": ["study", "batch-size", *arguments]}
    try:
        study = BatchSizeStudy(
            _build(options, data), data.train, data.validation, data.test, sizes=sizes, seeds=options.seeds, lr_rule=options.lr_rule,
            budget=options.budget, amount=options.amount, optimizer=options.optimizer,
            learning_rate=RATES.get(options.optimizer) if options.lr is None else options.lr, base_batch=options.base_batch,
            target=options.target or TARGETS[options.dataset], diagnostics=not options.quick, out=folder, backends=backends,
            jobs=options.jobs, about=about,
        )
        results = study.run(resume=options.resume, tell=lambda line: console.print(line, soft_wrap=True))
    except (ValueError, TypeError) as error:
        raise Failure(one_line(error)) from error
    _report(results, folder, console)
    return OK


def spelled(context: Any) -> list[str]:
    """The options that were given, without folders and --resume, as they are typed."""
    out: list[str] = []
    for parameter in context.command.params:
        name, value = parameter.name, context.params[parameter.name]
        given = context.get_parameter_source(name).name == "COMMANDLINE"
        if name in ("data_dir", "out", "resume") or not given:
            continue
        flags = [o for o in parameter.opts if o.startswith("--")]
        out += [str(value)] if not flags else [flags[0]] if value is True else [flags[0], str(value)]
    return out


def report(folder: Path) -> int:
    """Draw what a study's folder holds, finished or not."""
    from gpunn.studies import Results

    _need("plotly")
    try:
        results = Results.read(folder)
    except ValueError as error:
        raise Failure(one_line(error)) from error
    results.write(folder)
    _report(results, folder, Console(highlight=False))
    return OK


def augmentation(full: bool, backend: str, out: Path | None) -> int:
    """The study of augmentation; the exit code."""
    import gpunn
    from gpunn.studies.augmentation import main

    _need("matplotlib")
    console = Console(highlight=False)
    with gpunn.device(choose_backend(backend)):
        main(out or Path("runs") / "study-augmentation", full, lambda line: console.print(line, soft_wrap=True))
    return OK


def _report(results: Any, folder: Path, console: Console) -> None:
    from gpunn.studies.report import write
    from gpunn.studies.report.words import found

    paths = write(results, folder)
    for text in found(results):
        console.print(text)
    tables = "runs.csv, points.csv, noise.csv, summary.csv, study.json"
    console.print(f"[dim]saved[/] [bold]{paths[0]}[/]  [dim]{len(paths) - 1} pictures, {tables}[/]", soft_wrap=True)


def _build(options: Options, data: Any) -> Any:
    if options.model == "mlp":
        return _Mlp(PRESETS[options.dataset].hidden)
    make_model(options.model, options.dataset, data.input_shape, data.classes)  # what is wrong with it shows now
    return _FromFile(options.model, options.dataset)


class _FromFile:
    """The model of ``PATH.py:FUNCTION``, found anew in each process."""

    def __init__(self, spec: str, dataset: str):
        path, _, function = spec.rpartition(":")
        self.spec, self.dataset = f"{Path(path).resolve()}:{function}", dataset

    def __call__(self, shape: tuple[int, ...], classes: int) -> Any:
        return make_model(self.spec, self.dataset, shape, classes)


def _described(dataset: str) -> str:
    return "a ReLU network with hidden layers of " + ", ".join(map(str, PRESETS[dataset].hidden))


def _need(*names: str) -> None:
    missing = [name for name in names if importlib.util.find_spec(name) is None]
    if missing:
        raise Failure(f'gpunn study needs {", ".join(missing)}: pip install "gpunn[study]"')

