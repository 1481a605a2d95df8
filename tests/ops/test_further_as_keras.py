"""The further operations on arrays: shapes, types and values as Keras's of the same names have them; and what they refuse."""

import itertools
import operator

import jax
import keras_twin
import numpy as np
import pytest

from gpunn import Input, Variable, ops

RNG = np.random.default_rng(0)
PAIRS = jax.__version_info__ < (0, 12)  # whether Keras has cross products of two numbers


def draw(*shape):
    return RNG.standard_normal(shape).astype("f4")


X, Y, WHOLE = draw(3, 4), draw(3, 4), np.arange(12, dtype="i4").reshape(3, 4)
POSITIVE, LONG, DEEP = np.abs(Y) + 0.1, draw(2, 40), draw(2, 5, 4, 3)
HOLES = np.where(X > 0.8, np.nan, X)
NOTHING = np.where([[True], [False], [True]], HOLES, np.nan).astype("f4")
SQUARES = (draw(2, 3, 3) + 2 * np.eye(3)).astype("f4")
DEFINITE = SQUARES @ SQUARES.transpose(0, 2, 1)
ROOT = np.linalg.cholesky(DEFINITE[0])
NUMBERS, LABELS = np.array([0, 2, -1]), np.array([3, 1, 1, 2])
QUERY, KEY = draw(2, 3, 4, 5), draw(2, 6, 2, 5)
LOGITS, STEPS = draw(3, 9, 6), np.array([9, 5, 7])
WORDS = np.array([[1, 2, 2, 4], [3, 1, 0, 0], [1, 4, 3, 0]]), np.array([4, 2, 3])
SPECTRUM = draw(2, 5), draw(2, 5)
IN_FRAMES = draw(2, 13, 5), draw(2, 13, 5)
PIXELS, BYTES, VOLUME = RNG.random((2, 6, 5, 3)).astype("f4"), RNG.integers(0, 255, (2, 4, 3, 2)).astype("u1"), draw(2, 4, 5, 3, 2)
PLACES = (12 * RNG.random((2, 3, 7)) - 4).astype("f4")
MAPS = np.array([[1.1, 0.2, -0.5, 0.1, 0.9, 0.3, 0, 0], [0.7, -0.2, 1, 0.3, 1.2, -1, 0, 0]], "f4")
CORNERS = np.array([[[0, 0], [4, 0], [0, 5], [4, 5]]] * 2, "f4")
OF_SEGMENTS = ("sum", "max", "min", "prod")
OF_ONE = (
    "cbrt", "erfc", "fabs", "sinc", "signbit", "isposinf", "isneginf", "isreal", "angle", "i0", "real", "imag", "conj", "copy", "nonzero",
    "fliplr", "flipud", "diff", "cumprod",
)
OF_NUMBERS = ("sum", "prod", "max", "min", "mean", "var", "std", "cumsum", "cumprod", "argmax", "argmin")
CASES = [
    ("layer_normalization", (DEEP, DEEP[0, 0], DEEP[0, 1]), {"axis": (2, 3)}),
    ("rms_normalization", (X, Y[0]), {}), ("batch_normalization", (X, Y[0], POSITIVE[0], -1, X[1], Y[1]), {}),
    ("dot_product_attention", (QUERY, KEY, -KEY), {"is_causal": True, "mask": draw(2, 1, 3, 6) > 0, "bias": draw(4, 3, 6)}),
    ("glu", (X,), {}), ("squareplus", (X, 2), {}), ("hard_tanh", (X,), {}),
    ("threshold", (X, 0.1, -2.0), {}), ("sparse_plus", (X,), {}), ("sparse_sigmoid", (X,), {}), ("tanh_shrink", (X,), {}),
    ("conv_transpose", (DEEP, draw(3, 2, 4, 3)), {"strides": 2, "padding": "same"}),
    ("conv_transpose", (DEEP, draw(2, 2, 4, 3), 2), {"output_padding": 1}),
    ("conv_transpose", (DEEP[0], draw(2, 4, 3)), {"dilation_rate": 2}),
    ("conv_transpose", (DEEP[None], draw(2, 2, 3, 4, 3), 2), {"padding": "same"}),
    ("depth_to_space", (draw(1, 2, 3, 8), 2), {}), ("space_to_depth", (draw(1, 3, 4, 6), 2, "channels_first"), {}),
    ("unfold", (DEEP, (2, 3), 1, (1, 0), (2, 1)), {}), ("fold", (draw(2, 12, 24), (3, 4), (2, 3), 1, (1, 2), (1, 1)), {}),
    ("adaptive_max_pool", (DEEP, (3, 2)), {}),
    ("multi_hot", (WHOLE % 5, 5), {}), ("multi_hot", (LABELS, 4), {"dtype": "int32"}), ("psnr", (X, Y, 2), {}),
    *[(f"segment_{name}", (X, NUMBERS, 3), {}) for name in OF_SEGMENTS], *[(name, (X,), {}) for name in OF_ONE],
    ("erfinv", (np.tanh(3 * X),), {}), ("fmax", (X, HOLES), {}), ("fmin", (HOLES, Y), {}), ("ldexp", (X, WHOLE), {}),
    ("ldexp", (WHOLE, WHOLE), {}), ("tril", (X.tolist(),), {}), ("split", (X.tolist(), 2, 1), {}), ("cdist", (X.tolist(), Y), {}),
    ("tensordot", (X.tolist(), Y), {"axes": [[1], [1]]}), ("inner", (X.tolist(), Y.tolist()), {}),
    ("lu_factor", (SQUARES[0].tolist(),), {}),
    ("diff", (X > 0,), {}), ("diff", (X,), {"n": 2, "axis": 0}), ("cumprod", (WHOLE,), {"axis": 0, "dtype": "float32"}),
    ("trapezoid", (X, POSITIVE), {}), ("trapezoid", (WHOLE, np.array([0, 1, 3])), {"axis": 0}), ("trapezoid", (X,), {"dx": 0.5}),
    ("correlate", (X[0], Y[0, :2]), {"mode": "same"}), ("correlate", (WHOLE[0], X[1, :2]), {}),
    ("cross", (draw(3, 5), draw(5, 2)), {"axisa": 0, "axisc": 0}), ("cross", (DEEP, DEEP[::-1]), {}), ("cross", (X[:, :2], Y[:, :2]), {}),
    ("cdist", (X, draw(5, 4)), {}), ("select", ([X > 0, X > -0.5], [X, WHOLE], 0.5), {}), ("select", ([X > 0], [WHOLE]), {}),
    ("dstack", ([X[0], Y[0]],), {}), ("dstack", ([X, Y],), {}), ("array_split", (LONG, 3), {"axis": 1}), ("hsplit", (X[0], 2), {}),
    ("hsplit", (X, [1, 3]), {}), ("vsplit", (X, 3), {}), ("dsplit", (DEEP, 2), {}),
    ("rearrange", (draw(2, 4, 6, 3), "b (h p) (w q) c -> b h w (c p q)"), {"p": 2, "q": 3}), ("rearrange", (X, "a b -> (b a)"), {}),
    ("geomspace", (1, 100, 5), {}), ("logspace", (0, 2, 5), {}), ("logspace", (0, 2), {"num": 3, "base": 2, "endpoint": False}),
    ("saturate_cast", (X * 300, "uint8"), {}), ("saturate_cast", (WHOLE - 5, "uint8"), {}), ("saturate_cast", (X * 1e10, "int32"), {}),
    ("allclose", (X, X + 1e-7), {}), ("allclose", (X, Y), {}), ("view", (X, "int32"), {}), ("get_item", (X, (0, slice(1, 3))), {}),
    *[(f"nan{name}", (NOTHING,), {"axis": 1}) for name in OF_NUMBERS],
    ("nansum", (HOLES,), {}), ("nanmax", (HOLES - 3,), {"axis": 1}),
    ("nanmax", (HOLES,), {"axis": 0, "keepdims": True}), ("nanargmin", (HOLES,), {}), ("nanmedian", (HOLES,), {}),
    ("nanmedian", (WHOLE,), {"axis": 1}), ("nanquantile", (HOLES, 0.3), {"axis": 1}), ("nanpercentile", (HOLES, 30), {"keepdims": True}),
    ("gcd", (WHOLE, WHOLE[::-1]), {}), ("lcm", (WHOLE, WHOLE[::-1]), {}), ("bitwise_not", (WHOLE,), {}), ("nextafter", (X, Y), {}),
    ("angle", (WHOLE.astype("i1") - 5,), {}),
    ("bitwise_left_shift", (WHOLE, 1), {}), ("bitwise_right_shift", (WHOLE, 1), {}), ("lstsq", (draw(5, 3), draw(5)), {}),
    ("lu_factor", (SQUARES,), {}), ("inv", (SQUARES,), {}), ("det", (SQUARES,), {}), ("logdet", (SQUARES,), {}),
    ("slogdet", (-SQUARES,), {}),
    ("cholesky", (DEFINITE,), {"upper": True}), ("cholesky_inverse", (ROOT,), {}), ("cholesky_inverse", (ROOT.T,), {"upper": True}),
    ("solve", (SQUARES, SQUARES + 1), {}), ("solve_triangular", (SQUARES, SQUARES + 1), {"lower": True}),
    ("unique", (LABELS,), {"return_index": True, "return_inverse": True, "return_counts": True}),
    ("rfft", (LONG, 33), {}), ("rfft", (LONG, 43), {}), ("rfft", (WHOLE,), {}), ("irfft", (SPECTRUM,), {}), ("irfft", (SPECTRUM, 13), {}),
    ("extract_sequences", (LONG, 6, 4), {}), ("empty", ((0, 3),), {}), ("stft", (LONG, 6, 3, 8), {}),
    ("ctc_decode", (LOGITS, STEPS), {"mask_index": 3}), ("image.rgb_to_hsv", (np.round(3 * PIXELS) / 3,), {}),
    ("image.hsv_to_rgb", (2 * PIXELS - 0.5,), {}), ("image.gaussian_blur", (PIXELS, (5, 2), (2.0, 0.7), "channels_last"), {}),
    ("image.sobel_edges", (PIXELS,), {}), ("image.ssim", (PIXELS, PIXELS[::-1]), {"filter_size": 4, "filter_sigma": 1.1, "max_val": 2.0}),
    ("image.map_coordinates", (X, PLACES, 1), {"fill_value": 0.3}), ("image.affine_transform", (PIXELS, MAPS), {}),
    ("image.extract_patches_3d", (VOLUME, (2, 3, 2), 1, 1, "same"), {}),
]
LONGER = [  # the same of whole numbers, and what JAX takes long to compile
    *[(f"segment_{name}", (WHOLE, NUMBERS, 3), {}) for name in OF_SEGMENTS], *[(name, (WHOLE,), {}) for name in OF_ONE],
    *[(f"nan{name}", (WHOLE,), {"axis": 1}) for name in OF_NUMBERS],
    *[("correlate", (a, b), {"mode": how}) for how in ("valid", "same", "full")
      for a, b in ((X[0], Y[0, :3]), (X[0, :2], LONG[0]), (X[0], Y[0]), (WHOLE[0], X[1, :2]))],
    ("image.perspective_transform", (PIXELS, CORNERS, CORNERS + PLACES[:, :1, :4].transpose(0, 2, 1) / 9), {"fill_value": 0.3}),
    ("image.scale_and_translate", (PIXELS, (2, 9, 4, 3), [1.5, 0.6], [0.5, -0.3], (1, 2), "linear"), {}),
    *[("image.map_coordinates", (x, PLACES, order, mode), {}) for order in (0, 1) for x in (X, WHOLE)
      for mode in ("constant", "nearest", "wrap", "mirror", "reflect")],
    *[("image.affine_transform", (PIXELS, MAPS, how, mode), {"fill_value": 3}) for how in ("nearest", "bilinear")
      for mode in ("constant", "nearest", "wrap", "mirror", "reflect")],
    ("image.scale_and_translate", (PIXELS, (2, 9, 4, 3), [1.5, 0.6], [0.5, -0.3], (1, 2), "lanczos3", False), {}),
    ("image.extract_patches_3d", (VOLUME[0], 2, (1, 2, 2), (2, 1, 1)), {}),
    ("layer_normalization", (DEEP, DEEP[0, :, 0, 0]), {"axis": 1}),
    ("dot_product_attention", (QUERY, QUERY, QUERY), {"scale": 0.3}),
    ("adaptive_average_pool", (DEEP, (2, 3)), {}),
    ("adaptive_max_pool", (DEEP[0], 2), {}),
    *[("ctc_decode", (LOGITS, STEPS), more) for more in ({}, {"merge_repeated": False}, {"mask_index": 3})],
    ("ctc_loss", (WORDS[0], LOGITS, WORDS[1], STEPS), {}),
    ("ctc_loss", (WORDS[0] % 4, LOGITS, WORDS[1], STEPS), {"mask_index": 5}),
    *[("stft", (LONG, 6, 3, 8), more) for more in (
        {"window": "hamming", "center": False}, {"window": None}, {"window": POSITIVE.ravel()[:6]})],
    *[("istft", (IN_FRAMES, 6, 3, 8), more) for more in ({}, {"window": "hamming", "center": False, "length": 33})],
    ("unique", (WHOLE % 2,), {"axis": 0}),
    ("unique", (LABELS,), {"size": 5}),
    ("unique", (LABELS,), {"size": 5, "fill_value": 9, "return_counts": True}),
]
PARAMETERS = [
    pytest.param(*case, id=f"{i}-{case[0]}", marks=pytest.mark.slow if i >= len(CASES) else ()) for i, case in enumerate([*CASES, *LONGER])
]


@pytest.mark.one_in(2)
@pytest.mark.parametrize(("name", "given", "options"), PARAMETERS)
@pytest.mark.usefixtures("numpy_cpu")
def test_as_keras_has_it(name, given, options):
    if name == "cross" and not PAIRS and any(v.shape[options.get("axis" + x, -1)] == 2 for x, v in zip("ab", given, strict=True)):
        pytest.skip("this JAX multiplies no pairs of numbers")
    ours, theirs = (operator.attrgetter(name)(library)(*given, **options) for library in (ops, keras_twin.keras.ops))
    several = isinstance(theirs, (list, tuple))
    for a, b in zip(*((ours, theirs) if several else ([ours], [theirs])), strict=True):
        a, b = np.asarray(a), np.asarray(b)
        assert a.shape == b.shape and a.dtype.kind == b.dtype.kind
        assert a.dtype == b.dtype or a.dtype.kind in "iu" or b.dtype == np.float64  # which JAX has since another test
        np.testing.assert_allclose(a, b, rtol=3e-5, atol=3e-5)


@pytest.mark.parametrize(("name", "given"), [("fmod", (X, Y)), ("nextafter", (X, Y)), ("lu_factor", (SQUARES,)), ("meshgrid", (X, Y[0]))])
def test_operations_of_arrays_take_variables(name, given):
    want, found = (getattr(ops, name)(*each) for each in (given, [Variable(v) for v in given]))
    for a, b in zip(want, found, strict=True):
        np.testing.assert_array_equal(b, a)


def test_beams_find_the_likeliest_labels():
    """Those of all alignments that there are, added up."""
    logits = RNG.standard_normal((1, 5, 3))
    logs = logits[0] - np.log(np.exp(logits[0]).sum(-1, keepdims=True))
    likelihoods = {}
    for path in itertools.product(range(3), repeat=5):
        labels = tuple(label for i, label in enumerate(path) if label != 2 and (i == 0 or path[i - 1] != label))
        likelihoods[labels] = likelihoods.get(labels, 0.0) + np.exp(sum(logs[i, label] for i, label in enumerate(path)))
    best = sorted(likelihoods.items(), key=lambda found: -found[1])[:3]
    labels, scores = ops.ctc_decode(logits, np.array([5]), "beam_search", top_paths=3, mask_index=-1)
    assert [tuple(row[row >= 0]) for row in labels[:, 0]] == [found for found, _ in best]
    np.testing.assert_allclose(scores[0], [np.log(share) for _, share in best], rtol=1e-9)


def test_signals_come_back_from_their_spectra():
    """Without a window too, where Keras on JAX gives them in another size."""
    for more in ({}, {"window": None}, {"center": False, "window": "hamming"}):
        back = ops.istft(ops.stft(LONG, 6, 2, 8, **more), 6, 2, 8, **more)
        whole = slice(2, -2) if "center" in more else slice(None)  # at the ends a window that is not centred has no weight
        np.testing.assert_allclose(back[:, whole], LONG[:, : back.shape[1]][:, whole], atol=1e-5)


def test_functions_of_elements():
    many = ops.vectorize(lambda a, b: a if a > b else a - b)
    np.testing.assert_allclose(many(X, 0.5), np.where(X > 0.5, X, X - 0.5), rtol=1e-6)
    np.testing.assert_allclose(ops.vectorize(np.dot, signature="(n),(n)->()")(X, Y[0]), X @ Y[0], rtol=1e-6)
    with pytest.raises(TypeError, match="vectorize: a function of elements takes arrays"):
        many(Input((3,)), 0.5)


@pytest.mark.usefixtures("numpy_cpu")
def test_images_that_are_stretched_at_random():
    once, again, other = (ops.image.elastic_transform(PIXELS, 5.0, 1.0, seed=seed) for seed in (3, 3, 4))
    assert once.shape == PIXELS.shape and once.dtype == np.float32
    np.testing.assert_array_equal(once, again)
    assert np.abs(once - other).max() > 0.1 and np.abs(once - PIXELS).max() > 0.1
    assert once.min() >= PIXELS.min() and once.max() <= PIXELS.max()  # means of pixels
    np.testing.assert_allclose(ops.image.elastic_transform(PIXELS[0], 0.0), PIXELS[0])


@pytest.mark.parametrize("options", [{}, {"reverse": True}, {"axis": 1}])
def test_a_scan_of_pairs(options):
    """Of a function that is associative, but does not commute."""

    def after(p, q):
        return {"a": p["a"] * q["a"], "b": q["a"] * p["b"] + q["b"]}

    ours, theirs = (library.associative_scan(after, {"a": X, "b": Y}, **options) for library in (ops, keras_twin.keras.ops))
    for name in "ab":
        np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-4, atol=1e-5)


def test_derivatives_along_a_direction():
    def of(library):
        def function(a, b):
            y = library.softmax(library.tanh(library.matmul(a, b)) * a[:, :3])
            return {"y": y * y, "sum": library.sum(y[0] * a[0, 0])}, 7

        return library.jvp(function, (X, QUERY[0, 0, :, :3]), (Y, QUERY[0, 1, :, :3]), has_aux=True)

    ours, theirs = of(ops), of(keras_twin.keras.ops)
    assert ours[2] == theirs[2] == 7
    for mine, others in zip(ours[:2], theirs[:2], strict=True):
        for name in ("y", "sum"):
            np.testing.assert_allclose(mine[name], others[name], rtol=1e-4, atol=1e-6)


def test_what_a_name_says_of_an_array():
    assert ops.dtype(X) == ops.dtype(Input((3,))) == "float32" and ops.dtype(WHOLE) == "int32"
    assert ops.is_tensor(X) and ops.is_tensor(Input((3,))) and not ops.is_tensor([1.0])
    assert ops.copy(X) is not X and ops.polar(1.0, np.pi / 2).imag == 1.0
    assert ops.view(x := Input((3,)), "float32") is x
    values, vectors = ops.eig(SQUARES)
    np.testing.assert_allclose(SQUARES @ vectors, vectors * values[:, None], atol=1e-5)
    np.testing.assert_array_equal(ops.erfinv([-1.0, 0.0, 1.0, 2.0]), [-np.inf, 0, np.inf, np.nan])


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: ops.layer_normalization(X, axis=2), ValueError, r"layer_normalization: expected axes of an array of 2 axes.*axis=2"),
        (lambda: ops.batch_normalization(X, X[0], X[0], 0), ValueError, r"batch_normalization: expected mean of shape \(3,\)"),
        (lambda: ops.dot_product_attention(QUERY, KEY[..., :3], KEY), ValueError, "dot_product_attention: expected query, key and value"),
        (lambda: ops.depth_to_space(DEEP, 2), ValueError, "depth_to_space: expected a multiple of 4 channels"),
        (lambda: ops.space_to_depth(DEEP, 2), ValueError, "space_to_depth: expected height and width to be multiples"),
        (lambda: ops.space_to_depth(DEEP, 2, "last"), ValueError, "data_format must be one of"),
        (lambda: ops.unfold(DEEP, 9), ValueError, "unfold: no window fits"),
        (lambda: ops.fold(X[None], 4, 2), ValueError, r"fold: expected \(rows, channels \* 4, 9\)"),
        (lambda: ops.adaptive_max_pool(X, 2), ValueError, r"adaptive_max_pool: expected \(rows, ..., channels\)"),
        (lambda: ops.conv_transpose(DEEP, draw(2, 2, 4, 5)), ValueError, "conv_transpose: expected images"),
        (lambda: ops.multi_hot(WHOLE), ValueError, "multi_hot: expected num_classes"),
        (lambda: ops.psnr(X, Y[:2], 1), ValueError, r"psnr: expected two of the same shape. Received: shapes \(3, 4\) and \(2, 4\)"),
        (lambda: ops.ctc_loss(X, Y, 1, 1), ValueError, r"ctc_loss: expected target \(rows, longest\)"),
        (lambda: ops.ctc_decode(LOGITS, STEPS, "best"), ValueError, "ctc_decode: expected strategy"),
        (lambda: ops.segment_max(X, NUMBERS[:2], 3), ValueError, "segment_max: expected a number for each row"),
        (lambda: ops.segment_sum(Input((4,)), Input(())), TypeError, "segment_sum: expected num_segments beside symbolic numbers"),
        (lambda: ops.ldexp(X, Y), TypeError, "ldexp: expected whole exponents. Received: x2 of type float32"),
        (lambda: ops.cumprod(Input((3,)), 0), ValueError, "cumprod: expected an axis within a row"),
        (lambda: ops.correlate(X, Y), ValueError, "correlate: expected two vectors"),
        (lambda: ops.cross(X, Y), ValueError, "cross: expected vectors of two or three numbers"),
        (lambda: ops.cdist(X, Y[:, :2]), ValueError, "cdist: expected rows"),
        (lambda: ops.select([], []), ValueError, "select: expected as many choices as conditions"),
        (lambda: ops.array_split(X, [1]), TypeError, "array_split: expected indices_or_sections to be a number of parts"),
        (lambda: ops.fliplr(X[0]), ValueError, "fliplr: expected an array of at least 2 axes"),
        (lambda: ops.rearrange(X, "a b c -> c b a"), ValueError, "rearrange: expected each of the 2 axes once on either side"),
        (lambda: ops.rearrange(X, "a (b c) -> a b c", b=3), ValueError, "rearrange: expected lengths of the parts"),
        (lambda: ops.stft(LONG, 9, 3, 8), ValueError, "stft: expected fft_length of at least sequence_length"),
        (lambda: ops.stft(LONG, 6, 3, 8, "bell"), ValueError, "stft: expected a window of"),
        (lambda: ops.stft(WHOLE, 2, 1, 4), TypeError, "stft: expected signals of float32 or float64. Received: int32"),
        (lambda: ops.extract_sequences(X, 5, 1), ValueError, "extract_sequences: expected at least 5 steps"),
        (lambda: ops.irfft(X), ValueError, "a tuple of two tensors"),
        (lambda: ops.associative_scan(np.add, Input((3,))), ValueError, "associative_scan: expected arrays of one known length"),
        (lambda: ops.view(Input((3,)), "int32"), TypeError, "view: expected an array, or the type float32"),
        (lambda: ops.image.rgb_to_hsv(BYTES[..., :1]), ValueError, "rgb_to_hsv: expected images .*of floats"),
        (lambda: ops.image.ssim(PIXELS, PIXELS), ValueError, "ssim: expected two of one shape, at least 11 pixels"),
        (lambda: ops.image.map_coordinates(X, PLACES, 2), ValueError, r"map_coordinates: order must be one of \(0, 1\)"),
        (lambda: ops.image.map_coordinates(X, PLACES[:1], 1), ValueError, "map_coordinates: expected an array of known size"),
        (lambda: ops.image.affine_transform(PIXELS, MAPS, "cubic"), ValueError, "affine_transform: interpolation must be one of"),
        (lambda: ops.image.affine_transform(PIXELS, MAPS, fill_mode="zero"), ValueError, "affine_transform: fill_mode must be one of"),
        (lambda: ops.image.affine_transform(PIXELS, MAPS[:, :6]), ValueError, "affine_transform: expected a transform"),
        (lambda: ops.image.affine_transform(PIXELS, MAPS[[0, 1, 0]]), ValueError, "affine_transform: expected one for each of 2 images"),
        (lambda: ops.image.perspective_transform(PIXELS, CORNERS, CORNERS[0]), ValueError, "perspective_transform: expected points"),
        (lambda: ops.image.scale_and_translate(PIXELS, (1, 1), [], [], (), "area"), ValueError, "scale_and_translate: method must be"),
        (lambda: ops.image.extract_patches_3d(VOLUME[0, 0], 2), ValueError, r"extract_patches_3d: expected images, \(rows, depth"),
        (lambda: ops.jvp(np.sin, (X,), (X[0],)), ValueError, r"jvp: expected tangents of the primals' shapes, \[\(3, 4\)\]"),
        (lambda: ops.jvp(np.sin, X, X), TypeError, "jvp: expected a list or tuple of arrays"),
        (lambda: ops.inv(X), ValueError, r"inv: expected square matrices .* Received: shape \(3, 4\)"),
        (lambda: ops.solve(SQUARES, X.T), ValueError, "solve: expected a right side"),
        (lambda: ops.cholesky(-DEFINITE), ValueError, "not positive definite"),
    ],
)
def test_what_is_wrong_is_said(make, error, message):
    with pytest.raises(error, match=message):
        make()
