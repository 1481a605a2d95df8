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
    __eq__, __ne__ = _two(a.equal), _two(a.not_equal)
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


# ---------------------------------------------------------------------- other texts of the same functions
def _gelu_bwd(dy: Any, x: Any) -> Any:
    x = _Value(x)
    share = 0.5 * (1.0 + _Value(a.erf((r.SQRT_HALF * x).tensor)))
    return (_Value(dy) * (share + r.NORMAL * x * _Value(a.exp((-0.5 * x * x).tensor)))).tensor


def _gelu_tanh_bwd(dy: Any, x: Any) -> Any:
    x = _Value(x)
    s = _Value(a.sigmoid((2.0 * r.GELU_SLOPE * (x + r.GELU_CUBE * x * x * x)).tensor))
    return (_Value(dy) * (s + x * s * (1.0 - s) * (2.0 * r.GELU_SLOPE) * (1.0 + 3.0 * r.GELU_CUBE * x * x))).tensor


def _silu_bwd(dy: Any, x: Any) -> Any:
    s = _Value(a.sigmoid(x))
    return (_Value(dy) * s * (1.0 + _Value(x) * (1.0 - s))).tensor


def _mish_bwd(dy: Any, x: Any) -> Any:
    t = _Value(a.tanh(a.softplus(x)))
    return (_Value(dy) * (t + _Value(x) * _Value(a.sigmoid(x)) * (1.0 - t * t))).tensor


def _sparse_plus_bwd(dy: Any, y: Any) -> Any:
    root = a.sqrt(a.where(a.greater(y, 0.0), y, 1.0))
    return a.multiply(dy, a.where(a.greater(y, 0.0), a.minimum(root, 1.0), 0.0))


def _binary_logits(z: Any, t: Any) -> Any:
    return a.subtract(a.sigmoid(z), t)


# By the names of gradients whose own text has no derivative everywhere: at a seam between two branches that are one smooth function, where
# a branch that is not taken has a root, or where an exponential overflows that a quotient then makes 0.
SMOOTH: dict[str, Callable[..., Any]] = {
    "gelu_bwd": _gelu_bwd, "gelu_tanh_bwd": _gelu_tanh_bwd, "silu_bwd": _silu_bwd, "mish_bwd": _mish_bwd,
    "sparse_plus_bwd": _sparse_plus_bwd, "binary_crossentropy_logits_gradient": _binary_logits,
}
_made: dict[str, Callable[..., Any]] = {}


def on_tensors(formula: Formula) -> Callable[..., Any]:
    """The formula as a function of tensors, numbers and arrays, broadcast to each other. -> a tensor, or a number where it is one."""
    if formula.name in SMOOTH:
        return SMOOTH[formula.name]
    if formula.name not in _made:
        _made[formula.name] = formula.over(_Functions(), _Functions())
    function = _made[formula.name]
    return lambda *values: _plain(function(*map(_valued, values)))
