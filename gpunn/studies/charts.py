"""A chart as data, whoever draws it: `gpunn.studies.pictures` as a PNG, `gpunn.studies.report` as an interactive plot."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

COLOURS = ("#2f6db5", "#e0662f", "#2f9e6e", "#8b5cc4", "#c23b6b", "#a07a18", "#4d9fbf", "#7a7f88")
LINE, POINTS, DASH, BARS = "line", "points", "dash", "bars"


@dataclass
class Series:
    """One line, cloud of points, dashed line or row of bars. ``low`` and ``high``: interval of each y; None leaves a gap.

    ``colour``: a number into COLOURS, by default its place in the chart. ``labels``: a word a point.
    """

    name: str
    x: Sequence[Any]
    y: Sequence[Any]
    low: Sequence[Any] | None = None
    high: Sequence[Any] | None = None
    kind: str = LINE
    colour: int | None = None
    labels: Sequence[str] | None = None


@dataclass
class Mark:
    """A line across the chart, at an x or a y, with words; ``low`` and ``high`` shade an interval of x."""

    label: str
    x: float | None = None
    y: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass
class Grid:
    """Numbers over two axes, as colours."""

    x: Any
    y: Any
    z: Any  # rows by y, columns by x


@dataclass
class Chart:
    """``key`` names its file. Logarithmic axes have base 10, or 2 where ``log_x`` is 2. ``percent``: y is a share."""

    key: str
    title: str
    x: str
    y: str
    series: list[Series] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    log_x: int = 0
    log_y: bool = False
    percent: bool = False
    note: str = ""
    grid: Grid | None = None
    images: Sequence[Any] | None = None  # pictures side by side, in place of axes
    image_titles: Sequence[str] = ()
