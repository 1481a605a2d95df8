"""TensorFlow's guide to training checkpoints, as it is written there: a loop goes on where another one was."""

import numpy as np
import pytest

from gpunn import compat

pytestmark = pytest.mark.usefixtures("cpu")
RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((6, 4)).astype("f4"), RNG.standard_normal((6, 1)).astype("f4")


@pytest.fixture(autouse=True)
def served():
    with compat.install():
        yield


def made():
    import tensorflow as tf

    net = tf.keras.Sequential([tf.keras.layers.Input((4,)), tf.keras.layers.Dense(3, "tanh"), tf.keras.layers.Dense(1)])
    return net, tf.keras.optimizers.Adam(0.1), tf.Variable(1)


def train(net, opt, step, count):
    import tensorflow as tf

    for _ in range(count):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.abs(net(X) - Y))
        opt.apply_gradients(zip(tape.gradient(loss, net.trainable_variables), net.trainable_variables, strict=True))
        step.assign_add(1)


def test_goes_on_with_the_same_bits(tmp_path):
    import tensorflow as tf

    net, opt, step = made()
    ckpt = tf.train.Checkpoint(step=step, optimizer=opt, net=net)
    manager = tf.train.CheckpointManager(ckpt, str(tmp_path / "tf_ckpts"), max_to_keep=3)
    assert manager.latest_checkpoint is None
    ckpt.restore(manager.latest_checkpoint)
    for _ in range(4):
        train(net, opt, step, 5)
        saved = manager.save()
    assert saved == manager.latest_checkpoint == tf.train.latest_checkpoint(str(tmp_path / "tf_ckpts"))
    assert [path.rpartition("-")[2] for path in manager.checkpoints] == ["2", "3", "4"]
    train(net, opt, step, 5)

    other, its, counter = made()
    status = tf.train.Checkpoint(step=counter, optimizer=its, net=other).restore(saved)
    status.assert_consumed()
    assert int(counter) == 21 and its.iterations == 20
    train(other, its, counter, 5)
    for a, b in zip(net.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_parts_of_a_checkpoint(tmp_path):
    import tensorflow as tf

    net, _, step = made()
    path = tf.train.Checkpoint(net=net, step=step).write(str(tmp_path / "part"))
    other, _, counter = made()
    status = tf.train.Checkpoint(net=other).read(path).expect_partial()
    np.testing.assert_array_equal(other.get_weights()[0], net.get_weights()[0])
    status.assert_existing_objects_matched()
    with pytest.raises(AssertionError, match=r"Nothing takes these values of the checkpoint: .*step"):
        status.assert_consumed()
    with pytest.raises(AssertionError, match=r"no values for .*counter"):
        tf.train.Checkpoint(net=other, counter=counter).restore(path).assert_existing_objects_matched()


def test_a_compiled_model_takes_its_optimizer_along(tmp_path):
    import tensorflow as tf

    models = [made()[0] for _ in range(2)]
    for model in models:
        model.compile("adam", "mse")
    models[0].fit(X, Y, epochs=3, verbose=0)
    path = tf.train.Checkpoint(models[0]).save(tmp_path / "model")
    tf.train.Checkpoint(models[1]).restore(path).assert_consumed()
    for model in models:
        model.fit(X, Y, epochs=2, shuffle=False, verbose=0)
    np.testing.assert_array_equal(models[0].get_weights()[0], models[1].get_weights()[0])


def test_what_is_refused(tmp_path):
    import tensorflow as tf

    net, opt, step = made()
    with pytest.raises(TypeError, match="Received: iterator, a list_iterator"):
        tf.train.Checkpoint(iterator=iter([1])).save(tmp_path / "no")
    with pytest.raises(FileNotFoundError):
        tf.train.Checkpoint(net=net).restore(str(tmp_path / "none-1"))
    with pytest.raises(ValueError, match="Expected 'later' to be built, or called, before"):
        tf.train.Checkpoint(net=tf.keras.Sequential([tf.keras.layers.Dense(1)], name="later")).save(tmp_path / "no")
    train(net, opt, step, 1)
    path = tf.train.Checkpoint(optimizer=opt).save(tmp_path / "alone")
    with pytest.raises(ValueError, match="Expected one model with weights beside it"):
        tf.train.Checkpoint(optimizer=made()[1]).restore(path)


def test_another_shape_changes_nothing(tmp_path):
    import tensorflow as tf

    path = tf.train.Checkpoint(first=tf.Variable(2.0), second=tf.Variable([1.0, 2.0])).write(tmp_path / "some")
    first, second = tf.Variable(5.0), tf.Variable([1.0])
    with pytest.raises(ValueError, match=r"expected second of shape \(1,\). Received: \(2,\)"):
        tf.train.Checkpoint(first=first, second=second).restore(path)
    assert float(first) == 5.0
