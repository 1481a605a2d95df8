"""Operations element by element, with NumPy's broadcasting: each a formula and the formulas of its gradients, one for an operand."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gpunn import config
from gpunn.kernels import activations, rectifiers
from gpunn.kernels import arithmetic as k
from gpunn.kernels import columns as two
from gpunn.kernels import error_functions as erf
from gpunn.kernels.record import Kernel
from gpunn.layers.parameter import whole
from gpunn.ops.expression import Expression, Step
from gpunn.ops.moves import filled
from gpunn.ops.one_type import of_one_type
from gpunn.ops.operation import Back, Definition, Place


class Elementwise(Definition):
    """``function`` of NumPy arrays, the same as a kernel, and its gradients by the names of the kernel's operands.

    A gradient is a kernel that takes dy and, by their names, operands or the result; None means dy itself; an operand that is not named has
    none. Neighbours of this kind run as one kernel: see `gpunn.training.fuse_operations`.
    """

    def __init__(self, name: str, function: Callable[..., Any], kernel: Kernel, **gradients: Kernel | None):
        super().__init__(name)
        self.function, self.kernel, self.gradients = function, kernel, gradients
        self.constant = not gradients

    def numpy(self, *operands: Any, **options: Any) -> Any:
        with np.errstate(all="ignore"):
            return self.function(*of_one_type(operands, self.name in FLOATING))

    def device(self, op: Place, operands: list[Any], options: dict[str, Any]) -> tuple[Any, Back]:
        names = [f"x{i}" for i in range(len(operands))]
        return Expression([self.step(names)], len(names)).run(op.backend, operands, op.dtype)

    def step(self, names: Sequence[str]) -> Step:
        """Itself on values of these names."""
        return Step(self.kernel, self.gradients, tuple(names))


# what is a float of any number
FLOATING = {"arctan", "cos", "divide", "exp", "expm1", "log", "log1p", "rsqrt", "sin", "sqrt", "tanh"}


def _formula(kernel: Kernel) -> Callable[..., Any]:
    """The NumPy function of a formula that NumPy has no function for, in the type that NumPy would have."""

    def function(*operands: Any) -> Any:
        arrays = [np.asarray(v) for v in operands]
        floats = [v.dtype for v in operands if getattr(v, "dtype", np.dtype(bool)).kind == "f"]
        kind = np.result_type(*floats) if floats else np.dtype(config.floatx())
        return np.asarray(kernel.formula.numpy(*(a.astype(kind) for a in arrays)), kind)

    return function


def _own(name: str, kernel: Kernel, **gradients: Kernel | None) -> Elementwise:
    return Elementwise(name, _formula(kernel), kernel, **gradients)


NEGATIVE = Elementwise("negative", np.negative, k.negative, x=k.negative_bwd)
ABSOLUTE = Elementwise("absolute", np.abs, k.absolute, x=k.absolute_bwd)
SQUARE = Elementwise("square", np.square, k.square, x=k.square_bwd)
SQRT = Elementwise("sqrt", np.sqrt, k.root, x=k.root_bwd)
RSQRT = Elementwise("rsqrt", lambda x: 1 / np.sqrt(x), k.inverse_root, x=k.inverse_root_bwd)
EXP = Elementwise("exp", np.exp, k.power_of_e, x=k.power_of_e_bwd)
EXPM1 = Elementwise("expm1", np.expm1, k.power_of_e_minus_one, x=k.power_of_e_minus_one_bwd)
LOG = Elementwise("log", np.log, k.logarithm, x=k.logarithm_bwd)
LOG1P = Elementwise("log1p", np.log1p, k.logarithm_of_one_more, x=k.logarithm_of_one_more_bwd)
SIN = Elementwise("sin", np.sin, k.sine, x=k.sine_bwd)
COS = Elementwise("cos", np.cos, k.cosine, x=k.cosine_bwd)
ERF = _own("erf", k.error_function, x=k.error_function_bwd)
ERFC = _own("erfc", erf.error_function_rest, x=erf.error_function_rest_bwd)
ERFINV = _own("erfinv", erf.inverse_error_function, x=erf.inverse_error_function_bwd)
ARCTAN = Elementwise("arctan", np.arctan, activations.arctan, x=activations.arctan_bwd)
TANH = Elementwise("tanh", np.tanh, activations.tanh_, x=activations.tanh_bwd)
SIGMOID = _own("sigmoid", activations.sigmoid, x=activations.sigmoid_bwd)
RELU = Elementwise("relu", lambda x: np.maximum(x, 0), rectifiers.relu, x=rectifiers.relu_bwd)
LEAKY_RELU = _own("leaky_relu", rectifiers.leaky_relu, x=rectifiers.leaky_relu_bwd)
ELU = _own("elu", rectifiers.elu, x=rectifiers.elu_bwd)
SELU = _own("selu", rectifiers.selu, x=rectifiers.selu_bwd)
SOFTPLUS = _own("softplus", rectifiers.softplus, x=rectifiers.softplus_bwd)
SILU = _own("silu", rectifiers.silu, x=rectifiers.silu_bwd)
GELU = _own("gelu", rectifiers.gelu, x=rectifiers.gelu_bwd)
GELU_TANH = _own("gelu_tanh", rectifiers.gelu_tanh, x=rectifiers.gelu_tanh_bwd)
SIGN = Elementwise("sign", np.sign, k.sign_of)
FLOOR = Elementwise("floor", np.floor, k.rounded_down)
CEIL = Elementwise("ceil", np.ceil, k.rounded_up)
ROUND = Elementwise("round", np.round, k.rounded)
ISNAN = Elementwise("isnan", np.isnan, k.no_number)
LOGICAL_NOT = Elementwise("logical_not", np.logical_not, k.zero_of)
STOP_GRADIENT = Elementwise("stop_gradient", np.array, activations.linear)

ADD = Elementwise("add", np.add, two.add_two, a=None, b=None)
SUBTRACT = Elementwise("subtract", np.subtract, two.subtract_two, a=None, b=k.negative_bwd)
MULTIPLY = Elementwise("multiply", np.multiply, two.multiply_two, a=k.multiply_two_a, b=k.multiply_two_b)
DIVIDE = Elementwise("divide", np.true_divide, k.quotient_of_two, a=k.quotient_of_two_a, b=k.quotient_of_two_b)
MOD = Elementwise("mod", np.mod, k.remainder_of_two, a=None)
POWER = Elementwise("power", np.power, k.power_of_two, a=k.power_of_two_a, b=k.power_of_two_b)
MAXIMUM = Elementwise("maximum", np.maximum, two.larger_of_two, a=k.where_larger, b=k.where_smaller)
MINIMUM = Elementwise("minimum", np.minimum, two.smaller_of_two, a=k.where_smaller, b=k.where_larger)
GREATER = Elementwise("greater", np.greater, k.is_greater)
GREATER_EQUAL = Elementwise("greater_equal", np.greater_equal, k.is_greater_equal)
LESS = Elementwise("less", np.less, k.is_less)
LESS_EQUAL = Elementwise("less_equal", np.less_equal, k.is_less_equal)
EQUAL = Elementwise("equal", np.equal, k.is_equal)
NOT_EQUAL = Elementwise("not_equal", np.not_equal, k.is_not_equal)
LOGICAL_AND = Elementwise("logical_and", np.logical_and, k.are_both)
LOGICAL_OR = Elementwise("logical_or", np.logical_or, k.is_either)
WHERE = Elementwise("where", np.where, k.chosen, a=k.chosen_a, b=k.chosen_b)


class Cast(Definition):
    """Another type: floats are what the graph computes in, integers are cut towards zero, truths are 1 and 0 and have no gradient."""

    def numpy(self, x: Any, dtype: str = "float32") -> Any:
        return np.asarray(x).astype(dtype)

    def device(self, op: Place, operands: list[Any], options: dict[str, Any]) -> tuple[Any, Back]:
        (x,), kind = operands, np.dtype(options["dtype"]).kind
        if kind == "f":
            return x, lambda dy, needs: [dy]
        y = op.backend.empty(x.shape, x.dtype)
        op.backend.launch(k.nonzero if kind == "b" else k.towards_zero, whole(x), whole(y))
        return y, lambda dy, needs: [None]


CAST = Cast("cast")


class Filled(Definition):
    """An array of the operand's shape, all of whose elements are one number."""

    constant = True

    def __init__(self, name: str, value: float):
        super().__init__(name)
        self.value = value

    def numpy(self, x: Any) -> Any:
        return np.full_like(x, self.value)

    def device(self, op: Place, operands: list[Any], options: dict[str, Any]) -> tuple[Any, Back]:
        return filled(op.backend, operands[0].shape, self.value, op.dtype), lambda dy, needs: [None]


ZEROS_LIKE, ONES_LIKE = Filled("zeros_like", 0.0), Filled("ones_like", 1.0)
