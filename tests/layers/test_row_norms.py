"""Normalization within rows against Keras 3 and PyTorch: values, training, options, errors."""

import numpy as np
import pytest
from keras_twin import assert_same_history, keras, twins
from kernel_targets import needs_gxx

import gpunn
from gpunn.layers import BatchNormalization, GroupNormalization, Input, LayerNormalization, RMSNormalization, UnitNormalization
from gpunn.models import Sequential, load_model

pytestmark = pytest.mark.usefixtures("float64")
RNG = np.random.default_rng(0)
CASES = {
    "layer": ("LayerNormalization", {}, (5, 7)),
    "layer of two axes": ("LayerNormalization", {"axis": [-2, -1], "epsilon": 0.1}, (4, 3, 5)),
    "layer of sequences": ("LayerNormalization", {"center": False}, (4, 3, 5)),
    "layer of channels first": ("LayerNormalization", {"axis": 1}, (3, 4, 2, 5)),
    "layer of axes apart": ("LayerNormalization", {"axis": [-1, 1]}, (3, 4, 2, 5)),
    "layer, bare": ("LayerNormalization", {"center": False, "scale": False}, (5, 7)),
    "group": ("GroupNormalization", {"groups": 2}, (5, 6)),
    "group of images": ("GroupNormalization", {"groups": 3, "epsilon": 0.01}, (2, 3, 4, 6)),
    "group of channels first": ("GroupNormalization", {"groups": 2, "axis": 1}, (3, 4, 2, 5)),
    "instance": ("GroupNormalization", {"groups": -1, "scale": False}, (3, 4, 5)),
    "rms": ("RMSNormalization", {}, (5, 7)),
    "rms of two axes": ("RMSNormalization", {"axis": [1, 2], "epsilon": 0.1}, (4, 3, 5)),
    "unit": ("UnitNormalization", {}, (5, 7)),
    "unit of steps": ("UnitNormalization", {"axis": 1}, (3, 4, 5)),
    "unit of two axes": ("UnitNormalization", {"axis": [1, 2]}, (4, 3, 5)),
}


@pytest.mark.parametrize("case", CASES)
def test_values_and_weights_are_keras(case, either_cpu):
    name, options, shape = CASES[case]
    x = 2 + 3 * RNG.standard_normal(shape)
    mine, theirs = getattr(gpunn.layers, name)(**options), getattr(keras.layers, name)(**options, dtype="float64")
    got, want = mine(x), np.asarray(theirs(x))
    np.testing.assert_allclose(got, want, rtol=2e-5, atol=1e-6)
    assert [p.name.split("/")[-1] for p in mine.parameters] == [v.name for v in theirs.weights]
    values = [RNG.standard_normal(w.shape) for w in theirs.get_weights()]
    for layer in (mine, theirs):
        layer.set_weights(values)
    np.testing.assert_allclose(mine(x), np.asarray(theirs(x)), rtol=2e-5, atol=1e-5)
    known = mine.config()
    assert known == {k: tuple(v) if isinstance(v, tuple) else v for k, v in theirs.get_config().items() if k in known} | {
        "axis": known["axis"]
    }


@pytest.mark.parametrize("case", ["layer", "layer of sequences", "group", "group of images"])
def test_gradients_are_torchs(case, either_cpu):
    torch = pytest.importorskip("torch")
    name, options, shape = CASES[case]
    x, dy = RNG.standard_normal(shape), RNG.standard_normal(shape)
    layer = getattr(gpunn.layers, name)(**{k: v for k, v in options.items() if k not in ("center", "scale")})
    layer(x)
    gamma, beta = (RNG.standard_normal(p.shape) for p in layer.parameters)
    layer.set_weights([gamma, beta])
    for p in layer.parameters:
        p.begin_step()
    dx = layer.forward(x, True)[1](dy.copy())
    t, a, b = (torch.tensor(v, requires_grad=True) for v in (x, gamma, beta))
    if name == "LayerNormalization":
        out = torch.nn.functional.layer_norm(t, gamma.shape, a, b, layer.epsilon)
    else:
        out = torch.nn.functional.group_norm(t.movedim(-1, 1), layer.groups, a, b, layer.epsilon).movedim(1, -1)
    out.backward(torch.tensor(dy))
    for mine, theirs in ((dx, t.grad), (layer.gamma.gradient, a.grad), (layer.beta.gradient, b.grad)):
        np.testing.assert_allclose(mine, theirs.numpy(), rtol=1e-9, atol=1e-11)


MIX = {"module": "keras.regularizers", "class_name": "L1L2", "config": {"l1": 0.01, "l2": 0.02}}


def test_twenty_steps_as_keras_takes_them(cpu):
    layers = [
        ("Dense", {"units": 8}),
        ("LayerNormalization", {"gamma_regularizer": "l2", "beta_regularizer": "l2", "gamma_constraint": "non_neg"}),
        ("Activation", {"activation": "tanh"}),
        ("GroupNormalization", {"groups": 4, "gamma_regularizer": MIX, "beta_constraint": "max_norm"}),
        ("Dense", {"units": 6}), ("RMSNormalization", {}), ("UnitNormalization", {}), ("Dense", {"units": 2}),
    ]  # fmt: skip
    ours, theirs = twins(layers, ("SGD", {"learning_rate": 0.02, "momentum": 0.5}), "mse")
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((75, 6)), rng.standard_normal((75, 2))
    options = {"batch_size": 8, "epochs": 2, "shuffle": False, "verbose": 0}
    assert ours.recordable
    assert_same_history(ours.fit(x, y, **options), theirs.fit(x, y, **options))
    for name, a, b in zip([v.path for v in theirs.weights], ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-9, err_msg=name)


def test_normalized_rows():
    x = 5 + 3 * RNG.standard_normal((40, 300))
    y = LayerNormalization()(x)
    np.testing.assert_allclose(y.mean(axis=1), 0, atol=1e-12)
    np.testing.assert_allclose(y.var(axis=1), 1, rtol=1e-3)
    np.testing.assert_allclose(np.square(RMSNormalization()(x)).mean(axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(UnitNormalization()(x), axis=1), 1, rtol=1e-12)
    assert not UnitNormalization()(np.zeros((2, 3))).any() and not LayerNormalization()(np.ones((2, 3))).any()


def test_sim_and_files(tmp_path):
    import shutil

    if shutil.which("g++") is None:
        pytest.skip("sim needs g++")
    x, y = RNG.standard_normal((30, 4, 6)), RNG.standard_normal((30, 1))
    results = []
    for device in ("cpu", "sim"):
        gpunn.random.set_random_seed(5)
        with gpunn.device(device):
            model = Sequential(
                [
                    Input((4, 6)), GroupNormalization(2, axis=1), LayerNormalization([1, 2]), LayerNormalization(1), gpunn.layers.Flatten(),
                    gpunn.layers.Dense(5),
                    RMSNormalization(), UnitNormalization(), gpunn.layers.Dense(1),
                ]
            )
        model.compile("adam", "mse")
        model.fit(x, y, epochs=2, batch_size=8, verbose=0)
        results.append([model.predict(x), *model.get_weights()])
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)
    model.save(tmp_path / "m")
    again = load_model(tmp_path / "m")
    assert again.get_config() == model.get_config()
    np.testing.assert_allclose(again.predict(x), model.predict(x), rtol=1e-9)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: LayerNormalization(axis="last"), TypeError, "expected an int or a list of ints for the argument axis. .*axis='last'"),
        (lambda: UnitNormalization(axis=[]), TypeError, r"Received: axis=\[\]"),
        (lambda: LayerNormalization(epsilon=0), ValueError, "epsilon must be a number above 0. Received: epsilon=0"),
        (lambda: Sequential([Input((3, 4)), LayerNormalization(axis=3)]), ValueError,
         r"expected axes of a row of shape \(None, 3, 4\). Received: axis=3"),
        (lambda: Sequential([Input((None, 4)), LayerNormalization(axis=1)]), ValueError, "axis"),
        (lambda: GroupNormalization(2, axis=[1, 2]), TypeError, r"expected one axis, that of the channels. Received: axis=\[1, 2\]"),
        (lambda: Sequential([Input((3, 4)), UnitNormalization(axis=[0, 1, 2])]), ValueError, r"Received: axis=\[0, 1, 2\]"),
        (lambda: Sequential([Input((6,)), GroupNormalization(4)]), ValueError, "groups must divide the 6 channels. Received: groups=4"),
        (lambda: GroupNormalization(0), ValueError, "groups must be a positive integer. Received: groups=0"),
        (lambda: BatchNormalization(renorm=True), ValueError, "batch renormalization is not available. Received: renorm=True"),
    ],
)
def test_errors(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_options_of_batch_normalization(cpu):
    config = BatchNormalization(synchronized=True, moving_mean_initializer="ones", moving_variance_initializer="zeros").get_config()
    assert config["synchronized"] and BatchNormalization(**config).get_config() == config
    layer = BatchNormalization(moving_mean_initializer="ones", moving_variance_initializer=gpunn.initializers.Constant(4.0), epsilon=1e-9)
    np.testing.assert_allclose(layer(np.full((2, 3), 5.0)), 2.0, rtol=1e-6)


@pytest.mark.parametrize("place", ["cpu", pytest.param("sim", marks=needs_gxx)])
@pytest.mark.parametrize("masked", [False, True])
def test_batch_normalization_of_each_step(place, masked):
    """Each step has a mean and a variance of its own, and moves the moving ones."""
    x = 2 + RNG.standard_normal((6, 3, 4))
    mask = np.array([[1, 1, 0], [1, 0, 0], [1, 1, 1], [1, 1, 0], [0, 0, 0], [1, 1, 1]], bool) if masked else None
    with gpunn.device(place):
        mine, theirs = (lib.layers.TimeDistributed(lib.layers.BatchNormalization(momentum=0.7, dtype="float64")) for lib in (gpunn, keras))
        for layer in (mine, theirs):
            layer.build((None, 3, 4))
        for training in (True, True, False):
            found, wanted = mine(x, training=training, mask=mask), np.asarray(theirs(x, training=training, mask=mask))
            np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)
        for a, b in zip(mine.get_weights(), theirs.get_weights(), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-6)
