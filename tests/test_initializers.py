"""Initial weights: Keras's names, fans and distributions (against SciPy's), seeds, callables, configurations."""

import math
import os

import numpy as np
import pytest

from gpunn import initializers
from gpunn.initializers import (
    STFT,
    Constant,
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    Identity,
    Initializer,
    LecunNormal,
    LecunUniform,
    Orthogonal,
    RandomNormal,
    RandomUniform,
    TruncatedNormal,
    VarianceScaling,
    fans,
)
from gpunn.layers import Dense
from gpunn.models import Sequential
from gpunn.random import set_random_seed

os.environ.setdefault("KERAS_BACKEND", "jax")
pytestmark = pytest.mark.usefixtures("cpu")
CUT = 0.87962566103423978  # the deviation of a standard normal cut at two


# ------------------------------------------------------------------ distributions
def uniform(limit):
    return ("uniform", (-limit, 2 * limit))


def cut(stddev, mean=0.0):
    return ("truncnorm", (-2, 2, mean, stddev))


SHAPE, CONV = (300, 200), (3, 5, 40, 50)  # fans (300, 200) and (600, 750)
LAWS = {
    "RandomUniform": (RandomUniform(), SHAPE, uniform(0.05)),
    "RandomUniform of its own": (RandomUniform(-0.5, 2.5), SHAPE, ("uniform", (-0.5, 3.0))),
    "RandomNormal": (RandomNormal(), SHAPE, ("norm", (0, 0.05))),
    "RandomNormal of its own": (RandomNormal(2.0, 0.3), SHAPE, ("norm", (2.0, 0.3))),
    "TruncatedNormal": (TruncatedNormal(), SHAPE, cut(0.05)),
    "TruncatedNormal of its own": (TruncatedNormal(-1.0, 3.0), SHAPE, cut(3.0, -1.0)),
    "GlorotUniform": (GlorotUniform(), SHAPE, uniform(math.sqrt(6 / 500))),
    "GlorotNormal": (GlorotNormal(), SHAPE, cut(math.sqrt(2 / 500) / CUT)),
    "HeUniform": (HeUniform(), SHAPE, uniform(math.sqrt(6 / 300))),
    "HeNormal": (HeNormal(), SHAPE, cut(math.sqrt(2 / 300) / CUT)),
    "LecunUniform": (LecunUniform(), SHAPE, uniform(math.sqrt(3 / 300))),
    "LecunNormal": (LecunNormal(), SHAPE, cut(math.sqrt(1 / 300) / CUT)),
    "HeNormal of a convolution": (HeNormal(), CONV, cut(math.sqrt(2 / 600) / CUT)),
    "GlorotUniform of a convolution": (GlorotUniform(), CONV, uniform(math.sqrt(6 / 1350))),
    "VarianceScaling": (VarianceScaling(), SHAPE, cut(math.sqrt(1 / 300) / CUT)),
    "fan_out, not cut": (VarianceScaling(3.0, "fan_out", "untruncated_normal"), SHAPE, ("norm", (0, math.sqrt(3 / 200)))),
    "fan_avg, uniform": (VarianceScaling(0.5, "fan_avg", "Uniform"), SHAPE, uniform(math.sqrt(1.5 / 250))),
    "axes of a kernel laid out as (out, in)": (HeUniform(input_axes=[1], output_axes=[0]), SHAPE, uniform(math.sqrt(6 / 200))),
}


@pytest.mark.parametrize("law", LAWS)
def test_distribution(law):
    """Kolmogorov and Smirnov's test at 0.1 %, moments, and bounds."""
    stats = pytest.importorskip("scipy.stats")
    initializer, shape, (name, arguments) = LAWS[law]
    w = initializer(shape, "float64")
    assert w.shape == shape and w.dtype == np.float64
    expected = getattr(stats, name)(*arguments)
    assert stats.kstest(w.reshape(-1), expected.cdf).pvalue > 1e-3
    error = expected.std() / math.sqrt(w.size)
    assert abs(w.mean() - expected.mean()) < 4 * error
    assert w.var() == pytest.approx(expected.var(), rel=0.03)
    low, high = expected.support()
    assert w.min() >= low and w.max() <= high


def test_the_distribution_test_sees_a_wrong_scale():
    stats = pytest.importorskip("scipy.stats")
    w = HeNormal()(SHAPE, "float64").reshape(-1)
    assert stats.kstest(w, stats.truncnorm(-2, 2, 0, math.sqrt(2 / 300)).cdf).pvalue < 1e-3, "the deviation was not corrected for the cut"
    assert stats.kstest(w, stats.norm(0, math.sqrt(2 / 300)).cdf).pvalue < 1e-3


@pytest.mark.parametrize("name", ["HeNormal", "GlorotUniform", "LecunNormal", "TruncatedNormal", "RandomUniform"])
def test_the_same_law_as_keras(name):
    stats = pytest.importorskip("scipy.stats")
    keras = pytest.importorskip("keras")
    ours = getattr(initializers, name)(seed=1)((200, 100)).reshape(-1)
    theirs = np.asarray(getattr(keras.initializers, name)(seed=2)((200, 100))).reshape(-1)
    assert stats.ks_2samp(ours, theirs).pvalue > 1e-3


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((), (1, 1)), ((7,), (7, 7)), ((3, 4), (3, 4)), ((5, 3, 4), (15, 20)), ((2, 3, 8, 16), (48, 96)), ((2, 2, 2, 3, 5), (24, 40))],
)
def test_fans(shape, expected):
    assert fans(shape) == expected
    keras = pytest.importorskip("keras.src.initializers.random_initializers")
    assert keras.compute_fans(shape) == expected
    if len(shape) > 2:
        assert fans(shape, [0], [-1, 1]) == keras.compute_fans(shape, [0], [-1, 1])


# ------------------------------------------------------------------ given values
def test_constants():
    np.testing.assert_array_equal(Constant([1.0, 2.0])((3, 2)), [[1, 2]] * 3)
    np.testing.assert_array_equal(Identity(3.0)((2, 3)), [[3, 0, 0], [0, 3, 0]])
    assert initializers.Zeros()((2,)).dtype == np.float32 and initializers.ones()((2,), "float64").tolist() == [1, 1]
    with pytest.raises(ValueError, match=r"2D matrices. Received: shape=\(3,\) of rank 1"):
        Identity()((3,))


@pytest.mark.parametrize("shape", [(6, 4), (4, 6), (3, 3, 2, 7), (5, 5)])
def test_orthogonal(shape):
    w = Orthogonal(2.0)(shape, "float64").reshape(-1, shape[-1])
    small = w.T @ w if w.shape[0] >= w.shape[1] else w @ w.T
    np.testing.assert_allclose(small, 4 * np.eye(len(small)), atol=1e-12)
    with pytest.raises(ValueError, match=r"at least two axes. Received: \(3,\)"):
        Orthogonal()((3,))


def test_orthogonal_matrices_favour_no_sign():
    """Without the sign correction of Q the diagonal of a QR's factor is biased."""
    traces = [np.trace(Orthogonal(seed=k)((3, 3), "float64")) for k in range(400)]
    assert abs(np.mean(traces)) < 4 * np.std(traces) / 20


@pytest.mark.parametrize("side", ["real", "imag"])
@pytest.mark.parametrize(("window", "scaling"), [("hann", "density"), ("hamming", "spectrum"), (None, "density"), ("hann", None)])
def test_stft_is_keras(side, window, scaling):
    pytest.importorskip("scipy")
    keras = pytest.importorskip("keras")
    options = {"side": side, "window": window, "scaling": scaling}
    ours, theirs = STFT(**options)((16, 1, 9), "float64"), keras.initializers.STFT(**options)((16, 1, 9), "float32")
    np.testing.assert_allclose(ours, theirs, atol=2e-5)
    with pytest.raises(ValueError, match="expected side 'real' or 'imag'"):
        STFT("both")
    with pytest.raises(ValueError, match=r"a window of shape \(4,\). Received: \(3,\)"):
        STFT(window=np.ones(3))((4, 1, 3))


# ------------------------------------------------------------------ seeds
RANDOM = ["RandomUniform", "RandomNormal", "TruncatedNormal", "VarianceScaling", "GlorotNormal", "HeUniform", "Orthogonal"]


@pytest.mark.parametrize("name", RANDOM)
def test_seeds(name):
    made = getattr(initializers, name)
    fixed = made(seed=3)
    np.testing.assert_array_equal(fixed((40, 5)), fixed((40, 5)))
    np.testing.assert_array_equal(fixed((40, 5)), made(seed=3)((40, 5)))
    assert not np.array_equal(fixed((40, 5)), made(seed=4)((40, 5)))
    free = made()
    set_random_seed(1)
    first = [free((40, 5)), free((40, 5))]
    set_random_seed(1)
    np.testing.assert_array_equal(free((40, 5)), first[0])
    assert not np.array_equal(*first)
    with pytest.raises(ValueError, match=f"seed of {name}: expected an integer or None. Received: seed='a'"):
        made(seed="a")


def test_float32_and_float64_are_the_same_draw():
    np.testing.assert_array_equal(HeNormal(seed=5)((30, 40)), HeNormal(seed=5)((30, 40), "float64").astype(np.float32))


# ------------------------------------------------------------------ anything that can be called
def test_callables():
    def lecture(shape, dtype=None):  # F-INI-02, as printed
        return np.random.normal(loc=0.75, scale=1e-2, size=shape)

    layer = Dense(2, activation="sigmoid", kernel_initializer=lecture, input_dim=2)
    w = Sequential([layer]).get_weights()[0]
    assert w.dtype == np.float32 and w.shape == (2, 2) and abs(w - 0.75).max() < 0.1

    asked = []
    Sequential([Dense(3, kernel_initializer=lambda shape, dtype=None: asked.append((shape, dtype)) or np.ones(shape), input_dim=2)])
    assert asked == [((2, 3), "float32")]
    plain = Sequential([Dense(2, kernel_initializer=lambda shape: np.eye(*shape), input_dim=2)])
    np.testing.assert_array_equal(plain.get_weights()[0], np.eye(2))
    given = np.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(Sequential([Dense(3, kernel_initializer=given, input_dim=2)]).get_weights()[0], given)
    with pytest.raises(ValueError, match=r"given_array returned the wrong shape. Expected \(2, 4\). Received: \(2, 3\)"):
        Sequential([Dense(4, kernel_initializer=given, input_dim=2)])


def test_keras_initializers_are_callables_too():
    keras = pytest.importorskip("keras")
    w = Sequential([Dense(3, kernel_initializer=keras.initializers.HeNormal(seed=1), input_dim=2)]).get_weights()[0]
    np.testing.assert_array_equal(w, keras.initializers.HeNormal(seed=1)((2, 3), dtype="float32"))


def test_subclasses():
    class Ramp(Initializer):
        def __init__(self, slope=1.0):
            self.slope = slope

        def __call__(self, shape, dtype=None):
            return self.slope * np.arange(math.prod(shape), dtype=dtype).reshape(shape)

    layer = Dense(2, kernel_initializer=Ramp(0.5), input_dim=2)
    assert Sequential([layer]).get_weights()[0].tolist() == [[0, 0.5], [1, 1.5]]
    config = layer.get_config()["kernel_initializer"]
    assert config == {"class_name": "Ramp", "config": {"slope": 0.5}}
    assert initializers.deserialize(config, {"Ramp": Ramp}).slope == 0.5
    with pytest.raises(ValueError, match=r"Unknown initializer: 'Ramp'. Expected one of: .*he_normal"):
        initializers.deserialize(config)
    with pytest.raises(NotImplementedError, match="Initializer gives neither"):
        Initializer()((2,))


# ------------------------------------------------------------------ names and configurations
OLD = {"zero": "Zeros", "one": "Ones", "normal": "RandomNormal", "uniform": "RandomUniform"}
SNAKE = [
    "zeros", "ones", "identity", "random_normal", "random_uniform", "truncated_normal", "variance_scaling", "glorot_normal",
    "glorot_uniform", "he_normal", "he_uniform", "lecun_normal", "lecun_uniform", "orthogonal",
]


@pytest.mark.parametrize("name", [*SNAKE, *OLD, "STFT", "stft", "IdentityInitializer", "OrthogonalInitializer", "HeNormal", "Zeros"])
def test_names_are_keras(name):
    keras = pytest.importorskip("keras")
    mine, theirs = initializers.get(name), keras.initializers.get(name)
    assert type(mine).__name__ == type(theirs).__name__
    assert mine.get_config().items() >= theirs.get_config().items()  # Keras leaves out the identity's gain
    if name in SNAKE:
        assert getattr(initializers, name) is type(mine)


@pytest.mark.parametrize(
    "thing",
    [
        VarianceScaling(2.0, "fan_out", "uniform", 3), Constant(0.5), Constant([1.0, 2.0]), HeNormal(seed=4), Identity(2.0),
        Orthogonal(1.5, 2), RandomUniform(-1.0, 1.0, 3), TruncatedNormal(0.5, 0.1), STFT("imag", None), GlorotUniform(1, [0], [1]),
    ],
    ids=repr,
)
def test_configurations(thing):
    config = initializers.serialize(thing)
    again = initializers.deserialize(config)
    assert type(again) is type(thing) and again.get_config() == thing.get_config()
    assert initializers.get({"module": "keras.initializers", "registered_name": None, **config}).get_config() == thing.get_config()
    assert type(thing).from_config(thing.get_config()).get_config() == thing.get_config()


def test_unknown_things():
    with pytest.raises(ValueError, match=r"Unknown initializer: 'he'. Expected one of: .*glorot_uniform.*he_normal.*zeros"):
        Dense(2, kernel_initializer="he")
    for nothing in (None, 3):
        with pytest.raises(ValueError, match=r"Could not interpret initializer. Expected a name, an Initializer, an array or a callable"):
            initializers.get(nothing)
    with pytest.raises(ValueError, match="Expected scale > 0 and mode"):
        VarianceScaling(0.0)
    with pytest.raises(ValueError, match=r"Expected distribution uniform.*Received: 'cauchy'"):
        VarianceScaling(distribution="cauchy")
