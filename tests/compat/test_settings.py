"""``keras.config``, dtype policies and mixed precision, as scripts set them at their top."""

import logging

import numpy as np
import pytest

import gpunn
from gpunn import compat, config, dtype_policies, layers
from gpunn.dtype_policies import DTypePolicy

pytestmark = pytest.mark.usefixtures("cpu", "as_at_the_start")
X, Y = np.zeros((128, 4), "float32"), np.zeros((128, 1), "float32")


@pytest.fixture
def as_at_the_start(monkeypatch):
    monkeypatch.setattr(dtype_policies, "_said", set())
    for module, name in ((dtype_policies, "_mixed"), (config, "_floatx"), (config, "_interactive"), (config, "_short_tracebacks")):
        monkeypatch.setattr(module, name, getattr(module, name))
    monkeypatch.setattr(config, "_limits", {})


@pytest.fixture
def keras():
    with compat.install():
        import keras

        yield keras


def linear():
    model = gpunn.Sequential([layers.Input((4,)), layers.Dense(1)])
    model.compile("sgd", "mse", metrics=["mae"])
    return model


# ---------------------------------------------------------------------- policies
@pytest.mark.parametrize("name", ["mixed_float16", "mixed_bfloat16"])
def test_a_mixed_policy_trains_in_float32_and_says_so_once(keras, name):
    with pytest.warns(UserWarning, match=f"Dtype policy '{name}': gpunn computes in float32") as said:
        keras.mixed_precision.set_global_policy(name)
        policy = keras.mixed_precision.Policy(name)
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, dtype=policy), keras.layers.Dense(1, dtype="float32")])
    assert len(said) == 1 and said[0].filename == __file__
    asked = keras.mixed_precision.global_policy()
    assert (asked.name, asked.compute_dtype, asked.variable_dtype) == (name, "float32", "float32") and asked == policy
    assert [layer.dtype_policy for layer in model.layers] == [DTypePolicy("float32")] * 2 and model.compute_dtype == "float32"
    model.compile("sgd", "mse")
    model.fit(X, Y, verbose=0)
    assert {w.dtype for w in model.weights} == {"float32"}
    keras.mixed_precision.set_global_policy("float32")
    assert keras.config.dtype_policy().name == "float32"


def test_a_policy_is_one_setting_with_floatx(keras):
    keras.config.set_dtype_policy(DTypePolicy("float64"))
    layer = keras.layers.Dense(2)
    assert keras.config.floatx() == "float64" == layer.dtype == layer.variable_dtype and layer.dtype_policy == DTypePolicy("float64")
    keras.config.set_floatx("float32")
    assert keras.config.dtype_policy() == DTypePolicy() == DTypePolicy("float32")


def test_policies_as_keras_writes_them():
    real = pytest.importorskip("keras_twin").keras
    for name in ("float32", "float64"):
        ours, theirs = DTypePolicy(name), real.DTypePolicy(name)
        assert repr(ours) == repr(theirs) and ours.get_config() == theirs.get_config()
        assert dtype_policies.get(real.dtype_policies.serialize(theirs)) == ours == dtype_policies.get(dtype_policies.serialize(ours))
    assert dtype_policies.get(np.float64).name == "float64"


def test_a_file_of_keras_in_mixed_precision(tmp_path):
    """Its weights are float32; so is what computes with them here."""
    pytest.importorskip("h5py")
    real = pytest.importorskip("keras_twin").keras
    theirs = real.Sequential([real.Input((4,), dtype="float32"), real.layers.Dense(3, dtype="mixed_float16")])
    theirs.save(tmp_path / "m.keras")
    with pytest.warns(UserWarning, match="Dtype policy 'mixed_float16'"):
        mine = gpunn.models.load_model(tmp_path / "m.keras")
    assert mine.dtype == "float32"
    np.testing.assert_array_equal(mine.get_weights()[0], theirs.get_weights()[0])


def test_what_is_no_policy(keras):
    for wrong in ("float8", "mixed"):
        with pytest.raises(ValueError, match=rf"Unknown dtype policy\. Expected one of: float32, .*Received: '{wrong}'"):
            keras.config.set_dtype_policy(wrong)
    with pytest.raises(TypeError, match=r"expected a name, such as 'float32'. Received: 3"):
        keras.DTypePolicy(3)
    with pytest.raises(ValueError, match="Expected a dtype policy"):
        keras.dtype_policies.get(3)
    with pytest.raises(NotImplementedError, match=r"gpunn has no keras.dtype_policies.Int4DTypePolicy"):
        keras.dtype_policies.Int4DTypePolicy("int4")


# ---------------------------------------------------------------------- what is shown
def test_without_interactive_logging_lines_go_to_the_logger(keras, capsys, caplog):
    keras.utils.disable_interactive_logging()
    assert not keras.config.is_interactive_logging_enabled()
    model = linear()
    with caplog.at_level(logging.INFO, "gpunn"):
        model.fit(X, Y, epochs=2)
        model.evaluate(X, Y)
        model.summary()
    assert capsys.readouterr().out == ""
    texts = [record.getMessage() for record in caplog.records]
    assert [text[:9] for text in texts[:2]] == ["Epoch 1/2", "Epoch 2/2"] and "mae" in texts[2] and "dense" in texts[3]
    keras.utils.enable_interactive_logging()
    model.fit(X, Y, verbose=2)
    assert "Epoch 1/1" in capsys.readouterr().out


# ---------------------------------------------------------------------- limits
def test_limits_of_a_training(keras):
    keras.config.set_max_epochs(2)
    keras.config.set_max_steps_per_epoch(2)
    model = linear()
    with pytest.warns(UserWarning) as said:
        history = model.fit(X, Y, epochs=5, validation_data=(X, Y), verbose=0)
    assert [str(w.message)[:28] for w in said] == ["epochs limited to 2, as gpun", *["steps_per_epoch limited to 2"] * 2]
    assert len(history.history["val_loss"]) == 2 and model.optimizer.iterations == 4
    with pytest.warns(UserWarning, match="steps_per_epoch limited to 2.* Asked for: 4"):
        assert model.predict(X, verbose=0).shape == (64, 1)
    model.fit(X[:64], Y[:64], verbose=0)  # as many as there may be
    keras.config.set_max_epochs(None)
    assert keras.config.max_epochs() is None and keras.config.max_steps_per_epoch() == 2
    for wrong in (0, 2.5, "3", True):
        with pytest.raises(ValueError, match=r"max_epochs: expected an integer from 1, or None\. Received"):
            keras.config.set_max_epochs(wrong)


def test_limits_from_outside(monkeypatch):
    monkeypatch.setenv("KERAS_MAX_EPOCHS", "3")
    monkeypatch.setenv("KERAS_MAX_STEPS_PER_EPOCH", "many")
    assert config.max_epochs() == 3
    config.set_max_epochs(1)
    assert config.max_epochs() == 1
    with pytest.raises(ValueError, match="KERAS_MAX_STEPS_PER_EPOCH: expected an integer"):
        config.max_steps_per_epoch()


def test_what_changes_nothing(keras):
    for backend in ("jax", "tensorflow", "torch"):
        keras.config.set_backend(backend)
    assert keras.config.backend() == "gpunn"
    with pytest.raises(ValueError, match=r"Unknown backend\. Expected one of: .*jax.* Received: 'theano'"):
        keras.config.set_backend("theano")
    keras.config.enable_unsafe_deserialization()
    keras.config.enable_flash_attention()
    assert keras.config.is_flash_attention_enabled() is False and keras.config.is_nnx_enabled() is False
