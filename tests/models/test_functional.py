"""Functional models: graphs, sharing, sub-models, models within, classes of the user's; summaries and pictures; what is refused."""

import json

import graphs
import numpy as np
import pytest

import gpunn
from gpunn import layers
from gpunn.layers import Add, BatchNormalization, Concatenate, Dense, Dropout, Input, Lambda
from gpunn.models import Functional, Model, Sequential, clone_model

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
    with pytest.raises(TypeError, match="only symbolic tensors can be merged"):
        x + 1


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


class Own(Model):
    def __init__(self, **named):
        super().__init__(**named)
        self.hidden = [Dense(8, activation="relu"), Dense(8, activation="relu")]
        self.drop, self.out = Dropout(0.4), Dense(2)

    def call(self, x, training=False):
        a = self.hidden[0](x)
        b = Add()([a, self.hidden[1](a)])
        if training:
            b = self.drop(b)
        return self.out(b)


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


# ------------------------------------------------------------------ configurations, copies, pictures
@pytest.mark.parametrize("graph", ["chain", "residual", "moved", "many", "shared", "nested"])
def test_configuration_and_clone(graph):
    model, x, _ = getattr(graphs, graph)(gpunn)
    config = json.loads(json.dumps(model.get_config()))
    again, copy = Functional.from_config(config), clone_model(model)
    assert json.loads(json.dumps(again.get_config())) == config
    for other in (again, copy):
        assert [w.shape for w in other.get_weights()] == [w.shape for w in model.get_weights()]
        assert not np.array_equal(other.get_weights()[0], model.get_weights()[0])
        other.set_weights(model.get_weights())
        for a, b in zip(layers.graph.flat(model.predict(x, verbose=0)), layers.graph.flat(other.predict(x, verbose=0)), strict=True):
            np.testing.assert_array_equal(a, b)


def double(x):
    return 2 * x


def double_backward(dy, x):
    return 2 * dy


def test_clone_with_a_function_and_lambdas_in_files(tmp_path):
    model = Sequential([Input((6,)), Dense(4), Lambda(double, backward=double_backward), Dense(2)])
    last = model.layers[-1]
    wider = clone_model(model, clone_function=lambda layer: Dense(7) if layer is last else layer)
    assert wider.output_shape == (None, 7) and wider.layers[1] is model.layers[1]
    model.compile("sgd", "mse")
    model.fit(X, Y, verbose=0)
    assert "launch by launch" in model.explain(print_fn=str)
    model.save(tmp_path / "m.npz")
    with pytest.raises(ValueError, match=r"Unknown function: 'double'. Pass custom_objects=\{'double': the_function\}"):
        gpunn.models.load_model(tmp_path / "m.npz")
    again = gpunn.models.load_model(tmp_path / "m.npz", custom_objects={"double": double, "double_backward": double_backward})
    np.testing.assert_array_equal(again.predict(X, verbose=0), model.predict(X, verbose=0))


def test_summary_names_what_is_connected():
    model, _, _ = graphs.many(gpunn)
    lines = []
    model.summary(print_fn=lines.append)
    (text,) = lines
    assert "Connected to" in text and "numbers (Dense)" in text and "numbers[0][0]" in text and "Total params: " in text
    nested, _, _ = graphs.nested(gpunn)
    nested.summary(print_fn=lines.append, expand_nested=True)
    assert lines[1].count("(Add)") == 2 and "    add" in lines[1]


@pytest.mark.parametrize("suffix", ["svg", "png"])
def test_picture(suffix, tmp_path):
    pytest.importorskip("matplotlib")
    model, _, _ = graphs.moved(gpunn)
    figure = gpunn.utils.plot_model(model, tmp_path / f"m.{suffix}", show_shapes=True, show_layer_activations=True, dpi=40)
    assert (tmp_path / f"m.{suffix}").stat().st_size > 1000
    texts = [t.get_text() for t in figure.axes[0].texts]
    assert sum("(Dense)" in t for t in texts) == 3 and any("out: (None, 5, 3)" in t for t in texts)
    with pytest.raises(ValueError, match="expected a file name ending in"):
        gpunn.utils.plot_model(model, tmp_path / "m.txt")


# ------------------------------------------------------------------ what is refused
def disconnected():
    x, other = Input((3,), name="x"), Input((3,), name="other")
    return Model(x, Add(name="total")([x, other]))


def cyclic():
    config = graphs.chain(gpunn)[0].get_config()
    for entry, source in zip(config["layers"][1:3], (config["layers"][2]["name"], config["layers"][1]["name"]), strict=True):
        entry["inbound_nodes"][0]["args"][0]["config"]["keras_history"][0] = source
    return Functional.from_config(config)


def unknown():
    config = graphs.chain(gpunn)[0].get_config()
    config["layers"][1]["class_name"] = "Sparkle"
    return Functional.from_config(config)


def many(**compiled):
    model, x, y = graphs.many(gpunn)
    model.compile("sgd", **({"loss": "mse"} | compiled))
    return model, x, y


def fit(x=None, y=None, **options):
    model, own_x, own_y = many(loss=["mse", "binary_crossentropy", "sparse_categorical_crossentropy"])
    before = model.get_weights()
    try:
        model.fit(own_x if x is None else x, own_y if y is None else y, verbose=0, **options)
    finally:
        for a, b in zip(before, model.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)


A, B, N, BITS, L = graphs.A, graphs.B, graphs.NUMBERS, graphs.BITS, graphs.LABELS
REFUSED = {
    "disconnected": (disconnected, r"Graph disconnected: tensor 'other' \(None, 3\), which layer 'total' takes"),
    "cycle": (cyclic, "has a cycle, or layers that nothing leads to.*'dense.*'activation"),
    "unknown class": (unknown, r"Unknown layer class 'Sparkle'. Pass custom_objects=\{'Sparkle': the_class\}"),
    "not symbolic": (lambda: Model(np.ones(3), Input((3,))), "expected inputs to be symbolic tensors. Received: ndarray"),
    "arrays among tensors": (lambda: Add()([Input((3,)), np.ones((1, 3))]), "expected symbolic tensors only. Received: ndarray"),
    "names twice": (lambda: Model(x := Input((3,)), Dense(3, name="d")(Dense(3, name="d")(x))), "names of their own. Received: 'd' more"),
    "wide": (lambda: Model(Input((2,)), Input((3,))), "Graph disconnected: .*which is an output"),
    "too many inputs": (lambda: graphs.many(gpunn)[0](Input((6,))), "expects 2 input.s., but it received 1 input"),
    "shape within": (lambda: Sequential([Input((4,)), Dense(2)])(Input((5,))), "axis -1 of input shape|expected input shape"),
    "loss by unknown name": (lambda: many(loss={"numbers": "mse", "what": "mse"}), r"unknown output names in loss: \['what'\]. Expected"),
    "loss without all": (lambda: many(loss={"numbers": "mse"}), r"expected keys \['numbers', 'bits', 'labels'\] in the loss dict"),
    "losses": (lambda: many(loss=["mse", "mse"]), "loss must have one entry for each of the 3 outputs"),
    "metrics by unknown name": (lambda: many(metrics={"what": "mse"}), "unknown output names in metrics"),
    "metrics": (lambda: many(metrics=["mse"]), "metrics must have one entry for each of the 3 outputs"),
    "loss_weights": (lambda: many(loss_weights=[1.0]), "`loss_weights` must match the number of losses"),
    "weights by unknown name": (lambda: many(loss_weights={"what": 1}), "unknown output names in loss_weights"),
    "inputs": (lambda: fit(x=[A]), r"expected 2 inputs, \['a', 'b'\], as a list or a dict. Received: 1"),
    "inputs by name": (lambda: fit(x={"a": A, "c": B}), r"expected inputs named \['a', 'b'\]. Received: \['a', 'c'\]"),
    "rows of inputs": (lambda: fit(x=[A, B[:5]]), r"Argument x\[1\] of fit.*expected as many rows as x\[0\], 24. Received: 5"),
    "width of an input": (lambda: fit(x=[A, A]), r"Argument x\[1\] of fit.*expected shape \(None, 4\). Received: \(24, 6\)"),
    "targets": (lambda: fit(y=[N, BITS]), "expected a list or a dict for the 3 outputs.*Received: 2 of them"),
    "targets by name": (lambda: fit(y={"numbers": N, "bits": BITS, "what": L}), r"Argument y of fit: expected outputs named"),
    "width of a target": (lambda: fit(y=[N[:, :1], BITS, L]), "targets do not fit the model's output"),
    "class_weight": (lambda: fit(class_weight={0: 1.0}), "class_weight of fit: it is only supported for models with a single output"),
    "sample weights": (lambda: fit(sample_weight=[np.ones(24)]), "sample_weight of fit: expected a list or a dict"),
    "dtypes": (lambda: Model(x := Input((3,)), Dense(2, dtype="float64")(x)), "must compute in one type"),
    "one output alone": (
        lambda: Sequential([Input((6,)), Own(), Dense(1)]).add(Model(x := Input((1,)), [Dense(1)(x), Dense(1)(x)])), "must have one output"
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(case):
    make, message = REFUSED[case]
    with pytest.raises((ValueError, TypeError), match=message):
        make()
