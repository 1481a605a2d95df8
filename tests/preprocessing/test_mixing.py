"""Mixup and CutMix: what a mixed row is made of, its label, and the same within a recorded step."""

import numpy as np
import pytest

import gpunn
from gpunn import layers
from gpunn.models import Sequential
from gpunn.preprocessing import image
from gpunn.preprocessing.image import ImageDataGenerator
from gpunn.random import set_random_seed

N = 400
X = np.repeat(np.arange(N, dtype=float)[:, None], 12 * 10, axis=1).reshape(N, 12, 10, 1)  # every image says which it is
Y = np.arange(N)


def test_mixup_mixes_rows_and_labels_alike(cpu):
    for alpha in (0.2, 1.0):
        x, y = image.mixup(X, Y, alpha, seed=3)
        np.testing.assert_allclose(y.sum(axis=1), 1)
        np.testing.assert_allclose(y @ np.arange(N), x[:, 0, 0, 0], rtol=1e-9)
        assert np.ptp(x, axis=(1, 2, 3)).max() == 0 and ((y > 0).sum(axis=1) <= 2).all()
        own = y[np.arange(N), Y]
        assert abs(own.mean() - 0.5) < 0.08 and own.var() == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.15)
    np.testing.assert_array_equal(image.mixup(X, Y, seed=3)[0], image.mixup(X, Y, seed=3)[0])
    flat, targets = image.mixup(X.reshape(N, -1)[:, :1], np.arange(N) * 2.0, seed=1)
    np.testing.assert_allclose(targets, 2 * flat)


def test_cutmix_pastes_a_box_and_counts_its_pixels(cpu):
    x, y = image.cutmix(X, Y, 1.0, seed=3)
    for row in range(N):
        values, counts = np.unique(x[row], return_counts=True)
        assert len(values) <= 2
        np.testing.assert_allclose(y[row][values.astype(int)], counts / 120)
        if len(values) == 2:
            inside = x[row, :, :, 0] != row
            i, j = np.nonzero(inside)
            assert inside.sum() == (np.ptp(i) + 1) * (np.ptp(j) + 1), "a box"
    own = y[np.arange(N), Y]
    assert abs(own.mean() - 0.5) < 0.06 and own.var() == pytest.approx(1 / 12, rel=0.25)


def test_cutout_and_augmix_on_arrays(cpu):
    y = image.cutout(X + 1, 4, seed=1)
    assert (y == 0).sum(axis=(1, 2, 3)).max() == 16 and np.array_equal(y, image.cutout(X + 1, 4, seed=1))
    assert image.augmix(X.astype("uint8"), seed=2).shape == X.shape


def test_layers_take_dicts(cpu):
    batch = {"images": X[:8], "labels": np.eye(8)}
    for layer in (layers.MixUp(0.4, seed=2), layers.CutMix(seed=2)):
        out = layer(batch)
        np.testing.assert_allclose(out["labels"].sum(axis=1), 1, rtol=1e-6)
        np.testing.assert_allclose(out["labels"] @ np.arange(8), out["images"].mean(axis=(1, 2, 3)), rtol=1e-4, atol=1e-4)
        assert layer(X[:8]).shape == X[:8].shape and layer(batch, training=False) is batch
        assert type(layer).from_config(layer.get_config()).get_config() == layer.get_config()
        with pytest.raises(ValueError, match="must see the labels"):
            Sequential([layers.Input((12, 10, 1)), layer])
        with pytest.raises(ValueError, match="labels must be one-hot rows"):
            layer({"images": X[:8], "labels": np.arange(8)})


def mean_model():
    """Keeps its weights: what it sees shows in the loss. The output is the image's mean, and the mean squared error compares targets."""
    set_random_seed(2)
    model = Sequential([layers.Input((12, 10, 1)), layers.Flatten(), layers.Dense(1, use_bias=False, kernel_initializer="zeros")])
    model.compile(gpunn.optimizers.SGD(0.0), "mse", metrics=["mae"])
    model.set_weights([np.full((120, 1), 1 / 120)])
    return model


@pytest.mark.parametrize("device", ["cpu", "sim"])
def test_inputs_and_targets_are_mixed_alike_in_a_recorded_step(device, cpu, sim_with):
    sim_with()
    y = np.arange(40.0)
    for options in ({"mixup": 0.3}, {"mixup": None, "cutmix": 1.0}, {"mixup": 0.3, "cutmix": 1.0}):
        flow = image.mix(ImageDataGenerator().flow(X[:40], y, batch_size=8), **options)
        with gpunn.device(device):
            model = mean_model()
        assert flow.in_step() is not None
        history = model.fit(flow, epochs=3, verbose=0).history
        assert max(history["loss"]) < 1e-6 and flow.flow.total_batches_seen == 0, "the mean of a mixed image is its mixed label"
        plain = mean_model().fit(ImageDataGenerator().flow(X[:40], y[::-1].copy(), batch_size=8), verbose=0).history
        assert plain["loss"][0] > 100, "this loss would show it"


def test_a_classifier_trains_on_a_mixed_flow(cpu):
    x = np.random.default_rng(0).normal(size=(60, 6, 6, 1)) + (np.arange(60) % 3)[:, None, None, None]
    y = np.arange(60) % 3
    flow = image.mix(ImageDataGenerator(preprocessing_function=lambda v: v).flow(x, y, batch_size=16))
    assert flow.in_step() is None, "batch by batch"
    model = Sequential([layers.Input((6, 6, 1)), layers.Flatten(), layers.Dense(3, "softmax")])
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    for given in (flow, image.mix(ImageDataGenerator(rotation_range=5).flow(x, y, batch_size=16), cutmix=0.5)):
        losses = model.fit(given, epochs=15, verbose=0).history["loss"]
        assert losses[-1] < losses[0]


def test_errors():
    for make, message in (
        (lambda: image.mixup(X, Y, -1), "Expected positive numbers for mixup"),
        (lambda: image.mixup(X, Y[:5]), "expected as many rows as x, 400. Received: 5"),
        (lambda: image.cutmix(X.reshape(N, -1), Y), "expected images"),
        (lambda: image.mix(None, None, None), "Expected positive numbers for mixup, cutmix or both"),
        (lambda: image.mix(ImageDataGenerator().flow(X, Y, sample_weight=Y))[0], "two labels, but one sample weight"),
    ):
        with pytest.raises(ValueError, match=message):
            make()
