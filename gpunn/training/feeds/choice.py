"""Which feed a data set gets."""

from typing import Any

import numpy as np

from gpunn import config
from gpunn.training.feeds.base import Feed
from gpunn.training.feeds.batches import Batches, GivenBatches
from gpunn.training.feeds.loose import Loose, LooseBatches
from gpunn.training.feeds.resident import Resident
from gpunn.training.feeds.sources import Source
from gpunn.training.feeds.streamed import Streamed

SHARE = 0.5  # of the device's free memory: a data set larger than that is streamed


def make(ops: Any, rows: Any, batch: int) -> Feed:
    """The feed of a checked data set: `Rows`, or the batches somebody else makes."""
    if isinstance(rows, GivenBatches):
        return (LooseBatches if isinstance(rows.first, Loose) else Batches)(ops, rows)
    return Streamed(ops, rows, batch) if streams(ops, rows) else Resident(ops, rows, batch)


def streams(ops: Any, rows: Any) -> bool:
    """Whether rows come block by block; see `gpunn.config.set_streaming`. What is on the device already stays."""
    how = config.streaming()
    here = not all(isinstance(x, (np.ndarray, Source)) for x in rows.xs)
    if here or how == "never" or not rows.divisible:
        return False
    if how == "always" or rows.later is not None:
        return True
    free = ops.free_memory()
    return any(isinstance(x, Source) for x in rows.xs) if free is None else rows.nbytes > SHARE * free
