"""What `fit` and its kin are given, taken apart: into inputs and outputs, into training and validation, into a batch's pieces."""

from functools import partial
from typing import Any

import numpy as np

from gpunn.layers.graph import flat, mapped
from gpunn.training import data
from gpunn.training.feeds import sources
from gpunn.training.feeds.iterables import batched


def split(
    x: Any, y: Any, sample_weight: Any, share: float, ops: Any, several: tuple[bool, bool] = (False, False)
) -> tuple[tuple[Any, Any, Any], tuple[Any, Any, Any]]:
    """The last `share` of the rows, before any shuffling, for validation (Keras's rule). `several`: whether there are lists or dicts of
    inputs, and of outputs. Raises ValueError when a part would be empty."""
    if isinstance(share, bool) or not isinstance(share, (int, float, np.number)) or not 0 < share < 1:
        raise ValueError(f"Argument validation_split of fit: expected a share between 0 and 1. Received: {share!r}.")
    given = {"x": x, "y": y, "sample_weight": sample_weight}
    for name, value in given.items():
        if value is not None or name != "sample_weight":
            nested = several[name != "x"] and _nested(value)
            convert = partial(_array, name=name, ops=ops)
            given[name] = mapped(convert, value) if nested else convert(value)
    x = flat(given["x"])[0]
    if x.ndim == 0:
        raise ValueError(f"Argument x of fit: expected at least one row. Received: shape {x.shape}.")
    for name, value in given.items():
        for array in flat(value):
            if array is not None:
                data.same_length(x, array, name, "fit")
    rows = len(x)
    cut = int(np.floor(rows * (1.0 - share)))
    if cut == 0 or cut == rows:
        raise ValueError(f"Argument validation_split of fit: {share} of {rows} rows leaves a part empty.")

    def between(first: int, end: int) -> tuple[Any, Any, Any]:
        cut_out = partial(part, first=first, end=end)
        return mapped(cut_out, given["x"]), mapped(cut_out, given["y"]), mapped(cut_out, given["sample_weight"])

    return between(0, cut), between(cut, rows)


def _nested(value: Any) -> bool:
    """Whether a value holds several arrays, by name or in a list, and is not itself the numbers of one."""
    return isinstance(value, dict) or (
        isinstance(value, (list, tuple)) and bool(value) and all(v is None or len(getattr(v, "shape", ())) > 0 for v in value)
    )


def _array(value: Any, name: str, ops: Any) -> Any:
    if value is None:
        return None
    there = ops.adopt(value, name)
    if there is not None:
        return there
    return value if sources.in_file(value) else data.host(value, name)


def part(value: Any, first: int, end: int) -> Any:
    return None if value is None else sources.part(value, first, end) if sources.in_file(value) else value[first:end]


def validation(value: Any) -> tuple[Any, Any, Any]:
    """(x, y, sample_weight or None) from validation_data; what makes batches is x. Raises ValueError for anything else but a tuple of two
    or three."""
    if batched(value) is not None:
        return value, None, None
    if not isinstance(value, (tuple, list)) or len(value) not in (2, 3):
        raise ValueError(f"Argument validation_data of fit: expected (x, y) or (x, y, sample_weight). Received: {type(value).__name__}.")
    return value[0], value[1], value[2] if len(value) == 3 else None


def unpack(item: Any, ops: Any, own: bool = False) -> tuple[Any, Any, Any]:
    """x, y and sample weights of a batch; None for what it has not. Arrays of the device come to the host: batches are brought there
    together. Raises ValueError for anything but an array, or a tuple of one to three.

    With `own`, for a step of a user's own, more than three, or a third one that is alike in shape to the first, images say, are all x."""
    several = isinstance(item, tuple) or (isinstance(item, list) and all(hasattr(v, "shape") or _nested(v) for v in item))
    parts: Any = item if several else (item,)
    if own and (len(parts) > 3 or (len(parts) == 3 and np.ndim(parts[2]) > 2 and np.shape(parts[2]) == np.shape(parts[0]))):
        return [_to_host(v, ops) for v in parts], None, None
    if not 1 <= len(parts) <= 3:
        raise ValueError(f"A batch is (x, y) or (x, y, sample_weight). Received: {len(parts)} of them.")
    found = [mapped(lambda v: _to_host(v, ops), v) if _nested(v) else _to_host(v, ops) for v in parts]
    x, y, weight = [*found, None, None][:3]
    return x, y, weight


def _to_host(value: Any, ops: Any) -> Any:
    return value if value is None or (here := ops.adopt(value, "x")) is None else ops.to_numpy(here)


def inputs_of(x: Any, names: list[str] | None, where: str) -> tuple[list[Any], list[str]]:
    """The arrays for each input of a model, and what they are called in errors. `names`: of its inputs; None where it has no graph yet.

    Raises ValueError for another number of inputs, or names that are not the inputs'."""
    if names is None and not _nested(x):
        return [x], ["x"]
    if isinstance(x, dict):
        known = sorted(x) if names is None else names
        if missing := [n for n in known if n not in x]:
            raise ValueError(f"Argument x of {where}: expected inputs named {known}. Received: {sorted(x)}, without {missing}.")
        return [x[n] for n in known], [f"x[{n!r}]" for n in known]
    if names is None:
        return list(x), [f"x[{i}]" for i in range(len(x))]
    if len(names) == 1:
        one = isinstance(x, (list, tuple)) and len(x) == 1 and len(getattr(x[0], "shape", ())) > 1
        return [x[0] if one else x], ["x"]
    if not isinstance(x, (list, tuple)) or len(x) != len(names):
        found = f"{len(x)}" if isinstance(x, (list, tuple)) else f"a {type(x).__name__}"
        raise ValueError(f"Argument x of {where}: expected {len(names)} inputs, {names}, as a list or a dict. Received: {found}.")
    return list(x), [f"x[{i}]" for i in range(len(x))]


def per_output(value: Any, names: list[str], chosen: list[int], what: str, where: str) -> list[Any]:
    """What is given for each of the `chosen` outputs, those that have a loss, of all their `names`: from a list, or a dict by name; a
    model with one output takes it as it is. Raises ValueError where it is for other outputs."""
    if len(names) == 1:
        if isinstance(value, dict):
            if set(value) != set(names):
                raise ValueError(f"Argument {what} of {where}: expected the output {names[0]!r}. Received: {sorted(value)}.")
            return [value[names[0]]]
        one = isinstance(value, (list, tuple)) and len(value) == 1 and len(getattr(value[0], "shape", ())) > 0
        return [value[0] if one else value]
    if value is None:
        return [None] * len(chosen)
    if isinstance(value, dict):
        wanted = [names[i] for i in chosen]
        unknown = [n for n in value if n not in names]
        missing = [n for n in wanted if n not in value] if what == "y" else []
        if unknown or missing:
            raise ValueError(f"Argument {what} of {where}: expected outputs named {wanted}. Received: {sorted(value)}.")
        return [value.get(n) for n in wanted]
    if isinstance(value, (list, tuple)) and len(value) in (len(names), len(chosen)):
        return [value[i] for i in chosen] if len(value) == len(names) else list(value)
    if what == "y" and len(chosen) == 1 and not isinstance(value, (list, tuple)):  # that of the one output which has a loss
        return [value]
    if what == "sample_weight" and not isinstance(value, (list, tuple)):  # Keras: one for all
        return [value] * len(chosen)
    found = f"{len(value)} of them" if isinstance(value, (list, tuple)) else f"a {type(value).__name__}"
    raise ValueError(f"Argument {what} of {where}: expected a list or a dict for the {len(names)} outputs {names}. Received: {found}.")
