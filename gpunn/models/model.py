"""What every model is: layers in a graph, their parameters packed flat, a random state, weights in and out, a summary."""

import inspect
from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np

from gpunn import config, random
from gpunn.backend import get_backend
from gpunn.layers.base import Layer, Parameter, Rng
from gpunn.layers.by_name import named_input
from gpunn.layers.dropout import Drawing
from gpunn.layers.graph import Node, symbolic
from gpunn.layers.names import fresh_name
from gpunn.layers.tensor import records
from gpunn.lookup import snake
from gpunn.models import calls, own_classes
from gpunn.models.graph import Graph
from gpunn.models.kept import Kept
from gpunn.models.own_weights import AddsWeights
from gpunn.models.storage import Storage
from gpunn.ops.operation import current
from gpunn.ops.tracing import in_graph
from gpunn.printed import printed, show
from gpunn.results import dressed
from gpunn.training.old_calls import OldCalls
from gpunn.training.tape_calls import call_model
from gpunn.training.trainer import Trainer

APART = 0x5CA1AB1E  # in the seed of numbers drawn outside of training


class Model(Graph, Trainer, OldCalls, Kept, AddsWeights, Layer):
    """A model: ``Model(inputs=..., outputs=...)``, of symbolic tensors, each alone or in a list or a dict, or a class of the user's.

    A class of the user's makes its layers in ``__init__``, as attributes, and gives ``call(self, x)`` or ``call(self, x, training)``, which
    calls them: on symbolic tensors, once for training and once for anything else, when the inputs' shapes are known. Layers that several
    models hold share their weights. A model may be called like a layer, and be part of another. `save` writes such a class whole where its
    constructor's arguments are plain values, or it gives ``get_config()``; ``load_model(path, {"Name": TheClass})`` reads it. It may train
    in its own way: see `train_step`.

    Attributes: ``layers``; ``leaves``, with those of models within; ``parameters`` (all, in layer order); ``inputs``, ``outputs``,
    ``input_names``, ``output_names``; ``backend``; ``built``; ``rng`` and ``epochs_seen``, the random state; ``storage``, the flat vectors.
    """

    _given: tuple[tuple[Any, ...], dict[str, Any]] = ((), {})  # what the constructor was given

    def __new__(cls, *arguments: Any, **named: Any) -> Any:
        if cls is Model and (arguments or "inputs" in named or "outputs" in named):
            from gpunn.models.functional import Functional

            return object.__new__(Functional)
        model = object.__new__(cls)
        model._given = (arguments, named)
        return model

    def __init_subclass__(cls, **options: Any):
        super().__init_subclass__(**options)
        if "build" in vars(cls) and not cls.__module__.startswith("gpunn."):
            cls.build = own_classes.with_the_graph(cls, cls.build)  # type: ignore[method-assign]

    def __init__(self, inputs: Any = None, outputs: Any = None, name: str | None = None, trainable: bool = True):
        self.name = name or fresh_name(snake(type(self).__name__))
        self.backend = get_backend()
        self.dtype = config.floatx()
        self.built = False
        self.inbound_nodes: list[Node] = []
        self.rng = Rng(self.backend, random.current_seed())
        self.draws = Rng(self.backend, self.rng.seed ^ APART)  # of predictions and calls outside of training, counted by themselves
        self.epochs_seen = 0
        self.stop_training = False
        self.storage: Storage | None = None
        self.given_shape = self.activity_regularizer = None
        self._trainable = bool(trainable)
        self._programs: dict[Any, Any] = {}
        self._plans: dict[Any, Any] = {}
        self.kept_plans = {}
        if inputs is not None or outputs is not None:
            self.connect_graph(inputs, outputs)

    # ------------------------------------------------------------------ parameters
    @property
    def leaves(self) -> list[Layer]:
        """The layers, with those of models within in place of these, each once."""
        return list(dict.fromkeys(chain.from_iterable([layer.leaves for layer in self.layers])))

    @property
    def parameters(self) -> list[Parameter]:  # type: ignore[override]
        return self.weights

    losses, weight_losses = Layer.losses, Layer.weight_losses  # which `Trainer` asks for

    @property
    def trainable(self) -> bool:
        """Whether the model's weights learn; setting it sets every layer's."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)
        for layer in self.layers:
            layer.trainable = self._trainable

    @property
    def recordable(self) -> bool:  # type: ignore[override]
        """Whether every layer's step can be recorded; a user's own layer says so itself (``recordable = True`` in its class)."""
        return self.inference_plan().recordable

    def pack(self) -> None:
        """Lay the parameters out flat; those of layers with ``trainable=False`` rest."""
        for layer in self.leaves:
            self.adopt(layer)
        self.set_flags()
        self._tell_apart()
        if self.storage is None or not self.storage.fits(self.parameters):
            self.storage = Storage(self.backend, self.parameters, self.dtype)
        self._programs.clear()

    def set_flags(self) -> tuple[bool, ...]:
        """Parameters rest or learn as their layers say. -> what the layers say."""
        for layer in self.leaves:
            for p in layer.parameters:
                p.frozen = layer.rests(p)
        return tuple(flag for layer in self.leaves for flag in (layer.trainable, *(p.frozen for p in layer.parameters)))

    def _tell_apart(self) -> None:
        """Parameters of layers that have one name, in different models within, get names of their own; those within a layer its name."""
        for layer in self.leaves:
            layer.name_within()
        seen: set[str] = set()
        for p in self.parameters:
            name, n = p.name, 0
            while p.name in seen:
                n += 1
                p.name = f"{name}_{n}"
            seen.add(p.name)

    def to(self, device: Any) -> "Model":
        """Move the model, its optimizer's state and its random state to "cpu", "gpu" or "sim"; training goes on there where it was.

        Raises `GpuUnavailable` for a GPU that cannot be used, `DeviceMemoryError` for one that is full; the model then stays where it is.
        """
        ops = get_backend(device)
        if ops is not self.backend:
            self.settle(ops)
        return self

    def settle(self, ops: Any) -> None:
        """All that the model, its optimizer and its random state keep, in new arrays of a backend (perhaps its own). Raises what allocating
        raises; the model then stays where it is."""
        before = self.backend
        optimizer = self._setup.optimizer if self._setup else None
        states = [self.rng, self.draws]
        owned = [self, *states, *self.inner_models, *self.leaves, *self.parameters, *([] if optimizer is None else [optimizer])]
        kept = [dict(vars(o)) for o in owned]
        try:
            self.backend = ops
            for rng in states:
                rng.step = ops.asarray(before.to_numpy(rng.step))
            for layer in (*self.inner_models, *self.leaves):
                layer.backend = ops
            for p in self.parameters:
                p.value, p.gradient, p.backend = ops.asarray(before.to_numpy(p.value)), None, ops
            self.storage, self._programs, self._plans = None, {}, {}
            if optimizer is not None:
                optimizer.move(ops)
            if self.built:
                if self._setup is not None:
                    self._arrange()
                else:
                    self.pack()
        except BaseException:
            for o, attributes in zip(owned, kept, strict=True):
                vars(o).clear()
                vars(o).update(attributes)
            raise

    @property
    def inner_models(self) -> list["Model"]:
        """Models within, at any depth."""
        inner = [layer for one in self.layers for layer in (one, *one.sublayers) if isinstance(layer, Model)]
        return [*inner, *(m for layer in inner for m in layer.inner_models)]

    def storage_fits(self) -> bool:
        """Whether what was recorded still holds: the same parameters learn, and no other model has taken a layer of this one."""
        if self.storage is None:
            return False
        return self.storage.fits(self.parameters) and all(p.frozen == layer.rests(p) for layer in self.leaves for p in layer.parameters)

    def adopt(self, layer: Layer) -> None:
        """Give a layer this model's backend and random state. A layer shared with another model follows the one that uses it."""
        layer.backend, layer.rng = self.backend, self.rng
        if isinstance(layer, Drawing):
            drawing = [other for other in self.leaves if isinstance(other, Drawing)]
            layer.stream = Drawing.first_stream + drawing.index(layer)

    def lend(self, rng: Rng | None = None) -> None:
        """Before a step runs or is recorded: every layer draws from this random state, or from the model's."""
        backend, rng = self.backend, rng or self.rng
        for layer in self.leaves:
            if layer.rng is not rng or layer.backend is not backend:
                layer.backend, layer.rng = backend, rng

    def get_weights(self) -> list[np.ndarray]:
        """All weights, layer by layer, as NumPy arrays."""
        self._need_built("get_weights")
        return [p.numpy() for p in self.parameters]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Replace all weights. Raises ValueError, and changes nothing, when the number or a shape differs."""
        self._need_built("set_weights")
        parameters = self.parameters
        if len(weights) != len(parameters):
            raise ValueError(f"Model {self.name!r}: expected {len(parameters)} weights. Received: {len(weights)}.")
        for p, w in zip(parameters, weights, strict=True):
            if np.shape(w) != p.shape:
                raise ValueError(f"Model {self.name!r}: weight {p.name} has shape {p.shape}. Received: {np.shape(w)}.")
        for p, w in zip(parameters, weights, strict=True):
            p.assign(w)

    def count_params(self) -> int:
        """How many numbers all weights hold."""
        self._need_built("count_params")
        return super().count_params()

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """A layer by name or index. Raises ValueError listing the names."""
        if index is not None:
            if not -len(self.layers) <= index < len(self.layers):
                raise ValueError(f"Model {self.name!r} has {len(self.layers)} layers. Received: index={index}.")
            return self.layers[index]
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise ValueError(f"No such layer: {name!r}. Existing layers are: {', '.join(layer.name for layer in self.layers)}.")

    def _need_built(self, what: str) -> None:
        if not self.built:
            raise ValueError(f"Model {self.name!r} is not built: call build(), fit() or give an Input before `{what}()`.")

    # ------------------------------------------------------------------ saying what it is
    def summary(
        self, line_length: int | None = None, positions: Any = None, print_fn: Any = None, expand_nested: bool = False,
        show_trainable: bool = False, layer_range: Any = None,
    ) -> None:
        """Print a table of the layers: output shape, parameters, what they are connected to, totals; with `expand_nested` those of models
        within; with `show_trainable` whether they learn; of `layer_range`, the names of two layers, those from the one to the other.
        `positions` of the columns are the table's own. Raises ValueError for a layer that is not there."""
        from gpunn.models.describe import summary

        (print_fn or show)(summary(self, line_length, expand_nested, show_trainable, layer_range))

    def explain(self, batch_size: int = 32, print_fn: Any = None) -> str:
        """What runs in a train step: what was fused, which kernel each node runs, and why a step is not recorded. Printed and returned."""
        from gpunn.models.describe import explain

        return printed(explain(self, batch_size), print_fn)

    def get_config(self) -> dict[str, Any]:
        """The architecture: of a class of the user's the constructor's arguments, of which ``from_config(config)`` makes the model again.

        A class's own get_config may begin with this one's, which is then name and trainable. Raises NotImplementedError where the arguments
        are not plain values and the class gives no get_config.
        """
        if type(self).get_config is not Model.get_config:
            return {"name": self.name, "trainable": self.trainable}
        return own_classes.given(self)

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
        """A fresh model of what `get_config` said; `custom_objects` holds classes and functions of the user's by name."""
        if cls is Model and {"layers", "input_layers", "output_layers"} <= set(config):
            from gpunn.models.functional import Functional

            return Functional.from_config(config, custom_objects)
        known = inspect.signature(cls.__init__).parameters
        more = any(p.kind is p.VAR_KEYWORD for p in known.values())
        return cls(**{k: v for k, v in config.items() if k in known or (more and k != "dtype")})

    def __call__(self, x: Any = None, *others: Any, training: bool | None = None, mask: Any = None, **options: Any) -> Any:
        """The outputs for these rows, in one batch; with `training`, dropout and batch normalization act as in a train step; with None
        layers that change images do. On symbolic tensors, a call in another model's graph."""
        if others and isinstance(others[0], bool):
            training, others = others[0], others[1:]
        x = named_input(self, options) if x is None else x
        if (others or options) and not self.is_graph:
            return calls.with_more(self, x, others, training, mask, options)
        x = calls.inputs_of_graph(self, x, others, options)
        if records(x):
            return call_model(self, (x,), bool(training))
        if symbolic([x]):
            return self.connect((x,), training, {})
        if current() is not None:  # within a call that is being traced: arrays and weights are part of its graph
            return self(*in_graph([x], self.dtype), training=training)
        if not training and (training is not None or not any(leaf.trains_alone for leaf in self.leaves)) and not calls.adds_losses(self):
            found = self.outputs_of(x, "call")
            if not calls.adds_losses(self):  # known now that it has run
                return dressed(found)
        return calls.run(self, x, training)
