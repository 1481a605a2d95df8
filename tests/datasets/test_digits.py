"""The digits that come with scikit-learn, and the gates."""

import gzip
import importlib.util
import subprocess
import sys

import numpy as np
import pytest

from gpunn.datasets import DatasetError, digits, gates

has_sklearn = pytest.mark.skipif(digits.find_file() is None, reason="scikit-learn is not installed")


@has_sklearn
def test_shapes_and_split():
    (x_train, y_train), (x_test, y_test) = digits.load_data()
    assert (x_train.shape, y_train.shape, x_test.shape, y_test.shape) == ((1442, 8, 8), (1442,), (355, 8, 8), (355,))
    for array in (x_train, y_train, x_test, y_test):
        assert array.dtype == np.uint8 and array.flags.c_contiguous and array.flags.writeable
    assert x_train.max() == x_test.max() == digits.pixel_max == 16
    every, test = np.bincount(np.concatenate([y_train, y_test])), np.bincount(y_test)
    assert (test == every // 5).all(), "of each class, one fifth"


@has_sklearn
def test_equals_scikit_learns_own_reader():
    bunch = pytest.importorskip("sklearn.datasets").load_digits()
    (x_train, y_train), (x_test, y_test) = digits.load_data()
    seen = dict.fromkeys(range(10), 0)
    train, test = iter(zip(x_train, y_train, strict=True)), iter(zip(x_test, y_test, strict=True))
    for image, label in zip(bunch.images, bunch.target, strict=True):
        seen[label] += 1
        got, got_label = next(test if seen[label] % 5 == 0 else train)
        assert got_label == label and (got == image).all()
    assert next(train, None) is None and next(test, None) is None


@has_sklearn
def test_scikit_learn_is_not_imported():
    code = (
        "import sys; from gpunn.datasets import digits; digits.load_data();"
        "print([m for m in ('sklearn', 'scipy', 'urllib.request', 'ssl', 'rich', 'platformdirs', 'numba', 'cupy') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


@pytest.mark.parametrize("spec", [None, ImportError("no"), ValueError("sklearn.__spec__ is None")])
def test_without_scikit_learn(monkeypatch, spec):
    def find_spec(name):
        if isinstance(spec, Exception):
            raise spec
        return spec

    monkeypatch.setattr(importlib.util, "find_spec", find_spec)
    with pytest.raises(DatasetError, match=r'pip install "gpunn\[digits\]"'):
        digits.load_data()


@has_sklearn
@pytest.mark.parametrize("damage", ["cut", "crc", "deflate", "empty", "text", "row", "value", "range", "plain"])
def test_damaged_file(monkeypatch, tmp_path, damage):
    packed = digits.find_file().read_bytes()
    text = gzip.decompress(packed)
    data = {
        "deflate": packed[:10] + b"\xff" * 2000 + packed[2010:],  # no kind of block begins so
        "cut": packed[:-100], "crc": packed[:-8] + bytes(8), "empty": b"", "text": gzip.compress(b"a,b\n", 1),
        "row": gzip.compress(text[: text.rindex(b"\n", 0, -1) + 1], 1), "value": gzip.compress(b"1" + text[1:], 1),
        "range": gzip.compress(b"300" + text[1:], 1), "plain": text,
    }[damage]
    file = tmp_path / "digits.csv.gz"
    file.write_bytes(data)
    monkeypatch.setattr(digits, "find_file", lambda: file)
    with pytest.raises(DatasetError) as error:
        digits.load_data()
    for words in (str(file), "is damaged", "1797 rows of 65", "pip install --force-reinstall scikit-learn"):
        assert words in str(error.value)
    assert damage != "row" or "Received: 116740 values" in str(error.value)


@pytest.mark.parametrize("name", ["and", "nand", "nor", "or", "xnor", "xor"])
def test_gates(name):
    function = {
        "and": lambda a, b: a and b, "or": lambda a, b: a or b, "xor": lambda a, b: a != b,
        "nand": lambda a, b: not (a and b), "nor": lambda a, b: not (a or b), "xnor": lambda a, b: a == b,
    }[name]
    (x, y), (x_test, y_test) = gates.load_data(name.upper())
    assert x.dtype == y.dtype == np.uint8 and {tuple(row) for row in x.tolist()} == {(0, 0), (0, 1), (1, 0), (1, 1)}
    assert y.tolist() == [int(function(a, b)) for a, b in x.tolist()]
    x[:] = 7
    assert x_test.max() == 1 and y_test.tolist() == y.tolist(), "the copies are independent"


@pytest.mark.parametrize("gate", ["imply", "", 3, None])
def test_unknown_gate(gate):
    with pytest.raises(DatasetError, match=r"Expected: one of and, nand, nor, or, xnor, xor. Received: gate="):
        gates.load_data(gate)


def test_nothing_is_imported_early():
    code = (
        "import sys, gpunn, gpunn.datasets as d;"
        "print([m for m in ('numpy', 'json', 'urllib.request', 'platformdirs') if m in sys.modules]);"
        "print('mnist' in dir(d), d.mnist.pixel_max, gpunn.datasets.fashion_mnist.class_names[9], issubclass(d.DatasetError, ValueError))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]\nTrue 255 Ankle boot True"


def test_unknown_data_set():
    import gpunn.datasets

    with pytest.raises(AttributeError, match="no attribute 'imagenet'"):
        _ = gpunn.datasets.imagenet
