"""The IDX reader on good files: every type, every rank, plain and gzip."""

import gzip

import numpy as np
import pytest

from gpunn.datasets import DatasetError
from gpunn.datasets.idx import read_idx, read_pair


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("dtype", ["uint8", "int8", "int16", "int32", "float32", "float64"])
@pytest.mark.parametrize("shape", [(), (1,), (5,), (0,), (3, 4), (2, 0, 7), (2, 3, 4, 5)])
def test_reads_every_type_and_rank(tmp_path, idx_bytes, dtype, shape, suffix):
    array = (np.random.default_rng(3).standard_normal(shape) * 50).astype(dtype)
    file = tmp_path / f"data{suffix}"
    file.write_bytes(gzip.compress(idx_bytes(array)) if suffix else idx_bytes(array))
    got = read_idx(file)
    assert got.dtype == array.dtype and got.dtype.isnative and got.shape == shape
    assert got.flags.c_contiguous and got.flags.writeable and got.flags.aligned
    np.testing.assert_array_equal(got, array)


def test_known_bytes(tmp_path):
    """Written out by hand, so that encoder and reader cannot share a mistake."""
    file = tmp_path / "x"
    file.write_bytes(bytes.fromhex("00 00 0b 02  00 00 00 02  00 00 00 03  00 01 00 02 ff ff 01 00 80 00 7f ff"))
    np.testing.assert_array_equal(read_idx(file), np.array([[1, 2, -1], [256, -32768, 32767]], np.int16))


def test_gzip_is_told_by_content_and_may_have_several_members(tmp_path, idx_bytes):
    whole = idx_bytes(np.arange(100, dtype=np.uint8))
    file = tmp_path / "no_suffix"
    file.write_bytes(gzip.compress(whole[:50]) + gzip.compress(whole[50:]))
    np.testing.assert_array_equal(read_idx(str(file)), np.arange(100))


def test_more_than_one_chunk(tmp_path, idx_bytes):
    array = np.random.default_rng(0).integers(0, 4, (3 << 20) + 17, np.uint8)
    file = tmp_path / "big.gz"
    file.write_bytes(gzip.compress(idx_bytes(array), 1))
    np.testing.assert_array_equal(read_idx(file), array)


def test_pair(tmp_path, idx_bytes):
    images, labels = tmp_path / "images", tmp_path / "labels"
    images.write_bytes(idx_bytes(np.zeros((4, 2, 2), np.uint8)))
    labels.write_bytes(idx_bytes(np.arange(4, dtype=np.uint8)))
    x, y = read_pair(images, labels)
    assert x.shape == (4, 2, 2) and y.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("shape", [(3,), (4, 1), ()])
def test_pair_mismatch_names_both_files(tmp_path, idx_bytes, shape):
    images, labels = tmp_path / "images", tmp_path / "labels"
    images.write_bytes(idx_bytes(np.zeros((4, 2, 2), np.uint8)))
    labels.write_bytes(idx_bytes(np.zeros(shape, np.uint8)))
    with pytest.raises(DatasetError) as error:
        read_pair(images, labels)
    for text in (str(images), str(labels), "(4, 2, 2)", str(shape)):
        assert text in str(error.value)
