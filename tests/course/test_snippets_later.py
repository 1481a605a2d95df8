"""SN-13, SN-24, SN-28, EX-17, EX-30: graphs, augmentation, .h5 files, kernels of images, pooling."""

import numpy as np
import pytest

from gpunn.layers import AveragePooling2D, Conv2D, GlobalAveragePooling2D, MaxPooling2D
from gpunn.models import Sequential

TABLE = np.array([[7, 3, 5, 2], [8, 7, 1, 6], [4, 9, 3, 9], [0, 8, 4, 5]], np.float32)[None, :, :, None]  # EX-30's picture


def test_sn24_image_data_generator(play):
    """tests/preprocessing has each parameter's bounds; here the slide's lines, and rows that keep their labels."""
    datagen = play("sn24").datagen
    y = np.arange(40) % 4
    x = np.repeat(60.0 * y, 64).reshape(40, 8, 8, 1)
    images, labels = next(datagen.flow(x, y, batch_size=32))
    assert images.shape == (32, 8, 8, 1) and images.dtype == np.float32
    np.testing.assert_allclose(images, np.broadcast_to(60.0 * labels[:, None, None, None], images.shape), rtol=1e-5)


def test_sn28_save_load_predict(play, tmp_path, monkeypatch, capsys):
    pytest.importorskip("h5py")
    from keras.layers import Dense

    monkeypatch.chdir(tmp_path)
    model = Sequential([Dense(6, activation="relu", input_dim=3), Dense(1)])
    model.compile("adam", "mse")
    x = np.random.default_rng(0).normal(size=(20, 3)).astype("float32")
    model.fit(x, x[:, :1], verbose=0)
    expected = model.predict(x, verbose=0)
    names = play("sn28", model=model, data_to_predict_with=x)
    np.testing.assert_array_equal(names.predictions, expected)
    assert "Total params: 31" in capsys.readouterr().out and (tmp_path / "model_file.h5").exists()


@pytest.mark.parametrize(
    ("kernel", "expected"),
    [
        pytest.param([[0, 0, 0], [0, 1, 0], [0, 0, 0]], [[7, 1], [9, 3]], id="identity"),
        pytest.param(np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]]) / 16, [[5.5625, 4.3125], [5.8125, 5.25]], id="blur"),
        pytest.param([[0, -1, 0], [-1, 5, -1], [0, -1, 0]], [[14, -16], [23, -8]], id="sharpen"),
        pytest.param([[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]], [[16, -36], [37, -25]], id="edge"),
    ],
)
def test_ex17_kernels(kernel, expected, either_cpu):
    model = Sequential([Conv2D(1, 3, use_bias=False, input_shape=(4, 4, 1))])
    model.set_weights([np.reshape(kernel, (3, 3, 1, 1))])
    np.testing.assert_allclose(model.predict(TABLE, verbose=0)[0, :, :, 0], expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (AveragePooling2D(2), [[6.25, 3.5], [5.25, 5.25]]), (MaxPooling2D(2), [[8, 6], [9, 9]]), (GlobalAveragePooling2D(), [5.0625]),
    ],
    ids=["average", "max", "global average"],
)
def test_ex30_pooling(layer, expected, either_cpu):
    np.testing.assert_array_equal(np.squeeze(layer(TABLE)), np.squeeze(expected))
