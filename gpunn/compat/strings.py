"""``tf.strings``: functions of NumPy arrays of texts. Bytes are taken for UTF-8."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from gpunn.layers.words import texts_in
from gpunn.results import dressed

__all__ = [
    "as_string", "bytes_split", "join", "length", "lower", "reduce_join", "regex_full_match", "regex_replace", "split", "strip", "substr",
    "to_hash_bucket_fast", "to_number", "unicode_split", "upper",
]


def _each(function: Callable[[str], Any], input: Any, dtype: Any = str) -> Any:
    texts = texts_in(input)
    return dressed(np.array([function(t) for t in texts.reshape(-1).tolist()], dtype).reshape(texts.shape))


def _pieces(function: Callable[[str], list[str]], input: Any) -> Any:
    """The parts of one text as an array; those of several, of different numbers, as an array of lists."""
    texts = texts_in(input)
    if texts.ndim == 0:
        return dressed(np.array(function(str(texts)), str))
    out = np.empty(texts.size, object)
    for i, text in enumerate(texts.reshape(-1).tolist()):
        out[i] = function(text)
    return out.reshape(texts.shape)


def lower(input: Any, encoding: str = "", name: Any = None) -> Any:
    """In small letters."""
    return _each(str.lower, input)


def upper(input: Any, encoding: str = "", name: Any = None) -> Any:
    """In capital letters."""
    return _each(str.upper, input)


def strip(input: Any, name: Any = None) -> Any:
    """Without blanks at both ends."""
    return _each(str.strip, input)


def length(input: Any, unit: str = "BYTE", name: Any = None) -> Any:
    """How many bytes of UTF-8, or with ``unit="UTF8_CHAR"`` characters."""
    return _each(lambda t: len(t.encode()) if unit == "BYTE" else len(t), input, np.int32)


def regex_replace(input: Any, pattern: str, rewrite: str, replace_global: bool = True, name: Any = None) -> Any:
    r"""With `rewrite`, in which \1 is a group, in place of what a pattern matches."""
    compiled = re.compile(pattern)
    return _each(lambda t: compiled.sub(rewrite.replace(r"\0", r"\g<0>"), t, count=0 if replace_global else 1), input)


def regex_full_match(input: Any, pattern: str, name: Any = None) -> Any:
    """Whether a pattern matches all of it."""
    return _each(lambda t: re.fullmatch(pattern, t) is not None, input, bool)


def split(input: Any, sep: str | None = None, maxsplit: int = -1, name: Any = None) -> Any:
    """The parts between separators, by default blanks: an array of one text, lists of several."""
    return _pieces(lambda t: t.split(sep or None, maxsplit), input)


def unicode_split(input: Any, input_encoding: str = "UTF-8", **unused: Any) -> Any:
    """The characters."""
    return _pieces(list, input)


def bytes_split(input: Any, name: Any = None) -> Any:
    """The characters, as `unicode_split`."""
    return _pieces(list, input)


def join(inputs: Any, separator: str = "", name: Any = None) -> Any:
    """Texts of several arrays put together, one from each."""
    parts = np.broadcast_arrays(*(texts_in(v) for v in inputs))
    found = [separator.join(words) for words in zip(*(p.reshape(-1).tolist() for p in parts), strict=True)]
    return dressed(np.array(found, str).reshape(parts[0].shape))


def reduce_join(inputs: Any, axis: int | None = None, keepdims: bool = False, separator: str = "", name: Any = None) -> Any:
    """Texts along an axis, or all of them, put together."""
    texts = texts_in(inputs)
    flat = texts.reshape(1, -1) if axis is None else np.moveaxis(texts, axis, -1)
    joined = np.array([separator.join(row) for row in flat.reshape(-1, flat.shape[-1]).tolist()], str)
    shape = () if axis is None else flat.shape[:-1]
    out = joined.reshape(shape)
    return dressed(np.expand_dims(out, axis or 0) if keepdims else out)


def substr(input: Any, pos: int, len: int, unit: str = "BYTE", name: Any = None) -> Any:
    """So many characters from a place on."""
    return _each(lambda t: t[pos:][:len], input)


def to_number(input: Any, out_type: Any = "float32", name: Any = None) -> Any:
    """The numbers that texts say. Raises ValueError for others."""
    kind = np.dtype(getattr(out_type, "name", out_type))
    return _each(float if kind.kind == "f" else int, input, kind)


def as_string(input: Any, precision: int = -1, name: Any = None) -> Any:
    """Numbers as texts."""
    array = np.asarray(input)
    shown = [f"{v:.{precision}f}" if precision >= 0 else f"{v:f}" if isinstance(v, float) else str(v) for v in array.reshape(-1).tolist()]
    return dressed(np.array(shown, str).reshape(array.shape))


def to_hash_bucket_fast(input: Any, num_buckets: int, name: Any = None) -> Any:
    """A number from 0 on for each text, by a hash that is not TensorFlow's."""
    from gpunn.layers.hashing import bins_of_texts

    return dressed(bins_of_texts(input, num_buckets))
