"""normalize, types, batches, Progbar: as Keras has them."""

import numpy as np
import pytest

import gpunn
from gpunn import utils

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("axis", [-1, 1, 2, None])
@pytest.mark.parametrize("order", [1, 2, 3, np.inf])
def test_normalize_like_keras(axis, order):
    keras = pytest.importorskip("keras_twin").keras
    x = RNG.normal(size=(3, 4, 5))
    x[1, 2] = 0
    if axis in (-1, 2, None):
        np.testing.assert_allclose(utils.normalize(x, axis, order), keras.utils.normalize(x, -1 if axis is None else axis, order))
    ours = utils.normalize(x, axis, order)
    assert ours.shape == x.shape and (ours[1, 2] == 0).all()
    np.testing.assert_allclose(np.linalg.norm(ours[0], order, -1 if axis is None else axis - (axis > 0)), 1)


def test_normalize_images_and_rows():
    """Integers, and the first axis, where Keras fails."""
    x = np.arange(6, dtype=np.uint8).reshape(2, 3)
    np.testing.assert_allclose(utils.normalize(x, 0), x / np.sqrt((x.astype(float) ** 2).sum(0)))
    np.testing.assert_allclose(utils.normalize([3.0, 4.0]), [0.6, 0.8])


@pytest.mark.parametrize("dtype", [None, "float32", "int64", np.float64, np.dtype("uint8"), bool, int, float, "bfloat16", str])
def test_types_like_keras(dtype):
    keras = pytest.importorskip("keras_twin").keras
    assert utils.standardize_dtype(dtype) == keras.utils.standardize_dtype(dtype)


def test_no_type():
    for wrong in ("floaty", [1, 2]):
        with pytest.raises(ValueError, match="Invalid dtype"):
            utils.standardize_dtype(wrong)
    assert utils.is_keras_tensor(gpunn.Input((3,))) and not utils.is_keras_tensor(np.ones(3))


@pytest.mark.parametrize("given", [(1,), ([1],), ((1, 2),), (1, 2), (1, 2, 3), (1, None, None)])
def test_packing_like_keras(given):
    keras = pytest.importorskip("keras_twin").keras
    packed = utils.pack_x_y_sample_weight(*given)
    assert packed == keras.utils.pack_x_y_sample_weight(*given) and type(packed) is type(keras.utils.pack_x_y_sample_weight(*given))
    _, y, weight = utils.unpack_x_y_sample_weight(packed)
    assert y == (given[1] if len(given) > 1 else None) and weight == (given[2] if len(given) > 2 else None)


LOOPS = {
    "means": {}, "stateful": {"stateful_metrics": ["a"]}, "stateless": {"stateless_metrics": ["b"]},
    "all stateful": {"stateless_metrics": []},
}


def shown(theirs):
    return {name: float(np.mean(total)) / max(1, count) for name, (total, count) in theirs._values.items()}


@pytest.mark.parametrize("named", LOOPS.values(), ids=LOOPS)
@pytest.mark.parametrize("target", [5, None])
def test_progbar_shows_keras_values(named, target, capsys):
    keras = pytest.importorskip("keras_twin").keras
    ours, theirs = (library.utils.Progbar(target, verbose=1, interval=0, **named) for library in (gpunn, keras))
    for step in (1, 2, 4):
        for bar in (ours, theirs):
            bar.update(step, [("a", step * 0.5), ("b", np.array([1.0, step]))])
        assert ours.values == pytest.approx(shown(theirs))
    for bar in (ours, theirs):
        bar.add(1, [("a", 9.0)])
    assert ours.values == pytest.approx(shown(theirs))


@pytest.mark.parametrize("verbose", [0, 1, 2])
def test_what_progbar_prints(verbose, capsys):
    bar = utils.Progbar(3, verbose=verbose)
    for i in range(3):
        bar.add(1, [("loss", 0.5 + i)])
    out = capsys.readouterr().out
    assert (out == "") if verbose == 0 else (out.startswith("3/3 - 0s - loss: ") and out.count("\n") == 1)
    with pytest.raises(ValueError, match="Received: both"):
        utils.Progbar(3, stateful_metrics=["a"], stateless_metrics=["b"])
