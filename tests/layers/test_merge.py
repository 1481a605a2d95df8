"""Merge layers and those that move columns: gradients against numeric differences, for all inputs and for some; values; what is refused."""

import numpy as np
import pytest
from gradient import compare
from keras_twin import keras
from kernel_targets import needs_gxx

import gpunn
from gpunn import layers
from gpunn.backend import get_backend
from gpunn.layers import Add, Average, Concatenate, Dot, Identity, Lambda, Maximum, Minimum, Multiply, Permute, RepeatVector, Subtract

pytestmark = pytest.mark.usefixtures("cpu")
RNG = np.random.default_rng(2)
ALIKE, WIDE = [(5, 4)] * 3, [(3, 2, 4), (3, 1, 4), (3, 4)]


@gpunn.elementwise("x, k:const -> y")
def cubed(x, k):
    return k * x * x * x


@gpunn.elementwise("dy, x, k:const -> dx")
def cubed_bwd(dy, x, k):
    return 3.0 * k * dy * x * x


def weighted(x):
    return x[0] * x[1].sum(axis=1, keepdims=True)


def weighted_backward(dy, x):
    return [dy * x[1].sum(axis=1, keepdims=True), np.broadcast_to((dy * x[0]).sum(axis=1, keepdims=True), x[1].shape)]


CASES = {
    **{f"{c.__name__} 3": (c, ALIKE) for c in (Add, Average, Multiply, Maximum, Minimum)},
    **{f"{c.__name__} wide": (c, WIDE) for c in (Add, Average, Multiply, Maximum, Minimum)},
    "Add of one": (Add, ALIKE[:1]), "Multiply of two": (Multiply, ALIKE[:2]), "Subtract": (Subtract, ALIKE[:2]),
    "Subtract wide": (Subtract, WIDE[:2]), "Concatenate": (Concatenate, [(3, 2), (3, 1), (3, 4)]),
    "Concatenate steps": (lambda: Concatenate(axis=1), [(3, 2, 4), (3, 3, 4)]),
    "Concatenate middle": (lambda: Concatenate(-2), [(2, 2, 2, 3), (2, 2, 1, 3)]),
    "Dot of vectors": (lambda: Dot(1), [(4, 5), (4, 5)]), "cosine": (lambda: Dot(-1, normalize=True), [(4, 5), (4, 5)]),
    "Dot of matrices": (lambda: Dot((1, 2)), [(2, 3, 4), (2, 5, 3)]), "Dot along the last": (lambda: Dot(2), [(2, 3, 4), (2, 5, 4)]),
    "cosines": (lambda: Dot((1, 1), normalize=True), [(2, 3, 4), (2, 3, 2)]),
    "Dot of images": (lambda: Dot((2, 1)), [(2, 2, 3, 2), (2, 3)]),
    "Permute": (lambda: Permute((3, 1, 2)), (2, 2, 3, 4)), "RepeatVector": (lambda: RepeatVector(3), (2, 4)),
    "Identity": (Identity, (2, 3)),
    "Lambda of a formula": (lambda: Lambda(cubed, arguments={"k": 0.5}), (3, 4)),
    "Lambda of an activation": (lambda: Lambda(lambda x: gpunn.activations.leaky_relu(x, 0.1)), (3, 4)),
    "Lambda of two": (lambda: Lambda(weighted, backward=weighted_backward), [(3, 4), (3, 2)]),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_gradients(name, float64):
    make, shapes = CASES[name]
    layer, many = make(), isinstance(shapes, list)
    x = [RNG.standard_normal(s) for s in (shapes if many else [shapes])]
    ops = get_backend()
    out = layer.compute_output_shape([(None, *s[1:]) for s in shapes] if many else (None, *shapes[1:]))

    def run():
        given = [ops.asarray(a) for a in x]
        return layer.forward(given if many else given[0], True)

    y, pullback = run()
    assert y.shape == (x[0].shape[0], *out[1:])
    dy = RNG.standard_normal(y.shape)
    gradients = pullback(dy.copy())
    gradients = [np.array(g) for g in (gradients if many else [gradients])]
    compare(lambda: float((run()[0] * dy).sum()), x, gradients, 3, name)
    if many and len(x) > 1 and layer.recordable and getattr(layer, "all_recordable", True):  # one by one, the same numbers
        for i, whole in enumerate(gradients):
            needs = tuple(k == i for k in range(len(x)))
            some = run()[1](dy.copy(), need_dx=needs)
            np.testing.assert_allclose(some[i], whole, rtol=1e-12)
            assert all(g is None for k, g in enumerate(some) if k != i)


@pytest.mark.parametrize("name", ["Multiply 3", "Dot of matrices", "Concatenate steps"])
def test_the_check_sees_an_error(name, float64):
    make, shapes = CASES[name]
    layer, x = make(), [RNG.standard_normal(s) for s in shapes]
    y, pullback = layer.forward([a.copy() for a in x], True)
    dy = RNG.standard_normal(y.shape)
    gradients = pullback(dy.copy())
    gradients[1] = gradients[1] * 1.01
    with pytest.raises(AssertionError, match="gradient 1 is wrong"):
        compare(lambda: float((layer.forward([a.copy() for a in x])[0] * dy).sum()), x, gradients, 3, name)


def test_values_and_functions(float64):
    a, b = RNG.standard_normal((3, 4)), RNG.standard_normal((3, 4))
    b[0] = a[0]
    expected = {"add": a + b, "subtract": a - b, "multiply": a * b, "average": (a + b) / 2}
    expected |= {"maximum": np.maximum(a, b), "minimum": np.minimum(a, b)}
    for name, value in expected.items():
        np.testing.assert_allclose(getattr(layers, name)([a, b]), value, rtol=1e-15)
    np.testing.assert_allclose(layers.dot([a, b], axes=1), (a * b).sum(axis=1, keepdims=True))
    np.testing.assert_array_equal(layers.concatenate([a, b]), np.hstack([a, b]))
    for kind in (Maximum, Minimum):  # where both are alike each gets half
        dx = kind().forward([a, b])[1](np.ones((3, 4)))
        np.testing.assert_array_equal(dx[0][0], 0.5)
        np.testing.assert_array_equal(dx[1][0], 0.5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda i, j: Add()([i((3,)), j((4,))]), r"inputs have incompatible shapes.*left.*right"),
        (lambda i, j: Concatenate(axis=1)([i((2, 3)), j((2, 4))]), r"matching shapes except for the concatenation axis 1.*left.*right"),
        (lambda i, j: Concatenate(axis=0)([i((2,)), j((2,))]), "axis must name an axis of a row"),
        (lambda i, j: Dot(1)([i((3,)), j((4,))]), r"axis values 3 \(at axis 1\) != 4 \(at axis 1\).*left.*right"),
        (lambda i, j: Subtract()([i((3,))]), "exactly 2 inputs. Received: 1"),
        (lambda i, j: Add()(i((3,))), "should be called on a list of inputs"),
        (lambda i, j: layers.Dense(2)([i((3,)), j((3,))]), "'dense.*' expects 1 input, but it received 2 input tensors.*left.*right"),
        (lambda i, j: layers.Dropout(0.1)([i((3,)), j((3,))]), "expects 1 input, but it received 2 input tensors"),
        (lambda i, j: Permute((2, 1))(i((3,))), "expected 2 axes in a row"),
        (lambda i, j: Permute((1, 1)), "dims must be the axes of a row"),
        (lambda i, j: RepeatVector(0), "n must be a positive integer"),
        (lambda i, j: RepeatVector(2)(i((3, 4))), "expected rows of one axis"),
        (lambda i, j: Dot((1, 2, 3)), "axes must be an integer or two"),
        (lambda i, j: Lambda(lambda x: x).get_config(), "without a name cannot be saved"),
        (lambda i, j: Lambda.from_config({"function": {"class_name": "function", "config": "f"}}), r"custom_objects=\{'f': the_function\}"),
        (lambda i, j: Lambda.from_config({"function": {"class_name": "__lambda__", "config": {}}}), "code of a function"),
    ],
)
def test_what_is_refused(make, message):
    names = iter(("left", "right"))

    def tensor(shape):
        return gpunn.Input(shape, name=next(names))

    with pytest.raises(ValueError, match=message):
        make(tensor, tensor)


@pytest.mark.parametrize("place", ["cpu", pytest.param("sim", marks=needs_gxx)])
@pytest.mark.parametrize("kind", ["Add", "Average", "Multiply", "Subtract", "Concatenate", "Steps"])
def test_masks_of_arrays_of_the_host(place, kind):
    """Somebody's masks, of truths, as Keras has them."""
    x, m = np.ones((2, 3, 4), np.float32), np.array([[1, 0, 0], [1, 1, 0]], bool)
    with gpunn.device(place):
        mine, theirs = (lib.layers.Concatenate(axis=1) if kind == "Steps" else getattr(lib.layers, kind)() for lib in (gpunn, keras))
        for masks in ([m, ~m], [m, m], [None, None], [m, None] if kind == "Steps" else [m, m]):
            found, wanted = mine.compute_mask([x, x], masks), theirs.compute_mask([x, x], masks)
            assert (found is None) == (wanted is None)
            if found is not None:
                np.testing.assert_array_equal(found, np.asarray(wanted))
