"""Backpropagation through time against numeric differences: every cell, through states, masks, directions, dropout."""

import numpy as np
import pytest
from sequence_gradient import check

from gpunn import activations
from gpunn.layers import GRU, LSTM, Bidirectional, Dense, Embedding, SimpleRNN, TimeDistributed

pytestmark = pytest.mark.usefixtures("float64")
CELLS = {
    "simple_rnn": lambda **o: SimpleRNN(3, **o),
    "simple_rnn_gelu": lambda **o: SimpleRNN(3, "gelu", **o),  # its gradient takes x, not y
    "lstm": lambda **o: LSTM(3, **o),
    "lstm_others": lambda **o: LSTM(3, "gelu", "silu", **o),
    "lstm_with_parameters": lambda **o: LSTM(3, activations.leaky_relu.configured(0.3), "hard_sigmoid", **o),
    "gru": lambda **o: GRU(3, **o),
    "gru_others": lambda **o: GRU(3, "gelu", "silu", **o),
    "gru_before": lambda **o: GRU(3, reset_after=False, **o),
    "gru_before_others": lambda **o: GRU(3, "softsign", "silu", reset_after=False, **o),
    "without_bias": lambda **o: GRU(3, use_bias=False, **o),
}
ON_NUMPY = ("simple_rnn_gelu", "lstm_with_parameters", "gru_before_others")
USES = {
    "last": {},
    "all": {"return_sequences": True},
    "states": {"return_sequences": True, "return_state": True, "go_backwards": True},
    "last_and_states": {"return_state": True},
    "zeros": {"return_sequences": True, "zero_output_for_mask": True, "return_state": True},
    "zero_last": {"zero_output_for_mask": True},
    "dropped": {"dropout": 0.4, "recurrent_dropout": 0.4, "return_sequences": True},
}
ROWS, STEPS, WIDTH = 4, 5, 2


def given(layer, seed=0, states=True):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal((ROWS, STEPS, WIDTH)), *(rng.standard_normal((ROWS, 3)) for _ in range(layer.state_count * states))]


def a_mask(seed=0):
    mask = np.random.default_rng(seed).integers(0, 2, (ROWS, STEPS)).astype(float)
    mask[0], mask[1] = 1, 0
    return mask


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("cell", CELLS)
def test_gradient(cell, use, either_cpu):
    if either_cpu.compiled and cell in ON_NUMPY:
        pytest.skip("compiling it shows nothing that its sisters do not")
    for masked in (False, True):
        layer = CELLS[cell](**USES[use])
        check(layer, either_cpu, given(layer), a_mask() if masked else None)


@pytest.mark.parametrize("cell", ["simple_rnn", "lstm", "gru", "gru_before"])
def test_the_check_sees_a_gradient_off_by_a_thousandth(cell, cpu):
    layer = CELLS[cell](return_sequences=True)
    with pytest.raises(AssertionError, match=r"analytic .* numeric"):
        check(layer, cpu, given(layer), a_mask(), spoil=1.001)


@pytest.mark.parametrize("merge", ["sum", "mul", "ave", "concat", None])
@pytest.mark.parametrize("sequences", [True, False])
def test_both_directions(merge, sequences, either_cpu):
    for inner, states in ((LSTM(3, return_sequences=sequences, return_state=sequences), 2), (GRU(3, return_sequences=sequences), 1)):
        layer = Bidirectional(inner, merge_mode=merge)
        rng = np.random.default_rng(1)
        inputs = [rng.standard_normal((ROWS, STEPS, WIDTH)), *(rng.standard_normal((ROWS, 3)) for _ in range(2 * states * sequences))]
        check(layer, either_cpu, inputs, a_mask())


def test_time_distributed(either_cpu):
    check(TimeDistributed(Dense(3, "tanh")), either_cpu, given(SimpleRNN(3), states=False))


def test_embedding(either_cpu):
    layer = Embedding(7, 3)
    tokens = np.random.default_rng(0).integers(0, 7, (ROWS, STEPS)).astype(float)
    check(layer, either_cpu, [tokens])


def test_inference_can_be_pulled_back_too(either_cpu):
    """Nothing was kept for it: the pullback runs the steps again."""
    layer = LSTM(3, return_sequences=True, dropout=0.5)
    check(layer, either_cpu, given(layer), a_mask(), training=False)


def test_one_step_and_many_units(either_cpu):
    for layer in (LSTM(70), GRU(70, reset_after=False), GRU(70), SimpleRNN(70)):
        layer.units = 70
        rng = np.random.default_rng(0)
        check(layer, either_cpu, [rng.standard_normal((9, 1, 5))])
