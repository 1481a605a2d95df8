"""The geometry of a convolution or a pooling: which numbers of an image a place of the output is made of.

An image is (height, width, channels), channels last; a sequence is an image of height 1. Kernels get the geometry as one small array of
int64, in the order of `Windows`' fields.
"""

from typing import Any, NamedTuple

import numpy as np

NARROW = 4  # filters of a group up to which a CPU's vectors reach over groups


class Windows(NamedTuple):
    """Sizes of an image and of its output, the window's taps, their strides and dilations, zeros above and left of the image.

    ``groups`` split the channels; ``pool_rows`` x ``pool_columns`` places of the output are one place of a pooling that is done in the
    same pass (1 x 1: none).
    """

    height: int
    width: int
    channels: int
    out_height: int
    out_width: int
    filters: int
    kernel_rows: int
    kernel_columns: int
    stride_rows: int = 1
    stride_columns: int = 1
    dilation_rows: int = 1
    dilation_columns: int = 1
    top: int = 0
    left: int = 0
    groups: int = 1
    pool_rows: int = 1
    pool_columns: int = 1

    @property
    def taps(self) -> int:
        """Terms of a sum: of a window, a group's channels."""
        return self.kernel_rows * self.kernel_columns * self.channels // self.groups

    @property
    def narrow(self) -> bool:
        """Whether groups (of a depthwise convolution, channels) have too few filters to fill a CPU's vectors."""
        return self.groups > 1 and self.filters // self.groups <= NARROW

    def by_lanes(self, lanes: int) -> bool:
        """Whether groups have as many filters as channels and fill a CPU's vectors evenly, whose `lanes` numbers can change places."""
        own = self.filters // self.groups
        return self.groups > 1 and self.filters == self.channels and own <= lanes and own & (own - 1) == 0

    @property
    def places(self) -> int:
        return self.out_height * self.out_width

    @property
    def pooled(self) -> tuple[int, int]:
        return self.out_height // self.pool_rows, self.out_width // self.pool_columns

    def sizes_in(self, rank: int) -> tuple[int, ...]:
        """Of the image, along its axes: without the height where `rank` is 1."""
        return (self.height, self.width)[2 - rank :]

    def sizes_out(self, rank: int) -> tuple[int, ...]:
        return (self.out_height, self.out_width)[2 - rank :]

    def array(self) -> np.ndarray:
        """The fields, and then channels and filters of a group: divisions that a device's threads are spared."""
        return np.array([*self, self.channels // self.groups, self.filters // self.groups], np.int64)


class Volume(NamedTuple):
    """The same of a volume, (depth, height, width, channels): that of a frame, and along the depth, ``front`` zeros before the first."""

    frame: Windows
    depth: int
    out_depth: int
    kernel_depth: int
    stride_depth: int = 1
    dilation_depth: int = 1
    front: int = 0

    @property
    def taps(self) -> int:
        return self.kernel_depth * self.frame.taps

    @property
    def channels(self) -> int:
        return self.frame.channels

    @property
    def filters(self) -> int:
        return self.frame.filters

    @property
    def groups(self) -> int:
        return self.frame.groups

    @property
    def places(self) -> int:
        return self.out_depth * self.frame.places

    def sizes_in(self, rank: int) -> tuple[int, ...]:
        return (self.depth, *self.frame.sizes_in(2))

    def sizes_out(self, rank: int) -> tuple[int, ...]:
        return (self.out_depth, *self.frame.sizes_out(2))


def windows_of(array: Any) -> Windows:
    return Windows(*(int(n) for n in array.reshape(-1)[: len(Windows._fields)]))


def padded(x: np.ndarray, g: Windows, fill: float = 0.0) -> np.ndarray:
    """(rows, height, width, channels) of all the taps: with `fill` around the image, without what no window reaches."""
    tall = (g.out_height - 1) * g.stride_rows + (g.kernel_rows - 1) * g.dilation_rows + 1
    wide = (g.out_width - 1) * g.stride_columns + (g.kernel_columns - 1) * g.dilation_columns + 1
    x = x.reshape(x.shape[0], g.height, g.width, g.channels)
    out = np.full((x.shape[0], tall, wide, g.channels), fill, x.dtype)
    rows, columns = min(g.height, tall - g.top), min(g.width, wide - g.left)
    out[:, g.top : g.top + rows, g.left : g.left + columns] = x[:, :rows, :columns]
    return out


def taps_of(wide: np.ndarray, g: Windows) -> np.ndarray:
    """A view of a padded image: (rows, out_height, out_width, kernel_rows, kernel_columns, channels)."""
    rows, *_ = wide.shape
    r, h, w, c = wide.strides
    return np.lib.stride_tricks.as_strided(
        wide, (rows, g.out_height, g.out_width, g.kernel_rows, g.kernel_columns, g.channels),
        (r, h * g.stride_rows, w * g.stride_columns, h * g.dilation_rows, w * g.dilation_columns, c),
    )


def add_back(split: np.ndarray, g: Windows) -> np.ndarray:
    """The adjoint of `taps_of` after `padded`: each tap's number added where it came from, (rows, height, width, channels)."""
    rows = split.shape[0]
    split = split.reshape(rows, g.out_height, g.out_width, g.kernel_rows, g.kernel_columns, g.channels)
    wide = np.zeros_like(padded(np.zeros((rows, g.height, g.width, g.channels), split.dtype), g))
    for i in range(g.kernel_rows):
        for j in range(g.kernel_columns):
            top, left = i * g.dilation_rows, j * g.dilation_columns
            down = slice(top, top + (g.out_height - 1) * g.stride_rows + 1, g.stride_rows)
            along = slice(left, left + (g.out_width - 1) * g.stride_columns + 1, g.stride_columns)
            wide[:, down, along] += split[:, :, :, i, j]
    out = np.zeros((rows, g.height, g.width, g.channels), split.dtype)
    tall, broad = min(g.height, wide.shape[1] - g.top), min(g.width, wide.shape[2] - g.left)
    out[:, :tall, :broad] = wide[:, g.top : g.top + tall, g.left : g.left + broad]
    return out


def by_window(y: np.ndarray, g: Windows) -> np.ndarray:
    """(rows, out_height, out_width, filters) -> (rows, pooled height, pooled width, places of a pool, filters), a copy."""
    tall, wide = g.pooled
    y = y.reshape(y.shape[0], g.out_height, g.out_width, g.filters)[:, : tall * g.pool_rows, : wide * g.pool_columns]
    split = y.reshape(y.shape[0], tall, g.pool_rows, wide, g.pool_columns, g.filters).transpose(0, 1, 3, 2, 4, 5)
    return split.reshape(y.shape[0], tall, wide, g.pool_rows * g.pool_columns, g.filters)


def from_windows(split: np.ndarray, g: Windows) -> np.ndarray:
    """The adjoint of `by_window`: places that no pool covers are zero."""
    tall, wide = g.pooled
    rows = split.shape[0]
    y = split.reshape(rows, tall, wide, g.pool_rows, g.pool_columns, g.filters).transpose(0, 1, 3, 2, 4, 5)
    out = np.zeros((rows, g.out_height, g.out_width, g.filters), split.dtype)
    out[:, : tall * g.pool_rows, : wide * g.pool_columns] = y.reshape(rows, tall * g.pool_rows, wide * g.pool_columns, g.filters)
    return out
