"""ONNX: onnxruntime predicts as the model does, for any number of rows; a layer that has no ONNX form is named."""

import numpy as np
import pytest

import gpunn
from gpunn import activations
from gpunn import layers as L
from gpunn.models.onnx.layers import WRITERS

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")
pytestmark = pytest.mark.usefixtures("cpu")
RNG = np.random.default_rng(0)


def predicted(path, x):
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: x})[0]


def check(model, tmp_path, x, near=2e-6):
    model.export(tmp_path / "m.onnx")
    for rows in (len(x), 1, 0):
        there = predicted(tmp_path / "m.onnx", x[:rows])
        assert there.dtype == x.dtype and there.shape == (rows, *model.output_shape[1:])
        if rows:
            np.testing.assert_allclose(there, model.predict(x[:rows]), rtol=2e-5, atol=near)
    assert [f.name for f in tmp_path.iterdir()] == ["m.onnx"]


# one list for each family: every layer there is
STACKS = {
    "dense, norms": [
        lambda: L.Dense(6, "relu"), lambda: L.BatchNormalization(), lambda: L.Dropout(0.3), lambda: L.LayerNormalization(),
        lambda: L.Dense(8, use_bias=False), lambda: L.BatchNormalization(scale=False), lambda: L.GroupNormalization(2),
        lambda: L.RMSNormalization(), lambda: L.UnitNormalization(), lambda: L.GaussianNoise(0.1), lambda: L.GaussianDropout(0.1),
        lambda: L.AlphaDropout(0.1), lambda: L.ActivityRegularization(0.1), lambda: L.Dense(3, "softmax"),
    ],
    "axes": [
        lambda: L.Reshape((3, 4)), lambda: L.LayerNormalization(axis=[1, 2]), lambda: L.PReLU("uniform", shared_axes=[1]),
        lambda: L.SpatialDropout1D(0.1), lambda: L.Dense(6), lambda: L.GroupNormalization(3), lambda: L.Softmax(axis=1),
        lambda: L.Softmax(axis=[1, 2]), lambda: L.Reshape((3, 2, 3)), lambda: L.SpatialDropout2D(0.1), lambda: L.ReLU(3.0, 0.1, 0.2),
        lambda: L.LeakyReLU(), lambda: L.ELU(), lambda: L.Reshape((1, 3, 2, 3)), lambda: L.SpatialDropout3D(0.1), lambda: L.Flatten(),
        lambda: L.Activation("tanh"),
    ],
}


def built(stack, dtype="float32"):
    model = gpunn.Sequential([L.Input((12,)), *(make() for make in stack)])
    model.set_weights([w + 0.3 * RNG.random(w.shape).astype(w.dtype) for w in model.get_weights()])
    return model


@pytest.mark.parametrize("stack", STACKS)
def test_layers(tmp_path, stack):
    check(built(STACKS[stack]), tmp_path, RNG.standard_normal((7, 12)).astype("float32"))


def test_every_layer_is_exported():
    assert not {k.__name__ for k in L.NAMES.values()} - {k.__name__ for k in WRITERS}


@pytest.mark.parametrize("name", sorted({a.name for a in activations.NAMES.values()}))
def test_activations(tmp_path, name):
    """Over small, usual and large numbers; 12 columns, so that glu has halves."""
    given = activations.NAMES[name]
    given = given if given.parameters is not None else given.configured(0.4, 0.7)
    model = gpunn.Sequential([L.Input((12,)), L.Activation(given)])
    x = np.concatenate([RNG.standard_normal((6, 12)), 1e-4 * RNG.standard_normal((3, 12)), 30 * RNG.standard_normal((3, 12))])
    check(model, tmp_path, x.astype("float32"))


def test_sparsemax_and_glu_along_an_inner_axis(tmp_path):
    stack = [lambda: L.Reshape((2, 2, 3)), lambda: L.Activation(activations.sparsemax.configured(axis=1)),
             lambda: L.Activation(activations.glu.configured(axis=2))]
    check(built(stack), tmp_path, RNG.standard_normal((5, 12)).astype("float32"))


def test_float64(tmp_path, float64):
    model = gpunn.Sequential([L.Input((12,)), L.Dense(4, "tanh"), L.Dense(2)])
    check(model, tmp_path, RNG.standard_normal((5, 12)), 1e-12)


def test_without_an_input_layer_and_a_formula_of_the_users(tmp_path):
    @gpunn.elementwise("x, width:const -> y", name="onnx_bump")
    def bump(x, width):
        return exp(-x * x / width) if x > -1.0 and not x > 2.0 else x**3  # noqa: F821

    @gpunn.elementwise("dy, x, width:const -> dx", name="onnx_bump_bwd")
    def bump_bwd(dy, x, width):
        return dy * width

    model = gpunn.Sequential([L.Dense(4, activation=activations.FromFormula(bump, bump_bwd, 0.5), input_dim=12)])
    check(model, tmp_path, RNG.standard_normal((9, 12)).astype("float32"))


class Mine(L.Layer):
    def forward(self, x, training=False):
        return x, lambda dy: dy


def test_what_cannot_be_exported(tmp_path):
    model = gpunn.Sequential([L.Input((3,)), Mine(name="special")])
    with pytest.raises(ValueError, match=r"Layer 'special' \(Mine\) cannot be exported to ONNX. Those that can are: .*Dense"):
        model.export(tmp_path / "m.onnx")
    with pytest.raises(ValueError, match="is not built"):
        gpunn.Sequential([L.Dense(3)]).export(tmp_path / "m.onnx")
    with pytest.raises(ValueError, match="format='tf_saved_model'"):
        model.export(tmp_path / "m", format="tf_saved_model")
    assert not list(tmp_path.iterdir())
