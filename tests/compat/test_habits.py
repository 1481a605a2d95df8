"""What scripts for Keras 2 and tf.keras do around a model: rates set in callbacks, `.numpy()`, variables, settings, names of TensorFlow."""

import numpy as np
import pytest

import gpunn
from gpunn import callbacks, compat, layers, losses, metrics
from gpunn.compat import keras_backend

pytestmark = pytest.mark.usefixtures("cpu")
RNG = np.random.default_rng(0)
X = RNG.normal(size=(96, 4)).astype("float32")
Y = X @ np.array([[1.0], [2.0], [-1.0], [0.5]], "float32")


@pytest.fixture
def tf():
    with compat.install():
        import tensorflow

        yield tensorflow


def linear(optimizer):
    gpunn.utils.set_random_seed(3)
    model = gpunn.Sequential([layers.Dense(1, input_shape=(4,))])
    model.compile(optimizer, "mse")
    return model


# ---------------------------------------------------------------------- the learning rate
def test_a_rate_that_grows_with_each_batch(tf):
    """The range test of a callback, beside steps by hand at the same rates."""
    K = tf.keras.backend

    class Growing(callbacks.Callback):
        def __init__(self, factor):
            super().__init__()
            self.factor, self.rates = factor, []

        def on_batch_end(self, batch, logs):
            self.rates.append(K.get_value(self.model.optimizer.learning_rate))
            K.set_value(self.model.optimizer.learning_rate, self.model.optimizer.learning_rate * self.factor)

    model, other = linear(tf.keras.optimizers.SGD(learning_rate=1e-3)), linear("sgd")
    growing = Growing(1.5)
    model.fit(X, Y, epochs=2, shuffle=False, verbose=0, callbacks=[growing])
    assert growing.rates == pytest.approx([1e-3 * 1.5**i for i in range(6)])
    for i in range(6):
        other.optimizer.learning_rate = 1e-3 * 1.5**i
        rows = slice(32 * (i % 3), 32 * (i % 3) + 32)
        other.train_on_batch(X[rows], Y[rows])
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)


def test_a_rate_set_before_each_batch(tf):
    """Set in on_batch_begin it holds for that very batch."""
    K = tf.keras.backend

    class Only(callbacks.Callback):
        def on_batch_begin(self, batch, logs=None):
            K.set_value(self.model.optimizer.lr, 0.0 if batch else 0.1)

    model, other = linear("sgd"), linear("sgd")
    model.fit(X, Y, shuffle=False, verbose=0, callbacks=[Only()])
    other.optimizer.learning_rate = 0.1
    other.train_on_batch(X[:32], Y[:32])
    np.testing.assert_allclose(model.get_weights()[0], other.get_weights()[0], rtol=1e-6)


def test_reading_and_setting_a_rate(tf):
    model = linear(tf.keras.optimizers.Adam(lr=0.5))
    rate = model.optimizer.learning_rate
    assert float(rate) == rate.numpy() == tf.keras.backend.get_value(model.optimizer.lr) == 0.5
    rate.assign(0.25)
    assert float(model.optimizer.lr) == 0.25
    tf.keras.backend.set_value(model.optimizer.lr, 0.125)
    assert model.optimizer.learning_rate == 0.125 and model.optimizer.get_config()["learning_rate"] == 0.125


# ---------------------------------------------------------------------- .numpy()
def test_results_answer_numpy(tf):
    model = linear("sgd")
    p = model(X[:3])
    assert type(p.numpy()) is np.ndarray and p.shape == (3, 1) and np.array_equal(p.numpy(), model.predict(X[:3], verbose=0))
    assert model(X[:3], training=True).numpy().shape == (3, 1) and p[0].numpy().shape == (1,) and p[0, 0].numpy() == p.numpy()[0, 0]
    for result in (tf.nn.softmax(X), tf.keras.layers.ReLU()(X), losses.mean_squared_error(Y, X[:, :1])):
        assert type(result.numpy()) is np.ndarray
    assert losses.MeanSquaredError()(Y, Y).numpy() == 0 and isinstance(losses.MeanSquaredError()(Y, X[:, :1]), float)
    mean = tf.keras.metrics.Mean()
    assert mean([1, 2, 3]).numpy() == 2 == mean.result().numpy()
    matrix = metrics.ConfusionMatrix(2)
    assert matrix([0, 1], [[0.9, 0.1], [0.8, 0.2]]).numpy().tolist() == [[1, 0], [1, 0]]
    two = gpunn.Input((4,))
    several = gpunn.Model(two, {"a": layers.Dense(1)(two), "b": layers.Dense(2)(two)})(X)
    assert several["b"].numpy().shape == (96, 2)
    assert type(model.predict(X, verbose=0)) is np.ndarray and "Array" not in type(model.evaluate(X, Y, verbose=0)).__name__
    assert model.fit(X, Y, verbose=0).history["loss"][0] > 0


def test_a_metric_of_ones_own(tf):
    class Most(tf.keras.metrics.Metric):
        def __init__(self, **named):
            super().__init__(**named)
            self.most = self.add_weight(name="most", initializer="zeros")

        def update_state(self, y_true, y_pred, sample_weight=None):
            self.most.assign(max(self.most.numpy(), float(np.abs(y_true - y_pred).max())))

        def result(self):
            return self.most.numpy()

    most = Most()
    assert most(np.array([1.0]), np.array([3.0])).numpy() == 2 and most.result().numpy() == 2


def test_without_the_installation_results_are_plain():
    with compat.install():
        pass
    assert type(linear("sgd")(X)) is np.ndarray and type(losses.MeanSquaredError()(Y, Y)) is float
    assert type(metrics.Mean()([1, 2])) is float and type(gpunn.activations.softmax(X)) is np.ndarray


# ---------------------------------------------------------------------- layers and models
def test_variables_and_shapes():
    model = gpunn.Sequential([layers.Dense(3, input_shape=(4,)), layers.BatchNormalization(), layers.Dense(2)])
    normal = model.layers[1]
    assert [v.name.rpartition("/")[2] for v in normal.variables] == ["gamma", "beta", "moving_mean", "moving_variance"]
    assert [v.trainable for v in normal.variables] == [True, True, False, False]
    assert normal.trainable_variables == normal.trainable_weights and normal.non_trainable_variables == normal.non_trainable_weights
    assert model.variables == model.weights and len(model.trainable_variables) == 6 and len(model.non_trainable_variables) == 2
    assert (normal.input_shape, model.layers[2].output_shape) == ((None, 3), (None, 2))
    tensor = gpunn.Input((4,))
    added = layers.Add()
    added([tensor, tensor])
    assert added.input_shape == [(None, 4), (None, 4)] and added.output_shape == (None, 4)
    with pytest.raises(AttributeError, match="has never been called on a symbolic tensor and thus has no defined input"):
        layers.Dense(1).input_shape  # noqa: B018


class TwoHeads(gpunn.Model):
    def __init__(self, **common):
        super().__init__(**common)
        self.first, self.second = layers.Dense(1), layers.Dense(1)

    def call(self, inputs):
        a, b = inputs
        return self.first(a), self.second(layers.concatenate([a, b]))


@pytest.mark.parametrize("loss", ["mse", ["mse", "mse"]])
def test_one_loss_with_weights_for_each_output(loss):
    """Of a class of the user's, whose outputs are not known when it is compiled."""
    gpunn.utils.set_random_seed(2)
    model = TwoHeads()
    model.compile("sgd", loss, loss_weights=[0.75, 0.25])
    model.fit((X[:, :2], X[:, 2:]), (Y, Y), epochs=2, validation_data=((X[:, :2], X[:, 2:]), (Y, Y)), verbose=0)
    total, *each = model.evaluate((X[:, :2], X[:, 2:]), (Y, Y), verbose=0)
    assert total == pytest.approx(0.75 * each[0] + 0.25 * each[1], rel=1e-5)


def test_weights_that_do_not_fit_the_outputs_show_at_the_first_data():
    model = TwoHeads()
    model.compile("sgd", "mse", loss_weights=[0.5, 0.25, 0.25])
    with pytest.raises(ValueError, match="got 2 losses and 3 weights"):
        model.fit((X[:, :2], X[:, 2:]), (Y, Y), verbose=0)


@pytest.mark.parametrize(("given", "steps"), [(96 / 32, 3), (2.1, 3), (np.float64(0.5), 1), (2, 2)])
def test_a_number_of_steps_that_is_a_float(given, steps):
    """Batches until so much is reached, as Keras 2 had it."""

    def batches():
        while True:
            yield X[:32], Y[:32]

    for fit in ("fit", "fit_generator"):
        model = linear("sgd")
        getattr(model, fit)(batches(), steps_per_epoch=given, verbose=0)
        assert model.optimizer.iterations == steps
    assert model.evaluate(batches(), steps=given, verbose=0) > 0 and len(model.predict(batches(), steps=given, verbose=0)) == 32 * steps
    for wrong in (0.0, -0.5, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="steps_per_epoch: expected an integer of at least 1"):
            model.fit(batches(), steps_per_epoch=wrong, verbose=0)


# ---------------------------------------------------------------------- settings and names
def test_backend(tf):
    K = tf.keras.backend
    layer = tf.keras.layers.Dense(2, input_shape=(4,))
    model = tf.keras.Sequential([layer])
    K.set_value(layer.bias, [1.0, 2.0])
    K.batch_set_value([(layer.kernel, np.ones((4, 2)))])
    assert K.batch_get_value(layer.weights)[0].sum() == 8
    assert K.get_value(layer.bias).tolist() == [1, 2] and K.count_params(layer.kernel) == 8
    assert K.int_shape(model.output) == (None, 2) and K.int_shape(layer.kernel) == (4, 2) and K.int_shape(np.ones(3)) == (3,)
    assert K.is_keras_tensor(model.input) and not K.is_keras_tensor(X) and K.standardize_dtype(None) == "float32"
    assert K.is_float_dtype("float64") and K.is_int_dtype(np.int8) and not K.is_int_dtype("float32")
    assert K.cast_to_floatx([1, 2]).dtype == np.float32
    gpunn.utils.clear_session()
    assert [K.get_uid("a"), K.get_uid("a"), K.get_uid("b")] == [1, 2, 1]
    with pytest.raises(TypeError, match="set_value: expected a parameter"):
        K.set_value(3.0, 1)
    for room in (K, tf.keras.config):
        room.set_epsilon(1e-7)
        room.set_image_data_format("channels_last")
        assert (room.epsilon(), room.image_data_format(), room.backend(), room.floatx()) == (1e-7, "channels_last", "gpunn", "float32")
        with pytest.raises(ValueError, match="compiled with 1e-07"):
            room.set_epsilon(1e-5)
        with pytest.raises(ValueError, match=r"Expected 'channels_last'.* Received: 'channels_first'"):
            room.set_image_data_format("channels_first")


def test_uids_like_keras():
    keras = pytest.importorskip("keras_twin").keras
    keras.backend.clear_session()
    keras_backend.clear_session()
    for prefix in ("a", "b", "a", ""):
        assert keras_backend.get_uid(prefix) == keras.backend.get_uid(prefix)


def test_tensorflow_around_a_model(tf):
    assert tf.executing_eagerly() and isinstance(tf.test.gpu_device_name(), str) and tf.test.is_built_with_cuda()
    tf.autograph.set_verbosity(0)
    tf.compat.v1.logging.set_verbosity(tf.compat.v1.logging.ERROR)
    tf.compat.v1.enable_eager_execution()
    tf.compat.v1.set_random_seed(1)
    tf.config.run_functions_eagerly(True)
    tf.keras.utils.set_random_seed(1)

    @tf.function
    def twice(x):
        return 2 * x

    @tf.function(jit_compile=True)
    def thrice(x):
        return 3 * x

    assert twice(2) == 4 and thrice(2) == 6
    tf.config.run_functions_eagerly(False)
    assert [twice(n) for n in (2, 2, 2, 3)] == [4, 4, 4, 6]


def test_tf_data(tf):
    batches = tf.data.Dataset.from_tensor_slices((X, Y)).shuffle(96, seed=1).batch(32).prefetch(tf.data.AUTOTUNE)
    for x, y in batches.take(1):
        assert x.numpy().shape == (32, 4) and type(y.numpy()) is np.ndarray
    assert [i.numpy() for i in tf.data.Dataset.range(3)] == [0, 1, 2] and batches.cardinality().numpy() == 3
    assert tf.data.experimental.AUTOTUNE == tf.data.AUTOTUNE
    model = linear("sgd")
    first, *_, last = model.fit(batches, epochs=20, verbose=0).history["loss"]
    assert last < first / 2 and model.evaluate(batches, verbose=0) < first


def test_second_names(tf):
    keras = tf.keras
    for name in ("custom_object_scope", "CustomObjectScope", "get_custom_objects", "register_keras_serializable", "get_registered_name",
                 "get_registered_object", "serialize_keras_object", "deserialize_keras_object"):
        assert getattr(keras.utils, name) is getattr(keras.saving, name)
    assert keras.saving.load_model is keras.models.load_model and keras.utils.Progbar(3).target == 3


def test_a_layer_renamed_as_keras_2_has_it(tf):
    from keras.layers import Dense, Input, concatenate
    from keras.models import Model, Sequential

    members = [Sequential([Input((3,)), Dense(2, name="same")]) for _ in range(2)]
    for i, model in enumerate(members):
        for layer in model.layers:
            layer._name = f"member_{i}_{layer.name}"
    whole = Model([m.input for m in members], concatenate([m.output for m in members]))
    assert {"member_0_same", "member_1_same"} <= {layer.name for layer in whole.layers}


def test_scikit_learns_own_networks(tf):
    pytest.importorskip("sklearn")
    from sklearn.neural_network import BernoulliRBM, MLPClassifier

    assert BernoulliRBM(n_components=2, n_iter=1, random_state=0).fit([[0, 1], [1, 0]]).components_.shape == (2, 2)
    assert MLPClassifier.__module__.startswith("gpunn.")


def test_a_number_of_an_array_of_one(tf):
    one = tf.constant([[0.5]])
    assert float(one) == 0.5 and int(one * 4) == 2 and f"{float(one[0] * 100):.1f}" == "50.0"
    with pytest.raises(TypeError):
        float(tf.constant([1.0, 2.0]))


# ---------------------------------------------------------------------- functions by name
def test_losses_and_activations_by_name_are_functions(tf):
    y, p = np.array([[0.0, 1.0], [1.0, 1.0]], "float32"), np.array([[1.0, 1.0], [1.0, 4.0]], "float32")
    for name in ("mse", "MSE", "mean_squared_error"):
        loss = tf.keras.losses.get(name)
        assert loss.__name__ == "mean_squared_error" and loss(y, p).tolist() == [0.5, 4.5]
    assert isinstance(tf.keras.losses.get("MeanSquaredError"), losses.MeanSquaredError) and tf.keras.losses.get(None) is None
    model = linear("sgd")
    model.compile("sgd", tf.keras.losses.get("mse"))
    assert model.evaluate(X, Y, verbose=0) == pytest.approx(linear("sgd").evaluate(X, Y, verbose=0))
    assert [f.__name__ for f in (tf.keras.activations.relu, tf.nn.tanh, tf.keras.activations.get("softmax"))] == ["relu", "tanh", "softmax"]


# ---------------------------------------------------------------------- events for TensorBoard
def test_a_loop_writes_a_summary(tf, tmp_path):
    """What a loop of one's own writes is what TensorBoard's own reader finds."""
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    from tensorboard.util.tensor_util import make_ndarray

    writer = tf.summary.create_file_writer(str(tmp_path / "run"))
    assert not tf.summary.scalar("nowhere", 1.0, step=1)
    values = tf.constant(np.arange(10.0), tf.float32)
    with writer.as_default():
        for step in range(1, 4):
            tf.summary.scalar("loss", tf.reduce_mean(values) / step, step=step)
        tf.summary.histogram("values", values, step=2, buckets=5)
        tf.summary.image("pictures", np.ones((5, 4, 6, 1)) / 2, step=1, max_outputs=2)
        tf.summary.text("words", "some **bold** ones", step=0)
        tf.summary.experimental.set_step(7)
        tf.summary.scalar("later", 2)
        with pytest.raises(ValueError, match=r"tf.summary.image: expected shape \(number, height, width, channels\).* Received: \(4, 6\)"):
            tf.summary.image("picture", np.ones((4, 6)), step=1)
    with writer.as_default(step=9):
        tf.summary.scalar("later", 3)

        @tf.function
        def step(number, x):
            tf.summary.scalar("in a function", tf.reduce_sum(x), step=number)
            return x * 2

        for number in range(3):
            step(tf.Variable(number), tf.constant([1.0, number]))
    tf.summary.experimental.set_step(None)
    with writer.as_default(), pytest.raises(ValueError, match=r"tf\.summary\.scalar: expected a step"):
        tf.summary.scalar("later", 3)
    writer.close()
    read = accumulator.EventAccumulator(str(tmp_path / "run"), size_guidance={"tensors": 0})
    read.Reload()
    found = {tag: [(e.step, make_ndarray(e.tensor_proto)) for e in read.Tensors(tag)] for tag in read.Tags()["tensors"]}
    assert [(s, float(v)) for s, v in found["loss"]] == [(s, np.float32(4.5) / s) for s in (1, 2, 3)]
    assert found["values"][0][1].shape == (5, 3) and found["words"][0][1] == b"some **bold** ones"
    assert [(s, float(v)) for s, v in found["later"]] == [(7, 2.0), (9, 3.0)]
    assert [(s, float(v)) for s, v in found["in a function"]] == [(0, 1.0), (1, 2.0), (2, 3.0)]
    assert sorted(read.Tags()["images"]) == ["pictures/0", "pictures/1"] and read.Images("pictures/0")[0].width == 6
