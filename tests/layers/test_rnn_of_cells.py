"""RNN and its cells: gradients, Keras 3, the layers of the same name, users' own cells, a device, files, errors."""

import numpy as np
import pytest
from keras_twin import assert_same_weights, compute_in, jax, keras
from kernel_targets import needs_gxx
from sequence_gradient import check

import gpunn
from gpunn import layers
from gpunn.layers import RNN, GRUCell, LSTMCell, SimpleRNNCell, StackedRNNCells

ROWS, STEPS, WIDTH = 6, 5, 3


class Leaky(layers.Layer):
    """h = 0.9 h + x @ kernel, output h squared: a cell as a user writes one."""

    def __init__(self, units, **common):
        super().__init__(**common)
        self.units = self.state_size = units

    def build(self, input_shape):
        self.kernel = self.add_weight("kernel", (input_shape[-1], self.units))

    def forward(self, x, training=False):
        step, h = x
        after = 0.9 * h + step @ self.kernel.value

        def pullback(dy):
            dafter = dy[1] + dy[0] * 2 * after
            add = self.kernel.claim()
            self.kernel.gradient[...] = step.T @ dafter + (self.kernel.gradient if add else 0)
            return [dafter @ self.kernel.value.T, 0.9 * dafter]

        return [after * after, after], pullback

    def config(self):
        return {"units": self.units}


CELLS = {
    "simple": lambda: SimpleRNNCell(4), "lstm": lambda: LSTMCell(4, dropout=0.3, recurrent_dropout=0.2), "gru": lambda: GRUCell(4),
    "gru_before": lambda: GRUCell(4, reset_after=False, use_bias=False), "stacked": lambda: [LSTMCell(3), GRUCell(2), SimpleRNNCell(4)],
    "own": lambda: Leaky(4), "own_stacked": lambda: [GRUCell(2), Leaky(3)],
}
OPTIONS = {
    "last": {}, "all": {"return_sequences": True, "return_state": True}, "backwards": {"return_sequences": True, "go_backwards": True},
    "zeros": {"return_sequences": True, "zero_output_for_mask": True},
}


def features(seed=0):
    return np.random.default_rng(seed).standard_normal((ROWS, STEPS, WIDTH))


def steps_left():
    mask = (np.random.default_rng(1).random((ROWS, STEPS)) < 0.6).astype(float)
    mask[0, :2] = mask[1, 3:] = 0
    return mask


@pytest.mark.one_in(2)
@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("cell", CELLS)
def test_gradient(cell, option, masked, either_cpu):
    layer = RNN(CELLS[cell](), **OPTIONS[option])
    states = [np.random.default_rng(2).standard_normal((ROWS, n)) for n in layer.state_sizes] if option == "all" else []
    check(layer, either_cpu, [features(), *states], steps_left() if masked else None)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("sequences", [False, True])
@pytest.mark.parametrize("cell", ["lstm", "own", "own_stacked"])
def test_gradient_both_ways(cell, sequences, masked, either_cpu):
    layer = layers.Bidirectional(RNN(CELLS[cell](), return_sequences=sequences))
    check(layer, either_cpu, [features()], steps_left() if masked else None)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("cell", CELLS)
def test_the_check_sees_a_gradient_off_by_a_thousandth(cell, cpu):
    with pytest.raises(AssertionError, match="analytic"):
        check(RNN(CELLS[cell](), return_sequences=True), cpu, [features()], steps_left(), spoil=1.001)


@pytest.mark.parametrize(("cell", "layer"), [(SimpleRNNCell, "SimpleRNN"), (LSTMCell, "LSTM"), (GRUCell, "GRU")])
def test_as_the_layer_of_the_same_name(cell, layer, either_cpu):
    x = features().astype(np.float32)
    options = {"dropout": 0.3, "recurrent_dropout": 0.2, "seed": 3}
    pair = RNN(cell(4, **options), return_sequences=True), getattr(layers, layer)(4, return_sequences=True, **options)
    for one in pair:
        one.ensure_built((None, STEPS, WIDTH))
    pair[1].set_weights(pair[0].get_weights())
    a, b = (one(x, training=True, mask=steps_left()) for one in pair)
    np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@keras.saving.register_keras_serializable()
def smooth(x):
    """Keras's own tanh returns float32 for float64 (JAX backend)."""
    return jax.numpy.tanh(x)


def _cell(lib, name, units, **options):
    return getattr(lib.layers, name)(units, **{"activation": "tanh" if lib is gpunn else smooth, **options})


STACKS = {
    "lstm": lambda lib: _cell(lib, "LSTMCell", 4),
    "gru": lambda lib: _cell(lib, "GRUCell", 4, reset_after=False, kernel_regularizer="l2"),
    "stacked": lambda lib: [_cell(lib, "SimpleRNNCell", 3), _cell(lib, "LSTMCell", 2), _cell(lib, "GRUCell", 4)],
}


@pytest.mark.filterwarnings("ignore:Layer:UserWarning")
@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("both", [pytest.param(False, marks=pytest.mark.slow), True], ids=["one way", "both ways"])
@pytest.mark.parametrize("stack", [pytest.param(s, marks=pytest.mark.slow) if s != "gru" else s for s in STACKS])
def test_twenty_steps_and_files(stack, both, tmp_path):
    compute_in("float64")
    gpunn.utils.set_random_seed(3)
    models = []
    for lib in (gpunn, keras):
        pair = [lib.layers.RNN(STACKS[stack](lib), return_sequences=True), lib.layers.RNN(STACKS[stack](lib), go_backwards=not both)]
        if both:
            pair = [lib.layers.Bidirectional(pair[0]), lib.layers.Bidirectional(pair[1], merge_mode="ave")]
        model = lib.Sequential([lib.layers.Input((STEPS, WIDTH)), lib.layers.Masking(0.5), *pair, lib.layers.Dense(2)])
        model.compile(optimizer=lib.optimizers.Adam(0.01), loss="mse")
        models.append(model)
    ours, theirs = models
    theirs.set_weights(ours.get_weights())
    x, y = features(), np.random.default_rng(4).standard_normal((ROWS, 2))
    x[steps_left() == 0] = 0.5
    for model in models:
        model.fit(x, y, epochs=10, batch_size=3, shuffle=False, verbose=0)
    assert_same_weights(ours, theirs)
    ours.save(tmp_path / "ours.keras")
    back = keras.models.load_model(tmp_path / "ours.keras")  # with Keras's own tanh, in float32
    np.testing.assert_allclose(np.asarray(back.predict(x, verbose=0)), ours.predict(x, verbose=0), rtol=1e-4, atol=1e-5)
    again = gpunn.models.load_model(tmp_path / "ours.keras")
    np.testing.assert_array_equal(again.predict(x, verbose=0), ours.predict(x, verbose=0))
    back.save(tmp_path / "theirs.keras")
    read = gpunn.models.load_model(tmp_path / "theirs.keras")
    np.testing.assert_array_equal(read.predict(x, verbose=0), ours.predict(x, verbose=0))


def _small(cell):
    model = gpunn.Sequential([layers.Input((STEPS, WIDTH)), layers.Masking(0.5), RNN(cell), layers.Dense(2)])
    model.compile("adam", "mse")
    return model


@needs_gxx
def test_the_same_on_the_simulated_device():
    x, y = features().astype(np.float32), np.ones((ROWS, 2), np.float32)
    weights = []
    for device in ("cpu", "sim"):
        gpunn.utils.set_random_seed(5)
        with gpunn.device(device):
            model = _small([LSTMCell(3, dropout=0.3), GRUCell(2)])
        model.fit(x, y, epochs=3, batch_size=4, verbose=0)
        assert model.recordable
        weights.append(model.get_weights())
    for a, b in zip(*weights, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)


def test_an_own_cell_trains_and_travels(tmp_path):
    model = _small([GRUCell(2), Leaky(3)])
    x, y = features().astype(np.float32), np.ones((ROWS, 2), np.float32)
    assert not model.recordable
    losses = model.fit(x, y, epochs=30, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    model.save(tmp_path / "own.keras")
    with pytest.raises(ValueError, match="Leaky"):
        gpunn.models.load_model(tmp_path / "own.keras")
    again = gpunn.models.load_model(tmp_path / "own.keras", custom_objects={"Leaky": Leaky})
    np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))


def test_stateful_goes_on_where_it_was():
    x = features().astype(np.float32)
    held = gpunn.Sequential([layers.Input((STEPS, WIDTH)), RNN([LSTMCell(3), GRUCell(2)], stateful=True)])
    whole = gpunn.Sequential([layers.Input((2 * STEPS, WIDTH)), RNN([LSTMCell(3), GRUCell(2)])])
    whole.set_weights(held.get_weights())
    held.predict(x, verbose=0)
    twice = whole.predict(np.concatenate([x, x], axis=1), verbose=0)
    np.testing.assert_allclose(held.predict(x, verbose=0), twice, rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match=r"stateful: expected batches of 6 rows, as the first. Received: 2 rows"):
        held.predict(x[:2], verbose=0)


class Wrong(Leaky):
    def forward(self, x, training=False):
        found, back = super().forward(x, training)
        return found[:1], back


@pytest.mark.parametrize(("make", "message"), [
    (lambda: RNN(layers.Dense(3)), r"A cell is a layer with a state_size.*Received: Dense with state_size=None"),
    (lambda: RNN(3), r"RNN takes a cell, a layer with a state_size, or a list of cells. Received: cell=3"),
    (lambda: StackedRNNCells([]), r"StackedRNNCells takes a list of cells. Received: cells=\[\]"),
    (lambda: RNN(LSTMCell(3), name="r").compute_output_shape((None, 4)), r"'r': expected an input of shape \(rows, steps, .*\(None, 4\)"),
    (
        lambda: RNN(LSTMCell(3), name="r").compute_output_shape([(None, 4, 2), (None, 3)]),
        r"'r': expected initial states of shapes \[\(None, 3\), \(None, 3\)\]. Received: \[\(None, 3\)\]",
    ),
    (lambda: LSTMCell(0, name="c"), r"'c': units must be a positive integer"),
    (
        lambda: RNN(Wrong(3, name="c"), name="r")(np.zeros((2, 4, 3), np.float32)),
        r"'r': expected its cell 'c' to return an output and new states of shapes \[\(2, 3\), \(2, 3\)\]. Received: \[\(2, 3\)\]",
    ),
])
def test_errors(make, message):
    with pytest.raises(ValueError, match=message):
        make()
