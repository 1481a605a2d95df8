"""Rules of poolings: of means, and of the largest, where only winners count."""

from typing import Any

import numpy as np

from gpunn.backend.convolution import Pooling
from gpunn.backend.volumes import pooling
from gpunn.kernels.windows import Windows
from gpunn.layers.tensor import Tensor
from gpunn.ops.at_once import operate
from gpunn.ops.convolving import AVERAGE_POOL, MAX_POOL
from gpunn.ops.elementwise import MULTIPLY
from gpunn.ops.moves import filled
from gpunn.ops.operation import Back, Place
from gpunn.ops.rules.base import Asked, Found, Linear, OfTensors, linear, rule, shaped
from gpunn.ops.shaping import TAKE


class WindowSums(OfTensors):
    """The sum of each window of images, (rows, height, width, channels). Options: ``windows``, and the ``shape`` of what comes out."""

    def device(self, op: Place, operands: list[Any], options: dict[str, Any]) -> tuple[Any, Back]:
        (x,), run = operands, pooling(op.backend, options["windows"])
        y = run.mean(x, average=False).reshape(options["shape"])
        return y, lambda dy, needs: [run.mean_inputs(dy, average=False).reshape(x.shape)]


WINDOW_SUMS = WindowSums("window_sums")
rule(WINDOW_SUMS, AVERAGE_POOL)(linear)


@rule(MAX_POOL)
def max_pool(asked: Asked) -> Found:
    """Linear, as long as the same elements win: windows are laid side by side, where of each the winner is all of the sum."""
    (x,), ops = asked.operands, asked.dy.backend
    g = asked.call.definition.geometry([tuple(x.shape)], asked.call.options)
    apart, rows, columns = _laid_out(g)
    winners = Pooling(ops, apart).largest_inputs(filled(ops, asked.dy.shape, 1.0, x.computed_in), Pooling(ops, g).largest(x.array)[1])
    laid = Tensor(winners.reshape(x.shape[0], apart.height, apart.width, g.channels), ops)

    def forward(tensors: list[Tensor]) -> list[Tensor]:
        images = shaped(tensors[0], (x.shape[0], g.height, g.width, g.channels))
        for axis, places in ((1, rows), (2, columns)):
            images = operate(TAKE, [images], {"indices": places, "axis": axis})
        return [operate(WINDOW_SUMS, [operate(MULTIPLY, [images, laid], {})], {"windows": apart, "shape": asked.dy.shape})]

    return Linear(forward)(asked.record, [asked.dy], [True])


def _laid_out(g: Windows) -> tuple[Windows, np.ndarray, np.ndarray]:
    """Windows that do not overlap, and the rows and the columns of an image that lie there; those of outside of it, where nothing wins, are
    its borders."""

    def places(count: int, stride: int, first: int, taps: int, size: int) -> np.ndarray:
        return np.clip(np.add.outer(np.arange(count) * stride - first, np.arange(taps)), 0, size - 1).reshape(-1)

    rows = places(g.out_height, g.stride_rows, g.top, g.kernel_rows, g.height)
    columns = places(g.out_width, g.stride_columns, g.left, g.kernel_columns, g.width)
    sizes = g.kernel_rows, g.kernel_columns
    return Windows(len(rows), len(columns), g.channels, g.out_height, g.out_width, g.channels, *sizes, *sizes), rows, columns
