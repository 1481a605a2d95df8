"""What a tape and an optimizer's `apply` refuse, what they leave alone, and where they record."""

import threading

import numpy as np
import pytest

import gpunn
from gpunn import GradientTape, Variable, losses, ops, optimizers
from gpunn import layers as L

pytestmark = pytest.mark.usefixtures("cpu")


def model_of(units=3):
    return gpunn.Sequential([gpunn.Input((4,)), L.Dense(units)])


X = np.ones((2, 4), np.float32)


def test_what_is_not_there():
    w = Variable(2.0)
    with GradientTape() as outer:
        with GradientTape() as inner:
            z = w**3
        assert inner.gradient(z, w) is not None
    with pytest.raises(TypeError, match=r"expected an array of floats, a variable or a tensor. Received: 3"):
        outer.watch(3)
    with pytest.raises(TypeError, match=r"expected sources that are weights, variables or arrays\. Received: 3"):
        outer.gradient(z, 3)
    with outer, pytest.raises(ValueError, match="this tape is recording already"), outer:
        pass


def test_weights_that_changed_in_between():
    w = Variable(2.0)
    with GradientTape() as tape:
        z = w * w
    w.assign(5.0)
    with pytest.raises(RuntimeError, match="was assigned or updated after the tape had read it"):
        tape.gradient(z, w)
    model, optimizer = model_of(), optimizers.SGD()
    with GradientTape(persistent=True) as tape:
        z = ops.sum(model(X))
    optimizer.apply(tape.gradient(z, model.trainable_weights), model.trainable_weights)
    with pytest.raises(RuntimeError, match=r"dense.*kernel was assigned or updated"):
        tape.gradient(z, model.trainable_weights)


def test_what_counts():
    w, fixed = Variable(2.0), Variable(3.0, trainable=False)
    with GradientTape() as tape:
        z = w * fixed
    assert tape.gradient(z, fixed) is None
    with GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(fixed)
        z = w * fixed
    assert [None if g is None else float(g) for g in tape.gradient(z, [w, fixed])] == [None, 2.0]
    with GradientTape() as tape:
        a = w * 3
        with tape.stop_recording():
            b = w * 5
        c = a + b
    assert float(tape.gradient(c, w)) == 3
    with GradientTape() as tape:
        z = w * 3
    later = z * 2
    assert isinstance(later, np.floating) and tape.gradient(later, w) is None
    with GradientTape(persistent=True) as tape:
        z = w * 3
        tape.reset()
        y = w * 4
    assert tape.gradient(z, w) is None and float(tape.gradient(y, w)) == 4


def test_other_threads_are_not_recorded():
    w, found = Variable(2.0), []
    with GradientTape():
        thread = threading.Thread(target=lambda: found.append(w * 3))
        thread.start()
        thread.join()
        assert isinstance(w * 3, gpunn.layers.KerasTensor)
    assert isinstance(found[0], np.floating)


def test_layers_by_themselves():
    """Built at their first call, with random numbers of their own, a state, masks from one to the next, inputs beside the first."""
    table, read, drop = L.Embedding(7, 4, mask_zero=True), L.LSTM(3), L.Dropout(0.5)
    tokens = np.array([[1, 2, 0], [3, 0, 0]])
    with GradientTape() as tape:
        state = read(drop(table(tokens), training=True))
        other = L.Concatenate()([state, L.Dense(2, "relu")(state)])
        loss = ops.sum(other * other)
    gradients = tape.gradient(loss, [*table.weights, *read.weights])
    assert other.shape == (2, 5) and all(np.abs(np.asarray(g)).max() > 0 for g in gradients)
    assert not np.asarray(gradients[0])[[0, 4, 5, 6]].any()  # the masked step, and tokens that are not there


def test_apply_refuses():
    model, optimizer, w = model_of(), optimizers.SGD(0.5), Variable(1.0)
    good = [np.ones((4, 3)), np.ones(3)]
    for gradients, variables, said in (
        (good, model.weights[:1], "expected a gradient for each variable. Received: 2 gradients and 1 variables"),
        ([], [], "Received: 0 gradients"), ([None, None], model.weights, "expected a gradient for some variable. Received: None for all"),
        (good[::-1], model.weights, r"expected a gradient of shape \(4, 3\) for dense.*/kernel\. Received: \(3,\)"),
        ([1.0], [2.0], "expected weights or Variables to update. Received: float"),
        (good[:1] * 2, model.weights[:1] * 2, "expected each variable once"),
        ([1.0, np.ones(2)], [w, Variable(np.ones(2), dtype="float64")], "of one floating type. Received: float32, float64"),
    ):
        with pytest.raises(ValueError, match=said):
            optimizer.apply(gradients, variables)
    optimizer.apply(good, model.weights)
    with pytest.raises(ValueError, match=r"expected variables among those it saw first\. Received: variable.*\. A new"):
        optimizer.apply([1.0], [w])
    with pytest.raises(ValueError, match="belongs to model 'a training loop'"):
        model.compile(optimizer, "mse")
    other = model_of()
    other.compile("sgd", "mse")
    with pytest.raises(ValueError, match="expected variables among the weights that learn of model 'sequential"):
        other.optimizer.apply_gradients([(1.0, w)])
    with pytest.raises(ValueError, match="expected variables at the first call"):
        optimizers.SGD().apply(good)


@pytest.mark.parametrize("compiled", [False, True])
def test_some_variables_alone(compiled):
    """The others, and what the optimizer keeps of them, stay as they are."""
    model = model_of()
    if compiled:
        model.compile("adam", "mse")
    optimizer = model.optimizer if compiled else optimizers.Adam()
    kernel, bias = model.weights
    good = [np.ones((4, 3)), np.ones(3)]
    optimizer.apply(good, model.weights)
    before = [kernel.numpy(), bias.numpy()]
    slots = {n: v.copy() for n, v in optimizer.export(optimizer._owner() if not compiled else model.storage).items()}
    with pytest.warns(UserWarning, match="there are no gradients for dense.*/kernel, which stay"):
        optimizer.apply([None, np.ones(3)], model.weights)
    optimizer.apply(good[1:], [bias])
    np.testing.assert_array_equal(kernel.numpy(), before[0])
    np.testing.assert_allclose(bias.numpy(), before[1] - 2e-3, rtol=1e-4)
    for name, value in optimizer.export(optimizer._owner() if not compiled else model.storage).items():
        assert np.array_equal(value, slots[name]) == name.endswith("kernel"), name
    assert optimizer.iterations == 3


def test_several_models_and_a_variable():
    one, two, w = model_of(), model_of(3), Variable(2.0)
    optimizer = optimizers.SGD(0.1)
    variables = [*one.trainable_weights, *two.trainable_weights, w]
    losses_seen = []
    for _ in range(20):
        with GradientTape() as tape:
            loss = losses.MeanSquaredError()(np.zeros((2, 3)), one(X) + two(X) * w)
        optimizer.apply(tape.gradient(loss, variables), variables)
        losses_seen.append(float(loss))
    assert losses_seen[-1] < 0.01 * losses_seen[0] and float(w) != 2.0
    fresh = optimizers.SGD(0.1)
    fresh.build([w])
    fresh.apply([1.0])


def test_tensors_are_arrays_elsewhere():
    w = Variable([1.0, 2.0])
    with GradientTape() as tape:
        t = w * 2
        assert len(t) == 2 and [float(v) for v in t] == [2, 4] and bool(t[0] < t[1]) and int(t[1]) == 4 and f"{t[1]:.1f}" == "4.0"
        assert str(t) == "[2. 4.]" and "shape=(2,)" in repr(t) and t.dtype == "float32" and (t > 3).dtype == "bool"
    (g,) = tape.gradient(t, [w])
    assert isinstance(g * 2, np.ndarray) and np.sum(g) == 4 and ops.sum(g) == 4 and np.asarray(g, np.float64).dtype == np.float64
    assert losses.MeanSquaredError()(np.zeros((1, 2)), ops.expand_dims(t, 0)) == 10.0
