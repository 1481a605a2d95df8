"""Activations as layers of their own; directly after Dense or BatchNormalization one is fused into their pass."""

from typing import Any

from gpunn import activations
from gpunn.layers.base import Layer, Pullback
from gpunn.layers.chosen import Chosen
from gpunn.layers.graph import INTEGERS
from gpunn.layers.spelling import old_names


class Activation(Layer):
    """y = f(x). `activation`: a name, an activation, or what else `gpunn.activations.get` takes."""

    recordable = True
    supports_masking = True
    activation = Chosen()
    activation_alone = True  # such a layer may be another's `activation`

    def __init__(self, activation: Any, **common: Any):
        super().__init__(**common)
        self.activation = activation

    @property
    def kept_kinds(self) -> tuple[str, ...]:  # type: ignore[override]
        """Integers stay such where it gives no others."""
        return INTEGERS if self.activation in (activations.linear, activations.relu) else ()

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return self.activation.compute_output_shape(input_shape)

    def forward(self, x: Any, training: bool = False, activation: Any = None) -> tuple[Any, Pullback]:
        chosen = activation or self.activation
        y, activation_pullback = chosen.apply(self.backend, x, shape=x.shape)
        return y.reshape(chosen.compute_output_shape(x.shape)), lambda dy, need_dx=True: activation_pullback(dy)

    def config(self) -> dict[str, Any]:
        return {"activation": activations.serialize(self.activation)}


class _Parametric(Activation):
    """An activation whose parameters are the layer's arguments."""

    def config(self) -> dict[str, Any]:
        return dict(self.activation.parameters or {})


def _positive(layer: Layer, **parameters: Any) -> None:
    for name, value in parameters.items():
        if value is None or value < 0:
            raise ValueError(f"Layer {layer.name!r}: {name} must be a number of at least 0. Received: {name}={value!r}.")


class ReLU(_Parametric):
    """max(x, 0); with parameters: x above `threshold`, at most `max_value`; below it negative_slope * (x - threshold)."""

    recordable = True

    @old_names(alpha="negative_slope")
    def __init__(self, max_value: float | None = None, negative_slope: float = 0.0, threshold: float = 0.0, **common: Any):
        super().__init__("relu", **common)
        _positive(self, max_value=0.0 if max_value is None else max_value, negative_slope=negative_slope, threshold=threshold)
        self.max_value, self.negative_slope, self.threshold = max_value, negative_slope, threshold
        self.activation = activations.relu.configured(negative_slope, max_value, threshold)


class LeakyReLU(_Parametric):
    """x where it is positive, negative_slope * x elsewhere (Maas et al. 2013)."""

    recordable = True

    @old_names(alpha="negative_slope")
    def __init__(self, negative_slope: float = 0.3, **common: Any):
        super().__init__("leaky_relu", **common)
        _positive(self, negative_slope=negative_slope)
        self.negative_slope = negative_slope
        self.activation = activations.leaky_relu.configured(negative_slope)


class ELU(_Parametric):
    """x where it is positive, alpha * (exp(x) - 1) elsewhere (Clevert et al. 2016)."""

    recordable = True

    def __init__(self, alpha: float = 1.0, **common: Any):
        super().__init__("elu", **common)
        self.alpha = alpha
        self.activation = activations.elu.configured(alpha)


class Softmax(_Parametric):
    """exp(x) / sum exp(x) along `axis`, or along neighbouring axes taken as one where it is a list."""

    recordable = True

    def __init__(self, axis: Any = -1, **common: Any):
        super().__init__("softmax", **common)
        self.axis = axis
        self.activation = activations.softmax.configured(axis)


ALONE = (Activation, ReLU, LeakyReLU, ELU, Softmax)  # not subclasses of the user's, which may do more
