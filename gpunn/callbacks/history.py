"""History: what `fit` returns."""

from typing import Any

from gpunn.callbacks.base import Callback
from gpunn.logs import Logs


class History(Callback):
    """What `fit` returns: ``history`` (name -> a value an epoch; ``acc`` finds ``accuracy``, ``lr`` ``learning_rate``) and ``epoch``."""

    def __init__(self) -> None:
        super().__init__()
        self.history: dict[str, list[float]] = Logs()
        self.epoch: list[int] = []

    def on_train_begin(self, logs: Any = None) -> None:
        self.epoch = []

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)
        self.model.history = self

    def get_state(self) -> dict[str, Any]:
        return {"history": {name: list(values) for name, values in self.history.items()}, "epoch": list(self.epoch)}

    def set_state(self, state: dict[str, Any]) -> None:
        self.history.clear()
        self.history.update(state["history"])
        self.epoch = list(state["epoch"])
