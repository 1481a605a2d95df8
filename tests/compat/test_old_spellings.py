"""Arguments and calls as Keras 1 and 2 spelt them."""

import numpy as np
import pytest

import gpunn
from gpunn import compat, layers
from gpunn.layers.spelling import old_names
from gpunn.models import Sequential
from gpunn.preprocessing.sequence import TimeseriesGenerator
from gpunn.utils import to_categorical

pytestmark = pytest.mark.usefixtures("cpu")


def old(what):
    return pytest.warns(DeprecationWarning, match=what)


def test_layers():
    with old("output_dim is an old spelling of units") as seen:
        dense = layers.Dense(output_dim=5, input_dim=3)
    assert dense.units == 5 and seen[0].filename == __file__
    with old("init is an old spelling of kernel_initializer"):
        assert type(layers.Dense(2, init="he_normal").kernel_initializer).__name__ == "HeNormal"
    with old("bias is an old spelling of use_bias"):
        assert layers.Dense(2, bias=False).use_bias is False
    with old("p is an old spelling of rate"):
        assert layers.Dropout(p=0.25).rate == 0.25
    with old("gamma_init is an old spelling of gamma_initializer"):
        layers.BatchNormalization(gamma_init="ones")


def test_both_spellings():
    for arguments, named in [((), {"units": 3}), ((3,), {})]:
        with pytest.raises(TypeError, match=r"Dense got units and output_dim, its old spelling\. Expected one of them"):
            layers.Dense(*arguments, output_dim=4, **named)
    with pytest.raises(TypeError, match="to_categorical got num_classes and nb_classes"):
        to_categorical([0], 2, nb_classes=3)


def test_only_where_it_is_meant():
    """A name that stands for nothing here stays unknown; a user's layer may use an old name for something else."""
    with pytest.raises(TypeError, match="Dense got unknown arguments: nb_filter"):
        layers.Dense(3, nb_filter=4)

    class Mine(layers.Dense):
        def __init__(self, units, p=0, **common):
            super().__init__(units, **common)
            self.p = p

    mine = Mine(2, p=7)
    assert (mine.units, mine.p) == (2, 7)
    with old("init is an old spelling of kernel_initializer"):
        assert type(Mine(2, init="ones").kernel_initializer).__name__ == "Ones"


def test_a_function():
    @old_names(subsample="strides")
    def f(units, strides=1):
        return units, strides

    assert f(1) == (1, 1) and f.__name__ == "f"
    with old("subsample is an old spelling of strides"):
        assert f(1, subsample=2) == (1, 2)


def test_one_hot():
    with old("nb_classes is an old spelling of num_classes"):
        np.testing.assert_array_equal(to_categorical([0, 2], nb_classes=3), np.eye(3)[[0, 2]])
    with old("y is an old spelling of x"):
        np.testing.assert_array_equal(to_categorical(y=[1]), [[0, 1]])


def test_calls():
    model = Sequential([layers.Dense(3, input_dim=2, activation="softmax")])
    x = np.random.default_rng(0).normal(size=(6, 2)).astype("float32")
    np.testing.assert_array_equal(model.predict_proba(x), model.predict(x, verbose=0))
    np.testing.assert_array_equal(model.predict_classes(x), model.predict(x, verbose=0).argmax(axis=1))
    one = Sequential([layers.Dense(1, input_dim=2, activation="sigmoid")])
    assert one.predict_classes(x).shape == (6, 1) and set(np.unique(one.predict_classes(x))) <= {0, 1}
    np.testing.assert_array_equal(one.predict_classes(x), one.predict(x, verbose=0) > 0.5)


def test_generator_calls():
    """With the settings of workers that there is nothing to set for."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(12, 2)).astype("float32")

    def batches():
        while True:
            for start in range(0, 12, 4):
                yield x[start : start + 4], x[start : start + 4, :1]

    model = Sequential([layers.Dense(1, input_dim=2)])
    model.compile("sgd", "mse")
    history = model.fit_generator(batches(), steps_per_epoch=3, epochs=2, verbose=0, workers=2, use_multiprocessing=False, max_queue_size=5)
    assert len(history.history["loss"]) == 2 and model.optimizer.iterations == 6
    expected = float(np.mean((model.predict(x, verbose=0) - x[:, :1]) ** 2))
    assert model.evaluate_generator(batches(), steps=3, verbose=0) == pytest.approx(expected, rel=1e-5)
    np.testing.assert_allclose(model.predict_generator((x[i : i + 4] for i in (0, 4, 8)), steps=3, workers=1), model.predict(x), rtol=1e-6)


def test_every_model_has_the_calls_of_old():
    tensor = gpunn.Input((2,))
    model = gpunn.Model(tensor, layers.Dense(1)(tensor))
    model.compile("sgd", "mse")
    x = np.ones((4, 2), "float32")
    assert len(model.fit_generator(iter([(x, x[:, :1])]), verbose=0).history["loss"]) == 1
    assert model.predict_generator(iter([x])).shape == (4, 1) and not hasattr(model, "predict_classes")


def test_stateful_models_begin_anew():
    model = Sequential([layers.LSTM(3, stateful=True, batch_input_shape=(2, 4, 1)), layers.Dense(1)])
    x = np.ones((2, 4, 1), "float32")
    first, second = model.predict(x, verbose=0), model.predict(x, verbose=0)
    model.reset_states()
    np.testing.assert_array_equal(model.predict(x, verbose=0), first)
    assert (first != second).all()


def test_no_epsilon():
    """Keras 2's None stands for 1e-7."""
    for name in ("Adam", "Nadam", "RMSprop", "Adagrad", "Adadelta"):
        kind = getattr(gpunn.optimizers, name)
        assert kind(epsilon=None).epsilon == 1e-7 == kind().epsilon
    adam = gpunn.optimizers.Adam(lr=0.001, beta_1=0.9, beta_2=0.999, epsilon=None, decay=0.0, amsgrad=False)
    assert adam.iterations.numpy() == 0 and adam.iterations == 0


def test_files(tmp_path):
    model = Sequential([layers.Dense(1, input_dim=2)])
    model.save(filepath=tmp_path / "m.npz", save_format="tf")
    model.save_weights(filepath=tmp_path / "w.npz", save_format="h5")
    other = gpunn.models.load_model(filepath=tmp_path / "m.npz")
    other.load_weights(filepath=tmp_path / "w.npz", by_name=False)
    with pytest.raises(ValueError, match="Expected by_name=False"):
        other.load_weights(tmp_path / "w.npz", by_name=True)
    with pytest.raises(ValueError, match=r"w\.npz: skip_mismatch goes with .*\.weights\.h5 or \.keras"):
        other.load_weights(tmp_path / "w.npz", skip_mismatch=True)
    model.summary(None, None, lambda text: None)


def test_parameters():
    layer = layers.Dense(1, input_dim=2)
    Sequential([layer])
    layer.bias.assign_add([2.0])
    layer.bias.assign_sub([0.5])
    assert layer.bias.numpy().tolist() == [1.5] and layer.input_spec is None


PATHS = [
    "from keras.engine import InputSpec, Layer, Model", "from keras.utils.data_utils import Sequence, get_file",
    "from keras.utils.layer_utils import count_params", "from keras.models import model_from_config",
    "from keras.initializers import normal, one, uniform, zero", "from keras.losses import Reduction; assert Reduction.SUM == 'sum'",
    "from tensorflow.keras.layers.experimental.preprocessing import Normalization, RandomFlip",
    "from keras.preprocessing import image_dataset_from_directory, timeseries_dataset_from_array",
    "import keras; assert keras.version() == keras.__version__",
    "import tensorflow as tf; tf.compat.v1.disable_eager_execution(); tf.compat.v1.disable_v2_behavior(); tf.set_random_seed(1)",
    "import tensorflow as tf; tf.logging.set_verbosity(tf.logging.ERROR); tf.config.threading.set_intra_op_parallelism_threads(2)",
    "import tensorflow as tf; tf.config.optimizer.set_jit(True); tf.debugging.set_log_device_placement(False)",
    "import tensorflow as tf; assert tf.version.VERSION == tf.__version__ and tf.test.is_built_with_gpu_support()",
    "import tensorflow as tf; tf.config.set_visible_devices([], 'GPU'); tf.config.experimental.list_logical_devices('GPU')",
]


@pytest.mark.parametrize("code", PATHS)
def test_paths(code):
    with gpunn.compat.install():
        exec(code, {})


def test_orders_of_axes():
    from gpunn.compat import keras2

    keras2.set_image_dim_ordering("tf")
    assert keras2.image_dim_ordering() == "tf"
    with pytest.raises(ValueError, match="'channels_last'"):
        keras2.set_image_dim_ordering("th")


SERIES = [
    {"length": 3}, {"length": 4, "sampling_rate": 2, "stride": 3, "batch_size": 2}, {"length": 3, "start_index": 2, "end_index": 11},
    {"length": 5, "reverse": True, "batch_size": 4},
]


@pytest.mark.parametrize("settings", SERIES)
def test_windows_like_keras(settings):
    theirs = pytest.importorskip("keras_twin").keras.src.legacy.preprocessing.sequence.TimeseriesGenerator
    data, targets = np.random.default_rng(0).normal(size=(20, 2)), np.arange(20)
    ours, other = TimeseriesGenerator(data, targets, **settings), theirs(data, targets, **settings)
    assert len(ours) == len(other)
    for i in range(len(other)):
        for a, b in zip(ours[i], other[i], strict=True):
            np.testing.assert_array_equal(a, b)


def test_windows_drawn_and_refused():
    generator = TimeseriesGenerator(np.arange(30.0), np.arange(30), 3, shuffle=True, batch_size=8)
    x, y = generator[0]
    np.testing.assert_array_equal(x, y[:, None] + np.arange(-3, 0))
    model = Sequential([layers.Dense(1, input_dim=3)])
    model.compile("sgd", "mse")
    model.fit(generator, verbose=0)
    with pytest.raises(ValueError, match=r"as many targets as data, 30\. Received: 29"):
        TimeseriesGenerator(np.arange(30), np.arange(29), 3)
    with pytest.raises(ValueError, match="no window of 30 rows fits"):
        TimeseriesGenerator(np.arange(30), np.arange(30), 30)


def test_a_function_of_the_backend():
    """As drawn activations, and Monte Carlo dropout, take it from Keras 2."""
    with compat.install():
        from tensorflow.keras import backend as K
        from tensorflow.keras.layers import Dense
        from tensorflow.keras.models import Sequential

        model = Sequential([Dense(3, activation="relu", input_shape=(2,)), Dense(1)])
        hidden = K.function([model.layers[0].input], [model.layers[0].output, model.output])
        one = K.function(model.input, model.output)
        x = np.ones((4, 2), "float32")
        first, last = hidden([x])
        assert type(first) is np.ndarray and first.shape == (4, 3)
        np.testing.assert_array_equal(last, model.predict(x, verbose=0))
        np.testing.assert_array_equal(one(x), last)
        assert K.eval(K.sum(K.constant([1.0, 2.0]))) == 3 and K.eval(model.weights[0]).shape == (2, 3)


A, B = np.random.default_rng(1).normal(size=(2, 4, 3)).astype("float32")
P = np.exp(A) / np.exp(A).sum(axis=1, keepdims=True)
SMALL = P.clip(1e-7, 1 - 1e-7)
LABELS = np.array([2, 0, 1, 1])
BACKEND = {
    "all": (lambda K: K.all(A > -9, axis=1), np.ones(4, bool)),
    "any": (lambda K: K.any(A > 9), False),
    "arange": (lambda K: K.arange(1, 7, 2), np.array([1, 3, 5])),
    "batch_dot": (lambda K: K.batch_dot(A, B, axes=1), (A * B).sum(axis=1, keepdims=True)),
    "batch_dot of matrices": (lambda K: K.batch_dot(A[None], B.T[None]), (A @ B.T)[None]),
    "batch_flatten": (lambda K: K.batch_flatten(A.reshape(2, 2, 3)), A.reshape(2, 6)),
    "binary_crossentropy": (lambda K: K.binary_crossentropy(A > 0, P), -np.where(A > 0, np.log(SMALL), np.log(1 - SMALL))),
    "categorical_crossentropy": (lambda K: K.categorical_crossentropy(np.eye(3)[LABELS], P), -np.log(SMALL[np.arange(4), LABELS])),
    "sparse_categorical_crossentropy": (lambda K: K.sparse_categorical_crossentropy(LABELS, P), -np.log(SMALL[np.arange(4), LABELS])),
    "cumsum": (lambda K: K.cumsum(A), A.cumsum(axis=0)),
    "dtype": (lambda K: [K.dtype(A), K.dtype(K.variable(1.0))], ["float32", "float32"]),
    "flatten": (lambda K: K.flatten(A), A.ravel()),
    "gather": (lambda K: K.gather(A, np.array([2, 0])), A[[2, 0]]),
    "hard_sigmoid": (lambda K: K.hard_sigmoid(np.array([-9.0, 1.0, 9.0])), np.array([0, 0.7, 1])),
    "in_top_k": (lambda K: K.in_top_k(P, LABELS, 3), np.ones(4, bool)),
    "l2_normalize": (lambda K: K.l2_normalize(A, axis=1), A / np.linalg.norm(A, axis=1, keepdims=True)),
    "moving_average_update": (lambda K: K.moving_average_update(K.variable(A), B, 0.9).numpy(), 0.9 * A + 0.1 * B),
    "ndim": (lambda K: K.ndim(A), 2),
    "repeat_elements": (lambda K: K.repeat_elements(A, 2, axis=1), A.repeat(2, axis=1)),
    "reverse": (lambda K: K.reverse(A, axes=[0, 1]), A[::-1, ::-1]),
    "softsign": (lambda K: K.softsign(A), A / (1 + abs(A))),
    "switch": (lambda K: K.switch(LABELS > 0, lambda: A, B), np.where(LABELS[:, None] > 0, A, B)),
    "truncated_normal": (lambda K: abs(K.truncated_normal((500,), stddev=0.1)).max() <= 0.2, True),
    "update": (lambda K: K.update_sub(K.update_add(K.update(K.variable(A), B), A), B).numpy(), A),
}


@pytest.mark.parametrize("name", BACKEND)
def test_functions_of_keras_2s_backend(name):
    make, expected = BACKEND[name]
    with compat.install():
        from tensorflow.keras import backend as K

        found = make(K)
    assert found == expected if isinstance(expected, list) else np.allclose(found, expected, rtol=1e-4, atol=1e-6)


def test_an_old_variational_loss():
    """`keras.backend` in a layer of a model: flat losses, numbers drawn, of as many rows as there are."""
    with compat.install():
        from tensorflow.keras import Model, layers
        from tensorflow.keras import backend as K

        class Penalty(layers.Layer):
            def call(self, both):
                x, y = both
                self.add_loss(6 * K.mean(K.binary_crossentropy(K.flatten(x), K.flatten(y))))
                return y

        def drawn(z):
            return z + 0 * K.random_normal(shape=(K.shape(z)[0], K.int_shape(z)[1]))

        start = layers.Input((6,))
        y = layers.Dense(6, "sigmoid")(layers.Lambda(drawn)(start))
        model = Model(start, Penalty()([start, y]))
        model.compile("sgd")
        x = (np.arange(30).reshape(5, 6) % 2).astype("float32")
        value = model.evaluate(x, verbose=0)
        p = model.predict(x, verbose=0)
        assert value == pytest.approx(-6 * np.where(x > 0, np.log(p), np.log(1 - p)).mean(), rel=1e-5)
        assert model.fit(x, verbose=0).history["loss"] == pytest.approx([value], rel=1e-5)
