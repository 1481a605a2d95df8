"""load_weights(skip_mismatch=True): what fits is read, what does not stays, beside Keras."""

import numpy as np
import pytest

from gpunn import Input, Sequential, layers

SUFFIXES = [".weights.h5", ".keras"]


def network(lib, classes, wide=4):
    model = lib.Sequential([
        lib.Input((6,)), lib.layers.Dense(wide, "relu", name="features"), lib.layers.BatchNormalization(),
        lib.layers.Dense(classes, name="top"),
    ])
    model.set_weights([np.sin(np.arange(w.size) + n).reshape(w.shape) + 2 for n, w in enumerate(model.get_weights())])
    return model


class Ours:
    Input, Sequential, layers = Input, Sequential, layers


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_as_keras(cpu, tmp_path, suffix):
    keras = pytest.importorskip("keras_twin").keras
    path = tmp_path / f"given{suffix}"
    given = network(Ours, 3)
    (given.save_weights if "weights" in suffix else given.save)(path)
    own, theirs = network(Ours, 5), network(keras, 5)
    own.set_weights([w + 1 for w in own.get_weights()])
    theirs.set_weights(own.get_weights())
    with pytest.warns(UserWarning, match=r"weight top/kernel has shape \(4, 5\)\. Received: \(4, 3\)\. These weights stay"):
        own.load_weights(path, skip_mismatch=True)
    with pytest.warns(UserWarning):
        theirs.load_weights(path, skip_mismatch=True)
    for mine, other in zip(own.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-6)
    np.testing.assert_array_equal(own.get_weights()[0], given.get_weights()[0])


def test_without_it_nothing_changes(cpu, tmp_path):
    network(Ours, 3).save_weights(tmp_path / "given.weights.h5")
    own = network(Ours, 5)
    before = own.get_weights()
    with pytest.raises(ValueError, match="top/kernel has shape"):
        own.load_weights(tmp_path / "given.weights.h5")
    for a, b in zip(own.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_optimizer_stays_where_it_is(cpu, tmp_path):
    """Where weights were left out, its moments would be those of others."""
    given, own = network(Ours, 3), network(Ours, 5)
    for model, width in ((given, 3), (own, 5)):
        model.compile("adam", "mse")
        model.fit(np.ones((8, 6)), np.ones((8, width)), batch_size=2 if width == 3 else 8, verbose=0)
    given.save_weights(tmp_path / "given.weights.h5")
    with pytest.warns(UserWarning, match="stay as they are"):
        own.load_weights(tmp_path / "given.weights.h5", skip_mismatch=True)
    assert own.optimizer.iterations == 1
