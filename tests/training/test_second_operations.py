"""Second derivatives through every operation, activation, loss and penalty that has them."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from further_operation_cases import CASES as FURTHER
from gradient import compare
from loss_cases import CASES as LOSSES
from loss_cases import draw
from operation_cases import CASES as FIRST
from second_derivatives import check

from gpunn import GradientTape, Variable, activations, losses, ops, regularizers

jax.config.update("jax_enable_x64", True)
pytestmark = pytest.mark.usefixtures("numpy_alone", "float64")
RNG = np.random.default_rng(0)


OPERATIONS = FIRST | FURTHER
# as a tape has them, a single number is no target, weights of a loss have no gradient, and alignments have no second one
TAPED = sorted(set(OPERATIONS) - {"loss_of_one_target", "loss_with_weights", "aligned", "aligned_with_another_blank"})
WITHOUT = [name for name in LOSSES if name.startswith(("dice", "tversky", "circle"))]
Z = np.array([[-200.0, -12.0, -1.5, -0.0, 0.0, 0.7, 30.0, 200.0]])


@pytest.mark.parametrize("name", TAPED)
def test_operations(name):
    function, shapes, kind = OPERATIONS[name]
    check(function, [kind(RNG, shape) for shape in shapes], what=name)


@pytest.mark.parametrize("name", sorted({a.name for a in activations.NAMES.values()} - {"step"}))
def test_activations(name):
    """Where they bend, too, nothing is without a value."""
    chosen = activations.NAMES[name]
    chosen = chosen.configured(0.2, 0.1) if chosen.parameters is None else chosen
    check(chosen, [2 * RNG.standard_normal((3, 6))], what=name)
    with GradientTape() as outer:
        x = Variable(Z) * 1.0
        with GradientTape() as inner:
            y = chosen(x)
        g = inner.gradient(y, x)
    assert np.isfinite(np.asarray(outer.gradient(g, x, unconnected_gradients="zero"))[:, 1:-1]).all()


JAX = {
    "gelu": functools.partial(jax.nn.gelu, approximate=False), "gelu_tanh": jax.nn.gelu, "silu": jax.nn.silu, "mish": jax.nn.mish,
    "softplus": jax.nn.softplus, "tanh": jnp.tanh, "sigmoid": jax.nn.sigmoid, "log_sigmoid": jax.nn.log_sigmoid,
}


@functools.cache
def of_jax():
    """Three derivatives of each at `Z`, compiled at once."""

    def derivatives(own, z):
        for _ in range(3):
            own = jax.grad(own)
            yield jax.vmap(own)(z)

    return jax.jit(lambda z: {name: list(derivatives(own, z)) for name, own in JAX.items()})(Z[0])


@pytest.mark.parametrize("name", JAX)
def test_smooth_activations_as_jax_has_them(name):
    """Three derivatives, at 0 as well, where formulas go two ways, and far out, where exponentials overflow."""
    chosen = activations.gelu.configured(True) if name == "gelu_tanh" else activations.get(name)
    x = Variable(Z)
    with GradientTape() as third:
        with GradientTape() as second:
            with GradientTape() as first:
                y = chosen(x)
            g = first.gradient(y, x)
        h = second.gradient(g, x)
    for ours, theirs in zip((g, h, third.gradient(h, x)), of_jax()[name], strict=True):
        np.testing.assert_allclose(np.asarray(ours)[0], theirs, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", sorted(set(LOSSES) - set(WITHOUT)))
def test_losses(name):
    case = LOSSES[name]
    y, p = draw(case.kind, RNG, (5, 4))
    loss = getattr(losses, case.name)(**case.options)
    check(lambda p: loss(y, p, np.linspace(0.5, 1.5, 5)), [p], what=name)


@pytest.mark.parametrize("loss", ["binary_crossentropy", "kl_divergence", "categorical_crossentropy"])
def test_probabilities_that_are_certain(loss):
    """Beyond the clip a gradient is 0, and so is its own."""
    p = Variable([[0.0, 1.0, 0.3]])
    with GradientTape() as outer:
        with GradientTape() as inner:
            value = losses.get(loss)([[1.0, 1.0, 0.0]], p * 1.0)
        g = ops.sum(ops.square(inner.gradient(value, p)))
    assert np.isfinite(np.asarray(outer.gradient(g, p))).all()


@pytest.mark.parametrize("regularizer", [regularizers.L1L2(0.3, 0.2), regularizers.ElasticNet(0.4, 0.3), lambda w: ops.sum(w**4)])
def test_penalties(regularizer):
    from gpunn.layers import Dense
    from gpunn.models import Sequential

    model = Sequential([Dense(3, "tanh", kernel_regularizer=regularizer, activity_regularizer="l2")])
    x = RNG.standard_normal((4, 5))
    model(x)
    w = model.trainable_weights[0]

    def inner():
        with GradientTape() as tape:
            value = ops.sum(model(x, training=True) ** 2) + ops.add_n(model.losses)
        return ops.sum(ops.square(tape.gradient(value, w)))

    with GradientTape() as outer:
        found = inner()
    compare(lambda: float(np.sum(inner())), [w.value], [np.asarray(outer.gradient(found, w))], 3)
