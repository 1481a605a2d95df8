"""SwapEMAWeights: evaluation and checkpoints with the averaged weights."""

from typing import Any

import numpy as np

from gpunn.callbacks.base import Callback


class SwapEMAWeights(Callback):
    """Puts the optimizer's moving average of the weights into the model for every evaluation and prediction, and takes it out behind them.

    With `swap_on_epoch` the average is in the model from the end of every epoch to the next, too: a `ModelCheckpoint` behind
    this callback saves it. For an optimizer with ``use_ema=True``; raises ValueError for another. The average itself is never changed, so
    that it is right wherever the training ends.
    """

    def __init__(self, swap_on_epoch: bool = False):
        super().__init__()
        self.swap_on_epoch = bool(swap_on_epoch)
        self._own: dict[str, np.ndarray] | None = None  # the model's own weights by place, while the average is in it

    def check(self, model: Any) -> None:
        if not getattr(model.optimizer, "use_ema", False):
            raise ValueError(f"SwapEMAWeights needs an optimizer with use_ema=True. Received: {getattr(model.optimizer, 'name', None)!r}.")

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._take_out()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if self.swap_on_epoch:
            self._put_in()

    def on_test_begin(self, logs: Any = None) -> None:
        self._put_in()

    def on_test_end(self, logs: Any = None) -> None:
        self._take_out()

    def on_predict_begin(self, logs: Any = None) -> None:
        self._put_in()

    def on_predict_end(self, logs: Any = None) -> None:
        self._take_out()

    def on_train_end(self, logs: Any = None) -> None:
        self._own = None  # the optimizer has put the average in for good

    def _put_in(self) -> None:
        if self._own is not None:
            return
        self.check(self.model)
        model, ops = self.model, self.model.backend
        model._ready(model.row_shape)
        storage, places = model.storage, {p.name: str(i) for i, p in enumerate(model.parameters)}
        own = storage.split(ops.to_numpy(storage.values))
        self._own = {places[name]: values.copy() for name, values in own.items()}
        ops.write(storage.values[: storage.trainable_size], model.optimizer.state["average"])

    def _take_out(self) -> None:
        own, self._own = self._own, None
        for place, values in (own or {}).items():
            self.model.parameters[int(place)].assign(values)

    def get_state(self) -> dict[str, Any]:
        return {"own": self._own}

    def set_state(self, state: dict[str, Any]) -> None:
        self._own = state["own"]
