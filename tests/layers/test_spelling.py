"""Old names of arguments, and the ways to say an input's shape."""

import numpy as np
import pytest

from gpunn.layers import Activation, Dense, Flatten, Input
from gpunn.layers.spelling import old_names
from gpunn.models import Sequential

pytestmark = pytest.mark.usefixtures("cpu")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"output_dim": 7}, {"units": 7}),
        ({"units": 7, "init": "uniform"}, {"units": 7, "kernel_initializer": "uniform"}),
        ({"units": 7, "W_regularizer": "l2", "b_regularizer": "l1"}, {"units": 7, "kernel_regularizer": "l2", "bias_regularizer": "l1"}),
        ({"units": 7, "W_constraint": "maxnorm", "b_constraint": "nonneg"},
         {"units": 7, "kernel_constraint": "max_norm", "bias_constraint": "non_neg"}),
        ({"units": 7, "bias": False}, {"units": 7, "use_bias": False}),
    ],
    ids=lambda o: " ".join(o),
)  # fmt: skip
def test_keras_1_names_of_dense(old, new):
    with pytest.warns(DeprecationWarning, match="is an old spelling of") as caught:
        layer = Dense(**old, name="d")
    assert layer.get_config() == Dense(**new, name="d").get_config()
    assert all(w.filename == __file__ for w in caught), "the warning points to whoever wrote the old name"


@pytest.mark.parametrize(
    "make", [lambda: Dense(3, output_dim=4), lambda: Dense(units=3, output_dim=4), lambda: Dense(3, "relu", True, "zeros", init="ones")]
)
def test_both_spellings_are_refused(make):
    with pytest.raises(TypeError, match=r"Dense got .* its old spelling. Expected one of them"):
        make()


def test_the_decorator_reads_the_names_it_is_given():
    class Thing:
        @old_names(p="rate")
        def __init__(self, rate, *, other=0):
            self.rate, self.other = rate, other

    assert Thing(0.5, other=1).rate == 0.5
    with pytest.warns(DeprecationWarning, match="^p is an old spelling of rate"):
        assert Thing(p=0.25).rate == 0.25
    with pytest.raises(TypeError, match="unexpected keyword argument 'q'"):
        Thing(0.5, q=1)


COLUMNS = np.zeros((5, 784))


@pytest.mark.parametrize(
    "shape",
    [
        {"input_shape": (784,)}, {"input_shape": [784]}, {"input_shape": 784}, {"input_shape": COLUMNS.shape[1:]}, {"input_dim": 784},
        {"batch_input_shape": (None, 784)}, {"batch_input_shape": (32, 784)}, {"input_shape": (np.int64(784),)},
    ],
    ids=str,
)  # fmt: skip
def test_ways_to_say_the_shape_f_api_04(shape):
    model = Sequential([Dense(3, **shape)])
    assert model.built and model.input_shape == (None, 784) and model.output_shape == (None, 3)


def test_an_image_f_api_04():
    model = Sequential([Flatten(input_shape=[28, 28]), Dense(2)])
    assert model.input_shape == (None, 28, 28) and model.count_params() == 784 * 2 + 2


@pytest.mark.parametrize("shape", [{"input_dim": 4}, {"input_shape": (4,)}, {"batch_input_shape": (None, 4)}])
def test_a_later_layer_may_repeat_what_is_known_f_api_05(shape):
    model = Sequential([Input((2,)), Dense(4), Activation("relu"), Dense(3, **shape)])
    assert model.output_shape == (None, 3)
    late = Sequential([Dense(4), Dense(3, **shape)])
    assert late.predict(np.zeros((1, 9))).shape == (1, 3)


def test_a_later_layer_that_contradicts_f_api_05():
    """ERR-18."""
    message = r"Layer 'last': input shape \(5,\) contradicts the layer before it, whose output is \(None, 4\)"
    with pytest.raises(ValueError, match=message):
        Sequential([Dense(4, input_dim=2), Dense(3, input_dim=5, name="last")])
    late = Sequential([Dense(4), Dense(3, input_dim=5, name="last")])
    with pytest.raises(ValueError, match=r"Layer 'last': expected input shape \(None, 5\). Received: \(None, 4\)"):
        late.predict(np.zeros((1, 9)))
