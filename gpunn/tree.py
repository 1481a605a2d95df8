"""Nested structures: lists, tuples, named tuples and dicts within each other, under the names of ``keras.tree``.

All that is none of these is a leaf, None too. The leaves of a dict come in the order of its sorted keys, of an `OrderedDict` in its own.
"""

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

__all__ = [
    "MAP_TO_NONE", "assert_same_paths", "assert_same_structure", "flatten", "flatten_with_path", "is_nested", "lists_to_tuples",
    "map_shape_structure", "map_structure", "map_structure_up_to", "pack_sequence_as", "traverse",
]
__dir__ = __all__.copy
IsLeaf = Callable[[Any], bool]


class MAP_TO_NONE:
    """What a function given to `traverse` returns to put None in a place."""


# ---------------------------------------------------------------------- one level
def is_nested(structure: Any) -> bool:
    """Whether it is a container, even an empty one."""
    return isinstance(structure, (list, tuple, dict))


def _items(container: Any) -> list[tuple[Any, Any]]:
    """(key or place, what is there), in the order of leaves."""
    if not isinstance(container, dict):
        return list(enumerate(container))
    if isinstance(container, OrderedDict):
        return list(container.items())
    try:
        keys = sorted(container)
    except TypeError:  # of several types
        keys = sorted(container, key=lambda k: (type(k).__name__, str(k)))
    return [(key, container[key]) for key in keys]


def _like(container: Any, values: dict[Any, Any]) -> Any:
    """A container of the same kind, and the same order of keys, with these values."""
    if isinstance(container, dict):
        filled = [(key, values[key]) for key in container]
        return defaultdict(container.default_factory, filled) if isinstance(container, defaultdict) else type(container)(filled)
    parts = [values[i] for i in range(len(container))]
    return type(container)(*parts) if hasattr(container, "_fields") else type(container)(parts)


def _kind(container: Any) -> Any:
    """What must agree for two containers to have the same structure."""
    keys = frozenset(container) if isinstance(container, dict) else len(container)
    return ("dict" if isinstance(container, dict) else type(container)), keys


# ---------------------------------------------------------------------- going through
def flatten_with_path(structure: Any) -> list[tuple[tuple[Any, ...], Any]]:
    """(path of keys and places, leaf) for each leaf."""
    return list(_leaves(structure, ()))


def _leaves(structure: Any, path: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], Any]]:
    if not is_nested(structure):
        yield path, structure
        return
    for key, part in _items(structure):
        yield from _leaves(part, (*path, key))


def flatten(structure: Any) -> list[Any]:
    """The leaves, one after another."""
    return [leaf for _, leaf in _leaves(structure, ())]


def map_structure(func: Callable[..., Any], *structures: Any, none_is_leaf: bool = True) -> Any:
    """A function of the leaves, of several structures side by side, in a structure of the first one's kind. Without `none_is_leaf` None
    stays None. Raises ValueError where the structures differ, or there is none."""
    if not structures:
        raise ValueError("map_structure: expected at least one structure. Received: none.")
    return _mapped(lambda *leaves: None if not none_is_leaf and leaves[0] is None else func(*leaves), structures, structures[0])


def _mapped(func: Callable[..., Any], structures: Iterable[Any], shallow: Any, is_leaf: IsLeaf | None = None, deeper: bool = False) -> Any:
    """The same down to the leaves of `shallow`; `deeper`: where the others may go on."""
    structures = tuple(structures)
    if not is_nested(shallow) or (is_leaf is not None and is_leaf(shallow)):
        if not deeper and is_leaf is None and any(is_nested(s) for s in structures):
            raise _different(shallow, next(s for s in structures if is_nested(s)))
        return func(*structures)
    for other in structures:
        if not is_nested(other) or _kind(other) != _kind(shallow):
            raise _different(shallow, other)
    parts = {key: _mapped(func, (s[key] for s in structures), part, is_leaf, deeper) for key, part in _items(shallow)}
    return _like(shallow, parts)


def _different(a: Any, b: Any) -> ValueError:
    return ValueError(f"Structures don't have the same nested structure. Expected one like {a!r}. Received: {b!r}.")


def map_structure_up_to(shallow_structure: Any, func: Callable[..., Any], *structures: Any) -> Any:
    """A function of what stands in the structures where `shallow_structure` has leaves. Raises ValueError where they are shallower."""
    if not structures:
        raise ValueError("map_structure_up_to: expected at least one structure. Received: none.")
    return _mapped(func, structures, shallow_structure, deeper=True)


def map_shape_structure(func: Callable[[Any], Any], structure: Any) -> Any:
    """A function of the shapes in a structure: of its tuples and lists of integers and None."""

    def is_shape(part: Any) -> bool:
        return isinstance(part, (list, tuple)) and all(n is None or isinstance(n, int) for n in part)

    return _mapped(func, (structure,), structure, is_shape)


def traverse(func: Callable[[Any], Any], structure: Any, top_down: bool = True) -> Any:
    """A function of every container and every leaf: what it returns takes their place, unless it is None; `MAP_TO_NONE` stands for None.
    With `top_down` containers come before what is in them, which is then gone through only where the function returned None."""
    found = func(structure) if top_down else None
    if found is None:
        whole = structure
        if is_nested(structure):
            whole = _like(structure, {key: traverse(func, part, top_down) for key, part in _items(structure)})
        found = None if top_down else func(whole)
        found = whole if found is None else found
    return None if found is MAP_TO_NONE else found


# ---------------------------------------------------------------------- comparing and putting together
def assert_same_structure(a: Any, b: Any, check_types: Any = None) -> None:
    """Raises ValueError where containers differ in kind, length or keys, whatever `check_types`, an old argument."""
    _mapped(lambda *leaves: None, (a, b), a)


def assert_same_paths(a: Any, b: Any) -> None:
    """Raises ValueError where one has a leaf at a path where the other has none; the kinds of containers do not count."""
    mine, others = ({path for path, _ in flatten_with_path(s)} for s in (a, b))
    if mine != others:
        raise ValueError(f"`a` and `b` don't have the same paths. Only in a: {sorted(mine - others)}. Only in b: {sorted(others - mine)}.")


def pack_sequence_as(structure: Any, flat_sequence: Iterable[Any]) -> Any:
    """The structure with other leaves, in the order of `flatten`. Raises ValueError for another number of them."""
    values = list(flat_sequence)
    count = len(flatten(structure))
    if len(values) != count:
        raise ValueError(f"pack_sequence_as: expected {count} values. Received: {len(values)}.")
    left = iter(values)
    return _mapped(lambda _: next(left), (structure,), structure)


def lists_to_tuples(structure: Any) -> Any:
    """Tuples in place of lists, at every depth."""
    return traverse(lambda part: tuple(part) if isinstance(part, list) else None, structure, top_down=False)
