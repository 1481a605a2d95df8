"""Charts as PNG files, with matplotlib."""

from typing import Any

import numpy as np

from gpunn.studies.charts import BARS, COLOURS, DASH, POINTS, Chart, Series

INK, PALE = "#3f3f46", "#e4e4e7"


def draw(charts: list[Chart], path: Any, width: float = 5.4, height: float = 4.0) -> None:
    """Charts side by side in one file. Needs matplotlib (``pip install "gpunn[study]"``)."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(f'Drawing needs matplotlib ({error}). Install it with: pip install "gpunn[study]"') from error
    figure = Figure(figsize=(width * len(charts), height), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    parts = figure.subfigures(1, len(charts), squeeze=False)[0]
    for part, chart in zip(parts, charts, strict=True):
        if chart.images is not None:
            _images(part, chart)
        else:
            _axes(part.subplots(), chart, part)
    figure.savefig(path)


def _images(part: Any, chart: Chart) -> None:
    images = list(chart.images or ())
    columns = min(len(images), 5)
    part.suptitle(chart.title, fontsize=10, color=INK)
    places = part.subplots(-(-len(images) // columns), columns, squeeze=False).reshape(-1)
    for i, axes in enumerate(places):
        axes.axis("off")
        if i < len(images):
            axes.imshow(np.asarray(images[i]), cmap="gray")
            if i < len(chart.image_titles):
                axes.set_title(chart.image_titles[i], fontsize=7, color=INK)


def _axes(axes: Any, chart: Chart, part: Any) -> None:
    axes.set_title(chart.title, fontsize=10, color=INK)
    axes.set_xlabel(chart.x, color=INK)
    axes.set_ylabel(chart.y, color=INK)
    if chart.grid is not None:
        filled = axes.contourf(chart.grid.x, chart.grid.y, np.ma.masked_invalid(chart.grid.z), levels=24, cmap="viridis")
        part.colorbar(filled, ax=axes)
    for i, series in enumerate(chart.series):
        _series(axes, series, COLOURS[(i if series.colour is None else series.colour) % len(COLOURS)], i, len(chart.series))
    for mark in chart.marks:
        line = axes.axvline if mark.x is not None else axes.axhline
        if mark.low is not None and mark.high is not None:
            axes.axvspan(mark.low, mark.high, color=INK, alpha=0.08, linewidth=0)
        line(mark.x if mark.x is not None else mark.y, color=INK, linestyle=":", linewidth=1.3, label=mark.label)
    if chart.log_x:
        axes.set_xscale("log", base=chart.log_x)
        if chart.log_x == 2:
            axes.xaxis.set_major_formatter(lambda v, _: f"{v:g}")
    if chart.log_y:
        axes.set_yscale("log")
    if chart.percent:
        from matplotlib.ticker import PercentFormatter

        axes.yaxis.set_major_formatter(PercentFormatter(xmax=1))
    axes.grid(color=PALE, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("#a1a1aa")
    axes.tick_params(colors=INK, which="both", labelsize=8)
    if any(s.name for s in chart.series) or chart.marks:
        axes.legend(frameon=True, facecolor="white", edgecolor="none", framealpha=0.8, labelcolor=INK, fontsize=8)


def _series(axes: Any, series: Series, colour: str, place: int, count: int) -> None:
    words = len(series.x) > 0 and isinstance(series.x[0], str)
    x = np.arange(len(series.x)) if words else np.asarray(series.x, float)
    y = np.array([np.nan if v is None else v for v in series.y], float)
    if words:
        long = max(map(len, series.x)) > 6
        axes.set_xticks(x, [str(v) for v in series.x], rotation=20 if long else 0, ha="right" if long else "center")
    bounds = None
    if series.low is not None and series.high is not None:
        low, high = (np.array([np.nan if v is None else v for v in b], float) for b in (series.low, series.high))
        bounds = np.abs(np.stack([y - low, high - y]))
    if series.kind == BARS:
        wide = 0.8 / count
        axes.bar(x + (place - (count - 1) / 2) * wide, y, wide, color=colour, label=series.name or None, yerr=bounds, ecolor=INK, capsize=2)
        return
    style = {"linestyle": "none" if series.kind == POINTS else "--" if series.kind == DASH else "-"}
    marker = "" if series.kind == DASH or (len(x) > 40 and series.kind != POINTS) else "o"
    axes.plot(x, y, marker=marker, markersize=3.2, linewidth=1.7, color=colour, label=series.name or None, **style)
    if bounds is not None and series.kind != DASH:
        axes.errorbar(x, y, yerr=bounds, fmt="none", ecolor=colour, elinewidth=1, capsize=2, alpha=0.8)
    for px, py, word in zip(x, y, series.labels or (), strict=False):
        if word:
            axes.annotate(word, (px, py), fontsize=7, color=INK, textcoords="offset points", xytext=(0, 6), ha="center")
