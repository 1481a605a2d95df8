"""What a training run leaves behind: a headline, a table, and the files in its folder."""

import json
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gpunn.backend.probe import State, probe
from gpunn.cli.shell import number, one_line, say_warning

MODEL, HISTORY, CURVE = "model.gpunn.npz", "history.json", "curve.png"


def headline(console: Console, asked: str, dataset: str, model: str, backend: str, seed: int) -> None:
    """One line before the training; a second one where ``auto`` was ``asked`` and passed over a GPU that is nearly there."""
    line = Text().append("gpunn ", "cyan").append(dataset, "bold").append(f"  {model} on {backend_name(backend)}, seed {seed}", "dim")
    console.print(line, soft_wrap=True)
    if asked == "auto" and backend == "cpu" and probe().state is State.UNUSABLE:
        console.print(Text(f"the GPU is not used: {probe().reason} (gpunn doctor says more)", "dim"), soft_wrap=True)


def backend_name(backend: str) -> str:
    """``cpu``, or ``gpu`` with the device's name."""
    return f"gpu ({probe().device_name})" if backend == "gpu" else backend


def save(folder: Path, result: dict[str, Any], model: Any | None) -> dict[str, str]:
    """Write what there is of model, history and curve; which file is where.

    What cannot be written is a warning: the rest of the result still reaches the user.
    """
    files: dict[str, str] = {}

    def write(name: str, action: Any) -> None:
        path = folder / name
        try:
            action(path)
            files[name.partition(".")[0]] = str(path)
        except Exception as error:
            say_warning(f"{path} was not written: {type(error).__name__}: {one_line(error)}")

    if model is not None:
        write(MODEL, model.save)
    if result["history"]:
        write(CURVE, lambda path: _draw(path, result))
    write(HISTORY, lambda path: path.write_text(json.dumps(result, indent=1, allow_nan=False) + "\n", encoding="utf-8"))
    return files


def _draw(path: Path, result: dict[str, Any]) -> None:
    from gpunn.cli.curve import draw

    settings = f"{result['optimizer']} {result['learning_rate']:g}, batch {result['batch_size']}, seed {result['seed']}"
    title = f"{result['dataset']}: {result['model']}, {settings}"
    draw(path, result["history"], title if result["status"] == "ok" else f"{title} ({result['status']})", result["test"])


def summary(console: Console, result: dict[str, Any]) -> None:
    """The table at the end."""
    table = Table(box=box.ROUNDED, show_header=False, border_style="dim", padding=(0, 1))
    table.add_column(style="dim")
    table.add_column(justify="right")
    accuracy = result["test_accuracy"]
    rows = [
        ("test accuracy", None if accuracy is None else f"[bold green]{accuracy:.2%}[/]"),
        ("test loss", None if result["test_loss"] is None else number(result["test_loss"])),
        *((f"test {name.replace('_', ' ')}", number(v)) for name, v in result["test"].items() if name not in ("loss", "accuracy")),
        ("images/s", _number(result["images_per_second"], ",.0f")),
        ("seconds", _number(result["seconds"], ".2f")),
        ("parameters", _number(result["parameters"], ",")),
        ("backend", backend_name(result["backend"])),
        ("seed", str(result["seed"])),
    ]
    for name, value in rows:
        if value is not None:
            table.add_row(name, value)
    console.print(table)
    if result["files"]:
        names = "  ".join(Path(path).name for path in sorted(result["files"].values()))
        console.print(Text().append("saved ", "dim").append(f"{result['out']}/", "bold").append(f"  {names}", "dim"), soft_wrap=True)


def _number(value: float | int | None, form: str) -> str | None:
    return None if value is None else format(value, form)
