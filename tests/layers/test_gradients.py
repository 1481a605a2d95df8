"""Every layer's backward against numeric differences: input and parameters, training and inference, fused with each activation."""

import numpy as np
import pytest
from gradient import check_layer

from gpunn import activations, random
from gpunn.layers import (
    Activation,
    BatchNormalization,
    Dense,
    Dropout,
    Flatten,
    GroupNormalization,
    LayerNormalization,
    PReLU,
    Reshape,
    TimeDistributed,
    UnitNormalization,
)
from gpunn.layers.base import Rng

pytestmark = pytest.mark.usefixtures("float64")
ACTIVATIONS = ["linear", "relu", "sigmoid", "tanh", "softmax"]
OTHERS = {name: activations.get(name) for name in sorted(activations.NAMES) if name not in (*ACTIVATIONS, "step", "threshold")} | {
    "threshold": activations.threshold.configured(0.2, -1.0),
    "relu_of_everything": activations.relu.configured(negative_slope=0.2, max_value=1.5, threshold=0.3),
    "relu_above": activations.relu.configured(threshold=-0.4, max_value=1.5),
    "gelu_approximately": activations.gelu.configured(approximate=True),
    "elu_3": activations.elu.configured(3.0),
    "celu_3": activations.celu.configured(3.0),
    "softmax_of_rows": activations.softmax.configured(axis=0),
}
AFTER_NORMALIZATION = ["gelu", "elu_3", "relu_of_everything", "log_softmax", "glu", "softmax_of_rows"]  # of each way to keep what is needed


def batch_norm(activation="linear", **options):
    return lambda: (BatchNormalization(**options), {"activation": activations.get(activation)})


CASES = {
    **{f"dense_{a}": (lambda a=a: (Dense(5, activation=a), {}), (7, 4), False) for a in ACTIVATIONS},
    **{f"dense_then_{a}": (lambda a=a: (Dense(5), {"activation": activations.get(a)}), (7, 4), False) for a in ACTIVATIONS},
    **{f"dense_{name}": (lambda a=a: (Dense(6, activation=a), {}), (7, 4), False) for name, a in OTHERS.items()},
    "gelu_without_bias": (lambda: (Dense(3, activation="gelu", use_bias=False), {}), (6, 4), False),
    "softmax_of_a_middle_axis": (lambda: (Dense(3, activation=activations.softmax.configured(axis=1)), {}), (4, 5, 2), False),
    "glu_of_a_middle_axis": (lambda: (Activation(activations.glu.configured(axis=1)), {}), (4, 6, 3), False),
    "prelu": (lambda: (PReLU("ones"), {}), (6, 4), False),
    "prelu_shared": (lambda: (PReLU("ones", shared_axes=[2]), {}), (6, 4, 3, 2), False),
    "dense_without_bias": (lambda: (Dense(3, activation="tanh", use_bias=False), {}), (6, 4), False),
    "dense_of_sequences": (lambda: (Dense(3, activation="sigmoid"), {}), (4, 5, 2), False),
    "dense_one_row": (lambda: (Dense(33, activation="relu"), {}), (1, 17), False),
    **{f"activation_{a}": (lambda a=a: (Activation(a), {}), (6, 5), False) for a in ACTIVATIONS},
    "softmax_of_sequences": (lambda: (Activation("softmax"), {}), (3, 4, 5), False),
    "flatten": (lambda: (Flatten(), {}), (3, 2, 4), False),
    "reshape": (lambda: (Reshape((4, -1)), {}), (3, 8), False),
    "dropout": (lambda: (Dropout(0.4), {}), (9, 6), True),
    "dropout_of_a_seed": (lambda: (Dropout(0.7, seed=3), {}), (3, 4, 2), True),
    "dropout_inference": (lambda: (Dropout(0.4), {}), (9, 6), False),
    **{f"batch_norm_{a}": (batch_norm(a), (8, 5), True) for a in ACTIVATIONS},
    **{f"batch_norm_inference_{a}": (batch_norm(a), (8, 5), False) for a in ACTIVATIONS},
    **{f"batch_norm_{name}": (batch_norm(OTHERS.get(name, name)), (8, 6), True) for name in AFTER_NORMALIZATION},
    "batch_norm_bare": (batch_norm(center=False, scale=False), (8, 5), True),
    "batch_norm_without_scale": (batch_norm(scale=False), (8, 5), True),
    "batch_norm_without_center": (batch_norm(center=False), (8, 5), False),
    "batch_norm_of_sequences": (batch_norm("tanh"), (3, 4, 5), True),
    "batch_norm_of_rows": (batch_norm("tanh", axis=1), (3, 4, 5), True),
    "batch_norm_of_columns_inference": (batch_norm("relu", axis=-2), (3, 4, 5, 2), False),
    "batch_norm_of_images": (batch_norm("relu"), (9, 23, 23, 2), True),
    "layer_norm_of_steps": (lambda: (LayerNormalization(axis=1), {}), (3, 4, 5), False),
    "group_norm_of_steps": (lambda: (GroupNormalization(2, axis=1), {}), (3, 4, 5), False),
    "unit_norm_of_steps": (lambda: (UnitNormalization(axis=1), {}), (3, 4, 5), False),
    "batch_norm_of_each_step": (lambda: (TimeDistributed(BatchNormalization()), {}), (5, 3, 4), True),
    "batch_norm_inference_one_row": (batch_norm(), (1, 5), False),
}


def built(case, ops):
    make, shape, training = CASES[case]
    layer, options = make()
    layer.rng = Rng(ops, random.current_seed())
    layer.ensure_built((None, *shape[1:]))
    return layer, options, shape, training


@pytest.mark.parametrize("case", CASES)
def test_gradient(case, either_cpu):
    for seed in range(3):
        layer, options, shape, training = built(case, either_cpu)
        check_layer(layer, np.random.default_rng(seed).standard_normal(shape), training, seed, **options)


@pytest.mark.parametrize("case", CASES)
def test_the_check_sees_a_gradient_off_by_a_thousandth(case, cpu):
    layer, options, shape, training = built(case, cpu)
    with pytest.raises(AssertionError, match=r"analytic .* numeric .*seed 0"):
        check_layer(layer, np.random.default_rng(0).standard_normal(shape), training, 0, spoil=1.001, **options)


def test_the_check_sees_a_missing_term(cpu, monkeypatch):
    """Batch normalization whose statistics are taken for constants in training: the classic mistake."""
    layer, options, shape, _ = built("batch_norm_linear", cpu)
    x = np.random.default_rng(0).standard_normal(shape)
    honest = layer.forward

    def forward(x, training, **options):
        _, wrong = honest(x, False, **options)
        return honest(x, training, **options)[0], wrong

    monkeypatch.setattr(layer, "forward", forward)
    with pytest.raises(AssertionError, match="analytic"):
        check_layer(layer, x, True, 0, **options)


def test_a_second_gradient_write_of_a_step_adds(either_cpu):
    layer = Dense(3, activation="tanh")
    layer.ensure_built((None, 4))
    x = np.random.default_rng(0).standard_normal((5, 4))
    dy = np.random.default_rng(1).standard_normal((5, 3))
    for p in layer.parameters:
        p.begin_step()
    layer.forward(x)[1](dy.copy())
    once = [p.gradient.copy() for p in layer.parameters]
    layer.forward(x)[1](dy.copy())
    for p, g in zip(layer.parameters, once, strict=True):
        np.testing.assert_allclose(p.gradient, 2 * g, rtol=1e-13)
        p.begin_step()
    layer.forward(x)[1](dy.copy())
    for p, g in zip(layer.parameters, once, strict=True):
        np.testing.assert_array_equal(p.gradient, g)


def test_a_call_keeps_what_it_saved_to_itself(either_cpu):
    """Two calls of one layer, pulled back in the wrong order, give each its own gradient."""
    layer = Dense(3, activation="relu")
    layer.ensure_built((None, 4))
    rng = np.random.default_rng(0)
    a, b, dy = rng.standard_normal((5, 4)), rng.standard_normal((5, 4)), rng.standard_normal((5, 3))
    alone = [layer.forward(x)[1](dy.copy()) for x in (a, b)]
    first, second = layer.forward(a)[1], layer.forward(b)[1]
    np.testing.assert_array_equal(second(dy.copy()), alone[1])
    np.testing.assert_array_equal(first(dy.copy()), alone[0])


@pytest.mark.parametrize("rate", [0.2, 0.75])
def test_dropout_keeps_the_mean(rate, either_cpu):
    """A share `rate` of the elements is 0, the others are scaled by 1 / (1 - rate) (F-LAY-03)."""
    layer = Dropout(rate)
    layer.rng = Rng(either_cpu, random.current_seed())
    y, _ = layer.forward(np.ones((100, 100)), True)
    np.testing.assert_allclose(y[y != 0], 1 / (1 - rate), rtol=1e-12)
    assert abs((y == 0).mean() - rate) < 0.02


def test_relu_has_no_slope_at_zero(either_cpu):
    """Keras's choice (DEC-06)."""
    _, pullback = Activation("relu").forward(np.array([[0.0, -1.0, 2.0]]))
    np.testing.assert_array_equal(pullback(np.ones((1, 3))), [[0, 0, 1]])
