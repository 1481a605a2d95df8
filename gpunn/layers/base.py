"""Layer: what every layer is.

A layer's `forward(x, training)` returns its output and its own pullback, a function from the output's gradient to the input's. What a call
has saved belongs to the pullback, never to the layer, so a layer may be called twice in one step. Parameter gradients are written to the
parameter's slice of the model's flat gradient: the first write of a step assigns, later ones add.
"""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from gpunn import constraints, initializers, regularizers
from gpunn.backend import get_backend
from gpunn.backend.base import Backend
from gpunn.backend.foreign import on_host
from gpunn.layers import own_arguments, pickled, room
from gpunn.layers.alone import as_said, called, computed_in, cut, drawing_alone, host, kind_of, masks_on
from gpunn.layers.by_name import named_inputs
from gpunn.layers.containing import Containing, built_after
from gpunn.layers.graph import Connected, Node, Shape, symbolic
from gpunn.layers.names import fresh_name
from gpunn.layers.open_shapes import closed, depends, is_open, told_as_open
from gpunn.layers.parameter import Parameter as Parameter
from gpunn.layers.parameter import Rng as Rng
from gpunn.layers.stateless import Stateless
from gpunn.layers.tensor import records
from gpunn.layers.typed import Typed, types_of
from gpunn.layers.variable import Variable
from gpunn.layers.weighted import Weighted
from gpunn.lookup import snake
from gpunn.results import dressed

Pullback = Callable[..., Any]
_KINDS: tuple[tuple[str, Any], ...] = (("initializer", initializers), ("regularizer", regularizers), ("constraint", constraints))


def one_shape(input_shape: Any, input_dim: Any, batch_shape: Any) -> tuple[int | None, ...] | None:
    """The shape of one row from Keras's spellings: a tuple, a list, a bare number, or ``input_dim``; None is an open axis."""
    if batch_shape is not None:
        input_shape = tuple(batch_shape)[1:]
    if input_dim is not None and input_shape is None:
        input_shape = (input_dim,)
    if input_shape is None:
        return None
    if isinstance(input_shape, (int, np.integer)):
        input_shape = (input_shape,)
    shape = tuple(input_shape)
    if not all(n is None or (isinstance(n, (int, np.integer)) and n > 0) for n in shape):
        raise ValueError(f"An input shape holds positive integers, or None, without the batch axis. Received: {input_shape!r}.")
    return tuple(None if n is None else int(n) for n in shape)


class Layer(Weighted, Typed, Stateless, Containing, Connected):
    """Base class of all layers.

    Arguments: ``name``; ``trainable``; ``dtype``, "float32" or "float64" (default `gpunn.config.floatx`), a `DTypePolicy`, or, without
    weights, a type of integers, to which inputs are cut; and, on a model's first layer, ``input_shape``, ``input_dim`` or
    ``batch_input_shape``; ``activity_regularizer``, which adds to the loss for the size of the output, divided by the number of rows.

    A subclass gives `build(input_shape)`, `compute_output_shape(input_shape)`, `forward(x, training)` and `config()`, the constructor's own
    arguments. Shapes in these have the batch axis first, as None. A pullback takes the output's gradient, writes those of the layer's
    parameters (see `Parameter.claim`) and returns the input's. A subclass that only launches kernels may set ``recordable = True`` in its
    class: its steps are then recorded and replayed, and its pullback takes ``need_dx=True`` too; any other runs eagerly, launch by launch.

    Or a subclass gives `call(inputs, training=None)` and no `forward`: it runs on symbolic tensors, once for training and once for anything
    else, with its weights as symbolic values, and what it does there (operators, `gpunn.ops`, layers that are its attributes) becomes part
    of the model's graph, differentiated and recorded. ``super().call(inputs)`` is what the class it is derived from does.

    A layer with several inputs gets lists (of shapes, of arrays) and its pullback returns a list; `need_dx` is then False or a tuple, one
    for each input. One with several outputs returns lists, and its pullback gets a list, None where there is no gradient. A pullback may
    overwrite the gradient it gets; what it returns is the caller's. Called on symbolic tensors (`gpunn.Input`) a layer becomes part of a
    model's graph.

    Masks: ``supports_masking`` says that the output has a mask, `compute_mask` which one; with ``takes_mask`` the layer is called as
    ``forward(x, training, mask=mask)``. A mask is an array (rows, steps) of the float type, 1 or 0, or None.
    """

    recordable = False
    supports_masking = False  # else a mask of steps ends here
    takes_mask = False  # whether it is called as forward(x, training, mask=mask)
    drawing = False  # whether it draws random numbers
    named_after = ""  # Keras's own name of the class, where that is not its public one
    trains_alone = False  # whether calls outside any model are of training unless they say otherwise
    images_alone = False  # whether calls outside any model may be of one image, without an axis of rows
    alone: Any = None  # (backend, `Rng`) of its calls outside any model
    input_spec: Any = None  # see `InputSpec`
    _given: Any = None  # what the constructor of a class that says no configuration was given
    calls_in_step: int | None = None  # that a tape recorded in the step of `fit` that runs; None outside of one

    def __init_subclass__(cls, **options: Any):
        super().__init_subclass__(**options)
        if "build" in vars(cls) and not hasattr(cls, "fit"):
            cls.build = built_after(cls.build)  # type: ignore[method-assign]

    def __new__(cls, *arguments: Any, **named: Any) -> Any:
        layer = object.__new__(cls)
        if cls.traced and cls.get_config is Layer.get_config and cls.config is Layer.config:
            layer._given = (arguments, named)
        return layer

    def __init__(
        self, name: str | None = None, trainable: bool = True, dtype: Any = None, input_shape: Any = None, input_dim: int | None = None,
        batch_input_shape: Any = None, activity_regularizer: Any = None, **unknown: Any,
    ):
        if unknown:
            raise TypeError(f"{type(self).__name__} got unknown arguments: {', '.join(sorted(unknown))}.")
        self.name = name or fresh_name(snake(self.named_after or type(self).__name__))
        self.trainable = trainable
        self.dtype, self._whole = types_of(dtype, self.name)
        self.given_shape = one_shape(input_shape, input_dim, batch_input_shape)
        self.activity_regularizer = regularizers.of_output(activity_regularizer, self.name)
        self.parameters: list[Parameter] = []
        self.built = False
        self.inbound_nodes: list[Node] = []
        self.built_for: tuple[int | None, ...] | None = None  # the shape of the input it was built for
        self.kept_plans: dict[Any, Any] = {}  # of a class with `call`: what it does to arrays of a shape
        self._options: dict[str, dict[str, Any]] = {}
        self.backend: Backend = get_backend()
        self.rng: Any = None  # an `Rng`, once a model or a call gives one

    # ------------------------------------------------------------------ what a subclass gives
    def build(self, input_shape: Any) -> None:
        """Make the parameters for inputs of this shape."""

    def compute_output_shape(self, input_shape: Any) -> Any:
        if self.traced and type(self).call is not Layer.call:
            from gpunn.ops.tracing import shape_of_call

            return shape_of_call(self, input_shape)
        return input_shape

    def forward(self, x: Any, training: bool = False) -> tuple[Any, Pullback]:
        if self.traced:
            from gpunn.ops.tracing import run_call  # operations are layers

            return run_call(self, x, training, {})
        raise NotImplementedError(f"{type(self).__name__} gives no forward(x, training), which returns output and pullback, dy -> dx.")

    def compute_mask(self, x: Any, mask: Any = None) -> Any:
        """The output's mask, (rows, steps) of 1 and 0 on the device, or None, from the input and its mask."""
        return mask if self.supports_masking else None

    def mask_of_call(self, x: Any, mask: Any, options: dict[str, Any]) -> Any:
        """The same of a call with these options."""
        return self.compute_mask(x, mask)

    def config(self) -> dict[str, Any]:
        """The constructor's arguments beyond the common ones. Of a class of the user's that says none of its own these are what its
        constructor was given, as in Keras. Raises NotImplementedError where that is not plain values."""
        if self._given is None:
            return {}
        return {n: v for n, v in own_arguments.given(self, "Layer", "").items() if n not in ("name", "trainable", "dtype")}

    # ------------------------------------------------------------------ common
    def __reduce__(self) -> Any:
        return pickled.reduced(self)

    def weight_options(self, name: str, initializer: Any, *more: Any) -> None:
        """Keep a constructor's options of one weight, ``<name>_initializer`` and perhaps ``<name>_regularizer`` and ``<name>_constraint``:
        `add_weight` and `get_config` know them then."""
        given = zip(_KINDS, (initializer, *more), strict=False)  # a weight that is never optimised has an initializer only
        self._options[name] = {kind: module.get(value) for (kind, module), value in given}
        for kind, option in self._options[name].items():
            setattr(self, f"{name}_{kind}", option)

    def add_weight(
        self, name: Any = None, shape: Any = None, initializer: Any = None, trainable: bool = True, regularizer: Any = None,
        constraint: Any = None, dtype: Any = None, **unused: Any,
    ) -> Parameter:
        """A new parameter; name and shape in either order. Raises ValueError when a regularizer or a constraint cannot be applied to it,
        and in a layer of integers."""
        self.check_floats()
        if isinstance(name, (tuple, list)):
            name, shape, initializer = None, name, shape if initializer is None else initializer
        name, shape = name or fresh_name("weight"), (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape or ())
        known = self._options.get(name, {})
        room.take(f"{self.name}/{name}", shape)
        values = initializers.get(initializer or known.get("initializer", "glorot_uniform"))(shape, self.dtype)
        parameter = Parameter(f"{self.name}/{name}", values, trainable, self.backend)
        parameter.regularizer = known.get("regularizer") if regularizer is None else regularizers.get(regularizer)
        parameter.constraint = known.get("constraint") if constraint is None else constraints.get(constraint)
        for option in (parameter.regularizer, parameter.constraint):
            if option is not None:
                option.check(parameter.name, on_host(parameter.value, self.backend))
        if not trainable:
            parameter.show_as(dtype)
        self.parameters.append(parameter)
        return parameter

    def ensure_built(self, input_shape: Any) -> None:
        if self.built:
            return
        if is_open(input_shape):
            self._build_open(input_shape)
        else:
            self.build(input_shape)
        self.find_variables()
        self.built, self.built_for = True, input_shape

    def _build_open(self, input_shape: Any) -> None:
        with told_as_open():
            self.build(closed(input_shape))
        if any(depends(p.shape) for p in self.parameters):
            self.unbuild()
            raise ValueError(
                f"Layer {self.name!r}: its weights depend on an axis whose size is not known. Received: an input of shape {input_shape}."
            )

    def unbuild(self) -> None:
        """Forget the parameters: the next input builds the layer anew."""
        self.parameters = [p for p in self.parameters if isinstance(p, Variable)]
        self.built, self.kept_plans = False, {}

    def __call__(self, x: Any = None, *others: Any, training: bool | None = None, mask: Any = None, **options: Any) -> Any:
        """The layer applied to arrays of rows, outside any model; or, to symbolic tensors, a call that a model's graph will hold.

        Arrays come back where they came from: NumPy's as NumPy's, those of a device on that device.
        Several inputs come as a list or one by one. `training` given with symbolic tensors holds whatever the model does.
        """
        x, others = cut(self, named_inputs(self, x, others, options) if x is None or options else (x, others))
        if others and isinstance(others[0], bool):
            training, others = others[0], others[1:]
        if training is None and self.trains_alone and not symbolic([x, *others]):
            training = True
        if records(x, *others, *options.values()):
            from gpunn.training.tape_calls import call_layer  # which knows the operations

            return call_layer(self, (x, *others), bool(training), mask, options)
        from gpunn.ops.operation import current  # operations are layers

        if symbolic([x, *others]):
            if self.traced:
                from gpunn.ops.tracing import traced_call

                return traced_call(self, (x, *others), training, options if mask is None else {**options, "mask": mask})
            if mask is not None:
                from gpunn.layers.masked import with_masks  # which is made of layers

                x, *others = with_masks((x, *others), mask)  # type: ignore[assignment]
            return self.connect((x, *others), training, options)
        if self.traced and current() is None:
            from gpunn.ops.forms import call_formed, formed

            named = options if mask is None else {**options, "mask": mask}
            if others or named or formed(self, (x,), options):
                return call_formed(self, (x, *others), bool(training), named)
        given = [x, *others] if others else x
        many = isinstance(given, (list, tuple)) and bool(given) and all(hasattr(v, "shape") for v in given)
        parts = list(given) if many else [given]
        there = [self.backend.adopt(v, "x") for v in parts]  # arrays that are on a device stay there
        dtype = computed_in(self, parts)
        arrays = [self.backend.asarray(np.asarray(v) if a is None else a, dtype) for v, a in zip(parts, there, strict=True)]
        shapes: list[Shape] = [(None, *a.shape[1:]) for a in arrays]
        self.ensure_built(shapes if many else shapes[0])
        if current() is not None and (self.traced or self.weights or any(isinstance(v, Parameter) for v in parts)):
            from gpunn.ops.tracing import in_graph

            inputs = in_graph(parts, self.dtype)
            return self(*inputs if others or not many else (inputs,), training=training, mask=mask, **options)
        if self.takes_mask:
            options["mask"] = masks_on(self.backend, mask, dtype)
        kinds = [kind_of(v, self.dtype) for v in parts]
        with drawing_alone(self), self.backend.here():
            out, said = called(self, arrays if many else arrays[0], bool(training), options, kinds)
        return dressed(as_said(host(out, self.backend) if all(here is None for here in there) else self.backend.hand_out(out), said))

    def get_config(self) -> dict[str, Any]:
        common: dict[str, Any] = {"name": self.name, "trainable": self.trainable, "dtype": self.compute_dtype}
        if self.given_shape is not None:
            common["input_shape"] = self.given_shape
        if self.activity_regularizer is not None:
            common["activity_regularizer"] = regularizers.serialize(self.activity_regularizer)
        for name, options in self._options.items():
            common |= {f"{name}_{kind}": module.serialize(options[kind]) for kind, module in _KINDS if kind in options}
        return common | self.config()

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Layer":
        if not (cls.traced and cls.get_config is Layer.get_config):
            return cls(**config)
        layer = cls(**own_arguments.taken(cls, config))  # a constructor of the user's may leave out what is common to all
        layer.name = config.get("name", layer.name)
        if (trainable := config.get("trainable", layer.trainable)) != layer.trainable:  # to set it sets that of layers within
            layer.trainable = trainable
        return layer

    _name = property(lambda self: self.name, lambda self, name: setattr(self, "name", name))  # by which Keras 2 let layers be renamed

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"


def alias(value: Any, old: Any, name: str, old_name: str) -> Any:
    """An argument under its old spelling, with a warning."""
    if old is None:
        return value
    warnings.warn(f"{old_name} is an old spelling of {name}.", DeprecationWarning, stacklevel=3)
    return old


def positive(name: str, value: Any, layer: str) -> int:
    """`value` as an int. Raises ValueError naming the argument."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value <= 0:
        raise ValueError(f"Layer {layer!r}: {name} must be a positive integer. Received: {name}={value!r}.")
    return int(value)
