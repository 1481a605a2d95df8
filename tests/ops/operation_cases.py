"""Operations with arrays for them: a function of tensors, shapes with the batch axis first, and how the numbers are drawn."""

import numpy as np

from gpunn import ops
from gpunn.losses import KLDivergence, MeanSquaredError, SparseCategoricalCrossentropy

COLUMN = np.array([[0.5], [-1.0], [2.0]])
ROW = np.array([0.5, -1.0, 2.0, 1.5])
ONE = (5, 4)


def positive(rng, shape):
    return rng.uniform(0.3, 2.0, shape)


def normal(rng, shape):
    return rng.standard_normal(shape)


def normalized(x):
    centred = x - ops.mean(x, axis=-1, keepdims=True)
    return centred * ops.rsqrt(ops.mean(ops.square(centred), axis=-1, keepdims=True) + 0.1)


def many_in_a_row(x):
    """More operations than one kernel takes."""
    y = x
    for _ in range(30):
        y = ops.sin(y) + 0.1 * x
    return y


def crossentropies(a, b):
    t, p = a / ops.sum(a, axis=-1, keepdims=True), b / ops.sum(b, axis=-1, keepdims=True)
    alone = ops.binary_crossentropy(t, p) + ops.binary_crossentropy(t, b, from_logits=True)
    return alone + (ops.categorical_crossentropy(t, p) + ops.categorical_crossentropy(t, b, from_logits=True))[:, None]


def unary(name, draw=normal, **options):
    return lambda x: getattr(ops, name)(x, **options), [ONE], draw


def places(x, n):
    """Integers from 0 to n - 1 that follow from the numbers."""
    return ops.mod(ops.floor(ops.abs(x) * 7), n)


def masked_loss(**options):
    """A mean over labels that are not 0, as losses of the user's are."""

    def loss(a, b):
        labels = places(a, b.shape[-1])
        values = SparseCategoricalCrossentropy(reduction="none", **options)(labels, b)
        mask = ops.cast(ops.greater(labels, 0), values.dtype if isinstance(values.dtype, str) else "float64")
        return ops.sum(values * mask) / ops.sum(mask) + 0.1 * ops.sum(a)

    return loss


CASES = {
    "loss_of_labels": (masked_loss(from_logits=True), [(5, 3), (5, 3, 4)], normal),
    "loss_of_some_labels": (
        lambda a, b: SparseCategoricalCrossentropy(True, ignore_class=1)(places(a, 4), b) + 0.1 * ops.sum(a), [(5, 3), (5, 3, 4)], normal),
    "loss_of_one_target": (
        lambda a: KLDivergence(reduction=None)(0.3, ops.mean(ops.sigmoid(a), axis=0)) + 0 * ops.sum(a), [(5, 3)], normal),
    "loss_with_weights": (
        lambda a, b: MeanSquaredError()(ops.zeros_like(a), b, ops.square(a[:, 0])), [(5, 3), (5, 3)], normal),
    "rows_of_a_table": (lambda a, b: ops.take(b, places(a, 4), axis=0) * a[..., None], [(5, 3), (4, 2)], normal),
    "columns_of_a_table": (lambda a, b: ops.sum(ops.take(b, places(a, 3), axis=1), axis=(0, 3)) * a, [(5, 2), (4, 3, 2)], normal),
    "numbers_of_a_table": (lambda a, b: ops.take(b, places(a, 6)) * a, [(5, 3), (2, 3)], normal),
    **{name: unary(name) for name in (
        "negative", "absolute", "square", "exp", "expm1", "sin", "cos", "tanh", "erf", "sigmoid", "relu", "selu", "softplus", "silu",
        "leaky_relu", "elu", "gelu",
    )},
    **{name: unary(name, positive) for name in ("sqrt", "rsqrt", "log", "log1p", "reciprocal")},
    "gelu_exactly": unary("gelu", approximate=False),
    "plus": (lambda a, b: a + b, [ONE, ONE], normal),
    "minus_a_row": (lambda a, b: a - b, [ONE, (1, 4)], normal),
    "times_a_column": (lambda a, b: a * b, [ONE, (5, 1)], normal),
    "a_column_by_a_row": (lambda a, b: a / b, [(5, 1), (1, 4)], positive),
    "middle_axes": (lambda a, b: a * b, [(3, 1, 4), (3, 2, 1)], normal),
    "numbers_on_either_side": (lambda a: 2 - 3 * (1 / (a + 4)) / 2, [ONE], positive),
    "arrays_on_either_side": (lambda a: ROW - a * COLUMN, [(5, 3, 4)], normal),
    "squared": (lambda a: ops.sum(a * a) * a + a - a, [ONE], normal),
    "power": (lambda a, b: a**b, [ONE, ONE], positive),
    "powers_of_numbers": (lambda a: a**2 + a**3 + a**0.5 + a**1 + a**1.7 + 2**a, [ONE], positive),
    "maximum": (lambda a, b: ops.maximum(a, b) - ops.minimum(a, 0.1), [ONE, ONE], normal),
    "mod": (lambda a: ops.mod(a, 0.7), [ONE], normal),
    "clip": (lambda a: ops.clip(a, -0.5, 0.5) * a, [ONE], normal),
    "where": (lambda a, b: ops.where(a > b, a * b, b), [ONE, ONE], normal),
    "truths": (lambda a, b: ops.where((a > 0) & ~(b < 0) | ops.equal(a, b), a, -b), [ONE, ONE], normal),
    "mish": (lambda a: a * ops.tanh(ops.softplus(a)), [ONE], normal),
    "huber": (lambda a, b: ops.mean(ops.where(ops.abs(a - b) <= 0.7, (a - b) ** 2, ops.abs(a - b)), axis=-1), [ONE, ONE], normal),
    "normalized": (lambda a, b, c: normalized(a) * b + c, [(3, 2, 4), (4,), (4,)], normal),
    "gated_by_columns": (lambda a, b: a * ops.sigmoid(b * 2 + a) - b, [(3, 2, 4), (3, 2, 1)], normal),
    "a_number_of_many": (lambda a, b: a * ops.exp(b) + b, [(3, 4), (1, 1)], normal),
    "squares_of_all_axes": (lambda a, b: ops.mean(ops.square(a - b)), [(3, 2, 4), (2, 1)], normal),
    "squares_of_two_axes": (lambda a, b: ops.sum(a * b * b, axis=(1, 2), keepdims=True) * a, [(3, 2, 4), (3, 2, 4)], normal),
    "many_in_a_row": (many_in_a_row, [ONE], normal),
    "one_used_twice": (lambda a, b: (a + b) * ops.sum(a + b, axis=-1, keepdims=True), [ONE, ONE], normal),
    "curves": (lambda a: ops.tan(0.3 * a) + ops.sinh(a) * ops.cosh(a) - ops.arctan(a) * ops.softsign(a), [ONE], normal),
    "bent": (lambda a: ops.relu6(a + 5) * ops.hard_sigmoid(a) + ops.hard_silu(a) * ops.celu(a) - ops.log_sigmoid(a), [ONE], normal),
    "logarithms": (lambda a, b: ops.log2(a) * ops.log10(b) + ops.logaddexp(a, b), [ONE, ONE], positive),
    "cumsum": (lambda a: ops.cumsum(a, axis=1) * ops.cumsum(a, axis=-1), [(3, 2, 4)], normal),
    "average": (lambda a, b: ops.average(a, axis=-1, weights=b), [ONE, (1, 4)], positive),
    "padded": (lambda a: ops.pad(a, ((0, 0), (1, 2))) * ops.pad(a, ((0, 0), (2, 1)), "reflect"), [ONE], normal),
    "triangles": (lambda a: ops.tril(a) @ ops.triu(a, 1), [(2, 3, 3)], normal),
    "crossentropies": (crossentropies, [ONE, ONE], positive),
    "sum": (lambda a: ops.sum(a * a), [ONE], normal),
    "sum_of_rows": (lambda a: ops.sum(a * a, axis=-1), [(3, 2, 4)], normal),
    "sum_of_columns": (lambda a: ops.sum(a * a, axis=0, keepdims=True) * a, [ONE], normal),
    "sum_of_two_axes": (lambda a: ops.sum(a * a, axis=[0, 2]), [(3, 2, 4)], normal),
    "mean": (lambda a: ops.mean(ops.square(a), axis=(1, 2)), [(3, 2, 4)], normal),
    "mean_of_all": (lambda a: ops.mean(a) + a, [ONE], normal),
    "max": (lambda a: ops.max(a, axis=1) * ops.min(a, axis=1), [ONE], normal),
    "max_of_all": (lambda a: ops.max(a) * a, [ONE], normal),
    "max_of_columns": (lambda a: ops.max(a, axis=0), [(5, 2, 3)], normal),
    "var": (lambda a: ops.var(a, axis=-1) + ops.std(a, axis=-1), [ONE], normal),
    "norm": (lambda a: ops.norm(a, axis=-1, keepdims=True) + ops.norm(a, ord=1, axis=1, keepdims=True), [ONE], normal),
    "normalize": (lambda a: ops.normalize(a, axis=-1), [ONE], normal),
    "logsumexp": (lambda a: ops.logsumexp(a, axis=1), [(3, 4, 2)], normal),
    "softmax": (lambda a: ops.softmax(a) * ops.log_softmax(a), [ONE], normal),
    "softmax_of_a_middle_axis": (lambda a: ops.softmax(a, axis=1), [(3, 4, 2)], normal),
    "prod": (lambda a: ops.prod(a, axis=1), [ONE], normal),
    "matmul": (lambda a, b: a @ b, [(5, 4), (4, 3)], normal),
    "matmul_of_sequences": (lambda a: a @ np.eye(4)[:, :2], [(3, 2, 4)], normal),
    "matmul_by_rows": (lambda a, b: a @ b, [(3, 2, 4), (3, 4, 5)], normal),
    "matmul_of_heads": (lambda a, b: ops.matmul(a, ops.swapaxes(b, -1, -2)), [(2, 3, 4, 2), (2, 1, 5, 2)], normal),
    "products_of_rows": (lambda a: a @ ops.transpose(a), [ONE], normal),
    "by_a_vector": (lambda a: a @ ROW, [ONE], normal),
    "dot": (lambda a: ops.dot(a, np.outer(ROW, ROW)), [ONE], normal),
    "tensordot": (lambda a, b: ops.tensordot(a, b, [[2], [1]]), [(3, 2, 4), (5, 4)], normal),
    "einsum": (lambda a, b: ops.einsum("bik,bjk->bij", a, b), [(3, 2, 4), (3, 5, 4)], normal),
    "einsum_of_a_weight": (lambda a, b: ops.einsum("abc,cde->abde", a, b), [(3, 2, 4), (4, 2, 3)], normal),
    "einsum_without_an_arrow": (lambda a, b: ops.einsum("...ik,...kj", a, b), [(3, 2, 4), (3, 4, 5)], normal),
    "einsum_of_rows": (lambda a, b: ops.einsum("bi,bi->b", a, b), [ONE, ONE], normal),
    "einsum_of_one": (lambda a: ops.einsum("bij->ji", a), [(3, 2, 4)], normal),
    "reshape": (lambda a: ops.reshape(a, (-1, 2, 6)) * ops.reshape(a, (ops.shape(a)[0], 2, -1)), [(3, 4, 3)], normal),
    "transpose": (lambda a: ops.transpose(a, (0, 2, 1)), [(3, 2, 4)], normal),
    "moved": (lambda a: ops.moveaxis(a, 0, -1), [(3, 2, 4)], normal),
    "cut": (lambda a: a[:, 1:3, ::-1] * a[..., :1, :] + a[:, None, 0], [(3, 3, 2)], normal),
    "first_rows": (lambda a: a[:2] * 2, [(3, 2)], normal),
    "squeezed": (lambda a: ops.squeeze(ops.expand_dims(a, 1), 1) + ops.expand_dims(a, -1)[..., 0], [ONE], normal),
    "joined": (lambda a, b: ops.concatenate([a, b, a], axis=-1), [ONE, (5, 2)], normal),
    "joined_along_rows": (lambda a, b: ops.concatenate([a, b], axis=0), [ONE, ONE], normal),
    "stacked": (lambda a, b: ops.stack([a, b], axis=1) * ops.stack([a, b], axis=1), [ONE, ONE], normal),
    "split": (lambda a: ops.split(a, 2, axis=-1)[0] * ops.split(a, [2], axis=1)[1], [ONE], normal),
    "repeated": (lambda a: ops.repeat(a, 3, axis=1) * ops.tile(a, (1, 3)), [ONE], normal),
    "tiled_rows": (lambda a: ops.tile(a, (2, 1)), [ONE], normal),
    "taken": (lambda a: ops.take(a, [0, 2, 2], axis=1), [ONE], normal),
    "flipped": (lambda a: ops.flip(a, axis=1) * ops.roll(a, 1, axis=1), [ONE], normal),
    "broadcast": (lambda a: ops.broadcast_to(a, (None, 3, 4)), [(5, 1, 4)], normal),
    "held": (lambda a: ops.stop_gradient(ops.ones_like(a)) * a + ops.zeros_like(a) + ops.full_like(a, 2.0), [ONE], normal),
    "patches": (lambda a: ops.image.extract_patches(a, 2, (2, 1)), [(2, 4, 5, 3)], normal),
    "patches_of_filled_up_images": (lambda a: ops.image.extract_patches(a, 3, 2, 1, "same"), [(2, 4, 5, 2)], normal),
    "resized": (lambda a: ops.image.resize(a, (3, 7)) + ops.image.resize(a, (3, 7), "bicubic"), [(2, 5, 4, 2)], normal),
    "resized_with_antialias": (lambda a: ops.image.resize(a, (2, 3), antialias=True), [(2, 6, 5, 2)], normal),
    "cropped": (lambda a: ops.image.crop_images(a, 1, 0, target_height=2, right_cropping=1), [(2, 4, 5, 2)], normal),
    "framed": (lambda a: ops.image.pad_images(a, 1, 0, target_height=6, right_padding=2) ** 2, [(2, 4, 5, 2)], normal),
    "grey": (lambda a: ops.image.rgb_to_grayscale(a), [(2, 4, 5, 3)], normal),
    "conv": (lambda a, b: ops.conv(a, b, 2, "same"), [(2, 5, 4, 3), (3, 2, 3, 4)], normal),
    "conv_of_sequences": (lambda a, b: ops.conv(a, b, dilation_rate=2), [(2, 7, 3), (3, 3, 2)], normal),
    "conv_by_groups": (lambda a, b: ops.depthwise_conv(a, b, padding="same"), [(2, 4, 4, 3), (3, 3, 3, 2)], normal),
    "pooled": (lambda a: ops.max_pool(a, 2) * ops.average_pool(a, 2, 2), [(2, 4, 6, 3)], normal),
    "diagonals": (lambda a: ops.diagonal(a, 1, 1, 2) * 2 + ops.trace(a, axis1=1, axis2=2)[:, None], [(3, 4, 4)], normal),
    "cut_and_put_in": (lambda a: ops.slice_update(a, (0, 1), ops.slice(a, (0, 0), (-1, 2)) * 3), [ONE], normal),
    "taken_by_places": (lambda a: ops.take_along_axis(a, np.array([[0, 3]]), 1), [ONE], normal),
    "sorted": (lambda a: ops.sort(a, axis=1) * ops.sort(a), [(3, 4, 5)], normal),
    "largest": (lambda a: ops.top_k(a, 2)[0] ** 2 + ops.take_along_axis(a, ops.argsort(a)[:, 1:3], -1), [ONE], normal),
    "taken_by_places_of_one": (lambda a, b: ops.take_along_axis(a[:, :1], ops.argmax(b, -1)[..., None], -1) * b, [(3, 2, 4)] * 2, normal),
    "scattered": (lambda a, b: ops.scatter_update(a[0], [[1], [3]], b[0, :2]) * ops.scatter([[1], [1]], b[1, :2], (4,)), [ONE] * 2, normal),
    "scattered_twice": (lambda a, b: ops.scatter_update(a[0], [[1], [1]], b[0, :2], "add") ** 2, [ONE] * 2, normal),
    "scattered_products": (lambda a, b: ops.scatter_update(a[0], [[0], [2]], b[1, :2], "mul"), [ONE] * 2, normal),
    "stacks": (lambda a, b: ops.hstack([a, b]) * 2 + ops.append(b, a, axis=1), [ONE, ONE], normal),
    "turned": (lambda a: ops.rot90(a, 1, (1, 2)), [(2, 3, 4)], normal),
    "angles": (lambda a, b: ops.arcsin(ops.tanh(a)) + ops.arctan2(a, b) - ops.arcsinh(a) * ops.arctanh(ops.tanh(b)), [ONE, ONE], normal),
    "hyperbolas": (lambda a, b: ops.arccosh(1 + a) * ops.hypot(a, b) + ops.exp2(a) - ops.logaddexp2(a, b), [ONE, ONE], positive),
    "transforms": (lambda a, b: ops.concatenate([*ops.fft2((a, b)), *ops.fft((b, a))], -1), [(2, 3, 4), (2, 3, 4)], normal),
    "transforms_back": (lambda a, b: ops.multiply(*ops.ifft2((a, b))), [(2, 3, 4), (2, 3, 4)], normal),
    "no_nan": (lambda a, b: ops.divide_no_nan(a, b) + ops.nan_to_num(a), [ONE, ONE], positive),
    "size": (lambda a: a / ops.cast(ops.size(a), "float64") + ops.cast(ops.shape(a)[0], "float64"), [ONE], normal),
}
# without a gradient: against NumPy alone
PLAIN = {
    "finite": (lambda a: ops.isfinite(ops.divide(1.0, ops.floor(a))) | ops.isinf(ops.log(ops.relu(a))), [ONE], normal),
    "counted": (lambda a: ops.count_nonzero(a > 0, axis=-1) // 2 + a[:, 0] // 0.3, [ONE], normal),
    "sign": (lambda a: ops.sign(a) + ops.floor(a) + ops.ceil(a) + ops.round(2 * a), [ONE], normal),
    "isnan": (lambda a: ops.isnan(ops.log(a)), [ONE], normal),
    "argsort": (lambda a: ops.argsort(a, axis=1) + ops.argsort(ops.round(a), axis=1), [(3, 4, 5)], normal),
    "top_k": (lambda a: ops.top_k(ops.round(a), 3)[1], [ONE], normal),
    "in_top_k": (lambda a: ops.in_top_k(ops.argmin(ops.abs(a), -1), a, 2), [ONE], normal),
    "argmax": (lambda a: ops.argmax(a, axis=-1), [(3, 2, 4)], normal),
    "argmin": (lambda a: ops.argmin(a, axis=1), [(3, 2, 4)], normal),
    "one_hot": (lambda a: ops.one_hot(ops.argmax(a, axis=-1), 4), [ONE], normal),
    "cast": (lambda a: ops.cast(ops.cast(3 * a, "int32"), "float64") + ops.cast(a > 0, "float64"), [ONE], normal),
    "any": (lambda a: ops.logical_and(ops.any(a > 1, axis=-1), ops.logical_not(ops.all(a > 0, axis=-1))), [ONE], normal),
    "unlike": (lambda a: (a >= 0) | (a <= -1) & ops.not_equal(a, 0.5), [ONE], normal),
    "xor": (lambda a: ops.logical_xor(a > 0, a < 1), [ONE], normal),
}
