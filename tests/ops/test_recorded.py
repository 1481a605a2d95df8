"""A recorded step of traced functions is the step that runs launch by launch, however often it is run: no pullback spoils what stays."""

import numpy as np
import pytest

from gpunn import Input, layers, ops
from gpunn.models import Sequential
from gpunn.optimizers import SGD
from gpunn.utils import set_random_seed

RNG = np.random.default_rng(0)


class Added(layers.Layer):
    def call(self, x):
        self.add_loss(ops.mean(ops.square(x)))
        return x


class Several(layers.Layer):
    """Operations whose gradients start from constants, or that nothing flows back through."""

    def call(self, x):
        return x * ops.ones_like(x) + ops.mean(x, axis=-1, keepdims=True) - ops.stop_gradient(ops.max(x, axis=-1, keepdims=True))


def a_mean(t, p):
    return ops.mean(ops.square(t - p))


def of_rows(t, p):
    return ops.mean(ops.square(t - p), axis=-1)


def mean_of_squares(w):
    return 0.1 * ops.mean(ops.square(w))


def unit_rows(w):
    return w / ops.norm(w, axis=-1, keepdims=True)


def softened(x):
    return x * ops.sigmoid(x) + ops.mean(x)


CASES = {
    "one number for a batch": ([], a_mean), "a value a row": ([], of_rows), "an added loss": ([Added], of_rows),
    "operations": ([Several], a_mean),
    "a regularizer": ([lambda: layers.Dense(3, kernel_regularizer=mean_of_squares)], "mse"),
    "a constraint": ([lambda: layers.Dense(3, kernel_constraint=unit_rows)], "mse"),
    "an activation": ([lambda: layers.Dense(3, softened)], a_mean),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("device", ["cpu", "sim"])
def test_as_launch_by_launch(case, device):
    parts, loss = CASES[case]
    x, y = RNG.standard_normal((40, 4)), RNG.standard_normal((40, 2))
    found = []
    for eager in (False, True):
        set_random_seed(4)
        own = [layers.Lambda(lambda a: 1.0 * a, backward=lambda dy, a: dy)] if eager else []
        model = Sequential([Input((4,)), *own, layers.Dense(3), *(make() for make in parts), layers.Dense(2)]).to(device)
        model.compile(SGD(0.05), loss)
        losses = model.fit(x, y, batch_size=16, epochs=4, verbose=0).history["loss"]
        assert model.recordable is not eager
        found.append((losses, model.get_weights()))
    (losses, weights), (others, more) = found
    near = 0 if device == "cpu" else 1e-5  # a device's recorded step makes biases and activations within products
    np.testing.assert_allclose(losses, others, rtol=near)
    for a, b in zip(weights, more, strict=True):
        np.testing.assert_allclose(a, b, rtol=near, atol=near)
    assert losses[-1] < losses[0]
