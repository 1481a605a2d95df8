"""Monitor: what callbacks have in common that watch one entry of the logs."""

import math
from typing import Any

from gpunn.callbacks.base import Callback
from gpunn.logs import Logs
from gpunn.printed import warn

MODES = ("auto", "min", "max")


class Monitor(Callback):
    """Watches one entry of the logs, and knows what an improvement is: better than the best so far by more than `min_delta`.

    With mode "auto" the loss and errors improve by falling, accuracies and the like by rising, as the model's metrics say. ``acc`` and
    ``accuracy`` name the same entry, likewise ``lr`` and ``learning_rate``. A monitor that is not in the logs is a warning, once a `fit`.

    Raises ValueError for an unknown mode and, when `fit` begins, where "auto" cannot tell the direction.
    """

    def __init__(self, monitor: str, mode: str, min_delta: float = 0.0, best: float | None = None):
        super().__init__()
        name = type(self).__name__
        if not isinstance(monitor, str):
            raise ValueError(f"{name}: monitor must be the name of an entry of the logs, like 'val_loss'. Received: monitor={monitor!r}.")
        if mode not in MODES:
            raise ValueError(f"{name}: mode must be one of {', '.join(MODES)}. Received: mode={mode!r}.")
        self.monitor, self.mode, self.best = monitor, mode, best
        self.min_delta = abs(number("min_delta", min_delta, name))
        self._rising: bool | None = {"min": False, "max": True}.get(mode)
        self._warned = False

    def on_train_begin(self, logs: Any = None) -> None:
        self._warned = False

    def check(self, model: Any) -> None:
        if self.mode == "auto":
            self._rising = rises(self.monitor, model, type(self).__name__)

    def improved(self, value: float, reference: float | None) -> bool:
        """Whether `value` is better than `reference`, as Keras reckons it; anything is better than None."""
        if reference is None:
            return True
        if self._rising is None:
            self.check(self.model)
        return bool(value - self.min_delta > reference if self._rising else value + self.min_delta < reference)

    def get_monitor_value(self, logs: Any) -> Any:
        """The monitored entry, or None, with a warning, where there is none."""
        return self.value(logs, f"{type(self).__name__} conditioned on metric")

    def value(self, logs: Any, consequence: str) -> Any:
        """The monitored entry, or None with a warning that says the `consequence` and lists what there is. ValueError for an array."""
        logs = logs if isinstance(logs, Logs) else Logs(logs or {})
        found = logs.get(self.monitor)
        if found is None and not self._warned:
            self._warned = True
            warn(f"{consequence} `{self.monitor}` which is not available. Available metrics are: {','.join(logs)}")
        if (shape := getattr(found, "shape", ())) != ():
            raise ValueError(f"{type(self).__name__}: monitor must be a number. Received: {self.monitor!r}, of shape {shape}.")
        return found


def rises(monitor: str, model: Any, where: str) -> bool:
    """Whether more of `monitor` is better. Raises ValueError listing what the model logs where that is not known."""
    name = monitor.removeprefix("val_")
    if name == "loss":
        return False
    setup = getattr(model, "_setup", None)
    names = [] if setup is None else setup.names[1:]
    own = len(names) - (0 if setup is None else len(setup.metrics))  # several outputs have each a loss
    if name in names[:own]:
        return False
    metrics = Logs(zip(names[own:], setup.metrics, strict=True) if setup is not None else {})
    metric = metrics.get(name)
    direction = None if metric is None else better(metric)
    if direction is None:
        logged = ["loss", *metrics]
        raise ValueError(
            f"{where}: with monitor={monitor!r} and mode='auto' it is not known whether more or less is better. Pass mode='min' or "
            f"mode='max', or monitor one of: {', '.join([*logged, *(f'val_{n}' for n in logged)])}."
        )
    return direction == "up"


_UP = (
    "accuracy", "auc", "precision", "recall", "f1", "fbeta", "iou", "r2", "cosine", "pearson", "concordance", "sensitivity", "specificity",
)
_DOWN = ("error", "crossentropy", "hinge", "poisson", "divergence", "cosh", "loss", "huber", "tversky", "dice")


def better(metric: Any) -> str | None:
    """"up", "down", or None where a metric does not say: from its attribute ``direction``, else from its class's name."""
    said = getattr(metric, "direction", None) or getattr(metric, "_direction", None)
    if said is not None:
        return str(said)
    if hasattr(metric, "loss"):  # a loss used as a metric
        return "down"
    kind = type(metric).__name__.lower()
    return "up" if any(word in kind for word in _UP) else "down" if any(word in kind for word in _DOWN) else None


def number(name: str, value: Any, where: str, least: float = -math.inf) -> float:
    """`value` as a float. Raises ValueError, naming argument and callback, for what is no finite number or below `least`."""
    try:
        fits = not isinstance(value, (bool, str)) and math.isfinite(value) and value >= least
    except TypeError:
        fits = False
    if not fits:
        limit = "" if least == -math.inf else f" of at least {least:g}"
        raise ValueError(f"{where}: {name} must be a number{limit}. Received: {name}={value!r}.")
    return float(value)


def whole(name: str, value: Any, where: str, least: int = 0) -> int:
    """`value` as an int. Raises ValueError, naming argument and callback."""
    if number(name, value, where, least) != int(value):
        raise ValueError(f"{where}: {name} must be a whole number. Received: {name}={value!r}.")
    return int(value)


def refuse_schedule(model: Any, where: str) -> None:
    """Raises ValueError where the optimizer's rate follows a schedule of its own, which a callback cannot set."""
    optimizer = model.optimizer
    schedule = None if optimizer is None else optimizer.schedule
    if schedule is not None:
        raise ValueError(
            f"{where} sets the learning rate, but the optimizer {optimizer.name!r} follows a schedule ({type(schedule).__name__}). "
            "Compile it with a number as learning_rate, or leave the callback out."
        )
