"""Convolutions and poolings of volumes, (depth, height, width, channels), made of those of frames: `Convolution` and `Pooling`.

A convolution is the sum of those of the frames that each tap of its depth meets; a pooling goes over frames first, then along the depth.
"""

from types import SimpleNamespace
from typing import Any

from gpunn.backend.convolution import Convolution, Pooling
from gpunn.kernels.pool import PAD
from gpunn.kernels.record import REGISTRY, matrix
from gpunn.kernels.windows import Volume, Windows


def convolution(ops: Any, g: Windows | Volume) -> Any:
    """The launches of a convolution of this geometry."""
    return VolumeConvolution(ops, g) if isinstance(g, Volume) else Convolution(ops, g)


def pooling(ops: Any, g: Windows | Volume) -> Any:
    """The launches of a pooling of this geometry."""
    return VolumePooling(ops, g) if isinstance(g, Volume) else Pooling(ops, g)


def moved(ops: Any, x: Any, before: tuple[int, int], after: tuple[int, int], channels: int, first: tuple[int, int]) -> Any:
    """Images of `before` places as ones of `after` places, so many zeros above and left of them, or so many places less where negative."""
    g = Windows(*before, channels, *after, channels, 1, 1, top=first[0], left=first[1])
    y = ops.empty((x.shape[0], g.places * channels), x.dtype)
    ops.launch(PAD, matrix(x), ops.asarray(g.array()), y)
    return y


class VolumeConvolution:
    """The same methods as `Convolution`'s, but for a pooling in the same pass."""

    def __init__(self, ops: Any, volume: Volume):
        self.ops, self.g, self.frames = ops, volume, Convolution(ops, volume.frame)
        self.inner = volume.frame.height * volume.frame.width * volume.frame.channels
        self.long = (volume.out_depth - 1) * volume.stride_depth + 1  # frames from the first that a tap meets to the last
        self.every = Pooling(ops, Windows(self.long, 1, self.inner, volume.out_depth, 1, self.inner, 1, 1, volume.stride_depth))

    def _slices(self, kernel: Any) -> Any:
        return kernel.reshape(self.g.kernel_depth, self.g.frame.taps, self.g.filters)

    def _met(self, x: Any, tap: int) -> Any:
        """The frames that a tap meets, one a row."""
        g = self.g
        met = moved(self.ops, x, (g.depth, 1), (self.long, 1), self.inner, (g.front - tap * g.dilation_depth, 0))
        met = met if g.stride_depth == 1 else self.every.mean(met, average=False)
        return met.reshape(x.shape[0] * g.out_depth, self.inner)

    def _sent_back(self, frames: Any, rows: int, tap: int) -> Any:
        """The adjoint of `_met`."""
        g, frames = self.g, frames.reshape(rows, self.g.out_depth * self.inner)
        frames = frames if g.stride_depth == 1 else self.every.mean_inputs(frames, average=False)
        return moved(self.ops, frames, (self.long, 1), (g.depth, 1), self.inner, (tap * g.dilation_depth - g.front, 0))

    def _sum(self, parts: Any) -> Any:
        total = next(parts)
        for part in parts:
            self.ops.launch(REGISTRY["add"], total, part)
        return total

    def forward(self, x: Any, kernel: Any, bias: Any) -> Any:
        w = self._slices(kernel)
        y = self._sum(self.frames.forward(self._met(x, k), w[k], None if k else bias) for k in range(self.g.kernel_depth))
        return y.reshape(x.shape[0], self.g.places * self.g.filters)

    def weights(self, x: Any, dz: Any, kernel: Any, bias: Any, at: Any = None) -> None:
        add = kernel.learns and kernel.claim()
        dz = dz.reshape(x.shape[0] * self.g.out_depth, self.g.frame.places * self.g.filters)
        gradient = self._slices(kernel.gradient) if kernel.learns else [None] * self.g.kernel_depth
        for k in range(self.g.kernel_depth):
            own = SimpleNamespace(learns=kernel.learns, claim=lambda: add, gradient=gradient[k])
            self.frames.weights(self._met(x, k), dz, own, None if k else bias)

    def inputs(self, dz: Any, kernel: Any, at: Any = None) -> Any:
        rows, w = dz.shape[0], self._slices(kernel)
        dz = dz.reshape(rows * self.g.out_depth, self.g.frame.places * self.g.filters)
        return self._sum(self._sent_back(self.frames.inputs(dz, w[k]), rows, k) for k in range(self.g.kernel_depth))


class VolumePooling:
    """The same methods as `Pooling`'s, but for a window that is all."""

    def __init__(self, ops: Any, volume: Volume):
        self.g, frame = volume, volume.frame
        self.frames = Pooling(ops, frame)
        inner = frame.places * frame.channels
        self.inner, self.whole = inner, frame.height * frame.width * frame.channels
        window = volume.kernel_depth, 1, volume.stride_depth, 1, volume.dilation_depth, 1, volume.front
        self.along = Pooling(ops, Windows(volume.depth, 1, inner, volume.out_depth, 1, inner, *window))

    def _frames(self, x: Any, size: int) -> Any:
        return x.reshape(x.shape[0] * self.g.depth, size)

    def _volumes(self, frames: Any, size: int) -> Any:
        return frames.reshape(frames.shape[0] // self.g.depth, self.g.depth * size)

    def largest(self, x: Any) -> tuple[Any, Any]:
        tops, within = self.frames.largest(self._frames(x, self.whole))
        y, along = self.along.largest(self._volumes(tops, self.inner))
        return y, (within, along)

    def largest_inputs(self, dy: Any, at: Any) -> Any:
        within, along = at
        d = self.along.largest_inputs(dy.reshape(along.shape), along)
        return self._volumes(self.frames.largest_inputs(self._frames(d, self.inner), within), self.whole)

    def mean(self, x: Any, average: bool = True) -> Any:
        return self.along.mean(self._volumes(self.frames.mean(self._frames(x, self.whole), average), self.inner), average)

    def mean_inputs(self, dy: Any, average: bool = True) -> Any:
        d = self.along.mean_inputs(dy.reshape(dy.shape[0], self.g.out_depth * self.inner), average)
        return self._volumes(self.frames.mean_inputs(self._frames(d, self.inner), average), self.whole)
