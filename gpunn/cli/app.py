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
@click.option("--model", default="mlp", show_default=True, metavar="mlp|cnn|PATH.py:FUNCTION",
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


@gpunn.group(short_help="What the batch size does; the lectures' claims put to the test.")
def study() -> None:
    """Studies: many seeded trainings, measured, with a report."""


@study.command("batch-size", short_help="Train with every batch size and seed, measure, and write a report.")
@click.argument("dataset", type=DatasetName(list(PRESETS), case_sensitive=False), default="digits", metavar="[DATASET]")
@click.option("--sizes", metavar="8..8192", help="A range that doubles, or a list: 8,32,128.  [default: 8..8192, within the data]")
@click.option("--seeds", metavar="N", type=click.IntRange(min=1), default=5, show_default=True, help="Trainings of each size.")
@click.option("--lr-rule", type=click.Choice(["none", "linear", "sqrt", "tuned"]), default="sqrt", show_default=True,
              help="Learning rate of a size: the same, in proportion to size or its root, or searched.")
@click.option("--budget", type=click.Choice(["epochs", "steps", "time", "target-accuracy"]), default="epochs", show_default=True,
              help="What every size gets the same of.")
@click.option("--amount", metavar="X", type=click.FloatRange(min=0, min_open=True),
              help="Epochs, steps, seconds, or the most epochs to the target.  [default: 5, 2000, 10, 20]")
@click.option("--target", metavar="X", type=click.FloatRange(0, 1, min_open=True),
              help="Validation accuracy to count steps and time to.  [default: 0.95 digits, 0.97 mnist, 0.85 fashion-mnist]")
@click.option("--model", default="mlp", show_default=True, metavar="mlp|cnn|PATH.py:FUNCTION", help="What to train, as in gpunn train.")
@click.option("--optimizer", metavar="NAME", default="sgd", show_default=True, help="Any optimizer of gpunn.optimizers.")
@click.option("--lr", metavar="X", type=click.FloatRange(min=0, min_open=True),
              help="Learning rate of --base-batch rows.  [default: 0.1 for sgd, else the optimizer's own]")
@click.option("--base-batch", metavar="N", type=click.IntRange(min=1), default=128, show_default=True, help="The size that --lr is for.")
@click.option("--backend", type=click.Choice(["auto", "cpu", "gpu", "both"]), default="auto", show_default=True, help="Where to train.")
@click.option("--jobs", metavar="N", type=int, default=1, show_default=True, help="Processes side by side; times are fair only with 1.")
@click.option("--quick", is_flag=True, help="No noise scale, gradient directions and sharpness.")
@click.option("--data-dir", type=click.Path(path_type=Path), help="Folder that holds the data set's files.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for journal, tables, pictures, report.  [default: runs/study-DATASET]")
@click.option("--resume", is_flag=True, help="Go on with the study in that folder.")
@click.pass_context
def batch_size_study(context: click.Context, **options: Any) -> int:
    """Train one network on DATASET with every batch size and seed, and measure speed, steps and time to a target, the result, the noise of
    the gradient and the sharpness of the minimum. A killed study goes on with --resume.

    \b
    Exit codes:    0  done
                   1  a run failed
                   2  bad usage or bad input
                 130  interrupted (Ctrl-C); --resume goes on
    """
    from gpunn.cli.study import Options, batch_size, spelled

    return batch_size(Options(**options), spelled(context))


@study.command("report", short_help="Write the report of a study's folder again.")
@click.argument("folder", type=click.Path(path_type=Path))
def study_report(folder: Path) -> int:
    """Write tables, pictures and report of what the study in FOLDER has so far."""
    from gpunn.cli.study import report

    return report(folder)


@study.command("augmentation", short_help="What augmentation does to few images, and a picture of every operation.")
@click.option("--full", is_flag=True, help="1,000 images, more epochs and seeds: minutes instead of one.")
@click.option("--backend", type=click.Choice(["auto", "cpu", "gpu"]), default="auto", show_default=True, help="Where to train.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for pictures and figures.  [default: runs/study-augmentation]")
def study_augmentation(full: bool, backend: str, out: Path | None) -> int:
    """Train a small network on few digits with and without augmentation, from several seeds, and test it on clean, noisy and blurred
    images: the claims CL-41 and CL-42. Draws what every operation does to an image.

    
    Exit codes:    0  done
                   2  bad usage or bad input
    """
    from gpunn.cli.study import augmentation

    return augmentation(full, backend, out)


@study.command("list", short_help="The lectures' claims that can be put to the test.")
def study_list() -> int:
    """List the claims of five public lectures, each with its family and the deck that makes it."""
    from gpunn.cli.claims import listing

    return listing()


@study.command("run", short_help="Put claims to the test: gpunn study run CL-07, or all.")
@click.argument("claims", nargs=-1, required=True, metavar="CLAIM...|all")
@click.option("--full", is_flag=True, help="More rows, seeds and epochs: minutes instead of seconds.")
@click.option("--seed", metavar="N", type=click.IntRange(min=0), default=0, show_default=True, help="The same seed gives the same run.")
@click.option("--backend", type=click.Choice(["auto", "cpu", "gpu"]), default="auto", show_default=True, help="Where to train.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for pictures, claims.json and index.html.  [default: runs/claims]")
def study_run(claims: tuple[str, ...], full: bool, seed: int, backend: str, out: Path | None) -> int:
    """Run the experiment of each CLAIM and give its verdict: holds, holds only if, or does not hold here.

    MNIST and Fashion-MNIST are taken where they are found; digits take their place elsewhere.

    \b
    Exit codes:    0  all ran, whatever their verdict
                   1  an experiment failed
                   2  bad usage or bad input
    """
    from gpunn.cli.claims import run

    return run(claims, full, seed, backend, out)


@gpunn.group(short_help="Programs that each reach a figure and draw what a network learned.")
def examples() -> None:
    """Example programs: a sequence task, digits read row by row, a denoising autoencoder, a generative adversarial network."""


@examples.command("list", short_help="The examples, with what each must reach.")
def examples_list() -> int:
    """List the examples, each with the figure that it must reach."""
    from gpunn.cli.examples import listing

    return listing()


@examples.command("run", short_help="Run one: gpunn examples run recall.")
@click.argument("name", metavar="NAME")
@click.option("--seed", metavar="N", type=click.IntRange(min=0), default=0, show_default=True, help="The same seed gives the same run.")
@click.option("--backend", type=click.Choice(["auto", "cpu", "gpu"]), default="auto", show_default=True, help="Where to train.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for the picture.  [default: runs/examples]")
def examples_run(name: str, seed: int, backend: str, out: Path | None) -> int:
    """Run the example NAME, and save a picture of what it learned.

    \b
    Exit codes:    0  it reached its figure
                   1  it did not, or it failed
                   2  bad usage, or data that is not there
    """
    from gpunn.cli.examples import run

    return run(name, seed, backend, out)
