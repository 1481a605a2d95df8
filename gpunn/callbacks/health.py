"""Callbacks that watch the inside of a network during training: DeadNeuronMonitor, GradientNormMonitor."""

import warnings
from typing import Any

from gpunn.callbacks.base import Callback
from gpunn.callbacks.monitor import number


class _Watch(Callback):
    """Keeps a number a layer and epoch.

    Attributes: ``values``, layer name -> one number an epoch. With ``log=True`` they go into the logs too, and so into the history, a
    `CSVLogger` or a `TensorBoard` behind this callback.
    """

    prefix = ""

    def __init__(self, log: bool, verbose: int):
        super().__init__()
        self.log, self.verbose = bool(log), verbose
        self.values: dict[str, list[float]] = {}

    def on_train_begin(self, logs: Any = None) -> None:
        self.values = {}

    def measure(self) -> dict[str, float]:
        raise NotImplementedError

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        found = self.measure()
        for name, value in found.items():
            self.values.setdefault(name, []).append(value)
            if self.log and logs is not None:
                logs[f"{self.prefix}_{name}"] = value
        if self.verbose > 0:
            print(f"\nEpoch {epoch + 1}: {self.prefix.replace('_', ' ')}: " + ", ".join(f"{n} {v:.3g}" for n, v in found.items()))

    def get_state(self) -> dict[str, Any]:
        return {"values": self.values}

    def set_state(self, state: dict[str, Any]) -> None:
        self.values = state["values"]


class DeadNeuronMonitor(_Watch):
    """At the end of every epoch, the share of dead ReLU units by layer: those that give 0 for every row of a sample.

    Arguments: ``x``, the sample, some hundred rows of the training data; ``threshold``, a share above which one warning for a layer says so
    (with 20 to 40 % dead units a lower learning rate is worth a try); ``log``; ``verbose``, 1 for a line an epoch. See
    `gpunn.training.health.dead_neurons`.
    """

    prefix = "dead"

    def __init__(self, x: Any, threshold: float = 0.4, log: bool = False, verbose: int = 0):
        super().__init__(log, verbose)
        self.x, self.threshold = x, number("threshold", threshold, "DeadNeuronMonitor", 0.0)
        self._warned: set[str] = set()

    def check(self, model: Any) -> None:
        model._inputs(self.x, "DeadNeuronMonitor")

    def on_train_begin(self, logs: Any = None) -> None:
        super().on_train_begin(logs)
        self._warned = set()

    def measure(self) -> dict[str, float]:
        from gpunn.training.health import dead_neurons

        return dead_neurons(self.model, self.x)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        super().on_epoch_end(epoch, logs)
        for name, shares in self.values.items():
            if shares[-1] > self.threshold and name not in self._warned:
                self._warned.add(name)
                warnings.warn(
                    f"{shares[-1]:.0%} of the ReLU units of layer {name!r} are dead after epoch {epoch + 1}: they give 0 for all "
                    f"{len(self.x)} rows of the sample. A lower learning rate may help.", RuntimeWarning, stacklevel=4,
                )


class GradientNormMonitor(_Watch):
    """At the end of every epoch, the L2 norm of each layer's gradient: of the last batch (one read), or of the sample `data` = (x, y).

    Norms are those before any clipping. Arguments: ``data``; ``log``; ``verbose``, 1 for a line an epoch. See
    `gpunn.training.health.gradient_norms`.
    """

    prefix = "gradient_norm"

    def __init__(self, data: Any = None, log: bool = False, verbose: int = 0):
        super().__init__(log, verbose)
        if data is not None and (not isinstance(data, (tuple, list)) or len(data) not in (2, 3)):
            raise ValueError(f"GradientNormMonitor: data must be (x, y) or (x, y, sample_weight). Received: {type(data).__name__}.")
        self.data = data

    def measure(self) -> dict[str, float]:
        from gpunn.training.health import gradient_norms, last_gradient_norms

        return last_gradient_norms(self.model) if self.data is None else gradient_norms(self.model, *self.data)
