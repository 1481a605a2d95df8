"""Optimizers in training: fits against Keras, saving and resuming bit for bit, moving, threads, layers that are not recorded."""

import numpy as np
import pytest
from keras_twin import assert_same_history, assert_same_weights, twins
from kernel_targets import needs_gxx, needs_numba
from optimizer_cases import COMMON, NAMES, OWN, RATE, common
from optimizer_steps import ours

from gpunn import callbacks, optimizers
from gpunn.backend.cpu import CpuBackend
from gpunn.layers import BatchNormalization, Dense, Dropout, Input, Layer
from gpunn.models import Sequential, load_model
from gpunn.random import set_random_seed

RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((75, 6)), RNG.integers(0, 3, 75)
DENSE = [("Dense", {"units": 8, "activation": "tanh"}), ("Dense", {"units": 3, "activation": "softmax"})]
FITS = [(n, OWN[n][-1]) for n in NAMES] + [("SGD", common("SGD", c)) for c in COMMON if c.startswith("all, ")]
FITS += [("Adam", common("Adam", "use_ema"))]


@pytest.mark.one_in(2)
@pytest.mark.usefixtures("float64", "cpu")
@pytest.mark.parametrize(("name", "options"), FITS, ids=str)
def test_twenty_steps_of_a_fit_are_keras(name, options):
    """Through the whole recorded step, from the same weights; averaged weights are put in at the end."""
    mine, other = twins(DENSE, (name, options), "sparse_categorical_crossentropy")
    start = mine.get_weights()
    fit = {"batch_size": 8, "epochs": 2, "shuffle": False, "verbose": 0}
    near = {"atol": 1e-6} if name == "Muon" else {}
    assert_same_history(mine.fit(X, Y, **fit), other.fit(X, Y, **fit))
    if near:
        for a, b in zip(mine.get_weights(), other.get_weights(), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, **near)
    else:
        assert_same_weights(mine, other)
    assert max(abs(a - b).max() for a, b in zip(start, mine.get_weights(), strict=True)) > 1e-4, "nothing was learned"


# ------------------------------------------------------------------ state
EVERYTHING = [(n, o) for n in NAMES for o in (OWN[n][-1], common(n, "all, by each parameter"))]
EVERYTHING += [("Nadam", common("Nadam", "all, by the whole")), ("SGD", {"momentum": 0.9, "decay": 0.1, "nesterov": True})]


def made(name, options, schedule=False):
    options = dict(options)
    if schedule:
        options["learning_rate"] = optimizers.schedules.CosineDecay(RATE.get(name, 0.01), 20)
    optimizer = getattr(optimizers, name)(**options)
    if optimizer.weight_decay:
        optimizer.exclude_from_weight_decay(var_names=["bias"])
    layers = [Input((6,)), Dense(8, activation="relu"), BatchNormalization(), Dropout(0.3), Dense(3, activation="softmax")]
    model = Sequential(layers)
    model.compile(optimizer, "sparse_categorical_crossentropy")
    return model


def same_bits(one, other):
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    mine, theirs = one.optimizer.export(one.storage), other.optimizer.export(other.storage)
    assert [k.partition("/")[0] for k in mine] == [k.partition("/")[0] for k in theirs]
    for a, b in zip(mine.values(), theirs.values(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.one_in(2)
@pytest.mark.usefixtures("cpu")
@pytest.mark.parametrize("way", ["save", "save_weights"])
@pytest.mark.parametrize(("name", "options"), EVERYTHING, ids=str)
def test_training_goes_on_bit_for_bit(name, options, way, tmp_path):
    """Three epochs of five steps = one, saved within an accumulation, read again, and two more."""
    schedule = "decay" not in options
    models = []
    for broken in (False, True):
        set_random_seed(5)
        model = made(name, options, schedule)
        if broken:
            model.fit(X, Y, batch_size=16, epochs=1, verbose=0)
            if way == "save":
                model.save(tmp_path / "m")
                model = load_model(tmp_path / "m")
            else:
                model.save_weights(tmp_path / "w")
                seed, step, epochs = model.rng.seed, model.backend.to_numpy(model.rng.step), model.epochs_seen
                model = made(name, options, schedule)
                model.build((None, 6))
                model.load_weights(tmp_path / "w")
                model.rng.seed, model.epochs_seen = seed, epochs
                model.backend.write(model.rng.step, step)
            assert model.optimizer.steps == 5 and (not model.optimizer.weight_decay or model.optimizer.exclusion)
            model.fit(X, Y, batch_size=16, epochs=2, verbose=0)
        elif options.get("use_ema"):  # the end of a fit puts the average in
            model.fit(X, Y, batch_size=16, epochs=1, verbose=0)
            model.fit(X, Y, batch_size=16, epochs=2, verbose=0)
        else:
            model.fit(X, Y, batch_size=16, epochs=3, verbose=0)
        models.append(model)
    same_bits(*models)


@needs_gxx
@pytest.mark.parametrize(("name", "options"), [("Nadam", common("Nadam", "all, by each parameter")), ("Muon", OWN["Muon"][2])], ids=str)
def test_a_model_moves_with_all_of_its_state(name, options, cpu, float64):
    """To the device's stand-in and back, in the middle of an accumulation."""
    models = []
    for moves in (False, True):
        set_random_seed(5)
        model = made(name, options, True)
        for device in ("sim", "cpu"):
            for _ in range(4):
                model.train_on_batch(X[:20], Y[:20])
            if moves:
                model.to(device)
        models.append(model)
    for a, b in zip(models[0].get_weights(), models[1].get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)
    assert models[1].optimizer.steps == 8 and models[1].optimizer.learning_rate == models[0].optimizer.learning_rate


@needs_numba
@pytest.mark.parametrize(("name", "options"), EVERYTHING[1::2], ids=str)
def test_the_number_of_threads_changes_no_bit(name, options):
    results = [ours(CpuBackend(compiled=True, threads=n), name, options, "float32", steps=6)[0] for n in (1, 3)]
    for a, b in zip(*(r.values() for r in results), strict=True):
        np.testing.assert_array_equal(a, b)


class Tripled(Layer):
    """A layer that is not recorded."""

    def forward(self, x, training=False):
        return x * 3, lambda dy: dy * 3


@pytest.mark.usefixtures("cpu", "float64")
@pytest.mark.parametrize("name", ["Adam", "Lamb", "Muon"])
def test_steps_that_are_not_recorded(name):
    """The same updates launch by launch; also with a rate that only Python knows."""
    models = []
    for eager in (False, True):
        set_random_seed(3)
        model = Sequential([Input((6,)), *([Tripled()] if eager else []), Dense(3, activation="softmax")])
        options = COMMON["all, by each parameter"] | {"learning_rate": lambda step: 0.1 / (1 + step)}
        model.compile(getattr(optimizers, name)(**options), "sparse_categorical_crossentropy")
        model.fit(X if eager else 3 * X, Y, batch_size=8, epochs=2, shuffle=False, verbose=0)
        models.append(model)
    for a, b in zip(models[0].get_weights(), models[1].get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9)


def test_frozen_layers_keep_their_state_for_later(cpu):
    """Also the average and the accumulated gradient: what learns is laid out anew, by name."""
    model = made("Adam", common("Adam", "all, by each parameter"))
    model.fit(X, Y, batch_size=16, verbose=0)
    before = model.optimizer.export(model.storage)
    model.layers[-1].trainable = False
    model.compile(model.optimizer, "sparse_categorical_crossentropy")
    model.fit(X, Y, batch_size=75, epochs=1, verbose=0)
    after = model.optimizer.export(model.storage)
    frozen = model.layers[-1].parameters[0].name
    assert f"average/{frozen}" in before and f"average/{frozen}" not in after
    assert set(after) < set(before)


def test_a_rate_that_is_set_every_epoch(cpu, float64):
    """`LearningRateScheduler` with a schedule called on epochs is the schedule by pieces of an epoch's steps."""
    weights = []
    for by_callback in (False, True):
        set_random_seed(1)
        model = made("SGD", {"learning_rate": 0.1})
        if by_callback:
            chain = [callbacks.LearningRateScheduler(optimizers.schedules.StepDecay(0.1, 0.5, 2))]
            model.fit(X, Y, batch_size=15, epochs=6, verbose=0, callbacks=chain)
        else:
            model.optimizer.learning_rate = optimizers.schedules.StepDecay(0.1, 0.5, 10)
            model.fit(X, Y, batch_size=15, epochs=6, verbose=0)
        weights.append(model.get_weights())
    for a, b in zip(*weights, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


def test_the_average_waits_for_the_end_of_fit(cpu, float64):
    """`use_ema` without a frequency: training goes on with the weights themselves, the model gets the average once."""
    plain, averaged = (made("SGD", {"learning_rate": 0.1} | o) for o in ({}, {"use_ema": True, "ema_momentum": 0.5}))
    averaged.set_weights(plain.get_weights())
    mean, seen = None, []
    for _ in range(5):
        for model in (plain, averaged):
            model.train_on_batch(X[:30], Y[:30])
        seen.append(plain.get_weights()[0])
        mean = seen[-1] if mean is None else 0.5 * mean + 0.5 * seen[-1]
        np.testing.assert_array_equal(averaged.get_weights()[0], seen[-1])
    average = averaged.optimizer.export(averaged.storage)[f"average/{averaged.layers[0].kernel.name}"]
    np.testing.assert_allclose(average, mean, rtol=1e-12)
    averaged.fit(X, Y, epochs=0, verbose=0)
    np.testing.assert_array_equal(averaged.get_weights()[0], seen[-1])
    averaged.fit(X[:30], Y[:30], batch_size=30, verbose=0)
    average = averaged.optimizer.export(averaged.storage)[f"average/{averaged.layers[0].kernel.name}"]
    np.testing.assert_array_equal(averaged.get_weights()[0], average)
