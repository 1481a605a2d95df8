"""The commands and their options.  What a command does is imported when it runs."""

from pathlib import Path
from typing import Any

import click

import gpunn as library
from gpunn.cli.presets import PRESETS
from gpunn.cli.shell import Commands

_ORDER = ", ".join(f"{p.epochs} for {name}" for name, p in PRESETS.items())
_BATCH = ", ".join(f"{p.batch_size} for {name}" for name, p in PRESETS.items())


class DatasetName(click.Choice):
    """A data set's name; the spelling of the Python module (``fashion_mnist``) is welcome too."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return super().convert(str(value).replace("_", "-"), param, ctx)


@click.group(cls=Commands, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(library.__version__, prog_name="gpunn")
@click.pass_context
def gpunn(context: click.Context) -> None:
    """Neural networks with Keras's face, on a laptop's CPU or an NVIDIA GPU.

    \b
    Start here:   gpunn train digits      seconds, no download
                  gpunn run script.py     a script written for Keras, unchanged
                  gpunn doctor            what this machine has, and what mends the gaps
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@gpunn.command()
@click.argument("dataset", type=DatasetName(list(PRESETS), case_sensitive=False), metavar="DATASET")
@click.option("--model", default="mlp", show_default=True, metavar="mlp|PATH.py:FUNCTION",
              help="What to train. FUNCTION(input_shape, classes) returns a model, compiled or not.")
@click.option("--epochs", metavar="N", type=click.IntRange(min=1), help=f"Passes over the training data.  [default: {_ORDER}]")
@click.option("--batch-size", metavar="N", type=click.IntRange(min=1), help=f"Images a step.  [default: {_BATCH}]")
@click.option("--optimizer", metavar="NAME", help="Any optimizer of gpunn.optimizers.  [default: adam]")
@click.option("--lr", metavar="X", type=click.FloatRange(min=0, min_open=True), help="Learning rate.  [default: the optimizer's own]")
@click.option("--seed", metavar="N", type=click.IntRange(min=0), default=0, show_default=True, help="The same seed gives the same run.")
@click.option("--backend", type=click.Choice(["auto", "cpu", "gpu"]), default="auto", show_default=True, envvar="GPUNN_BACKEND",
              show_envvar=True, help="Where to train; auto takes a GPU that works, else the CPU.")
@click.option("--data-dir", type=click.Path(path_type=Path), help="Folder that holds the data set's files.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for the results.  [default: runs/DATASET-TIME]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout, progress on stderr.")
def train(**options: Any) -> int:
    """Train a network on DATASET and test it.

    DATASET is fashion-mnist, mnist or digits. digits (1,797 real 8x8 handwritten digits) needs no download.

    Saved into the --out folder: the model, history.json and curve.png.

    \b
    Exit codes:    0  trained, tested and saved
                   1  training failed
                   2  bad usage or bad input
                 130  interrupted (Ctrl-C); what there was is saved
    """
    from gpunn.cli.train import Options, run

    return run(Options(**options))


@gpunn.command(short_help="Run a script written for Keras, tf.keras or scikit-learn's networks on gpunn.",
               context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.argument("script", type=click.Path(path_type=Path))
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.option("--backend", type=click.Choice(["auto", "cpu", "gpu", "sim"]), default="auto", show_default=True, envvar="GPUNN_BACKEND",
              show_envvar=True, help="Where its models live; auto takes a GPU that works, else the CPU.")
def run(script: Path, arguments: tuple[str, ...], backend: str) -> int:
    """Run SCRIPT, a Python file, as ``python SCRIPT ARGUMENTS`` would, with gpunn in the place of keras, tensorflow and
    sklearn.neural_network. No line of it changes; other modules stay what they are.

    --backend may also follow the script; what follows a bare -- is the script's, whatever it looks like.

    \b
    Exit codes:    the script's own; 1 after an error in it
                   2  bad usage, or a backend that cannot be used
    """
    from gpunn.cli.script import run

    return run(script, arguments, backend)


@gpunn.command(short_help="Show what this machine has, and what mends the gaps.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
def doctor(as_json: bool) -> int:
    """Show what was found on this machine, and the command that mends each gap.

    \b
    Exit codes:    0  training can run here
                   1  it cannot
    """
    from gpunn.cli.doctor import run

    return run(as_json)
