"""A model's graph in DOT, Graphviz's language, under the names that pydot gives such a graph."""

import io
from pathlib import Path
from typing import Any

from gpunn.models.picture import FORMATS, Box, boxes_of, plot_model


def model_to_dot(
    model: Any, show_shapes: bool = False, show_dtype: bool = False, show_layer_names: bool = True, rankdir: str = "TB",
    expand_nested: bool = False, dpi: int = 200, subgraph: bool = False, show_layer_activations: bool = False,
    show_trainable: bool = False, splines: str = "ortho", **unused: Any,
) -> "Dot":
    """The graph of a built model; arguments as `plot_model` takes them, and Keras's ``splines``. Neither pydot nor Graphviz is needed.

    Raises ValueError for a model without a graph, and for ``subgraph=True``, which is of pydot's objects."""
    if subgraph:
        raise ValueError("model_to_dot: a subgraph is an object of pydot's, which gpunn does not use. Expected subgraph=False.")
    options: dict[str, Any] = {
        "show_shapes": show_shapes, "show_dtype": show_dtype, "show_layer_names": show_layer_names, "expand_nested": expand_nested,
        "show_layer_activations": show_layer_activations, "show_trainable": show_trainable, "rankdir": rankdir, "dpi": dpi,
    }
    return Dot(model, boxes_of(model, **options), options, splines)


class Dot:
    """What `model_to_dot` returns: ``to_string()``, the text in DOT; ``write(path, format=...)`` and ``create(format=...)``, also as
    ``write_svg``, ``create_png`` ..., the picture that `plot_model` draws, in a file or as bytes."""

    def __init__(self, model: Any, boxes: list[Box], options: dict[str, Any], splines: str):
        self._model, self._boxes, self._options, self._splines = model, boxes, options, splines

    def to_string(self) -> str:
        """The text: a box for each call of a layer, an arrow for each tensor that goes from one to another."""
        lines = [
            "digraph G {", f"rankdir={self._options['rankdir']};", "concentrate=True;", f"dpi={self._options['dpi']};",
            f"splines={self._splines};", "node [shape=box];",
        ]
        for i, box in enumerate(self._boxes):
            label = "\\n".join(line.replace("\\", "\\\\").replace('"', '\\"') for line in box.lines)
            lines += [f'{i} [label="{label}"];', *(f"{start} -> {i};" for start in box.before)]
        return "\n".join([*lines, "}", ""])

    __str__ = to_string

    def create(self, prog: Any = None, format: str = "svg", encoding: str | None = None) -> bytes:
        """The picture in one of these formats, or the text for "dot" and "raw". Raises ValueError for another."""
        if format in ("dot", "raw"):
            return self.to_string().encode()
        if format not in FORMATS:
            raise ValueError(f"Dot: expected a format of: {', '.join((*FORMATS, 'dot', 'raw'))}. Received: format={format!r}.")
        out = io.BytesIO()
        plot_model(self._model, None, **self._options).savefig(out, format=format, dpi=self._options["dpi"])
        return out.getvalue()

    def write(self, path: Any, prog: Any = None, format: str = "raw", encoding: str | None = None) -> bool:
        Path(path).write_bytes(self.create(prog, format))
        return True

    def __getattr__(self, name: str) -> Any:
        what, _, form = name.partition("_")
        if what in ("create", "write") and form in (*FORMATS, "dot", "raw"):
            return lambda *arguments, **named: getattr(self, what)(*arguments, **named, format=form)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
