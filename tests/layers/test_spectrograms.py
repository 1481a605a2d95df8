"""Spectrograms against Keras's: values, weights, gradients, and what they refuse."""

import numpy as np
import pytest
from gradient import check_layer
from keras_twin import compute_in, keras

import gpunn
from gpunn import layers
from gpunn.models import load_model

pytestmark = pytest.mark.usefixtures("float64")
RNG = np.random.default_rng(0)
MODES = {
    "log": {}, "magnitude": {"expand_dims": True, "frame_step": 3}, "psd": {"padding": "same", "scaling": "spectrum"},
    "real": {"window": None}, "imag": {"window": "hamming", "periodic": True}, "angle": {"fft_length": 32},
    "stft": {"frame_length": 12, "scaling": None, "expand_dims": True},
}  # fmt: skip
MELS = [
    {}, {"window": "hamming", "sequence_length": 50, "mag_exp": 1.0, "power_to_db": False},
    {"min_freq": 100.0, "max_freq": 2000.0, "top_db": 20.0, "ref_power": 2.0, "window": None, "mag_exp": 3.0},
]  # fmt: skip


@pytest.mark.parametrize("mode", MODES)
def test_transforms_are_keras(mode, either_cpu):
    compute_in("float64")
    options = {"frame_length": 16, **MODES[mode]}
    x = RNG.standard_normal((3, 50, 2))
    ours, theirs = (lib.layers.STFTSpectrogram(mode, **options) for lib in (gpunn, keras))
    want = np.asarray(theirs(x))
    np.testing.assert_allclose(ours(x), want, rtol=1e-5, atol=1e-6)
    assert [tuple(w.shape) for w in ours.weights] == [tuple(w.shape) for w in theirs.weights]
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(a, np.asarray(b), rtol=1e-6, atol=1e-7)
    assert ours.compute_output_shape((None, 50, 2)) == (None, *want.shape[1:])
    again = type(ours).from_config(ours.get_config())
    assert again.get_config() == ours.get_config()


def test_gradient(numpy_cpu):
    layer, x = layers.STFTSpectrogram("magnitude", 8, expand_dims=True), RNG.standard_normal((2, 20, 2))
    layer.ensure_built((None, 20, 2))
    check_layer(layer, x)
    with pytest.raises(AssertionError, match="analytic"):
        check_layer(layer, x, spoil=1.001)


@pytest.mark.parametrize("options", MELS, ids=str)
def test_mels_are_keras(options, either_cpu):
    compute_in("float64")
    options = {"fft_length": 64, "sequence_stride": 20, "sampling_rate": 8000, "num_mel_bins": 10, **options}
    x = RNG.standard_normal((3, 210))
    ours, theirs = (lib.layers.MelSpectrogram(**options) for lib in (gpunn, keras))
    want = np.asarray(theirs(x))
    np.testing.assert_allclose(ours(x), want, rtol=1e-4, atol=1e-4)
    assert ours.compute_output_shape((None, 210)) == (None, *want.shape[1:])
    assert type(ours).from_config(ours.get_config()).get_config() == ours.get_config()


def test_in_models_and_files(cpu, shared_sim, tmp_path):
    compute_in("float64")

    def made(k):
        return k.Sequential([
            k.layers.Input((210,)), k.layers.MelSpectrogram(64, 20, num_mel_bins=6), k.layers.Permute((2, 1)),
            k.layers.STFTSpectrogram("psd", 4), k.layers.Flatten(), k.layers.Dense(2),
        ])  # fmt: skip

    x, y = RNG.standard_normal((6, 210)), RNG.standard_normal((6, 2))
    ours, theirs = made(gpunn), made(keras)
    with gpunn.device("sim"):
        simulated = made(gpunn)
    start = ours.get_weights()
    for model in (ours, theirs, simulated):
        model.set_weights(start)
        model.compile(optimizer="adam", loss="mse")
        model.fit(x, y, batch_size=3, epochs=2, shuffle=False, verbose=0)
    want = ours.predict(x, batch_size=6, verbose=0)
    np.testing.assert_allclose(simulated.predict(x, batch_size=6, verbose=0), want, rtol=1e-7)
    np.testing.assert_allclose(theirs.predict(x, batch_size=6, verbose=0), want, rtol=1e-3, atol=1e-3)
    ours.save(tmp_path / "ours.keras")
    loaded = keras.models.load_model(tmp_path / "ours.keras")
    np.testing.assert_allclose(loaded.predict(x, batch_size=6, verbose=0), want, rtol=1e-4, atol=1e-3)
    theirs.save(tmp_path / "theirs.keras")
    back = load_model(tmp_path / "theirs.keras").predict(x, batch_size=6, verbose=0)
    np.testing.assert_allclose(back, theirs.predict(x, batch_size=6, verbose=0), rtol=1e-4, atol=1e-3)


ERRORS = {
    "mode": (lambda: layers.STFTSpectrogram("power", name="s"), r"'s': mode must be one of \('log'.*mode='power'"),
    "step": (lambda: layers.STFTSpectrogram(frame_length=8, frame_step=9, name="s"), "'s': frame_step must be at most frame_length, 8"),
    "fft": (lambda: layers.STFTSpectrogram(frame_length=8, fft_length=4), "fft_length must be at least frame_length, 8. Received: 4"),
    "short": (lambda: layers.STFTSpectrogram(frame_length=8).compute_output_shape((None, 5, 1)), "a frame of 8 steps is longer than the"),
    "length": (lambda: layers.MelSpectrogram(64, sequence_length=65), "fft_length must be at least sequence_length"),
    "window": (lambda: layers.MelSpectrogram(window="bartlett"), "window must be 'hann', 'hamming', an array or None"),
    "range": (lambda: layers.MelSpectrogram(min_freq=50, max_freq=20), "expected 0 <= min_freq < max_freq. Received: 50, 20"),
    "samples": (lambda: layers.MelSpectrogram(64).compute_output_shape((None, 32)), r"more than fft_length / 2 = 32 samples.*\(None, 32\)"),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors(case):
    make, message = ERRORS[case]
    with pytest.raises(ValueError, match=message):
        make()


def test_one_sound():
    sound = np.sin(np.arange(3000) / 9)
    ours, theirs = (module.layers.MelSpectrogram() for module in (gpunn, keras))
    np.testing.assert_allclose(ours(sound), ours(sound[None])[0])
    assert ours(sound).shape == tuple(theirs(sound).shape) == ours.compute_output_shape((3000,))
