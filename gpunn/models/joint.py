"""A fit of several models at once, epoch by epoch."""

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gpunn.training.together import Evaluations, Trainings


def settled(models: Sequence[Any]) -> Any:
    """A stack of the models' backend in which they lie."""
    stack = models[0].backend.stack(len(models))
    if stack.moves:
        section = stack.section()
        for r, model in enumerate(models):
            with section(r):
                model.settle(model.backend)
    return stack


class JointFit:
    """The epochs of a joint fit, with each replica's callbacks; a replica that one of them stops drops out."""

    def __init__(
        self, models: Sequence[Any], chains: Sequence[Any], rows: Any, batch: int, shuffle: Any, held: Any, held_batch: int,
        validates: Callable[[int], bool], verbose: Any,
    ):
        self.models, self.chains, self.rows, self.batch, self.shuffle = models, chains, rows, batch, shuffle
        self.held, self.held_batch, self.validates, self.verbose = held, held_batch, validates, verbose
        self.active = list(range(len(models)))
        self._begin()

    def _begin(self) -> None:
        models = [self.models[r] for r in self.active]
        self.stack = settled(models)
        self.training = Trainings(self.stack, models, self.rows, self.batch, self.shuffle)
        self.evaluation = None if self.held is None else Evaluations(self.stack, models, self.held, self.held_batch)

    def _keep(self, kept: list[int]) -> None:
        """Go on with those of the active replicas that are at these places."""
        self.active = [self.active[i] for i in kept]
        if not kept:
            return
        if self.stack.moves:
            self._begin()
            return
        stack = self.models[self.active[0]].backend.stack(len(kept))
        self.stack, self.training = stack, self.training.chosen(stack, kept)
        self.evaluation = None if self.evaluation is None else self.evaluation.chosen(stack, kept)

    def run(self, numbers: range) -> None:
        try:
            self._run(numbers)
        finally:
            for chain in self.chains:
                chain.close()

    def _run(self, numbers: range) -> None:
        last: list[Any] = [{} for _ in self.models]
        for model, chain in zip(self.models, self.chains, strict=True):
            model.stop_training, model.history = False, chain.history
            chain.on_train_begin()
        for epoch in numbers:
            chains = [self.chains[r] for r in self.active]
            for chain in chains:
                chain.on_epoch_begin(epoch)
            logs = self.training.epoch()
            for r, p in zip(self.active, self.training.passes, strict=True):
                if p.bad_step is not None:
                    text = f"The loss of replica {r} became NaN or infinite at step {p.bad_step + 1} of epoch {epoch + 1}."
                    warnings.warn(text, RuntimeWarning, stacklevel=5)
            if self.evaluation is not None and self.validates(epoch):
                for chain in chains:
                    chain.on_test_begin()
                for log, chain, held in zip(logs, chains, self.evaluation.run(), strict=True):
                    chain.on_test_end(held)
                    log.update({f"val_{k}": v for k, v in held.items()})
            for r, chain, log in zip(self.active, chains, logs, strict=True):
                last[r] = log
                chain.on_epoch_end(epoch, log)
            if self.verbose:
                _tell(epoch, numbers.stop, logs)
            going = [i for i, r in enumerate(self.active) if not self.models[r].stop_training]
            if len(going) < len(self.active):
                self._keep(going)
            if not self.active:
                break
        for model, chain, log in zip(self.models, self.chains, last, strict=True):
            if numbers:
                model.optimizer.finish(model.storage.values[: model.storage.trainable_size])
            chain.on_train_end(log)


def _tell(epoch: int, epochs: int, logs: Sequence[dict[str, Any]]) -> None:
    """A line: of each figure the least, the mean and the largest of the replicas."""
    figures = []
    for name in logs[0]:
        values = np.array([log[name] for log in logs])
        if values.ndim == 1:
            figures.append(f"{name}: {values.mean():.4f} ({values.min():.4f} to {values.max():.4f})")
    print(f"Epoch {epoch + 1}/{epochs} - {len(logs)} replicas - " + " - ".join(figures))
