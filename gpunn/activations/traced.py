"""A function of the user's as an activation: arithmetic on tensors, traced for the shape at hand."""

from collections.abc import Callable
from typing import Any

from gpunn.activations.base import Activation, Formulas, Pullback, biased
from gpunn.kernels.activations import linear, linear_bwd
from gpunn.kernels.record import Kernel

PROBED = (None, 4)  # the shape a function is tried with before one is known


class FromTensors(Activation):
    """``function(x)`` of tensors (operators, `gpunn.ops`), which gives one of the same number of axes.

    Raises what the function raises on a symbolic tensor, and TypeError where it returns none.
    """

    elementwise = False  # for all anybody knows

    def __init__(self, function: Callable[[Any], Any]):
        super().__init__(getattr(function, "__name__", type(function).__name__), lambda: Formulas(linear, linear_bwd))
        self.function = function
        self._traces: dict[Any, Any] = {}
        self._trace(PROBED, "float32")

    def _trace(self, shape: tuple[int | None, ...], dtype: str, bias: bool = False) -> Any:
        """The function of an array of this shape, with `bias` of one and its bias."""
        from gpunn.ops.tracing import Traced  # operations know the activations

        key = shape[1:], dtype, bias
        if key not in self._traces:
            whole = (None, *shape[1:])
            self._traces[key] = (
                Traced(lambda x, b: self.function(x + b), [whole, whole[-1:]], dtype) if bias else Traced(self.function, [whole], dtype)
            )
        return self._traces[key]

    def configured(self, *arguments: Any, **parameters: Any) -> Activation:
        if arguments or parameters:
            raise ValueError(f"Activation {self.name!r} has no parameters. Received: {arguments} {parameters}.")
        return self

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (shape[0], *self._trace(shape, "float32").shape[1:])

    def apply(
        self, ops: Any, x: Any, bias: Any = None, inplace: bool = False, shape: tuple[int, ...] | None = None
    ) -> tuple[Any, Pullback]:
        full = tuple(x.shape if shape is None else shape)
        within = bias is not None and bias.size == full[-1]
        if not within:
            x, _ = biased(ops, x, bias, inplace)
        given = [x.reshape(full), *([bias] if within else [])]
        y, back = self._trace(full, x.dtype.name, within).run(ops, given)

        def pullback(dy: Any) -> Any:
            from gpunn.ops.moves import filled

            dx = back(dy.reshape(y.shape), needs=(True, False)[: len(given)])[0]
            return filled(ops, x.shape, 0.0, x.dtype) if dx is None else dx.reshape(x.shape)

        return y, pullback

    def after(
        self, ops: Any, kernel: Kernel, arguments: tuple[Any, ...], out: Any, shape: tuple[int, ...] | None = None
    ) -> tuple[Any, Pullback]:
        ops.launch(kernel, *arguments, out)
        return self.apply(ops, out, inplace=True, shape=shape)
