"""Convolutions on either kind of backend: which kernels a layer's forward and backward are.

On a CPU a kernel reads images in place, adds the bias and, where it may, does a max pooling too. A device lays patches out for its
library's products, or sums directly where terms are few; the bias goes with the activation that follows.
"""

from typing import Any

import numpy as np

from gpunn.kernels import conv, conv_device, pool, reductions
from gpunn.kernels.record import matrix
from gpunn.kernels.windows import Windows

FEW = 32  # taps of a window up to which a device sums directly


class Convolution:
    """The launches of one geometry, on one backend."""

    def __init__(self, ops: Any, windows: Windows):
        self.ops, self.g = ops, windows
        self.geometry = ops.asarray(windows.array())
        self.direct = windows.groups > 1 or windows.taps <= FEW

    def _lanes(self, dtype: Any) -> bool:
        """On a CPU: whether tiles whose lanes are channels do it."""
        return self.g.by_lanes(self.ops.turning // dtype.itemsize or 1)

    # ------------------------------------------------------------------ forward
    def forward(self, x: Any, kernel: Any, bias: Any) -> Any:
        """(rows, places * filters), on a CPU with the bias."""
        ops, g, rows = self.ops, self.g, x.shape[0]
        y = ops.empty((rows, g.places * g.filters), x.dtype)
        w = kernel.reshape(g.taps, g.filters)
        if ops.chains:
            ops.launch(conv.CONV_LANES if self._lanes(x.dtype) else conv.CONV, matrix(x), w, _bias(ops, bias, g, x.dtype), self.geometry, y)
        elif self.direct:
            ops.launch(conv_device.CONV_DIRECT, x, w, self.geometry, y)
        else:
            ops.matmul(self._patches(x), w, y.reshape(rows * g.places, g.filters))
        return y

    def pooled(self, x: Any, kernel: Any, bias: Any) -> tuple[Any, Any]:
        """On a CPU: what `forward` gives and a max pooling makes of it, and which place of each window won."""
        ops, g, rows = self.ops, self.g, x.shape[0]
        tall, wide = g.pooled
        y = ops.empty((rows, tall * wide * g.filters), x.dtype)
        at = ops.empty(y.shape, "int32")
        w = kernel.reshape(g.taps, g.filters)
        ops.launch(conv.CONV_POOL, matrix(x), w, _bias(ops, bias, g, x.dtype), self.geometry, y, at)
        return y, at

    # ------------------------------------------------------------------ backward
    def weights(self, x: Any, dz: Any, kernel: Any, bias: Any, at: Any = None) -> None:
        """Gradients of the parameters `kernel` and `bias` (or None) from that of the output; with `at`, from that of the pooled output."""
        ops, g, rows = self.ops, self.g, x.shape[0]
        learns = bias is not None and bias.learns
        if not (kernel.learns or learns):
            return
        if ops.chains:
            group = conv.group_of(rows)
            parts = ops.empty((-(-rows // group), (g.taps + 1) * g.filters), x.dtype)
            images, dz = matrix(x), matrix(dz)
            if at is None:
                ops.launch(conv.CONV_LANES_DW if self._lanes(x.dtype) else conv.CONV_DW, images, dz, self.geometry, group, parts)
            else:
                ops.launch(conv.CONV_POOL_DW, images, dz, at, self.geometry, group, parts)
            if kernel.learns:
                ops.launch(conv.CONV_SUM, parts, 0, float(kernel.claim()), kernel.gradient.reshape(g.taps, g.filters))
            if learns:
                ops.launch(conv.CONV_SUM, parts, g.taps * g.filters, float(bias.claim()), bias.gradient.reshape(1, g.filters))
            return
        dz = dz.reshape(rows * g.places, g.filters)
        if learns:
            ops.launch(reductions.COLUMN_SUM, dz, float(bias.claim()), bias.gradient)
        if kernel.learns:
            self._kernel_gradient(x, dz, kernel)

    def _kernel_gradient(self, x: Any, dz: Any, kernel: Any) -> None:
        ops, g = self.ops, self.g
        add = kernel.claim()
        if g.groups > 1:
            images = x.shape[0]
            group = conv_device.direct_group(images, g)
            parts = ops.empty((-(-images // group) * g.taps, g.filters), x.dtype)
            ops.launch(conv_device.CONV_DIRECT_DW, x, dz, self.geometry, group, images, parts)
            ops.launch(reductions.COLUMN_SUM, parts.reshape(-1, g.taps * g.filters), float(add), kernel.gradient.reshape(-1))
        else:
            ops.matmul(self._patches(x), dz, kernel.gradient.reshape(g.taps, g.filters), ta=True, add=add)

    def inputs(self, dz: Any, kernel: Any, at: Any = None) -> Any:
        """The input's gradient, (rows, height * width * channels)."""
        ops, g, rows = self.ops, self.g, dz.shape[0]
        w = kernel.reshape(g.taps, g.filters)
        dx = ops.empty((rows, g.height * g.width * g.channels), dz.dtype)
        dz = matrix(dz)
        if ops.chains and at is None:
            ops.launch(conv.CONV_LANES_DX if self._lanes(dz.dtype) else conv.CONV_DX, dz, w, self.geometry, dx)
        elif ops.chains:
            ops.launch(conv.CONV_POOL_DX, dz, at, w, self.geometry, dx)
        elif self.direct:
            ops.launch(conv_device.CONV_DIRECT_DX, dz, w, self.geometry, dx)
        else:
            patches = ops.matmul(dz.reshape(rows * g.places, g.filters), w, tb=True)
            ops.launch(conv_device.COL2IM, patches, self.geometry, dx)
        return dx

    def _patches(self, x: Any) -> Any:
        g = self.g
        patches = self.ops.empty((x.shape[0] * g.places, g.taps), x.dtype)
        self.ops.launch(conv_device.IM2COL, x, self.geometry, patches)
        return patches


def _bias(ops: Any, bias: Any, g: Windows, dtype: Any) -> Any:
    return ops.asarray(np.zeros(g.filters, dtype)) if bias is None else bias


class Pooling:
    """The launches of a pooling."""

    def __init__(self, ops: Any, windows: Windows):
        self.ops, self.g = ops, windows
        self.geometry = ops.asarray(windows.array())

    def largest(self, x: Any) -> tuple[Any, Any]:
        """(rows, places * channels), and which tap of each window is the largest."""
        y = self.ops.empty((x.shape[0], self.g.places * self.g.channels), x.dtype)
        at = self.ops.empty(y.shape, "int32")
        self.ops.launch(pool.MAX_POOL, matrix(x), self.geometry, y, at)
        return y, at

    def largest_inputs(self, dy: Any, at: Any) -> Any:
        dx = self._inputs(dy)
        self.ops.launch(pool.MAX_POOL_BWD, dy.reshape(at.shape), at, self.geometry, dx)
        return dx

    def shared_inputs(self, dy: Any, x: Any, y: Any) -> Any:
        """Of a window that is the whole image: equals share the gradient, as Keras's reduction has it."""
        dx = self._inputs(dy)
        self.ops.launch(pool.GLOBAL_MAX_BWD, dy.reshape(y.shape), matrix(x), y, self.g.height * self.g.width, dx)
        return dx

    def mean(self, x: Any, average: bool = True) -> Any:
        """(rows, places * channels): means, or sums."""
        y = self.ops.empty((x.shape[0], self.g.places * self.g.channels), x.dtype)
        self.ops.launch(pool.AVERAGE_POOL, matrix(x), self._shares(average, x.dtype), self.geometry, y)
        return y

    def mean_inputs(self, dy: Any, average: bool = True) -> Any:
        dx = self._inputs(dy)
        self.ops.launch(pool.AVERAGE_POOL_BWD, matrix(dy), self._shares(average, dy.dtype), self.geometry, dx)
        return dx

    def _shares(self, average: bool, dtype: Any) -> Any:
        return self.ops.asarray(pool.shares_of(self.g, average, dtype))

    def _inputs(self, dy: Any) -> Any:
        return self.ops.empty((dy.shape[0], self.g.height * self.g.width * self.g.channels), dy.dtype)
