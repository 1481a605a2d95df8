"""More operations with arrays for them, as in `operation_cases`: a function of tensors, shapes, and how the numbers are drawn."""

import numpy as np
from operation_cases import ONE, normal, places, positive

from gpunn import ops

NOT_LESS = np.array([[True, True, False, True]])
MAP = np.array([0.9, 0.2, -0.7, -0.1, 1.1, 0.4, 0.0, 0.0])
CORNERS = np.array([[0.0, 0.0], [3.0, 0.0], [0.0, 4.0], [3.0, 4.0]])
STEPS = np.array([0.0, 0.5, 2.0, 2.5])


def without(a):
    """a, with places that are no numbers."""
    return ops.where(ops.greater(a, 0.8), np.nan, a)


def matrices(rng, shape):
    """Far from singular."""
    return rng.standard_normal(shape) / 2 + 2 * np.eye(shape[-1])


def between(rng, shape):
    return rng.uniform(-0.95, 0.95, shape)


def scanned(a, b):
    """The states of a linear recurrence, forth and back."""
    one, two = (ops.associative_scan(lambda p, q: (p[0] * q[0], q[0] * p[1] + q[1]), (a, b), reverse=r, axis=1) for r in (False, True))
    return one[1] * two[1]


def aligned(blank=0):
    """Rows of one to three labels, with five or six steps."""

    def loss(a, b):
        labels = places(b[..., 0], 3)
        labels = labels + ops.cast(ops.greater_equal(labels, blank), "float64")
        return ops.ctc_loss(labels, a, 1 + places(b[:, 0, 0], 3), 5 + places(b[:, 1, 0], 2), blank) + 0 * ops.sum(b)

    return loss


def moved(a, b):
    """By maps of all images, and of each; read in every way beyond the ends."""
    maps = 0.3 * b[:, :, 0, 0] + MAP
    one = ops.image.affine_transform(a, 0.3 * b[0, :, 0, 0] + MAP, fill_mode="reflect")
    each = ops.image.affine_transform(a, maps, fill_mode="wrap") * ops.image.affine_transform(a, maps, fill_value=0.5)
    return one + each + ops.image.affine_transform(a, MAP, "nearest", "mirror") * ops.image.affine_transform(a, MAP, fill_mode="nearest")


def seen(a, b):
    """From elsewhere, all images from the same place and each from its own."""
    one = ops.image.perspective_transform(a, CORNERS, CORNERS + 0.3 * b[0, ..., 0])
    return one * ops.image.perspective_transform(a, CORNERS + 0.2 * b[..., 0], CORNERS - 0.1 * b[..., 0], fill_value=0.2)


def spectra(a):
    real, imaginary = ops.stft(a, 4, 2, 6)
    return ops.istft((real, imaginary * real), 4, 2, 6)


CASES = {
    "layer_norm": (
        lambda a, b, c: ops.layer_normalization(a, b, c) + ops.layer_normalization(a, axis=(1, 2)), [(3, 2, 4), (4,), (4,)], normal),
    "rms_norm": (lambda a, b: ops.rms_normalization(a, b) * ops.rms_normalization(a, axis=1), [(3, 2, 4), (4,)], normal),
    "batch_norm": (
        lambda a, b, c: ops.batch_normalization(a, b, ops.square(c), 1, offset=c, scale=b), [(3, 2, 4), (2,), (2,)], positive),
    "gates": (
        lambda a: ops.glu(a) * ops.glu(a * 2, axis=-1) + ops.sparsemax(a)[:, :2] * ops.squareplus(a, 2)[:, 2:], [ONE], normal),
    "bends": (
        lambda a: ops.tanh_shrink(a) * ops.hard_tanh(a) + ops.threshold(a, 0.3, -2.0) - ops.sparse_plus(a) * ops.sparse_sigmoid(2 * a),
        [ONE], normal),
    "attended": (
        lambda q, k, v: ops.dot_product_attention(q, k, v, bias=0.5 * k[:, None, None, :, 0, 0], mask=NOT_LESS, is_causal=True),
        [(2, 3, 2, 3), (2, 4, 1, 3), (2, 4, 1, 3)], normal),
    "conv_transposed": (
        lambda a, b: ops.conv_transpose(a, b, 2, "same") * ops.conv_transpose(a, b, 2, "same"), [(2, 3, 2, 3), (3, 2, 4, 3)], normal),
    "conv_transposed_sequences": (
        lambda a, b: ops.conv_transpose(a, b, 2, output_padding=1, dilation_rate=1), [(2, 3, 3), (3, 2, 3)], normal),
    "conv_transposed_volumes": (lambda a, b: ops.conv_transpose(a, b, (2, 1, 2), "same"), [(3, 2, 3, 2, 2), (2, 2, 3, 3, 2)], normal),
    "blocks": (lambda a: ops.space_to_depth(a, 2) * ops.transpose(ops.depth_to_space(ops.transpose(a, (0, 3, 1, 2)), 2,
               "channels_first"), (0, 2, 3, 1))[:, :2, :2, :1], [(2, 4, 4, 4)], normal),
    "windows": (lambda a: ops.unfold(a, (2, 3), 1, (1, 0), (2, 1)) ** 2, [(2, 3, 4, 5)], normal),
    "windows_added": (lambda a: ops.fold(a, (3, 4), 2, padding=1) ** 2, [(2, 8, 20)], normal),
    "adapted": (lambda a: ops.adaptive_average_pool(a, (2, 3)) * ops.adaptive_max_pool(a, (2, 3)), [(2, 5, 4, 3)], normal),
    "signal_to_noise": (lambda a, b: ops.psnr(a, b, 2.0) + ops.mean(a), [ONE, ONE], normal),
    "aligned": (aligned(), [(4, 6, 5), (4, 3, 1)], normal),
    "aligned_with_another_blank": (aligned(2), [(4, 6, 4), (4, 3, 1)], normal),
    "segments": (lambda a: ops.segment_sum(a, places(a[:, 0], 3), 3) * ops.segment_max(ops.transpose(a), np.array([0, 2, 2, 0]))[0, 0]
                 + ops.segment_min(a, places(a[:, 0], 1), 2)[0], [ONE], normal),
    "segment_products": (lambda a: ops.segment_prod(ops.transpose(a), np.array([0, 1, 1, 3]), 4), [ONE], normal),
    "error_functions": (lambda a: ops.erfc(2 * ops.tan(a)) + ops.erfinv(a) * ops.cbrt(a) - ops.sinc(2 * a), [ONE], between),
    "larger_numbers": (
        lambda a, b: ops.fmax(without(a), b) * ops.fmin(b, without(a)) + ops.fabs(ops.ldexp(a, np.array(3))), [ONE, ONE], normal),
    "without_nan": (
        lambda a: ops.nanmean(without(a), 1) * ops.nansum(without(a), 1) + ops.nanstd(without(a), 1) * ops.nanprod(without(a), 1),
        [ONE], normal),
    "ends_without_nan": (
        lambda a: ops.nanmax(without(a), 1, True) * ops.nanmin(without(a)) * ops.nancumsum(without(a), 1), [(3, 6)], normal),
    "products_so_far": (lambda a: ops.cumprod(a, 1) * ops.nancumprod(a, -1), [(3, 2, 3)], normal),
    "differences": (lambda a: ops.diff(a, 2) * ops.trapezoid(a)[:, None] + ops.trapezoid(a, STEPS, axis=1)[:, None], [ONE], positive),
    "correlated": (
        lambda a: ops.correlate(a[0], a[1, :3], "full")[:4] * ops.correlate(a[1, :2], a[0], "same") + ops.correlate(a[0], a[1]),
        [ONE], normal),
    "crossed": (lambda a, b: ops.cross(a, b) * ops.cross(a, b[:, :2]) + ops.cross(a[:, :2], b[:, :2])[:, None], [(4, 3), (4, 3)], normal),
    "distances": (lambda a, b: ops.cdist(a, b), [(2, 3, 4), (2, 2, 4)], normal),
    "selected": (lambda a, b: ops.select([a > 0.5, a < 0], [a * b, b], 0.3 * a), [ONE, ONE], normal),
    "pieces": (
        lambda a: ops.dstack(ops.array_split(ops.fliplr(a), 2, 1))[:, :, :3] * ops.concatenate(ops.hsplit(a, [1, 2]), 1)[:, 2:, None]
        + ops.dsplit(ops.flipud(a)[:, None], [1])[0] + ops.vsplit(ops.transpose(a), 4)[0][0, 0], [ONE], normal),
    "rearranged": (lambda a: ops.rearrange(a, "b (h n) w c -> b h (c n w)", n=2) * 2, [(2, 4, 3, 2)], normal),
    "kinds": (lambda a: ops.copy(a) * ops.real(a) + ops.conj(a) - ops.imag(a) * ops.empty_like(a), [ONE], normal),
    "scanned": (scanned, [(3, 5), (3, 5)], normal),
    "real_spectra": (lambda a: ops.irfft(ops.rfft(a, 7), 5) * ops.rfft(a)[1][..., 1:2] + ops.rfft(a, 4)[0][..., :1], [(2, 3, 6)], normal),
    "frames": (spectra, [(2, 10)], normal),
    "colours": (lambda a: ops.image.hsv_to_rgb(ops.image.rgb_to_hsv(a) * 1.2 - 0.1) * ops.image.rgb_to_hsv(a), [(2, 3, 2, 3)], positive),
    "filtered": (lambda a: ops.image.gaussian_blur(a, (3, 2), (1.0, 0.7))[..., None] * ops.image.sobel_edges(a), [(2, 4, 3, 2)], normal),
    "alike": (
        lambda a, b: ops.image.ssim(a, b, filter_size=3) + ops.image.ssim(a[0], b[0], 2.0, 2), [(2, 5, 4, 2), (2, 5, 4, 2)], positive),
    "moved_images": (moved, [(2, 4, 3, 2), (2, 8, 1, 1)], positive),
    "seen_from_elsewhere": (seen, [(2, 5, 4, 2), (2, 4, 2, 1)], normal),
    "read_between": (
        lambda a, b: ops.image.map_coordinates(a[0], 3 * b[1], 1, "mirror") * ops.image.map_coordinates(a[1], b[0], 1),
        [(3, 4, 2), (3, 2, 5)], normal),
    "scaled": (lambda a: ops.image.scale_and_translate(a, (2, 5, 4, 2), (1.3, 0.6), (0.4, 1.2), (1, 2), "cubic"), [(2, 4, 5, 2)], normal),
    "patches_of_volumes": (lambda a: ops.image.extract_patches_3d(a, 2, (1, 2, 1), padding="same") ** 2, [(2, 3, 3, 2, 2)], normal),
    "inverse": (lambda a: ops.inv(a) * ops.det(a)[:, None, None] + ops.logdet(a)[:, None, None], [(2, 3, 3)], matrices),
    "solved": (
        lambda a, b: ops.solve(a, b) + ops.solve_triangular(a, b, lower=True) * ops.slogdet(a)[0][:, None, None],
        [(2, 3, 3), (2, 3, 3)], matrices),
    "solved_for_one": (lambda a, b: ops.solve(a, b[0, 0])[..., None] - ops.solve_triangular(a[0], b), [(2, 3, 3), (2, 3, 3)], matrices),
    "roots_of_matrices": (
        lambda a: ops.cholesky(a @ ops.swapaxes(a, 1, 2)) + ops.cholesky(a @ ops.swapaxes(a, 1, 2), upper=True), [(2, 3, 3)], matrices),
}
PLAIN = {
    "signs": (lambda a: ops.signbit(a) | ops.isneginf(ops.log(ops.relu(a))) & ~ops.isposinf(a) & ops.isreal(a), [ONE], normal),
    "places": (lambda a: ops.nanargmax(without(a), 1) - ops.nanargmin(without(a), -1, True), [ONE], normal),
    "several_hot": (lambda a: ops.multi_hot(places(a, 5), 5), [ONE], normal),
    "saturated": (lambda a: ops.saturate_cast(a * 300, "uint8"), [ONE], normal),
    "close": (lambda a: ops.allclose(a, a + 1e-9), [ONE], normal),
}
# on the host, which no recording has
ON_HOST = {
    "aligned", "aligned_with_another_blank", "inverse", "roots_of_matrices", "seen_from_elsewhere", "solved", "solved_for_one",
}
