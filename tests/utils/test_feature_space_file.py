"""FeatureSpace in a file: the same numbers after loading; Keras reads what gpunn wrote, and gpunn what Keras wrote."""

import json
import zipfile

import numpy as np
import pytest

import gpunn
from gpunn import Sequential, layers, saving
from gpunn.layers import Layer
from gpunn.utils import FeatureSpace

N = 60
RNG = np.random.default_rng(0)
TABLE = {
    "age": RNG.integers(20, 80, N), "sex": RNG.integers(0, 2, N), "thal": RNG.choice(["fixed", "normal", "worse"], N),
    "size": RNG.random(N), "code": RNG.integers(0, 1000, N), "few": RNG.integers(0, 3, N), "word": RNG.choice(["a", "b"], N),
    "grade": RNG.random(N), "plain": RNG.random(N),
}


def space(**options):
    return FeatureSpace(
        {
            "age": "float_discretized", "sex": FeatureSpace.integer_categorical(num_oov_indices=0), "thal": "string_categorical",
            "size": "float_normalized", "code": FeatureSpace.integer_hashed(7), "word": "string_hashed", "plain": "float",
            "few": FeatureSpace.float_discretized(6),  # more bins than there are numbers
            "grade": FeatureSpace.float_rescaled(2.0, 1.0),
        },
        crosses=[("sex", "thal"), FeatureSpace.cross(("age", "sex"), 16)], crossing_dim=8, num_discretization_bins=5, **options,
    )


@pytest.mark.parametrize("output_mode", ["concat", "dict"])
def test_the_same_numbers_after_loading(cpu, tmp_path, output_mode):
    own = space(output_mode=output_mode)
    own.adapt(TABLE)
    want = own(TABLE)
    own.save(tmp_path / "space.keras")
    again = saving.load_model(tmp_path / "space.keras")
    assert isinstance(again, FeatureSpace) and again.output_mode == output_mode
    found = again(TABLE)
    if output_mode == "concat":
        want, found = {"all": want}, {"all": found}
        assert tuple(again.get_encoded_features().shape) == (None, want["all"].shape[1])
    assert list(found) == list(want)
    for name in want:
        np.testing.assert_array_equal(found[name], want[name], err_msg=name)
    again.adapt({name: column[:30] for name, column in TABLE.items()})  # which it still can


class Spread(Layer):
    """A layer of one's own that learns."""

    def build(self, input_shape):
        self.widest = self.add_weight(name="widest", shape=(), initializer="ones", trainable=False)

    def adapt(self, data):
        self.ensure_built((None, 1))
        self.widest.assign(np.float32(max(np.abs(np.asarray(batch)).max() for batch in data)))

    def call(self, inputs):
        return inputs / self.widest


def test_a_layer_of_ones_own(cpu, tmp_path):
    own = FeatureSpace({"age": FeatureSpace.feature("float32", Spread(), "float")})
    own.adapt(TABLE)
    want = np.asarray(own({"age": TABLE["age"].astype("float32")}))
    np.testing.assert_allclose(want[:, 0], TABLE["age"] / TABLE["age"].max(), rtol=1e-6)
    own.save(tmp_path / "space.keras")
    with pytest.raises(ValueError, match=r"space\.keras.*Spread"):
        saving.load_model(tmp_path / "space.keras")
    again = saving.load_model(tmp_path / "space.keras", custom_objects={"Spread": Spread})
    np.testing.assert_array_equal(again({"age": TABLE["age"].astype("float32")}), want)


def test_as_a_configuration(cpu):
    own = space()
    own.adapt(TABLE)
    config = json.loads(json.dumps(saving.serialize_keras_object(own)))
    again = saving.deserialize_keras_object(config)
    assert saving.serialize_keras_object(again) == saving.serialize_keras_object(own)
    assert again.crosses == own.crosses and list(again.features) == list(own.features)


def test_what_cannot_be_saved_or_loaded(cpu, tmp_path):
    with pytest.raises(ValueError, match=r"call adapt\(dataset\) first"):
        space().save(tmp_path / "space.keras")
    own = FeatureSpace({"size": "float_normalized"})
    own.adapt({"size": TABLE["size"]})
    with pytest.raises(ValueError, match=r"saved to a \.keras file\. Received: the suffix '\.npz'"):
        own.save(tmp_path / "space.npz")
    own.save(tmp_path / "space.keras")
    with pytest.raises(ValueError, match="exists, and overwrite=False"):
        own.save(tmp_path / "space.keras", overwrite=False)
    with zipfile.ZipFile(tmp_path / "space.keras") as whole, zipfile.ZipFile(tmp_path / "other.keras", "w") as other:
        for name in whole.namelist():
            data = whole.read(name)
            other.writestr(name, data.replace(b'"input_shape": [null, 1]', b'"input_shape": [null, 2]'))
    with pytest.raises(ValueError, match=r"FeatureSpace.*weight .*mean has shape \(2,\)\. Received: \(1,\)"):
        saving.load_model(tmp_path / "other.keras")


# ---------------------------------------------------------------------- files of Keras's, and for Keras
NUMBERS = {"a": "float_normalized", "b": "float", "c": "float_discretized", "e": "float_rescaled", "f": "float_normalized"}
COLUMNS = {name: RNG.normal(3, 2, (50, 1)).astype("float32") for name in NUMBERS}


def test_what_keras_wrote(cpu, tmp_path):
    """Without TensorFlow Keras computes nothing in a FeatureSpace, but writes it."""
    keras = pytest.importorskip("keras_twin").keras
    theirs = keras.utils.FeatureSpace(NUMBERS, num_discretization_bins=4)
    for name in "af":
        theirs.preprocessors[name].adapt(COLUMNS[name])
    theirs.preprocessors["c"].bin_boundaries = [1.0, 2.0, 4.5]
    theirs._is_adapted = theirs.built = True
    theirs.save(tmp_path / "theirs.keras")
    own = saving.load_model(tmp_path / "theirs.keras")
    found = np.asarray(own(COLUMNS))
    for name, column in {"a": 0, "f": 7}.items():
        np.testing.assert_allclose(found[:, column], np.asarray(theirs.preprocessors[name](COLUMNS[name]))[:, 0], rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(found[:, 1], COLUMNS["b"][:, 0])
    np.testing.assert_array_equal(found[:, 2:6].argmax(axis=1), np.digitize(COLUMNS["c"][:, 0], [1.0, 2.0, 4.5]))


def test_keras_reads_it(cpu, tmp_path):
    keras = pytest.importorskip("keras_twin").keras
    own = FeatureSpace(NUMBERS, num_discretization_bins=4)
    own.adapt(COLUMNS)
    own.save(tmp_path / "ours.keras")
    theirs = keras.saving.load_model(tmp_path / "ours.keras")
    assert isinstance(theirs, keras.utils.FeatureSpace)
    for name in "af":
        want = np.asarray(own.preprocessors[name](COLUMNS[name]))
        np.testing.assert_allclose(np.asarray(theirs.preprocessors[name](COLUMNS[name])), want, rtol=1e-5, atol=1e-6)
    assert theirs.preprocessors["c"].bin_boundaries == own.preprocessors["c"].bin_boundaries
    assert tuple(theirs.get_encoded_features().shape) == tuple(own.get_encoded_features().shape)


def test_discretization_keeps_its_width_in_a_file(cpu, tmp_path):
    """Of equal numbers quantiles are fewer than bins."""
    layer = layers.Discretization(num_bins=6, output_mode="one_hot")
    layer.adapt(np.repeat([1.0, 2.0, 3.0], 10))
    model = Sequential([layers.Input((1,)), layer])
    x = np.array([[0.5], [1.5], [9.0]], "float32")
    want = model.predict(x, verbose=0)
    model.save(tmp_path / "model.keras")
    again = gpunn.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again.predict(x, verbose=0), want)
    again.layers[-1].adapt(np.arange(12.0))
    assert len(again.layers[-1].bin_boundaries) == 5
