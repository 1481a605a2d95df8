"""Functional models: graphs, sharing, sub-models, models within, classes of the user's."""

import graphs
import numpy as np
import pytest
from own_model import Own

import gpunn
from gpunn import layers
from gpunn.layers import Add, BatchNormalization, Concatenate, Dense, Dropout, Input
from gpunn.models import Functional, Model, Sequential

pytestmark = pytest.mark.usefixtures("cpu")
RNG = np.random.default_rng(1)
X, Y = RNG.standard_normal((40, 6)).astype("float32"), RNG.standard_normal((40, 2)).astype("float32")
LABELS = np.arange(40) % 3


def straight(kind, name="straight"):
    """One network, as a Sequential or as a functional model: the same draws."""
    gpunn.utils.set_random_seed(4)
    stack = [
        Dense(8), BatchNormalization(), layers.Activation("relu"), Dropout(0.3), Dense(5, activation="tanh", kernel_regularizer="l2"),
        Dropout(0.2), Dense(3, activation="softmax", activity_regularizer="l1"),
    ]  # fmt: skip
    if kind == "sequential":
        model = Sequential([Input((6,)), *stack], name=name)
    else:
        x = y = Input((6,))
        for layer in stack:
            y = layer(y)
        model = Model(x, y, name=name)
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    return model


def test_a_chain_is_what_sequential_is():
    """To the bit, with the same stages and nodes."""
    models = [straight("sequential"), straight("functional")]
    histories = [m.fit(X, LABELS, batch_size=16, epochs=3, validation_split=0.2, verbose=0).history for m in models]
    assert histories[0] == histories[1]
    for a, b in zip(*(m.get_weights() for m in models), strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(*(m.predict(X, verbose=0) for m in models))
    texts = []
    for m in models:  # names of layers differ, kernels do not
        texts.append([line.split("(", 1)[-1] for line in m.explain(16, print_fn=str).splitlines()[3:]])
    assert texts[0] == texts[1]


def test_names_and_shapes():
    x = Input(shape=(6,), name="rows")
    assert x.shape == (None, 6) and x.dtype == "float32" and x.name == "rows" and x.ndim == 2
    hidden = Dense(4, name="hidden")
    out = Dense(2, name="out")(hidden(x))
    model = Model(inputs=x, outputs=out, name="mnist model")
    assert model.name == "mnist model" and type(model) is Functional and isinstance(model, Model) and isinstance(model, layers.Layer)
    assert [layer.name for layer in model.layers] == ["rows", "hidden", "out"] and model.get_layer("hidden") is hidden
    assert model.input is x and model.output is out and model.inputs == [x] and model.input_shape == (None, 6) == x.shape
    assert hidden.input is x and hidden.output.shape == (None, 4) and model.output_names == ["out"] and model.input_names == ["rows"]
    assert model.count_params() == 28 + 10
    with pytest.raises(AttributeError, match=r"'dense.*' has never been called on a symbolic tensor"):
        Dense(3).output  # noqa: B018
    with pytest.raises(TypeError, match="has no values yet"):
        np.asarray(x)
    with pytest.raises(TypeError, match="has no values yet"):
        if x:
            pass


def test_arithmetic_of_tensors():
    x = Input((3,))
    h = Dense(3)(x)
    model = Model(x, [x + h, x - h, x * h])
    d = model.layers[1](X[:, :3])
    for got, want in zip(model.predict(X[:, :3], verbose=0), (X[:, :3] + d, X[:, :3] - d, X[:, :3] * d), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-6)
    with pytest.raises(TypeError, match="unsupported operand"):
        x + "1"


@pytest.mark.parametrize("kind", ["sequential", "functional"])
def test_parts_of_a_model_share_its_weights(kind):
    model = straight(kind)
    features = Model(model.input, model.layers[-3].output)
    all_of_them = Model(model.inputs, [layer.output for layer in model.layers[1:]])
    end = Model(model.layers[-2].output, model.output)  # from the middle
    before = features.predict(X, verbose=0)
    model.fit(X, LABELS, epochs=2, verbose=0)
    after = features.predict(X, verbose=0)
    assert not np.array_equal(before, after) and after.shape == (40, 5)
    np.testing.assert_allclose(end.predict(after, verbose=0), model.predict(X, verbose=0), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(all_of_them.predict(X, verbose=0)[-3], after, rtol=1e-5, atol=1e-6)
    weights = model.get_weights()
    head = Dense(2, name="head")
    tuned = Model(features.input, head(features.output))
    features.trainable = False
    tuned.compile("sgd", "mse")
    tuned.fit(X, Y, epochs=2, verbose=0)
    for a, b in zip(weights[:-2], model.get_weights()[:-2], strict=True):
        np.testing.assert_array_equal(a, b)  # the batch normalization too: frozen, it infers
    features.trainable = True
    model.fit(X, LABELS, verbose=0)
    assert not np.array_equal(weights[0], model.get_weights()[0])


def test_a_frozen_model_within_and_training_fixed_by_the_call():
    inner = Sequential([Input((6,)), Dense(4), BatchNormalization()])
    x = Input((6,))
    model = Model(x, Dense(2)(inner(x)))
    inner.trainable = False
    model.compile("sgd", "mse")
    assert len(model.trainable_weights) == 2 and len(model.non_trainable_weights) == 6
    before = inner.get_weights()
    model.fit(X, Y, verbose=0, epochs=2)
    for a, b in zip(before, inner.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    inner.trainable = True
    fixed = Model(x, Dense(2)(inner(x, training=False)))
    fixed.compile("sgd", "mse")
    fixed.fit(X, Y, verbose=0, epochs=2)
    after = inner.get_weights()
    assert not np.array_equal(before[0], after[0])
    np.testing.assert_array_equal(before[-1], after[-1])  # the call said: no training, so moving statistics stay
    model.fit(X, Y, verbose=0)
    assert not np.array_equal(after[-1], inner.get_weights()[-1])


def test_each_call_of_a_dropout_draws_for_itself():
    x = Input((50,))
    drop = Dropout(0.5)
    model = Model(x, [drop(x), drop(x)])
    a, b = model(np.ones((4, 50)), training=True)
    assert 0.2 < (a != b).mean() < 0.8


def test_two_models_that_train_in_turns():
    """A discriminator and the generator before it: what the other one trains is frozen, and nothing is recorded twice."""
    from gpunn.training import loop

    generator = Sequential([Input((3,)), Dense(8, activation="relu"), Dense(6)])
    judge = Sequential([Input((6,)), Dense(8, activation="relu"), BatchNormalization(), Dense(1, activation="sigmoid")])
    judge.compile("adam", "binary_crossentropy")
    x = Input((3,))
    both = Model(x, judge(generator(x)))
    judge.trainable = False
    both.compile("adam", "binary_crossentropy")
    assert len(both.trainable_weights) == 4
    noise, recorded, honest = RNG.standard_normal((40, 3)), [], loop.record_step
    loop.record_step = lambda *a: recorded.append(a[0].name) or honest(*a)
    try:
        for _ in range(4):
            judge.trainable = True
            kept, before = generator.get_weights(), judge.get_weights()
            judge.train_on_batch(np.concatenate([X, generator.predict(noise, verbose=0)]), np.repeat([[1], [0]], 40, axis=0))
            np.testing.assert_array_equal(kept[0], generator.get_weights()[0])
            assert all(not np.array_equal(a, b) for a, b in zip(before, judge.get_weights(), strict=True))
            judge.trainable = False
            kept, before = judge.get_weights(), generator.get_weights()
            both.train_on_batch(noise, np.ones((40, 1)))
            for a, b in zip(kept, judge.get_weights(), strict=True):
                np.testing.assert_array_equal(a, b)
            assert not np.array_equal(before[0], generator.get_weights()[0])
    finally:
        loop.record_step = honest
    assert len(recorded) == 2, "each step once"


def test_a_class_of_the_users():
    model = Own(name="own")
    assert model.name == "own" and not model.built and len(model.layers) == 4
    with pytest.raises(ValueError, match=r"no graph yet|not built"):
        model.get_weights()
    model.compile("adam", "mse", ["mae"])
    history = model.fit(X, Y, epochs=30, batch_size=8, verbose=0).history
    assert history["loss"][-1] < history["loss"][0] and set(history) == {"loss", "mae"}
    assert [layer.name for layer in model.layers[:4]] == [layer.name for layer in (*model.hidden, model.drop, model.out)]
    still, moving = model(X), model(X, training=True)
    np.testing.assert_array_equal(still, model.predict(X, verbose=0))
    assert not np.array_equal(still, moving), "dropout is in the graph of training alone"
    x = Input((6,))
    outer = Model(x, Dense(1)(model(x)))
    assert outer.predict(X, verbose=0).shape == (40, 1) and outer.count_params() == model.count_params() + 3


def test_a_class_with_several_inputs_and_outputs():
    class Two(Model):
        def __init__(self):
            super().__init__()
            self.left, self.right, self.join = Dense(4), Dense(4), Concatenate()

        def call(self, x):
            a, b = self.left(x["a"]), self.right(x["b"])
            return {"sum": Add()([a, b]), "both": self.join([a, b])}

    model, x = Two(), {"b": X[:, :2], "a": X[:, 2:]}
    model.compile("adam", {"sum": "mse", "both": "mae"}, loss_weights={"sum": 2.0})
    y = {"sum": np.zeros((40, 4)), "both": np.ones((40, 8))}
    history = model.fit(x, y, epochs=2, verbose=0).history
    assert list(history) == ["loss", "both_loss", "sum_loss"]
    np.testing.assert_allclose(history["loss"], 2 * np.array(history["sum_loss"]) + history["both_loss"])
    out = model.predict(x, verbose=0)
    assert list(out) == ["sum", "both"] and out["both"].shape == (40, 8)
    assert model.evaluate(x, y, verbose=0, return_dict=True).keys() == history.keys()


def test_inputs_and_outputs_of_calls_batch_by_batch():
    model, x, y = graphs.many(gpunn)
    model.compile("sgd", ["mse", "binary_crossentropy", "sparse_categorical_crossentropy"])
    values = model.train_on_batch(x, y)
    assert len(values) == 4 and values[0] == pytest.approx(sum(values[1:]))
    assert list(model.test_on_batch({"a": x[0], "b": x[1]}, y, return_dict=True)) == ["loss", "numbers_loss", "bits_loss", "labels_loss"]
    for a, b in zip(model.predict_on_batch(x), model.predict(x, verbose=0), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("graph", ["residual", "moved", "nested"])
def test_on_the_simulated_device(graph, sim_with, float64):
    """The recorded step of a graph on the GPU's code gives what the CPU gives."""
    sim_with()
    build, loss = graphs.ONE_OUTPUT[graph]
    results = []
    for device in ("cpu", "sim"):
        gpunn.utils.set_random_seed(2)
        with gpunn.device(device):
            model, x, y = build(gpunn)
            model.compile("adam", loss)
            history = model.fit(x, y, epochs=2, batch_size=7, verbose=0).history
            results.append((history["loss"], *model.get_weights(), model.predict(x, verbose=0)))
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-7, atol=1e-9)
