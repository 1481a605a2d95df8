"""``keras.callbacks.CallbackList``: callbacks for a training loop of one's own, under the arguments Keras gives it."""

from typing import Any

from gpunn import callbacks as cb


class CallbackList(cb.CallbackList):
    """Calls callbacks: ``CallbackList([...], add_history=True, model=model, epochs=3)``, then ``on_train_begin()`` and the other hooks.

    add_history: with a `History`, which becomes ``model.history``; add_progbar: with a `ProgbarLogger`; `params` are what callbacks find in
    theirs. Raises ValueError for what is not a callback.
    """

    def __init__(self, callbacks: Any = None, add_history: bool = False, add_progbar: bool = False, model: Any = None, **params: Any):
        given = [] if callbacks is None else list(callbacks) if isinstance(callbacks, (list, tuple)) else [callbacks]
        for kind, wanted in ((cb.ProgbarLogger, add_progbar), (cb.History, add_history)):
            if wanted and not any(isinstance(c, kind) for c in given):
                given.append(kind())
        super().__init__(given, model, params)
        if model is not None and add_history:
            model.history = self.history

    def set_params(self, params: dict[str, Any] | None) -> None:
        for callback in self.callbacks:
            callback.set_params(params or {})

    def set_model(self, model: Any) -> None:
        if self.history is not None:
            model.history = self.history
        for callback in self.callbacks:
            callback.set_model(model)
