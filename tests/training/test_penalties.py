"""Regularizers and constraints inside a step: twenty steps as Keras 3 takes them, logs, freezing, saving, zeros, what is recorded."""

import shutil

import numpy as np
import pytest
from gradient import compare
from keras_twin import assert_same_history, assert_same_weights, keras, nearness, twins

import gpunn
from gpunn.backend.cpu import CpuBackend
from gpunn.constraints import Constraint, MaxNorm
from gpunn.layers import Activation, BatchNormalization, Dense, Dropout, Input, Layer
from gpunn.models import Sequential, load_model
from gpunn.optimizers import SGD
from gpunn.regularizers import L1, L1L2, L2, FromFormula, Lasso, Regularizer

pytestmark = pytest.mark.usefixtures("float64", "cpu")
ROWS, BATCH = 75, 8
RNG = np.random.default_rng(0)
X, LABELS, NUMBERS = RNG.standard_normal((ROWS, 6)), RNG.integers(0, 3, ROWS), RNG.standard_normal((ROWS, 2))
FIT = {"batch_size": BATCH, "epochs": 2, "shuffle": False, "verbose": 0}


def dense(units, activation=None, **options):
    return ("Dense", {"units": units, "activation": activation, **options})


def norm(**options):
    return ("BatchNormalization", options)


def regular(name, *arguments, **options):
    return {"module": "keras.regularizers", "class_name": name, "config": dict(zip(("l1", "l2"), arguments, strict=False)) | options}


def bound(name, **options):
    return {"module": "keras.constraints", "class_name": name, "config": options}


L1L2_MIX = regular("L1L2", 0.01, 0.02)
SGD_, ADAM = ("SGD", {"learning_rate": 0.1}), ("Adam", {"learning_rate": 0.01})
MOMENTUM = ("SGD", {"learning_rate": 0.05, "momentum": 0.9})
SPARSE = "sparse_categorical_crossentropy"
CASES = {
    "l2, SGD": ([dense(8, "relu", kernel_regularizer="l2"), dense(3, "softmax", kernel_regularizer="l2")], SGD_, SPARSE),
    "l1 and l1_l2 on everything, Adam": (
        [
            dense(8, "tanh", kernel_regularizer="l1", bias_regularizer=L1L2_MIX, bias_initializer="ones"),  # JAX: |w| has the slope 1 at 0
            dense(3, "softmax", kernel_regularizer=L1L2_MIX),
        ],
        ADAM, SPARSE,
    ),
    "orthogonal rows and columns": (
        [
            dense(8, "relu", kernel_regularizer=regular("OrthogonalRegularizer", factor=0.3)),
            dense(3, "softmax", kernel_regularizer=regular("OrthogonalRegularizer", factor=0.5, mode="columns"), bias_regularizer="l2"),
        ],
        SGD_, SPARSE,
    ),
    "batch norm's gamma and beta, momentum": (
        [
            dense(8, use_bias=False, kernel_regularizer="l2"),
            norm(
                gamma_regularizer=L1L2_MIX, beta_regularizer="l2", gamma_constraint="non_neg",
                beta_constraint=bound("MaxNorm", max_value=0.1),
            ),
            ("Activation", {"activation": "relu"}), dense(3, "softmax"),
        ],
        MOMENTUM, SPARSE,
    ),
    "outputs, SGD": (
        [
            dense(8, "relu", activity_regularizer=L1L2_MIX), dense(5, activity_regularizer="l2"),
            dense(3, "softmax", activity_regularizer="l2"),
        ],
        SGD_, SPARSE,
    ),
    "outputs of other layers, Adam": (
        [
            dense(8), ("Activation", {"activation": "tanh", "activity_regularizer": "l1"}), norm(activity_regularizer="l2"),
            ("ActivityRegularization", {"l1": 0.01, "l2": 0.1}), ("Reshape", {"target_shape": (2, 4), "activity_regularizer": "l2"}),
            dense(2, "relu", activity_regularizer="l1"), ("Flatten", {}), dense(3, "softmax"),
        ],
        ADAM, SPARSE,
    ),
    "max_norm and non_neg, SGD": (
        [
            dense(8, "relu", kernel_constraint=bound("MaxNorm", max_value=0.5), bias_constraint="non_neg"),
            dense(3, "softmax", kernel_constraint="non_neg"),
        ],
        ("SGD", {"learning_rate": 0.5}), SPARSE,
    ),
    "unit_norm and min_max_norm, Adam": (
        [
            dense(8, "relu", kernel_constraint=bound("UnitNorm", axis=1), bias_constraint="max_norm"),
            dense(3, "softmax", kernel_constraint=bound("MinMaxNorm", min_value=0.5, max_value=0.8, rate=0.4, axis=[0, 1])),
        ],
        ADAM, SPARSE,
    ),
    "penalties and constraints together, momentum": (
        [
            dense(8, "relu", kernel_regularizer="l1", kernel_constraint="unit_norm", activity_regularizer="l2"),
            norm(gamma_regularizer="l2"), dense(2, bias_regularizer="l2", bias_constraint="non_neg"),
        ],
        MOMENTUM, "mse",
    ),
    "summed loss": (
        [dense(4, "tanh", kernel_regularizer=L1L2_MIX, activity_regularizer="l2"), dense(2)], ("SGD", {"learning_rate": 0.01}),
        ("MeanSquaredError", {"reduction": "sum"}),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_twenty_steps(case):
    layers, optimizer, loss = CASES[case]
    ours, theirs = twins(layers, optimizer, loss, ["accuracy"] if loss == SPARSE else ["mae"])
    y = LABELS if loss == SPARSE else NUMBERS
    assert_same_history(ours.fit(X, y, **FIT), theirs.fit(X, y, **FIT))
    assert ours.optimizer.iterations == 20
    assert_same_weights(ours, theirs)
    np.testing.assert_allclose(ours.evaluate(X, y, verbose=0), theirs.evaluate(X, y, verbose=0), rtol=1e-5, atol=nearness(theirs))
    np.testing.assert_allclose(ours.predict(X, verbose=0), theirs.predict(X, verbose=0), rtol=1e-5, atol=1e-6)  # Keras's rate is float32


WEIGHTS = RNG.uniform(0, 2, ROWS)


@pytest.mark.parametrize(
    "options",
    [
        {"sample_weight": WEIGHTS}, {"class_weight": {0: 0.5, 2: 3.0}}, {"validation_split": 0.3},
        {"validation_data": (X[:20], LABELS[:20], WEIGHTS[:20])}, {"steps_per_epoch": 4},
    ],
    ids=lambda o: next(iter(o)),
)
def test_logs_are_keras(options):
    """A batch's penalty counts as often as it has rows, whatever these weigh."""
    layers = [dense(5, "relu", kernel_regularizer="l1", activity_regularizer="l2"), dense(3, "softmax", kernel_regularizer="l2")]
    ours, theirs = twins(layers, MOMENTUM, SPARSE, ["accuracy"])
    assert_same_history(ours.fit(X, LABELS, **FIT, **options), theirs.fit(X, LABELS, **FIT, **options))
    assert_same_weights(ours, theirs)


def test_batch_by_batch():
    ours, theirs = twins([dense(5, "relu", kernel_regularizer="l1"), dense(3, "softmax", activity_regularizer="l2")], ADAM, SPARSE)
    np.testing.assert_allclose(ours.test_on_batch(X[:20], LABELS[:20]), theirs.test_on_batch(X[:20], LABELS[:20]), rtol=1e-6)
    theirs.reset_metrics()
    np.testing.assert_allclose(ours.train_on_batch(X[:20], LABELS[:20]), theirs.train_on_batch(X[:20], LABELS[:20]), rtol=1e-6)
    assert_same_weights(ours, theirs)


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


# ------------------------------------------------------------------ freezing
def test_weights_that_rest_have_no_penalty_and_no_constraint():
    layers = [dense(5, "relu", kernel_regularizer="l2", kernel_constraint="unit_norm", activity_regularizer="l1"),
              norm(gamma_regularizer="l2"), dense(3, "softmax", kernel_regularizer="l1")]  # fmt: skip
    ours, theirs = twins(layers, MOMENTUM, SPARSE)
    for model in (ours, theirs):
        model.layers[-3].trainable = model.layers[-2].trainable = False
        model.compile("sgd", SPARSE)
    before = ours.get_weights()
    assert_same_history(ours.fit(X, LABELS, **FIT), theirs.fit(X, LABELS, **FIT))
    assert_same_weights(ours, theirs)
    for a, b in zip(before[:6], ours.get_weights()[:6], strict=True):
        np.testing.assert_array_equal(a, b)
    assert len(ours.losses) == 1


def test_freezing_between_two_fits_takes_the_penalty_away():
    model = Sequential([Input((6,)), Dense(4, kernel_regularizer=L2(1.0)), Dense(2)])
    model.compile("sgd", "mse")
    model.fit(X, NUMBERS, verbose=0)
    penalty = model.losses[0]
    with_it = model.evaluate(X, NUMBERS)
    model.layers[1].trainable = False
    assert model.evaluate(X, NUMBERS) == pytest.approx(with_it - penalty, rel=1e-9)
    model.layers[1].trainable = True
    assert model.evaluate(X, NUMBERS) == pytest.approx(with_it, rel=1e-12)


# ------------------------------------------------------------------ gradients
def stack(loss_end="softmax"):
    return Sequential(
        [
            Input((6,)), Dense(5, "tanh", kernel_regularizer=L1L2(0.1, 0.2), bias_regularizer="l2", activity_regularizer=L1L2(0.2, 0.1)),
            BatchNormalization(gamma_regularizer=L1(0.3), beta_regularizer=Lasso(0.5)), Activation("sigmoid", activity_regularizer=L2(0.5)),
            Dropout(0.3, activity_regularizer=L1(0.1)), Dense(4, kernel_regularizer="orthogonal_regularizer"),
            Dense(3, loss_end, kernel_regularizer=gpunn.regularizers.OrthogonalRegularizer(0.7, "columns"), activity_regularizer="l1_l2"),
        ]
    )


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


# ------------------------------------------------------------------ one's own
class Quartic(Regularizer):
    def __init__(self, factor=0.1):
        self.factor = factor

    def __call__(self, w):
        return self.factor * (w**4).sum(), 4 * self.factor * w**3


class Shrunk(Constraint):
    def __init__(self, factor=0.9):
        self.factor = factor

    def __call__(self, w):
        return w * self.factor


def quartic(w):
    return Quartic(0.1)(w)


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


# ------------------------------------------------------------------ what runs
def test_all_weights_in_one_launch_and_one_read_an_epoch():
    model = stack()
    model.compile("adam", SPARSE)
    text = model.explain(print_fn=str)
    assert text.count("l1_l2__l1_l2_gradient_value") == 1 and "penalties, values in one launch over" in text
    for word in ("/kernel L1L2(l1=0.1, l2=0.2)", "/beta Lasso(alpha=0.5, scale='mean')", "OrthogonalRegularizer", "(OutputPenalty)"):
        assert word in text
    assert "l1_l2__l1_l2_gradient_both" in model.to("sim").explain(print_fn=str).split("Nodes:")[1] if shutil.which("g++") else True
    model.to("cpu")
    before = model.backend.reads
    model.fit(X, LABELS, epochs=3, batch_size=5, verbose=0)
    assert model.backend.reads - before == 3


def test_explain_names_constraints_and_what_python_does():
    model = Sequential([Input((6,)), Dense(2, name="d", kernel_constraint="max_norm", kernel_regularizer=L1(0.5, proximal=True))])
    model.compile("sgd", "mse")
    text = model.explain(print_fn=str)
    assert "constraint of d/kernel after the update: MaxNorm(max_value=2, axis=0)" in text
    assert "proximal step of d/kernel after the update: shrunk by the learning rate times 0.5" in text and "norm_columns" in text
    own = {"kernel_regularizer": quartic, "bias_constraint": Shrunk(), "activity_regularizer": quartic}
    model = Sequential([Input((6,)), Dense(2, name="d", **own)])
    model.compile("sgd", "mse")
    text = model.explain(print_fn=str)
    assert "penalty of d/kernel: quartic, called from Python in every step" in text and "quartic, called from Python" in text
    assert "constraint of d/bias after the update: Shrunk(factor=0.9), called from Python in every step" in text and "Not recorded" in text


def test_a_loss_that_a_penalty_makes_infinite_is_seen():
    model = Sequential([Input((6,)), Dense(2, kernel_regularizer="l2", kernel_initializer=gpunn.initializers.Constant(1e200))])
    model.compile(SGD(0.0), "mse")
    with pytest.warns(RuntimeWarning, match="The loss became NaN or infinite at step 1 of epoch 1"):
        model.fit(X * 0, NUMBERS, verbose=0)


def test_a_changed_batch_size_and_a_short_batch():
    ours, theirs = twins([dense(5, "relu", activity_regularizer="l1", kernel_regularizer="l2"), dense(2)], SGD_, "mse")
    for size in (7, 64, 75):
        assert_same_history(*(m.fit(X, NUMBERS, batch_size=size, shuffle=False, verbose=0) for m in (ours, theirs)))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_sim_takes_the_same_steps(dtype, monkeypatch):
    if shutil.which("g++") is None:
        pytest.skip("sim needs g++")
    gpunn.config.set_floatx(dtype)
    results = []
    for device in ("cpu", "sim"):
        gpunn.random.set_random_seed(4)
        with gpunn.device(device):
            model = stack()
            last = {"kernel_constraint": "unit_norm", "kernel_regularizer": L1(0.02, proximal=True), "bias_constraint": "non_neg"}
            model.add(Dense(3, "softmax", **last))
        model.compile("adam", SPARSE, ["accuracy"])
        losses = model.fit(X, LABELS, epochs=2, batch_size=16, verbose=0).history["loss"]
        results.append([losses, model.evaluate(X, LABELS), *model.get_weights()])
    assert model.backend.name == "sim"
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3 if dtype == "float32" else 1e-9, atol=1e-5 if dtype == "float32" else 1e-12)


def test_threads_give_the_same_bits(monkeypatch):
    from gpunn import backend

    results = []
    for threads in (1, 2, 3):
        monkeypatch.setitem(backend._made, "cpu", CpuBackend(threads=threads))
        gpunn.random.set_random_seed(4)
        model = Sequential([Input((6,)), Dense(400, "relu", kernel_regularizer="l1_l2", kernel_constraint="max_norm"), Dense(3, "softmax")])
        model.compile("adam", SPARSE)
        results.append((model.fit(X, LABELS, epochs=2, verbose=0).history["loss"], model.get_weights()[0].tobytes()))
    assert results[0] == results[1] == results[2]


def test_a_scaled_loss_scales_the_penalties_gradients_and_nothing_else(either_cpu):
    results = []
    for factor in (None, 64.0):
        gpunn.random.set_random_seed(4)
        model = stack()
        model.layers[1].bias.regularizer = Quartic()
        model.compile(SGD(0.0, loss_scale_factor=factor), "mse")
        results.append((model.train_on_batch(X[:9], X[:9, :3]), model.storage.gradients.copy()))
    assert results[0][0] == results[1][0]
    np.testing.assert_allclose(64 * results[0][1], results[1][1], rtol=1e-10, atol=1e-12)


OPTIONS = {
    "clipnorm": ("Adam", {"learning_rate": 0.01, "clipnorm": 0.1}), "weight_decay": ("SGD", {"learning_rate": 0.1, "weight_decay": 0.1}),
    "global_clipnorm, accumulation": (
        "SGD", {"learning_rate": 0.1, "global_clipnorm": 0.2, "gradient_accumulation_steps": 2, "momentum": 0.5},
    ),
    "scaled loss, averages": ("RMSprop", {"learning_rate": 0.01, "loss_scale_factor": 8.0, "use_ema": True, "ema_overwrite_frequency": 3}),
}


@pytest.mark.parametrize("options", OPTIONS)
def test_optimizers_options_see_the_whole_gradient_and_constraints_come_last(options):
    """Clipping, accumulation and averages take the gradient with its penalty; what they make of the weights is then constrained."""
    layers = [dense(8, "relu", kernel_regularizer="l2", kernel_constraint="unit_norm", activity_regularizer="l2"),
              dense(3, "softmax", kernel_regularizer=L1L2_MIX, bias_constraint="non_neg")]  # fmt: skip
    ours, theirs = twins(layers, OPTIONS[options], SPARSE)
    assert_same_history(ours.fit(X, LABELS, **FIT), theirs.fit(X, LABELS, **FIT))
    assert_same_weights(ours, theirs)
