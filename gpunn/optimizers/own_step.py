"""Optimizers of the user's as Keras 3 has them: ``build(variables)`` makes what is kept, ``update_step(gradient, variable, learning_rate)``
says the update in operations. It is traced once for each variable, and recorded with the step."""

import inspect
from collections.abc import Sequence
from typing import Any

from gpunn import initializers
from gpunn.kernels import optimizers as formulas
from gpunn.kernels.record import REGISTRY
from gpunn.layers.base import Layer
from gpunn.layers.parameter import Parameter
from gpunn.ops import reshape
from gpunn.ops.tracing import run_call


class View(Parameter):
    """A parameter, or what is kept for one, as a part of a flat vector: where it lies says its owner, each time anew."""

    def __init__(self, optimizer: Any, variable: str, slot: str | None):
        self.optimizer, self.variable, self.slot, self.shape = optimizer, variable, slot, optimizer._own.places[variable][1]
        self.name = variable if slot is None else f"{variable}/{slot}"
        self.trainable, self.frozen, self.version = False, False, 0
        self.regularizer = self.constraint = self.home = self.gradient = None

    @property
    def backend(self) -> Any:  # type: ignore[override]
        return self.optimizer._ops

    @property
    def dtype(self) -> str:
        name: str = self.optimizer._own.dtype
        return name

    @property
    def value(self) -> Any:
        own = self.optimizer._own
        vector = own.parameters if self.slot is None else self.optimizer.state[self.slot]
        return own.views(vector)[self.variable]


class Update(Layer):
    """The update of one variable: `call` on its gradient, the rate and the number of updates before."""

    recordable = True

    def __init__(self, optimizer: Any, variable: View):
        super().__init__(dtype=variable.dtype)
        self.optimizer, self.variable = optimizer, variable

    def call(self, gradient: Any, rate: Any, updates: Any) -> Any:  # type: ignore[override]
        optimizer, own = self.optimizer, self.optimizer._own
        own.rate, own.updates, before = reshape(rate, ()), reshape(updates, ()), dict(vars(optimizer))
        try:
            given = (gradient, self.variable, own.rate)
            optimizer.update_step(*given[: own.takes])
        finally:
            own.rate = own.updates = None
        if changed := [name for name, value in vars(optimizer).items() if before.get(name) is not value]:
            raise ValueError(
                f"Optimizer {optimizer.name!r}: update_step sets self.{changed[0]}, but runs once for each variable, not in every step. "
                "Expected what changes from step to step in self.iterations, self.learning_rate, or arrays of add_optimizer_variables."
            )
        return rate


class Own:
    """What an optimizer with an `update_step` has beside it: where its variables lie, and an `Update` of each. ``rate`` and ``updates``
    are there while a step is traced; ``starts``, what slots start with; ``seen``, the numbers and words among the optimizer's attributes
    when its updates were traced."""

    rate: Any = None
    updates: Any = None
    parameters: Any = None  # the flat vector
    steps: list[Update]
    asking = False  # whether `build` is being called

    def __init__(self, optimizer: Any, storage: Any):
        self.split, self.places, self.dtype = storage.split, dict(storage.places), storage.values.dtype.name
        self.takes = len(inspect.signature(optimizer.update_step).parameters)  # TensorFlow's take no learning rate
        self.starts: dict[str, float] = {}
        self.seen: dict[str, Any] = {}

    def views(self, vector: Any) -> dict[str, Any]:
        views: dict[str, Any] = self.split(vector, self.places)
        return views


def gives(optimizer: Any) -> bool:
    return hasattr(type(optimizer), "update_step")


def variable_name(optimizer: Any, reference: Any) -> str:
    """The name of one of the optimizer's variables, for what is kept beside it. Raises ValueError for another one."""
    if isinstance(reference, View):
        return reference.variable
    known = {} if optimizer.own_variables is None else optimizer.own_variables.known
    name = next((n for n, p in known.items() if p is reference), getattr(reference, "name", None))
    if name not in optimizer._own.places:
        raise ValueError(
            f"Optimizer {optimizer.name!r}: expected one of the variables that build was given. Received: {reference!r}."
        )
    return str(name)


def prepare(optimizer: Any, storage: Any) -> None:
    """Let the optimizer's `build` say what it keeps for these variables; nothing where it has said so."""
    if optimizer._own is not None and optimizer._own.places == storage.places:
        return
    own = optimizer._own = Own(optimizer, storage)
    variables = [View(optimizer, name, None) for name in own.places]
    own.steps = [Update(optimizer, variable) for variable in variables]
    optimizer.built, own.asking = False, True
    try:
        optimizer.build(variables)
    finally:
        own.asking = False
    optimizer.built = True


def kept_beside(optimizer: Any, reference: Any, name: str, initializer: Any = "zeros") -> View:
    """A slot's part for one variable; the first of a name makes the slot. Raises ValueError for a start that is not one number."""
    variable = variable_name(optimizer, reference)
    start = initializers.get(initializer)
    if not isinstance(start, (initializers.Zeros, initializers.Ones, initializers.Constant)):
        raise ValueError(f"Optimizer {optimizer.name!r}: {name} starts as zeros, ones or a constant. Received: {initializer!r}.")
    optimizer._own.starts[name] = float(start(())[()])
    if name not in optimizer.slots:
        optimizer.slots = (*optimizer.slots, name)
    return View(optimizer, variable, name)


def update(optimizer: Any, step: Any) -> None:
    """Record one update by `update_step`, with the options around it."""
    own, ops = optimizer._own, step.ops
    u, rate, updates = step.vector("own gradient"), *(ops.empty((1,), step.p.dtype) for _ in range(2))
    kept: list[tuple[Any, Any]] = []  # where a step may only accumulate: everything, and what it was
    for vector in (step.p, *(optimizer.state[slot] for slot in optimizer.slots)) if step.gate is not None else ():
        kept.append((vector, ops.empty(vector.shape, vector.dtype)))
        ops.launch(REGISTRY["linear"], *kept[-1])
    step.launch(formulas.gradient_of_own, {"u": u}, end=False)
    ops.launch(formulas.numbers_of_own, step.rate, step.updates, rate, updates)
    own.parameters = step.p
    now = {name: v for name, v in vars(optimizer).items() if isinstance(v, (int, float, str, bool, type(None)))}
    for one in own.steps:
        if own.seen != now or one.backend is not ops:
            one.backend = ops
            one.kept_plans.clear()
    own.seen = now
    gradients = own.views(u)
    for one in own.steps:
        run_call(one, [gradients[one.variable.variable], rate, updates], True, {}, apart=True)
    for vector, before in kept:
        ops.launch(formulas.kept_between, vector, before, step.gate)
    if optimizer.use_ema:
        step.launch(formulas.weights_of_own, {}, begin=False)


def made(optimizer: Any, references: Sequence[Any], name: str | Sequence[str], initializer: Any) -> Any:
    """For `add_optimizer_variables`: a list beside each of the references, or for several names such lists."""
    if isinstance(name, str):
        return [kept_beside(optimizer, r, name, initializer) for r in references]
    starts = initializer if isinstance(initializer, (list, tuple)) else [initializer] * len(name)
    return tuple(made(optimizer, references, one, start) for one, start in zip(name, starts, strict=True))


class ByVariable:
    """What an optimizer that gives `update_step` may call; see `Optimizer`."""

    slots: tuple[str, ...]
    _own: Any

    def add_optimizer_variables(self, trainable_variables: Sequence[Any], name: Any, initializer: Any = "zeros") -> Any:
        """In `build`: an array beside each variable, of its shape; a list of them, or for several names such lists. `initializer`: zeros,
        ones or a constant, or one for each name. Raises ValueError for other initializers and variables."""
        return made(self, trainable_variables, name, initializer)

    def add_variable_from_reference(
        self, reference_variable: Any = None, name: str = "var", initializer: Any = "zeros", model_variable: Any = None,
        variable_name: str | None = None,
    ) -> Any:
        """The same for one variable; `model_variable` and `variable_name` are TensorFlow's words."""
        reference = model_variable if reference_variable is None else reference_variable
        return kept_beside(self, reference, variable_name or name, initializer)

    def assign(self, variable: Any, value: Any) -> None:
        variable.assign(value)

    def assign_add(self, variable: Any, value: Any) -> None:
        variable.assign_add(value)

    def assign_sub(self, variable: Any, value: Any) -> None:
        variable.assign_sub(value)

    def _get_variable_index(self, variable: Any) -> int:
        """The place of a variable among those that `build` was given: Keras's word."""
        return list(self._own.places).index(variable_name(self, variable))
