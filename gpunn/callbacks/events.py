"""Event files, which the `tensorboard` program shows; written by its own library (no TensorFlow)."""

import io
import os
import time
from typing import Any

import numpy as np


class Events:
    """A file of events in a folder: each call writes one under a tag and a step. Raises ImportError, saying what to install, without the
    library."""

    def __init__(self, folder: Any, name: str = "TensorBoard"):
        self._parts = parts(name)
        self._writer = self._parts.EventFileWriter(os.fspath(folder))

    def write(self, summary: Any, step: int) -> None:
        self._writer.add_event(self._parts.Event(step=step, wall_time=time.time(), summary=summary))

    def scalar(self, tag: str, value: float, step: int) -> None:
        self.write(self._parts.scalar_pb(tag, float(value)), step)

    def histogram(self, tag: str, values: np.ndarray, step: int, buckets: int | None = None) -> None:
        self.write(self._parts.histogram_pb(tag, values, buckets), step)

    def text(self, tag: str, text: Any, step: int) -> None:
        self.write(self._parts.text_pb(tag, text), step)

    def image(self, tag: str, picture: np.ndarray, step: int) -> None:
        """A picture of bytes: (height, width), or (height, width, channels), of 1, 3 or 4."""
        from PIL import Image  # comes with tensorboard

        file, summary = io.BytesIO(), self._parts.Summary
        channels = picture.shape[2] if picture.ndim == 3 else 1
        Image.fromarray(picture[..., 0] if channels == 1 and picture.ndim == 3 else picture).save(file, format="PNG")
        image = summary.Image(
            height=picture.shape[0], width=picture.shape[1], colorspace=channels, encoded_image_string=file.getvalue()
        )
        self.write(summary(value=[summary.Value(tag=tag, image=image)]), step)

    def flush(self) -> None:
        self._writer.flush()

    def close(self) -> None:
        self._writer.close()


class _Parts:
    """What is used of the library `tensorboard`, imported together."""

    def __init__(self, name: str) -> None:
        try:
            from tensorboard.compat.proto.event_pb2 import Event
            from tensorboard.compat.proto.summary_pb2 import Summary
            from tensorboard.plugins.histogram.summary_v2 import histogram_pb
            from tensorboard.plugins.scalar.summary_v2 import scalar_pb
            from tensorboard.plugins.text.summary_v2 import text_pb
            from tensorboard.summary.writer.event_file_writer import EventFileWriter
        except ImportError as error:
            mend = 'pip install "gpunn[tensorboard]"'
            raise ImportError(f"{name} needs the library tensorboard ({error}). Install it with: {mend}") from error
        self.Event, self.Summary, self.EventFileWriter = Event, Summary, EventFileWriter
        self.histogram_pb, self.scalar_pb, self.text_pb = histogram_pb, scalar_pb, text_pb


_known: _Parts | None = None


def parts(name: str) -> _Parts:
    """The library's parts, for what has this name. Raises ImportError, saying what to install."""
    global _known
    if _known is None:
        _known = _Parts(name)
    return _known
