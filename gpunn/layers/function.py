"""Lambda: a function of the user's as a layer."""

from collections.abc import Callable
from typing import Any

import numpy as np

from gpunn import activations, lookup
from gpunn.activations.traced import FromTensors
from gpunn.kernels.record import REGISTRY, Kernel
from gpunn.layers.alone import kind_of
from gpunn.layers.base import Layer, Pullback
from gpunn.layers.graph import WHOLE, flat, symbolic
from gpunn.layers.tensor import records
from gpunn.lookup import note


class Lambda(Layer):
    """y = function(x).

    * ``Lambda(function)``, arithmetic on tensors (operators, `gpunn.ops`): it is traced, differentiated and part of the recorded step.
    * ``Lambda(kernel)``, a formula written with `gpunn.elementwise`, beside which there is ``<name>_bwd`` (or `backward`): a kernel as any
      other, part of the recorded step; and a function that calls one of gpunn's activations, ``Lambda(lambda x: leaky_relu(x, 0.1))``.
    * ``Lambda(function, backward=g)``: ``function(x)`` -> y and ``g(dy, x)`` -> dx, of arrays of the device (NumPy's, on a CPU), of
      lists where the layer is called on several tensors. Steps then run launch by launch. Without `backward` a function of
      NumPy's alone only predicts.

    Further arguments: ``output_shape``, of a row, or a function of the input's shape; by default the function is tried on zeros;
    ``mask``, a function of (x, mask) for the output's mask; ``arguments``, given to the functions by name. A function is saved by its name:
    who loads the model gives it back, ``custom_objects={name: function}``; one without a name (``lambda``) cannot be saved.
    """

    recordable = True

    def __init__(
        self, function: Any, output_shape: Any = None, mask: Any = None, arguments: dict[str, Any] | None = None, backward: Any = None,
        **common: Any,
    ):
        super().__init__(**common)
        self.function, self.backward, self.arguments = function, backward, dict(arguments or {})
        self._output_shape, self._mask = output_shape, mask
        self._reason: Exception | None = None  # why it could not be traced
        self.supports_masking = mask is not None
        self.activation = self._formula()
        if self.activation is None and not callable(function):
            raise ValueError(f"Layer {self.name!r}: expected a function or a formula. Received: {function!r}.")

    def _formula(self) -> Any:
        """The function as an activation, where it is one."""
        given, back = self.function, self.backward
        if isinstance(given, Kernel):
            constants = [self.arguments[o.name] for o in given.operands if o.kind == "const" and o.name in self.arguments]
            return activations.FromFormula(given, back, *constants)
        if back is not None or self.arguments:
            return None
        try:
            found = activations.get(given)
        except ValueError:
            return None
        return None if isinstance(found, FromTensors) else found

    def __call__(self, x: Any = None, *others: Any, training: bool | None = None, mask: Any = None, **options: Any) -> Any:
        if self.activation is None and self.backward is None and self._mask is None and symbolic([x, *others]):
            from gpunn.ops.tracing import traced_call  # operations are layers

            try:
                return traced_call(self, (x, *others), training, options)
            except Exception as error:  # a function of NumPy arrays, whatever it does with what is none
                self._reason = error
        if (found := self._typed([x, *others], mask, options)) is not None:
            return found
        return super().__call__(x, *others, training=training, mask=mask, **options)

    def _typed(self, given: list[Any], mask: Any, options: dict[str, Any]) -> Any:
        """What it gives for integers and truths, in the types that its arithmetic gives of these; None where it is no arithmetic, or gets
        anything else."""
        from gpunn.ops.forms import call_formed  # operations are layers
        from gpunn.ops.operation import current

        plain = self.activation is None and self.backward is None and self._mask is None and mask is None and not options
        if not plain or not any(kind_of(v, self.dtype).startswith(WHOLE) for v in flat(given)) or records(*given) or current() is not None:
            return None
        try:
            return call_formed(self, given, False, {})
        except Exception:  # a function of NumPy arrays, which goes on with floats
            return None

    def call(self, inputs: Any, training: bool | None = None, **options: Any) -> Any:
        return self._call(inputs)

    @property
    def all_recordable(self) -> bool:
        return self.activation is not None

    def compute_output_shape(self, input_shape: Any) -> Any:
        if self.activation is not None:
            return self.activation.compute_output_shape(input_shape)
        if callable(self._output_shape):
            return tuple(self._output_shape(input_shape))
        if self._output_shape is not None:
            return (None, *([self._output_shape] if isinstance(self._output_shape, int) else self._output_shape))
        shapes = input_shape if isinstance(input_shape, list) else [input_shape]
        rows = [np.zeros((2, *(int(n or 0) for n in s[1:])), self.dtype) for s in shapes]
        try:
            y = self._call(rows if isinstance(input_shape, list) else rows[0])
        except Exception as error:
            raise ValueError(
                f"Layer {self.name!r}: the function could not be tried on zeros of shape {input_shape} ({type(error).__name__}: {error}). "
                "Give output_shape=, the shape of a row."
            ) from error
        return [(None, *a.shape[1:]) for a in y] if isinstance(y, (list, tuple)) else (None, *np.shape(y)[1:])

    def _call(self, x: Any) -> Any:
        return self.function(x, **self.arguments)

    def forward(self, x: Any, training: bool = False) -> tuple[Any, Pullback]:
        if self.activation is not None:
            y, back = self.activation.apply(self.backend, x, shape=x.shape)
            return y.reshape(self.activation.compute_output_shape(x.shape)), lambda dy, need_dx=True: back(dy)
        y = self._arrays(self._call(x))

        def pullback(dy: Any, need_dx: Any = True) -> Any:
            if self.backward is None:
                raise ValueError(
                    f"Layer {self.name!r}: its function has no gradient, and what is before it learns. Give Lambda(function, backward=g), "
                    "where backward(dy, x) returns the gradient of x; or arithmetic (gpunn.ops); or a formula (gpunn.elementwise)."
                ) from self._reason
            return self._arrays(self.backward(dy, x, **self.arguments))

        return y, pullback

    def _arrays(self, values: Any) -> Any:
        if isinstance(values, (list, tuple)):
            return [None if v is None else self._arrays(v) for v in values]
        return self.backend.asarray(values, self.dtype)

    def compute_mask(self, x: Any, mask: Any = None) -> Any:
        return mask if self._mask is None else self._mask(x, mask) if callable(self._mask) else self._mask

    def config(self) -> dict[str, Any]:
        out: dict[str, Any] = {"arguments": self.arguments}
        if self.activation is not None and not isinstance(self.function, Kernel):
            out["function"] = activations.serialize(self.activation)
        else:
            out["function"] = self._named(self.function)
        for name, value in (("backward", self.backward), ("output_shape", self._output_shape), ("mask", self._mask)):
            if value is not None:
                out[name] = self._named(value) if callable(value) or isinstance(value, Kernel) else value
        return out

    def _named(self, function: Any) -> dict[str, Any]:
        name = function.name if isinstance(function, Kernel) else note(getattr(function, "__name__", "<lambda>"), function)
        if name == "<lambda>":
            raise ValueError(
                f"Layer {self.name!r}: a function without a name cannot be saved. Define it with `def`, and give it to whoever loads the "
                "model: custom_objects={'its_name': the_function}."
            )
        return {"class_name": "function", "config": name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Lambda":
        """Raises ValueError for a function that custom_objects does not have: nothing in a file is run."""
        given = dict(config)
        for name in ("function", "backward", "output_shape", "mask"):
            value = given.get(name)
            if isinstance(value, dict) and value.get("class_name") == "function":
                given[name] = _found(str(value["config"]))
            elif isinstance(value, dict) and str(value.get("class_name", "")).startswith("__"):
                raise ValueError(f"Layer {given.get('name')!r}: the file holds code of a function, {value['class_name']}: not run.")
        return cls(**given)


def _found(name: str) -> Callable[..., Any]:
    found = lookup.own(name)
    if found is None and name in REGISTRY:
        found = REGISTRY[name]
    if found is None:
        raise ValueError(f"Unknown function: {name!r}. Pass custom_objects={{{name!r}: the_function}}.")
    return found
