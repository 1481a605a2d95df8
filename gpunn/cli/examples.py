"""``gpunn examples``: list them, run one."""

from pathlib import Path

from rich.console import Console

import gpunn
from gpunn.cli.inputs import choose_backend
from gpunn.cli.shell import FAILED, OK, Failure, number
from gpunn.datasets.errors import DatasetError


def listing() -> int:
    from gpunn.examples import EXAMPLES

    console = Console(highlight=False)
    for e in EXAMPLES.values():
        console.print(f"[bold]{e.name}[/]  {e.title}{f' (needs {e.needs})' if e.needs else ''}\n    goal: {e.goal}")
    return OK


def run(name: str, seed: int, backend: str, out: Path | None) -> int:
    """-> the exit code: whether it reached its figure."""
    from gpunn import examples

    console = Console(highlight=False)
    if name not in examples.EXAMPLES:
        raise Failure(f"Unknown example: {name!r}. Expected one of: {', '.join(examples.EXAMPLES)}.")
    console.print(f"{examples.EXAMPLES[name].title}\ngoal: {examples.EXAMPLES[name].goal}")
    try:
        with gpunn.device(choose_backend(backend)):
            outcome = examples.run(name, out or Path("runs") / "examples", console.print, seed)
    except DatasetError as error:
        raise Failure(str(error)) from error
    console.print(", ".join(f"{key} {number(value)}" for key, value in outcome.figures.items()))
    console.print(f"picture: {outcome.picture}")
    console.print("reached" if outcome.reached else "not reached")
    return OK if outcome.reached else FAILED
