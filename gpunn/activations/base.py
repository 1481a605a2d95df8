"""What an activation is: a pair of formulas with their parameters, which a layer runs and which can be called on arrays."""

import inspect
import math
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from gpunn.backend import get_backend
from gpunn.kernels.activations import bias_linear, following
from gpunn.kernels.record import Kernel, Operand
from gpunn.operators import Operators
from gpunn.results import dressed

Pullback = Callable[[Any], Any]


class Formulas(NamedTuple):
    """``forward``: one array and constants -> y; ``backward``: dy, then x or y (by the name of the operand), and constants -> dx.

    ``constants``: their values by name; ``flat``: the gradient is 0 everywhere.
    """

    forward: Kernel
    backward: Kernel
    constants: dict[str, float] = {}  # noqa: RUF012  never changed
    flat: bool = False


def biased(ops: Any, x: Any, bias: Any, inplace: bool) -> tuple[Any, bool]:
    """x + bias, and whether that is ours to overwrite; x as it came where there is no bias."""
    if bias is None:
        return x, inplace
    z = x if inplace else ops.empty(x.shape, x.dtype)
    ops.launch(bias_linear, x, bias, z)
    return z, True


class Activation:
    """An activation function with its parameters.

    A layer takes it by name, or itself: ``Dense(8, activation="relu")``, ``Dense(8, activation=relu)``. It is called on arrays:
    ``relu(x)``, ``relu(x, max_value=6)``; and ``relu.configured(max_value=6)`` is the same function with other parameters.

    Attributes: ``name``; ``parameters`` by name (None where some must be given and were not); ``elementwise``, whether an element of y
    comes from one element of x alone.
    """

    elementwise = True

    def __init__(self, name: str, make: Callable[..., Any], given: dict[str, Any] | None = None, old: dict[str, str] | None = None):
        self.name, self._make, self._old, self.__doc__ = name, make, old or {}, make.__doc__
        self.__name__ = name
        self._signature = inspect.signature(make)
        x = inspect.Parameter("x", inspect.Parameter.POSITIONAL_OR_KEYWORD)
        self.__signature__ = inspect.Signature([x, *self._signature.parameters.values()])  # what `help` shows
        self.parameters: dict[str, Any] | None = None
        try:
            bound = self._signature.bind(**(given or {}))
        except TypeError:
            return
        bound.apply_defaults()
        self.parameters = dict(bound.arguments)
        self._made = make(**self.parameters)

    # ------------------------------------------------------------------ parameters
    def configured(self, *arguments: Any, **parameters: Any) -> "Activation":
        """The same function with these parameters. Raises ValueError for one it does not have, or a value it cannot have."""
        for old, name in self._old.items():
            if old in parameters:
                warnings.warn(f"{old} is an old spelling of {name}.", DeprecationWarning, stacklevel=3)
                parameters[name] = parameters.pop(old)
        try:
            bound = self._signature.bind(*arguments, **parameters)
        except TypeError as error:
            names = ", ".join(self._signature.parameters) or "none"
            raise ValueError(f"Activation {self.name!r}: {error}. Expected parameters: {names}.") from None
        bound.apply_defaults()
        if dict(bound.arguments) == self.parameters:
            return self
        return type(self)(self.name, self._make, dict(bound.arguments), self._old)

    def ready(self) -> "Activation":
        """Itself. Raises ValueError where parameters without a default were not given."""
        if self.parameters is None:
            names = ", ".join(self._signature.parameters)
            raise ValueError(f"Activation {self.name!r} needs its parameters: {names}. Give them with `{self.name}.configured(...)`.")
        return self

    def get_config(self) -> dict[str, Any]:
        """Those parameters that are not the defaults."""
        defaults = {n: p.default for n, p in self._signature.parameters.items()}
        return {n: v for n, v in (self.parameters or {}).items() if v != defaults[n]}

    # ------------------------------------------------------------------ in a layer
    @property
    def formulas(self) -> Formulas:
        """Its pair of formulas, for kernels that have the activation within; of an elementwise activation only."""
        return self.ready()._made

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return shape

    def apply(
        self, ops: Any, x: Any, bias: Any = None, inplace: bool = False, shape: tuple[int, ...] | None = None
    ) -> tuple[Any, Pullback]:
        """f(x + bias), one pass, and its pullback dy -> dx, which overwrites dy.

        `inplace` says that x is ours to overwrite; `shape` is the shape of x for those that know axes.
        """
        y = x if inplace and self._keeps_output else ops.empty(x.shape, x.dtype)
        if bias is not None:
            return self.after(ops, bias_linear, (x, bias), y)
        made = self._made
        ops.launch(made.forward, x, *_values(made.forward, made.constants), y)
        return y, self._pullback(ops, made.backward, (y if self._keeps_output else x,))

    def after(
        self, ops: Any, kernel: Kernel, arguments: tuple[Any, ...], out: Any, shape: tuple[int, ...] | None = None
    ) -> tuple[Any, Pullback]:
        """out = f(kernel(...)), one pass, for an elementwise kernel with one output; the gradient computes kernel(...) again if it must."""
        made = self._made
        ops.launch(following(kernel, made.forward, _array(made.forward).name), *arguments, *_values(made.forward, made.constants), out)
        if self._keeps_output:
            return out, self._pullback(ops, made.backward, (out,))
        return out, self._pullback(ops, following(kernel, made.backward, _kept(made.backward).name), arguments)

    @property
    def _keeps_output(self) -> bool:
        """Whether the gradient takes y; else x."""
        return _kept(self._made.backward).name == self._made.forward.outputs[0].name

    def _pullback(self, ops: Any, backward: Kernel, held: tuple[Any, ...]) -> Pullback:
        constants = _values(self._made.backward, self._made.constants)

        def pullback(dy: Any) -> Any:
            if self._made.flat:
                warnings.warn(f"The gradient of {self.name!r} is 0 everywhere: nothing before it learns.", stacklevel=2)
            ops.launch(backward, dy, *held, *constants, dy)
            return dy

        return pullback

    # ------------------------------------------------------------------ on arrays
    def __call__(self, x: Any, *arguments: Any, **parameters: Any) -> Any:
        """f of an array. -> a NumPy array of its shape; of an array on the GPU, one on the GPU. Integers become float32."""
        chosen = self.configured(*arguments, **parameters) if arguments or parameters else self.ready()
        if isinstance(x, Operators):
            from gpunn.ops.known import activated  # operations are made of activations

            return activated(chosen, x)
        return chosen if x is PROBE else dressed(chosen._of_array(x))

    def _of_array(self, x: Any) -> Any:
        ops = get_backend()
        there = ops.adopt(x, "x")
        if there is not None:
            given = ops.asarray(there, "float64" if there.dtype == np.float64 else "float32")
            return ops.hand_out(self._whole(ops, given, there.shape))
        values = np.asarray(x)
        if values.dtype.kind not in "iubf":
            raise ValueError(f"Activation {self.name!r}: expected an array of numbers. Received: {type(x).__name__} ({values.dtype}).")
        given = ops.asarray(values.astype("float64" if values.dtype == np.float64 else "float32"))
        return ops.to_numpy(self._whole(ops, given, values.shape))

    def _whole(self, ops: Any, given: Any, shape: tuple[int, ...]) -> Any:
        out = self.compute_output_shape(shape)
        return self.apply(ops, given.reshape(1, 1) if not shape else given, shape=shape)[0].reshape(out)

    def __repr__(self) -> str:
        options = "".join(f", {n}={v!r}" for n, v in self.get_config().items())
        return f"<activation {self.name}{options}>"


class Linear(Activation):
    """The identity, for which nothing is launched."""

    def apply(
        self, ops: Any, x: Any, bias: Any = None, inplace: bool = False, shape: tuple[int, ...] | None = None
    ) -> tuple[Any, Pullback]:
        if bias is None:
            return x, lambda dy: dy
        return super().apply(ops, x, bias, inplace)

    def after(
        self, ops: Any, kernel: Kernel, arguments: tuple[Any, ...], out: Any, shape: tuple[int, ...] | None = None
    ) -> tuple[Any, Pullback]:
        ops.launch(kernel, *arguments, out)
        return out, lambda dy: dy


class Probe:
    """What stands for an array when a function of the user's is asked which activation it calls."""


PROBE = Probe()


# ---------------------------------------------------------------------- operands of the two kernels
def _array(forward: Kernel) -> Operand:
    return next(o for o in forward.operands if o.read and o.kind == "full")


def _kept(backward: Kernel) -> Operand:
    return [o for o in backward.operands if o.read and o.kind == "full"][1]


def _values(kernel: Kernel, constants: dict[str, float]) -> list[float]:
    return [constants[o.name] for o in kernel.operands if o.kind == "const"]


def number(activation: str, name: str, value: Any, least: float = -math.inf, above: bool = False) -> float:
    """A parameter as a float. Raises ValueError, naming both, for what is no number, or smaller than `least` (or, `above`, equal to it)."""
    good = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool) and not math.isnan(value)
    if not good or value < least or (above and value == least):
        bound = f" {'above' if above else 'of at least'} {least:g}" if least > -math.inf else ""
        raise ValueError(f"Activation {activation!r}: {name} must be a number{bound}. Received: {name}={value!r}.")
    return float(value)
