"""Files that real Keras 3 reads and writes: equal predictions, and training that goes on as if it had never stopped, on either side."""

import json

import numpy as np
import pytest

import gpunn
from gpunn import layers as L
from gpunn import losses, metrics, optimizers
from gpunn.models import load_model
from gpunn.models.files import keras_json
from gpunn.models.files.optimizer_state import to_list
from gpunn.optimizers import schedules

keras_twin = pytest.importorskip("keras_twin")
keras = keras_twin.keras

pytestmark = [
    pytest.mark.usefixtures("cpu", "float64"), pytest.mark.filterwarnings("ignore:.*HDF5 file.*"),
    pytest.mark.filterwarnings("ignore::UserWarning:keras.*"),
]
RNG = np.random.default_rng(0)
X = RNG.standard_normal((24, 12))
LABELS = np.arange(24) % 3


@pytest.fixture(autouse=True)
def _float64():
    keras_twin.compute_in("float64")


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
    "images": lambda: [
        L.Input((12, 12, 3)), L.ZeroPadding2D(1), L.Conv2D(4, 3, padding="same", activation="relu", kernel_regularizer="l2"),
        L.MaxPooling2D(), L.DepthwiseConv2D(3, depth_multiplier=2), L.SeparableConv2D(4, 3, padding="same"),
        L.AveragePooling2D(2, padding="same"), L.UpSampling2D(2, interpolation="bilinear"), L.Conv2DTranspose(3, 3, 2, "same"),
        L.Cropping2D(((1, 0), (0, 1))), L.Conv2D(4, 2, dilation_rate=2), L.GlobalAveragePooling2D(keepdims=True), L.Flatten(), L.Dense(2),
    ],
    "sequences": lambda: [
        L.Input((12, 3)), L.ZeroPadding1D(1), L.Conv1D(4, 3, padding="causal", activation="relu"), L.MaxPooling1D(), L.DepthwiseConv1D(3),
        L.SeparableConv1D(4, 2), L.AveragePooling1D(2, padding="same"), L.UpSampling1D(2), L.Conv1DTranspose(3, 3, 2), L.Cropping1D(1),
        L.GlobalMaxPooling1D(), L.Dense(2),
    ],
    "tokens": lambda: [
        L.Input((6,)), L.Embedding(20, 4, mask_zero=True), L.Bidirectional(L.LSTM(3, return_sequences=True), "ave"),
        L.TimeDistributed(L.Dense(5, "relu")), L.GRU(4, reset_after=False), L.Dense(2),
    ],
    "spectral norms": lambda: [
        L.Input((12,)), L.SpectralNormalization(L.Dense(8, "tanh")), L.SpectralNormalization(L.Dense(4, trainable=False)),
        L.Reshape((2, 2)), L.SpectralNormalization(L.Conv1D(3, 2), power_iterations=2), L.Flatten(), L.Dense(2),
    ],
    "masked steps": lambda: [
        L.Input((6, 3)), L.Masking(), L.SimpleRNN(4, return_sequences=True, go_backwards=True),
        L.LSTM(3, recurrent_activation="hard_sigmoid", unit_forget_bias=False, dropout=0.1, recurrent_dropout=0.1), L.Dense(2),
    ],
    "pictures": lambda: [
        L.Input((8, 8, 3)), L.Rescaling(0.1, 1.0), L.Normalization(mean=[0.0, 1.0, 2.0], variance=[1.0, 2.0, 3.0]), L.CenterCrop(6, 6),
        L.Resizing(5, 5), L.RandomFlip(), L.RandomRotation(0.1), L.RandomZoom(0.1), L.RandomTranslation(0.1, 0.1), L.RandomContrast(0.1),
        L.RandomBrightness(0.1), L.Normalization(), L.GlobalMaxPooling2D(), L.Dense(2),
    ],
    "no Input": lambda: [L.Dense(4, input_dim=12), L.BatchNormalization(scale=False), L.Dense(2)],
}


def rows_for(model, count=5):
    """Numbers, or tokens; some steps are masked."""
    shape = (count, *model.input_shape[1:])
    x = RNG.standard_normal(shape)
    if isinstance(model.layers[0], L.Embedding):
        x = RNG.integers(0, 20, shape).astype(float)
    if isinstance(model.layers[0], L.Masking):
        x[:2, 3:] = 0
    return x


@pytest.mark.one_in(2)
@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_whole_models_both_ways(tmp_path, stack, suffix):
    ours = gpunn.Sequential(STACKS[stack](), name="kept")
    ours.set_weights([w + 0.1 for w in ours.get_weights()])
    x = rows_for(ours)
    for layer in ours.layers:
        if isinstance(layer, L.Normalization) and layer.given is None:
            layer.adapt(RNG.standard_normal((9, 5, 5, 3)))
    ours.save(tmp_path / f"ours{suffix}")
    theirs = keras.models.load_model(tmp_path / f"ours{suffix}")
    near = 1e-9 if stack in ("activations", "axes", "sequences") else 1e-6  # others compute in float32 in part, in Keras
    np.testing.assert_allclose(theirs.predict(x, verbose=0), ours.predict(x), rtol=near, atol=near)
    assert theirs.name == "kept" and [layer.trainable for layer in theirs.layers] == [
        layer.trainable for layer in ours.layers if not isinstance(layer, L.InputLayer)
    ]
    sides = ["ours"]
    if (stack, suffix) != ("pictures", ".h5"):  # which Keras 3.15 cannot write
        theirs.save(tmp_path / f"theirs{suffix}")
        sides.append("theirs")
    for source in sides:
        again = load_model(tmp_path / f"{source}{suffix}")
        np.testing.assert_array_equal(again.predict(x), ours.predict(x))
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
    "Adafactor": lambda: optimizers.Adafactor(0.05),
    "accumulating": lambda: optimizers.AdamW(0.02, gradient_accumulation_steps=2, clipnorm=1.0),
}
CASES = [
    ("Adam", ".keras", "dense"), ("momentum, a schedule", ".keras", "dense"), ("RMSprop, all slots", ".keras", "dense"),
    ("Adam", ".h5", "dense"), ("Adam", ".weights.h5", "dense"), ("Adam", ".keras", "RNN"),
    *(pytest.param(*case, marks=pytest.mark.slow) for case in (
        *((name, ".keras", "dense") for name in OPTIMIZERS if name not in ("Adam", "momentum, a schedule", "RMSprop, all slots")),
        ("RMSprop, all slots", ".h5", "dense"), ("Adam", ".keras", "CNN"), ("momentum, a schedule", ".h5", "RNN"),
    )),
]
HEARTS = {
    "dense": lambda: [L.Dense(6, "tanh"), L.PReLU()],
    "CNN": lambda: [
        L.Reshape((4, 3, 1)), L.Conv2D(3, 2, padding="same"), L.DepthwiseConv2D(2), L.SeparableConv2D(3, 2), L.Conv2DTranspose(2, 2),
        L.Flatten(),
    ],
    "RNN": lambda: [
        L.Reshape((4, 3)), L.Bidirectional(L.LSTM(3, return_sequences=True)), L.TimeDistributed(L.Dense(4, "tanh")),
        L.GRU(4),  # no SimpleRNN: Keras 3.15 cannot train one in float64 on JAX
    ],
}


def steps(model, first, count=5):
    for i in range(first, first + count):
        rows = slice(8 * (i % 3), 8 * (i % 3) + 8)
        model.train_on_batch(X[rows], LABELS[rows])


@pytest.mark.parametrize(("name", "suffix", "heart"), CASES)
def test_training_goes_on_over_there_and_back(tmp_path, name, suffix, heart):
    """Five steps here; five more here, and in Keras from the file; five more in Keras, and here from Keras's file."""

    def made(shape=(12,)):
        model = gpunn.Sequential([L.Input(shape), *HEARTS[heart](), L.Dense(3, "softmax")])
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


def test_sums_and_averages_are_of_the_weights_shapes(tmp_path):
    """Beside what Adafactor keeps of rows and columns."""
    ours = gpunn.Sequential([L.Input((12,)), L.Dense(6, "tanh"), L.Dense(3, "softmax")])
    ours.compile(optimizers.Adafactor(0.05, gradient_accumulation_steps=2, use_ema=True), "sparse_categorical_crossentropy")
    steps(ours, 0)
    ours.save(tmp_path / "ours.keras")
    theirs, again = keras.models.load_model(tmp_path / "ours.keras"), load_model(tmp_path / "ours.keras")
    for value, (name, kept) in zip(theirs.optimizer.variables, to_list(ours), strict=True):
        np.testing.assert_allclose(np.asarray(value), kept, rtol=1e-12, err_msg=name)
    for model in (ours, again):
        steps(model, 5)
    for a, b in zip(ours.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


# ---------------------------------------------------------------------- configurations
NEEDED = {
    "MeanIoU": {"num_classes": 3}, "IoU": {"num_classes": 3, "target_class_ids": [0]}, "OneHotMeanIoU": {"num_classes": 3},
    "OneHotIoU": {"num_classes": 3, "target_class_ids": [0]}, "ConfusionMatrix": {"num_classes": 3},
    "SensitivityAtSpecificity": {"specificity": 0.5}, "SpecificityAtSensitivity": {"sensitivity": 0.5},
    "PrecisionAtRecall": {"recall": 0.5}, "RecallAtPrecision": {"precision": 0.5},
    "CosineDecay": {"initial_learning_rate": 1, "decay_steps": 9},
    "CosineDecayRestarts": {"initial_learning_rate": 1, "first_decay_steps": 9},
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


def test_layers_keras_lacks():
    """Those that Keras lacks stand in `OURS_ALONE`."""
    assert {name for name in L.NAMES if not hasattr(keras.layers, name)} == set(L.NAMES) & keras_json.OURS_ALONE


def test_activations_keras_lacks():
    lacking = {n for n, a in gpunn.activations.NAMES.items() if n == a.name and not hasattr(keras.activations, n)}
    assert lacking <= keras_json.OURS_ALONE
