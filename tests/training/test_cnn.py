"""Convolutional networks in training: as Keras 3, the same to the bit whatever the threads, the same on every target."""

import numpy as np
import pytest
from keras_twin import NEAR, assert_same_history, assert_same_weights, twins

import gpunn
from gpunn import layers
from gpunn.backend.cpu import CpuBackend
from gpunn.kernels import REGISTRY
from gpunn.random import set_random_seed
from gpunn.training import fuse

ROWS, BATCH = 75, 8


def conv(filters, size, **options):
    return ("Conv2D", {"filters": filters, "kernel_size": size, **options})


def dense(units, activation):
    return ("Dense", {"units": units, "activation": activation})


FLAT, POOL, RELU, BN = ("Flatten", {}), ("MaxPooling2D", {}), ("Activation", {"activation": "relu"}), ("BatchNormalization", {})
ADAM, SGD = ("Adam", {"learning_rate": 0.01}), ("SGD", {"learning_rate": 0.05, "momentum": 0.9})
NETWORKS = {
    "two convolutions with pooling": ([conv(6, 3, activation="relu"), POOL, conv(12, 3), RELU, POOL, FLAT, dense(3, "softmax")], ADAM),
    "batch norm between, same, strided": (
        [
            conv(4, 3, padding="same", use_bias=False), BN, RELU, POOL, conv(5, 3, strides=2, padding="same"),
            ("BatchNormalization", {"axis": 1}), FLAT, dense(3, "softmax"),
        ], SGD,
    ),
    "separable, depthwise, global": (
        [
            ("SeparableConv2D", {"filters": 6, "kernel_size": 3, "activation": "relu"}), ("DepthwiseConv2D", {"kernel_size": 3}), RELU,
            ("GlobalAveragePooling2D", {}), dense(3, "softmax"),
        ], ADAM,
    ),
    "up and down": (
        [
            ("ZeroPadding2D", {"padding": 1}), conv(4, 2, strides=2), RELU,
            ("Conv2DTranspose", {"filters": 3, "kernel_size": 3, "strides": 2}), ("UpSampling2D", {"interpolation": "bilinear"}),
            ("Cropping2D", {"cropping": 3}), ("AveragePooling2D", {"pool_size": 3, "strides": 2}), FLAT, dense(3, "softmax"),
        ], ADAM,
    ),
}


def data(seed=0, rows=ROWS, dtype="float64"):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((rows, 10, 10, 2)).astype(dtype), rng.integers(0, 3, rows)


@pytest.mark.usefixtures("float64", "cpu")
@pytest.mark.parametrize("case", NETWORKS)
def test_twenty_steps_as_keras(case):
    stack, optimizer = NETWORKS[case]
    ours, theirs = twins(stack, optimizer, "sparse_categorical_crossentropy", ["accuracy"], shape=(10, 10, 2))
    x, y = data()
    options = {"batch_size": BATCH, "epochs": 2, "shuffle": False, "verbose": 0}
    assert_same_history(ours.fit(x, y, **options), theirs.fit(x, y, **options))
    assert ours.optimizer.iterations == 20
    assert_same_weights(ours, theirs)
    x, _ = data(1)
    np.testing.assert_allclose(ours.predict(x, verbose=0), theirs.predict(x, verbose=0, batch_size=len(x)), rtol=1e-5, atol=NEAR)


def network(ops=None, width=5):
    set_random_seed(11)
    model = gpunn.Sequential([
        layers.Input((12, 12, 1)), layers.Conv2D(width, 3, activation="relu"), layers.MaxPooling2D(), layers.Dropout(0.2),
        layers.Conv2D(2 * width, 3, padding="same"), layers.BatchNormalization(), layers.ReLU(), layers.MaxPooling2D(),
        layers.SpatialDropout2D(0.2), layers.Flatten(), layers.Dense(3, activation="softmax"),
    ])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def trained(width=5, rows=70, batch=32, epochs=2):
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (rows, 12, 12, 1)).astype(np.uint8), rng.integers(0, 3, rows)
    model = network(width=width)
    history = model.fit(x, y, batch_size=batch, epochs=epochs, verbose=0)
    return [*model.get_weights(), np.array(history.history["loss"]), model.predict(x, verbose=0)]


def test_threads_change_no_bit(monkeypatch):
    from gpunn import backend

    monkeypatch.setattr(backend, "_default", "cpu")
    monkeypatch.setattr("gpunn.backend.cpu.ONE_THREAD", 0.0)
    results = []
    for threads in (1, 2, 3):
        monkeypatch.setitem(backend._made, "cpu", CpuBackend(threads=threads))
        results.append(trained(width=16, rows=300, batch=96))
    for other in results[1:]:
        assert all(np.array_equal(a, b) for a, b in zip(results[0], other, strict=True))


def test_on_sim_as_on_the_cpu(sim_with, cpu):
    sim_with()
    mine = trained()
    with gpunn.device("sim"):
        theirs = trained()
    for a, b in zip(mine, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-3, atol=2e-4)


def test_what_runs_as_one_is_shown(cpu, capsys):
    model = network()
    model.explain()
    text = capsys.readouterr().out
    assert "winners alone are kept" in text
    assert text.count("in the same pass (on a CPU)") == 1, "batch normalization stands between the others"
    x = np.zeros((8, 12, 12, 1), np.float32)
    y = np.zeros(8, int)
    model.fit(x, y, batch_size=8, verbose=0)


@pytest.mark.parametrize("activation", fuse.INCREASING, ids=lambda a: a.name)
def test_a_pooling_may_come_before_an_increasing_activation(activation, cpu, monkeypatch):
    def trained():
        set_random_seed(2)
        model = gpunn.Sequential([
            layers.Input((9, 9, 2), dtype="float64"), layers.Conv2D(5, 3, activation=activation, dtype="float64"),
            layers.MaxPooling2D(dtype="float64"), layers.Flatten(dtype="float64"), layers.Dense(3, "softmax", dtype="float64"),
        ])
        model.compile(gpunn.optimizers.SGD(0.1), "sparse_categorical_crossentropy")
        rng = np.random.default_rng(4)
        x, y = 3 * rng.standard_normal((40, 9, 9, 2)), rng.integers(0, 3, 40)
        losses = model.fit(x, y, batch_size=16, epochs=3, verbose=0).history["loss"]
        return [*model.get_weights(), losses, model.predict(x, verbose=0)], model.explain(16)

    together, text = trained()
    assert "winners alone are kept" in text
    monkeypatch.setattr(fuse, "INCREASING", ())
    apart, text = trained()
    assert "winners alone are kept" not in text
    for a, b in zip(together, apart, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


def test_images_go_through_a_phase_together(cpu):
    """Forward and backward of an image are one chain: no phase ends between a network's convolutions."""
    from gpunn.training.loop import Training

    set_random_seed(0)
    model = gpunn.Sequential([
        layers.Input((12, 12, 1)), layers.Conv2D(8, 3, activation="relu"), layers.MaxPooling2D(), layers.Conv2D(8, 3, activation="relu"),
        layers.MaxPooling2D(), layers.Flatten(), layers.Dense(3, activation="softmax"),
    ])
    model.compile("adam", "sparse_categorical_crossentropy")
    x, y = np.zeros((64, 12, 12, 1), np.float32), np.zeros(64, int)
    program = Training(model, model._check(x, y, None, None, "fit"), 64, False).record(64)
    assert program.plan is not None
    images = {n.kernel.name: n.phase for n in program.plan.order if n.kernel.name.startswith("conv_pool")}
    assert set(images) == {"conv_pool", "conv_pool_dx", "conv_pool_dw"} and set(images.values()) == {0}
    assert {n.phase for n in program.plan.order if n.kernel is REGISTRY["conv_sum"]} == {1}
