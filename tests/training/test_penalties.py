"""Regularizers and constraints inside a step: formulas, gradients, exact zeros, freezing, one's own, files."""

import numpy as np
import pytest
from gradient import compare
from keras_twin import keras
from penalised import BATCH, FIT, LABELS, NUMBERS, ROWS, SPARSE, Quartic, Shrunk, X, quartic, stack

import gpunn
from gpunn.constraints import MaxNorm
from gpunn.layers import BatchNormalization, Dense, Input, Layer
from gpunn.models import Sequential, load_model
from gpunn.optimizers import SGD
from gpunn.regularizers import L1, L1L2, L2, FromFormula

pytestmark = pytest.mark.usefixtures("float64", "cpu")
RNG = np.random.default_rng(0)


def test_the_loss_is_what_the_slide_says():
    """SN-21: the reported loss contains 0.01 * sum |W1| + 0.01 * sum W2^2."""
    model = Sequential(
        [
            Dense(64, input_shape=(10,), activation="relu", kernel_regularizer=gpunn.regularizers.l1(0.01)),
            Dense(32, activation="relu", kernel_regularizer=gpunn.regularizers.l2(0.01)), Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
    assert model.count_params() == 2817
    x, y = RNG.standard_normal((40, 10)), RNG.integers(0, 2, 40)
    w1, _, w2, *_ = model.get_weights()
    plain = gpunn.losses.BinaryCrossentropy()(y, model.predict(x))
    penalties = [0.01 * abs(w1).sum(), 0.01 * (w2**2).sum()]
    assert model.evaluate(x, y)[0] == pytest.approx(plain + sum(penalties), rel=1e-12)
    np.testing.assert_allclose(model.losses, penalties, rtol=1e-12)
    assert model.layers[0].losses == [pytest.approx(penalties[0])] and model.layers[2].losses == []


def test_freezing_between_two_fits_takes_the_penalty_away():
    model = Sequential([Input((6,)), Dense(4, kernel_regularizer=L2(1.0)), Dense(2)])
    model.compile("sgd", "mse")
    model.fit(X, NUMBERS, verbose=0)
    penalty = model.losses[0]
    with_it = model.evaluate(X, NUMBERS)
    model.layers[0].trainable = False
    assert model.evaluate(X, NUMBERS) == pytest.approx(with_it - penalty, rel=1e-9)
    model.layers[0].trainable = True
    assert model.evaluate(X, NUMBERS) == pytest.approx(with_it, rel=1e-12)


@pytest.mark.parametrize("loss", [SPARSE, "mse"])
def test_gradient_of_a_whole_step(loss, either_cpu):
    model = stack()
    model.compile("sgd", loss)
    model.optimizer.learning_rate = 0.0
    model.set_weights([w + 0.3 * RNG.standard_normal(w.shape) ** 2 for w in model.get_weights()])
    x, y = X[:9], LABELS[:9] if loss == SPARSE else RNG.standard_normal((9, 3))

    def value():
        model.rng.step[...] = 5  # the mask is held
        return model.train_on_batch(x, y)

    value()
    gradients = {name: g.copy() for name, g in model.storage.split(model.storage.gradients).items()}
    parameters = [p for p in model.parameters if p.learns]
    compare(value, [p.value for p in parameters], [gradients[p.name] for p in parameters], 0, loss)
    for p in parameters:
        with pytest.raises(AssertionError, match="analytic"):
            compare(value, [p.value], [gradients[p.name] * 1.001], 0)


def test_a_gradient_nobody_writes_is_not_added_to_itself():
    """A recorded layer that leaves a penalised weight out: its gradient is the penalty's alone in every step."""

    class Idle(Layer):
        recordable = True

        def build(self, input_shape):
            self.idle = self.add_weight("idle", (3,), "ones", regularizer="l2")

        def forward(self, x, training=False):
            return x, lambda dy, need_dx=True: dy

    model = Sequential([Idle(input_shape=(6,)), Dense(2)])
    model.compile(SGD(0.5), "mse")
    model.fit(X, NUMBERS, batch_size=ROWS, epochs=3, verbose=0)
    np.testing.assert_allclose(model.get_weights()[0], (1 - 0.5 * 2 * 0.01) ** 3, rtol=1e-12)


# ------------------------------------------------------------------ exact zeros
def test_gradient_steps_leave_no_exact_zeros_and_proximal_ones_do():
    """F-REG-07."""
    shares = []
    for proximal in (False, True):
        gpunn.random.set_random_seed(1)
        model = Sequential([Input((6,)), Dense(30, "relu", kernel_regularizer=L1(0.02, proximal=proximal)), Dense(3, "softmax")])
        model.compile(SGD(0.1), SPARSE)
        history = model.fit(X, LABELS, batch_size=BATCH, epochs=20, verbose=0).history["loss"]
        shares.append((model.get_weights()[0] == 0).mean())
        assert history[-1] < history[0]
    assert shares[0] == 0 and shares[1] > 0.2


def test_a_proximal_step_is_what_its_formula_says(either_cpu):
    model = Sequential([Input((6,)), Dense(2, kernel_regularizer=L1L2(0.3, 0.1, proximal=True))])
    model.compile(SGD(0.5), "mse")
    w, b = model.get_weights()
    model.train_on_batch(X, NUMBERS)
    error = X @ w + b - NUMBERS
    stepped = w - 0.5 * (2 * X.T @ error / NUMBERS.size + 2 * 0.1 * w)
    np.testing.assert_allclose(model.get_weights()[0], np.sign(stepped) * np.maximum(abs(stepped) - 0.5 * 0.3, 0), rtol=1e-9, atol=1e-12)


def test_the_proximal_step_follows_the_learning_rate():
    model = Sequential([Input((6,)), Dense(2, kernel_regularizer=L1(0.3, proximal=True))])
    model.compile(SGD(0.0), "mse")
    before = model.get_weights()
    model.fit(X, NUMBERS, verbose=0)
    np.testing.assert_array_equal(model.get_weights()[0], before[0])
    model.optimizer.learning_rate = 100.0
    model.train_on_batch(X * 0, NUMBERS)
    assert not model.get_weights()[0].any()


@pytest.fixture(scope="module")
def formulas():
    @gpunn.elementwise("w, factor:const -> value", name="quartic_value")
    def value(w, factor):
        return factor * w * w * w * w

    @gpunn.elementwise("w, factor:const -> slope", name="quartic_slope")
    def slope(w, factor):
        return 4.0 * factor * w * w * w

    @gpunn.elementwise("w -> w", name="shrunk")
    def shrunk(w):
        return 0.9 * w

    yield value, slope, shrunk
    for name in [n for n in gpunn.kernels.REGISTRY if n.startswith(("quartic", "shrunk"))]:
        del gpunn.kernels.REGISTRY[name]


def test_three_ways_to_write_ones_own(formulas, either_cpu):
    """The same regularizer and constraint as a class, as a function, and as formulas, which Keras's autodiff confirms."""

    @keras.saving.register_keras_serializable("gpunn_tests")
    class Theirs(keras.regularizers.Regularizer):
        def __call__(self, w):
            return 0.1 * keras.ops.sum(w**4)

    value, slope, shrunk = formulas
    ways = {
        "keras": (Theirs(), lambda w: w * 0.9), "class": (Quartic(), Shrunk()), "function": (quartic, lambda w: w * 0.9),
        "formula": (FromFormula(value, slope, 0.1), shrunk),
    }
    results = {}
    for way, (regularizer, constraint) in ways.items():
        library = keras if way == "keras" else gpunn
        layers, both = library.layers, {"kernel_regularizer": regularizer, "activity_regularizer": regularizer}
        first, last = layers.Dense(4, "tanh", bias_constraint=constraint, **both), layers.Dense(2, kernel_constraint=constraint)
        model = library.Sequential([layers.Input((6,)), first, last])
        model.compile(optimizer=library.optimizers.SGD(0.1), loss="mse")
        model.set_weights([0.5 * np.random.default_rng(k).standard_normal(w.shape) for k, w in enumerate(model.get_weights())])
        history = model.fit(X, NUMBERS, **FIT).history["loss"]
        results[way] = (*model.get_weights(), history, model.evaluate(X, NUMBERS, verbose=0))
        if way != "keras":
            assert model._setup.penalties.recordable == (way == "formula") and model.recordable
    for way in ("class", "function", "formula"):
        for a, b in zip(results[way], results["keras"], strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-9, err_msg=way)


# ------------------------------------------------------------------ files
def test_models_keep_them(tmp_path):
    model = Sequential(
        [
            Input((6,)), Dense(5, "tanh", kernel_regularizer=L1L2(0.1, 0.2), bias_regularizer=Quartic(0.3), activity_regularizer="l2"),
            BatchNormalization(gamma_regularizer="l1", beta_constraint="non_neg", momentum=0.5, moving_mean_initializer="ones"),
            Dense(3, "softmax", kernel_regularizer=quartic, kernel_constraint=MaxNorm(1.5, axis=1), bias_constraint=Shrunk(0.8)),
        ]
    )
    model.compile(SGD(0.1, momentum=0.5), SPARSE)
    model.fit(X, LABELS, verbose=0)
    model.save(tmp_path / "m")
    own = {"Quartic": Quartic, "Shrunk": Shrunk, "quartic": quartic}
    again = load_model(tmp_path / "m", custom_objects=own)
    assert again.get_config() == model.get_config()
    assert again.evaluate(X, LABELS) == model.evaluate(X, LABELS)
    for m in (model, again):
        m.fit(X, LABELS, epochs=2, verbose=0)
    for a, b in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(ValueError, match="Unknown regularizer: 'Quartic'"):
        load_model(tmp_path / "m")
