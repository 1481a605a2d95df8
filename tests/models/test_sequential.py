"""Sequential: building, shapes, names, weights, words about itself. IDs are the inventory's."""

import numpy as np
import pytest

import gpunn
from gpunn.layers import LSTM, Activation, BatchNormalization, Dense, Dropout, Flatten, Input, Layer, Reshape
from gpunn.models import Sequential, load_model

pytestmark = pytest.mark.usefixtures("cpu")
X = np.random.default_rng(0).standard_normal((20, 12)).astype("float32")
LABELS = np.arange(20) % 3


def test_empty_and_add_f_api_01():
    model = Sequential()
    model.add(Dense(4, activation="relu", input_shape=(12,)))
    model.add(Dropout(0.2))
    model.add(Dense(3, activation="softmax"))
    assert model.built and model.output_shape == (None, 3) and model.input_shape == (None, 12)
    assert model.predict(X).shape == (20, 3)


def test_deferred_build_f_api_03():
    model = Sequential([Dense(2), Dense(3), Dense(4)])
    assert not model.built
    assert model.predict(X).shape == (20, 4)
    assert [w.shape for w in model.get_weights()] == [(12, 2), (2,), (2, 3), (3,), (3, 4), (4,)]
    model = Sequential([Dense(2), Dense(1)])
    model.build((None, 5))
    assert model.count_params() == 12 + 3
    model = Sequential([Dense(3, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(X, LABELS, verbose=0)
    assert model.input_shape == (None, 12)


SPELLINGS = {
    "tuple": lambda: Dense(2, input_shape=(12,)),
    "list": lambda: Dense(2, input_shape=[12]),
    "from data": lambda: Dense(2, input_shape=X.shape[1:]),
    "number": lambda: Dense(2, input_shape=12),
    "numpy number": lambda: Dense(2, input_shape=(np.int64(12),)),
    "input_dim": lambda: Dense(2, input_dim=12),
    "batch_input_shape": lambda: Dense(2, batch_input_shape=(None, 12)),
    "Input": lambda: Input(shape=(12,)),
    "Input of a number": lambda: Input(12),
    "Input(batch_shape)": lambda: Input(batch_shape=(None, 12)),
    "Activation": lambda: Activation("relu", input_shape=(12,)),
    "BatchNormalization": lambda: BatchNormalization(input_shape=(12,)),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_input_shape_spellings_f_api_04(spelling):
    model = Sequential([SPELLINGS[spelling]()])
    assert model.built and model.input_shape == (None, 12)
    assert model.predict(X).shape[0] == 20


def test_images_through_flatten_f_lay_05():
    model = Sequential([Flatten(input_shape=[28, 28]), Dense(3)])
    assert model.output_shape == (None, 3) and model.layers[1].kernel.shape == (784, 3)
    images = np.zeros((2, 28, 28))
    assert model.predict(images).shape == (2, 3)
    np.testing.assert_array_equal(Sequential([Reshape((4, 3), input_shape=(12,))]).predict(X), X.reshape(20, 4, 3))


@pytest.mark.parametrize("ends", ["of any length", "of one length"])
def test_other_lengths_than_the_first(ends):
    """As in Keras, where nobody gave a shape and no weight depends on it; else one error, and training goes on as if nothing were asked."""
    x = np.random.default_rng(0).random((16, 12, 1)).astype("float32")
    results = []
    for other in (False, True):
        gpunn.utils.set_random_seed(1)
        end = gpunn.layers.GlobalMaxPooling1D() if ends == "of any length" else Flatten()
        model = Sequential([gpunn.layers.Conv1D(4, 3), end, Dense(2)])
        model.compile("adam", "mse")
        model.fit(x, x[:, :2, 0], verbose=0)
        if other and ends == "of one length":
            with pytest.raises(ValueError, match=r"expected shape \(None, 12, 1\)\. Received: \(16, 7, 1\)"):
                model.predict(x[:, :7], verbose=0)
        elif other:
            expected = x[:, :7]
            for layer in model.layers:
                expected = layer(expected)
            np.testing.assert_allclose(model.predict(x[:, :7], verbose=0), expected, rtol=1e-5, atol=1e-6)
            assert model.input_shape == (None, None, 1)
        model.fit(x, x[:, :2, 0], epochs=2, verbose=0)
        results.append(model.get_weights())
    for one, another in zip(*results, strict=True):
        np.testing.assert_array_equal(one, another)


def test_input_dim_on_a_later_layer_f_api_05():
    model = Sequential([Dense(4, input_dim=12), Dense(3, input_dim=4)])
    assert model.output_shape == (None, 3)
    with pytest.raises(ValueError, match=r"Layer 'last': input shape \(5,\) contradicts .* output is \(None, 4\)"):
        Sequential([Dense(4, input_dim=12), Dense(3, input_dim=5, name="last")])
    late = Sequential([Dense(4), Dense(3, input_dim=5, name="later")])
    with pytest.raises(ValueError, match=r"Layer 'later': expected input shape \(None, 5\). Received: \(None, 4\)"):
        late.predict(X)
    assert not late.built


def test_old_spellings():
    with pytest.warns(DeprecationWarning, match="output_dim is an old spelling of units"):
        assert Dense(output_dim=5, input_dim=3).units == 5
    from gpunn.layers.core import Dense as OldPlace
    from gpunn.models import BatchNormalization as OddPlace

    assert OldPlace is Dense and OddPlace is BatchNormalization


def test_names():
    a, b = Dense(1), Dense(1)
    assert a.name != b.name and b.name.startswith("dense_")
    model = Sequential([Dense(2, name="first"), Dense(2, name="second")], name="mnist model")
    assert model.name == "mnist model" and model.get_layer("second") is model.layers[1] and model.get_layer(index=0).name == "first"
    assert Sequential().name != Sequential().name
    with pytest.raises(ValueError, match=r"No such layer: 'third'. Existing layers are: first, second"):
        model.get_layer("third")
    with pytest.raises(ValueError, match=r"names of their own. Received: 'first' twice"):
        model.add(Dense(2, name="first"))
    assert len(model.layers) == 2


def test_add_after_build_and_pop():
    model = Sequential([Input((12,)), Dense(4, activation="relu")])
    before = model.get_weights()
    model.add(Dense(3))
    assert model.output_shape == (None, 3)
    np.testing.assert_array_equal(model.get_weights()[0], before[0])
    popped = model.pop()
    assert popped.units == 3 and model.output_shape == (None, 4) and len(model.get_weights()) == 2
    model.add(Dense(2, activation="softmax"))
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(X, LABELS % 2, verbose=0)
    while model.layers:
        model.pop()
    with pytest.raises(ValueError, match="has no layers to remove"):
        model.pop()
    model.add(Dense(2))
    assert model.input_shape == (None, 12) and model.output_shape == (None, 2), "its Input stays"


def test_a_layer_that_does_not_fit_is_not_added():
    model = Sequential([Input((12,)), Dense(4, name="wide")])
    with pytest.raises(ValueError, match=r"Expected a target_shape with as many. Received: \(5,\)"):
        model.add(Reshape((5,)))
    assert [layer.name for layer in model.layers] == ["wide"] and model.output_shape == (None, 4)
    with pytest.raises(TypeError, match=r"Only layers can be added .* Received: 'Dense' \(of type str\)"):
        model.add("Dense")
    with pytest.raises(ValueError, match="Input must come first"):
        model.add(Input((4,)))


def test_an_initializer_that_fails_leaves_an_unbuilt_model():
    def wrong(shape, dtype=None):
        return np.zeros(3)

    model = Sequential([Dense(4), Dense(2, kernel_initializer=wrong)])
    with pytest.raises(ValueError, match=r"initializer wrong returned the wrong shape. Expected \(4, 2\). Received: \(3,\)"):
        model.predict(X)
    assert not model.built and not model.layers[0].built
    model.pop()
    assert model.predict(X[:, :5]).shape == (20, 4)


def test_callable_initializer_f_ini_02():
    def initialize_weights(shape, dtype=None):
        return np.random.normal(loc=0.75, scale=1e-2, size=shape)

    kernel = Sequential([Dense(3, input_dim=2, kernel_initializer=initialize_weights)]).get_weights()[0]
    assert kernel.dtype == np.float32 and abs(kernel - 0.75).max() < 0.1


def test_weights_in_and_out():
    model = Sequential([Input((12,)), Dense(4), BatchNormalization(), Dense(3)])
    weights = [np.random.default_rng(i).standard_normal(w.shape) for i, w in enumerate(model.get_weights())]
    model.set_weights(weights)
    for a, b in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(a, b.astype("float32"))
    out = model.get_weights()
    out[0][...] = 99
    assert model.get_weights()[0][0, 0] != 99, "get_weights returns copies"
    bn = model.layers[1]
    assert [p.name.rpartition("/")[2] for p in bn.weights] == ["gamma", "beta", "moving_mean", "moving_variance"]
    assert len(model.trainable_weights) == 6 and len(model.non_trainable_weights) == 2
    np.testing.assert_array_equal(np.asarray(model.layers[0].kernel), weights[0].astype("float32"))


def test_weights_that_do_not_fit_change_nothing():
    model = Sequential([Input((12,)), Dense(4, name="d"), Dense(3)])
    before = model.get_weights()
    for wrong, message in (
        (before[:-1], "expected 4 weights. Received: 3"),
        ([*before[:-1], np.zeros(4)], r"weight dense.*/bias has shape \(3,\). Received: \(4,\)"),
        ([before[0].T, *before[1:]], r"weight d/kernel has shape \(12, 4\). Received: \(4, 12\)"),
    ):
        with pytest.raises(ValueError, match=message):
            model.set_weights(wrong)
    with pytest.raises(ValueError, match=r"Layer 'd': weights do not fit. Expected shapes .*\(12, 4\).* Received: .*\(2, 2\)"):
        model.layers[0].set_weights([np.zeros((2, 2))])
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_summary_f_api_14():
    lines = []
    model = Sequential([Dense(4, name="hidden"), BatchNormalization(name="norm"), Dense(3, name="out")], name="small")
    model.summary(print_fn=lines.append)
    assert 'Model: "small"' in lines[0] and lines[0].count("0 (unbuilt)") == 3
    model.build((None, 12))
    model.layers[0].trainable = False
    model.summary(print_fn=lines.append)
    text = lines[1]
    assert "hidden (Dense)" in text and "(None, 4)" in text and "(None, 3)" in text
    assert "Total params: 83" in text and "Trainable params: 23" in text and "Non-trainable params: 60" in text
    assert model.count_params() == 83


def test_explain_says_what_is_fused():
    model = Sequential(
        [Input((12,)), Dense(8), BatchNormalization(name="bn"), Activation("relu", name="act"), Dense(3, activation="softmax")]
    )
    with pytest.raises(ValueError, match=r"must call `compile\(\)` before calling `explain\(\)`"):
        model.explain(print_fn=str)
    model.compile("adam", "sparse_categorical_crossentropy", "accuracy")
    text = model.explain(16, print_fn=str)
    assert "act (relu) in the same pass" in text and "softmax + sparse_categorical_crossentropy: value and gradient in one pass" in text
    assert "softmax_ce_sparse" in text and "normalize_relu" in text and "adam" in text


def test_a_notebook_shows_explain_once(capsys):
    """IPython calls `_ipython_display_` of a cell's value, where it has one, instead of showing it."""
    model = Sequential([Dense(2)])
    model.build((None, 3))
    model.compile("sgd", "mse")
    text = model.explain()
    assert capsys.readouterr().out == text + "\n"
    text._ipython_display_()
    assert capsys.readouterr().out == "" and not hasattr(model.explain(print_fn=lambda line: None), "_ipython_display_")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_one_type_throughout(dtype):
    model = Sequential([Dense(4, activation="relu", input_shape=(12,), dtype=dtype), Dense(3, dtype=dtype)])
    model.compile("adam", "mse")
    model.fit(X, np.zeros((20, 3)), verbose=0)
    assert {w.dtype.name for w in model.get_weights()} == {dtype} == {model.predict(X).dtype.name} == {model.dtype}
    other = "float64" if dtype == "float32" else "float32"
    with pytest.raises(ValueError, match=f"Layer 'odd': .*Expected dtype {dtype}. Received: {other}"):
        model.add(Dense(3, dtype=other, name="odd"))


def test_floatx_refuses_other_types():
    with pytest.raises(ValueError, match=r"Expected 'float32' or 'float64'. Received: 'float16'"):
        gpunn.config.set_floatx("float16")
    with pytest.raises(ValueError, match=r"Layer 'dense.*': dtype must be float32, float64 or a type of integers\. Received: 'float16'"):
        Dense(2, dtype="float16")
    with pytest.raises(ValueError, match=r"weights are floats\. Expected dtype float32 or float64\. Received: 'int32'"):
        Dense(2, dtype="int32").build((None, 3))


def test_trainable_of_a_whole_model():
    model = Sequential([Input((12,)), Dense(4), Dense(3)])
    model.trainable = False
    assert not model.trainable_weights and len(model.non_trainable_weights) == 4
    frozen = Sequential([Input((12,)), Dense(4)], trainable=False)
    frozen.compile("adam", "mse")
    before = frozen.get_weights()
    frozen.fit(X, np.zeros((20, 4)), verbose=0)
    np.testing.assert_array_equal(before[0], frozen.get_weights()[0])


def test_called_as_a_function():
    model = Sequential([Input((12,)), Dropout(0.5), Dense(2)])
    np.testing.assert_array_equal(model(X), model.predict(X))
    assert not np.array_equal(model(X, training=True), model(X))


def test_a_factory_called_four_times_f_api_19():
    def get_model(act_function):
        model = Sequential([Dense(4, activation=act_function, input_shape=(12,)), Dense(3, activation="softmax")])
        model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
        return model

    results = {
        act: get_model(act_function=act).fit(X, LABELS, validation_split=0.2, verbose=0) for act in ("relu", "sigmoid", "tanh", "linear")
    }
    assert len({r.history["val_loss"][0] for r in results.values()}) == 4


def test_in_a_device_block():
    with gpunn.device("cpu") as device:
        model = Sequential([Dense(2, input_dim=3)])
        assert device.name == "cpu" and model.backend is device
    with pytest.raises(ValueError, match=r"Unknown backend. Expected one of .*cpu.* Received: 'tpu'"), gpunn.device("tpu"):
        pass


def test_layers_that_look_at_the_weights_of_others_when_they_are_built():
    """Tied weights: a decoder's layers take those of the encoder, whose shapes the first data tells."""

    class Transposed(Layer):
        def __init__(self, dense):
            super().__init__()
            self.dense = dense

        def build(self, input_shape):
            self.bias = self.add_weight(name="bias", shape=self.dense.kernel.shape[0], initializer="zeros")

        def call(self, x):
            return gpunn.ops.matmul(x, gpunn.ops.transpose(self.dense.kernel)) + self.bias

    parts = [Dense(4, kernel_initializer="ones"), Dense(2, kernel_initializer="ones")]
    decoder = Sequential([Transposed(parts[1]), Transposed(parts[0]), Reshape((2, 3))])
    model = Sequential([Sequential([Flatten(), *parts]), decoder])
    model.compile("sgd", "mse")
    x = np.ones((8, 2, 3), "float32")
    model.fit(x, 6 * 4 * 2 * 4 * x, verbose=0)  # what comes out: nothing is left to learn
    assert [w.shape for w in model.trainable_weights] == [(6, 4), (4,), (4, 2), (2,), (4,), (6,)]
    np.testing.assert_array_equal(model.get_weights()[0], np.ones((6, 4)))
    assert all(w.path == w.name for w in model.weights)


def test_the_last_layer_may_have_several_outputs(tmp_path):
    model = Sequential([Input((4, 3)), Dense(3), LSTM(2, return_state=True)])
    x = np.random.default_rng(1).standard_normal((5, 4, 3)).astype("float32")
    out, hidden, _ = model.predict(x)
    np.testing.assert_array_equal(out, hidden)
    assert model.output_shape == [(None, 2)] * 3
    model.save(tmp_path / "several.keras")
    for a, b in zip(model(x), load_model(tmp_path / "several.keras").predict(x), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)
    model.compile("sgd", "mse")
    assert model.fit(x, [out] * 3, verbose=0).history["loss"][0] > 0
    with pytest.raises(ValueError, match=r"Only the last layer of a Sequential may have several outputs. Received: 'lstm"):
        model.add(Dense(1))
    assert model.pop().name.startswith("lstm") and model.output_shape == (None, 4, 3)
