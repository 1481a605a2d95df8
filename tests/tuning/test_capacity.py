"""Capacity search: the slide's table replayed (EX-27), and the same on real digits."""

import math

import numpy as np
import pytest

from gpunn.layers import Dense, Input
from gpunn.models import Sequential
from gpunn.tuning import capacity_path, capacity_search, training_score

TABLE = {(1, 100): 5.4, (1, 250): 4.8, (2, 250): 4.4, (3, 250): 4.5, (3, 200): 4.3}


def test_the_table_ex_27():
    asked = []
    found = capacity_search(lambda layers, nodes: asked.append((layers, nodes)) or TABLE[layers, nodes])
    assert asked == list(TABLE) and [t.score for t in found.trials] == list(TABLE.values())
    assert [t.decision for t in found.trials] == ["Increase capacity"] * 3 + ["Decrease capacity", "Done"]
    assert (found.best.layers, found.best.nodes, found.best.score) == (3, 200, 4.3)
    lines = found.table().splitlines()
    assert lines[0].split() == ["hidden", "layers", "nodes", "per", "layer", "score", "next", "step"]
    assert lines[-1].split() == ["3", "200", "4.3", "Done"] and len(lines) == 6
    assert found.records()[0] == {"layers": 1, "nodes": 100, "score": 5.4, "decision": "Increase capacity", "error": None}


def scores(values, **options):
    given = iter(values)
    return capacity_search(lambda layers, nodes: next(given), **options)


def test_rules():
    worse = scores([3.0, 2.0, 2.5, 2.4])
    assert worse.best.score == 2.0 and [t.decision for t in worse.trials][-2:] == ["Decrease capacity", "Done"]
    rising = scores([0.5, 0.6, 0.6, 0.59], mode="max")
    assert rising.best.score == 0.6 and [(t.layers, t.nodes) for t in rising.trials] == [(1, 100), (1, 250), (2, 250), (2, 200)]
    near = scores([3.0, 2.95, 3.1], min_delta=0.1)
    assert [t.decision for t in near.trials] == ["Increase capacity", "Decrease capacity", "Done"]
    ever = scores(range(99, 0, -1), limit=4)
    assert len(ever.trials) == 4 and ever.trials[-1].decision == "Done" and ever.best.score == 96
    own = scores([3, 2, 5, 1], path=[(1, 8), (2, 8), (4, 8)], back=lambda layers, nodes: (layers - 1, nodes))
    assert [(t.layers, t.nodes) for t in own.trials] == [(1, 8), (2, 8), (4, 8), (3, 8)] and own.best.layers == 3
    assert list(zip(capacity_path(10, 20), range(3), strict=False))[2][0] == (2, 20)


def test_a_network_that_fails():
    def score(layers, nodes):
        if layers == 2:
            raise MemoryError("too large")
        return 1.0 / nodes

    found = capacity_search(score, back=lambda layers, nodes: (1, 240))
    assert [t.error for t in found.trials] == [None, None, "MemoryError: too large", None] and math.isnan(found.trials[2].score)
    assert found.best.nodes == 250 and found.trials[2].decision == "Decrease capacity"
    assert math.isnan(scores([2.0, math.inf, 1.0]).trials[1].score)
    with pytest.raises(MemoryError):
        capacity_search(lambda layers, nodes: score(2, nodes))
    with pytest.raises(ValueError, match="no network gave a finite score"):
        _ = scores([math.nan]).best
    for options in ({"mode": "least"}, {"limit": 0}, {"min_delta": -1}, {"path": []}):
        with pytest.raises(ValueError, match="capacity_search: "):
            scores([1.0], **options)


def test_on_real_digits_cl_44(cpu):
    """A table of the same form from a data set; the decisions follow from its scores."""
    load = pytest.importorskip("sklearn.datasets").load_digits
    x, y = load(return_X_y=True)
    x = (x / 16).astype("float32")

    def build(layers, nodes):
        hidden = [Dense(nodes, activation="relu") for _ in range(layers)]
        model = Sequential([Input((64,)), *hidden, Dense(10, activation="softmax")])
        model.compile("adam", "sparse_categorical_crossentropy")
        return model

    score = training_score(build, x, y, validation_split=0.3, epochs=6, batch_size=64)
    assert score(1, 4) == score(1, 4), "the same seed each time"
    found = capacity_search(score, path=[(1, 4), (1, 32), (2, 64), (3, 64), (4, 64), (5, 64)])
    best, values = math.inf, [t.score for t in found.trials]
    for t in found.trials[:-1]:
        assert t.decision == ("Increase capacity" if t.score < best else "Decrease capacity")
        best = min(best, t.score)
    assert found.trials[-1].decision == "Done" and values[1] < 0.7 * values[0] and found.best.score == min(values)
    assert np.isfinite(values).all()
    with pytest.raises(ValueError, match="monitor='val_loss' needs validation_data or validation_split"):
        training_score(build, x, y)
