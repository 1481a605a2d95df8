"""A gpunn model and the same one in Keras 3 (JAX, float64), from the same weights."""

import importlib.util
import os
from importlib import metadata

import numpy as np
import pytest

import gpunn
from gpunn.kernels import cache

os.environ["KERAS_BACKEND"] = "jax"
FLAGS = "--xla_backend_optimization_level=0"  # it compiles more than it runs
# of XLA in JAX 0.10: the older emitters take half the time, modules in one part another third; XLA ends the process at a flag that its
# release does not know, and 0.12 does not know the first
QUICKER = "--xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1"
if "XLA_FLAGS" not in os.environ:
    has = importlib.util.find_spec("jaxlib") and metadata.version("jaxlib").startswith("0.10.")
    os.environ["XLA_FLAGS"] = f"{FLAGS} {QUICKER}" if has else FLAGS
jax = pytest.importorskip("jax")
jax.config.update("jax_enable_x64", True)
jax.config.update("jax_compilation_cache_dir", str(cache.folder("xla")))  # what one process compiled, the others and the next run find
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
keras = pytest.importorskip("keras")
if keras.backend.backend() != "jax":
    pytest.skip(f"Keras runs on {keras.backend.backend()} here, not on JAX", allow_module_level=True)

dtypes = keras.src.backend.common.dtypes
RELATIVE, NEAR = 1e-5, 1e-9  # tolerances
_losses: list = []


def _keep_losses():
    """Keras tells whose a loss is by its id(). A tracer of an earlier batch shape is gone by then, and a new one may get its id: the loss
    of one layer then counts for two, or for none. Tracers that stay alive keep their ids."""
    add_loss = keras.Layer.add_loss

    def kept(self, loss):
        _losses.append(loss)
        return add_loss(self, loss)

    keras.Layer.add_loss = kept


def _keep_float64():
    """Keras takes means and normalizes in the common type of its arrays and float32, which it takes to be float32 even where they are
    float64."""
    common = dtypes.result_type

    def wider(*types):
        return "float64" if "float64" in types else common(*types)

    dtypes.result_type = keras.src.backend.result_type = wider


_keep_losses()
_keep_float64()


def compute_in(dtype):
    """Keras's new layers and functions compute in `dtype` until the test ends (tests/conftest.py): the type its policy was made of at the
    first layer anybody made stays in the policy."""
    keras.config.set_floatx(dtype)
    keras.config.set_dtype_policy(dtype)


def twins(layers, optimizer, loss, metrics=(), shape=(6,)):
    """(ours, theirs), compiled. `layers`: (class name, keyword arguments); optimizer and loss: (class name, keyword arguments) or names."""
    compute_in("float64")
    models = []
    for library in (gpunn, keras):
        stack = [library.layers.Input(shape)] + [getattr(library.layers, name)(**options) for name, options in layers]
        model = library.Sequential(stack)
        model.compile(optimizer=_made(library.optimizers, optimizer), loss=_made(library.losses, loss), metrics=list(metrics))
        models.append(model)
    ours, theirs = models
    theirs.set_weights(ours.get_weights())
    return ours, theirs


def _made(module, given):
    return given if isinstance(given, str) else getattr(module, given[0])(**given[1])


def in_one_batch(theirs, x, y):
    """Keras's evaluation and predictions where the size of a batch changes neither: it compiles for one size rather than for two."""
    once = {"batch_size": len(x), "verbose": 0}
    return theirs.evaluate(x, y, **once), theirs.predict(x, **once)


def assert_same_weights(ours, theirs, near=0.0):
    mine, other = ours.get_weights(), theirs.get_weights()
    assert len(mine) == len(other)
    for i, (a, b) in enumerate(zip(mine, other, strict=True)):
        assert a.dtype == np.float64 and np.asarray(b).dtype == np.float64
        np.testing.assert_allclose(a, b, rtol=RELATIVE, atol=max(near, NEAR), err_msg=f"weight {i}")


def assert_same_history(ours, theirs, near=0.0):
    assert set(ours.history) == set(theirs.history)  # Keras sorts the names; ours come loss first, then metrics as asked for
    assert ours.epoch == theirs.epoch
    for name, values in theirs.history.items():
        np.testing.assert_allclose(ours.history[name], values, rtol=RELATIVE, atol=max(near, NEAR), err_msg=name)
