"""Loops of course code by `tf.GradientTape`: Geron's chapter 12 and Keras's guides, as they are written there."""

import numpy as np
import pytest

import gpunn
from gpunn import compat

pytestmark = pytest.mark.usefixtures("cpu")
rng = np.random.default_rng(0)
X = rng.standard_normal((64, 8)).astype(np.float32)
Y = X[:, :1] * 2 - X[:, 1:2]


@pytest.fixture(autouse=True)
def served():
    with compat.install():
        yield


def test_autodiff_of_gerons_chapter():
    import tensorflow as tf

    def f(w1, w2):
        return 3 * w1**2 + 2 * w1 * w2

    w1, w2 = tf.Variable(5.0), tf.Variable(3.0)
    assert float((f(w1 + 1e-3, w2) - f(w1, w2)) / 1e-3) == pytest.approx(36.0, abs=0.1)
    with tf.GradientTape() as tape:
        z = f(w1, w2)
    assert [g.numpy() for g in tape.gradient(z, [w1, w2])] == [36.0, 10.0]
    with pytest.raises(RuntimeError, match="non-persistent"):
        tape.gradient(z, w2)
    with tf.GradientTape(persistent=True) as tape:
        z = f(w1, w2)
    assert (tape.gradient(z, w1).numpy(), tape.gradient(z, w2).numpy()) == (36.0, 10.0)
    del tape
    c1, c2 = tf.constant(5.0), tf.constant(3.0)
    with tf.GradientTape() as tape:
        z = f(c1, c2)
    assert tape.gradient(z, [c1, c2]) == [None, None]
    with tf.GradientTape() as tape:
        tape.watch(c1)
        tape.watch(c2)
        z = f(c1, c2)
    assert [g.numpy() for g in tape.gradient(z, [c1, c2])] == [36.0, 10.0]
    assert f(c1, c2) == 105 and isinstance(f(c1, c2), (float, np.ndarray))
    with tf.GradientTape() as tape:
        z1, z2, z3 = f(w1, w2 + 2.0), f(w1, w2 + 5.0), f(w1, w2 + 7.0)
    assert [g.numpy() for g in tape.gradient([z1, z2, z3], [w1, w2])] == [136.0, 30.0]

    def g(w1, w2):
        return 3 * w1**2 + tf.stop_gradient(2 * w1 * w2)

    with tf.GradientTape() as tape:
        z = g(w1, w2)
    assert [None if v is None else v.numpy() for v in tape.gradient(z, [w1, w2])] == [30.0, None]
    x = tf.Variable([0.0, 10.0])
    with tf.GradientTape() as tape:
        z = tf.math.log(tf.exp(x) + 1)
    np.testing.assert_allclose(tape.gradient(z, [x])[0].numpy(), [0.5, 0.9999546], rtol=1e-6)


def test_a_variable():
    import tensorflow as tf

    v = tf.Variable([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    v.assign(2 * v)
    np.testing.assert_array_equal(v.numpy(), [[2, 4, 6], [8, 10, 12]])
    v.assign_add(np.ones((2, 3)))
    v.assign_sub(np.ones((2, 3)))
    np.testing.assert_array_equal(v + 1, [[3, 5, 7], [9, 11, 13]])
    assert v.shape == (2, 3) and v.dtype == "float32" and tf.Variable(3).dtype == "int32" and not tf.Variable(3).trainable
    assert v.name != tf.Variable(1.0).name and f"{tf.Variable(1.5):.2f}" == "1.50" and "shape=(2, 3)" in repr(v)
    with pytest.raises(ValueError, match=r"expected shape \(2, 3\)\. Received: \(3,\)"):
        v.assign([1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match=r"expected a number or an array of numbers. Received: 'a'"):
        tf.Variable("a")


def test_the_custom_loop_of_gerons_chapter():
    import tensorflow as tf
    from tensorflow import keras

    tf.random.set_seed(42)
    model = keras.models.Sequential([
        keras.layers.Dense(30, activation="elu", kernel_initializer="he_normal", kernel_regularizer=keras.regularizers.l2(0.05)),
        keras.layers.Dense(1, kernel_regularizer=keras.regularizers.l2(0.05), kernel_constraint="non_neg"),
    ])
    optimizer, loss_fn = keras.optimizers.Nadam(learning_rate=0.01), keras.losses.mean_squared_error
    mean_loss, metrics = keras.metrics.Mean(), [keras.metrics.MeanAbsoluteError()]
    losses = []
    for _ in range(5):
        for at in range(0, 64, 32):
            with tf.GradientTape() as tape:
                y_pred = model(X[at : at + 32], training=True)
                main_loss = tf.reduce_mean(loss_fn(Y[at : at + 32], y_pred))
                loss = tf.add_n([main_loss] + model.losses)  # noqa: RUF005  as it is written there
            gradients = tape.gradient(loss, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables))  # noqa: B905
            for variable in model.variables:
                if variable.constraint is not None:
                    variable.assign(variable.constraint(variable))
            mean_loss(loss)
            for metric in metrics:
                metric(Y[at : at + 32], y_pred)
        losses.append(mean_loss.result())
        assert f"{mean_loss.name}: {mean_loss.result():.4f} {metrics[0].result():.4f}"
        for metric in [mean_loss] + metrics:  # noqa: RUF005
            metric.reset_states()
    assert losses[-1] < losses[0] and model.layers[1].kernel.numpy().min() >= 0


def test_the_loop_of_keras_guide():
    import keras
    import tensorflow as tf

    class ActivityRegularizationLayer(keras.layers.Layer):
        def call(self, inputs):
            self.add_loss(1e-2 * tf.reduce_sum(inputs**2))
            return inputs

    inputs = keras.Input(shape=(8,), name="digits")
    x = keras.layers.Dense(16, activation="relu")(inputs)
    x = ActivityRegularizationLayer()(x)
    model = keras.Model(inputs=inputs, outputs=keras.layers.Dense(3, name="predictions")(x))
    labels = X[:, :3].argmax(axis=1)
    data = tf.data.Dataset.from_tensor_slices((X, labels)).shuffle(buffer_size=64).batch(16)
    optimizer, loss_fn = keras.optimizers.Adam(learning_rate=1e-2), keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    accuracy = keras.metrics.SparseCategoricalAccuracy()

    @tf.function
    def train_step(x, y):
        with tf.GradientTape() as tape:
            logits = model(x, training=True)
            loss_value = loss_fn(y, logits)
            loss_value += sum(model.losses)
        grads = tape.gradient(loss_value, model.trainable_weights)
        optimizer.apply(grads, model.trainable_weights)
        accuracy.update_state(y, logits)
        return loss_value

    @tf.function
    def test_step(x, y):
        accuracy.update_state(y, model(x, training=False))

    found = []
    for _ in range(6):
        for x_batch, y_batch in data:
            value = train_step(x_batch, y_batch)
        found.append((float(value), float(accuracy.result())))
        accuracy.reset_state()
        for x_batch, y_batch in data:
            test_step(x_batch, y_batch)
        assert accuracy.result() == np.float32((model(X, training=False).argmax(axis=1) == labels).mean())
        accuracy.reset_state()
    assert found[-1][0] < found[0][0] and found[-1][1] > found[0][1] and optimizer.iterations == 24
    assert not any("as it is written" in step.explain(lambda text: None) for step in (train_step, test_step))
    val_logits = model(X, training=False)
    assert not isinstance(val_logits, gpunn.layers.KerasTensor)


def test_the_gradient_of_an_image():
    """Saliency: with respect to what goes in, a plain array and TensorFlow's constant."""
    import tensorflow as tf

    model = tf.keras.Sequential([tf.keras.layers.Input((8,)), tf.keras.layers.Dense(4, "tanh"), tf.keras.layers.Dense(2)])
    found = []
    for x in (X[:3], tf.constant(X[:3])):
        with tf.GradientTape() as tape:
            tape.watch(x)
            score = model(x)[:, 1]
        found.append(np.asarray(tape.gradient(score, x)))
    first, last = model.layers
    hidden = np.tanh(X[:3] @ first.kernel.numpy() + first.bias.numpy())
    by_hand = (1 - hidden**2) * last.kernel.numpy()[:, 1] @ first.kernel.numpy().T
    for gradient in found:
        np.testing.assert_allclose(gradient, by_hand, rtol=1e-4, atol=1e-6)


def test_gradients_are_clipped():
    import tensorflow as tf

    w, b = tf.Variable([[3.0, 4.0]]), tf.Variable([12.0])
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(w * w) / 2 + tf.reduce_sum(b * b) / 2
    gradients = tape.gradient(loss, [w, b])
    clipped, norm = tf.clip_by_global_norm([*gradients, None], 6.5)
    assert float(norm) == float(tf.linalg.global_norm(gradients)) == 13 and clipped[2] is None
    np.testing.assert_allclose(clipped[0], [[1.5, 2.0]], rtol=1e-6)
    np.testing.assert_allclose(tf.clip_by_global_norm(gradients, 20.0)[0][1], [12.0], rtol=1e-6)
    np.testing.assert_allclose(tf.clip_by_norm(gradients[0], 2.5), [[1.5, 2.0]], rtol=1e-6)
    optimizer = gpunn.optimizers.SGD(1.0)
    optimizer.apply_gradients(zip(clipped[:2], [w, b], strict=True))
    np.testing.assert_allclose(w.numpy(), [[1.5, 2.0]], rtol=1e-6)


def test_second_derivatives():
    """TensorFlow's guide "Advanced automatic differentiation": nested tapes, a penalty of gradients, a Hessian, a gradient of one's own."""
    import tensorflow as tf

    x = tf.Variable(1.0)
    with tf.GradientTape() as t2:
        with tf.GradientTape() as t1:
            y = x * x * x
        dy_dx = t1.gradient(y, x)
    d2y_dx2 = t2.gradient(dy_dx, x)
    assert (dy_dx.numpy(), d2y_dx2.numpy()) == (3.0, 6.0)
    tf.random.set_seed(1)
    x, layer = tf.random.normal([7, 5]), tf.keras.layers.Dense(10, activation=tf.nn.relu)
    with tf.GradientTape() as t2:
        with tf.GradientTape(watch_accessed_variables=False) as t1:
            t1.watch(x)
            out = tf.reduce_sum(layer(x) ** 2)
        g1 = t1.gradient(out, x)
        g1_mag = tf.norm(g1)
    dg1_mag = t2.gradient(g1_mag, layer.trainable_variables)
    assert [var.shape for var in dg1_mag] == [(5, 10), (10,)] and all(np.abs(np.asarray(g)).max() > 0 for g in dg1_mag)
    layer1, layer2 = tf.keras.layers.Dense(4, activation=tf.nn.relu), tf.keras.layers.Dense(3, activation=tf.nn.relu)
    with tf.GradientTape() as t2:
        with tf.GradientTape() as t1:
            loss = tf.reduce_mean(layer2(layer1(x)) ** 2)
        g = t1.gradient(loss, layer1.kernel)
    h = t2.jacobian(g, layer1.kernel)
    assert h.shape == (5, 4, 5, 4)
    flat = np.asarray(tf.reshape(h, [20, 20]))
    np.testing.assert_allclose(flat, flat.T, atol=1e-6)

    @tf.custom_gradient
    def clip_gradients(y):
        def backward(dy):
            return tf.clip_by_norm(dy, 0.5)

        return y, backward

    v = tf.Variable(2.0)
    with tf.GradientTape() as t:
        output = clip_gradients(v * v)
    assert t.gradient(output, v).numpy() == 2.0


def test_numbers_and_numpys_functions_of_tensors():
    """As in loops of reinforcement learning: a tensor of one element is a number, and what NumPy squeezes is NumPy's."""
    model = gpunn.Sequential([gpunn.layers.Dense(2, "softmax", input_shape=(4,))])
    with gpunn.GradientTape():
        p = model(np.ones((1, 4), "float32"))
        greater = p[:, :1] > 0
        assert int(greater) == 1 and float(p[:, :1]) == float(p[0, 0])
        with pytest.raises(TypeError):
            float(p)
        chances = np.squeeze(p)
        assert type(chances) is np.ndarray and type(np.reshape(p, (2, 1))) is np.ndarray
        assert np.random.default_rng(0).choice(2, p=chances) in (0, 1)
        np.testing.assert_array_equal(np.concatenate([p, p]), np.concatenate([p.numpy()] * 2))
        assert isinstance(p.squeeze(), type(p)) and np.shape(p) == (1, 2) and np.size(p) == 2
    assert repr(model(np.zeros((1, 4)))) == "Array([[0.5, 0.5]], dtype=float32)" and str(2.782 + 0 * model(X[:1, :4])) == "[[2.782 2.782]]"


def test_the_text_generator_of_tensorflows_tutorial():
    """Its call begins with the state that its layer makes for as many rows as there are, and gives the last one where it is asked to."""
    import tensorflow as tf

    class Generator(tf.keras.Model):
        def __init__(self, words, units):
            super().__init__()
            self.embedding = tf.keras.layers.Embedding(words, 4)
            self.gru = tf.keras.layers.GRU(units, return_sequences=True, return_state=True)
            self.dense = tf.keras.layers.Dense(words)

        def call(self, inputs, states=None, return_state=False, training=False):
            x = self.embedding(inputs, training=training)
            if states is None:
                states = self.gru.get_initial_state(tf.shape(x)[0])
            x, states = self.gru(x, initial_state=states, training=training)
            x = self.dense(x, training=training)
            return (x, states) if return_state else x

    model = Generator(7, 5)
    ids = rng.integers(0, 7, (6, 9))
    model.compile("adam", tf.losses.SparseCategoricalCrossentropy(from_logits=True))
    assert len(model.fit(ids[:, :-1], ids[:, 1:], epochs=2, verbose=0).history["loss"]) == 2
    whole = model(ids)
    first, states = model(inputs=ids[:, :4], return_state=True)
    rest = model(ids[:, 4:], states=states)
    np.testing.assert_allclose(np.concatenate([first, rest], axis=1), whole, rtol=1e-5, atol=1e-6)
