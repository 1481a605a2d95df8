"""A layer class that gives `call` in place of `forward`: what it does is traced, and the layers it holds are part of it."""

import functools
from collections.abc import Callable
from typing import Any

from gpunn.layers.parameter import Parameter
from gpunn.layers.tensor import Tensor
from gpunn.layers.variable import Variable


class Containing:
    """What a layer knows of the layers within it."""

    name: str
    dtype: str
    parameters: list[Any]
    connect: Callable[..., Any]
    replaced: frozenset[str] = frozenset()  # weights that tensors stand for
    traced = False  # whether the class gives `call`, and no `forward` after that

    def __init_subclass__(cls, **options: Any):
        super().__init_subclass__(**options)
        own: Any = next((vars(k) for k in cls.__mro__ if "forward" in vars(k) or "call" in vars(k)), {})
        cls.traced = "call" in own and "forward" not in own

    def __setattr__(self, name: str, value: Any) -> None:
        """A float `Variable` that a class with `call` keeps as an attribute, or in a list or a dict, is one of its weights. A tensor in the
        place of a weight, as in ``dense.kernel = tensor``, is what calls in a tape's block use, until a parameter stands there again."""
        if not self.traced and (isinstance(value, Tensor) or name in self.replaced):
            changed = {name} if isinstance(value, Tensor) and isinstance(getattr(self, name, None), (Parameter, Tensor)) else set()
            object.__setattr__(self, "replaced", self.replaced - {name} | changed)
        object.__setattr__(self, name, value)
        if self.traced and isinstance(value, (Variable, list, tuple, dict)) and variables_in(value):
            self.find_variables()

    def keep_variables(self, found: list[Variable]) -> None:
        """Those of the type it computes in are among its weights from now on."""
        for variable in found if "parameters" in vars(self) else ():
            if variable.value.dtype == self.dtype and not any(variable is p for p in self.parameters):
                variable.name = f"{self.name}/{variable.name}"
                self.parameters.append(variable)

    def find_variables(self) -> None:
        """Keep those of all attributes, in their order: lists and dicts get some after they have become attributes."""
        if self.traced:
            self.keep_variables([v for value in list(vars(self).values()) for v in variables_in(value)])

    def call(self, inputs: Any, training: bool | None = None, **options: Any) -> Any:
        """What the class's `forward` does, from within the `call` of a class derived from it, on symbolic tensors."""
        return self.connect((inputs,), training, options)

    def add_loss(self, loss: Any) -> None:
        """Within `call`: add the sum of a symbolic tensor to the loss of the model."""
        from gpunn.ops.tracing import add_loss

        add_loss(loss)

    @property
    def sublayers(self) -> list[Any]:
        """Layers that a class with `call` keeps as attributes, or in lists and dicts of them."""
        own = [layer for value in vars(self).values() for layer in layers_in(value)] if self.traced else []
        return list(dict.fromkeys(layer for layer in own if layer is not self))

    def name_within(self) -> None:
        """Parameters of layers within are named after the attributes that hold these: the same in whatever order layers are made."""
        for attribute, value in vars(self).items() if self.traced else ():
            for i, layer in enumerate(layers_in(value)):
                path = attribute if layer is value else f"{attribute}_{i}"
                for p in layer.parameters:
                    p.name = f"{self.name}/{path}/{p.name.rpartition('/')[2]}"

    @property
    def leaves(self) -> list[Any]:
        """Itself and the layers within, at any depth, each once."""
        if not self.traced:
            return [self]
        return list(dict.fromkeys([self, *(leaf for layer in self.sublayers for leaf in layer.leaves)]))

    @property
    def trainable(self) -> bool:
        """Whether its weights learn; setting it sets that of layers within."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = value
        for layer in (*self.sublayers, *vars(self).get("within", ())):
            layer.trainable = value

    def rests(self, parameter: Any) -> bool:
        """Whether a parameter of this layer does not learn: the layer is not trainable, or the one it wraps, whose parameter it is."""
        if not self._trainable or "within" not in vars(self):
            return not self._trainable
        wrapped = [leaf for layer in vars(self)["within"] for leaf in layer.leaves]
        return any(leaf.rests(parameter) for leaf in wrapped if any(p is parameter for p in leaf.parameters))


def layers_in(value: Any) -> list[Any]:
    """The layers in lists and dicts."""
    if isinstance(value, Containing):
        return [value]
    parts = value if isinstance(value, (list, tuple)) else value.values() if isinstance(value, dict) else ()
    return [layer for part in parts for layer in layers_in(part)]


def variables_in(value: Any) -> list[Variable]:
    """The variables in lists and dicts."""
    if isinstance(value, Variable):
        return [value]
    parts = value if isinstance(value, (list, tuple)) else value.values() if isinstance(value, dict) else ()
    return [variable for part in parts for variable in variables_in(part)]


def built_after(build: Any) -> Any:
    """A `build` after which the layer is built, whoever called it."""

    @functools.wraps(build)
    def marked(self: Any, *arguments: Any, **named: Any) -> Any:
        out = build(self, *arguments, **named)
        self.built = True
        return out

    return marked
