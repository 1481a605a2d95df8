"""ConvLSTM: gradients, masks, states, dropout, and what it refuses."""

import numpy as np
import pytest
from sequence_gradient import check

import gpunn
from gpunn.layers import Bidirectional, ConvLSTM1D, ConvLSTM2D, ConvLSTM3D, Input

pytestmark = pytest.mark.usefixtures("float64")
RNG = np.random.default_rng(0)
FRAMES = (3, 4, 5, 4, 2)
LAYERS = {
    "lines": (lambda: ConvLSTM1D(2, 3, padding="same", return_sequences=True, go_backwards=True, dropout=0.3), (3, 4, 5, 2)),
    "frames": (lambda: ConvLSTM2D(2, (2, 3), strides=(2, 1), return_state=True, recurrent_dropout=0.3, dropout=0.2), FRAMES),
    "volumes": (lambda: ConvLSTM3D(2, 2, dilation_rate=2, use_bias=False), (2, 3, 4, 3, 4, 2)),
    "both ways": (lambda: Bidirectional(ConvLSTM1D(2, 2, return_sequences=True)), (3, 4, 5, 2)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_gradient(name, numpy_cpu):
    make, shape = LAYERS[name]
    layer = make()
    inputs = [RNG.standard_normal(shape)]
    if name == "frames":
        inputs += [RNG.standard_normal((3, 2, 2, 2)) for _ in range(2)]
    masked = RNG.integers(0, 2, shape[:2]).astype(float)
    check(layer, numpy_cpu, inputs, masked)
    with pytest.raises(AssertionError, match="analytic"):
        check(make(), numpy_cpu, inputs, masked, spoil=1.001)
    again = type(layer).from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    given = [a.shape for a in inputs] if len(inputs) > 1 else shape
    assert again.compute_output_shape(given) == layer.compute_output_shape(given)


def test_masked_steps_leave_output_and_states(cpu):
    """Keras 3.15 cannot broadcast a mask of steps to images."""
    layer = ConvLSTM1D(3, 2, return_sequences=True, return_state=True)
    x, mask = RNG.standard_normal((4, 5, 6, 2)), RNG.integers(0, 2, (4, 5))
    mask[0], mask[1] = 1, 0
    outputs, *states = layer(x, mask=mask)
    for r in range(4):
        kept = np.flatnonzero(mask[r])
        if not len(kept):
            assert not outputs[r].any() and not states[0][r].any()
            continue
        alone, *last = layer(x[r : r + 1, kept])
        np.testing.assert_allclose(outputs[r, kept], alone[0], rtol=1e-9)
        for state, own in zip(states, last, strict=True):
            np.testing.assert_allclose(state[r], own[0], rtol=1e-9)
        before = np.cumsum(mask[r]) - 1
        np.testing.assert_array_equal(outputs[r, before >= 0], outputs[r, kept][before[before >= 0]])


def test_a_state_goes_on_to_the_next_batch(cpu):
    x = RNG.standard_normal(FRAMES)
    layer, whole = (ConvLSTM2D(2, 2, padding="same", stateful=stateful) for stateful in (True, False))
    want = whole(np.concatenate([x, x], axis=1))
    layer.ensure_built(x.shape)
    layer.set_weights(whole.get_weights())
    layer(x)
    np.testing.assert_allclose(layer(x), want, rtol=1e-9)
    layer.reset_state()
    np.testing.assert_allclose(layer(x), whole(x), rtol=1e-9)


def test_one_mask_for_all_steps_and_others_for_other_layers(cpu):
    x = np.ones((2, 3, 6, 4))

    def made(**options):
        return ConvLSTM1D(1, 1, activation="linear", recurrent_activation="linear", use_bias=False, return_sequences=True,
                          kernel_initializer="ones", recurrent_initializer="zeros", **options)  # fmt: skip

    inputs = Input((3, 6, 4))
    model = gpunn.Model(inputs, [made(dropout=0.5)(inputs), made(dropout=0.5)(inputs)])
    model.compile("sgd", "mse")
    one, other = (np.asarray(y) for y in model(x, training=True))
    kept = one[:, 0, :, 0]
    grown = one[:, 1, :, 0]
    np.testing.assert_allclose(grown, kept + kept ** (4 / 3), rtol=1e-9)  # z (z z z + z z), after z z z
    assert len(np.unique(kept)) > 2 and not np.array_equal(one, other)


ERRORS = {
    "rank": (lambda: ConvLSTM2D(2, 3, name="c").compute_output_shape((None, 4, 5, 2)), r"'c': expected .*\(rows, steps, height, width, ch"),
    "filters": (lambda: ConvLSTM2D(0, 3), "filters must be a positive integer. Received: filters=0"),
    "window": (lambda: ConvLSTM1D(2, 9).compute_output_shape((None, 4, 5, 2)), "a window of 9 is larger than the input of 5"),
    "both": (lambda: ConvLSTM1D(2, 2, strides=2, dilation_rate=2), "strides above 1 and dilation_rate above 1 exclude each other"),
    "dropout": (lambda: ConvLSTM1D(2, 2, dropout=1.5), "rate must be a number from 0 to 1"),
    "states": (lambda: ConvLSTM1D(2, 2, name="c").compute_output_shape([(2, 4, 5, 2), (2, 5, 2), (2, 5, 2)]),
               r"'c': expected initial states of shapes \[\(2, 4, 2\), \(2, 4, 2\)\]. Received: \[\(2, 5, 2\)"),
}  # fmt: skip


@pytest.mark.parametrize("case", ERRORS)
def test_errors(case, cpu):
    make, message = ERRORS[case]
    with pytest.raises(ValueError, match=message):
        make()
