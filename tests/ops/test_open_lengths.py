"""Tables cut to the length of the rows at hand, and masks as long as these: lengths that only the arrays tell."""

import numpy as np
import pytest

from gpunn import Input, Model, layers, ops
from gpunn.models import Sequential, load_model

pytestmark = pytest.mark.usefixtures("cpu")
TABLE = np.arange(24, dtype="float32").reshape(1, 8, 3)


class Places(layers.Layer):
    """Adds a row of a table for each place; the table learns."""

    def build(self, input_shape):
        self.table = self.add_weight(name="table", shape=(8, 3), initializer="zeros")

    def call(self, x):
        return x + self.table[: ops.shape(x)[1]]


def test_a_table_is_cut_to_the_length_of_the_rows(tmp_path):
    start, cut = Input((None, 3)), {
        "from the front": (lambda x: ops.getitem(TABLE, (slice(None), slice(None, ops.shape(x)[1]))), lambda n: TABLE[:, :n]),
        "without the first": (lambda x: ops.getitem(TABLE, (0, slice(1, ops.shape(x)[1] + 1))), lambda n: TABLE[0, 1 : n + 1]),
        "its end": (lambda x: ops.getitem(x, (slice(None), slice(ops.shape(x)[1] - 1, None))), lambda n: 1.0),
    }
    for name, (make, expected) in cut.items():
        model = Model(start, start * 2 + make(start))
        model.save(tmp_path / "cut.npz")
        again = load_model(tmp_path / "cut.npz")
        for n in (2, 5):
            x = np.ones((4, n, 3), "float32")
            np.testing.assert_allclose(model.predict(x, verbose=0), 2 * x + expected(n), err_msg=name)
            np.testing.assert_allclose(again.predict(x, verbose=0), 2 * x + expected(n), err_msg=name)


def test_rows_of_a_table_that_were_cut_off_do_not_learn():
    model = Sequential([Input((None, 3)), Places()])
    model.compile("sgd", "mse")
    for n in (5, 2):
        before = model.get_weights()[0]
        x = np.ones((4, n, 3), "float32")
        model.fit(x, 0 * x, verbose=0)
        moved = model.get_weights()[0] - before
        np.testing.assert_allclose(moved[:n], -0.01 * 2 * (1 + before[:n]) / (3 * n), rtol=1e-5)
        assert not moved[n:].any()


def test_a_mask_as_long_as_the_rows():
    start = Input((None, 3))
    n = ops.shape(start)[1]
    full = {"ones": ops.ones((n, n)), "a number": ops.full((2, n), 7.0), "truths": ops.cast(ops.ones((n, n), "bool"), "float32")}
    made = {name: Model(start, value).predict_on_batch for name, value in full.items()}
    model = Model(start, [ops.matmul(ops.tril(ops.ones((n, n))), start), ops.matmul(ops.triu(ops.ones((n, n)), 1), start)])
    for length in (2, 5):
        x = np.random.default_rng(0).normal(size=(4, length, 3)).astype("float32")
        np.testing.assert_array_equal(made["ones"](x), np.ones((length, length)))
        np.testing.assert_array_equal(made["a number"](x), np.full((2, length), 7))
        np.testing.assert_array_equal(made["truths"](x), np.ones((length, length)))
        before, after = model.predict(x, verbose=0)
        np.testing.assert_allclose(before, np.cumsum(x, axis=1), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(after, x.sum(axis=1, keepdims=True) - np.cumsum(x, axis=1), rtol=1e-5, atol=1e-5)


def test_an_end_that_is_no_length_is_refused():
    total = ops.sum(Input((None, 3)))
    for make in (lambda: ops.getitem(TABLE, slice(None, total)), lambda: ops.zeros((2, total))):
        with pytest.raises(TypeError, match=r"Expected whole numbers, and what is worked out of gpunn.ops.shape. Received: <KerasTensor"):
            make()
