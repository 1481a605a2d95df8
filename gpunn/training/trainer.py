"""fit, evaluate, predict and the batch-wise calls: what a model inherits."""

import warnings
from abc import abstractmethod
from collections.abc import Callable
from contextlib import ExitStack, closing
from typing import Any, cast

import numpy as np

from gpunn import callbacks as cb
from gpunn import config
from gpunn.layers.base import alias
from gpunn.training import counts, data, parts
from gpunn.training.again import again
from gpunn.training.at_once import at_once
from gpunn.training.changes import check_flips, converted, in_step
from gpunn.training.compiling import Compiled
from gpunn.training.door import given, given_inputs
from gpunn.training.feeds.iterables import batched
from gpunn.training.loop import Evaluation, Training
from gpunn.training.made_functions import MadeFunctions
from gpunn.training.own_prediction import own_predictions
from gpunn.training.own_step import OwnSteps
from gpunn.training.prediction import Prediction
from gpunn.training.whole import kind_of


class Trainer(OwnSteps, MadeFunctions, Compiled):
    """Keras's training face."""

    history: cb.History | None = None
    stop_training: bool
    rng: Any
    epochs_seen: int

    @property
    @abstractmethod
    def leaves(self) -> list[Any]:
        """The layers, with those of models within, each once."""

    @abstractmethod
    def pack_outputs(self, outputs: list[Any]) -> Any:
        """One value for each output, as the model gives them: alone, in a list or in a dict."""

    # ------------------------------------------------------------------ fit
    def fit(
        self, x: Any = None, y: Any = None, batch_size: int | None = None, epochs: int = 1, verbose: Any = "auto", callbacks: Any = None,
        validation_split: float = 0.0, validation_data: Any = None, shuffle: bool = True, class_weight: Any = None,
        sample_weight: Any = None, initial_epoch: int = 0, steps_per_epoch: float | None = None, validation_steps: float | None = None,
        validation_batch_size: int | None = None, validation_freq: Any = 1, nb_epoch: int | None = None, workers: int | None = None,
        use_multiprocessing: bool = False, max_queue_size: int | None = None,
    ) -> cb.History:
        """Train for `epochs` epochs of shuffled batches; the short last batch is used. -> `History`. Batches have 32 rows where nothing is
        said, or, with steps alone, as many as let these go through all rows; `validation_freq` may list epochs, from 1.

        Arguments are Keras's. x: (rows, ...) of numbers; y: labels or targets, one a row. x may lie in a mapped or an HDF5 file, and is
        then read block by block; ``shuffle="batch"`` shuffles whole batches, which such files read faster. x may also give batches,
        (x, y) or (x, y, sample_weight): a generator, a `gpunn.utils.Sequence`, a PyTorch DataLoader or any iterable. They are taken ahead
        in a thread, at most `max_queue_size` of them; with ``workers=0`` in this thread, one when it is needed; a Sequence makes as many
        as `workers` at once, always in threads.

        Raises ValueError, and leaves the model as it was, for anything that does not fit; during an epoch ValueError for a batch that does
        not fit and `gpunn.utils.DataError` for one that cannot be made or read, naming it: the model is then as the last step left it.
        Warns when the loss stops being finite.
        """
        epochs = alias(epochs, nb_epoch, "epochs", "nb_epoch")
        self.check_functions("fit")
        optimizer = self._need_setup("fit").optimizer
        asked = counts.perhaps("batch_size", batch_size)
        steps_per_epoch = counts.number_of_steps("steps_per_epoch", steps_per_epoch)
        validation_steps = counts.number_of_steps("validation_steps", validation_steps)
        x = converted(self, x)
        changed = in_step(x, steps_per_epoch, optimizer) if y is None and sample_weight is None else None
        if changed is not None:
            x, y, sample_weight, asked, shuffle = changed.x, changed.y, changed.sample_weight, changed.batch_size, changed.shuffle
        epochs, initial_epoch = counts.whole("epochs", epochs, 0), counts.whole("initial_epoch", initial_epoch, 0)
        validation_batch_size = counts.perhaps("validation_batch_size", validation_batch_size)
        validates = counts.epochs_to_validate(validation_freq)
        held = None
        if validation_data is not None:
            held = parts.validation(validation_data)
        elif validation_split:
            if (source := batched(x)) is not None:
                raise ValueError(
                    f"Argument validation_split of fit: expected x to be arrays. Received: {source.kind}. Use validation_data instead."
                )
            several = (self.input_names is None or len(self.input_names) > 1, len(self.output_names) > 1)
            (x, y, sample_weight), held = parts.split(x, y, sample_weight, validation_split, self.backend, several)
        ahead = counts.perhaps("max_queue_size", max_queue_size)
        workers = None if workers is None else counts.whole("workers", workers, 0)
        rows = given(self, x, y, sample_weight, class_weight, "fit", shuffle, workers, ahead)
        held_rows = None if held is None else given(self, *held, None, "fit (validation_data)", False, workers, ahead)
        known = self.built or self.steps_itself  # else the rows to learn from say what the model is built for
        if held_rows is not None and held_rows.row_shape != rows.row_shape and not known:
            raise ValueError(f"Argument validation_data of fit: expected rows of shape {rows.row_shape}. Received: {held_rows.row_shape}.")
        batch_size = counts.rows_of_a_batch(asked, steps_per_epoch, rows) or optimizer.default_batch
        epochs, steps_per_epoch = counts.most("epochs", config.max_epochs(), epochs), counts.most_steps(steps_per_epoch, rows, batch_size)
        held_size = counts.rows_of_a_batch(validation_batch_size or asked, validation_steps, held_rows) or optimizer.default_batch
        if held_rows is not None:
            validation_steps = counts.most_steps(validation_steps, held_rows, held_size)
        steps = steps_per_epoch or rows.steps(batch_size)
        chain = cb.CallbackList(callbacks, self, {"verbose": verbose, "epochs": epochs, "steps": steps}, verbose, history=True)
        self._ready(rows.row_shape)
        check_flips(self.leaves, y)
        kind, options = kind_of(optimizer), (batch_size, shuffle, steps_per_epoch)
        size = validation_batch_size or self._held_batch(held_size, validation_steps, chain.test_batches)
        with ExitStack() as used:
            if changed is None:
                training = used.enter_context(again(self, kind, rows, *options))
                training.begin()
            else:
                training = kind(self, rows, *options)
                training.feed.change = lambda ops, x: changed.change(ops, x, self.rng)
                training.feed.change_target = changed.targets
            evaluation = None if held_rows is None else used.enter_context(again(self, Evaluation, held_rows, size, validation_steps))
            self.stop_training = False
            self.history = history = cast(cb.History, chain.history)  # history=True above
            try:
                self._epochs(chain, training, evaluation, range(initial_epoch, epochs), validates)
            finally:
                chain.close()
        return history

    def _epochs(
        self, chain: cb.CallbackList, training: Training, evaluation: Evaluation | None, numbers: range, validates: Callable[[int], bool]
    ) -> None:
        """The epochs of these numbers, with validation behind those that `validates` tells; callbacks in Keras's order."""
        chain.on_train_begin()
        logs: dict[str, Any] = {}
        resumed = chain.resume(training)
        if resumed is not None:
            numbers, logs = range(resumed.epoch, resumed.epoch if resumed.ended else numbers.stop), resumed.logs
        for epoch in numbers:
            chain.on_epoch_begin(epoch)
            training.resize(chain.batch_size(epoch))
            if resumed is not None and resumed.again is not None:
                resumed.again()
            resumed = None
            logs = training.epoch(chain)
            if evaluation is not None and validates(epoch):
                chain.on_test_begin()
                held_logs = evaluation.run(chain)
                chain.on_test_end(held_logs)
                logs.update({f"val_{k}": v for k, v in held_logs.items()})
            if (bad := training.bad_step) is not None:
                warnings.warn(f"The loss became NaN or infinite at step {bad + 1} of epoch {epoch + 1}.", RuntimeWarning, stacklevel=3)
            chain.on_epoch_end(epoch, logs)
            if self.stop_training:
                break
        if numbers:
            self._need_setup("fit").optimizer.finish(self.storage.values[: self.storage.trainable_size])
        chain.on_train_end(logs)

    def _held_batch(self, batch_size: int, steps: int | None, watched: bool) -> int:
        """Rows of a batch without training: Keras's number where somebody can tell, else at least 256, which is faster."""
        summed = self._setup is not None and any(head.loss.reduction == "sum" for head in self._setup.heads)
        return batch_size if steps is not None or watched or summed else max(batch_size, 256)

    # ------------------------------------------------------------------ evaluate, predict
    def evaluate(
        self, x: Any = None, y: Any = None, batch_size: int | None = None, verbose: Any = "auto", sample_weight: Any = None,
        steps: float | None = None, callbacks: Any = None, return_dict: bool = False, workers: int | None = None,
        use_multiprocessing: bool = False, max_queue_size: int | None = None,
    ) -> Any:
        """Loss and metrics over all rows, without training: a number, a list ``[loss, metrics...]``, or a dict with `return_dict`; and
        printed in a line, unless ``verbose=0``.

        x may be all that `fit` takes."""
        self.check_functions("evaluate")
        steps, batch_size = counts.number_of_steps("steps", steps), counts.perhaps("batch_size", batch_size)
        rows = given(self, x, y, sample_weight, None, "evaluate", False, workers, counts.perhaps("max_queue_size", max_queue_size))
        batch_size = counts.rows_of_a_batch(batch_size, steps, rows)
        steps = counts.most_steps(steps, rows, batch_size or 32)
        chain = self._chain(callbacks, verbose, steps or rows.steps(batch_size or 32))
        self._ready(rows.row_shape)
        size = batch_size or self._held_batch(32, steps, chain.test_batches)
        with closing(chain):
            chain.on_test_begin()
            with again(self, Evaluation, rows, size, steps) as evaluation:
                logs = evaluation.run(chain)
            chain.on_test_end(logs)
        return self._flat(logs, return_dict)

    def predict(
        self, x: Any, batch_size: int | None = None, verbose: Any = "auto", steps: float | None = None, callbacks: Any = None,
        workers: int | None = None, use_multiprocessing: bool = False, max_queue_size: int | None = None,
    ) -> Any:
        """The model's outputs for all rows, as NumPy arrays (rows, ...): one, or a list or dict of them as the model has it.

        x may be all that `fit` takes; of batches only the inputs count. Where the model's class gives ``predict_step(data)``, what that
        returns for each batch's inputs: arrays of the host, as they are given to it."""
        self.check_functions("predict")
        return self._predicted("predict", x, batch_size, verbose, steps, callbacks, workers, max_queue_size)

    def _predicted(
        self, where: str, x: Any, batch_size: Any, verbose: Any = 0, steps: Any = None, callbacks: Any = None, workers: int | None = None,
        max_queue_size: Any = 10,
    ) -> Any:
        """`where`: what the user called, for errors."""
        steps, batch_size = counts.number_of_steps("steps", steps), counts.perhaps("batch_size", batch_size)
        own = where != "call" and hasattr(type(self), "predict_step")
        if callbacks is None and steps is None and not own:
            out = at_once(self, x, batch_size or self._held_batch(32, None, False), where)
            if out is not None:
                return self.pack_outputs(out)
        rows = given_inputs(self, x, where, workers, counts.perhaps("max_queue_size", max_queue_size))
        batch_size = counts.rows_of_a_batch(batch_size, steps, rows)
        if not own:
            self.output_shapes(rows.row_shape)
        steps = counts.most_steps(steps, rows, batch_size or 32)
        count = steps or rows.steps(batch_size or 32)
        chain = self._chain(callbacks, verbose, count, shows=count != 1)  # one batch has no use for a bar
        self._ready(rows.row_shape)
        with closing(chain):
            chain.on_predict_begin()
            if own:
                found = own_predictions(self, rows, batch_size or 32, steps, chain)
            else:
                size = batch_size or self._held_batch(32, steps, chain.predict_batches)
                with again(self, Prediction, rows, size, steps) as prediction:
                    found = self.pack_outputs(prediction.run(chain))
            chain.on_predict_end()
        return found

    def _chain(self, callbacks: Any, verbose: Any, steps: int | None, shows: bool = True) -> cb.CallbackList:
        """Of an evaluation or a prediction."""
        return cb.CallbackList(callbacks, self, {"verbose": verbose, "epochs": 1, "steps": steps}, verbose if shows else 0)

    # ------------------------------------------------------------------ batch by batch
    def train_on_batch(self, x: Any, y: Any = None, sample_weight: Any = None, class_weight: Any = None, return_dict: bool = False) -> Any:
        """One step on exactly these rows. -> loss and metrics of this batch (Keras 3 goes on accumulating; this does not)."""
        rows = self._check(x, y, sample_weight, class_weight, "train_on_batch")
        self._ready(rows.row_shape)
        with again(self, kind_of(self.optimizer), rows, len(rows), False) as training:
            return self._flat(training.once(), return_dict)

    def test_on_batch(self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False) -> Any:
        """Loss and metrics of exactly these rows."""
        rows = self._check(x, y, sample_weight, None, "test_on_batch")
        self._ready(rows.row_shape)
        with again(self, Evaluation, rows, len(rows), None) as evaluation:
            return self._flat(evaluation.run(), return_dict)

    def predict_on_batch(self, x: Any) -> Any:
        """Outputs of these rows."""
        return self.outputs_of(x, "predict_on_batch")

    def outputs_of(self, x: Any, where: str) -> Any:
        """Outputs of these rows, in one batch; `where`: what the user called, for errors."""
        if type(x) is np.ndarray and x.ndim > 1:
            return self._predicted(where, x, max(len(x), 1))
        x = converted(self, x)
        arrays, labels = parts.inputs_of(x, self.input_names, where)
        here = self.backend.adopt(arrays[0], "x")
        first = data.host(arrays[0], labels[0]) if here is None else here
        x = first if len(arrays) == 1 and not isinstance(x, dict) else x
        return self._predicted(where, x, max(first.shape[0] if first.ndim else 1, 1))

    def _flat(self, logs: dict[str, float], return_dict: bool) -> Any:
        if return_dict:
            return dict(logs)
        names = self.metrics_names
        values = [logs[name] for name in (names if set(names) <= set(logs) else logs)]  # an own step gives what it likes
        return values[0] if len(values) == 1 else values
