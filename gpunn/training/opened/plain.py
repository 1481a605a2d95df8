"""Layers that move, add up or choose: linear ones, dropout and noise, poolings, masks."""

from typing import Any

from gpunn import layers as L
from gpunn.layers.masked import Masked
from gpunn.layers.tensor import Tensor
from gpunn.ops import along_axes as along
from gpunn.ops import arithmetic as a
from gpunn.ops import convolving, shaping
from gpunn.ops.at_once import operate
from gpunn.ops.elementwise import SUBTRACT
from gpunn.ops.rules.base import zeros_of
from gpunn.training.opened.base import Opened, constant, linear, opened, opens
from gpunn.training.plan import Stage

opens(
    L.AdaptiveAveragePooling1D, L.AdaptiveAveragePooling2D, L.AdaptiveAveragePooling3D, L.Add, L.Average, L.AveragePooling1D,
    L.AveragePooling2D, L.AveragePooling3D, L.Concatenate, L.Cropping1D, L.Cropping2D, L.Cropping3D, L.Dropout, L.Flatten,
    L.GaussianDropout, L.GlobalAveragePooling1D, L.GlobalAveragePooling2D, L.GlobalAveragePooling3D, L.Identity, L.Permute,
    L.RepeatVector, L.Reshape, L.SpatialDropout1D, L.SpatialDropout2D, L.SpatialDropout3D, L.Subtract, L.UpSampling1D, L.UpSampling2D,
    L.UpSampling3D, L.ZeroPadding1D, L.ZeroPadding2D, L.ZeroPadding3D,
)(linear)


@opens(L.AlphaDropout, L.GaussianNoise, L.Normalization, L.Rescaling)
def affine(call: Opened, inputs: list[Tensor]) -> list[Tensor]:
    """A call that is linear but for a constant, less that."""

    def run(arrays: list[Any]) -> tuple[list[Any], Any]:
        outputs, pullback = call.run(arrays)
        nothing = [zeros_of(t).array for t in inputs]
        less = zip(outputs, call.run(nothing)[0], strict=True)
        return [operate(SUBTRACT, [Tensor(y, inputs[0].backend), Tensor(z, inputs[0].backend)], {}).array for y, z in less], pullback

    return linear(Opened(call.stage, call.training, run), inputs)


@opens(L.TimeDistributed)
def time_distributed(call: Opened, inputs: list[Tensor]) -> Any:
    """The steps of all rows as rows."""
    (x,) = inputs
    if call.training and call.layer.by_steps:
        each = Opened(Stage(call.layer.layer, (0,), (1,)), True, call.run)
        return shaping.stack([opened(each, [part])[0] for part in shaping.unstack(x, axis=1)], axis=1)
    steps = shaping.reshape(x, (x.shape[0] * x.shape[1], *x.shape[2:]))

    def run(arrays: list[Any]) -> tuple[list[Any], Any]:
        (y,), pullback = call.run([arrays[0].reshape(x.shape)])
        return [y.reshape(steps.shape[0], *y.shape[2:])], lambda dy, needs: [
            None if dx is None else dx.reshape(steps.shape) for dx in pullback([dy[0].reshape(y.shape)], needs)
        ]

    (y,) = opened(Opened(Stage(call.layer.layer, (0,), (1,)), call.training, run), [steps])
    return shaping.reshape(y, (*x.shape[:2], *y.shape[1:]))


@opens(L.ActivityRegularization, Masked)
def as_it_is(call: Opened, inputs: list[Tensor]) -> Any:
    return a.multiply(inputs[0], 1.0)


# ---------------------------------------------------------------------- the largest
@opens(L.MaxPooling1D, L.MaxPooling2D)
def max_pooling(call: Opened, inputs: list[Tensor]) -> Any:
    return max_pooled(call.layer, inputs[0])


def max_pooled(layer: Any, x: Tensor) -> Any:
    return convolving.max_pool(x, layer.pool_size, layer.strides, layer.padding)


@opens(L.GlobalMaxPooling1D, L.GlobalMaxPooling2D, L.GlobalMaxPooling3D)
def global_max_pooling(call: Opened, inputs: list[Tensor]) -> Any:
    return along.max(inputs[0], axis=list(range(1, len(inputs[0].shape) - 1)), keepdims=call.layer.keepdims)


@opens(L.Masking)
def masking(call: Opened, inputs: list[Tensor]) -> Any:
    (x,) = inputs
    seen = call.layer.mask_of_call(x.array, None, {}).reshape(*x.shape[:2], *(1,) * (len(x.shape) - 2))
    return a.multiply(x, constant(seen, x))
