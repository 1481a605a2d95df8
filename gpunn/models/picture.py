"""plot_model: a model's graph drawn with matplotlib, a box for each call of a layer, in rows by their distance from the inputs."""

import itertools
import pathlib
from dataclasses import dataclass, field
from typing import Any

from gpunn.layers.input import InputLayer

INK, EDGE, BOX, INPUT, OUTPUT = "#27272a", "#71717a", "#eef2f8", "#e4f1e6", "#fbeadf"
FORMATS = ("svg", "png", "pdf")
LINE, CHARACTER, PADDING = 0.2, 0.088, 0.3  # inches
GAP_ACROSS, GAP_DOWN = 0.35, 0.45


@dataclass
class Box:
    """A call: lines of text, the boxes its inputs come from, and where it stands. One without lines is a bend of a long edge."""

    lines: list[str]
    before: list[int]
    colour: str = BOX
    rank: int = 0
    x: float = 0.0
    y: float = 0.0
    width: float = 0.0
    height: float = 0.0
    bends: dict[int, list[int]] = field(default_factory=dict)  # of edges that pass rows: by the place in `before`


def plot_model(
    model: Any, to_file: Any = "model.png", show_shapes: bool = False, show_dtype: bool = False, show_layer_names: bool = True,
    rankdir: str = "TB", expand_nested: bool = False, dpi: int = 200, show_layer_activations: bool = False, show_trainable: bool = False,
    **unused: Any,
) -> Any:
    """Draw a built model's graph to an SVG, PNG or PDF file, by the suffix of `to_file` (None: to none). -> the matplotlib figure.

    Arguments are Keras's: ``show_shapes``, of inputs and outputs; ``show_dtype``; ``show_layer_names``; ``rankdir``, "TB" from top to
    bottom or "LR" from left to right; ``expand_nested``, models within as their layers; ``dpi``; ``show_layer_activations``;
    ``show_trainable``. Raises ValueError for a model without a graph, another suffix or rankdir; ImportError without matplotlib.
    """
    path = None if to_file is None else pathlib.Path(to_file)
    if path is not None and path.suffix.lstrip(".").lower() not in FORMATS:
        raise ValueError(f"plot_model: expected a file name ending in .svg, .png or .pdf. Received: {to_file!r}.")
    boxes = boxes_of(
        model, show_shapes, show_dtype, show_layer_names, rankdir, expand_nested, dpi, show_layer_activations, show_trainable
    )
    _place(boxes, rankdir == "LR")
    figure = _draw(boxes, rankdir == "LR", dpi)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=dpi)
    return figure


# ---------------------------------------------------------------------- what is drawn
def boxes_of(
    model: Any, show_shapes: bool, show_dtype: bool, show_layer_names: bool, rankdir: str, expand_nested: bool, dpi: int,
    show_layer_activations: bool, show_trainable: bool,
) -> list[Box]:
    """The calls in a built model's graph, each after those it needs; arguments as `plot_model` takes them, and what that raises."""
    if rankdir not in ("TB", "LR"):
        raise ValueError(f"plot_model: rankdir must be 'TB' or 'LR'. Received: rankdir={rankdir!r}.")
    model._need_built("plot_model")
    options = {
        "shapes": show_shapes, "dtype": show_dtype, "names": show_layer_names, "activations": show_layer_activations,
        "trainable": show_trainable,
    }
    inputs, _, outputs = model.graph(False)
    boxes: list[Box] = []
    where: dict[Any, int] = {}
    for tensor in inputs:
        where[tensor] = len(boxes)
        boxes.append(Box(_lines(tensor.node, tensor.node.layer.name, options), [], INPUT))
    _calls(model, "", where, boxes, options, expand_nested)
    for tensor in outputs:
        box = boxes[where[tensor]]
        box.colour = OUTPUT if box.before else box.colour
    return boxes


def _calls(model: Any, prefix: str, where: dict[Any, int], boxes: list[Box], options: dict[str, bool], expand: bool) -> None:
    """Append the calls of a model; `where` knows the box that each tensor comes from."""
    _, nodes, _ = model.graph(False)
    times: dict[int, int] = {}
    for node in nodes:
        layer, before = node.layer, [where[t] for t in node.inputs]
        if isinstance(layer, InputLayer):
            continue
        if expand and hasattr(layer, "graph"):
            inside, _, outside = layer.graph(False)
            within = dict(zip(inside, before, strict=True))
            _calls(layer, f"{prefix}{layer.name}/", within, boxes, options, expand)
            where.update({t: within[o] for t, o in zip(node.outputs, outside, strict=True)})
            continue
        times[id(layer)] = times.get(id(layer), 0) + 1
        call = f" (call {times[id(layer)]})" if sum(n.layer is layer for n in nodes) > 1 else ""
        where.update(dict.fromkeys(node.outputs, len(boxes)))
        boxes.append(Box(_lines(node, f"{prefix}{layer.name}{call}", options), before))


def _lines(node: Any, name: str, options: dict[str, bool]) -> list[str]:
    layer = node.layer
    kind = type(layer).__name__
    lines = [f"{name} ({kind})" if options["names"] else kind]
    activation = getattr(getattr(layer, "activation", None), "name", None)
    if options["activations"] and activation:
        lines.append(f"activation: {activation}")
    if options["dtype"]:
        lines.append(f"dtype: {node.outputs[0].dtype}")
    if options["shapes"]:
        if node.inputs:
            lines.append(f"in: {', '.join(str(t.shape) for t in node.inputs)}")
        lines.append(f"out: {', '.join(str(t.shape) for t in node.outputs)}")
    if options["trainable"]:
        lines.append(f"trainable: {layer.trainable}")
    return lines


# ---------------------------------------------------------------------- where it stands
def _place(boxes: list[Box], across: bool) -> None:
    """Rows by distance from the inputs; edges that pass rows get a bend in each; within rows boxes go near those they hang on."""
    for box in boxes:
        box.rank = 1 + max((boxes[i].rank for i in box.before), default=-1)
    for i in range(len(boxes)):
        for k, start in enumerate(boxes[i].before):
            bends = []
            for rank in range(boxes[start].rank + 1, boxes[i].rank):
                bends.append(len(boxes))
                boxes.append(Box([], [bends[-2] if len(bends) > 1 else start], rank=rank))
            boxes[i].bends[k] = bends
    rows: list[list[int]] = [[] for _ in range(1 + max(box.rank for box in boxes))]
    for i, box in enumerate(boxes):
        rows[box.rank].append(i)
        box.width = max((len(line) for line in box.lines), default=0) * CHARACTER + (PADDING if box.lines else 0.1)
        box.height = len(box.lines) * LINE + (0.14 if box.lines else 0)
    above = {i: [b.bends[k][-1] if b.bends.get(k) else s for k, s in enumerate(b.before)] for i, b in enumerate(boxes)}
    below: dict[int, list[int]] = {i: [] for i in above}
    for i, starts in above.items():
        for s in starts:
            below[s].append(i)
    _order(rows, above, below)
    _across(boxes, rows, above, below, across)
    top = 0.0
    for row in rows:
        deep = max(boxes[i].width if across else boxes[i].height for i in row)
        for i in row:
            boxes[i].y = top + deep / 2
            if not boxes[i].lines:  # a long edge goes straight past the boxes of the row
                boxes[i].width, boxes[i].height = (deep, 0.0) if across else (0.0, deep)
        top += deep + GAP_DOWN


def _order(rows: list[list[int]], above: dict[int, list[int]], below: dict[int, list[int]]) -> None:
    """Neighbours near each other, by the mean place of what a box hangs on (Sugiyama et al. 1981), up and down."""
    for sweep in range(8):
        near = above if sweep % 2 == 0 else below
        for row in rows if sweep % 2 == 0 else reversed(rows):
            at = {i: n for other in rows for n, i in enumerate(other)}
            row.sort(key=lambda i: sum(at[j] for j in near[i]) / len(near[i]) if near[i] else at[i])


def _across(boxes: list[Box], rows: list[list[int]], above: dict[int, list[int]], below: dict[int, list[int]], across: bool) -> None:
    """Places within the rows: each as near to the middle of its neighbours as the others of its row let it."""

    def size(i: int) -> float:
        return (boxes[i].height if across else boxes[i].width) + GAP_ACROSS * (1 if boxes[i].lines else 0.4)

    for row in rows:
        at = 0.0
        for i in row:
            boxes[i].x = at + size(i) / 2
            at += size(i)
        for i in row:
            boxes[i].x -= at / 2
    for _ in range(12):
        for row in (*rows, *reversed(rows)):
            for i in row:
                linked = above[i] + below[i]
                boxes[i].x = sum(boxes[j].x for j in linked) / len(linked) if linked else boxes[i].x
            wished = sum(boxes[i].x for i in row) / len(row)
            for a, b in itertools.pairwise(row):
                boxes[b].x = max(boxes[b].x, boxes[a].x + (size(a) + size(b)) / 2)
            shift = wished - sum(boxes[i].x for i in row) / len(row)
            for i in row:
                boxes[i].x += shift


# ---------------------------------------------------------------------- drawing
def _draw(boxes: list[Box], across: bool, dpi: int) -> Any:
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
        from matplotlib.patches import FancyBboxPatch
    except ImportError as error:
        raise ImportError(f'plot_model needs matplotlib ({error}). Install it with: pip install "gpunn[cli]"') from error

    def point(box: Box, end: int = 0) -> tuple[float, float]:
        """The middle of a box, or of its side where edges leave (1) or come in (-1)."""
        half = (box.width if across else box.height) / 2
        return (box.y + end * half, -box.x) if across else (box.x, -box.y - end * half)

    middles = [(point(b), b) for b in boxes]
    left, right = min(p[0] - b.width / 2 for p, b in middles), max(p[0] + b.width / 2 for p, b in middles)
    low, high = min(p[1] - b.height / 2 for p, b in middles), max(p[1] + b.height / 2 for p, b in middles)
    figure = Figure(figsize=(max(right - left + 0.4, 1), max(high - low + 0.4, 0.5)), dpi=dpi)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(left - 0.2, right + 0.2)
    axes.set_ylim(low - 0.2, high + 0.2)
    axes.set_axis_off()
    for box in boxes:
        for k, start in enumerate(box.before if box.lines else ()):
            bends = [point(boxes[i], end) for i in box.bends.get(k, ()) for end in (-1, 1)]
            path = [point(boxes[start], 1), *bends, point(box, -1)]
            for a, b in itertools.pairwise(path[:-1]):
                axes.plot(*zip(a, b, strict=True), color=EDGE, linewidth=1, solid_capstyle="round")
            arrow = {"arrowstyle": "-|>", "color": EDGE, "linewidth": 1, "shrinkA": 0, "shrinkB": 0}
            axes.annotate("", path[-1], path[-2], arrowprops=arrow)
    for box in boxes:
        if box.lines:
            x, y = point(box)
            frame = (x - box.width / 2, y - box.height / 2), box.width, box.height
            axes.add_patch(FancyBboxPatch(*frame, boxstyle="round,pad=0,rounding_size=0.06", facecolor=box.colour, edgecolor=EDGE))
            for n, line in enumerate(box.lines):
                at = y + (len(box.lines) / 2 - n - 0.5) * LINE
                axes.text(
                    x, at, line, ha="center", va="center", color=INK, fontsize=9, family="monospace", weight="normal" if n else "bold"
                )
    return figure
