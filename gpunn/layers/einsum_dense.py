"""EinsumDense: a dense layer over any axes, which an equation names."""

import re
import string
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from gpunn import activations, initializers
from gpunn.layers.base import Layer
from gpunn.layers.chosen import Chosen

Shape = tuple[int | None, ...]
_EQUATION = re.compile(r"(\.\.\.)?([a-zA-Z]+)(\.\.\.)?,([a-zA-Z]+)->(\.\.\.)?([a-zA-Z]+)(\.\.\.)?")


class Letters(NamedTuple):
    """An equation for inputs of so many axes: a letter for each axis, and how long each letter's is."""

    x: str
    kernel: str
    y: str
    sizes: dict[str, int | None]

    def shape(self, letters: str) -> Shape:
        return tuple(self.sizes[c] for c in letters)


class EinsumDense(Layer):
    """y = f(einsum(equation, x, kernel) + bias).

    Arguments: ``equation``, of inputs and kernel, such as "abc,cd->abd", or with "..." first, or last, for axes that stay as they are
    ("...x,xy->...y"); ``output_shape``, the sizes of the result's axes without the batch and without those of "...", None for one of the
    input's; ``bias_axes``, the letters of the result that the bias has, or None for no bias; ``activation``; initializer, regularizer and
    constraint of kernel and bias. The kernel's axes are those of its letters; the bias has all of the result's from the first of its
    letters on, of size 1 where it has no letter. Raises ValueError for an equation or sizes that cannot be.
    """

    recordable = True
    activation = Chosen()

    def __init__(
        self, equation: str, output_shape: Any, activation: Any = None, bias_axes: str | None = None,
        kernel_initializer: Any = "glorot_uniform", bias_initializer: Any = "zeros", kernel_regularizer: Any = None,
        bias_regularizer: Any = None, kernel_constraint: Any = None, bias_constraint: Any = None, **common: Any,
    ):
        super().__init__(**common)
        self.equation, self.bias_axes, self.activation = equation, bias_axes, activation
        self.partial_output_shape = (output_shape,) if isinstance(output_shape, (int, np.integer)) else tuple(output_shape)
        self.weight_options("kernel", kernel_initializer, kernel_regularizer, kernel_constraint)
        self.weight_options("bias", bias_initializer, bias_regularizer, bias_constraint)
        self.kernel: Any = None
        self.bias: Any = None

    def letters(self, shape: Sequence[int | None]) -> Letters:
        """Raises ValueError where inputs of this shape do not fit the equation, or the equation the output's sizes."""
        found = _EQUATION.fullmatch(self.equation.replace(" ", "")) if isinstance(self.equation, str) else None
        before, x, after, kernel, y_before, y, y_after = found.groups() if found else ("",) * 7
        if found is None or (before, after) != (y_before, y_after) or (before and after):
            raise ValueError(
                f"Layer {self.name!r}: equation must be '[x],[kernel]->[y]' of letters, perhaps with '...' before or after both x and y. "
                f"Received: equation={self.equation!r}."
            )
        stay = len(shape) - len(x)
        if stay < bool(before) or (stay and not (before or after)):
            raise ValueError(
                f"Layer {self.name!r}: expected an input with an axis for each letter of {x!r} in {self.equation!r}. "
                f"Received: input of shape {tuple(shape)}."
            )
        more = "".join(c for c in string.ascii_letters if c not in x + kernel + y)[:stay]
        x, y = (more + x, more + y) if before else (x + more, y + more)
        given = y[stay:] if before else y[1 : len(y) - stay]  # the letters that `output_shape` has sizes for
        if len(given) != len(self.partial_output_shape):
            raise ValueError(
                f"Layer {self.name!r}: output_shape must have a size for each of {given!r} in {self.equation!r}. "
                f"Received: output_shape={self.partial_output_shape}."
            )
        sizes = dict(zip(x, shape, strict=True))
        for c, n in zip(given, self.partial_output_shape, strict=True):
            if n is not None and sizes.get(c, n) not in (n, None):
                raise ValueError(
                    f"Layer {self.name!r}: input and output do not match at {c!r} of {self.equation!r}. Expected one size. "
                    f"Received: {sizes[c]} in an input of shape {tuple(shape)}, {n} in output_shape={self.partial_output_shape}."
                )
            sizes[c] = sizes.get(c) if n is None else n
        unknown = {*kernel, *y} - {*x, *given} or {*y} - {*x, *kernel} or {*kernel} - {*x, *y} or {*(self.bias_axes or "")} - {*y}
        if unknown:
            raise ValueError(
                f"Layer {self.name!r}: {min(unknown)!r} stands on one side only. Expected letters of the kernel in x or y, of y in x or "
                f"the kernel, and of bias_axes in y. Received: equation={self.equation!r}, bias_axes={self.bias_axes!r}."
            )
        if None in [sizes[c] for c in kernel + (self.bias_axes or "")]:
            raise ValueError(
                f"Layer {self.name!r}: the axes of kernel and bias must be known. Received: input of shape {tuple(shape)}, "
                f"output_shape={self.partial_output_shape} for {self.equation!r}."
            )
        return Letters(x, kernel, y, sizes)

    def build(self, input_shape: Any) -> None:
        named = self.letters(input_shape)
        shape: Any = named.shape(named.kernel)
        self.kernel = self.add_weight("kernel", shape, self._initializer(named))
        if self.bias_axes:
            y = named.y[min(map(named.y.index, self.bias_axes)) :]
            self.bias = self.add_weight("bias", tuple(named.sizes[c] if c in self.bias_axes else 1 for c in y))

    def _initializer(self, named: Letters) -> Any:
        """The kernel's, told which of its axes are inputs and outputs."""
        own = self.kernel_initializer  # type: ignore[attr-defined]
        if not isinstance(own, initializers.VarianceScaling) or (own.input_axes is not None and own.output_axes is not None):
            return own
        outputs = [i for i, c in enumerate(named.kernel) if c in named.y]
        inputs = [i for i in range(len(named.kernel)) if i not in outputs]
        return type(own).from_config({**own.get_config(), "input_axes": inputs, "output_axes": outputs})

    def compute_output_shape(self, input_shape: Any) -> Any:
        named = self.letters(input_shape)
        if self.built and self.kernel is not None and named.shape(named.kernel) != self.kernel.shape:
            raise ValueError(
                f"Input of layer {self.name!r} is incompatible with the layer: expected one for a kernel of shape {self.kernel.shape} in "
                f"{self.equation!r}. Received: input of shape {tuple(input_shape)}."
            )
        return self.activation.compute_output_shape(named.shape(named.y))

    def call(self, inputs: Any) -> Any:  # type: ignore[override]
        from gpunn import ops  # which is made of layers

        self.compute_output_shape(inputs.shape)
        named = self.letters(inputs.shape)
        y = ops.einsum(f"{named.x},{named.kernel}->{named.y}", inputs, self.kernel)
        y = y if self.bias is None else ops.add(y, self.bias)
        return y if self.activation is activations.linear else self.activation(y)

    def config(self) -> dict[str, Any]:
        return {
            "equation": self.equation, "output_shape": self.partial_output_shape, "bias_axes": self.bias_axes,
            "activation": activations.serialize(self.activation),
        }
