"""The tests' data in mapped and HDF5 files."""

import numpy as np
import pytest
from fed import X


def mapped(tmp_path, array=X, mode="r", name="x.npy"):
    np.save(tmp_path / name, array)
    return np.load(tmp_path / name, mmap_mode=mode)


def hdf5(tmp_path, userblock=0, **options):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "x.h5", "w", userblock_size=userblock) as file:
        file.create_dataset("x", data=X, **options)
    return h5py.File(tmp_path / "x.h5", "r")["x"]
