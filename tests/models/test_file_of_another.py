"""Files of another model, optimizer or library: what fits is loaded, what does not is said, and the model stays as it was."""

import numpy as np
import pytest
from written_files import X, configured, cut, made, written

import gpunn
from gpunn import layers as L
from gpunn.models import load_model

pytestmark = pytest.mark.usefixtures("cpu")


def test_safetensors(tmp_path):
    path = tmp_path / "m.safetensors"
    model = written(path)
    target = made()
    target.load_weights(path)
    np.testing.assert_array_equal(target.predict(X), model.predict(X))
    gpunn.Sequential([L.Input((6,)), L.Dense(5, "relu"), L.BatchNormalization(), L.Dense(3)]).load_weights(path)  # by their order
    before = target.get_weights()
    for other, message in (
        (made(4), r"weight hidden/kernel has shape \(6, 4\). Received: \(6, 5\)"),
        (gpunn.Sequential([L.Input((6,)), L.Dense(5, name="hidden")]), "2 weights. Received: 8; missing: none; unknown: last/bias"),
    ):
        with pytest.raises(ValueError, match=message):
            other.load_weights(path)
    with pytest.raises(ValueError, match="holds weights alone"):
        load_model(path)
    from safetensors.numpy import save_file

    save_file({p.name: np.zeros(p.shape, "i4") for p in target.parameters}, path)
    with pytest.raises(ValueError, match=r"is of floating numbers. Received: dtype I32"):
        target.load_weights(path)
    written(path)
    cut(path)
    with pytest.raises(ValueError, match=r"m.safetensors: no whole .safetensors file"):
        target.load_weights(path)
    assert all(np.array_equal(a, b) for a, b in zip(before, target.get_weights(), strict=True))


@pytest.mark.parametrize("name", ["m.keras", "m.h5", "m.weights.h5"])
def test_weights_of_another_model_change_nothing(tmp_path, name):
    written(tmp_path / name)
    for other, message in (
        (made(4), r"weight hidden/kernel has shape \(6, 4\). Received: \(6, 5\)"),
        (gpunn.Sequential([L.Input((6,)), L.Dense(5), L.Dense(3), L.Dense(1)]), "(layers with weights|expected 2 weights)"),
        (gpunn.Sequential([L.Input((6,)), L.Dense(5, use_bias=False), L.BatchNormalization(), L.Dense(3)]), "expected 1 weights"),
    ):
        before = other.get_weights()
        with pytest.raises(ValueError, match=message):
            other.load_weights(tmp_path / name)
        assert all(np.array_equal(a, b) for a, b in zip(before, other.get_weights(), strict=True))


def test_another_optimizers_state_stays_out_with_a_warning(tmp_path):
    model = written(tmp_path / "m.weights.h5")
    other = made()
    other.compile("sgd", "mse")
    with pytest.warns(UserWarning, match="holds the state of the optimizer Adam, which SGD cannot use"):
        other.load_weights(tmp_path / "m.weights.h5")
    np.testing.assert_array_equal(other.predict(X), model.predict(X))
    assert other.optimizer.steps == 0


def test_what_compile_cannot_be_read_is_said_with_the_way_around(tmp_path):
    model = written(tmp_path / "m.keras")
    configured(lambda c: c["compile_config"]["optimizer"].update(class_name="MultiOptimizer"))(tmp_path / "m.keras")
    with pytest.raises(ValueError, match=r"Unknown optimizer: 'MultiOptimizer'.*compile=False loads the model without"):
        load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(load_model(tmp_path / "m.keras", compile=False).predict(X), model.predict(X))
