"""Nested structures, beside ``keras.tree``."""

from collections import OrderedDict, defaultdict, namedtuple

import pytest

from gpunn import tree

Point = namedtuple("Point", "x y")
STRUCTURES = [
    1, None, [1, 2], (3, [4]), {"b": 1, "a": [2, 3]}, OrderedDict([("b", 1), ("a", 2)]), Point(1, {"k": 2}), [], {},
    [Point((1,), [2]), {"z": None}], defaultdict(list, {"q": [1]}),
]


def outcome(function, *arguments, **options):
    """What is returned, or the kind of error, by how it is written."""
    try:
        return repr(function(*arguments, **options))
    except Exception as error:
        return type(error)


def calls():
    for s in STRUCTURES:
        for name in ("flatten", "flatten_with_path", "is_nested", "lists_to_tuples"):
            yield name, (s,), {}
        yield "map_structure", (lambda v: (v, "f"), s), {}
        yield "map_structure", (lambda v: (v, "f"), s), {"none_is_leaf": False}
        for more in (0, 1):
            yield "pack_sequence_as", (s, list("abcdefgh")[: len(tree.flatten(s)) + more]), {}
        for down in (True, False):
            yield "traverse", (lambda v: v * 10 if isinstance(v, int) else "t" if isinstance(v, list) and len(v) == 1 else None, s), {
                "top_down": down
            }
        for other in STRUCTURES:
            yield "assert_same_structure", (s, other), {}
            yield "assert_same_paths", (s, other), {}
            yield "map_structure", (lambda a, b: (a, b), s, other), {}
            if s is not None and not (isinstance(s, list) and {"z": None} in s):  # Keras refuses None as the end of a shallow one
                yield "map_structure_up_to", (s, repr, other), {}
    yield "map_shape_structure", (lambda s: (*s, 9), {"a": (1, None), "b": [(2, 3), [4, 5]]}), {}
    yield "map_structure", (len,), {}


def test_like_keras():
    real = pytest.importorskip("keras_twin").keras.tree
    done = 0
    for name, arguments, options in calls():
        ours, theirs = (outcome(getattr(module, name), *arguments, **options) for module in (tree, real))
        assert ours == theirs, (name, arguments, options)
        done += 1
    assert done > 400


def test_none_in_a_place():
    found = tree.traverse(lambda v: tree.MAP_TO_NONE if v == 2 else None, {"a": [1, 2], "b": 2})
    assert found == {"a": [1, None], "b": None}


def test_errors_name_what_differs():
    with pytest.raises(ValueError, match=r"same nested structure\. Expected one like \[1, 2\]\. Received: \[1\]"):
        tree.map_structure(max, [1, 2], [1])
    with pytest.raises(ValueError, match=r"Only in a: \[\('a',\)\]\. Only in b: \[\('b',\)\]"):
        tree.assert_same_paths({"a": 1}, {"b": 1})
    with pytest.raises(ValueError, match=r"pack_sequence_as: expected 2 values. Received: 1"):
        tree.pack_sequence_as([1, 2], [1])
