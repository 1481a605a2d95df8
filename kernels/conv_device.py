"""Convolutions on a device: patches laid out beside products that a library does, and direct sums where the terms are few.

`im2col` and `col2im` are each other's adjoint and gather: no atomics, the same bits in every run. The direct kernels serve groups
(depthwise convolutions among them) and first layers, whose windows have so few taps that laying them out would cost more than the products.
"""

import numpy as np

from gpunn.kernels.conv import _dw_reference, _dx_reference, convolved
from gpunn.kernels.cuda_text import cuda_kernel
from gpunn.kernels.record import Kernel, matrix, parse, register, rows_of
from gpunn.kernels.windows import Windows, add_back, padded, taps_of, windows_of

WARPS = 8192  # that a large device holds: so many rows of parts, where there are images for them


def _kernel(name: str, signature: str, reference, geometry="elements") -> Kernel:
    return register(
        Kernel(
            name=name, operands=parse(signature), extent=lambda *a: rows_of(a[-1]), reference=reference,
            cuda=cuda_kernel("conv.cu", name), geometry=geometry, family="images",
        )
    )


def _im2col_reference(x, geometry, patches):
    g = windows_of(geometry)
    patches[...] = taps_of(padded(x, g), g).reshape(patches.shape)


def _col2im_reference(patches, geometry, dx):
    g = windows_of(geometry)
    dx[...] = add_back(patches.reshape(dx.shape[0], g.places * g.taps), g).reshape(dx.shape)


def _direct_reference(x, w, geometry, y):
    g = windows_of(geometry)
    y[...] = convolved(x, w, g).reshape(y.shape)


def _direct_dx_reference(dz, w, geometry, dx):
    _dx_reference(matrix(dz), w, geometry, dx)


def _direct_dw_reference(x, dz, geometry, group, images, parts):
    g: Windows = windows_of(geometry)
    sums = np.zeros((rows_of(parts) // g.taps, (g.taps + 1) * g.filters), parts.dtype)
    _dw_reference(x, dz.reshape(x.shape[0], g.places * g.filters), geometry, group, sums)
    parts[...] = sums[:, : g.taps * g.filters].reshape(parts.shape)


def direct_group(images: int, g: Windows) -> int:
    """Images of a part for `conv_direct_dw`."""
    return max(1, -(-images // max(1, min(images, WARPS // g.taps))))


# patches: (rows * places, taps), without groups
IM2COL = _kernel("im2col", "x:whole, geometry:whole:i8 -> patches", _im2col_reference)
COL2IM = _kernel("col2im", "patches:whole, geometry:whole:i8 -> dx", _col2im_reference)
# y = x convolved with w, and its two adjoints; that of w in parts of `group` images, as (parts * taps, filters)
CONV_DIRECT = _kernel("conv_direct", "x:whole, w:whole, geometry:whole:i8 -> y", _direct_reference)
CONV_DIRECT_DX = _kernel("conv_direct_dx", "dz:whole, w:whole, geometry:whole:i8 -> dx", _direct_dx_reference)
CONV_DIRECT_DW = register(
    Kernel(
        name="conv_direct_dw",
        operands=parse("x:whole, dz:whole, geometry:whole:i8, group:const:i8, images:const:i8 -> parts"),
        extent=lambda *a: rows_of(a[-1]), geometry="warps", family="images", cuda=cuda_kernel("conv.cu", "conv_direct_dw"),
        reference=_direct_dw_reference,
    )
)
