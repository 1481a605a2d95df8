"""GradientTape: gradients against differences and JAX; training loops as `fit` trains; what is refused."""

import numpy as np
import pytest
from gradient import compare
from kernel_targets import needs_gxx

import gpunn
from gpunn import GradientTape, Variable, losses, ops, optimizers
from gpunn import layers as L

pytestmark = pytest.mark.usefixtures("cpu")
rng = np.random.default_rng(0)
X = rng.standard_normal((48, 6)).astype(np.float32)
LABELS = X[:, :3].argmax(axis=1).astype(np.int32)


def network(*more, **first):
    gpunn.utils.set_random_seed(1)
    return gpunn.Sequential([gpunn.Input((6,)), L.Dense(8, "relu", **first), *more, L.Dense(3)])


def test_two_variables():
    """The example of Geron's chapter on autodiff."""
    w1, w2 = Variable(5.0), Variable(3.0)
    with GradientTape() as tape:
        z = 3 * w1**2 + 2 * w1 * w2
    assert float(z) == 105 and z.shape == () and [float(g) for g in tape.gradient(z, [w1, w2])] == [36, 10]
    with pytest.raises(RuntimeError, match="non-persistent GradientTape can only be used to compute one set of gradients"):
        tape.gradient(z, w1)
    with GradientTape(persistent=True) as tape:
        z = 3 * w1**2 + 2 * w1 * w2
    assert float(tape.gradient(z, w1)) == 36 and float(tape.gradient(z, (w2,))[0]) == 10 and float(tape.gradient(z, w1)) == 36
    with GradientTape() as tape:
        z = 3 * w1**2 + ops.stop_gradient(2 * w1 * w2)
    first, second = tape.gradient(z, (w1, w2))
    assert float(first) == 30 and second is None
    with GradientTape() as tape:
        z = w1 * 2
    np.testing.assert_array_equal(tape.gradient(z, [w1, w2], unconnected_gradients="zero"), [2, 0])


def test_targets_with_axes_and_several():
    w = Variable(np.arange(6.0).reshape(2, 3))
    with GradientTape(persistent=True) as tape:
        a, b = w * w, ops.sum(3 * w)
    np.testing.assert_array_equal(tape.gradient(a, w), 2 * w.numpy())
    np.testing.assert_array_equal(tape.gradient([a, b], w), 2 * w.numpy() + 3)
    np.testing.assert_array_equal(tape.gradient(a, w, output_gradients=np.full((2, 3), 2.0)), 4 * w.numpy())
    np.testing.assert_array_equal(tape.gradient(b, a, unconnected_gradients="zero"), np.zeros((2, 3)))
    assert tape.gradient(b, a) is None and tape.gradient(5.0, w) is None


FUNCTIONS = {
    "formula": lambda w, x: ops.mean(ops.exp(-ops.square(ops.matmul(x, w))) + ops.tanh(ops.matmul(x, w)) / 3),
    "shapes": lambda w, x: ops.sum(ops.transpose(ops.reshape(w, (2, -1)))[1:, ::-1] * 1.5, axis=0)[1] ** 2,
    "joined": lambda w, x: ops.logsumexp(ops.concatenate([w * x[:6, :3], ops.stack([w[0], w[1]])], axis=0)),
    "branches": lambda w, x: ops.sum(ops.where(w > 0, w * w, -w)) + ops.max(w) + ops.abs(w[2, 1]),
    "numpy": lambda w, x: ops.sum(np.square(np.matmul(x, w * 1) + np.float64(1))),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_gradients_of_operations(name, float64):
    function, x = FUNCTIONS[name], X.astype(np.float64)
    w = Variable(rng.standard_normal((6, 3)))
    with GradientTape() as tape:
        out = function(w, x)
    (gradient,) = tape.gradient(out, [w])

    def value():
        with GradientTape():
            return float(function(w, x))

    compare(value, [w.value], [np.asarray(gradient)], 3, name)


def test_gradients_of_a_model_and_its_inputs(float64):
    """Weights, inputs and an output in the middle, through regularizers, a loss and arithmetic around it."""
    gpunn.utils.set_random_seed(2)
    x0 = gpunn.Input((6,))
    middle = L.Dense(5, "tanh", kernel_regularizer="l1_l2", activity_regularizer="l2", bias_regularizer=lambda w: 0.1 * ops.sum(w**4))(x0)
    model = gpunn.Model(x0, [middle, L.Dense(3)(L.BatchNormalization()(middle))])
    loss_of = losses.SparseCategoricalCrossentropy(from_logits=True)
    x = X.astype(np.float64)

    def forward(tape):
        tape.watch(x)
        inner, logits = model(x, training=True)
        return inner, loss_of(LABELS, logits) ** 2 + ops.add_n(model.losses) + 0.1 * ops.mean(inner * inner)

    with GradientTape() as tape:
        inner, loss = forward(tape)
    sources = [*model.trainable_weights, x, inner]
    gradients = tape.gradient(loss, sources)
    assert len(model.losses) == 3 and all(isinstance(v, float) for v in model.losses)  # two of weights, one of the last call

    def value():
        with GradientTape() as tape:
            return float(forward(tape)[1])

    compare(value, [*(p.value for p in model.trainable_weights), x], [np.asarray(g) for g in gradients[:-1]], 5)
    assert gradients[-1].shape == inner.shape
    assert all(p.gradient is None and not p.frozen for p in model.trainable_weights)  # left as they were


def test_an_output_in_the_middle():
    """The gradient of a later output with respect to an earlier one, as Grad-CAM asks for it."""
    x0 = gpunn.Input((6,))
    middle = L.Dense(4, "relu")(x0)
    last = L.Dense(3)
    model = gpunn.Model(x0, [middle, last(middle)])
    with GradientTape() as tape:
        inner, out = model(X)
        picked = out[:, 1]
    np.testing.assert_allclose(tape.gradient(picked, inner), np.tile(last.kernel.numpy()[:, 1], (48, 1)), rtol=1e-6)


def test_as_jax_has_it():
    jax = pytest.importorskip("jax")
    model = network(L.Dense(5, "sigmoid"))
    with GradientTape() as tape:
        loss = losses.SparseCategoricalCrossentropy(from_logits=True)(LABELS, model(X, training=True))
    found = tape.gradient(loss, model.trainable_weights)

    def theirs(w):
        z = jax.nn.relu(X @ w[0] + w[1])
        z = jax.nn.sigmoid(z @ w[2] + w[3]) @ w[4] + w[5]
        return -jax.nn.log_softmax(z)[np.arange(48), LABELS].mean()

    value, gradients = jax.value_and_grad(theirs)(model.get_weights())
    assert float(loss) == pytest.approx(float(value), rel=1e-5)
    for ours, other in zip(found, gradients, strict=True):
        np.testing.assert_allclose(ours, other, rtol=1e-4, atol=1e-7)


LOSSES = {
    "mse": losses.MeanSquaredError(), "sum": losses.MeanAbsoluteError(reduction="sum"), "none": losses.Huber(reduction=None),
    "weighted": losses.MeanSquaredError(reduction="mean_with_sample_weight"), "function": losses.mean_squared_error,
    "own": losses.LossFunctionWrapper(lambda y, p: ops.mean(ops.abs(y - p) ** 3, axis=-1)),
    "bce": losses.BinaryCrossentropy(from_logits=True),
}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", LOSSES)
def test_losses(name, weighted, float64):
    loss, p = LOSSES[name], Variable(rng.standard_normal((48, 3)))
    y, weight = rng.uniform(0.1, 0.9, (48, 3)), rng.uniform(0.5, 2, 48)
    if weighted and name == "function":
        pytest.skip("a function takes no weights")
    more = (weight,) if weighted else ()
    with GradientTape() as tape:
        value = loss(y, p * 1.0, *more)
        total = ops.mean(value * 3.0)
    gradient = tape.gradient(total, p)
    if name != "own":
        np.testing.assert_allclose(value, loss(y, p.numpy(), *more), rtol=1e-6)

    def again():
        with GradientTape():
            return float(ops.mean(loss(y, p * 1.0, *more) * 3.0))

    compare(again, [p.value], [np.asarray(gradient)], 7, name)


def test_a_loss_of_an_array_that_is_watched():
    y, p = rng.uniform(0.1, 0.9, (2, 5, 3))
    with GradientTape() as tape:
        tape.watch(p)
        loss = losses.MeanSquaredError()(y, p)
    np.testing.assert_allclose(tape.gradient(loss, p), 2 * (p - y) / 15, rtol=1e-5)


def test_a_loss_asks_for_targets_without_gradient():
    w = Variable(np.ones((4, 2)))
    with GradientTape() as tape:
        loss = losses.MeanSquaredError()(w * 2, w * 3)
    with pytest.raises(ValueError, match=r"Loss mean_squared_error has no gradient in y_true\. Use stop_gradient"):
        tape.gradient(loss, w)


# ---------------------------------------------------------------------- training loops
def loop(model, optimizer, epochs=3, loss=None, again=1):
    loss = loss or losses.SparseCategoricalCrossentropy(from_logits=True)
    for _ in range(epochs):
        for at in range(0, 48, 16):
            with GradientTape() as tape:
                value = loss(LABELS[at : at + 16], model(X[at : at + 16], training=True))
                value = ops.add_n([value, *model.losses])
            for _ in range(again):
                gradients = tape.gradient(value, model.trainable_weights)
            optimizer.apply_gradients(zip(gradients, model.trainable_weights, strict=True))
            assert not any(np.isnan(np.asarray(value)).ravel())


MORE = {
    "plain": {}, "regularized": {"kernel_regularizer": "l2", "bias_regularizer": "l1"}, "constrained": {"kernel_constraint": "max_norm"},
    "activity": {"activity_regularizer": "l1"},
}


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "nadam", "clipped", "scheduled", "averaged"])
@pytest.mark.parametrize("kind", MORE)
def test_as_fit(kind, optimizer):
    made = {
        "sgd": lambda: optimizers.SGD(0.1, momentum=0.9), "adam": lambda: optimizers.Adam(0.01), "nadam": lambda: optimizers.Nadam(0.01),
        "clipped": lambda: optimizers.AdamW(0.01, global_clipnorm=0.1),
        "averaged": lambda: optimizers.RMSprop(gradient_accumulation_steps=2),
        "scheduled": lambda: optimizers.SGD(optimizers.schedules.PiecewiseConstantDecay([3, 5], [0.3, 0.2, 0.1])),
    }[optimizer]
    weights = []
    for taped in (False, True):
        model = network(L.Dropout(0.3), L.BatchNormalization(), L.Activation("tanh"), L.GaussianNoise(0.1), **MORE[kind])
        if taped:
            loop(model, made())
        else:
            model.compile(made(), losses.SparseCategoricalCrossentropy(from_logits=True))
            model.fit(X, LABELS, batch_size=16, epochs=3, shuffle=False, verbose=0)
        weights.append(model.get_weights())
    for a, b in zip(*weights, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-6)


def test_by_the_optimizer_of_compile():
    """The update goes on where `fit` was, and `fit` where the loop was."""
    weights = []
    for taped in (False, True):
        model = network()
        model.compile("adam", losses.SparseCategoricalCrossentropy(from_logits=True))
        for turn in range(3):
            if taped and turn == 1:
                loop(model, model.optimizer, 1)
            else:
                model.fit(X, LABELS, batch_size=16, shuffle=False, verbose=0)
        assert model.optimizer.iterations == 9
        weights.append(model.get_weights())
    for a, b in zip(*weights, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


class Taped(gpunn.Model):
    """Keras's guide "Customizing fit"."""

    def __init__(self):
        super().__init__(name="own")
        self.first, self.drop, self.last = L.Dense(8, "relu", kernel_regularizer="l2"), L.Dropout(0.2), L.Dense(3)

    def call(self, x, training=None):
        return self.last(self.drop(self.first(x), training=training))

    def train_step(self, data):
        x, y = data
        with GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.compute_loss(y=y, y_pred=y_pred)
        self.optimizer.apply(tape.gradient(loss, self.trainable_variables), self.trainable_variables)
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss)
            else:
                metric.update_state(y, y_pred)
        return {m.name: m.result() for m in self.metrics}


class Plain(Taped):
    train_step = gpunn.Model.train_step


@needs_gxx
@pytest.mark.parametrize("device", ["cpu", "sim"])
def test_a_train_step_of_ones_own(device):
    found = []
    with gpunn.device(device):
        for kind in (Plain, Taped):
            gpunn.utils.set_random_seed(1)
            model = kind()
            model.compile("adam", losses.SparseCategoricalCrossentropy(from_logits=True), ["accuracy"])
            history = model.fit(X, LABELS, batch_size=16, epochs=2, verbose=0, shuffle=False).history
            found.append((history, model.get_weights(), model.evaluate(X, LABELS, verbose=0)))
    (history, weights, values), (other, others, more) = found
    assert list(history) == list(other)
    for name in history:
        np.testing.assert_allclose(history[name], other[name], rtol=1e-4)
    for a, b in zip([*weights, *values], [*others, *more], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-6)


@needs_gxx
def test_on_a_simulated_device():
    weights = []
    for device in ("cpu", "sim"):
        model = network(L.Dropout(0.3), kernel_regularizer="l1").to(device)
        loop(model, optimizers.Adam(0.01), 1)
        weights.append(model.get_weights())
    for a, b in zip(*weights, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_a_target_that_is_a_variable():
    """As a branch that gives the variable itself has it."""
    v, other = Variable([2.0, 3.0]), Variable(1.0)
    with GradientTape(persistent=True) as tape:
        result = v if float(other) > 0 else v * other
    one, none = tape.gradient(result, [v, other])
    assert np.asarray(one).tolist() == [1, 1] and none is None
    both = tape.gradient([v, other], [v, other], output_gradients=[np.array([5.0, 6.0]), 7.0])
    assert [np.asarray(g).tolist() for g in both] == [[5, 6], 7]
    with GradientTape() as outer, GradientTape() as inner:
        inner.watch(v)
    assert np.asarray(inner.gradient(v, v)).tolist() == [1, 1] and outer.gradient(other, v) is None
