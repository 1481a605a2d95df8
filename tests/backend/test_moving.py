"""Models that move between devices, arrays that are on a device already, and arrays on the wrong one."""

import numpy as np
import pytest

import gpunn
from gpunn import layers, models
from gpunn.backend.errors import DeviceMemoryError

RNG = np.random.default_rng(4)
X = RNG.standard_normal((90, 6)).astype(np.float32)
Y = (X[:, 0] > 0).astype(np.int64) + (X[:, 1] > 0)


class OnGpu:
    """An array of another library, on GPU `number`; for sim its memory is the host's."""

    def __init__(self, values, number=0):
        self.values, self.number = np.ascontiguousarray(values), number
        self.shape, self.ndim, self.dtype = self.values.shape, self.values.ndim, self.values.dtype
        face = {"shape": self.values.shape, "typestr": self.values.dtype.str, "data": (self.values.ctypes.data, False), "version": 3}
        self.__cuda_array_interface__ = face

    def __len__(self):
        return len(self.values)

    def __dlpack_device__(self):
        return 2, self.number

    def __array__(self, *_args, **_kwargs):
        raise TypeError("no implicit copy to the host")


def network(name):
    with gpunn.device(name):
        gpunn.utils.set_random_seed(2)
        model = models.Sequential([
            layers.Input((6,)), layers.Dense(8, activation="relu"), layers.Dropout(0.2), layers.BatchNormalization(),
            layers.Dense(3, activation="softmax"),
        ])  # fmt: skip
        model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    return model


def arrays_of(model):
    """Every array of the model and its optimizer; sim's are NumPy's too, so only their identity tells where they are."""
    owners = [model.optimizer, model.rng, model.storage, *model.parameters]
    nested = [v for o in owners for v in vars(o).values()] + list(model.optimizer.state.values())
    return [v for v in nested if isinstance(v, np.ndarray)]


def test_training_goes_on_where_it_was(sim_with):
    sim_with()
    stays, moves = network("cpu"), network("cpu")
    for model in (stays, moves):
        model.fit(X, Y, batch_size=16, epochs=1, verbose=0)
    before = {id(a) for a in arrays_of(moves)}
    assert moves.to("sim") is moves and moves.backend.name == "sim"
    assert not before & {id(a) for a in arrays_of(moves)}, "an array of the old device is still in use"
    expected = stays.fit(X, Y, batch_size=16, epochs=2, verbose=0).history["loss"]
    np.testing.assert_allclose(moves.fit(X, Y, batch_size=16, epochs=2, verbose=0).history["loss"], expected, rtol=1e-4)
    assert moves.optimizer.iterations == stays.optimizer.iterations == 18
    moves.to("cpu")
    np.testing.assert_allclose(moves.predict(X, verbose=0), stays.predict(X, verbose=0), rtol=1e-3, atol=1e-5)


def test_a_model_that_does_not_fit_stays(sim_with):
    sim_with(memory=1500)
    model = network("cpu")
    model.fit(X, Y, batch_size=16, epochs=1, verbose=0)
    before = model.predict(X, verbose=0)
    with pytest.raises(DeviceMemoryError, match="out of memory"):
        model.to("sim")
    assert model.backend.name == "cpu"
    np.testing.assert_array_equal(model.predict(X, verbose=0), before)
    model.fit(X, Y, batch_size=16, epochs=1, verbose=0)


def test_arrays_that_are_there_already(sim_with):
    sim_with()
    there, here = network("sim"), network("sim")
    a = there.fit(OnGpu(X), OnGpu(Y), batch_size=16, epochs=2, sample_weight=OnGpu(np.ones(90)), verbose=0).history["loss"]
    b = here.fit(X, Y, batch_size=16, epochs=2, sample_weight=np.ones(90), verbose=0).history["loss"]
    assert a == b
    np.testing.assert_array_equal(there.predict(OnGpu(X), verbose=0), here.predict(X, verbose=0))
    assert there.evaluate(OnGpu(X), OnGpu(Y), verbose=0) == here.evaluate(X, Y, verbose=0)
    assert there.train_on_batch(OnGpu(X[:8]), OnGpu(Y[:8])) == here.train_on_batch(X[:8], Y[:8])
    pixels = np.abs(X * 20).astype(np.uint8)
    assert there.evaluate(OnGpu(pixels), Y, verbose=0) == here.evaluate(pixels, Y, verbose=0)


def test_what_is_wrong_with_an_array_there_is_said(sim_with):
    sim_with()
    model = network("sim")
    bad = X.copy()
    bad[37, 2] = np.nan
    with pytest.raises(ValueError, match=r"Argument x of fit.*NaN or infinity in row 37"):
        model.fit(OnGpu(bad), Y, verbose=0)
    with pytest.raises(ValueError, match=r"expected shape \(None, 6\)\. Received: \(90, 5\)"):
        model.fit(OnGpu(X[:, :5]), Y, verbose=0)
    with pytest.raises(ValueError, match=r"labels must be from 0 to 2.*Received: 3"):
        model.fit(OnGpu(X), OnGpu(Y + 1), verbose=0)


@pytest.mark.parametrize("name", ["x", "y", "sample_weight"])
def test_arrays_on_another_device(sim_with, name):
    sim_with()
    given = {"x": X, "y": Y, "sample_weight": np.ones(90)}
    with pytest.raises(ValueError, match=rf"Argument {name}: expected an array on the model's device, gpu 0.*Received: an array on gpu 1"):
        network("sim").fit(**given | {name: OnGpu(given[name], 1)}, verbose=0)
    with pytest.raises(ValueError, match=rf"Argument {name}: expected an array on the model's device, cpu.*Received: an array on gpu 0"):
        network("cpu").fit(**given | {name: OnGpu(given[name])}, verbose=0)
