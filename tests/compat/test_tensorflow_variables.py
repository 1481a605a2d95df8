"""Shapes that answer TensorFlow's questions, and parts of variables and tensors that are put in, as TensorFlow's are."""

import json

import numpy as np
import pytest

from gpunn import compat

pytestmark = pytest.mark.usefixtures("cpu")


@pytest.fixture(autouse=True)
def served():
    with compat.install():
        yield


def test_shapes_answer():
    import tensorflow as tf

    x = tf.keras.Input((4, 3))
    y = tf.keras.layers.Dense(2)(x)
    steps = tf.reduce_sum(y, axis=-1)
    for tensor, sizes in (
        (tf.constant([[1.0, 2.0]]), [1, 2]), (tf.Variable([[1.0], [2.0]]), [2, 1]), (y, [None, 4, 2]), (steps, [None, 4])
    ):
        assert tensor.shape.as_list() == sizes and tensor.get_shape().as_list() == sizes
        assert tensor.shape == tuple(sizes) and tensor.shape[1:].as_list() == sizes[1:]
        assert tensor.shape.rank == tensor.shape.ndims == len(tensor.shape.dims) == len(sizes)
        assert tensor.shape.is_fully_defined() == (None not in sizes)
    assert tf.TensorShape([2, 3]).num_elements() == 6 and tf.TensorShape([None, 3]).num_elements() is None
    assert tf.TensorShape([None, 3]).is_compatible_with([5, 3]) and not tf.TensorShape([2, 3]).is_compatible_with((2, 4))
    assert tf.TensorShape([2]).concatenate(tf.TensorShape([3])) == (2, 3) and json.dumps(y.shape) == "[null, 4, 2]"


def test_within_a_call():
    import tensorflow as tf

    class Pooled(tf.keras.layers.Layer):
        def build(self, input_shape):
            self.scale = self.add_weight(shape=tf.TensorShape(input_shape).as_list()[-1:], initializer="ones")

        def call(self, x):
            _, steps, _ = x.shape.as_list()
            return tf.reduce_sum(x * self.scale, axis=1) / steps

    x = np.arange(24.0, dtype="f4").reshape(2, 4, 3)
    np.testing.assert_allclose(tf.keras.Sequential([Pooled()]).predict(x), x.mean(axis=1))


def test_parts_are_assigned():
    import tensorflow as tf

    v = tf.Variable(np.arange(6, dtype="f4").reshape(2, 3))
    v[0, 1].assign(9.0)
    v[1].assign([7.0, 7.0, 8.0])
    v[:, 0].assign([5.0, 6.0])
    np.testing.assert_array_equal(v, [[5, 9, 2], [6, 7, 8]])
    v.scatter_nd_update([[0, 0], [1, 2]], [1.0, 2.0])
    v.scatter_nd_add([[0, 1], [0, 1]], [1.0, 2.0])
    v.scatter_nd_sub([[1]], [[1.0, 1.0, 1.0]])
    np.testing.assert_array_equal(v, [[1, 12, 2], [5, 6, 1]])


def test_scattered_tensors_have_gradients():
    import tensorflow as tf

    w = tf.Variable([1.0, 2.0, 3.0])
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.tensor_scatter_nd_update(w * 2, [[1]], w[:1]) ** 2)
    np.testing.assert_allclose(tape.gradient(loss, w), [10, 0, 24])
    np.testing.assert_allclose(tf.tensor_scatter_nd_add(w, [[0], [0]], [1.0, 2.0]), [4, 2, 3])
    np.testing.assert_allclose(tf.tensor_scatter_nd_sub(w, [[0]], [1.0]), [0, 2, 3])
    np.testing.assert_allclose(tf.tensor_scatter_nd_max(w, [[0], [1]], [5.0, 1.0]), [5, 2, 3])
    np.testing.assert_allclose(tf.tensor_scatter_nd_min(w, [[0], [1]], [5.0, 1.0]), [1, 1, 3])


def test_a_scattered_weight_learns():
    """It was a constant of the graph."""
    import tensorflow as tf

    class Scaled(tf.keras.layers.Layer):
        def build(self, input_shape):
            self.scale = self.add_weight(shape=(3,), initializer="ones")

        def call(self, x):
            return x * tf.tensor_scatter_nd_update(self.scale, [[1]], [2.0])

    model = tf.keras.Sequential([tf.keras.layers.Input((3,)), Scaled()])
    model.compile(tf.keras.optimizers.SGD(0.1), "mse")
    model.fit(np.ones((4, 3)), np.zeros((4, 3)), verbose=0)
    (scale,) = model.get_weights()
    assert scale[0] < 1 and scale[1] == 1 and scale[2] < 1
