"""Files that real Keras 3 reads and writes: equal predictions, and training that goes on as if it had never stopped, on either side."""

import json

import numpy as np
import pytest

import gpunn
from gpunn import layers as L
from gpunn import losses, metrics, optimizers
from gpunn.models import load_model
from gpunn.models.files import keras_json
from gpunn.optimizers import schedules

keras_twin = pytest.importorskip("keras_twin")
keras = keras_twin.keras

pytestmark = [
    pytest.mark.usefixtures("cpu", "float64"), pytest.mark.filterwarnings("ignore:.*HDF5 file.*"),
    pytest.mark.filterwarnings("ignore::UserWarning:keras.*"),
]
X = np.random.default_rng(0).standard_normal((24, 12))
LABELS = np.arange(24) % 3


@pytest.fixture(autouse=True)
def _float64():
    keras.config.set_floatx("float64")
    yield
    keras.config.set_floatx("float32")


STACKS = {
    "mlp": lambda: [
        L.Input((12,)),
        L.Dense(8, use_bias=False, kernel_regularizer="l2", kernel_constraint="max_norm", activity_regularizer=gpunn.regularizers.L1(1e-3)),
        L.BatchNormalization(momentum=0.8), L.Activation("tanh"), L.Dropout(0.4), L.Dense(3, "softmax", kernel_initializer="he_normal"),
    ],
    "activations": lambda: [
        L.Input((12,)), L.Dense(8), L.PReLU("uniform"), L.Dense(8), L.LeakyReLU(0.1), L.ELU(0.5),
        L.Dense(8, activation=gpunn.activations.leaky_relu.configured(0.2)), L.ReLU(3.0, 0.1, 0.2),
        L.Dense(4, activation=gpunn.activations.elu.configured(0.3)), L.Dense(4, "gelu"), L.Softmax(),
    ],
    "norms and noise": lambda: [
        L.Input((12,)), L.LayerNormalization(), L.Dense(8), L.UnitNormalization(), L.GroupNormalization(2), L.RMSNormalization(),
        L.Reshape((2, 4)), L.Flatten(), L.ActivityRegularization(0.1, 0.1), L.GaussianNoise(0.1), L.GaussianDropout(0.1),
        L.AlphaDropout(0.1), L.Dense(1, "sigmoid"),
    ],
    "axes": lambda: [
        L.Input((12,)), L.Reshape((4, 3)), L.SpatialDropout1D(0.2), L.Dense(5, "selu", trainable=False), L.PReLU(shared_axes=[1]),
        L.Reshape((2, 2, 5)), L.SpatialDropout2D(0.1), L.Flatten(), L.Dense(2),
    ],
    "no Input": lambda: [L.Dense(4, input_dim=12), L.BatchNormalization(scale=False), L.Dense(2)],
}


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_whole_models_both_ways(tmp_path, stack, suffix):
    ours = gpunn.Sequential(STACKS[stack](), name="kept")
    ours.set_weights([w + 0.1 for w in ours.get_weights()])
    ours.save(tmp_path / f"ours{suffix}")
    theirs = keras.models.load_model(tmp_path / f"ours{suffix}")
    near = 1e-9 if stack in ("activations", "axes") else 1e-6  # Keras's normalizations compute in float32
    np.testing.assert_allclose(theirs.predict(X, verbose=0), ours.predict(X), rtol=0, atol=near)
    assert theirs.name == "kept" and [layer.trainable for layer in theirs.layers] == [
        layer.trainable for layer in ours.layers if not isinstance(layer, L.InputLayer)
    ]
    theirs.save(tmp_path / f"theirs{suffix}")
    for source in ("ours", "theirs"):
        again = load_model(tmp_path / f"{source}{suffix}")
        np.testing.assert_array_equal(again.predict(X), ours.predict(X))
        assert again.dtype == "float64" and again.count_params() == ours.count_params()


@pytest.mark.parametrize("suffix", [".keras", ".weights.h5", ".h5"])
def test_weights_alone_both_ways(tmp_path, suffix):
    stacks = [gpunn.Sequential(STACKS["mlp"]()) for _ in range(2)]
    ours, other = stacks
    assert not np.array_equal(ours.predict(X), other.predict(X))
    ours.save(tmp_path / "model.keras")
    theirs = keras.models.load_model(tmp_path / "model.keras")
    theirs.set_weights([w * 2 for w in theirs.get_weights()])
    (theirs.save if suffix == ".keras" else theirs.save_weights)(tmp_path / f"theirs{suffix}") if suffix != ".h5" else theirs.save(
        tmp_path / "theirs.h5")
    other.load_weights(tmp_path / f"theirs{suffix}")
    for a, b in zip(other.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    (ours.save if suffix == ".keras" else ours.save_weights)(tmp_path / f"ours{suffix}")
    theirs.load_weights(tmp_path / f"ours{suffix}")
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


OPTIMIZERS = {
    "Adam": lambda: optimizers.Adam(0.02, beta_2=0.98),
    "amsgrad and ema": lambda: optimizers.Adam(0.02, amsgrad=True, use_ema=True, ema_overwrite_frequency=3),
    "SGD": lambda: optimizers.SGD(0.1),
    "momentum, a schedule": lambda: optimizers.SGD(schedules.ExponentialDecay(0.1, 3, 0.5), momentum=0.9, nesterov=True),
    "RMSprop": lambda: optimizers.RMSprop(0.01),
    "RMSprop, all slots": lambda: optimizers.RMSprop(0.01, momentum=0.5, centered=True),
    "Nadam": lambda: optimizers.Nadam(0.01),
    "Ftrl": lambda: optimizers.Ftrl(0.1),
    "Muon": lambda: optimizers.Muon(0.01),
    "accumulating": lambda: optimizers.AdamW(0.02, gradient_accumulation_steps=2, clipnorm=1.0),
}
CASES = [*((name, ".keras") for name in OPTIMIZERS), ("Adam", ".h5"), ("RMSprop, all slots", ".h5"), ("Adam", ".weights.h5")]


def steps(model, first, count=5):
    for i in range(first, first + count):
        rows = slice(8 * (i % 3), 8 * (i % 3) + 8)
        model.train_on_batch(X[rows], LABELS[rows])


@pytest.mark.parametrize(("name", "suffix"), CASES)
def test_training_goes_on_over_there_and_back(tmp_path, name, suffix):
    """Five steps here; five more here, and in Keras from the file; five more in Keras, and here from Keras's file."""

    def made(shape=(12,)):
        model = gpunn.Sequential([L.Input(shape), L.Dense(6, "tanh"), L.PReLU(), L.Dense(3, "softmax")])
        model.compile(OPTIMIZERS[name](), "sparse_categorical_crossentropy", ["accuracy", metrics.SparseCategoricalCrossentropy()])
        return model

    whole = suffix != ".weights.h5"
    ours = made()
    steps(ours, 0)
    (ours.save if whole else ours.save_weights)(tmp_path / f"ours{suffix}")
    ours.save(tmp_path / "ours.keras")
    theirs = keras.models.load_model(tmp_path / "ours.keras")  # Keras 3.15 cannot train a Sequential from a .h5, not even its own
    if not whole:
        steps(theirs, 0)  # to be undone
        theirs.load_weights(tmp_path / f"ours{suffix}")
    assert int(theirs.optimizer.iterations) == ours.optimizer.iterations
    steps(ours, 5)
    steps(theirs, 5)
    near = 1e-7 if name == "RMSprop, all slots" else 1e-8  # its root is of a difference of nearly equal numbers
    keras_twin.assert_same_weights(ours, theirs, near)
    (theirs.save if whole else theirs.save_weights)(tmp_path / f"theirs{suffix}")
    back, again = (load_model(tmp_path / f"{side}{suffix}") if whole else made() for side in ("theirs", "ours"))
    if not whole:
        back.load_weights(tmp_path / f"theirs{suffix}")
        again.load_weights(tmp_path / f"ours{suffix}")
    steps(back, 10)
    steps(theirs, 10)
    keras_twin.assert_same_weights(back, theirs, near)
    steps(again, 5)
    for a, b in zip(ours.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    if suffix == ".h5":
        there = keras.models.load_model(tmp_path / "ours.h5")
        assert int(there.optimizer.iterations) == 5 and there.optimizer.get_config() == theirs.optimizer.get_config()


# ---------------------------------------------------------------------- configurations
NEEDED = {
    "MeanIoU": {"num_classes": 3}, "IoU": {"num_classes": 3, "target_class_ids": [0]}, "OneHotMeanIoU": {"num_classes": 3},
    "OneHotIoU": {"num_classes": 3, "target_class_ids": [0]}, "ConfusionMatrix": {"num_classes": 3},
    "SensitivityAtSpecificity": {"specificity": 0.5}, "SpecificityAtSensitivity": {"sensitivity": 0.5},
    "PrecisionAtRecall": {"recall": 0.5}, "RecallAtPrecision": {"precision": 0.5},
    "CosineDecay": {"initial_learning_rate": 1, "decay_steps": 9}, "CosineDecayRestarts": {"initial_learning_rate": 1, "first_decay_steps": 9},
    "PiecewiseConstantDecay": {"boundaries": [1], "values": [1, 2]},
    "ExponentialDecay": {"initial_learning_rate": 1, "decay_steps": 9, "decay_rate": 0.5},
    "InverseTimeDecay": {"initial_learning_rate": 1, "decay_steps": 9, "decay_rate": 0.5},
    "PolynomialDecay": {"initial_learning_rate": 1, "decay_steps": 9},
}
FAMILIES = {
    "losses": losses, "metrics": metrics, "optimizers": optimizers, "initializers": gpunn.initializers, "regularizers": gpunn.regularizers,
    "constraints": gpunn.constraints, "schedules": schedules.base,
}


@pytest.mark.parametrize("family", FAMILIES)
def test_every_class_is_written_as_keras_writes_it(family):
    """Keras makes its object of our configuration; what it writes of that is ours again; what Keras lacks stands in `OURS_ALONE`."""
    theirs = keras.optimizers.schedules if family == "schedules" else getattr(keras, family)
    for kind in sorted({k for k in FAMILIES[family].NAMES.values() if isinstance(k, type)}, key=lambda k: k.__name__):
        name = kind.__name__
        if name in keras_json.OURS_ALONE:
            assert not hasattr(theirs, name), name
            continue
        made = kind(**NEEDED.get(name, {}))
        given = {"class_name": name, "config": made.get_config()}
        written = json.loads(json.dumps(keras_json.to_keras(given, family)))
        there = json.loads(json.dumps(keras.saving.serialize_keras_object(keras.saving.deserialize_keras_object(written))))
        assert {k: there[k] for k in ("module", "class_name")} == {k: written[k] for k in ("module", "class_name")}
        shared = {k: v for k, v in written["config"].items() if k in there["config"]}
        assert not [k for k, v in shared.items() if v != pytest.approx(there["config"][k])], name
        back = keras_json.from_keras(there, kind=family)
        again = optimizers.deserialize(back) if family == "optimizers" else kind(**back["config"])
        assert given["config"].items() <= again.get_config().items(), name


def test_every_layer_is_known():
    ours_alone = {"Cutout", "RandomAffine", "RandomChannelShift", "SaltAndPepper"}
    assert {name for name in L.NAMES if not hasattr(keras.layers, name)} == ours_alone


def test_activations_keras_lacks():
    lacking = {n for n, a in gpunn.activations.NAMES.items() if n == a.name and not hasattr(keras.activations, n)}
    assert lacking <= keras_json.OURS_ALONE
