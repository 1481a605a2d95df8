"""Calls of a class of the user's whose `call` takes arrays and plain values in any lists and dicts, by position or by name."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from gpunn.layers.alone import as_said, drawing_alone, host, kind_of
from gpunn.layers.graph import flat, packed
from gpunn.layers.parameter import Parameter
from gpunn.ops.tracing import Source, plan_of, plan_of_call, run_call, traced_aside
from gpunn.recent import recent
from gpunn.results import dressed


def is_array(value: Any) -> bool:
    return hasattr(value, "shape") and hasattr(value, "dtype")


def formed(layer: Any, given: Sequence[Any], options: dict[str, Any]) -> bool:
    """Whether there is more than arrays of as many rows by position and plain values by name: dicts, lists within lists, arrays by name, a
    list of arrays of which not all have rows."""
    if not layer.traced or type(layer).__module__.partition(".")[0] == "gpunn":
        return False
    first = given[0] if len(given) == 1 else given
    nested = isinstance(first, (list, tuple)) and any(isinstance(v, (list, tuple, dict)) and any(map(is_array, flat(v))) for v in first)
    uneven = isinstance(first, (list, tuple)) and len({tuple(v.shape[:1]) for v in first if is_array(v)}) > 1
    return nested or uneven or isinstance(first, dict) or any(map(is_array, flat(options)))


def plan_of_form(
    layer: Any, kept: dict[Any, Any], given: Sequence[Any], options: dict[str, Any], training: bool | None, shapes: Sequence[Any],
    kinds: Sequence[str] | None = None,
) -> tuple[Any, Any]:
    """(what comes out, symbolic; the plan of a call with arrays of these shapes, and of these types where they are not the layer's), kept
    for the next call of this form."""
    kinds = kinds or [layer.dtype] * len(shapes)
    whole = [list(given), options]
    leaves = flat(whole)
    form = str(packed(whole, ["array" if is_array(v) else repr(v) for v in leaves]))

    def make() -> tuple[Any, Any]:
        sources = [Source(shape, kind, layer.dtype).output for shape, kind in zip(shapes, kinds, strict=True)]
        rest = iter(sources)
        arguments, named = packed(whole, [next(rest) if is_array(v) else v for v in leaves])
        out = traced_aside(layer, tuple(arguments), training, named)
        return out, plan_of(sources, flat(out), bool(training))

    return recent(kept, (form, tuple(shapes), tuple(kinds), training), make)


def call_formed(layer: Any, given: Sequence[Any], training: bool, options: dict[str, Any]) -> Any:
    """What the layer gives for arrays, alone, in lists and in dicts."""
    first = given[0]
    if isinstance(first, (list, tuple)) and not any(map(is_array, flat(first))):  # rows in a list
        given = [np.asarray(first), *given[1:]]
    values = [v.value if isinstance(v, Parameter) else v for v in flat([list(given), options]) if is_array(v)]
    there = [layer.backend.adopt(v, "x") for v in values]
    arrays = [layer.backend.asarray(np.asarray(v) if a is None else a, layer.dtype) for v, a in zip(values, there, strict=True)]
    kinds = [kind_of(v, layer.dtype) for v in values]
    said, plan = plan_of_form(layer, layer.kept_plans, given, options, training, [tuple(a.shape) for a in arrays], kinds)
    with drawing_alone(layer), layer.backend.here():
        found = packed(said, plan.run(arrays, training).outputs)
    return dressed(as_said(host(found, layer.backend) if all(a is None for a in there) else layer.backend.hand_out(found), said))


def call_alone(layer: Any, x: Any, training: bool, kinds: Sequence[str]) -> tuple[Any, Any]:
    """What it gives for arrays of the device, and the same symbolic, which says the types. A `call` that is not of any number of rows is
    traced for those that are there."""
    try:
        said = plan_of_call(layer, x, training, {}, kinds=kinds)[0]
    except Exception:  # whatever its arithmetic does with axes of other sizes
        said, plan = plan_of_form(layer, layer.kept_plans, (x,), {}, training, [tuple(a.shape) for a in flat(x)], kinds)
        return packed(said, plan.run(flat(x), training).outputs), said
    return run_call(layer, x, training, {}, kinds=kinds)[0], said
