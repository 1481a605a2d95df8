"""A kernel's formula on tensors: the very text that devices compile, with operations of `gpunn.ops` in the place of NumPy's functions."""

from collections.abc import Callable
from typing import Any

from gpunn.kernels import rectifiers as r
from gpunn.kernels.formula import Formula
from gpunn.layers.tensor import Tensor
from gpunn.ops import arithmetic as a

NAMES = {  # NumPy's and `vector_math`'s names, and those of operations where they are others
    "abs": a.absolute, "arctan": a.arctan, "cos": a.cos, "exp": a.exp, "expm1": a.expm1, "floor": a.floor, "log": a.log, "log1p": a.log1p,
    "log1pexp": a.softplus, "logical_not": a.logical_not, "maximum": a.maximum, "minimum": a.minimum, "power": a.power, "sin": a.sin,
    "sqrt": a.sqrt, "tanh": a.tanh,
}


def _two(operation: Callable[..., Any], swapped: bool = False) -> Any:
    def function(self: "_Value", other: Any) -> "_Value":
        other = _plain(other)
        return _Value(operation(other, self.tensor) if swapped else operation(self.tensor, other))

    return function


class _Value:
    """A tensor in a formula: an operation of it is one of the tensor, comparisons for equality too."""

    __array_ufunc__ = None  # NumPy's arrays leave it to this
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, tensor: Any):
        self.tensor = tensor

    __add__, __radd__, __sub__, __rsub__ = _two(a.add), _two(a.add, True), _two(a.subtract), _two(a.subtract, True)
    __mul__, __rmul__, __truediv__, __rtruediv__ = _two(a.multiply), _two(a.multiply, True), _two(a.divide), _two(a.divide, True)
    __gt__, __ge__, __lt__, __le__ = _two(a.greater), _two(a.greater_equal), _two(a.less), _two(a.less_equal)
    __eq__, __ne__ = _two(a.equal), _two(a.not_equal)  # type: ignore[assignment]
    __and__, __rand__, __or__, __ror__ = _two(a.logical_and), _two(a.logical_and, True), _two(a.logical_or), _two(a.logical_or, True)

    def __neg__(self) -> "_Value":
        return _Value(a.negative(self.tensor))


def _plain(value: Any) -> Any:
    return value.tensor if isinstance(value, _Value) else value


def _valued(value: Any) -> Any:
    return _Value(value) if isinstance(value, Tensor) else value


class _Functions:
    """Stands for NumPy, and for `vector_math`."""

    def __getattr__(self, name: str) -> Any:
        operation = NAMES[name]
        return lambda *values: _valued(operation(*map(_plain, values)))

    @staticmethod
    def where(condition: Any, first: Any, second: Any) -> Any:
        if isinstance(condition, bool):  # of numbers
            return first if condition else second
        return _valued(a.where(_plain(condition), _plain(first), _plain(second)))


def _normal_share(x: Any) -> Any:
    return a.multiply(0.5, a.add(1.0, a.erf(a.multiply(r.SQRT_HALF, x))))


def _gelu_bwd(dy: Any, x: Any) -> Any:
    bell = a.exp(a.multiply(-0.5, a.square(x)))
    return a.multiply(dy, a.add(_normal_share(x), a.multiply(a.multiply(r.NORMAL, x), bell)))


def _mish_bwd(dy: Any, x: Any) -> Any:
    t = a.tanh(a.softplus(x))
    return a.multiply(dy, a.add(t, a.multiply(a.multiply(x, a.sigmoid(x)), a.subtract(1.0, a.square(t)))))


def _sparse_plus_bwd(dy: Any, y: Any) -> Any:
    inside = a.where(a.greater(y, 0.0), y, 1.0)
    return a.multiply(dy, a.where(a.greater(y, 0.0), a.where(a.greater_equal(y, 1.0), 1.0, a.sqrt(inside)), 0.0))


# Gradients whose formulas go two ways by the sign of x, or have a root, for the sake of accuracy: smooth functions, whose own derivative the
# text does not give at the seam. The same functions in another text.
SMOOTH: dict[str, Callable[..., Any]] = {"gelu_bwd": _gelu_bwd, "mish_bwd": _mish_bwd, "sparse_plus_bwd": _sparse_plus_bwd}
_made: dict[str, Callable[..., Any]] = {}


def on_tensors(formula: Formula) -> Callable[..., Any]:
    """The formula as a function of tensors, numbers and arrays, broadcast to each other. -> a tensor, or a number where it is one."""
    if formula.name in SMOOTH:
        return SMOOTH[formula.name]
    if formula.name not in _made:
        _made[formula.name] = formula.over(_Functions(), _Functions())
    function = _made[formula.name]
    return lambda *values: _plain(function(*map(_valued, values)))
