"""Sounds in folders, written by Python's own `wave` and read back."""

import wave

import numpy as np
import pytest

from gpunn import compat
from gpunn.datasets.audio_folder import audio_dataset_from_directory, read_wav

RNG = np.random.default_rng(0)


def write(path, numbers, width=2, rate=8000):
    """numbers: (samples, channels), of whole numbers."""
    path.parent.mkdir(exist_ok=True)
    raw = (numbers + 128).astype("u1") if width == 1 else numbers.astype("<i4")
    raw = raw if width == 1 else np.ascontiguousarray(raw).view("u1").reshape(*numbers.shape, 4)[..., :width]
    with wave.open(str(path), "wb") as file:
        file.setnchannels(numbers.shape[1])
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(np.ascontiguousarray(raw).tobytes())


@pytest.fixture
def folder(tmp_path):
    lengths = {"a": (50, 80, 60), "b": (70, 40)}
    for name, some in lengths.items():
        for i, n in enumerate(some):
            write(tmp_path / name / f"{i}.wav", np.full((n, 1), 1000 * (i + 1)))
    return tmp_path


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_numbers_of_every_width(tmp_path, width):
    most = 2 ** (8 * width - 1)
    numbers = np.array([[-most, 0], [most - 1, 1], [-1, most // 2]])
    write(tmp_path / "x.wav", numbers, width, 44100)
    found, rate = read_wav(str(tmp_path / "x.wav"))
    assert rate == 44100 and found.dtype == np.float32
    np.testing.assert_allclose(found, numbers / most, rtol=1e-6, atol=1e-9)


def test_batches_filled_up_to_the_longest(folder, capsys):
    with compat.install():
        from keras.utils import audio_dataset_from_directory as served
    data = served(folder, batch_size=3, shuffle=False)
    assert capsys.readouterr().out == "Found 5 files belonging to 2 classes.\n"
    (x, y), (x2, y2) = data
    assert data.class_names == ["a", "b"] and len(data) == 2 and x.shape == (3, 80, 1) and x2.shape == (2, 70, 1)
    assert y.tolist() == [0, 0, 0] and y2.tolist() == [1, 1] and y.dtype == np.int32
    assert (x[0, :50] == np.float32(1000 / 32768)).all() and not x[0, 50:].any()


def test_one_length_and_labels_of_every_kind(folder):
    one = audio_dataset_from_directory(folder, output_sequence_length=60, label_mode="categorical", shuffle=False, verbose=False)
    ((x, y),) = one
    assert x.shape == (5, 60, 1) and y.tolist() == [[1, 0]] * 3 + [[0, 1]] * 2 and x[1].all() and not x[4, 40:].any()
    ((_, y),) = audio_dataset_from_directory(folder, label_mode="binary", shuffle=False, verbose=False)
    assert y.tolist() == [[0], [0], [0], [1], [1]] and y.dtype == np.float32
    single = list(audio_dataset_from_directory(folder, labels=None, batch_size=None, shuffle=False, verbose=False))
    assert [s.shape for s in single] == [(50, 1), (80, 1), (60, 1), (70, 1), (40, 1)]


def test_two_parts_of_one_order(folder):
    both = audio_dataset_from_directory(folder, validation_split=0.4, subset="both", seed=3, verbose=False)
    cut = {"validation_split": 0.4, "seed": 3, "verbose": False}
    alone = [audio_dataset_from_directory(folder, subset=subset, **cut) for subset in ("training", "validation")]
    paths = [d.file_paths for d in both]
    assert paths == [d.file_paths for d in alone] and [len(p) for p in paths] == [3, 2] and len({*paths[0], *paths[1]}) == 5


def test_another_rate(tmp_path):
    pytest.importorskip("scipy")
    t = np.arange(8000) / 8000
    write(tmp_path / "a" / "x.wav", np.round(20000 * np.sin(2 * np.pi * 440 * t))[:, None])
    ((x, _),) = audio_dataset_from_directory(tmp_path, sampling_rate=16000, verbose=False)
    assert x.shape == (1, 16000, 1) and x.dtype == np.float32
    t = np.arange(16000) / 16000
    np.testing.assert_allclose(x[0, 500:-500, 0], 20000 / 32768 * np.sin(2 * np.pi * 440 * t)[500:-500], atol=2e-3)


def test_what_is_refused(folder):
    for options, text in (
        ({"sampling_rate": 0}, "Argument sampling_rate: expected an integer from 1, or None. Received: 0"),
        ({"output_sequence_length": 2.5}, "Argument output_sequence_length: expected an integer"),
        ({"ragged": True}, r"Argument ragged: expected one of \(False,\)"),
        ({"label_mode": "one"}, "Argument label_mode: expected one of"),
    ):
        with pytest.raises(ValueError, match=text):
            audio_dataset_from_directory(folder, **options)
    (folder / "a" / "0.wav").write_bytes(b"RIFF")
    with pytest.raises(OSError, match=r"the sound .*0\.wav cannot be read"):
        list(audio_dataset_from_directory(folder, shuffle=False, verbose=False))
    (folder / "empty").mkdir()
    with pytest.raises(ValueError, match="no sounds were found"):
        audio_dataset_from_directory(folder / "empty", labels=None)
