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


# ---------------------------------------------------------------------- the library's layers that compute
COMPUTING = {
    "relu": (lambda k: k.ReLU(), ("int32", "uint8")), "linear": (lambda k: k.Activation("linear"), ("int32", "uint8")),
    "softmax": (lambda k: k.Softmax(), ("int32",)), "elu": (lambda k: k.ELU(), ("int32",)),
    "relu to 6": (lambda k: k.ReLU(max_value=6), ("int32",)), "dropout": (lambda k: k.Dropout(0.5), ("int32", "uint8", "bool")),
    "noise": (lambda k: k.GaussianNoise(0.5), ("int32", "bool")), "alpha": (lambda k: k.AlphaDropout(0.5), ("int32",)),
    "rate": (lambda k: k.GaussianDropout(0.5), ("int32",)), "whole channels": (lambda k: k.SpatialDropout1D(0.5), ("int32",)),
    "masking": (lambda k: k.Masking(), ("int32", "uint8")), "penalty": (lambda k: k.ActivityRegularization(0.1), ("int32",)),
    "max": (lambda k: k.MaxPooling1D(2), ("int32", "uint8")), "mean": (lambda k: k.AveragePooling1D(2), ("int32",)),
    "all max": (lambda k: k.GlobalMaxPooling1D(), ("int32", "uint8")), "all mean": (lambda k: k.GlobalAveragePooling1D(), ("int32",)),
    "adaptive": (lambda k: k.AdaptiveMaxPooling1D(2), ("int32",)), "larger": (lambda k: k.UpSampling1D(2), ("int32", "bool")),
    "each step": (lambda k: k.TimeDistributed(k.ReLU()), ("int32",)),
    "double": (lambda k: k.Lambda(lambda x: x * 2 + 1), ("int32", "uint8")),
    "half": (lambda k: k.Lambda(lambda x: x / 2), ("int32",)), "above": (lambda k: k.Lambda(lambda x: x > 2), ("int32",)),
}
JOINED = ("Add", "Subtract", "Multiply", "Maximum", "Minimum", "Average")


@pytest.mark.parametrize("name", COMPUTING)
def test_integers_that_are_computed_with(cpu, name):
    """Types and values out of integers, alone, as Keras has them."""
    twin = pytest.importorskip("keras_twin")
    make, kinds = COMPUTING[name]
    for kind in kinds:
        x = np.arange(24).reshape(2, 4, 3).astype(kind)
        with twin.jax.enable_x64(False):
            same([make(layers)(x)], [np.asarray(make(twin.keras.layers)(x))])


@pytest.mark.parametrize("name", [*JOINED, "Dot"])
def test_integers_that_are_joined(cpu, name):
    """Of one type, of two, and beside floats; sums of bytes go around."""
    twin = pytest.importorskip("keras_twin")
    a, b = np.array([[200, 3, 7]]), np.array([[100, 5, 7]])
    for kinds in (("int32", "int32"), ("uint8", "uint8"), ("int16", "int32"), ("int32", "float32")):
        given = [a.astype(kinds[0]), b.astype(kinds[1])]
        if name in ("Average", "Dot") and "uint8" in kinds:
            continue  # in Keras a sum of bytes goes around before it is halved
        options = {"axes": 1} if name == "Dot" else {}
        with twin.jax.enable_x64(False):
            found = [np.asarray(getattr(k, name)(**options)(given)) for k in (layers, twin.keras.layers)]
        same(found[:1], found[1:])


def test_a_layer_that_draws_gives_floats_in_training(cpu):
    assert layers.Dropout(0.5)(WHOLE, training=True).dtype == layers.GaussianNoise(1.0)(WHOLE, training=True).dtype == "float32"


def test_integers_that_float32_does_not_hold(cpu):
    """Neighbours stay apart."""
    x = np.array([[2**24 + 1, 2**31 - 1, -(2**24) - 3]])
    np.testing.assert_array_equal(layers.Identity()(x), x)
    np.testing.assert_array_equal(layers.Maximum()([x, x - 1]), x)
    with pytest.raises(ValueError, match=r"Layer 'identity\w*': expected integers below 9007199254740992. Received: 9007199254740993"):
        layers.Identity()(np.array([[2**53 + 1]]))


@pytest.mark.parametrize("name", ["Identity", "Flatten", "Dropout", "ReLU"])
def test_layers_of_integers(cpu, tmp_path, name):
    """``dtype="int32"``: floats are cut, alone and in a model, and a file keeps it."""
    twin = pytest.importorskip("keras_twin")
    x, found = np.array([[1.7, -1.7, 2.0, 300.2]], "float32"), []
    for lib in (gpunn, twin.keras):
        layer = getattr(lib.layers, name)(*([0.5] if name == "Dropout" else []), dtype="int32")
        given = lib.layers.Input((4,))
        model = lib.Model(given, layer(given))
        model.save(tmp_path / f"{lib.__name__}.keras")
        found.append([np.asarray(layer(x)), model.predict(x, verbose=0), np.asarray(layer.compute_dtype)])
        assert layer.dtype_policy.name == "int32"
    assert [str(v) for v in found[0][2:]] == [str(v) for v in found[1][2:]]
    same(found[0][:2], found[1][:2])
    for lib in (gpunn, twin.keras):
        again = gpunn.models.load_model(tmp_path / f"{lib.__name__}.keras")
        same([again.predict(x, verbose=0)], found[1][1:2])


def test_columns_of_integers(cpu):
    twin = pytest.importorskip("keras_twin")
    x = np.array([[1, 3], [0, 0]])
    for mode in ("multi_hot", "count", "one_hot"):
        with twin.jax.enable_x64(False):
            found = [np.asarray(k.CategoryEncoding(4, mode, dtype="int32")(x)) for k in (layers, twin.keras.layers)]
        same(found[:1], found[1:])


def test_layers_of_integers_have_no_weights(cpu):
    with pytest.raises(ValueError, match=r"Layer 'd': weights are floats. Expected dtype float32 or float64. Received: 'int32'"):
        layers.Dense(2, name="d", dtype="int32")(X)
    with pytest.raises(ValueError, match=r"Layer 'd': dtype must be float32, float64 or a type of integers. Received: 'complex64'"):
        layers.Dense(2, name="d", dtype="complex64")
    with pytest.raises(ValueError, match="set_dtype_policy: expected a policy of floats"):
        gpunn.dtype_policies.set_dtype_policy("int32")


def test_a_call_on_arrays_is_not_among_the_calls(cpu):
    """What a layer tells as its output is that of its call on a symbolic tensor."""

    class Twice(layers.Layer):
        def call(self, x):
            return x * 2

    for layer in (Twice(), layers.Lambda(lambda x: x * 2)):
        layer(WHOLE)
        out = layer(layers.Input((2,)))
        assert layer.output is out
