"""FeatureSpace: columns of a table to numbers, of arrays, in a data set, and in a model."""

import numpy as np
import pytest

from gpunn import Model, layers
from gpunn.utils import FeatureSpace
from gpunn.utils.dataset import Dataset

N = 60
RNG = np.random.default_rng(0)
TABLE = {
    "age": RNG.integers(20, 80, N), "sex": RNG.integers(0, 2, N), "thal": RNG.choice(["fixed", "normal", "worse"], N),
    "size": RNG.random(N), "code": RNG.integers(0, 1000, N),
}
Y = RNG.integers(0, 2, N)


def space(**options):
    return FeatureSpace(
        {
            "age": "float_discretized", "sex": FeatureSpace.integer_categorical(num_oov_indices=0), "thal": "string_categorical",
            "size": "float_normalized", "code": FeatureSpace.integer_hashed(7),
        },
        crosses=[("sex", "thal"), FeatureSpace.cross(("age", "sex"), 16)], crossing_dim=8, num_discretization_bins=5, **options,
    )


def test_columns_in_the_order_of_names(cpu):
    own = space()
    own.adapt(Dataset.from_tensor_slices(TABLE).batch(16))
    found = np.asarray(own(TABLE))
    wide = {"age": 5, "code": 7, "sex": 2, "size": 1, "thal": 4, "age_X_sex": 16, "sex_X_thal": 8}
    assert found.shape == (N, sum(wide.values()))
    parts = dict(zip(wide, np.split(found, np.cumsum(list(wide.values()))[:-1], axis=1), strict=True))
    for name, part in parts.items():
        if name != "size":
            np.testing.assert_array_equal(part.sum(axis=1), 1, err_msg=name)
    size = TABLE["size"]
    np.testing.assert_allclose(parts["size"][:, 0], (size - size.mean()) / size.std(), rtol=1e-4, atol=1e-5)
    words = own.preprocessors["thal"].get_vocabulary()
    np.testing.assert_array_equal(parts["thal"].argmax(axis=1), [words.index(w) for w in TABLE["thal"]])
    bins = parts["age"].argmax(axis=1)
    assert (np.diff(bins[np.argsort(TABLE["age"])]) >= 0).all()
    one = {name: column[0] for name, column in TABLE.items()}
    np.testing.assert_array_equal(own(one), found[0])


def test_in_a_data_set_and_in_a_model(cpu):
    own = space()
    rows = Dataset.from_tensor_slices((TABLE, Y)).batch(16)
    own.adapt(rows.map(lambda x, y: x))
    inputs, encoded = own.get_inputs(), own.get_encoded_features()
    out = layers.Dense(1, "sigmoid")(encoded)
    training, whole = Model(encoded, out), Model(inputs, out)
    training.compile("adam", "binary_crossentropy")
    training.fit(rows.map(lambda x, y: (own(x), y)), epochs=2, verbose=0)
    want = training.predict(np.asarray(own(TABLE)), verbose=0)
    np.testing.assert_allclose(whole.predict(TABLE, verbose=0), want, rtol=1e-5, atol=1e-6)


def test_a_dict_of_integers(cpu):
    own = FeatureSpace(
        {"thal": FeatureSpace.string_categorical(output_mode="int"), "size": "float", "own": FeatureSpace.feature(
            "float32", layers.Rescaling(2.0), "float")}, output_mode="dict",
    )
    data = {"thal": TABLE["thal"], "size": TABLE["size"], "own": TABLE["size"]}
    own.adapt(data)
    found = own(data)
    assert sorted(found) == ["own", "size", "thal"] and set(np.asarray(found["thal"]).reshape(-1)) == {1, 2, 3}
    np.testing.assert_allclose(found["own"][:, 0], 2 * TABLE["size"], rtol=1e-6)


def test_what_cannot_be():
    with pytest.raises(ValueError, match="by name"):
        FeatureSpace({})
    with pytest.raises(ValueError, match="must be one of"):
        FeatureSpace({"a": "number"})
    with pytest.raises(ValueError, match="unknown features"):
        FeatureSpace({"a": "float"}, crosses=[("a", "b")])
    with pytest.raises(ValueError, match="call adapt"):
        space()(TABLE)
    with pytest.raises(ValueError, match="expected a dict of"):
        FeatureSpace({"a": "float"})({"b": 1})
    with pytest.raises(ValueError, match="a Dataset, or a dict"):
        FeatureSpace({"a": "float_normalized"}).adapt([1, 2])
    with pytest.raises(ValueError, match="output_mode='dict'"):
        FeatureSpace({"a": FeatureSpace.integer_hashed(3, output_mode="int")})({"a": [1]})
    with pytest.raises(ValueError, match="does not say how many"):
        FeatureSpace({"a": FeatureSpace.feature("float32", layers.Rescaling(2.0), "one_hot")})({"a": [1.0]})
