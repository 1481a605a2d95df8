"""TensorBoard: losses, metrics and weights in event files, which the `tensorboard` program shows."""

import os
import time
import warnings
from typing import Any

import numpy as np

from gpunn.callbacks.base import Callback
from gpunn.callbacks.batches import Every, frequency
from gpunn.callbacks.events import Events, parts
from gpunn.callbacks.monitor import whole


class TensorBoard(Callback):
    """Writes losses, metrics and the learning rate as scalars, and on request the weights as histograms and images.

    Tags and folders are Keras's: ``epoch_loss`` and the like in ``train`` and ``validation`` under `log_dir`, one a run;
    ``evaluation_loss_vs_iterations`` after every evaluation; ``batch_loss`` with an `update_freq`. Look at them with
    ``tensorboard --logdir logs``. Needs ``pip install "gpunn[tensorboard]"``.

    Arguments: ``log_dir``; ``histogram_freq``, every how many epochs the weights are written (0: never); ``write_images``, weights also
    as pictures then; ``write_steps_per_second``; ``update_freq``, "epoch", "batch", or a number of batches between two entries of a batch's
    logs (each costs a read from the device). ``write_graph`` is taken and has no effect, as in Keras 3; ``profile_batch`` warns that no
    profiles are written; embeddings are refused with a ValueError.
    """

    every_batch = False

    def __init__(
        self, log_dir: Any = "logs", histogram_freq: int = 0, write_graph: bool = True, write_images: bool = False,
        write_steps_per_second: bool = False, update_freq: Any = "epoch", profile_batch: Any = 0, embeddings_freq: int = 0,
        embeddings_metadata: Any = None,
    ):
        super().__init__()
        if profile_batch:
            warnings.warn(f"TensorBoard writes no profiles. Received: profile_batch={profile_batch!r}.", UserWarning, stacklevel=2)
        absent = {"embeddings_freq": embeddings_freq, "embeddings_metadata": embeddings_metadata}
        for name, value in absent.items():
            if value:
                raise ValueError(f"TensorBoard: {name} is not available. Received: {name}={value!r}.")
        self.log_dir, self.write_graph, self.write_images = os.fspath(log_dir), write_graph, bool(write_images)
        self.histogram_freq = whole("histogram_freq", histogram_freq, "TensorBoard")
        self.write_steps_per_second, self.update_freq = bool(write_steps_per_second), update_freq
        every = frequency("update_freq", 1 if update_freq == "batch" else update_freq, "TensorBoard")
        self._every = every if isinstance(every, Every) else None
        if self._every is not None:
            self.on_train_batch_end = self._after_batch  # type: ignore[method-assign]
        self._writers: dict[str, Events] = {}
        self._batches = self._tests = self._first = 0
        self._began = 0.0

    def check(self, model: Any) -> None:
        parts("TensorBoard")  # fails before the training where the library is missing

    # ------------------------------------------------------------------ hooks
    def on_train_begin(self, logs: Any = None) -> None:
        self._batches = 0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._first = self._batches
        if self._every is not None:
            self._every.epoch()
        if self.write_steps_per_second:
            self._steps, self._began = self.model.optimizer.iterations, time.perf_counter()

    def batches_left(self) -> int | None:
        return None if self._every is None else self._every.left()

    def _after_batch(self, batch: int, logs: Any = None) -> None:
        self._batches = self._first + batch + 1
        if self._every is not None and self._every.due(batch):
            self._scalars("train", {f"batch_{name}": value for name, value in (logs or {}).items()}, self._batches)

    def on_test_end(self, logs: Any = None) -> None:
        optimizer = self.model.optimizer
        if logs and optimizer is not None:
            self._scalars("validation", {f"evaluation_{name}_vs_iterations": v for name, v in logs.items()}, optimizer.iterations)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if not logs:
            return
        ours = {name: value for name, value in logs.items() if not name.startswith("val_")}
        ours["learning_rate"] = float(self.model.optimizer.learning_rate)
        if self.write_steps_per_second:
            ours["steps_per_second"] = (self.model.optimizer.iterations - self._steps) / max(time.perf_counter() - self._began, 1e-9)
        self._scalars("train", {f"epoch_{name}": value for name, value in ours.items()}, epoch)
        held = {f"epoch_{name.removeprefix('val_')}": value for name, value in logs.items() if name.startswith("val_")}
        self._scalars("validation", held, epoch)
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            self._weights(epoch)

    def on_train_end(self, logs: Any = None) -> None:
        self.close()

    def close(self) -> None:
        for writer in self._writers.values():
            writer.close()
        self._writers = {}

    # ------------------------------------------------------------------ writing
    def _events(self, folder: str) -> Events:
        if folder not in self._writers:
            self._writers[folder] = Events(os.path.join(self.log_dir, folder))
        return self._writers[folder]

    def _scalars(self, folder: str, values: dict[str, Any], step: int) -> None:
        for tag, value in values.items():
            if np.ndim(value) == 0 and not isinstance(value, str):
                self._events(folder).scalar(tag, float(value), step)
        if folder in self._writers:
            self._writers[folder].flush()

    def _weights(self, epoch: int) -> None:
        events = self._events("train")
        for p in self.model.parameters:
            values = p.numpy()
            events.histogram(f"{p.name}/histogram", values, epoch)
            if self.write_images and (picture := _picture(values)) is not None:
                events.image(f"{p.name}/image", picture, epoch)
        events.flush()


def _picture(values: np.ndarray) -> np.ndarray | None:
    """A weight as grey levels (height, width): a vector as one line, a matrix with its longer side across; None for other shapes."""
    values = np.squeeze(values)
    if values.ndim == 1:
        values = values[None]
    if values.ndim != 2 or values.size == 0:
        return None
    values = values.T if values.shape[0] > values.shape[1] else values
    low, high = float(values.min()), float(values.max())
    return np.round(255 * (values - low) / (high - low if high > low else 1.0)).astype(np.uint8)
