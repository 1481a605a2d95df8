"""Sequential: layers one after another."""

from collections.abc import Sequence
from typing import Any

from gpunn import lookup
from gpunn.layers import InputLayer
from gpunn.layers.base import Layer, fresh_name
from gpunn.models.model import Model
from gpunn.training.old_calls import OldCalls


class Sequential(OldCalls, Model):
    """A stack of layers, given as a list or by `add`.

    With an `Input` (or ``input_shape=``, ``input_dim=`` on the first layer) weights are made at once; without, at the first data.
    Raises TypeError for what is not a layer, ValueError for names that occur twice or shapes that do not fit.
    """

    def __init__(self, layers: Sequence[Layer] | None = None, trainable: Any = True, name: str | None = None):
        if isinstance(trainable, str):  # where Keras 2 has the name
            trainable, name = True, trainable
        super().__init__(name or fresh_name("sequential"))
        self._trainable = bool(trainable)
        for layer in layers or ():
            self.add(layer)

    def add(self, layer: Layer) -> None:
        if not isinstance(layer, Layer):
            raise TypeError(f"Only layers can be added to {self.name!r}. Received: {layer!r} (of type {type(layer).__name__}).")
        if any(layer is other or layer.name == other.name for other in self.layers):
            raise ValueError(f"All layers of {self.name!r} must have names of their own. Received: {layer.name!r} twice.")
        if isinstance(layer, InputLayer) and self.layers:
            raise ValueError(f"Input must come first in {self.name!r}. Received: {layer.name!r} after {self.layers[-1].name!r}.")
        if self.layers and layer.dtype != self.dtype:
            raise ValueError(
                f"Layer {layer.name!r}: all layers of {self.name!r} compute in one type (gpunn.config.set_floatx sets it). "
                f"Expected dtype {self.dtype}. Received: {layer.dtype}."
            )
        shape = layer.given_shape
        if self.built and shape is not None and (None, *shape) != self.output_shape:
            raise _contradiction(layer, self.output_shape)
        if not self.layers:
            self.dtype = layer.dtype
        self.layers.append(layer)
        self._inference = None
        try:
            if self.built:
                self._build_layer(layer)
                self._changed()
            elif len(self.layers) == 1 and shape is not None:
                self.build((None, *shape))
        except Exception:
            self.layers.pop()
            raise
        if not self._trainable:
            layer.trainable = False

    def pop(self) -> Layer:
        """Remove and return the last layer. Raises ValueError when there is none."""
        if not self.layers:
            raise ValueError(f"Model {self.name!r} has no layers to remove.")
        layer = self.layers.pop()
        if not self.layers:
            self.built, self.row_shape, self.output_shape, self.storage = False, None, (), None
        if not self.built:
            return layer
        shape: tuple[int | None, ...] = (None, *(self.row_shape or ()))
        for other in self.layers:
            shape = other.compute_output_shape(shape)
        self.output_shape = shape
        self._changed()
        return layer

    def build(self, input_shape: tuple[int | None, ...] | None = None) -> None:
        """Make all weights for inputs of this shape (batch axis first, as None). Raises ValueError where shapes do not fit."""
        if self.built:
            return
        if input_shape is None:
            raise ValueError(f"Model {self.name!r}: build needs an input shape.")
        row = tuple(int(n) for n in input_shape[1:] if n is not None)
        self.compute_output_shape((None, *row))
        self.row_shape, self.output_shape = row, (None, *row)
        fresh = [layer for layer in self.layers if not layer.built]
        try:
            for layer in self.layers:
                self._build_layer(layer)
        except Exception:  # an initializer that fails leaves no half-built model behind
            self.row_shape, self.output_shape = None, ()
            for layer in fresh:
                layer.unbuild()
            raise
        self.built = True
        self._changed()

    def _build_layer(self, layer: Layer) -> None:
        self.adopt(layer)
        shape = self.output_shape
        if layer.given_shape is not None and (None, *layer.given_shape) != shape:
            raise _contradiction(layer, shape)
        layer.ensure_built(shape)
        self.output_shape = layer.compute_output_shape(shape)

    def _changed(self) -> None:
        self._inference = None
        self._programs.clear()
        self.storage = None
        if self._setup is not None:
            self._arrange()
        else:
            self.pack()

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The shape that comes out, without building anything."""
        for layer in self.layers:
            if layer.given_shape is not None and (None, *layer.given_shape) != (None, *input_shape[1:]):
                raise ValueError(
                    f"Layer {layer.name!r}: expected input shape {(None, *layer.given_shape)}. Received: {tuple(input_shape)}."
                )
            input_shape = layer.compute_output_shape(input_shape)
        return input_shape

    @property
    def input_shape(self) -> tuple[int | None, ...]:
        self._need_built("input_shape")
        return (None, *(self.row_shape or ()))

    def get_config(self) -> dict[str, Any]:
        layers = [{"class_name": type(layer).__name__, "config": layer.get_config()} for layer in self.layers]
        return {"name": self.name, "layers": layers, "build_input_shape": None if self.row_shape is None else [None, *self.row_shape]}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> "Sequential":
        """A fresh model of this configuration; `custom_objects` holds classes and functions of the user's by name. Raises ValueError for an
        unknown layer class, saying how to pass it."""
        from gpunn.layers import NAMES

        table = NAMES | (custom_objects or {})
        model = cls(name=config.get("name"))
        for entry in config["layers"]:
            if entry["class_name"] not in table:
                raise ValueError(
                    f"Unknown layer class {entry['class_name']!r}. Pass custom_objects={{{entry['class_name']!r}: the_class}}. "
                    f"Known: {', '.join(sorted(table))}."
                )
            with lookup.custom_objects(custom_objects):
                model.add(table[entry["class_name"]].from_config(dict(entry["config"])))
        if not model.built and config.get("build_input_shape"):
            model.build(tuple(config["build_input_shape"]))
        return model


def _contradiction(layer: Layer, shape: tuple[int | None, ...]) -> ValueError:
    return ValueError(
        f"Layer {layer.name!r}: input shape {layer.given_shape} contradicts the layer before it, whose output is {shape}."
    )
