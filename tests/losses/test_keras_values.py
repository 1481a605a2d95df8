"""Values of every loss equal Keras 3's: functions, objects, reductions, weights, vectors, sequences; names and signatures are Keras's."""

import inspect
import warnings

import numpy as np
import pytest
from keras_twin import compute_in, keras
from loss_cases import CASES, COLUMNS, RUNS, draw

import gpunn
from gpunn import losses

pytestmark = pytest.mark.usefixtures("cpu")
OURS = {n: c for n, c in CASES.items() if c.keras}
EQUAL = {"rtol": 1e-9, "atol": 1e-12}


@pytest.fixture(autouse=True)
def _float64(float64):
    compute_in("float64")


def pair(case, **more):
    return tuple(getattr(module, case.name)(**case.options | more) for module in (losses, keras.losses))


def function(module, case):
    return getattr(module, getattr(losses, case.name).function_name)


@pytest.mark.parametrize(("name", "shape"), [r for r in RUNS if r[0] in OURS])
def test_function(name, shape):
    """One value a row or position."""
    case = OURS[name]
    t, p = draw(case.kind, np.random.default_rng(0), shape)
    mine, theirs = function(losses, case)(t, p, **case.options), np.asarray(function(keras.losses, case)(t, p, **case.options))
    assert np.shape(mine) == theirs.shape
    np.testing.assert_allclose(mine, theirs, **EQUAL)


@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "mean", "sum", "mean_with_sample_weight", "none", None])
@pytest.mark.parametrize(("name", "shape"), [r for r in RUNS if r[0] in OURS])
def test_reductions_and_weights(name, shape, reduction):
    case = OURS[name]
    if case.name == "Circle" and reduction == "mean_with_sample_weight":
        with pytest.raises(ValueError, match="rows without a pair"):
            pair(case, reduction=reduction)
        return
    rng = np.random.default_rng(1)
    t, p = draw(case.kind, rng, shape)
    mine, theirs = pair(case, reduction=reduction)
    assert mine.get_config()["reduction"] == reduction
    np.testing.assert_allclose(mine(t, p), np.asarray(theirs(t, p)), **EQUAL)
    if not mine.weighable:
        return
    weight = rng.uniform(0, 2, theirs(t, p).shape if np.ndim(theirs(t, p)) and not mine.batchwise else shape[: len(shape) - 1])
    if mine.batchwise:
        weight = weight.reshape(len(weight), -1)[:, 0]
    np.testing.assert_allclose(mine(t, p, weight), np.asarray(theirs(t, p, weight)), **EQUAL)
    if weight.ndim == 1:  # a column of them, too
        np.testing.assert_allclose(mine(t, p, weight[:, None]), np.asarray(theirs(t, p, weight[:, None])), **EQUAL)
    else:  # of rows: for each position of them, where Keras would refuse
        wide = np.repeat(weight[:, :1], shape[1], axis=1)
        np.testing.assert_allclose(mine(t, p, weight[:, 0]), np.asarray(theirs(t, p, wide)), **EQUAL)


@pytest.mark.parametrize("reduction", ["sum", "mean_with_sample_weight", "none"])
@pytest.mark.parametrize(("y", "p"), [((6,), (6, 1)), ((6, 1), (6,)), ((6,), (6,)), ((6, 4), (6, 4, 1))])
def test_axes_of_length_one(y, p, reduction):
    """Predictions and targets one of which has an axis more; weights of rows, and in a column."""
    rng = np.random.default_rng(2)
    for name, options in (("MeanSquaredError", {}), ("BinaryCrossentropy", {}), ("Tversky", {}), ("Dice", {"axis": -1})):
        mine, theirs = (getattr(m, name)(reduction=reduction, **options) for m in (losses, keras.losses))
        t, q = rng.integers(0, 2, y).astype("float32"), rng.uniform(0.1, 0.9, p).astype("float32")
        for w in (None, rng.uniform(1, 2, 6).astype("float32"), rng.uniform(1, 2, (6, 1)).astype("float32")):
            found, wanted = np.asarray(mine(t, q, w)), np.asarray(theirs(t, q, w))
            assert found.shape == wanted.shape
            np.testing.assert_allclose(found, wanted, rtol=1e-5)
            if name == "BinaryCrossentropy" and p == (6,):
                with gpunn.GradientTape():
                    taped = mine(t, gpunn.Variable(q) * 1.0, w)
                np.testing.assert_allclose(np.ravel(taped), np.ravel(wanted), rtol=1e-5)


KINDS_OF_VECTORS = ("numbers", "positive", "bits", "bits of logits", "shares", "one-hot")


@pytest.mark.parametrize("name", [n for n, c in OURS.items() if c.kind in KINDS_OF_VECTORS])
def test_a_vector_is_one_row(name):
    case = OURS[name]
    t, p = (a[0] for a in draw(case.kind, np.random.default_rng(2), (1, COLUMNS)))
    if case.options.get("axis") == [-1]:
        return
    if case.options.get("axis") == 0:
        with pytest.raises(ValueError, match="a vector has no axis beyond the batch's"):
            function(losses, case)(t, p, axis=0)
        return
    mine, theirs = function(losses, case)(t, p, **case.options), np.asarray(function(keras.losses, case)(t, p, **case.options))
    np.testing.assert_allclose(mine, theirs, **EQUAL)
    mine, theirs = pair(case)
    np.testing.assert_allclose(mine(t, p), np.asarray(theirs(t, p)), **EQUAL)
    if not mine.batchwise:
        weight = np.arange(1.0, COLUMNS + 1)
        np.testing.assert_allclose(mine(t, p, weight), np.asarray(theirs(t, p, weight)), **EQUAL)


def test_targets_without_the_last_axis_or_with_one_more():
    p, t = np.array([[0.3], [0.6], [0.9]]), np.array([0.0, 1.0, 1.0])
    for name in ("MeanSquaredError", "BinaryCrossentropy", "Hinge", "Huber"):
        for y in (t, t[:, None], t[:, None, None]):
            if y.ndim < 3 or name in ("MeanSquaredError", "Huber"):
                mine, theirs = (getattr(m, name)() for m in (losses, keras.losses))
                np.testing.assert_allclose(mine(y, p), np.asarray(theirs(y, p)), **EQUAL)
    for y in ([0, 2], [[0], [2]]):
        assert losses.SparseCategoricalCrossentropy()(y, np.full((2, 3), 1 / 3)) == pytest.approx(np.log(3))


def test_everything_ignored_is_no_loss():
    p = np.full((3, 2), 0.5)
    mine, theirs = (m.SparseCategoricalCrossentropy(ignore_class=-1) for m in (losses, keras.losses))
    assert mine([-1, -1, -1], p) == np.asarray(theirs(np.array([-1, -1, -1]), p)) == 0
    weight = np.array([1.0, 2.0, 0.5])
    for reduction in ("sum_over_batch_size", "sum", "mean_with_sample_weight", None):
        mine, theirs = (m.SparseCategoricalCrossentropy(ignore_class=-1, reduction=reduction) for m in (losses, keras.losses))
        y = np.array([-1, 1, 0])
        np.testing.assert_allclose(mine(y, p, weight), np.asarray(theirs(y, p, weight)), **EQUAL)
    mine, theirs = (m.SparseCategoricalCrossentropy(ignore_class=1) for m in (losses, keras.losses))
    y = np.array([0, 1, 1], np.uint8)  # which has no -1
    assert mine(y, p) == pytest.approx(float(theirs(y, p)))


def test_every_name_of_keras_is_known():
    from keras.src.losses import ALL_OBJECTS_DICT  # its own table of strings

    for name in set(ALL_OBJECTS_DICT) - {"Loss", "LossFunctionWrapper"}:
        assert isinstance(losses.get(name), losses.Loss), name
    for name in dir(keras.losses):
        if not name.startswith("_"):
            assert hasattr(losses, name), name


def test_signatures_and_defaults_are_keras():
    for cls in losses.CLASSES:
        theirs = getattr(keras.losses, cls.__name__, None)
        if theirs is None:
            continue
        mine, other = (dict(inspect.signature(c.__init__).parameters) for c in (cls, theirs))
        extra = set(mine) - set(other)
        assert not set(other) - set(mine) and extra <= {"denominator"}, cls
        for name, parameter in other.items():
            if name not in ("name", "dtype", "self"):
                assert mine[name].default == parameter.default, (cls, name)
        assert [n for n in mine if n in other] == [n for n in other if n in mine] or cls.__name__ == "SparseCategoricalCrossentropy"
        given = {"q": 0.5} if "q" in mine and mine["q"].default is inspect.Parameter.empty else {}
        assert cls(**given).name == theirs(**given).name
        f, g = (getattr(m, cls.function_name) for m in (losses, keras.losses))
        options = [p for p in inspect.signature(f).parameters if p != "denominator"]
        others = [p for p in inspect.signature(g).parameters if not p.startswith("ref_")]
        assert options == others[: len(options)] or cls.__name__ == "Circle"


def test_names_of_courses():
    for name, cls in {
        "mean squared error": losses.MeanSquaredError, "categorical crossentropy": losses.CategoricalCrossentropy,
        "binary crossentropy": losses.BinaryCrossentropy, "half_mse": losses.HalfMeanSquaredError, "sse": losses.SumSquaredError,
        "MAPE": losses.MeanAbsolutePercentageError, "Huber": losses.Huber, "huber": losses.Huber, "logcosh": losses.LogCosh,
        "poisson": losses.Poisson, "KLDivergence": losses.KLDivergence, "kld": losses.KLDivergence, "Log Cosh": losses.LogCosh,
    }.items():
        assert type(losses.get(name)) is cls, name
    assert losses.get(None) is None
    assert type(losses.get(losses.mae)) is losses.MeanAbsoluteError and losses.mse is losses.mean_squared_error


@pytest.mark.parametrize("name", CASES)
def test_configurations_make_equals(name):
    loss = getattr(losses, CASES[name].name)(**CASES[name].options | {"name": "own", "reduction": "sum"})
    again = losses.deserialize(losses.serialize(loss))
    assert type(again) is type(loss) and again.get_config() == loss.get_config()


def test_by_hand():
    """Figures of the course: EX of F-LOS-04, 05, 07 and 09."""
    t, p = np.array([[1.0], [2.0], [4.0]]), np.array([[2.0], [2.0], [1.0]])
    assert losses.HalfMeanSquaredError()(t, p) == pytest.approx(10 / 6)
    assert losses.SumSquaredError()(t, p) == pytest.approx(5) and losses.get("sse")(t, p) == pytest.approx(5)
    assert losses.SumSquaredError(factor=1)(t, p) == pytest.approx(10)
    assert losses.get("mape")(t, p) == pytest.approx(100 * (1 + 0 + 3 / 4) / 3)
    assert losses.MeanAbsolutePercentageError(denominator="pred")(t, p) == pytest.approx(100 * (1 / 2 + 0 + 3) / 3)


def test_one_class_is_warned_of():
    with pytest.warns(SyntaxWarning, match="Consider using 'binary_crossentropy'"):
        losses.CategoricalCrossentropy()([[1.0]], [[0.5]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        losses.CategoricalCrossentropy()([[1.0, 0.0]], [[0.5, 0.5]])


@pytest.mark.parametrize("name", [n for n in OURS if OURS[n].name != "Circle"])
def test_the_comparison_sees_a_planted_error(name, monkeypatch):
    """Values off by a hundred-thousandth; a mean that is none."""
    values, scale = losses.Loss._values, losses.Loss.scale
    monkeypatch.setattr(losses.Loss, "_values", lambda *a: (values(*a)[0] * (1 + 1e-5), values(*a)[1]))
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        test_function(name, (7, COLUMNS))
    monkeypatch.setattr(losses.Loss, "_values", values)
    monkeypatch.setattr(losses.Loss, "scale", lambda loss, count: scale(loss, count + 1))
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        test_reductions_and_weights(name, (7, COLUMNS), "mean")
