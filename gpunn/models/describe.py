"""Words about a model: `summary` and `explain`."""

import contextlib
import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from gpunn.kernels import REGISTRY
from gpunn.layers import InputLayer
from gpunn.optimizers.recording import launches

OPEN = 32  # the size that `explain` takes for an axis whose size is open


COLUMNS = ("Layer (type)", "Output Shape", "Param #", "Connected to", "Trainable")


def summary(
    model: Any, line_length: int | None = None, expand_nested: bool = False, show_trainable: bool = False, layer_range: Any = None
) -> str:
    """A table as Keras prints it, in plain characters; where the model is no chain, with what each layer is connected to."""
    rows = [row for layer in _between(model, layer_range) for row in _rows(model, layer, expand_nested)]
    shown = (True, True, True, any(row[3] for row in rows), show_trainable)
    head, *cells = (tuple(itertools.compress(row, shown)) for row in [COLUMNS, *rows])
    widths = [max(len(r[i]) for r in [head, *cells]) + 2 for i in range(len(head))]
    if line_length:
        widths[0] = max(widths[0], line_length - sum(widths[1:]))
    line = "-" * sum(widths)
    out = [f'Model: "{model.name}"', line, "".join(h.ljust(w) for h, w in zip(head, widths, strict=True)), line.replace("-", "=")]
    out += ["".join(c.ljust(w) for c, w in zip(r, widths, strict=True)).rstrip() for r in cells]
    trainable = sum(int(np.prod(p.shape)) for p in model.trainable_weights)
    rest = sum(int(np.prod(p.shape)) for p in model.non_trainable_weights)
    out.append(line)
    for name, n in (("Total", trainable + rest), ("Trainable", trainable), ("Non-trainable", rest)):
        out.append(f"{name} params: {n:,} ({_bytes(n * np.dtype(model.dtype).itemsize)})")
    return "\n".join(out)


def _between(model: Any, names: Any) -> list[Any]:
    """The layers from the one of the first name to that of the last, all without names."""
    if names is None:
        return list(model.layers)
    if len(names) != 2:
        raise ValueError(f"Argument layer_range of summary: expected the names of two layers. Received: {names!r}.")
    first, last = (model.layers.index(model.get_layer(name)) for name in names)
    return list(model.layers[first : last + 1])


def _rows(model: Any, layer: Any, expand: bool, indent: str = "") -> list[tuple[str, str, str, str, str]]:
    """A text for each of the `COLUMNS`, a line for each call's inputs; of a layer in a model within indented."""
    from gpunn.models.sequential import Sequential

    linear = is_chain(model)
    if isinstance(layer, InputLayer) and isinstance(model, Sequential):
        return []
    shape, origins = output_text(model, layer), [] if linear else connections(model, layer)
    name, count = f"{indent}{layer.name} ({type(layer).__name__})", f"{layer.count_params():,}" if layer.built else "0 (unbuilt)"
    learns = "Y" if layer.trainable_weights else "N" if layer.weights else "-"
    first = (name, shape, count, origins[0] if origins else ("" if linear else "-"), learns)
    within = layer.layers if expand and hasattr(layer, "is_graph") else []  # of a model
    inner = [row for one in within for row in _rows(layer, one, expand, indent + "  ")]
    return [first, *(("", "", "", origin, "") for origin in origins[1:]), *inner]


def calls_of(model: Any, layer: Any) -> list[Any]:
    """The calls of a layer that belong to the model's graph."""
    nodes = model.graph(False)[1] if model.built else []
    return [node for node in nodes if node.layer is layer]


def connections(model: Any, layer: Any) -> list[str]:
    """``name[call][output]`` of what goes into a layer, as Keras writes it."""
    out = []
    for node in calls_of(model, layer):
        for tensor in node.inputs:
            before = tensor.node
            calls = [before] if isinstance(before.layer, InputLayer) else calls_of(model, before.layer)
            out.append(f"{before.layer.name}[{calls.index(before)}][{tensor.index}]")
    return out


def output_text(model: Any, layer: Any) -> str:
    """The shape of a layer's output, or those of several."""
    if isinstance(layer, InputLayer):
        return str(layer.shape)
    calls = calls_of(model, layer)
    if not calls:
        return "?"
    shapes = list(dict.fromkeys(tuple(t.shape for t in node.outputs) for node in calls))
    return ", ".join(str(s) for s in shapes[0]) if len(shapes) == 1 else "multiple"


def is_chain(model: Any) -> bool:
    """Whether every layer is called once, on the one before it alone."""
    if not model.built:
        return True
    inputs, nodes, outputs = model.graph(False)
    before = inputs
    for node in nodes:
        if node.inputs != before or len(node.inputs) != 1:
            return False
        before = node.outputs
    return len({id(node.layer) for node in nodes}) == len(nodes) and len(inputs) == len(outputs) == 1


def _bytes(n: float) -> str:
    for unit in ("B", "KB", "MB"):
        if n < 1024:
            return f"{n:.2f} {unit}"
        n /= 1024
    return f"{n:.2f} GB"


def explain(model: Any, batch_size: int) -> str:
    """The stages with what was fused, then the nodes of one recorded train step."""
    setup = model._need_setup("explain")
    model._need_built("explain")
    if setup.plan is None:
        model._arrange()
    if any(head.loss.own_call and head.loss.traced is None for head in setup.heads):
        with contextlib.suppress(ValueError):
            _sample(model, batch_size)  # traces functions for targets of the likeliest shape
    out = [f"Model {model.name!r} on {model.backend.name}, a train step of {batch_size} rows", "", "Stages:"]
    if model.steps_itself:
        return "\n".join([*out[:-1], *_own_step(model, batch_size)])
    for stage in setup.stages:
        out.append(f"  {stage.layer.name} ({type(stage.layer).__name__})")
        out += [f"    {note}" for note in stage.notes]
    for head in setup.heads:
        if not head.fused:
            where = "the model's output" if setup.outputs == 1 else f"the output {head.name}"
            out.append(f"  loss {head.loss.name}: on {where}, not fused")
    out += [f"  {note}" for note in setup.penalties.notes()]
    out.append(f"  optimizer {setup.optimizer.name}: {_update(model, setup.optimizer)}")
    own = [m for m in setup.metrics if not m.recordable]
    for head in setup.heads:
        if not head.loss.recordable:
            out.append(f"  loss {head.loss.name}: a function of NumPy arrays, called from Python in every step")
    out += [f"  metric {m.name}: a function of NumPy arrays, called from Python in every step" for m in own]
    if not setup.recordable:
        return "\n".join([*out, "", "Not recorded: what is called from Python, above, makes every step run launch by launch."])
    if not model.recordable:
        own = [stage.layer.name for stage in setup.stages if not stage.recordable]
        return "\n".join([*out, "", f"Not recorded: {', '.join(own)} do not say recordable = True, so every step runs launch by launch."])
    from gpunn.training.loop import Training

    program = Training(model, _sample(model, batch_size), batch_size, False)
    recorded = program.record(batch_size)
    return "\n".join([*out, "", f"Nodes: {len(recorded.nodes)}", *(f"  {line}" for line in recorded.describe())])


def _update(model: Any, optimizer: Any) -> str:
    """The launches of an update, in words; those that touch a few numbers only are named apart."""
    names = launches(optimizer, model.backend, model.storage)[:-1]  # the last counts the step
    counted = {name: names.count(name) for name in names}
    scalars = [name for name in counted if not REGISTRY[name].has_float_arrays]
    passes = [name if n == 1 else f"{n} x {name}" for name, n in counted.items() if name not in scalars]
    many = sum(n for name, n in counted.items() if name not in scalars)
    text = f"{many} launch{'es' if many > 1 else ''} over {model.storage.trainable_size:,} elements ({', '.join(passes)})"
    return text + (f", and {len(scalars)} on a few numbers ({', '.join(scalars)})" if scalars else "")


def _own_step(model: Any, batch_size: int) -> list[str]:
    """The same of a user's own step: with targets that it takes, if any does it."""
    from gpunn.training.feeds.choice import make
    from gpunn.training.own_runs import OwnRuns

    for rows in _samples(model, batch_size):
        recorded, lines = OwnRuns(model, model.train_step, make(model.backend, rows, batch_size), True).explain(batch_size)
        if recorded:
            break
    return lines


def _sample(model: Any, rows: int) -> Any:
    """Rows of zeros that fit the model, to record a step with."""
    return next(_samples(model, rows))


def _samples(model: Any, rows: int) -> Iterator[Any]:
    """The same, with targets of each kind that fits. Raises ValueError where none does."""
    x = [np.zeros((rows, *(OPEN if n is None else n for n in t.shape[1:])), model.dtype) for t in model.inputs]
    outputs = model.output_shapes([a.shape[1:] for a in x] if len(x) > 1 else x[0].shape[1:])
    choices, any_fits = [], False
    for head in model._setup.heads:
        shape = (rows, *outputs[head.index][1:])
        kinds = [np.zeros(shape[:-1], np.int32), np.zeros(shape, model.dtype)]
        choices.append(kinds if head.loss.sparse else kinds[::-1])  # some take labels though they do not say so
    if model.steps_itself and model._targets_like:  # what it takes shows in what it was given
        choices = [[np.zeros((rows, *like.shape[1:]), like.dtype)] for like in model._targets_like]
    for y in itertools.product(*choices):
        given = None if model._without_targets else list(y) if len(y) > 1 else y[0]
        try:
            found = model._check(x if len(x) > 1 else x[0], given, None, None, "explain")
        except ValueError as error:
            refused = error
            continue
        any_fits = True
        yield found
    if not any_fits:
        raise refused
