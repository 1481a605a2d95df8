"""The range test: the right rates in the right order, three phases, and a model that is afterwards what it was before."""

import numpy as np
import pytest

from gpunn import callbacks, optimizers
from gpunn.layers import BatchNormalization, Dense, Dropout, Input
from gpunn.models import Sequential
from gpunn.models.state import take
from gpunn.tuning import LRFinder, lr_range_test

pytestmark = pytest.mark.usefixtures("cpu")
RNG = np.random.default_rng(0)
X = RNG.standard_normal((600, 20)).astype("float32")
Y = (X @ RNG.standard_normal((20, 4))).argmax(axis=1)


def model_of(optimizer="sgd", built=True):
    layers = [Dense(32, activation="relu"), BatchNormalization(), Dropout(0.1), Dense(4, activation="softmax")]
    model = Sequential([Input((20,))] * built + layers)
    model.compile(optimizer, "sparse_categorical_crossentropy", ["accuracy"])
    return model


def plain():
    model = Sequential([Input((20,)), Dense(32, activation="relu"), Dense(4, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


def leaves(tree):
    if isinstance(tree, dict):
        return [leaf for key in sorted(tree) for leaf in leaves(tree[key])]
    return [leaf for item in tree for leaf in leaves(item)] if isinstance(tree, list) else [tree]


def same(a, b):
    return all(np.array_equal(v, w) for v, w in zip(leaves(a), leaves(b), strict=True))


@pytest.mark.parametrize("mode", ["exponential", "linear"])
def test_rates_and_losses_are_those_of_the_steps(mode):
    """Each loss is that of the very batch, at the very rate: the same as by hand with train_on_batch."""
    finder = LRFinder(plain(), 0.001, 0.1, steps=12, mode=mode)
    twin = plain()
    twin.set_weights(finder.model.get_weights())
    finder.run(X, Y, batch_size=50, shuffle=False)
    expected = np.geomspace(0.001, 0.1, 12) if mode == "exponential" else np.linspace(0.001, 0.1, 12)
    np.testing.assert_allclose(finder.learning_rates, expected, rtol=1e-12)
    by_hand = []
    for i, rate in enumerate(expected):
        twin.optimizer.learning_rate = rate
        by_hand.append(twin.train_on_batch(X[50 * i : 50 * (i + 1)], Y[50 * i : 50 * (i + 1)]))
    np.testing.assert_allclose(finder.losses, by_hand, rtol=1e-5)
    assert not finder.stopped and len(finder.smoothed) == 12


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_the_model_is_put_back(optimizer):
    model = model_of(optimizer)
    history = model.fit(X, Y, epochs=2, verbose=0)
    before = take(model)
    finder = LRFinder(model, 1e-5, 100.0, steps=60).run(X, Y)
    assert same(before, take(model)) and model.history is history and not model.stop_training and finder.stopped
    twin = model_of(optimizer)
    from gpunn.models.state import put

    put(twin, before)
    a, b = (m.fit(X, Y, epochs=2, verbose=0).history["loss"] for m in (model, twin))
    assert a == b, "training goes on as if nothing had been"


def test_the_model_is_put_back_after_an_error(monkeypatch):
    model = model_of()
    before = take(model)
    finder, calls = LRFinder(model, steps=20), []

    def fail(losses):
        calls.append(len(losses))
        if len(losses) == 5:
            raise RuntimeError("broken")
        return False

    monkeypatch.setattr(finder, "_diverged", fail)
    with pytest.raises(RuntimeError, match="broken"):
        finder.run(X, Y)
    assert calls == [1, 2, 3, 4, 5] and same(before, take(model))


def test_a_model_without_an_input_shape():
    model = model_of(built=False)
    LRFinder(model, 1e-4, 1.0, steps=20).run(X, Y)
    assert model.built and model.optimizer.iterations == 0 and model.history is None


def test_three_phases_cl_04():
    """Flat, falling, diverging; a rate of the falling phase learns, one far below does not, one far above neither."""
    finder = lr_range_test(plain(), X, Y, 1e-5, 1e3, steps=160)
    phases, (low, high) = finder.phases(), finder.range()
    assert finder.stopped and phases.rise is not None and 10 < phases.fall < phases.lowest < phases.rise
    assert low <= finder.suggestion() <= high and finder.learning_rates[-1] > high
    level = finder.losses[: phases.fall // 2].mean()
    assert finder.smoothed[phases.lowest] < 0.7 * level and finder.smoothed[-1] > 1.5 * finder.smoothed[phases.lowest]
    reached = {}
    for name, rate in {"low": low / 100, "suggested": finder.suggestion(), "high": high * 100}.items():
        model = plain()
        model.optimizer.learning_rate = rate
        with np.errstate(all="ignore"):
            import warnings

            with warnings.catch_warnings():
                warnings.simplefilter("ignore", RuntimeWarning)  # the loss becomes NaN
                model.fit(X, Y, epochs=3, verbose=0)
        reached[name] = model.evaluate(X, Y)
    assert reached["suggested"] < 0.5 * reached["low"] and not reached["high"] < 1.5 * reached["suggested"]


def test_a_curve_by_hand():
    """A drawn curve: flat to 1e-4, down in the middle around 1e-2, up behind 1e-1."""
    finder = LRFinder(plain(), 1e-6, 1.0, steps=121, smoothing=0.0)
    rates = np.geomspace(1e-6, 1.0, 121)
    fall = 2.0 / (1 + np.exp(-6 * (np.log10(rates) + 2.5)))
    finder.learning_rates, finder.losses = rates, 2.3 - fall + 5 * np.clip(np.log10(rates) + 1, 0, None)
    finder.smoothed = finder._smooth(finder.losses)
    np.testing.assert_allclose(finder.smoothed, np.minimum(finder.losses, 2.3 + 2.0 / 2), rtol=1e-3)  # above: half the fall over the start
    assert finder.suggestion() == pytest.approx(10**-2.5, rel=0.1), "where the logistic curve is steepest"
    low, high = finder.range()
    assert 1e-3 / 2 < low < 10**-2.5 < high == pytest.approx(0.1, rel=0.15)
    assert finder.learning_rates[finder.phases().rise] == pytest.approx(0.1 * 10 ** (0.25 * 2 / 5), rel=0.15)
    finder.losses[-10:] = np.nan
    finder.smoothed = finder._smooth(finder.losses)
    assert np.isfinite(finder.smoothed).all() and finder.suggestion() == pytest.approx(10**-2.5, rel=0.1)


def test_it_stops_when_the_loss_is_not_finite():
    model = Sequential([Dense(1, input_dim=20)])
    model.compile("sgd", "mse")
    finder = LRFinder(model, 1e-3, 1e12, steps=60).run(X, X[:, 0])
    assert finder.stopped and len(finder.losses) < 60 and np.isfinite(finder.losses[:-1]).all()


def test_no_suggestion_where_the_loss_never_falls():
    finder = LRFinder(plain(), 1e-12, 1e-10, steps=40).run(X, Y)
    with pytest.raises(ValueError, match=r"the loss never fell between the rates 1e-12 and 1e-10: nothing can be suggested"):
        finder.suggestion()
    with pytest.raises(ValueError, match=r"call run\(x, y\) first"):
        LRFinder(plain()).suggestion()


def test_the_picture(tmp_path):
    pytest.importorskip("matplotlib")
    from matplotlib.image import imread

    for name, finder in {
        "falls": LRFinder(plain(), 1e-5, 1e3).run(X, Y), "never": LRFinder(plain(), 1e-12, 1e-10, steps=20).run(X, Y),
        "linear": LRFinder(plain(), 1e-5, 1.0, mode="linear").run(X, Y),
    }.items():
        figure = finder.plot(tmp_path / f"{name}.png")
        (axes,) = figure.axes
        assert imread(tmp_path / f"{name}.png").shape == (630, 1050, 4)
        points, line = axes.lines[:2]
        np.testing.assert_array_equal(line.get_xdata(), finder.learning_rates)
        np.testing.assert_array_equal(line.get_ydata(), finder.smoothed)
        assert axes.get_xscale() == ("linear" if name == "linear" else "log") and len(points.get_xdata()) == len(finder.losses)
        marked = [t.get_text() for t in axes.get_legend().get_texts()]
        assert marked[2:] == ([] if name == "never" else [f"suggestion {finder.suggestion():.2g}"])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"min_lr": 0}, "expected 0 < min_lr < max_lr. Received: min_lr=0, max_lr=10.0"),
        ({"min_lr": 1, "max_lr": 0.1}, "expected 0 < min_lr < max_lr"),
        ({"steps": 3}, "steps must be a number of at least 10"),
        ({"mode": "log"}, "mode must be one of exponential, linear. Received: mode='log'"),
        ({"smoothing": 1.0}, r"smoothing must be in \[0, 1\)"),
        ({"stop_factor": 0.5}, "stop_factor must be a number of at least 1"),
    ],
)
def test_arguments(options, words):
    with pytest.raises(ValueError, match=f"LRFinder.*{words}"):
        LRFinder(plain(), **options)


def test_what_it_refuses():
    model = Sequential([Dense(4, input_dim=20)])
    with pytest.raises(ValueError, match="You must call `compile"):
        LRFinder(model).run(X, Y)
    with pytest.raises(ValueError, match=r"LRFinder.run sets callbacks, epochs itself"):
        LRFinder(plain()).run(X, Y, epochs=3, callbacks=[callbacks.History()])
    with pytest.raises(ValueError, match="expected as many rows as x"):
        LRFinder(plain()).run(X, Y[:5])
    scheduled = plain()
    scheduled.optimizer.learning_rate = optimizers.schedules.StepDecay(0.1)
    with pytest.raises(ValueError, match="LRFinder sets the learning rate, but the optimizer 'sgd' follows a schedule"):
        LRFinder(scheduled).run(X, Y)
