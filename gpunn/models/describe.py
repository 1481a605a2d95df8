"""Words about a model: `summary` and `explain`."""

from typing import Any

import numpy as np

from gpunn.kernels import REGISTRY
from gpunn.layers import InputLayer
from gpunn.optimizers.recording import launches


def summary(model: Any, line_length: int | None = None) -> str:
    """A table as Keras prints it, in plain characters."""
    rows = []
    shape: tuple[int | None, ...] | None = None if model.row_shape is None else (None, *model.row_shape)
    for layer in model.layers:
        shape = layer.compute_output_shape(shape) if shape is not None else None
        if isinstance(layer, InputLayer):
            continue
        text = "?" if shape is None else str(tuple(shape)).replace("'", "")
        rows.append((f"{layer.name} ({type(layer).__name__})", text, f"{layer.count_params():,}" if layer.built else "0 (unbuilt)"))
    head = ("Layer (type)", "Output Shape", "Param #")
    widths = [max(len(r[i]) for r in [head, *rows]) + 2 for i in range(3)]
    if line_length:
        widths[0] = max(widths[0], line_length - widths[1] - widths[2])
    line = "-" * sum(widths)
    out = [f'Model: "{model.name}"', line, "".join(h.ljust(w) for h, w in zip(head, widths, strict=True)), line.replace("-", "=")]
    out += ["".join(c.ljust(w) for c, w in zip(r, widths, strict=True)).rstrip() for r in rows]
    trainable = sum(int(np.prod(p.shape)) for p in model.trainable_weights)
    rest = sum(int(np.prod(p.shape)) for p in model.non_trainable_weights)
    out.append(line)
    for name, n in (("Total", trainable + rest), ("Trainable", trainable), ("Non-trainable", rest)):
        out.append(f"{name} params: {n:,} ({_bytes(n * np.dtype(model.dtype).itemsize)})")
    return "\n".join(out)


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
    out = [f"Model {model.name!r} on {model.backend.name}, a train step of {batch_size} rows", "", "Stages:"]
    for stage in setup.stages:
        out.append(f"  {stage.layer.name} ({type(stage.layer).__name__})")
        out += [f"    {note}" for note in stage.notes]
    if not setup.fused:
        out.append(f"  loss {setup.loss.name}: on the model's output, not fused")
    out += [f"  {note}" for note in setup.penalties.notes()]
    out.append(f"  optimizer {setup.optimizer.name}: {_update(model, setup.optimizer)}")
    own = [m for m in setup.metrics if not m.recordable]
    if not setup.loss.recordable:
        out.append(f"  loss {setup.loss.name}: a function of NumPy arrays, called from Python in every step")
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


def _sample(model: Any, rows: int) -> Any:
    """Rows of zeros that fit the model, to record a step with."""
    x, shape = np.zeros((rows, *model.row_shape), model.dtype), (rows, *model.output_shape[1:])
    kinds = [np.zeros(shape[:-1], np.int32), np.zeros(shape, model.dtype)]
    try:
        return model._check(x, kinds[not model.loss.sparse], None, None, "explain")
    except ValueError:  # some take labels though they do not say so
        return model._check(x, kinds[model.loss.sparse], None, None, "explain")
