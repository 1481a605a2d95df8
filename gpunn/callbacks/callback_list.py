"""CallbackList: the callbacks of one `fit`, `evaluate` or `predict`, called one after another."""

from collections.abc import Callable
from typing import Any

from gpunn.callbacks import bars
from gpunn.callbacks.base import HOOKS, OLD_HOOKS, Callback
from gpunn.callbacks.history import History
from gpunn.callbacks.progbar import EpochLines, PassBar, ProgbarLogger

_TRAIN_BATCH = ("on_train_batch_begin", "on_train_batch_end", *OLD_HOOKS)
_TEST_BATCH = ("on_test_batch_begin", "on_test_batch_end")
_PREDICT_BATCH = ("on_predict_batch_begin", "on_predict_batch_end")


class CallbackList:
    """Calls a list of callbacks. In `fit`, which asks for ``history``, a `History` is always among them, and by ``verbose`` something that
    shows how far it is; elsewhere what `PassBar` shows.

    Attributes: ``every_batch``, whether a callback wants the hooks of every single train batch; ``every_chunk``, whether one wants at least
    some of them; ``test_batches`` and ``test_chunks``, ``predict_batches`` and ``predict_chunks``, the same there.
    Raises ValueError for what is not a callback.
    """

    def __init__(self, callbacks: Any, model: Any, params: dict[str, Any], verbose: Any = 0, history: bool = False):
        given = [] if callbacks is None else list(callbacks) if isinstance(callbacks, (list, tuple)) else [callbacks]
        for c in given:
            if isinstance(c, type) or not all(hasattr(c, name) for name in ("set_model", "set_params", *HOOKS)):
                raise ValueError(f"Argument callbacks: expected Callback objects. Received: {c!r}.")
        self.history = next((c for c in given if isinstance(c, History)), None)
        if history and self.history is None:
            self.history = History()
            given.append(self.history)
        if verbose in (1, 2, "auto") and not any(isinstance(c, ProgbarLogger) for c in given):
            given.append(_progress(verbose) if history else PassBar(verbose))
        given.sort(key=lambda c: bool(getattr(type(c), "last", False)))  # a backup is made when all others have seen the epoch
        if history:
            for c in given:
                _hook(c, "check")(model)
        self.callbacks = given
        for c in given:
            c.set_model(model)
        for c in given:
            c.set_params(params)
        batchers = [c for c in given if _overrides(c, _TRAIN_BATCH)]
        self.every_batch = any(getattr(c, "every_batch", True) for c in batchers)
        self.every_chunk = bool(batchers)
        self._countdowns = [_hook(c, "batches_left") for c in batchers]
        testers, predictors = ([c for c in given if _overrides(c, hooks)] for hooks in (_TEST_BATCH, _PREDICT_BATCH))
        self.test_batches, self.predict_batches = (any(getattr(c, "every_batch", True) for c in some) for some in (testers, predictors))
        self.test_chunks, self.predict_chunks = bool(testers), bool(predictors)

    def batches_left(self, most: int) -> int:
        """How many train batches may run until a callback must be called: 1 to `most`."""
        if self.every_batch:
            return 1
        return max(1, min([most, *(n for left in self._countdowns if (n := left()) is not None)]))

    def resume(self, training: Any) -> Any:
        """Where a callback has found a training that was broken off, as it says it (see `BackupAndRestore.resume`); None where none has."""
        for c in self.callbacks:
            if (found := _hook(c, "resume")(training, self.callbacks)) is not None:
                return found
        return None

    def batch_size(self, epoch: int) -> int | None:
        """The batch size that a callback wants from this epoch on; None where none wants another."""
        sizes = (_hook(c, "batch_size")(epoch) for c in self.callbacks)
        return next((size for size in sizes if size is not None), None)

    def close(self) -> None:
        for c in self.callbacks:
            _hook(c, "close")()

    def __getattr__(self, hook: str) -> Callable[..., None]:
        if hook not in HOOKS:
            raise AttributeError(hook)

        def call(*arguments: Any) -> None:
            if not (arguments and isinstance(arguments[-1], dict)):
                arguments = (*arguments, {})
            for c in self.callbacks:
                getattr(c, hook)(*arguments)

        return call


def _hook(callback: Any, name: str) -> Callable[..., Any]:
    """A method that Keras's callbacks do not have: of the class, as a script may keep a number or a list under that name."""
    return getattr(callback, name) if callable(getattr(type(callback), name, None)) and name not in vars(callback) else _nothing


def _nothing(*arguments: Any) -> None:
    """What a callback of another library does where ours have a hook."""


def _progress(verbose: Any) -> Callback:
    return EpochLines() if verbose == 2 or not bars.drawn() else ProgbarLogger()


def _overrides(callback: Any, hooks: tuple[str, ...]) -> bool:
    """Whether a callback has any of these hooks of its own."""
    for hook in hooks:
        mine = getattr(callback, hook, None)
        if mine is not None and getattr(mine, "__func__", mine) is not getattr(Callback, hook):
            return True
    return False
