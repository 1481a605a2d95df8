"""Graphs train as in Keras 3: the same weights after 20 steps, the same history, in float64."""

import graphs
import numpy as np
import pytest
from keras_twin import assert_same_history, assert_same_weights, compute_in, gpunn, keras

pytestmark = pytest.mark.usefixtures("cpu")
OPTIONS = {"batch_size": 5, "shuffle": False, "verbose": 0, "epochs": 4}


def pair(build, **compiled):
    """(ours, theirs, x, y) of a graph, from the same weights."""
    compute_in("float64")
    ours, x, y = build(gpunn)
    theirs, _, _ = build(keras)
    theirs.set_weights(ours.get_weights())
    for library, model in ((gpunn, ours), (keras, theirs)):
        model.compile(optimizer=library.optimizers.Adam(0.01), **compiled)
    return ours, theirs, x, y


@pytest.mark.parametrize("name", graphs.ONE_OUTPUT)
def test_twenty_steps(name, float64):
    build, loss = graphs.ONE_OUTPUT[name]
    ours, theirs, x, y = pair(build, loss=loss)
    assert [w.shape for w in ours.get_weights()] == [w.shape for w in theirs.get_weights()]
    np.testing.assert_allclose(ours.predict(x), theirs.predict(x, verbose=0), rtol=1e-6)
    history = [model.fit(x, y, **OPTIONS) for model in (ours, theirs)]
    assert_same_history(*history, 1e-7)
    assert_same_weights(ours, theirs, 1e-7)
    np.testing.assert_allclose(ours.evaluate(x, y), theirs.evaluate(x, y, verbose=0), rtol=1e-6)


CASES = {
    "lists": {
        "loss": ["mse", "binary_crossentropy", "sparse_categorical_crossentropy"], "loss_weights": [0.5, 2.0, 1.0],
        "metrics": [["mae"], ["accuracy", "mse"], ["accuracy"]],
    },
    "dicts": {
        "loss": {"labels": "sparse_categorical_crossentropy", "numbers": "mae", "bits": "binary_crossentropy"},
        "loss_weights": {"numbers": 0.1, "bits": 1.0, "labels": 3.0}, "metrics": {"labels": ["accuracy"]},
        "weighted_metrics": {"labels": ["accuracy"], "numbers": ["mse"]},
    },
    "some": {"loss": ["mse", None, "sparse_categorical_crossentropy"]},
}


@pytest.mark.parametrize("data", ["lists", "dicts"])
@pytest.mark.parametrize("case", CASES)
def test_several_outputs(case, data, float64):
    ours, theirs, x, y = pair(graphs.many, **CASES[case])
    weights = [np.linspace(0.1, 2, graphs.ROWS), np.ones(graphs.ROWS), np.linspace(3, 0, graphs.ROWS)] if case == "dicts" else None
    y = [y[0], y[2]] if case == "some" else y
    mine, names = (x, y, weights), ("numbers", "labels") if case == "some" else ("numbers", "bits", "labels")
    if data == "dicts":  # Keras takes them only all together
        mine = ({"b": x[1], "a": x[0]}, *(None if v is None else dict(zip(names, v, strict=True)) for v in (y, weights)))
    history = [
        model.fit(x, y, sample_weight=w, **OPTIONS) for model, (x, y, w) in zip((ours, theirs), (mine, (x, y, weights)), strict=True)
    ]
    assert_same_history(*history, 1e-7)
    assert_same_weights(ours, theirs, 1e-7)
    for a, b in zip(ours.predict(mine[0]), theirs.predict(x, verbose=0), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(ours.evaluate(*mine[:2]), theirs.evaluate(x, y, verbose=0), rtol=1e-6, atol=1e-8)
    assert set(ours.evaluate(*mine[:2], return_dict=True)) == set(theirs.evaluate(x, y, verbose=0, return_dict=True))


def test_outputs_have_their_types():
    """Integers may then be places of an array."""
    found, rows = [], np.arange(-3, 5, dtype="float32").reshape(2, 4)
    for library in (gpunn, keras):
        x = library.layers.Input((4,))
        ops = library.ops
        place = ops.cast(ops.argmax(x, -1), "int32")  # int64 where JAX has wide numbers
        model = library.Model(x, {"place": place, "larger": ops.greater(x, 0), "same": x * 2})
        for values in (model.predict(rows, verbose=0), model.predict(rows, verbose=0), model(rows)):
            found.append({name: (str(np.asarray(v).dtype), np.asarray(v).tolist()) for name, v in values.items()})
    assert all(one == found[-1] for one in found)

