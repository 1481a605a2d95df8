"""Targets and weights that are on the device stay there: no function of the door brings them to the host.

CuPy's arrays refuse to become NumPy's without being asked; NumPy's functions work on them through its two protocols. `There` is such an
array in memory of the host.
"""

import numpy as np
import pytest
from fed import X, Y
from numpy.lib.mixins import NDArrayOperatorsMixin

from gpunn import losses, metrics
from gpunn.training import data
from gpunn.training.feeds.base import grouped
from gpunn.training.finite import check_finite
from gpunn.training.targets import Targets


def bare(value):
    return value._values if isinstance(value, There) else type(value)(map(bare, value)) if isinstance(value, (tuple, list)) else value


def dressed(value):
    return There(value) if isinstance(value, (np.ndarray, np.generic)) else value


class There(NDArrayOperatorsMixin):
    """An array that is not in memory of the host, as far as anybody can tell. Mixing it with arrays that are is an error."""

    __cuda_array_interface__ = None

    def __init__(self, values):
        self._values = np.asarray(values)

    def __array__(self, *_args, **_kwargs):
        raise TypeError("Implicit conversion to a NumPy array is not allowed.")

    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        self._unmixed(inputs)
        return dressed(getattr(ufunc, method)(*map(bare, inputs), **options))

    def __array_function__(self, function, types, arguments, options):
        self._unmixed(arguments)
        return dressed(function(*map(bare, arguments), **{k: bare(v) for k, v in options.items()}))

    def _unmixed(self, values):
        if any(isinstance(v, np.ndarray) for v in values):
            raise TypeError("Unsupported type numpy.ndarray")

    def __getitem__(self, key):
        if isinstance(key, np.ndarray):
            raise TypeError("an index in memory of the host")
        return dressed(self._values[bare(key)])

    def __setitem__(self, key, value):
        self._values[bare(key)] = bare(value)

    def __getattr__(self, name):
        if name.startswith("__"):  # none of the ways in which NumPy would find the memory
            raise AttributeError(name)
        found = getattr(self._values, name)
        if not callable(found):
            return found
        return lambda *a, **o: dressed(found(*map(bare, a), **o))

    def __len__(self):
        return len(self._values)

    def __bool__(self):
        return bool(self._values)

    def __int__(self):
        return int(self._values)

    def __float__(self):
        return float(self._values)

    def __format__(self, spec):
        return format(self._values, spec)


class Device:
    """As much of a backend as the door uses."""

    def adopt(self, value, name):
        return value if isinstance(value, There) else None

    def asarray(self, value, dtype=None):
        return There(np.ascontiguousarray(bare(value), dtype))


def test_the_stand_in_is_strict():
    with pytest.raises(TypeError):
        np.asarray(There(Y))
    with pytest.raises(TypeError):
        There(Y) + Y
    assert isinstance(np.floor(There(Y)), There) and isinstance(There(Y)[There(Y) > 2].astype(float), There)


@pytest.mark.parametrize("y", [Y, Y.astype(float), Y.reshape(-1, 1), Y.astype(np.uint8)], ids=["int", "float", "column", "uint8"])
def test_labels(y):
    loss = losses.get("sparse_categorical_crossentropy")
    made = [Targets(loss, [metrics.SparseCategoricalAccuracy()], (None, 5), "float32") for _ in "ab"]
    expected, found = (
        targets.first(given, loss.prepare(given, (None, 5), "float32")) for targets, given in zip(made, (y, There(y)), strict=True)
    )
    assert made[0].chosen == made[1].chosen == [0] and len(found) == 1
    assert isinstance(found[0], There) and found[0].dtype == np.int32
    np.testing.assert_array_equal(bare(found[0]), expected[0])


@pytest.mark.parametrize(
    ("wrong", "message"), [(9, "from 0 to 4.*Received: 9.0 in row 3"), (0.5, "must be integers. Received: 0.5 in row 3"), (np.nan, "row 3")]
)
def test_wrong_labels(wrong, message):
    y = Y.astype(float)
    y[3] = wrong
    with pytest.raises(ValueError, match=message):
        losses.get("sparse_categorical_crossentropy").prepare(There(y), (None, 5), "float32")


def test_dense_targets():
    loss = losses.get("mse")
    makes = Targets(loss, [metrics.MeanAbsoluteError()], (None, 12), "float32")
    given = There(X.astype(float))
    (found,) = makes.first(given, loss.prepare(given, (None, 12), "float32"))
    assert isinstance(found, There) and found.dtype == np.float32 and makes.chosen == [0]
    with pytest.raises(ValueError, match="do not fit the model's output"):
        makes.first(There(X[:, :3]), found)


def test_weights():
    w, ops = np.linspace(0.1, 1, len(Y)), Device()
    for sample, classes, y in (
        (w, None, Y), (None, {0: 2.0, 3: 0.5}, Y), (w, {1: 3.0}, Y), (w.reshape(-1, 1), {1: 3.0}, np.eye(5)[Y]),
    ):  # fmt: skip
        expected = data.row_weights(sample, classes, y, len(Y), "float32", "fit", ops)
        away = None if sample is None else There(sample)
        for given, targets in ((away, There(y)), (sample, There(y)), (away, y)):
            found = data.row_weights(given, classes, targets, len(Y), "float32", "fit", ops)
            np.testing.assert_allclose(bare(found), expected, rtol=1e-6)
    with pytest.raises(ValueError, match="infinity in row 2"):
        check_finite(There(np.array([1, 2, np.nan])), "w", "fit")


def test_the_order_of_an_epoch():
    order = np.random.default_rng(0).permutation(len(Y)).astype(np.int32)
    labels = Y.astype(np.int32)
    found = grouped(There(order), There(labels), 16, 5)
    assert isinstance(found, There)
    np.testing.assert_array_equal(bare(found), grouped(order, labels, 16))
