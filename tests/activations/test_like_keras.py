"""Values, gradients and twenty training steps of every activation against Keras 3 (JAX, float64)."""

import keras_twin
import numpy as np
import pytest
from keras_twin import assert_same_history, assert_same_weights, compute_in, keras, twins

from gpunn import activations, layers

jax, jnp = keras_twin.jax, keras_twin.jax.numpy
grad = jax.grad
pytestmark = pytest.mark.usefixtures("float64", "cpu")
K = keras.activations

# (name, parameters); a third entry where Keras has no such function
PLAIN = [
    "celu", "elu", "exponential", "gelu", "hard_shrink", "hard_sigmoid", "hard_silu", "hard_swish", "hard_tanh", "leaky_relu", "linear",
    "log_sigmoid", "mish", "relu", "relu6", "selu", "sigmoid", "silu", "soft_shrink", "softplus", "softsign", "sparse_plus",
    "sparse_sigmoid", "squareplus", "swish", "tanh", "tanh_shrink", "softmax", "log_softmax", "glu",
]  # fmt: skip
CASES = {name: (name, {}) for name in PLAIN} | {
    "relu 6": ("relu", {"max_value": 6.0}),
    "relu leaky": ("relu", {"negative_slope": 0.3}),
    "relu with a negative slope": ("relu", {"negative_slope": -0.3}),
    "relu above 1": ("relu", {"threshold": 1.0}),
    "relu above -1": ("relu", {"threshold": -1.0}),
    "relu with everything": ("relu", {"negative_slope": 0.2, "max_value": 2.5, "threshold": 0.5}),
    "leaky_relu 0": ("leaky_relu", {"negative_slope": 0.0}),
    "leaky_relu 0.01": ("leaky_relu", {"negative_slope": 0.01}),
    "elu 0.4": ("elu", {"alpha": 0.4}),
    "celu 2": ("celu", {"alpha": 2.0}),
    "gelu, approximately": ("gelu", {"approximate": True}),
    "squareplus 0.5": ("squareplus", {"b": 0.5}),
    "soft_shrink 1": ("soft_shrink", {"threshold": 1.0}),
    "hard_shrink 1": ("hard_shrink", {"threshold": 1.0}),
    "threshold": ("threshold", {"threshold": 0.3, "default_value": -2.0}),
    **{f"{name} of the first axis": (name, {"axis": 0}) for name in ("softmax", "log_softmax", "glu")},
    **{f"{name} of the middle axis": (name, {"axis": 1}) for name in ("softmax", "log_softmax", "glu")},
}
OURS = {  # Keras has none of these: written with its operations
    "arctan": jnp.arctan,
    "step": lambda x: jnp.where(x >= 0, 1.0, 0.0 * x),
    "bipolar_sigmoid": lambda x: 2 * K.sigmoid(x) - 1,
}


@pytest.fixture(autouse=True)
def keras_float64():
    compute_in("float64")


def functions(case):
    if case in OURS:
        return getattr(activations, case), OURS[case]
    name, parameters = CASES[case]
    theirs = jnp.tanh if name == "tanh" else getattr(K, name)  # keras.ops.tanh computes in float32
    return getattr(activations, name).configured(**parameters), lambda x: theirs(x, **parameters)


def gradient(activation, x, dy):
    from gpunn.backend import get_backend

    _, pullback = activation.apply(get_backend(), x, shape=x.shape)
    return pullback(dy.reshape(activation.compute_output_shape(x.shape)).copy()).reshape(x.shape)


def values_and_gradients(theirs, xs, dys):
    """For arrays of several shapes; all of them compiled at once."""

    def both(xs, dys):
        pairs = [jax.vjp(theirs, x) for x in xs]
        return [y for y, _ in pairs], [pullback(dy)[0] for (_, pullback), dy in zip(pairs, dys, strict=True)]

    return jax.jit(both)(xs, dys)


@pytest.mark.one_in(2)
@pytest.mark.filterwarnings("ignore:The gradient of 'step'")
@pytest.mark.parametrize("case", [*CASES, *OURS])
def test_values_and_gradients(case):
    mine, theirs = functions(case)
    rng = np.random.default_rng(0)
    xs = [scale * rng.standard_normal(shape) for shape, scale in (((6, 4, 2), 1.0), ((4, 4, 4), 5.0), ((2, 6, 100), 0.01))]
    dys = [rng.standard_normal(mine(x).shape) for x in xs]
    ys, dxs = values_and_gradients(theirs, xs, dys)
    for x, dy, y, dx in zip(xs, dys, ys, dxs, strict=True):
        np.testing.assert_allclose(mine(x), y, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(gradient(mine, x, dy), dx, rtol=1e-9, atol=1e-12)


NASTY = [1000.0, -1000.0, 90.0, -90.0, 30.0, -30.0, np.inf, -np.inf, np.nan, 0.0, -0.0, 1e-40, -1e-40, 1e-310, 1e30, -1e30]
ELEMENTWISE = [c for c in [*CASES, *OURS] if c in OURS or getattr(activations, CASES[c][0]).elementwise]
# Keras takes 0 * infinity, infinity - infinity or a comparison with NaN where we need not: (case, x) -> ours
OWN = {
    ("step", "-inf"): 0.0,
    **{(case, "nan"): np.nan for case in ("soft_shrink", "soft_shrink 1", "hard_shrink", "hard_shrink 1", "threshold", "step")},
    **{(case, "nan"): np.nan for case in ("relu above 1", "relu above -1", "relu with everything")},
    ("leaky_relu 0", "-inf"): 0.0,
    **{(case, "-inf"): 0.0 for case in ("squareplus", "squareplus 0.5")},
}


@pytest.mark.parametrize("case", ELEMENTWISE)
def test_nasty_inputs(case):
    mine, theirs = functions(case)
    with np.errstate(all="ignore"):
        y, want = mine(np.array(NASTY)), np.array(theirs(np.array(NASTY)))
    for i, x in enumerate(NASTY):
        want[i] = OWN.get((case, str(x)), want[i])
        if case.startswith("squareplus") and x < -1000:
            want[i] = 0.0  # Keras's form cancels
    np.testing.assert_allclose(y, want, rtol=1e-9, atol=1e-30)


@pytest.mark.filterwarnings("ignore:The gradient of 'step'")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", ELEMENTWISE)
def test_gradients_of_nasty_inputs_are_finite(case, dtype):
    """Nothing overflows on the way, in float32 neither; at 0, a kink of many, the gradient is one of the two sides'."""
    mine, _ = functions(case)
    x = np.array([1000, -1000, 60, -60, 0, -0.0, 1e-40, -1e-40, 1, -1, 3, -3, 6], dtype)
    with np.errstate(all="ignore"):
        dx = gradient(mine, x, np.ones_like(x))
    if case != "exponential":
        assert np.isfinite(dx).all()
        assert (np.abs(dx) <= 1.8).all()


def test_at_a_kink_the_gradient_is_the_flat_side_s(cpu):
    zero, one = np.zeros(1), np.ones(1)
    for name in ("relu", "relu6", "step", "soft_shrink", "hard_shrink"):
        with pytest.warns() if name == "step" else np.errstate():
            assert gradient(getattr(activations, name), zero, one) == 0
    assert gradient(activations.leaky_relu, zero, one) == 0.2
    for name, x in (("relu6", 6.0), ("hard_tanh", 1.0), ("hard_tanh", -1.0), ("hard_sigmoid", 3.0), ("sparse_sigmoid", -1.0)):
        assert gradient(getattr(activations, name), np.full(1, x), one) == 0


# ------------------------------------------------------------------ training
STACKS = {
    "smooth": ["gelu", "silu", "mish", "softplus"],
    "exponential": ["elu", "selu", "celu", "softsign"],
    "hard": ["hard_sigmoid", "hard_silu", "hard_tanh", "relu6"],
    "odd": ["sparse_plus", "squareplus", "log_sigmoid", "leaky_relu"],
    "shrinking": ["tanh_shrink", "soft_shrink", "linear", "sparse_sigmoid"],
    "rows": ["softmax", "log_softmax"],  # a Dense with glu cannot be followed by another layer in Keras: it reckons with all its units
    "others": ["exponential", "tanh", "sigmoid", "hard_shrink"],
}


@pytest.mark.one_in(3)
@pytest.mark.parametrize("stack", STACKS)
def test_twenty_steps(stack):
    names = STACKS[stack]
    dense = [("Dense", {"units": 6, "activation": name}) for name in names]
    alone = [part for name in reversed(names) for part in (("Dense", {"units": 6}), ("Activation", {"activation": name}))]
    ours, theirs = twins([*dense, *alone, ("Dense", {"units": 2})], ("SGD", {"learning_rate": 0.05, "momentum": 0.9}), "mse")
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((75, 6)), rng.standard_normal((75, 2))
    options = {"batch_size": 8, "epochs": 2, "shuffle": False, "verbose": 0}
    assert_same_history(ours.fit(x, y, **options), theirs.fit(x, y, **options))
    assert_same_weights(ours, theirs)
    np.testing.assert_allclose(ours.predict(x), theirs.predict(x, verbose=0, batch_size=len(x)), rtol=1e-5, atol=1e-9)


LAYERS = {
    "ReLU": [("ReLU", {}), ("ReLU", {"max_value": 1.5, "negative_slope": 0.1, "threshold": 0.2})],
    "LeakyReLU": [("LeakyReLU", {}), ("LeakyReLU", {"negative_slope": 0.05})],
    "ELU": [("ELU", {}), ("ELU", {"alpha": 0.3})],
    "Softmax": [("Softmax", {}), ("Softmax", {"axis": 1})],
    "PReLU": [("PReLU", {}), ("PReLU", {"alpha_initializer": "ones"})],
    "PReLU with shared axes": [("PReLU", {"shared_axes": [1], "alpha_initializer": {"class_name": "Constant", "config": {"value": 0.2}}})],
}


@pytest.mark.parametrize("case", LAYERS)
def test_layers_train_as_keras_s(case):
    stack = [part for layer in LAYERS[case] for part in (("Dense", {"units": 5}), layer)]
    ours, theirs = twins([*stack, ("Dense", {"units": 2})], ("SGD", {"learning_rate": 0.1, "momentum": 0.9}), "mse")
    rng = np.random.default_rng(2)
    x, y = rng.standard_normal((75, 6)), rng.standard_normal((75, 2))
    options = {"batch_size": 8, "epochs": 2, "shuffle": False, "verbose": 0}
    assert_same_history(ours.fit(x, y, **options), theirs.fit(x, y, **options))
    assert_same_weights(ours, theirs)


@pytest.mark.parametrize("shared", [None, 1, [1], [2], [3], [1, 2], [2, 3], [1, 3], [1, 2, 3], [-1]], ids=str)
def test_prelu_shares_as_keras_s(shared, either_cpu):
    rng = np.random.default_rng(3)
    x = rng.standard_normal((3, 4, 2, 5))
    dy = rng.standard_normal(x.shape)
    mine = layers.PReLU(shared_axes=shared)
    axes = [a % 4 for a in np.atleast_1d(shared)] if shared is not None else None
    theirs = keras.layers.PReLU(shared_axes=axes, dtype="float64")
    theirs.build(x.shape)
    mine.ensure_built(x.shape)
    assert mine.alpha.shape == tuple(theirs.alpha.shape)
    alpha = rng.standard_normal(mine.alpha.shape)
    mine.set_weights([alpha])
    theirs.set_weights([alpha])
    y, pullback = mine.forward(x)
    np.testing.assert_allclose(y, np.asarray(theirs(x)), rtol=1e-12)

    def value(x, alpha):
        return jnp.sum((jnp.maximum(x, 0) + alpha * jnp.minimum(x, 0)) * dy)

    dx, dalpha = grad(value, (0, 1))(x, alpha)
    np.testing.assert_allclose(pullback(dy.copy()), dx, rtol=1e-12)
    np.testing.assert_allclose(mine.alpha.gradient, dalpha, rtol=1e-12)
    _, pullback = mine.forward(x)
    pullback(dy.copy(), need_dx=False)
    np.testing.assert_allclose(mine.alpha.gradient, 2 * np.asarray(dalpha), rtol=1e-12)


def test_configurations_are_keras_s():
    for name in ("ReLU", "LeakyReLU", "ELU", "Softmax", "PReLU"):
        mine, theirs = getattr(layers, name)(), getattr(keras.layers, name)()
        shared = set(theirs.get_config()) - {"name", "trainable", "dtype"}
        assert shared <= set(mine.get_config()) | {"alpha"} if name == "ELU" else shared <= set(mine.get_config())
        again = type(mine).from_config(mine.get_config())
        assert again.get_config() == mine.get_config()


def test_every_activation_of_keras_is_here():
    theirs = {n for n in dir(K) if callable(getattr(K, n)) and not n.startswith("_")} - {"get", "serialize", "deserialize"}
    assert theirs <= set(activations.NAMES), f"not here: {theirs - set(activations.NAMES)}"
    for name in theirs - {"threshold"}:
        assert activations.get(name) is getattr(activations, name)
        assert activations.get(getattr(K, name)) is activations.get(name), "Keras's own function is taken for ours"
