"""EinsumDense: gradients, fans, and what it refuses."""

import numpy as np
import pytest
from gradient import check_layer

import gpunn
from gpunn.layers import EinsumDense

CASES = {
    "matrix": (("abc,cd->abd", (5, 2)), {"bias_axes": "d", "activation": "tanh"}, (3, 5, 4)),
    "two axes": (("abcd,cde->abe", (5, 2)), {"bias_axes": "be"}, (3, 5, 2, 4)),
    "a product for each place": (("abc,bcd->abd", (5, 3)), {}, (3, 5, 4)),
    "axes before": (("...x,xyz->...yz", (3, 2)), {"bias_axes": "z"}, (2, 3, 5, 4)),
    "axes behind": (("abc...,bd->adc...", (6, 3)), {"bias_axes": "d"}, (2, 5, 3, 4)),
    "sizes of the input": (("abc,cd->abd", (None, 2)), {}, (3, 5, 4)),
}


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("case", CASES)
def test_gradient(case, either_cpu):
    arguments, options, shape = CASES[case]
    layer, x = EinsumDense(*arguments, **options), np.random.default_rng(1).standard_normal(shape)
    assert layer(x).shape == (shape[0], *layer.compute_output_shape((None, *shape[1:]))[1:])
    again = EinsumDense.from_config(layer.get_config())
    assert again.get_config() == layer.get_config() and again.compute_output_shape(shape) == layer.compute_output_shape(shape)
    check_layer(layer, x, True, 1)
    with pytest.raises(AssertionError, match="analytic"):
        check_layer(layer, x, True, 1, spoil=1.001)


def test_fans_are_of_the_equation(cpu):
    layer = EinsumDense("abc,cde->abde", (5, 30, 20))
    layer.ensure_built((None, 5, 100))
    limit = np.sqrt(6 / (100 + 30 * 20))  # Keras counts the axes that come out as one fan
    np.testing.assert_allclose(np.abs(layer.kernel.numpy()).max(), limit, rtol=0.001)


def test_its_regularizer_of_outputs_counts(cpu):
    model = gpunn.Sequential([gpunn.Input((3,)), EinsumDense("ab,bc->ac", 2, activity_regularizer="l2")])
    model.compile("sgd", "mse")
    x = np.ones((4, 3), np.float32)
    y = model.predict(x, verbose=0)
    np.testing.assert_allclose(model.evaluate(x, y, verbose=0), 0.01 * np.square(y).sum() / 4, rtol=1e-5)


ERRORS = {
    "no arrow": (("ab,bc", 2), {}, (None, 3), r"'e': equation must be .*Received: equation='ab,bc'"),
    "dots apart": (("...b,bc->c...", 2), {}, (None, 3), "'e': equation must be"),
    "rank": (("ab,bc->ac", 2), {}, (None, 3, 4), r"'e': expected an input with an axis for each letter of 'ab'.*\(None, 3, 4\)"),
    "no batch": (("...ab,bc->...ac", (3, 2)), {}, (3, 2), r"'e': expected an input with an axis for each"),
    "too few sizes": (("abc,cd->abd", 2), {}, (None, 3, 4), r"'e': output_shape must have a size for each of 'bd'.*\(2,\)"),
    "another size": (("abc,cd->abd", (5, 2)), {}, (None, 3, 4), r"'e': input and output do not match at 'b'.*Received: 3 .* 5 in"),
    "a letter of the kernel": (("ab,bcd->ac", 2), {}, (None, 3), r"'e': 'd' stands on one side only"),
    "a letter of the bias": (("ab,bc->ac", 2), {"bias_axes": "b"}, (None, 3), r"'e': 'b' stands on one side only.*bias_axes='b'"),
    "open axis": (("ab,bc->ac", 2), {}, (None, None), r"'e': the axes of kernel and bias must be known"),
}  # fmt: skip


@pytest.mark.parametrize("case", ERRORS)
def test_errors(case, cpu):
    arguments, options, shape, message = ERRORS[case]
    with pytest.raises(ValueError, match=message):
        EinsumDense(*arguments, name="e", **options).build(shape)


def test_another_width_is_refused(cpu):
    layer = EinsumDense("ab,bc->ac", 2, name="e")
    layer(np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"layer 'e' is incompatible .* kernel of shape \(3, 2\).*\(2, 4\)"):
        layer(np.ones((2, 4)))
