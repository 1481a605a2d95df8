"""A layer a user writes: forward returns its pullback. It runs launch by launch, with the result of the built-in one."""

import numpy as np
import pytest

import gpunn
from gpunn import layers, ops
from gpunn.layers import Dense, Dropout, Input, Layer
from gpunn.models import Sequential

pytestmark = pytest.mark.usefixtures("cpu")
RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((50, 6)), RNG.integers(0, 3, 50)


class OwnDense(Layer):
    """As the documentation of `Layer` says, with plain arrays."""

    def __init__(self, units, **common):
        super().__init__(**common)
        self.units = units

    def build(self, input_shape):
        self.kernel = self.add_weight("kernel", (input_shape[-1], self.units), "glorot_uniform")
        self.bias = self.add_weight("bias", (self.units,), "zeros")

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def forward(self, x, training=False):
        y = np.tanh(x @ self.kernel.value + self.bias.value)

        def backward(dy):
            dz = dy * (1 - y * y)
            for parameter, gradient in ((self.kernel, x.T @ dz), (self.bias, dz.sum(axis=0))):
                if parameter.claim():
                    parameter.gradient += gradient
                else:
                    parameter.gradient[...] = gradient
            return dz @ self.kernel.value.T

        return y, backward

    def config(self):
        return {"units": self.units}


@pytest.mark.parametrize("where", ["first", "later"])
def test_same_result_as_the_built_in_layer(where, float64):
    models = []
    for hidden in (lambda: Dense(5, activation="tanh"), lambda: OwnDense(5)):
        gpunn.utils.set_random_seed(3)
        before = [Dense(6, activation="relu")] if where == "later" else []
        model = Sequential([Input((6,)), *before, hidden(), Dropout(0.2), Dense(3, activation="softmax")])
        model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
        history = model.fit(X, Y, batch_size=16, epochs=3, validation_split=0.2, verbose=0)
        models.append((model, history.history, model.predict(X), model.evaluate(X, Y)))
    (plain, *built_in), (own, *users) = models
    assert plain.recordable and not own.recordable
    for name in built_in[0]:
        np.testing.assert_allclose(users[0][name], built_in[0][name], rtol=1e-9)
    np.testing.assert_allclose(users[1], built_in[1], rtol=1e-9)
    np.testing.assert_allclose(users[2], built_in[2], rtol=1e-9)
    for a, b in zip(plain.get_weights(), own.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-7, atol=1e-10)
    assert own.optimizer.iterations == plain.optimizer.iterations == 9
    assert "own_dense" in own.explain(print_fn=str) and "do not say recordable = True" in own.explain(print_fn=str)


def test_a_subclass_of_ours_is_not_taken_for_recordable():
    class Noisy(Dense):
        calls = 0

        def forward(self, x, training=False, activation=None):
            type(self).calls += 1
            return super().forward(x, training, activation)

    model = Sequential([Noisy(3, input_dim=6, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(X, Y, batch_size=10, epochs=2, verbose=0)
    assert Noisy.calls == 10, "its own forward runs in every step"


def test_a_gradient_that_is_not_written_is_zero():
    """A layer that uses its weight in its first step only: later steps must not apply the old gradient again."""

    class Once(Layer):
        def build(self, input_shape):
            self.shift = self.add_weight("shift", (input_shape[-1],), "zeros")
            self.calls = 0

        def forward(self, x, training=False):
            self.calls += training

            def backward(dy):
                if self.calls == 1:
                    self.shift.claim()
                    self.shift.gradient[...] = 1.0
                return dy

            return x + self.shift.value, backward

    model = Sequential([Once(input_shape=(6,))])
    model.compile("sgd", "mse")
    model.optimizer.learning_rate = 1.0
    model.fit(X, X, batch_size=10, epochs=1, verbose=0)
    np.testing.assert_array_equal(model.get_weights()[0], -np.ones(6))


def test_a_layer_without_forward_says_so():
    class Nothing(Layer):
        pass

    with pytest.raises(NotImplementedError, match=r"Nothing gives no forward\(x, training\)"):
        Sequential([Nothing(input_shape=(6,))]).predict(X)


def test_layers_alone():
    layer = Dense(3, activation="relu")
    out = layer(X)
    assert out.shape == (50, 3) and layer.count_params() == 21 and layer.get_weights()[0].shape == (6, 3)
    rate = Dropout(0.5)
    assert (rate(np.ones((10, 10)), training=True) == 0).any() and (rate(np.ones((10, 10))) == 1).all()


def test_what_no_layer_calls():
    with pytest.raises(TypeError, match="convolution_op, which no layer of gpunn calls"):

        class Standardized(gpunn.layers.Conv2D):
            def convolution_op(self, inputs, kernel):
                return super().convolution_op(inputs, kernel)


def test_a_metric_within_a_call_says_why():
    class Measured(Layer):
        def __init__(self):
            super().__init__()
            self.mean = gpunn.metrics.Mean()

        def call(self, x):
            self.mean.update_state(x)
            return x

    with pytest.raises(TypeError, match="within a layer's or a model's call none can be updated"):
        Measured()(Input((3,)))


# ---------------------------------------------------------------------- configurations that nobody wrote
class Units(Layer):
    """Says nothing of its configuration, as most layers in courses."""

    def __init__(self, units, scale=1.0, **common):
        super().__init__(**common)
        self.units, self.scale = units, scale

    def build(self, input_shape):
        self.w = self.add_weight(name="w", shape=(input_shape[-1], self.units))

    def call(self, x):
        return ops.matmul(x, self.w) * self.scale


class Bare(Units):
    def __init__(self, units=2):
        super().__init__(units)


@pytest.mark.usefixtures("cpu")
@pytest.mark.parametrize("make", [lambda: Units(5, scale=2.0, name="five"), lambda: Bare(5), lambda: Bare(units=5)])
def test_what_a_constructor_was_given_is_the_configuration(make, tmp_path):
    """As in Keras. A loaded layer had the constructor's defaults otherwise, or could not be made."""
    model = gpunn.Sequential([gpunn.Input((3,)), make()])
    model.save(tmp_path / "model.keras")
    again = gpunn.models.load_model(tmp_path / "model.keras", {"Units": Units, "Bare": Bare})
    x = np.random.default_rng(0).normal(size=(4, 3))
    np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))
    assert again.layers[0].name == model.layers[0].name and again.layers[0].scale == model.layers[0].scale
    clone = gpunn.models.clone_model(model)
    assert clone.layers[0].units == 5


def test_what_is_no_plain_value_is_said():
    class Wrapping(Layer):
        def __init__(self, inner):
            super().__init__()
            self.inner = inner

        def call(self, x):
            return self.inner(x)

    with pytest.raises(NotImplementedError, match="its argument 'inner' is no plain value"):
        Wrapping(Units(2)).get_config()


def test_a_call_of_several_inputs(cpu):
    class Apart(Layer):
        def call(self, a, b, scale=2.0):
            return a - scale * b

    a, b = np.ones((3, 2), "float32"), np.full((3, 2), 4.0, "float32")
    np.testing.assert_array_equal(Apart()(a, b), a - 2 * b)
    x, y = Input((2,)), Input((2,))
    model = gpunn.Model([x, y], Apart()(x, y))
    np.testing.assert_array_equal(model.predict([a, b], verbose=0), a - 2 * b)
    with gpunn.GradientTape() as tape:
        tape.watch(held := gpunn.ops.convert_to_tensor(b))
        out = gpunn.ops.sum(Apart()(a, held))
    np.testing.assert_array_equal(tape.gradient(out, held), np.full((3, 2), -2))


def test_a_shape_put_together(cpu):
    """As Geron's pooling of channels does: the input's shape, and two axes in place of its last."""
    ops = gpunn.ops

    class DepthPool(Layer):
        def call(self, x):
            shape = ops.shape(x)
            return ops.max(ops.reshape(x, ops.concatenate([shape[:-1], [shape[-1] // 2, 2]], axis=0)), axis=-1)

    x = np.random.default_rng(0).standard_normal((3, 5, 4, 6)).astype("float32")
    want = x.reshape(3, 5, 4, 3, 2).max(axis=-1)
    np.testing.assert_array_equal(DepthPool()(x), want)
    given = Input((5, 4, 6))
    np.testing.assert_array_equal(gpunn.Model(given, DepthPool()(given)).predict(x, verbose=0), want)


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "SimpleRNN"])
def test_an_initial_state_of_a_call_on_arrays(kind):
    """Two halves of a sequence, the second from where the first one ended."""
    layer = getattr(gpunn.layers, kind)(4, return_state=True)
    x = RNG.standard_normal((3, 6, 2)).astype("float32")
    whole, *ends = layer(x)
    _, *middle = layer(x[:, :2])
    for state in (middle, middle[0] if len(middle) == 1 else tuple(middle)):
        last, *found = layer(x[:, 2:], initial_state=state)
        for a, b in zip([last, *found], [whole, *ends], strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    with gpunn.GradientTape() as tape:
        last = layer(x[:, 2:], initial_state=[gpunn.Variable(s) for s in middle])[0]
        loss = ops.sum(last)
    np.testing.assert_allclose(last, whole, rtol=1e-5, atol=1e-6)
    assert all(g is not None for g in tape.gradient(loss, layer.trainable_weights))


@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("kind, count", [("LSTM", 2), ("GRU", 1), ("SimpleRNN", 1)])
def test_a_recurrent_layer_called_on_arrays_with_a_state(kind, count, both, cpu):
    rng, count = np.random.default_rng(0), count * (1 + both)
    x, states = rng.standard_normal((3, 4, 2)), [rng.standard_normal((3, 5)) for _ in range(count)]
    layer = layers.Bidirectional(getattr(layers, kind)(5)) if both else getattr(layers, kind)(5)
    found = np.asarray(layer(x, initial_state=states))
    given, held = Input((4, 2)), [Input((5,)) for _ in states]
    model = gpunn.Model([given, *held], layer(given, initial_state=held))
    np.testing.assert_allclose(found, model.predict([x, *states], verbose=0), rtol=1e-5, atol=1e-6)
    assert not np.allclose(found, layer(x))


def test_inputs_by_name(cpu):
    class Two(layers.Layer):
        def call(self, query, key=None):
            return query - key

    x = np.ones((2, 3), "float32")
    start = gpunn.Input((3,))
    assert (np.asarray(Two()(query=x * 3, key=x)) == 2).all()
    dense = layers.Dense(2)
    model = gpunn.Model(start, dense(inputs=start))
    np.testing.assert_array_equal(model(inputs=x), dense(inputs=x))
    np.testing.assert_array_equal(gpunn.Sequential([dense])(inputs=x, training=True), dense(x))
    assert layers.GRU(2)(sequences=np.ones((2, 3, 4), "float32")).shape == (2, 2)
    with pytest.raises(TypeError, match="expected an input"):
        dense()
