"""Python's operators on symbolic tensors and on weights: each is an operation of `gpunn.ops`."""

from typing import Any


def _ops() -> Any:
    from gpunn import ops  # which is made of layers

    return ops


def _two(name: str, swapped: bool = False) -> Any:
    def operator(self: Any, other: Any) -> Any:
        if other is None or isinstance(other, (str, dict)):
            return NotImplemented
        function = getattr(_ops(), name)
        return function(other, self) if swapped else function(self, other)

    return operator


def _one(name: str) -> Any:
    return lambda self: getattr(_ops(), name)(self)


def in_place(inputs: Any, options: Any) -> bool:
    """Whether NumPy is asked for ``array += other``: then what is returned is what the name stands for from now on."""
    return set(options) == {"out"} and options["out"][0] is inputs[0]


class Operators:
    """What has arithmetic. NumPy's arrays leave ``array + tensor`` to it."""

    __array_priority__ = 1000

    __add__, __radd__ = _two("add"), _two("add", True)
    __sub__, __rsub__ = _two("subtract"), _two("subtract", True)
    __mul__, __rmul__ = _two("multiply"), _two("multiply", True)
    __truediv__, __rtruediv__ = _two("divide"), _two("divide", True)
    __floordiv__, __rfloordiv__ = _two("floor_divide"), _two("floor_divide", True)
    __mod__, __rmod__ = _two("mod"), _two("mod", True)
    __pow__, __rpow__ = _two("power"), _two("power", True)
    __matmul__, __rmatmul__ = _two("matmul"), _two("matmul", True)
    __gt__, __ge__, __lt__, __le__ = _two("greater"), _two("greater_equal"), _two("less"), _two("less_equal")
    __and__, __rand__, __or__, __ror__ = _two("logical_and"), _two("logical_and", True), _two("logical_or"), _two("logical_or", True)
    __neg__, __abs__, __invert__ = _one("negative"), _one("absolute"), _one("logical_not")

    shape: Any

    def get_shape(self) -> Any:
        """TensorFlow's word for `shape`."""
        return self.shape

    def __getitem__(self, key: Any) -> Any:
        return _ops().getitem(self, key)
