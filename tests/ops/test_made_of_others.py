"""Operations made of others on arrays: as Keras's of the same names; and what they refuse."""

import keras_twin
import numpy as np
import pytest

from gpunn import GradientTape, Input, Sequential, Variable, ops
from gpunn.layers import Layer

RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((3, 4)).astype("f4"), RNG.uniform(0.1, 2, (3, 4)).astype("f4")
FAR, WHOLE = np.where(X > 0.5, np.inf, np.where(X < -0.5, -np.inf, X)), np.arange(12, dtype="i4").reshape(3, 4)
BYTES, LARGE = np.array([[3, 0, 88], [7, 2, 255]], "u1"), np.array([2**31 - 1, 5, 2**31 - 9, -(2**31)], "i4")
P, T, LABELS = Y / Y.sum(axis=-1, keepdims=True), np.eye(4, dtype="f4")[[0, 2, 1]], np.array([0, 2, 1])
CASES = [
    ("floor_divide", (X, Y), {}), ("log2", (Y,), {}), ("log10", (Y,), {}), ("logaddexp", (X, Y), {}), ("tan", (X,), {}),
    ("sinh", (X,), {}), ("cosh", (X,), {}), ("isinf", (Y * np.inf,), {}), ("isfinite", (X,), {}), ("cumsum", (X,), {"axis": 1}),
    ("cumsum", (X,), {}), ("average", (X,), {"axis": 1, "weights": Y}), ("average", (X,), {}), ("count_nonzero", (X > 0,), {"axis": 1}),
    ("outer", (X[0], Y[0]), {}), ("pad", (X, ((0, 0), (1, 2))), {}), ("pad", (X, ((0, 0), (1, 2))), {"mode": "reflect"}),
    ("pad", (X, 1), {"constant_values": 2.0}), ("tril", (X,), {}), ("triu", (X, 1), {}), ("binary_crossentropy", (T, P), {}),
    ("binary_crossentropy", (T, X), {"from_logits": True}), ("categorical_crossentropy", (T, Y), {}),
    ("categorical_crossentropy", (T, X), {"from_logits": True}), ("sparse_categorical_crossentropy", (LABELS, P), {}), ("relu6", (X,), {}),
    ("hard_sigmoid", (X,), {}), ("hard_silu", (X,), {}), ("softsign", (X,), {}), ("log_sigmoid", (X,), {}), ("celu", (X,), {}),
    ("soft_shrink", (X,), {}), ("hard_shrink", (X,), {}), ("arctan", (X,), {}), ("linspace", (0, 1, 5), {}),
    ("sparse_categorical_crossentropy", (LABELS[:, None], P), {}), ("logsumexp", (FAR,), {"axis": 1}), ("logsumexp", (FAR,), {}),
    ("average", (X,), {"axis": 0, "weights": Y[:, 0]}), ("full_like", (LABELS, 2.7), {}),
    ("full_like", (X, 2.7, "int32"), {}), ("zeros_like", (X, "int32"), {}), ("ones_like", (X, "bool"), {}), ("round", (X, 1), {}),
    ("prod", (X,), {"axis": 1, "dtype": "float64"}), ("expand_dims", (X, (0, 2)), {}), ("moveaxis", (X[None], (0, 2), (-1, 0)), {}),
    ("one_hot", (LABELS, 4), {"axis": 0}), ("min", (X > 0,), {"axis": 1}), ("argmin", (X > 0,), {"axis": 1}),
    ("any", (X[:0] > 0,), {"axis": 0}),
    ("norm", (X,), {"ord": 1}), ("norm", (X,), {"ord": 2, "axis": (0, 1)}), ("norm", (X,), {"ord": 3, "axis": 1}),
    ("normalize", (X,), {"order": 3}), ("segment_sum", (X, np.array([1, -1, 5])), {"num_segments": 2}),
    ("tril", (WHOLE[:, :3],), {}), ("scatter_update", (X, LABELS[:, None].repeat(2, 1), np.ones(3, "f4")), {"reduction": "add"}),
    *[(name, (numbers,), {}) for name in ("cos", "exp", "arccos") for numbers in (np.array([0, 1], "i4"), np.array([True, False]))],
    *[(name, (X, WHOLE), {}) for name in ("add", "divide", "maximum", "hypot", "equal")], ("matmul", (X, WHOLE.T), {}),
    ("logaddexp", (BYTES, BYTES[::-1]), {}), ("logaddexp", (BYTES, True), {}), ("sinh", (BYTES[:, :2],), {}), ("cosh", (BYTES[:, :2],), {}),
    ("cosh", (X > 0,), {}), ("norm", (BYTES,), {}), ("norm", (LARGE,), {}), ("norm", (BYTES.astype("i1"),), {"ord": 1, "axis": 1}),
    ("nanmean", (LARGE[:3],), {}), ("nanstd", (LARGE[:3],), {}), ("nanvar", (np.abs(FAR),), {"axis": 1}),
    ("top_k", (BYTES, 2), {}), ("top_k", (LARGE, 2), {}), ("top_k", (X > 0, 2), {}),
    ("concatenate", ([X, WHOLE],), {}), ("arange", (4,), {}), ("arange", (4.0,), {}), ("argmax", (X,), {}),
]


@pytest.mark.parametrize(("name", "given", "options"), CASES, ids=[f"{i}-{c[0]}" for i, c in enumerate(CASES)])
def test_as_keras_has_it(name, given, options):
    ours = np.asarray(getattr(ops, name)(*given, **options))
    theirs = np.asarray(getattr(keras_twin.keras.ops, name)(*given, **options))
    assert ours.shape == theirs.shape and ours.dtype.kind == theirs.dtype.kind
    assert ours.dtype == theirs.dtype or ours.dtype.kind == "i" or theirs.dtype == np.float64  # which JAX has since another test
    np.testing.assert_allclose(ours, theirs, rtol=2e-5, atol=2e-6)


def test_bytes_are_numbers_where_keras_refuses_them_or_takes_what_is_left_beyond_255():
    floats = BYTES.astype("f4")
    np.testing.assert_allclose(ops.normalize(BYTES), floats / np.linalg.norm(floats, axis=1, keepdims=True), rtol=1e-6)
    one, other = BYTES, BYTES[::-1]
    apart = np.mean((one.astype(float) - other.astype(float)) ** 2)
    np.testing.assert_allclose(ops.psnr(one, other, 255), 10 * np.log10(255**2 / apart), rtol=1e-5)


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_shares_of_whole_numbers_are_floats_of_the_library_s_type(name):
    found = getattr(ops, name)(WHOLE)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, getattr(ops, name)(WHOLE.astype("f4")), rtol=1e-6)


DERIVED = {
    "log_sigmoid": lambda ops, x: ops.log_sigmoid(x), "relu6": lambda ops, x: ops.relu6(x), "celu": lambda ops, x: ops.celu(x),
    "pad": lambda ops, x: ops.exp(ops.pad(x, 1)), "prod": lambda ops, x: ops.prod(x, axis=1),
    "cumsum": lambda ops, x: ops.cumsum(x, axis=0),
    "take_along_axis": lambda ops, x: ops.take_along_axis(x, np.array([[-1, 0]]), 1),
    "number": lambda ops, x: ops.exp(ops.take(x, 5) * ops.tanh(x)),
}


@pytest.mark.parametrize("name", DERIVED)
def test_gradients_of_watched_arrays_and_of_weights(name, cpu):
    x = np.linspace(-2, 2, 12, dtype="f4").reshape(3, 4) + 0.1
    keras, jax = keras_twin.keras, keras_twin.jax
    theirs = np.asarray(jax.grad(lambda v: keras.ops.sum(keras.ops.sin(DERIVED[name](keras.ops, v))))(jax.numpy.asarray(x)))
    number = np.array(0.5, "f4")
    weight = Variable(x)
    for one in (x, weight):
        with GradientTape() as tape:
            tape.watch([one, number])
            y = ops.sum(ops.sin(DERIVED[name](ops, one)))
            doubled = ops.exp(number)
        np.testing.assert_allclose(tape.gradient(y, one), theirs, rtol=1e-4, atol=1e-6)
        assert doubled.shape == ()


class Spread(Layer):
    def build(self, shape):
        self.w = self.add_weight("w", (4,), "ones")

    def call(self, inputs):
        return inputs * ops.cumsum(self.w) + ops.pad(self.w, ((1, 0),))[:4] * ops.relu6(self.w)


def test_weights_learn_through_them(cpu):
    model = Sequential([Spread()])
    model.compile("sgd", "mse")
    model.fit(X, Y, verbose=0)
    assert np.all(model.get_weights()[0] != 1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda x: ops.cumsum(x, axis=0), r"cumsum: expected an axis within a row. Received: axis=0 of shape \(None, 3\)"),
        (lambda x: ops.pad(x, 1), r"pad: expected \(0, 0\) for an axis whose length is not known. Received: \[1, 1\]"),
        (lambda x: ops.tril(ops.sum(x, axis=1)), r"tril: expected two axes or more. Received: shape \(None,\)"),
    ],
)
def test_what_is_wrong_is_said(make, message):
    with pytest.raises(ValueError, match=message):
        make(Input((3,)))
