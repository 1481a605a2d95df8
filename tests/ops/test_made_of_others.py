"""Operations made of others on arrays: as Keras's of the same names; and what they refuse."""

import keras_twin
import numpy as np
import pytest

from gpunn import Input, ops

RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((3, 4)).astype("f4"), RNG.uniform(0.1, 2, (3, 4)).astype("f4")
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
]


@pytest.mark.parametrize(("name", "given", "options"), CASES, ids=[f"{i}-{c[0]}" for i, c in enumerate(CASES)])
def test_as_keras_has_it(name, given, options):
    ours = np.asarray(getattr(ops, name)(*given, **options))
    theirs = np.asarray(getattr(keras_twin.keras.ops, name)(*given, **options))
    assert ours.shape == theirs.shape and ours.dtype.kind == theirs.dtype.kind
    np.testing.assert_allclose(ours, theirs, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda x: ops.cumsum(x, axis=0), r"cumsum: expected an axis within a row. Received: axis=0 of shape \(None, 3\)"),
        (lambda x: ops.pad(x, 1), r"pad: expected \(0, 0\) for an axis whose length is not known. Received: \[1, 1\]"),
        (ops.tril, r"Expected two last axes of known lengths. Received: shape \(None, 3\)"),
    ],
)
def test_what_is_wrong_is_said(make, message):
    with pytest.raises(ValueError, match=message):
        make(Input((3,)))
