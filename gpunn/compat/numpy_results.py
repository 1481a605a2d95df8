"""Results that answer ``.numpy()``, as those of TensorFlow do."""

from typing import Any

import numpy as np

from gpunn import ops
from gpunn.compat.shapes import TensorShape
from gpunn.layers.tensor import watched
from gpunn.operators import in_place
from gpunn.ops.open_lengths import has_open_end


class Array(np.ndarray):
    """A NumPy array with ``numpy()``; one of no axes gives a NumPy number."""

    def numpy(self) -> Any:
        return self.view(np.ndarray)[()]

    @property
    def shape(self) -> Any:  # type: ignore[override]
        return TensorShape(np.ndarray.shape.__get__(self))

    @shape.setter
    def shape(self, sizes: Any) -> None:
        np.ndarray.shape.__set__(self, sizes)  # type: ignore[attr-defined]

    def get_shape(self) -> Any:
        return self.shape

    def __float__(self) -> float:
        return float(self.view(np.ndarray).reshape(()) if self.size == 1 else self.view(np.ndarray))

    def __int__(self) -> int:
        return int(self.view(np.ndarray).reshape(()) if self.size == 1 else self.view(np.ndarray))

    def __repr__(self) -> str:
        return "A" + repr(self.view(np.ndarray))[1:]  # numbers look as in any other array of their type

    def __str__(self) -> str:
        return str(self.view(np.ndarray))

    def __hash__(self) -> int:  # type: ignore[override]
        """Of a number; NumPy's functions of such arrays give elements that sets and dicts take, as those of plain ones do."""
        if self.ndim:
            raise TypeError("unhashable type: an array with axes")
        return hash(self.numpy())

    def __getitem__(self, key: Any) -> Any:
        if has_open_end(key):
            return ops.getitem(self, key)
        found = super().__getitem__(key)
        return found if isinstance(found, Array) else dress(np.asarray(found) if isinstance(found, np.integer) else found)

    def set_shape(self, shape: Any) -> None:
        """Raises ValueError unless this is its shape, in which None is any number."""
        if len(shape) != self.ndim or any(n not in (None, m) for n, m in zip(shape, self.shape, strict=True)):
            raise ValueError(f"set_shape: expected an array of shape {tuple(shape)}. Received: {self.shape}.")

    def be_watched(self) -> None:
        """A `GradientTape` will look at what is done with this array."""
        self.__class__ = Watched


class Watched(Array):
    """An array that a tape watches: in the tape's block arithmetic with it is recorded."""

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        whole = not options or in_place(inputs, options)
        own = getattr(ops, ufunc.__name__, None) if method == "__call__" and whole else None
        if own is not None and any(watched(v) is not None for v in inputs):
            return own(*inputs)
        plain = [v.view(np.ndarray) if isinstance(v, Watched) else v for v in inputs]
        if "out" in options:
            options["out"] = tuple(v.view(np.ndarray) if isinstance(v, Watched) else v for v in options["out"])
        return dress(getattr(ufunc, method)(*plain, **options))

    def __getitem__(self, key: Any) -> Any:
        return super().__getitem__(key) if watched(self) is None else ops.getitem(self, key)


class Number(float):
    """A float with ``numpy()``, and the type and the shape of the tensor that it is for Keras."""

    dtype = np.dtype("float32")
    ndim = 0

    @property
    def shape(self) -> Any:
        return TensorShape(())

    def numpy(self) -> np.float32:
        return np.float32(self)

    def __reduce__(self) -> Any:
        return float, (float(self),)


def dress(value: Any) -> Any:
    """Arrays and numbers with ``numpy()``, also in lists, tuples and dicts; anything else as it is."""
    if type(value) is np.ndarray:
        return value.view(Array)
    if isinstance(value, (float, np.floating)) and not isinstance(value, Number):
        return Number(value)
    if isinstance(value, np.integer):
        return np.asarray(value).view(Array)
    if type(value) in (list, tuple):
        return type(value)([dress(v) for v in value])
    if isinstance(value, tuple) and hasattr(value, "_fields"):  # NumPy's results of several parts
        return type(value)(*(dress(v) for v in value))
    return {name: dress(v) for name, v in value.items()} if type(value) is dict else value
