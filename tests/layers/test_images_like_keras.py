"""Layers over images and sequences: forward and backward as Keras 3 (JAX, float64), on compiled kernels, on NumPy and on `sim`."""

import shutil

import jax
import numpy as np
import pytest
from image_cases import CASES
from keras_twin import compute_in, keras

from gpunn import layers
from gpunn.backend.cpu import CpuBackend, has_numba

pytestmark = pytest.mark.usefixtures("float64")


def backends(sim_with):
    if has_numba():
        yield CpuBackend(compiled=True, threads=1)
    yield CpuBackend(compiled=False)
    if shutil.which("g++") and shutil.which("gcc"):
        yield sim_with()


@pytest.mark.one_in(2)
@pytest.mark.parametrize("case", CASES)
def test_as_keras(case, sim_with, cpu):
    name, arguments, options, shape = CASES[case]
    compute_in("float64")
    rng = np.random.default_rng(3)
    theirs = getattr(keras.layers, name)(*arguments, **options)
    theirs.build(shape)
    weights = [rng.standard_normal(w.shape) for w in theirs.weights]
    theirs.set_weights(weights)
    x = np.round(2 * rng.standard_normal(shape)) / 2  # full of ties
    values = [v.value for v in theirs.trainable_variables]
    y, vjp = jax.vjp(lambda values, x: theirs.stateless_call(values, [], x)[0], values, jax.numpy.asarray(x))
    dy = rng.standard_normal(y.shape)
    gradients, dx = vjp(jax.numpy.asarray(dy, y.dtype))
    near = {"rtol": 1e-10, "atol": 1e-10}
    for ops in backends(sim_with):
        ours = getattr(layers, name)(*arguments, **options)
        ours.backend = ops
        assert ours.compute_output_shape((None, *shape[1:])) == tuple(theirs.compute_output_shape((None, *shape[1:])))
        ours.ensure_built((None, *shape[1:]))
        assert [(w.name.split("/")[1], w.shape) for w in ours.weights] == [(w.name, tuple(w.shape)) for w in theirs.weights]
        ours.set_weights(weights)
        mine, pullback = ours.forward(ops.asarray(x), True)
        np.testing.assert_allclose(ops.to_numpy(mine), y, **near, err_msg=f"y on {ops.name}")
        for p in ours.parameters:
            p.begin_step()
        np.testing.assert_allclose(ops.to_numpy(pullback(ops.asarray(dy.copy()))), dx, **near, err_msg=f"dx on {ops.name}")
        for p, gradient in zip(ours.parameters, gradients, strict=True):
            np.testing.assert_allclose(ops.to_numpy(p.gradient), gradient, **near, err_msg=f"{p.name} on {ops.name}")


def test_every_case_is_another_layer_or_option():
    words = ("Conv", "Pooling", "UpSampling", "ZeroPadding", "Cropping")
    missing = {n for n in layers.NAMES if any(w in n for w in words) and "LSTM" not in n}
    assert not missing - {name for name, *_ in CASES.values()}
