"""The training curve as a PNG: one panel a metric, training and validation in each."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

TRAINING, VALIDATION, TEST, INK = "#2f6db5", "#e0662f", "#3f3f46", "#3f3f46"
_MOST_PANELS = 4


Values = Sequence[float | None]


def draw(path: Path, history: Mapping[str, Values], title: str, test: dict[str, float]) -> None:
    """Write the curve to ``path``.

    Args:
        history: name -> one value an epoch, with ``val_`` before the names of the validation ones.  ``None`` or NaN leaves a gap.
        title: one line above the panels.
        test: name -> value on the test set after training; drawn as a dotted line.  May be empty.
    """
    # pyplot is left out: it costs a third of a second and keeps global state.
    names = sorted((name for name in history if not name.startswith("val_")), key=lambda name: name != "loss")[:_MOST_PANELS]
    figure = Figure(figsize=(5.2 * max(len(names), 1), 4.0), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title, fontsize=12, color=INK)
    for axes, name in zip(figure.subplots(1, max(len(names), 1), squeeze=False)[0], names, strict=False):
        _panel(axes, name, history[name], history.get(f"val_{name}"), test.get(name))
    figure.savefig(path)


def _panel(axes: Any, name: str, training: Values, validation: Values | None, test: float | None) -> None:
    epochs = range(1, len(training) + 1)
    marker = "o" if len(training) <= 30 else ""  # a line of one epoch is invisible without
    style = {"marker": marker, "markersize": 3.5, "linewidth": 1.8}
    axes.plot(epochs, np.array(training, float), color=TRAINING, label="training", **style)
    if validation:
        axes.plot(epochs, np.array(validation, float), color=VALIDATION, label="validation", **style)
    if test is not None:
        shown = f"{test:.1%}" if "accuracy" in name else f"{test:.4f}"
        axes.axhline(test, color=TEST, linestyle=":", linewidth=1.4, label=f"test {shown}")
    axes.set_xlabel("epoch", color=INK)
    axes.set_ylabel(name.replace("_", " "), color=INK)
    axes.set_xlim(0.5, len(training) + 0.5)  # the same for all panels, and no epoch 0
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    if "accuracy" in name:
        axes.yaxis.set_major_formatter(PercentFormatter(xmax=1))
    elif name == "loss" and axes.get_ylim()[0] < 0.5 * axes.get_ylim()[1]:
        axes.set_ylim(bottom=min(0, axes.dataLim.y0))  # from zero, so that a fall looks as large as it is
    axes.grid(color="#e4e4e7", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("#a1a1aa")
    axes.tick_params(colors=INK)
    axes.legend(frameon=False, labelcolor=INK)
