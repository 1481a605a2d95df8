"""A layer of one's own that is called alone, beside Keras: what comes out of integers and truths, plain arguments by name, masks."""

import numpy as np
import pytest

import gpunn
from gpunn import GradientTape, layers, ops

X = np.random.default_rng(0).random((3, 4)).astype("float32")
WHOLE = np.array([[1, 4], [0, 2]], "int32")
TRUTHS = np.array([[True, False, True]])
MASK = np.array([[True, False], [True, True]])


def in_each(kind):
    """The same function of (layers, ops) in gpunn and in Keras, on JAX as it is by default, of 32 bits."""
    twin = pytest.importorskip("keras_twin")
    own = kind(layers, ops)
    with twin.jax.enable_x64(False):
        return own, [np.asarray(v) for v in kind(twin.keras.layers, twin.keras.ops)]


def same(own, theirs):
    assert [str(v.dtype) for v in own] == [str(v.dtype) for v in theirs]
    for mine, other in zip(own, theirs, strict=True):
        np.testing.assert_allclose(np.asarray(mine, float), np.asarray(other, float), rtol=1e-6)


def of_numbers(layers, ops):
    class Found(layers.Layer):
        def call(self, x):
            return ops.argmax(x, axis=-1), x > 0.5, x, ops.cast(x > 0.5, "int32") + 1

    return Found(dtype="float32")(X)


def of_integers(layers, ops):
    class Found(layers.Layer):
        def call(self, x):
            return (
                x * 2, x / 2, x + 1.5, x // 2, x % 2, -x, ops.mean(x), ops.sum(x, axis=-1), ops.max(x), ops.cumsum(x, axis=-1),
                ops.take(ops.arange(10, dtype="int32"), x), ops.one_hot(x, 5), ops.concatenate([x, x]), ops.where(x > 1, 1, 0),
                ops.prod(x, axis=1),
            )

    return Found(dtype="float32")(WHOLE)


def of_truths(layers, ops):
    class Found(layers.Layer):
        def call(self, x):
            found = x * 2, x + 1, ops.sum(x, axis=-1), x + 1.5, ops.where(x, 1, 0), ops.minimum(x, 1)
            return *found, ops.cumsum(x, axis=-1), ops.logical_not(x)

    return Found(dtype="float32")(TRUTHS)


@pytest.mark.parametrize("kind", [of_numbers, of_integers, of_truths], ids=lambda kind: kind.__name__)
def test_types(cpu, kind):
    same(*in_each(kind))


def at_once(layers, ops):
    return (
        ops.sum(TRUTHS), ops.sum(WHOLE), ops.add(TRUTHS, 1), ops.where(TRUTHS, 1, 0), ops.cumsum(TRUTHS), ops.cumsum(WHOLE),
        ops.prod(WHOLE, axis=0), ops.cumprod(WHOLE), ops.floor_divide(WHOLE, 2), ops.sum(np.array([200, 100], "uint8")),
        ops.digitize(X, np.array([0.2, 0.7], "float32")), ops.searchsorted(np.array([1.0, 2.0], "float32"), X[0]), ops.nonzero(WHOLE)[1],
    )


def test_types_of_arrays_at_once():
    same(*in_each(at_once))
    assert ops.sum(WHOLE.astype("int64")).dtype == "int64"


def test_in_lists_and_dicts(cpu):
    class Found(layers.Layer):
        def call(self, x, y=None, k=2, flip=False):
            return {"x": x * k, "y": ops.logical_not(y) if flip else y}

    found = Found()(np.array([1, 2], "int32"), y=np.array([True, False]), k=3, flip=True)
    assert found["x"].dtype == "int32" and found["x"].tolist() == [3, 6]
    assert found["y"].dtype == "bool" and found["y"].tolist() == [False, True]


def test_plain_arguments_by_name(cpu):
    """Rows in a list, too; each value of an argument has its own trace."""

    class Times(layers.Layer):
        def call(self, x, factor=1, negative=False):
            return -x * factor if negative else x * factor

    layer = Times()
    np.testing.assert_array_equal(layer(X, factor=3), X * 3)
    np.testing.assert_array_equal(layer(X, factor=3, negative=True), -X * 3)
    np.testing.assert_array_equal(layer([[1.0, 2.0]], factor=2), [[2, 4]])


def uneven(layers, ops):
    class Generated(layers.Layer):
        def call(self, given):
            x, kernel, bias, factor = given
            return ops.matmul(x, ops.reshape(kernel, (4, 2))) * factor + bias

    return [Generated(dtype="float32")([X, np.arange(8, dtype="float32"), np.ones(2, "float32"), np.float32(2)])]


def test_a_list_of_arrays_that_have_not_all_rows(cpu):
    same(*in_each(uneven))


def squares(layers, ops):
    class Product(layers.Layer):
        def call(self, given):
            return ops.matmul(given[0], given[1])

    class Gram(layers.Layer):
        def call(self, x):
            return ops.reshape(ops.matmul(x, ops.transpose(x)), (9,))

    return Product(dtype="float32")([X[:, :3], X[:, 1:]]), Gram(dtype="float32")(X)


def test_sizes_that_only_these_rows_have(cpu):
    """A square of as many rows as columns, and a shape that is given in numbers."""
    same(*in_each(squares))


def masked(layers, ops):
    class Sums(layers.Layer):
        def call(self, x, mask=None):
            return ops.sum(x * ops.cast(ops.expand_dims(mask, -1), "float32"), axis=1)

    return [Sums(dtype="float32")(np.arange(8, dtype="float32").reshape(2, 2, 2), mask=MASK)]


@pytest.mark.filterwarnings("ignore:Layer 'sums'")
def test_a_mask_by_name(cpu):
    same(*in_each(masked))


def twice(layers, ops):
    class Twice(layers.Dense):
        def call(self, x):
            return super().call(x) * 2

    return [Twice(2, kernel_initializer="ones", dtype="float32")(X)]


def test_a_call_beside_that_of_a_known_layer(cpu):
    """A class derived from Dense with a `call` of its own, alone: not Dense's forward."""
    same(*in_each(twice))


def test_a_mask_by_name_under_a_tape(cpu):
    class Sums(layers.Layer):
        def call(self, x, mask=None):
            return ops.sum(x * ops.cast(ops.expand_dims(mask, -1), "float32"), axis=1)

    x = gpunn.Variable(np.ones((2, 2, 2), "float32"))
    with GradientTape() as tape:
        loss = ops.sum(Sums()(x, mask=MASK))
    np.testing.assert_array_equal(np.asarray(tape.gradient(loss, [x])[0])[..., 0], MASK)


# ---------------------------------------------------------------------- the library's layers that only move numbers
MOVING = {
    "identity": lambda k: k.Identity(), "reshape": lambda k: k.Reshape((2, 6)), "flatten": lambda k: k.Flatten(),
    "permute": lambda k: k.Permute((2, 1)), "crop": lambda k: k.Cropping1D(1), "pad": lambda k: k.ZeroPadding1D(1),
    "join": lambda k: Twofold(k),
}


class Twofold:
    def __init__(self, layers):
        self.layer = layers.Concatenate()

    def __call__(self, x):
        return self.layer([x, x])


@pytest.mark.parametrize("kind", ["int32", "bool", "uint8", "float32"])
@pytest.mark.parametrize("name", MOVING)
def test_moved_integers_stay_such(cpu, name, kind):
    """Alone, and in a model, as Keras has them."""
    twin = pytest.importorskip("keras_twin")
    x, found = np.arange(24).reshape(2, 4, 3).astype(kind), []
    with twin.jax.enable_x64(False):
        for lib in (gpunn, twin.keras):
            layer = MOVING[name](lib.layers)
            given = lib.layers.Input((4, 3), dtype=kind)
            model = lib.Model(given, layer(given))
            found.append([np.asarray(layer(x)), np.asarray(model(x)), model.predict(x, verbose=0)])
    same(*found)


def test_moved_integers_go_on(cpu):
    """Into layers that learn, and arithmetic."""
    given = layers.Input((4, 3), dtype="int32")
    flat = layers.Flatten()(given)
    assert flat.dtype == "int32" and (flat // 2).dtype == "int32" and layers.Dense(2)(flat).dtype == "float32"
    model = gpunn.Model(given, [flat // 2, layers.Dense(2)(flat), layers.Embedding(24, 2)(flat)])
    x = np.arange(24).reshape(2, 4, 3)
    halves, numbers, embedded = model.predict(x, verbose=0)
    np.testing.assert_array_equal(halves, x.reshape(2, -1) // 2)
    assert halves.dtype == "int32" and numbers.shape == (2, 2) and embedded.shape == (2, 12, 2)
    again = gpunn.Model.from_config(model.get_config())
    assert [t.dtype for t in again.outputs] == ["int32", "float32", "float32"]
