"""Activations of the user's own: formulas written with `gpunn.elementwise`, and functions that call one of gpunn's activations."""

import functools
from collections.abc import Callable
from typing import Any

from gpunn.activations.base import PROBE, Activation, Formulas, number
from gpunn.activations.traced import FromTensors
from gpunn.kernels.record import REGISTRY, Kernel

KERAS = ("keras", "tf_keras")  # whose functions of a known name are taken for ours of that name


class FromFormula(Activation):
    """An activation of your own, from two elementwise kernels: the function, and its gradient times dy.

    ::

        @gpunn.elementwise("x, width:const -> y")
        def bump(x, width):
            return exp(-x * x / width)

        @gpunn.elementwise("dy, x, width:const -> dx")
        def bump_bwd(dy, x, width):
            return -2.0 * dy * x / width * exp(-x * x / width)

        Dense(8, activation=FromFormula(bump, bump_bwd, 0.5))

    The gradient takes dy, then the function's array (x) or its result (y), by that operand's name, then constants of the function's, by
    their names. A layer may write y in the place of x where the gradient takes y. Without `gradient`, the kernel called ``<name>_bwd`` is
    taken; a kernel without constants may then be given to a layer itself, ``Dense(8, activation=bump)``, and is found by its name.
    Raises ValueError when the kernels do not fit each other, or constants are missing.
    """

    def __init__(self, function: Kernel, gradient: Kernel | None = None, *constants: float):
        gradient = REGISTRY.get(f"{function.name}_bwd") if gradient is None else gradient
        if gradient is None:
            raise ValueError(
                f"Activation {function.name!r} needs its gradient: write {function.name}_bwd too, with "
                f'@gpunn.elementwise("dy, x -> dx") or ("dy, y -> dx").'
            )
        _check(function, gradient)
        names = [o.name for o in function.operands if o.kind == "const"]
        if len(names) != len(constants):
            expected = f"{len(names)} constants ({', '.join(names)})" if names else "no constants"
            raise ValueError(
                f"Activation {function.name!r}: expected {expected}. Received: {constants}. "
                f"They are given after the kernels: FromFormula({function.name}, {gradient.name}, ...)."
            )
        values = {n: number(function.name, n, c) for n, c in zip(names, constants, strict=True)}
        super().__init__(function.name, lambda: Formulas(function, gradient, values))
        self.__doc__ = function.formula.function.__doc__
        self.parameters = values

    def configured(self, *arguments: Any, **parameters: Any) -> Activation:
        made = self._made
        names = list(made.constants)
        given = dict(zip(names, arguments, strict=False)) | parameters
        if len(arguments) > len(names) or not set(given) <= set(names):
            expected = ", ".join(names) or "none"
            raise ValueError(f"Activation {self.name!r}: expected parameters: {expected}. Received: {arguments} {parameters}.")
        return FromFormula(made.forward, made.backward, *(made.constants | given).values())

    def get_config(self) -> dict[str, Any]:
        return dict(self._made.constants)


def _check(function: Kernel, gradient: Kernel) -> None:
    """Raises ValueError unless the two are a function of one array and its gradient."""
    where = f"Activation {function.name!r}"
    for kernel in (function, gradient):
        if kernel.formula is None or len(kernel.outputs) != 1 or kernel.outputs[0].read:
            raise ValueError(f"{where}: {kernel.name} must be an elementwise kernel with one output that is no input.")
    arrays = [o for o in function.operands if o.read and o.kind != "const"]
    if [o.kind for o in arrays] != ["full"]:
        raise ValueError(
            f"{where}: expected a function of one array and constants. Received: {', '.join(f'{o.name}:{o.kind}' for o in arrays)}."
        )
    inputs = [o for o in gradient.operands if o.read]
    kept, constants = [o for o in inputs[1:] if o.kind != "const"], [o.name for o in inputs if o.kind == "const"]
    names = (arrays[0].name, function.outputs[0].name)
    known = [o.name for o in function.operands if o.kind == "const"]
    fits = inputs[0].kind == "full" and len(kept) == 1 and kept[0].kind == "full" and kept[0].name in names
    if not fits or not set(constants) <= set(known) or inputs[1] is not kept[0]:
        raise ValueError(
            f"{where}: the gradient {gradient.name} must take dy, then {names[0]} or {names[1]}, then constants of "
            f"{', '.join(known) or '(none)'}. Received: {', '.join(o.name for o in inputs)}."
        )


def by_name(name: str, constants: dict[str, float]) -> Activation | None:
    """The activation of a formula of the user's, by the formula's name; None where there is no formula and gradient of the name.

    Raises ValueError when constants are missing, or the two do not fit each other.
    """
    function = REGISTRY.get(name)
    if function is None or function.formula is None or f"{name}_bwd" not in REGISTRY:
        return None
    if function.formula.function.__module__.startswith("gpunn."):
        return None
    return FromFormula(function, None, *_ordered(function, constants)) if constants else FromFormula(function)


def _ordered(function: Kernel, constants: dict[str, float]) -> list[float]:
    names = [o.name for o in function.operands if o.kind == "const"]
    if set(names) != set(constants):
        raise ValueError(
            f"Activation {function.name!r}: expected parameters: {', '.join(names) or 'none'}. Received: {', '.join(constants)}."
        )
    return [constants[n] for n in names]


def from_function(function: Callable, names: dict[str, Activation]) -> Activation:
    """The activation that a function of the user's stands for: one of Keras's own, one that calls an activation of ours and no more, or
    arithmetic on tensors. Raises ValueError for a function of NumPy arrays, which nothing differentiates."""
    inner = function.func if isinstance(function, functools.partial) else function
    name = getattr(inner, "__name__", repr(inner))
    if str(getattr(inner, "__module__", "")).split(".")[0] in KERAS and name in names:
        found = names[name]
        return found.configured(*function.args, **function.keywords) if isinstance(function, functools.partial) else found.ready()
    reason: Exception | None = None
    try:
        if isinstance(found := function(PROBE), Activation):
            return found
    except Exception as error:  # whatever a function of the user's does with what is no array
        reason = error
    try:
        return FromTensors(function)
    except Exception as error:
        reason = error
    raise ValueError(
        f"Activation {name!r}: a function of arrays has no gradient here. Expected a function that calls one activation of "
        f"gpunn.activations and returns what it returns, such as `lambda x: leaky_relu(x, 0.1)`; or arithmetic: operators and gpunn.ops; "
        f"or formulas: @gpunn.elementwise for the function and for its gradient (see gpunn.activations.FromFormula); or a layer of your "
        f"own."
    ) from reason
