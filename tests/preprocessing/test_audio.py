"""Sound: loudness of noise, shifts, length and pitch of tones."""

import sys

import numpy as np
import pytest

from gpunn.preprocessing import audio

pytest.importorskip("scipy")
RATE = 16000


def tone(frequency, seconds=1.0):
    return np.sin(2 * np.pi * frequency * np.arange(int(seconds * RATE)) / RATE)


def loudest(x):
    """The frequency of a waveform's middle half."""
    middle = x[len(x) // 4 : -len(x) // 4] * np.hanning(len(x[len(x) // 4 : -len(x) // 4]))
    return np.argmax(np.abs(np.fft.rfft(middle, 1 << 17))) * RATE / (1 << 17)


def test_noise():
    x = np.stack([tone(440), 0.1 * tone(440)]).astype("float32")
    for kind in ("gaussian", "uniform"):
        noise = audio.add_noise(x, snr_db=20, kind=kind, seed=1) - x
        np.testing.assert_allclose(10 * np.log10((x**2).mean(axis=1) / (noise**2).mean(axis=1)), 20, atol=0.2)
    y = audio.add_noise(x, amount=0.5, seed=1)
    assert y.dtype == np.float32 and np.std(y - x) == pytest.approx(0.5, rel=0.02)
    np.testing.assert_array_equal(y, audio.add_noise(x, amount=0.5, seed=1))
    each = np.std(audio.random_noise(np.zeros((50, 4000)), (0.1, 0.5), seed=2), axis=1)
    assert each.min() > 0.09 and each.max() < 0.52 and np.ptp(each) > 0.3


def test_shift():
    x = np.arange(1.0, 9)
    np.testing.assert_array_equal(audio.shift(x, 0.5, 4), [0, 0, 1, 2, 3, 4, 5, 6])
    np.testing.assert_array_equal(audio.shift(x, -0.75, 4), [4, 5, 6, 7, 8, 0, 0, 0])
    np.testing.assert_array_equal(audio.shift(x, 9, 4), np.zeros(8))
    rows = np.tile(x, (200, 1))
    left = audio.random_shift(rows, 1, 4, "left", seed=1)
    assert set((left == 0).sum(axis=1)) == {0, 1, 2, 3, 4} and (left[:, 0] > 0).all()
    assert (audio.random_shift(rows, 1, 4, "right", seed=1)[:, -1] > 0).all()
    with pytest.raises(ValueError, match="Expected a direction of"):
        audio.random_shift(x, 1, 4, "up")
    with pytest.raises(ValueError, match="sample_rate: expected samples a second"):
        audio.shift(x, 1, 0)


@pytest.mark.parametrize("rate", [0.5, 0.8, 1.25, 2.0])
def test_speed_changes_the_length_and_keeps_the_pitch(rate):
    x = np.stack([tone(440), tone(1000)])
    y = audio.change_speed(x, rate)
    assert y.shape == (2, round(RATE / rate))
    for row, frequency in zip(y, (440, 1000), strict=True):
        assert loudest(row) == pytest.approx(frequency, rel=0.01)
        assert np.std(row[2000:-2000]) == pytest.approx(np.std(x), rel=0.2)
    np.testing.assert_array_equal(audio.change_speed(x, 1.0), x)


@pytest.mark.parametrize("semitones", [-12, -3, 4, 12])
def test_pitch_changes_the_frequency_and_keeps_the_length(semitones, monkeypatch):
    x = np.stack([tone(440), tone(600)]).astype("float32")
    for missing in (False, True):
        if missing:
            monkeypatch.setitem(sys.modules, "soxr", None)
        elif "soxr" not in sys.modules:
            pytest.importorskip("soxr")
        y = audio.change_pitch(x, semitones, RATE)
        assert y.shape == x.shape and y.dtype == np.float32
        for row, frequency in zip(y, (440, 600), strict=True):
            assert loudest(row) == pytest.approx(frequency * 2 ** (semitones / 12), rel=0.01)


def test_random_ones_draw_for_each_row():
    x = np.stack([tone(440, 0.5)] * 6)
    low, high = 440 * 2 ** (-5 / 12), 440 * 2 ** (5 / 12)
    found = [loudest(row) for row in audio.random_pitch(x, (-5, 5), seed=1)]
    assert all(low * 0.98 < f < high * 1.02 for f in found) and np.ptp(found) > 60
    assert audio.random_speed(x, (0.5, 2.0), seed=1).shape == x.shape
    for make, message in (
        (lambda: audio.random_speed(x, (2, 1)), r"rate: expected a pair \(lower, upper\), in order"),
        (lambda: audio.change_speed(x, 0), "rate: expected a number above 0"),
        (lambda: audio.add_noise(x, kind="pink"), "kind: expected 'gaussian' or 'uniform'"),
        (lambda: audio.add_noise("sound"), "Expected a waveform"),
        (lambda: audio.change_pitch(np.array([[0.0, 1.0, np.nan]]), 2), r"finite numbers. Received: NaN or infinity at \[0, 2\]"),
        (lambda: audio.add_noise(x, amount=-1), "amount: expected a number of at least 0"),
        (lambda: audio.add_noise(x, amount=np.nan), "amount: expected a number of at least 0. Received: nan"),
        (lambda: audio.add_noise(x, np.nan), "snr_db: expected a number. Received: nan"),
        (lambda: audio.shift(x, np.nan, 8000), "seconds: expected a number. Received: nan"),
        (lambda: audio.change_pitch(x, np.inf), "semitones: expected a number. Received: inf"),
        (lambda: audio.change_speed(x, np.inf), "rate: expected a number above 0. Received: inf"),
        (lambda: audio.random_speed(x, (0, 1)), r"rate: expected a pair of numbers above 0. Received: \(0, 1\)"),
        (lambda: audio.random_pitch(x, (0, np.inf)), r"semitones: expected a pair \(lower, upper\), in order. Received: \(0, inf\)"),
        (lambda: audio.random_shift(x, np.nan, 8000), "max_seconds of at least 0. Received: 'both' and nan"),
    ):
        with pytest.raises(ValueError, match=message):
            make()
    for short in (np.zeros(0), np.ones(3), np.ones(50)):
        assert audio.change_pitch(short, 3).shape == short.shape and len(audio.change_speed(short, 2)) == round(len(short) / 2)


@pytest.mark.parametrize("rate", [7919.5, 11025, 47999, 96000])
def test_odd_sample_rates(rate):
    """Shift counts seconds, to the nearest sample; pitch and speed follow from the waveform alone."""
    time = np.arange(int(1.3 * rate)) / rate
    x = np.sin(2 * np.pi * 440 * time)
    assert np.flatnonzero(audio.shift(x + 2, 0.1, rate))[0] == round(0.1 * rate)
    for y, want in ((audio.change_pitch(x, 3, rate), 440 * 2**0.25), (audio.change_speed(x, 1.3), 440)):
        spectrum = np.abs(np.fft.rfft(y * np.hanning(len(y))))
        assert spectrum.argmax() * rate / len(y) == pytest.approx(want, abs=1.5)
    assert len(audio.change_speed(x, 1.3)) == round(len(x) / 1.3) and audio.change_pitch(x, 3, rate).shape == x.shape
