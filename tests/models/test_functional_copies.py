"""Functional models: configurations, copies, files, summaries and pictures."""

import json

import graphs
import numpy as np
import pytest

import gpunn
from gpunn import layers
from gpunn.layers import Dense, Input, Lambda
from gpunn.models import Functional, Sequential, clone_model

pytestmark = pytest.mark.usefixtures("cpu")
RNG = np.random.default_rng(1)
X, Y = RNG.standard_normal((40, 6)).astype("float32"), RNG.standard_normal((40, 2)).astype("float32")


@pytest.mark.parametrize("graph", ["chain", "residual", "moved", "many", "shared", "nested"])
def test_configuration_and_clone(graph):
    model, x, _ = getattr(graphs, graph)(gpunn)
    config = json.loads(json.dumps(model.get_config()))
    again, copy = Functional.from_config(config), clone_model(model)
    assert json.loads(json.dumps(again.get_config())) == config
    for other in (again, copy):
        assert [w.shape for w in other.get_weights()] == [w.shape for w in model.get_weights()]
        assert not np.array_equal(other.get_weights()[0], model.get_weights()[0])
        other.set_weights(model.get_weights())
        for a, b in zip(layers.graph.flat(model.predict(x, verbose=0)), layers.graph.flat(other.predict(x, verbose=0)), strict=True):
            np.testing.assert_array_equal(a, b)


def double(x):
    return 2 * x


def double_backward(dy, x):
    return 2 * dy


def test_clone_with_a_function_and_lambdas_in_files(tmp_path):
    model = Sequential([Input((6,)), Dense(4), Lambda(double, backward=double_backward), Dense(2)])
    last = model.layers[-1]
    wider = clone_model(model, clone_function=lambda layer: Dense(7) if layer is last else layer)
    assert wider.output_shape == (None, 7) and wider.layers[1] is model.layers[1]
    model.compile("sgd", "mse")
    model.fit(X, Y, verbose=0)
    assert "launch by launch" in model.explain(print_fn=str)
    model.save(tmp_path / "m.npz")
    with pytest.raises(ValueError, match=r"Unknown function: 'double'. Pass custom_objects=\{'double': the_function\}"):
        gpunn.models.load_model(tmp_path / "m.npz")
    again = gpunn.models.load_model(tmp_path / "m.npz", custom_objects={"double": double, "double_backward": double_backward})
    np.testing.assert_array_equal(again.predict(X, verbose=0), model.predict(X, verbose=0))


def test_summary_names_what_is_connected():
    model, _, _ = graphs.many(gpunn)
    lines = []
    model.summary(print_fn=lines.append)
    (text,) = lines
    assert "Connected to" in text and "numbers (Dense)" in text and "numbers[0][0]" in text and "Total params: " in text
    nested, _, _ = graphs.nested(gpunn)
    nested.summary(print_fn=lines.append, expand_nested=True)
    assert lines[1].count("(Add)") == 2 and "    add" in lines[1]


@pytest.mark.parametrize("suffix", ["svg", "png"])
def test_picture(suffix, tmp_path):
    pytest.importorskip("matplotlib")
    model, _, _ = graphs.moved(gpunn)
    figure = gpunn.utils.plot_model(model, tmp_path / f"m.{suffix}", show_shapes=True, show_layer_activations=True, dpi=40)
    assert (tmp_path / f"m.{suffix}").stat().st_size > 1000
    texts = [t.get_text() for t in figure.axes[0].texts]
    assert sum("(Dense)" in t for t in texts) == 3 and any("out: (None, 5, 3)" in t for t in texts)
    with pytest.raises(ValueError, match="expected a file name ending in"):
        gpunn.utils.plot_model(model, tmp_path / "m.txt")
