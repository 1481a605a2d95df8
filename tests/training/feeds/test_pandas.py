"""Frames and series of pandas: every type of numbers, and what is none is named by its column."""

import numpy as np
import pytest
from fed import X, Y, network, outcome, same

pd = pytest.importorskip("pandas")
pytestmark = pytest.mark.usefixtures("cpu")


def frame(**types):
    table = pd.DataFrame(X, columns=[f"c{i}" for i in range(12)])
    return table.astype(types)


FRAMES = {
    "bytes": {},
    "mixed numbers": {"c1": "float32", "c2": "int64"},
    "pandas's own": {"c1": "Float64", "c2": "Int64"},
}


@pytest.mark.parametrize("kind", FRAMES)
def test_frames(kind):
    x = frame(**FRAMES[kind])
    for y in (pd.Series(Y), pd.Series(Y, dtype="Int64"), pd.DataFrame({"y": Y}), pd.Series(Y, index=np.arange(207)[::-1])):
        for options in ({}, {"validation_split": 0.25}):
            expected = outcome(network(), lambda m, o=options: m.fit(X, Y, batch_size=16, verbose=0, **o))
            same(expected, outcome(network(), lambda m, o=options, y=y: m.fit(x, y, batch_size=16, verbose=0, **o), x, y))


def test_a_column_of_truth_values_beside_numbers():
    x = frame()
    x["c3"] = X[:, 3] > 100
    expected = X.copy()
    expected[:, 3] = X[:, 3] > 100
    np.testing.assert_array_equal(network().predict(x), network().predict(expected))


def test_columns_that_are_no_numbers():
    x = frame()
    x["c3"], x["c5"] = "word", pd.Categorical(["a"] * 207)
    with pytest.raises(ValueError, match=r"Argument x: expected columns of numbers. Received: column 'c3' \(.*\), 'c5' \(category\)\."):
        network().fit(x, Y, verbose=0)
    with pytest.raises(ValueError, match=r"Argument y: expected columns of numbers. Received: column 'kind'"):
        network().fit(X, pd.Series(["a"] * 207, name="kind"), verbose=0)
    for y in (pd.Series(["a"] * 207), pd.Series(["a"] * 207, dtype="category"), np.array(["a"] * 207)):
        with pytest.raises(ValueError, match=r"y: expected .* of numbers.*Names of classes are numbered by .*number_classes"):
            network().fit(X, y, verbose=0)


def test_a_missing_value_is_named_by_its_row():
    x = frame(c2="Int64")
    x.loc[40, "c2"] = pd.NA
    with pytest.raises(ValueError, match="NaN or infinity in row 40"):
        network().fit(x, Y, verbose=0)
