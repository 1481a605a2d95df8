"""``tf.summary``: numbers, histograms, images and texts for the `tensorboard` program, in event files by its own library."""

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

import numpy as np

from gpunn.callbacks.events import Events

_writer: ContextVar["SummaryWriter | None"] = ContextVar("the writer that tf.summary writes to", default=None)
_step: ContextVar[Any] = ContextVar("the step that tf.summary writes where none is given", default=None)


class SummaryWriter(Events):
    """The file that `scalar` and the others write to within ``with writer.as_default():``."""

    @contextlib.contextmanager
    def as_default(self, step: Any = None) -> Iterator["SummaryWriter"]:
        tokens = _writer.set(self), _step.set(_step.get() if step is None else step)
        try:
            yield self
        finally:
            self.flush()
            _writer.reset(tokens[0])
            _step.reset(tokens[1])

    def set_as_default(self, step: Any = None) -> None:
        _writer.set(self)
        if step is not None:
            _step.set(step)

    def init(self) -> None:
        """Nothing to do: the file is there."""


def create_file_writer(logdir: Any, max_queue: Any = None, flush_millis: Any = None, filename_suffix: Any = None, name: Any = None) -> Any:
    """A writer of event files in a folder, which is made. Raises ImportError without the library tensorboard."""
    return SummaryWriter(logdir, "tf.summary")


def scalar(name: str, data: Any, step: Any = None, description: Any = None) -> bool:
    """Write a number. -> whether there is a writer, here as in the other functions; they raise ValueError without any step."""
    return _write("scalar", name, step, data)


def histogram(name: str, data: Any, step: Any = None, buckets: int | None = None, description: Any = None) -> bool:
    """Write how often values of an array occur."""
    return _write("histogram", name, step, np.asarray(data), *([] if buckets is None else [buckets]))


def text(name: str, data: Any, step: Any = None, description: Any = None) -> bool:
    """Write a text, or an array of some, in Markdown."""
    return _write("text", name, step, data)


def image(name: str, data: Any, step: Any = None, max_outputs: int = 3, description: Any = None) -> bool:
    """Write the first `max_outputs` images, (number, height, width, channels), floats from 0 to 1 or bytes. Raises ValueError for other
    shapes."""
    images = np.asarray(data)
    if images.ndim != 4 or images.shape[3] not in (1, 3, 4):
        raise ValueError(f"tf.summary.image: expected shape (number, height, width, channels), of 1, 3 or 4. Received: {images.shape}.")
    images = images if images.dtype == np.uint8 else np.round(255 * np.clip(images, 0, 1)).astype(np.uint8)
    tags = [name if len(images) == 1 else f"{name}/{i}" for i in range(min(len(images), max_outputs))]
    return all(_write("image", tag, step, picture) for tag, picture in zip(tags, images, strict=False))


def set_step(step: Any) -> None:
    """``tf.summary.experimental.set_step``: the step from now on, where none is given."""
    _step.set(step)


def get_step() -> Any:
    """``tf.summary.experimental.get_step``."""
    return _step.get()


def flush(writer: Any = None, name: Any = None) -> None:
    """Have on disk what the writer was given."""
    writer = writer or _writer.get()
    if writer is not None:
        writer.flush()


def _write(kind: str, name: str, step: Any, value: Any, *more: Any) -> bool:
    writer, step = _writer.get(), _step.get() if step is None else step
    if writer is None:
        return False
    if step is None:
        raise ValueError(f"tf.summary.{kind}: expected a step, or one that tf.summary.experimental.set_step gave. Received: step=None.")
    getattr(writer, kind)(name, value, int(step), *more)
    return True
