"""A figure without pyplot's global state, in the colours of the other pictures."""

from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

INK, GRID = "#3f3f46", "#e4e4e7"
COLOURS = ("#2f6db5", "#e0662f", "#4d9a5b", "#8b5fbf")


def panels(rows: int, columns: int, width: float, height: float, title: str) -> tuple[Figure, Any]:
    """-> (figure, axes[rows, columns]) of these inches."""
    figure = Figure(figsize=(width, height), dpi=130, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title, fontsize=12, color=INK)
    return figure, figure.subplots(rows, columns, squeeze=False)


def plain(axes: Any) -> None:
    """For a curve or points."""
    axes.grid(color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("#a1a1aa")
    axes.tick_params(colors=INK)


def image(axes: Any, pixels: Any, title: str = "") -> None:
    axes.imshow(pixels, cmap="gray_r", vmin=0, vmax=1)
    axes.set_axis_off()
    if title:
        axes.set_title(title, fontsize=9, color=INK)
