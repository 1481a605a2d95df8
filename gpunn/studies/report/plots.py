"""Charts as figures for plotly.js: plain dictionaries, in colours that the page sets for light and dark."""

import math
from typing import Any

from gpunn.studies.charts import BARS, COLOURS, DASH, POINTS, Chart, Series

DASHES, NEUTRAL = ("dot", "dashdot", "longdash"), "#8a8f98"  # a grey that shows on white and on black


def figure(chart: Chart) -> dict[str, Any]:
    """``data`` and ``layout`` of a chart."""
    data = [_trace(s, COLOURS[(i if s.colour is None else s.colour) % len(COLOURS)], chart) for i, s in enumerate(chart.series)]
    layout: dict[str, Any] = {
        "margin": {"l": 62, "r": 12, "t": 8, "b": 50}, "hovermode": "closest", "autosize": True, "height": 360,
        "legend": {"orientation": "h", "y": -0.22, "x": 0, "font": {"size": 12}}, "xaxis": _axis(chart.x, bool(chart.log_x)),
        "yaxis": _axis(chart.y, chart.log_y), "shapes": [], "barmode": "stack", "font": {"size": 12},
    }
    if any(s.kind == BARS for s in chart.series):
        layout["xaxis"]["type"] = "category"
    if chart.percent:
        layout["yaxis"]["tickformat"] = ".3~p" if all(s.kind != BARS for s in chart.series) else ".0%"
    if chart.log_x == 2:
        ticks = sorted({v for s in chart.series for v in s.x})
        layout["xaxis"] |= {"tickvals": ticks[:: max(1, math.ceil(len(ticks) / 7))], "tickformat": "d"}
    for i, mark in enumerate(chart.marks):
        _mark(layout, data, mark, i)
    return {"data": data, "layout": layout}


def _axis(title: str, log: bool) -> dict[str, Any]:
    return {
        "title": {"text": title, "standoff": 8}, "type": "log" if log else "-", "automargin": True, "zeroline": False,
        "exponentformat": "none", "separatethousands": True,
    }


def _trace(series: Series, colour: str, chart: Chart) -> dict[str, Any]:
    kind = "bar" if series.kind == BARS else "scatter"
    trace: dict[str, Any] = {"name": series.name, "x": list(series.x), "y": list(series.y), "type": kind}
    if series.kind == BARS:
        return trace | {"marker": {"color": colour}}
    mode = {POINTS: "markers", DASH: "lines"}.get(series.kind, "lines+markers")
    line = {"color": colour, "width": 2, "dash": "dash" if series.kind == DASH else "solid"}
    trace |= {"mode": mode, "line": line, "marker": {"color": colour, "size": 6}}
    if series.low is not None and series.high is not None and any(v is not None for v in series.low):
        up = [None if v is None or h is None else h - v for v, h in zip(series.y, series.high, strict=True)]
        down = [None if v is None or low is None else v - low for v, low in zip(series.y, series.low, strict=True)]
        trace["error_y"] = {"type": "data", "symmetric": False, "array": up, "arrayminus": down, "thickness": 1, "width": 3}
    return trace


def _mark(layout: dict[str, Any], data: list[Any], mark: Any, place: int) -> None:
    """A line across the chart. Its words go into the legend: within a narrow chart they would hide what is drawn there."""
    across = mark.x is None
    value = mark.y if across else mark.x
    own, other = ("y", "x") if across else ("x", "y")
    span = {f"{other}ref": "paper", f"{other}0": 0, f"{other}1": 1, f"{own}0": value, f"{own}1": value}
    line = {"dash": DASHES[place % len(DASHES)], "width": 1.6, "color": NEUTRAL}
    layout["shapes"].append({"type": "line", "line": line} | span)
    data.append({"name": mark.label, "type": "scatter", "mode": "lines", "x": [None], "y": [None], "line": line})
    if mark.low is not None and mark.high is not None:
        box = {"type": "rect", "yref": "paper", "y0": 0, "y1": 1, "x0": mark.low, "x1": mark.high, "line": {"width": 0}, "opacity": 0.15}
        layout["shapes"].append(box | {"fillcolor": NEUTRAL, "layer": "below"})
