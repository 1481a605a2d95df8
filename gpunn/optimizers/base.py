"""Optimizer: the arguments all optimizers have. What they keep stands in `state`, how a step is recorded in `recording`.

All forms, arguments and defaults are Keras 3's.
"""

import weakref
from collections.abc import Callable, Sequence
from typing import Any, TypedDict

from gpunn.kernels.record import REGISTRY, Kernel
from gpunn.optimizers import applying, own_step, recording
from gpunn.optimizers.checks import number, positive, share, whole
from gpunn.optimizers.decay import Exclusion
from gpunn.optimizers.rate import Count, Rate, schedule_of, value_of
from gpunn.optimizers.schedules import deserialize, serialize
from gpunn.optimizers.state import State
from gpunn.optimizers.stateless import Stateless


class NotDecay(TypedDict, total=False):
    """The arguments of every optimizer but weight_decay; see `Optimizer`."""

    clipnorm: float | None
    clipvalue: float | None
    global_clipnorm: float | None
    use_ema: bool
    ema_momentum: float
    ema_overwrite_frequency: int | None
    loss_scale_factor: float | None
    gradient_accumulation_steps: int | None
    name: str | None
    decay: float
    lr: Any


class Common(NotDecay, total=False):
    """The arguments of every optimizer; see `Optimizer`."""

    weight_decay: float | None


class Optimizer(own_step.ByVariable, Stateless, State):
    """Base class.

    Arguments of every optimizer, all but the first by name:
        learning_rate: a number; a schedule (`gpunn.optimizers.schedules`); or a function of no argument or of the step number, from 0.
        weight_decay: each step w -= learning_rate * weight_decay * w, before the update; see `exclude_from_weight_decay`.
        clipnorm, global_clipnorm, clipvalue: the largest norm of each parameter's gradient, of the whole gradient, or the largest size of
            an element; one of them at most.
        use_ema, ema_momentum, ema_overwrite_frequency: average the weights, a = ema_momentum * a + (1 - ema_momentum) * w; the model gets
            them every so many updates, and at the end of `fit`.
        loss_scale_factor: the loss is multiplied by it before gradients are worked out, and gradients are divided by it.
        gradient_accumulation_steps: update with the mean gradient of so many batches.
        name: by default the class's.
        decay: Keras 2's: the rate is divided by 1 + decay * updates so far. lr: an old spelling of learning_rate.

    ``learning_rate`` may be read and set at any time; it and all counters live on the device once a model uses the optimizer. An optimizer
    belongs to the first model that is compiled with it. Raises ValueError for a rate that is negative or not a number, numbers out of
    range, and arguments that contradict each other; TypeError for unknown ones.

    A subclass may give ``update_step(gradient, variable, learning_rate)``, as in Keras: what it does there (operators, `gpunn.ops`,
    ``self.assign``, ``assign_add``, ``assign_sub``) is traced once for each variable, and recorded. Its ``build(variables)`` asks for what
    is kept beside them: `add_optimizer_variables`. ``learning_rate`` and ``iterations`` are then tensors, too.

    Or it gives ``slots``, names of vectors as long as the parameters; ``kernel``, an elementwise kernel of the parameter ``p``, the
    gradient ``g``, the scalar ``rate`` if it likes, and operands of its own; and `operands`. See the optimizers here for examples.
    """

    whole_data = False  # whether every step goes through all rows
    default_batch = 32  # rows, where `fit` is told no number

    def __init__(
        self, learning_rate: Any, weight_decay: float | None = None, clipnorm: float | None = None, clipvalue: float | None = None,
        global_clipnorm: float | None = None, use_ema: bool = False, ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None, loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None, name: str | None = None, decay: float = 0.0, lr: Any = None, **unknown: Any,
    ):
        super().__init__()
        kind = type(self).__name__
        if unknown:
            common = ", ".join(sorted(Common.__annotations__))
            raise TypeError(f"{kind} got unknown arguments: {', '.join(sorted(unknown))}. Every optimizer takes: learning_rate, {common}.")
        given = {"clipnorm": clipnorm, "clipvalue": clipvalue, "global_clipnorm": global_clipnorm}
        clips = {k: v for k, v in given.items() if v is not None}
        if len(clips) > 1:
            raise ValueError(f"{kind}: only one of clipnorm, clipvalue and global_clipnorm can be set. Received: {_listed(clips)}.")
        self.name = name or kind.lower()
        self.weight_decay = None if weight_decay is None else number("weight_decay", weight_decay, kind)
        self.clipnorm, self.clipvalue, self.global_clipnorm = (None if v is None else number(k, v, kind) for k, v in given.items())
        self.use_ema, self.ema_momentum = bool(use_ema), share("ema_momentum", ema_momentum, kind, closed=True)
        self.ema_overwrite_frequency = ema_overwrite_frequency and whole("ema_overwrite_frequency", ema_overwrite_frequency, kind)
        self.loss_scale_factor = None if loss_scale_factor is None else positive("loss_scale_factor", loss_scale_factor, kind)
        steps = gradient_accumulation_steps
        self.gradient_accumulation_steps = steps and whole("gradient_accumulation_steps", steps, kind, 2)
        self._rate = Rate(learning_rate if lr is None else lr, decay, kind)
        self.exclusion = Exclusion()
        self._owner: Any = None
        self._own: Any = None  # what an `update_step` needs
        self.built = False
        self.own_variables: Any = None  # those of a training loop, where no model is compiled with it

    # ------------------------------------------------------------------ the rate
    @property
    def learning_rate(self) -> float:
        """The rate as it was set, or the schedule's for the next step (a read from the device). See also `current_learning_rate`.

        A float that has Keras's ``numpy()`` and ``assign(value)`` too.
        """
        if self._own is not None and self._own.rate is not None:
            return self._own.rate  # a tensor, in an `update_step`
        return value_of(self, self._rate.now(self))

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        schedule = schedule_of(value, type(self).__name__)
        self._rate.set(value if schedule is None else schedule, self)

    lr = learning_rate

    @property
    def current_learning_rate(self) -> float:
        """The rate of the next step: with `decay=`, what has become of it by now."""
        return self._rate.now(self, decayed=True)

    @property
    def schedule(self) -> Any:
        """What drives the rate: a `LearningRateSchedule`, or None where it is a number."""
        return self._rate.schedule

    @property
    def rate(self) -> Any:
        """The learning rate of the step that runs, a scalar of the device; 0 in a step that only accumulates."""
        return self.scalar("applied" if self.gradient_accumulation_steps else self._rate.place)

    @property
    def form(self) -> int:
        """Changes when steps that were recorded no longer hold."""
        return self._rate.form

    @property
    def steps(self) -> int:
        """Batches seen so far (a read from the device)."""
        return 0 if self.step is None else int(self._ops.to_numpy(self.step)[0])

    @property
    def iterations(self) -> Count:
        """Updates so far (a read from the device): steps, or fewer where gradients are accumulated."""
        if self._own is not None and self._own.updates is not None:
            return self._own.updates  # as above
        count = Count(self.steps // (self.gradient_accumulation_steps or 1))
        count.optimizer = self
        return count

    def scale_loss(self, loss: Any) -> Any:
        """The loss times ``loss_scale_factor``."""
        return loss if self.loss_scale_factor is None else loss * self.loss_scale_factor

    def get_scaled_loss(self, loss: Any) -> Any:
        """`scale_loss`, in the words of TensorFlow's LossScaleOptimizer."""
        return self.scale_loss(loss)

    def get_unscaled_gradients(self, grads: Any) -> Any:
        """The gradients as they are: `apply` divides them."""
        return grads

    # ------------------------------------------------------------------ weight decay
    def exclude_from_weight_decay(self, var_list: Sequence[Any] | None = None, var_names: Sequence[str] | None = None) -> None:
        """No weight decay for these parameters, nor for those in whose name (``kernel``, ``bias``, ...) one of these patterns is found.

        Raises ValueError once a model is compiled with the optimizer.
        """
        if self._places:
            raise ValueError(f"{type(self).__name__}: exclude_from_weight_decay must be called before the model is compiled and built.")
        self.exclusion = Exclusion([p.name for p in var_list or ()], list(var_names or ()))

    # ------------------------------------------------------------------ configuration
    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments. A subclass adds its own."""
        rate = self.schedule
        config = {
            "name": self.name, "learning_rate": self._rate.value if rate is None else serialize(rate), "weight_decay": self.weight_decay,
            "clipnorm": self.clipnorm, "global_clipnorm": self.global_clipnorm, "clipvalue": self.clipvalue, "use_ema": self.use_ema,
            "ema_momentum": self.ema_momentum, "ema_overwrite_frequency": self.ema_overwrite_frequency,
            "loss_scale_factor": self.loss_scale_factor, "gradient_accumulation_steps": self.gradient_accumulation_steps,
        }
        return config | ({"decay": self._rate.decay} if self._rate.decay else {})

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> "Optimizer":
        """An optimizer of this configuration, without any state."""
        rate = config.get("learning_rate")
        return cls(**config | ({"learning_rate": deserialize(rate, custom_objects)} if isinstance(rate, dict) else {}))

    # ------------------------------------------------------------------ for a subclass
    @property
    def kernel(self) -> Kernel:
        """The update formula."""
        raise NotImplementedError(f"{type(self).__name__} gives no kernel.")

    def operands(self, step: "recording.Step") -> dict[str, Any]:
        """What the kernel takes beside p, g and rate. It may launch what the step needs on scalars."""
        return {}

    def update(self, step: "recording.Step") -> None:
        """Record the update: one launch of `kernel`, with the options around it. For those that take more than one."""
        if own_step.gives(self):
            own_step.update(self, step)
        else:
            step.launch(self.kernel, self.operands(step))

    # ------------------------------------------------------------------ what goes with every update
    def weight_decays(self) -> float | Callable[[str, tuple[int, ...]], float]:
        """The weight decay of all parameters, or of each by its name and shape."""
        decay = self.weight_decay or 0.0
        return decay if not decay or not self.exclusion else lambda name, shape: 0.0 if name in self.exclusion else decay

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Of one that a model or a loop uses a new one, as it was made: moments and steps are in the model's own pickle."""
        return super().__reduce_ex__(protocol) if self._owner is None else (optimizer_again, (type(self), self.get_config()))

    def claim(self, model: Any) -> None:
        """Say that `model` uses this optimizer. Raises ValueError when another one does: its moments and step count are not for sharing."""
        owner = None if self._owner is None else self._owner()
        if self._owner is not None and owner is not model:
            name = "another model" if owner is None else f"model {owner.name!r}"
            raise ValueError(f"Optimizer {self.name!r} belongs to {name} already. Expected a new one for model {model.name!r}.")
        self._owner = weakref.ref(model)

    # ------------------------------------------------------------------ by gradients of one's own
    def apply(self, grads: Sequence[Any], trainable_variables: Sequence[Any] | None = None) -> None:
        """One update of exactly these variables by these gradients (tensors or arrays, None for a variable that stays as it is), and of
        their constraints; without variables, of all that the optimizer knows: those of its first update, or the weights that learn of the
        model that was compiled with it.

        Raises ValueError for variables it does not know, gradients of other shapes, and where all are None.
        """
        if trainable_variables is None:
            if self.own_variables is None:
                raise ValueError(f"Optimizer {self.name!r}: expected variables at the first call of apply. Received: None.")
            trainable_variables = list(self.own_variables.known.values())
        applying.apply(self, grads, trainable_variables)

    def apply_gradients(self, grads_and_vars: Any, name: str | None = None, **unused: Any) -> None:
        """`apply`, of pairs: ``apply_gradients(zip(gradients, variables))``."""
        pairs = list(grads_and_vars)
        applying.apply(self, [g for g, _ in pairs], [v for _, v in pairs])

    def build(self, variables: Sequence[Any]) -> None:
        """Make the state for these variables, which `apply` then updates."""
        if self._own is None or not self._own.asking:
            applying.build(self, variables)

    # ------------------------------------------------------------------ for the train step
    def bind(self, ops: Any, storage: Any) -> None:
        if own_step.gives(self):
            own_step.prepare(self, storage)
        super().bind(ops, storage)

    def initial(self, slot: str) -> float:
        return 0.0 if self._own is None else self._own.starts.get(slot, 0.0)

    def record(self, ops: Any, parameters: Any, gradients: Any) -> None:
        """Launch the update of the flat vectors, and count the step."""
        recording.record(self, ops, parameters, gradients)

    def portions(self, steps: int) -> Any:
        """Numbers of steps to run one after another; before each, what only the host knows about them is made ready."""
        return self._rate.portions(self, steps)

    def finish(self, values: Any) -> None:
        """The end of a `fit`: the model gets its averaged weights, where they are averaged."""
        if self.use_ema:
            self._ops.launch(REGISTRY["linear"], self.state["average"], values)


def _listed(arguments: dict[str, Any]) -> str:
    return ", ".join(f"{k}={v!r}" for k, v in arguments.items())


__all__ = ["Common", "NotDecay", "Optimizer"]


def optimizer_again(kind: Any, config: dict[str, Any]) -> Optimizer:
    """What a pickle of an optimizer in use calls."""
    found: Optimizer = kind.from_config(config)
    return found
