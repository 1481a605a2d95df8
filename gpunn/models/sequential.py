"""Sequential: layers one after another."""

from collections.abc import Sequence
from typing import Any

from gpunn.layers import InputLayer, KerasTensor
from gpunn.layers.augmentation import one_image
from gpunn.layers.base import Layer
from gpunn.layers.graph import flat, symbolic
from gpunn.layers.input import TEXT
from gpunn.layers.names import fresh_name
from gpunn.layers.open_shapes import fits, shapes_out
from gpunn.layers.words import are_texts
from gpunn.models.configuration import described, made, sharing
from gpunn.models.graph import done_at_door
from gpunn.models.model import Model
from gpunn.training.old_calls import OldPredictions


class Sequential(OldPredictions, Model):
    """A stack of layers, given as a list or by `add`.

    With an `Input` (or ``input_shape=``, ``input_dim=`` on the first layer) weights are made at once; without, at the first data.
    Raises TypeError for what is not a layer, ValueError for names that occur twice or shapes that do not fit.
    """

    _texts = False  # whether a stack that hashes, and is built by what comes first, was given texts

    def __init__(self, layers: Sequence[Any] | None = None, trainable: Any = True, name: str | None = None):
        if isinstance(trainable, str):  # where Keras 2 has the name
            trainable, name = True, trainable
        self._stack: list[Any] = []
        self._tensors: list[KerasTensor] = []  # what each layer gives, once the model is built
        super().__init__(name=name or fresh_name("sequential"), trainable=bool(trainable))
        for layer in layers or ():
            self.add(layer)

    def __call__(self, x: Any = None, *others: Any, **options: Any) -> Any:
        if one_image(x) and self._of_images:
            return self(x[None], *others, **options)[0]
        if self.built and getattr(x, "ndim", 0) == 4 and x.shape[1:] != self.row_shape and self._of_images and not symbolic(x):
            for layer in self.layers:
                x = layer(x, *others, **options)
            return x
        return super().__call__(x, *others, **options)

    @property
    def _of_any_shape(self) -> bool:
        """Whether nobody gave a shape, and the first rows have said one."""
        return bool(self._stack) and not isinstance(self._stack[0], InputLayer) and _rows_of(self._stack[0]) is None

    @property
    def _of_images(self) -> bool:
        """Whether all it does is change images, of whatever size."""
        return self._of_any_shape and all(leaf.images_alone for leaf in self.leaves)

    @property
    def layers(self) -> list[Any]:
        """What was added, without an `Input`."""
        return self._stack[1:] if self._stack and isinstance(self._stack[0], InputLayer) else self._stack[:]

    def add(self, layer: Any, rebuild: bool = True) -> None:
        if isinstance(layer, KerasTensor) and isinstance(layer.node.layer, InputLayer):
            layer = layer.node.layer
        if not isinstance(layer, Layer):
            raise TypeError(f"Only layers can be added to {self.name!r}. Received: {layer!r} (of type {type(layer).__name__}).")
        if any(layer is other or layer.name == other.name for other in self._stack):
            raise ValueError(f"All layers of {self.name!r} must have names of their own. Received: {layer.name!r} twice.")
        if isinstance(layer, InputLayer) and self._stack:
            raise ValueError(f"Input must come first in {self.name!r}. Received: {layer.name!r} after {self._stack[-1].name!r}.")
        if self._stack and layer.dtype != self.dtype:
            raise ValueError(
                f"Layer {layer.name!r}: all layers of {self.name!r} compute in one type (gpunn.config.set_floatx sets it). "
                f"Expected dtype {self.dtype}. Received: {layer.dtype}."
            )
        shape = _rows_of(layer)
        if self.built and shape is not None and not fits((None, *shape), self.output_shape):
            raise _contradiction(layer, self.output_shape)
        if not self._stack:
            self.dtype = layer.dtype
        self._stack.append(layer)
        self._plans.clear()
        try:
            if self.built:
                self._call(layer)
                self._follow()
            elif len(self._stack) == 1 and shape is not None:
                self.build((None, *shape))
        except Exception:
            self._stack.pop()
            raise
        if not self._trainable:
            layer.trainable = False

    def pop(self, rebuild: bool = True) -> Layer:
        """Remove and return the last layer. Raises ValueError when there is none."""
        if not self.layers:
            raise ValueError(f"Model {self.name!r} has no layers to remove.")
        layer = self._stack.pop()
        if not self._stack:
            self.built, self._input, self._output, self._traced, self.storage = False, None, None, None, None
            self._tensors.clear()
        if not self.built:
            return layer
        _forget(layer, self._tensors.pop())
        self._follow()
        return layer

    def build(self, input_shape: Any = None) -> None:
        """Make all weights for inputs of this shape (batch axis first, as None). Raises ValueError where shapes do not fit."""
        if self.built:
            return
        if input_shape is None:
            raise ValueError(f"Model {self.name!r}: build needs an input shape.")
        if isinstance(input_shape, list) and isinstance(input_shape[0], (tuple, list)):
            raise ValueError(f"Model {self.name!r} takes one input. Received: the shapes {input_shape}.")
        row = tuple(None if n is None else int(n) for n in input_shape[1:])
        if not self._traced_within:
            self.compute_output_shape((None, *row))
        before = self._stack[:]
        if self._texts:  # which its configuration tells, too
            self._stack.insert(0, InputLayer(row, dtype=TEXT))
        first = self._stack[0] if self._stack and isinstance(self._stack[0], InputLayer) else InputLayer(row, dtype=self.dtype)
        self._input = self._output = first.output
        fresh = [layer for layer in self._stack if not layer.built]
        try:
            for layer in self._stack:
                self._call(layer)
        except Exception:  # an initializer that fails leaves no half-built model behind
            self._input = self._output = None
            for layer, tensor in zip(self._stack, self._tensors, strict=False):
                _forget(layer, tensor)
            self._tensors.clear()
            self._stack = before
            for layer in fresh:
                layer.unbuild()
            raise
        self.built = True
        self._follow()

    def reopen(self, shapes: Sequence[Any]) -> bool:
        """Where rows have other sizes than those before: leave such axes open. -> whether that was done; where weights depend on a size the
        stack stays as it is."""
        known, shape, first = self.row_shape, tuple(shapes[0]), self._stack[0]
        if len(shape) != len(known) or fits(shape, known) or self._texts or isinstance(first, Model):
            return False
        rows = tuple(m if n == m else None for n, m in zip(shape, known, strict=True))
        for given in (rows, known):
            for layer, tensor in zip(self._stack, self._tensors, strict=False):
                _forget(layer, tensor)
            self._tensors.clear()
            self.built = False
            if isinstance(first, InputLayer):
                self._stack[0] = first if given is known else InputLayer(given, dtype=first.given_dtype, name=first.name)
            if self.layers and getattr(self.layers[0], "given_shape", None) is not None:
                self.layers[0].given_shape = given
            try:
                self.build((None, *given))
                return given is rows
            except Exception:  # whatever a layer raises that cannot take them
                if given is known:
                    raise
        return False

    def _call(self, layer: Layer) -> None:
        """Put a layer's call behind those before it."""
        before = self._output
        if isinstance(layer, InputLayer):
            self._tensors.append(before)
            return
        for leaf in layer.leaves:
            self.adopt(leaf)
        if not isinstance(before, KerasTensor):
            above = self._tensors[-1].node.layer.name
            raise ValueError(f"Only the last layer of a Sequential may have several outputs. Received: {above!r} in {self.name!r}.")
        given = _rows_of(layer)
        if given is not None and not fits((None, *given), before.shape):
            raise _contradiction(layer, before.shape)
        self._output = layer(before)
        self._tensors.append(flat(self._output)[0])

    def _follow(self) -> None:
        """The stack is another one."""
        last = self._tensors[-1].node.outputs if self._tensors else [self._input]
        self._output = last[0] if len(last) == 1 else last
        nodes = [tensor.node for tensor in self._tensors if not isinstance(tensor.node.layer, InputLayer)]
        self._traced = dict.fromkeys((True, False), (nodes, last))
        self._changed()

    def _changed(self) -> None:
        super()._changed()
        if self._setup is None:
            self.pack()

    @property
    def _traced_within(self) -> bool:
        """Whether it has layers of the user's own: when one is built it may look at weights of the layers before it, so that shapes are
        known once all are built in their order."""
        return any(leaf.traced for leaf in self.leaves)

    def output_shapes(self, row_shape: Any) -> list[tuple[int | None, ...]]:
        if self.row_shape is not None and any(getattr(layer, "converts", False) for layer in self.first_layers()):
            row_shape = self.row_shape  # of what is given; the rows have been converted
        if not self.built and self._traced_within:
            self.build((None, *row_shape))
        found = self.output_shape if self.built and row_shape == self.row_shape else self.compute_output_shape((None, *row_shape))
        return found if isinstance(found, list) else [found]

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The shape that comes out, without building anything."""
        for layer in self._stack:
            given = _rows_of(layer)
            if given is not None and not fits(given, input_shape[1:]):
                raise ValueError(f"Layer {layer.name!r}: expected input shape {(None, *given)}. Received: {tuple(input_shape)}.")
            input_shape = shapes_out(layer.compute_output_shape, tuple(input_shape))
        return input_shape

    def _inputs(self, x: Any, where: str, lazy: bool = False) -> Any:
        if not self.built and self._stack and getattr(self._stack[0], "takes_integers", False):
            self._texts = are_texts(x)
        return super()._inputs(x, where, lazy)

    def first_layers(self, converted: bool = False) -> list[Any]:
        if self.built:
            return super().first_layers(converted)
        return [x for x in self._stack if not (isinstance(x, InputLayer) or (converted and done_at_door(x, self._texts)))][:1]

    @property
    def input_names(self) -> list[str] | None:
        return [self._stack[0].name if self._stack else "input"]

    @property
    def output_names(self) -> list[str]:
        return super().output_names if isinstance(self._output, list) else [self._stack[-1].name if self._stack else "output"]

    def get_config(self) -> dict[str, Any]:
        with sharing():
            layers = [described(layer) for layer in self._stack]
        return {"name": self.name, "layers": layers, "build_input_shape": None if self.row_shape is None else [None, *self.row_shape]}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> "Sequential":
        """A fresh model of this configuration; `custom_objects` holds classes and functions of the user's by name. Raises ValueError for an
        unknown layer class, saying how to pass it."""
        model = cls(name=config.get("name"))
        with sharing():
            for entry in config["layers"]:
                model.add(made(entry, custom_objects))
        if not model.built and config.get("build_input_shape"):
            model.build(tuple(config["build_input_shape"]))
        return model


def _rows_of(layer: Any) -> tuple[int | None, ...] | None:
    """The shape of a row that a layer, or the first layer of a model, was given."""
    if isinstance(layer, Sequential):
        return _rows_of(layer._stack[0]) if layer._stack else None
    return layer.row_shape if isinstance(layer, Model) else layer.given_shape


def _forget(layer: Layer, tensor: KerasTensor) -> None:
    """A call that was taken back."""
    if tensor.node in layer.inbound_nodes and not isinstance(layer, InputLayer):
        layer.inbound_nodes.remove(tensor.node)


def _contradiction(layer: Layer, shape: tuple[int | None, ...]) -> ValueError:
    return ValueError(
        f"Layer {layer.name!r}: input shape {_rows_of(layer)} contradicts the layer before it, whose output is {shape}."
    )
