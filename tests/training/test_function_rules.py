"""Where a gpunn.function runs as it is written: what cannot be recorded, what it is part of; and models that move."""

import re

import numpy as np
import pytest
from kernel_targets import needs_gxx
from own_loop import LABELS, Loop, X, agree, network

import gpunn
from gpunn import GradientTape, Variable, losses, metrics, ops, optimizers
from gpunn import layers as L
from gpunn.training.function import run_functions_eagerly
from gpunn.training.recording import RESTLESS
from gpunn.utils.dataset import Dataset


@needs_gxx
@pytest.mark.parametrize("journey", [("sim",), ("sim", "cpu")])
def test_a_model_that_moves(journey):
    """Nothing runs, while it is recorded, on a device that does not record."""
    seen = []
    for recorded in (False, True):
        with gpunn.device("cpu"):
            loop = Loop(network(), optimizers.Adam(0.01), recorded=recorded)
            first = loop.run()
            for place in journey:
                loop.model.to(place)
            seen.append(first + loop.run() + loop.run())
    agree(*seen)


@needs_gxx
def test_models_on_two_devices():
    models = []
    for name in ("cpu", "sim"):
        with gpunn.device(name):
            models.append(network())
    with gpunn.device("cpu"):
        f = gpunn.function(lambda x: [np.asarray(m(x, training=False)) for m in models])
        g = gpunn.function(lambda x: [m(x, training=False) for m in models])
        for _ in range(3):
            for one, other in (f(X), g(X)):
                np.testing.assert_allclose(one, np.asarray(other), rtol=1e-5, atol=1e-6)
    assert "it uses several devices, cpu, sim" in g.explain(lambda text: None)


def test_what_changes_in_every_call():
    """Recorded a few times, and then no more."""
    def story(recorded):
        loop, seen = Loop(network(L.Dropout(0.5)), optimizers.Adam(0.01), recorded=recorded), []
        for n in range(RESTLESS + 5):
            loop.model.layers[1].rate = 0.5 - 0.01 * n
            seen.append(loop.step(X[:20], LABELS[:20])["p"].numpy())
        if recorded:
            assert "what it uses has other attributes in every call" in loop.step.explain(lambda text: None)
        return seen

    agree(story(False), story(True))


@pytest.mark.usefixtures("cpu")
def test_within_fit_and_layers():
    """A train_step of a class, and a layer's call, that somebody has made functions of do what they did."""
    def story(dress):
        gpunn.utils.set_random_seed(5)

        class Doubled(L.Layer):
            @dress
            def call(self, x, training=False):
                return ops.where(x > 0, x, x * 0.5) if training else x

        class Own(gpunn.Model):
            @dress
            def train_step(self, data):
                x, y = data
                with GradientTape() as tape:
                    p = self(x, training=True)
                    loss = self.compute_loss(y=y, y_pred=p)
                self.optimizer.apply(tape.gradient(loss, self.trainable_weights), self.trainable_weights)
                return {"loss": loss}

        x0 = gpunn.Input((6,))
        model = Own(x0, L.Dense(3, "softmax")(Doubled()(L.Dense(5)(x0))))
        model.compile("adam", losses.CategoricalCrossentropy(label_smoothing=0.2))
        losses_of = model.fit(X, np.eye(3)[LABELS], epochs=3, batch_size=20, verbose=0).history["loss"]
        return [losses_of, *model.get_weights(), model.predict(X, verbose=0)]

    agree(story(lambda f: f), story(gpunn.function))


# ---------------------------------------------------------------------- what is not recorded
BATCHES = Dataset.from_tensor_slices(X).batch(10)


def assigning(x):
    w = Variable(1.0)
    w.assign(float(3))
    return ops.sum(x * w)


NOT = {
    "reads": (lambda x: ops.sum(x) * float(ops.max(x)), "reads a value"),
    "decides": (lambda x: ops.sum(x) if ops.max(x) > 5 else ops.max(x), "reads a value"),
    "reads an argument": (lambda x: ops.sum(x) * np.asarray(x).max(), "reads the value of an argument"),
    "prints": (lambda x: (f"{x}", ops.max(x))[1], "reads the value of an argument"),
    "assigns": (assigning, "sets a value"),
    "goes through data": (lambda x: ops.add_n([ops.max(b) for b in BATCHES]) + ops.max(x), "takes what is next of a data set"),
    "NumPy": (lambda x: np.cumsum(x)[-1] + ops.max(x), "reads the value of an argument"),
}


@pytest.mark.usefixtures("cpu")
@pytest.mark.parametrize("name", NOT)
def test_what_runs_as_it_is_written(name, capsys):
    written, why = NOT[name]
    f = gpunn.function(written)
    for n in (1, 9, 4, 7):
        x = np.arange(n, n + 3, dtype=np.float32)
        np.testing.assert_allclose(np.asarray(f(x)), np.asarray(written(x)))
    assert re.search(rf"runs as it is written: line \d+ {why}", f.explain())
    assert why in capsys.readouterr().out


@pytest.mark.usefixtures("cpu")
def test_results_of_metrics():
    """What is returned is the result after the call; who looks at it before makes the function run as it is written."""
    def story(use):
        mean, error = metrics.Mean(), metrics.MeanSquaredError()

        @gpunn.function
        def f(x):
            error.update_state(x, 2 * x)
            mean.update_state(x)
            return {"mean": use(mean.result()), "error": error.result()}

        out = [f(np.full(2, n, np.float32)) for n in (1, 0, 5, 2)]
        assert [v["mean"] for v in out] == [1, 0.5, 2, 2] and [v["error"] for v in out] == [1, 0.5, 26 / 3, 7.5]
        return f.explain(lambda text: None)

    assert "as it is written" not in story(lambda v: v)
    for use in (float, lambda v: v + 0.0, lambda v: v if v > 0 else -v, lambda v: float(f"{v}"), lambda v: 1.0 * v):
        assert "reads a metric" in story(use)


@pytest.mark.usefixtures("cpu")
def test_a_metric_that_changes_behind_its_result():
    mean = metrics.Mean()

    @gpunn.function
    def f(x):
        before = mean.result()
        mean.update_state(x)
        return before

    assert [f(np.full(2, n, np.float32)) for n in (1, 3, 5)] == [0, 1, 2]
    assert "changes a metric behind its result" in f.explain(lambda text: None)


@pytest.mark.usefixtures("cpu")
def test_errors_leave_everything_as_it_was():
    loop = Loop(network(), optimizers.Adam(0.01))
    loop.run()
    before = [*loop.model.get_weights(), int(loop.optimizer.iterations), loop.accuracy.result()]
    with pytest.raises(ValueError, match="label"):
        loop.step(X[:20], np.full(20, 7))
    agree(before, [*loop.model.get_weights(), int(loop.optimizer.iterations), loop.accuracy.result()])
    assert len(loop.recordings()) == 2
    out = loop.step(X[:20], LABELS[:20])
    assert np.isfinite(float(out["loss"]))
    with pytest.raises(ValueError, match="rows"):
        loop.step(X[:20, :5], LABELS[:20])


@pytest.mark.usefixtures("cpu")
def test_within_others():
    """A tape sees through it; a function within a function is part of it; symbolic tensors pass; methods have their object."""
    inner = gpunn.function(lambda x: ops.square(x))
    w = Variable(3.0)
    for _ in range(3):
        with GradientTape() as tape:
            y = inner(w * 2.0)
        assert float(tape.gradient(y, w)) == 24
    outer = gpunn.function(lambda x: inner(x) + 1.0)
    assert [float(outer(np.float32(n))) for n in (1, 2, 3)] == [2, 5, 10] and not inner._known
    x0 = gpunn.Input((3,))
    np.testing.assert_array_equal(gpunn.Model(x0, inner(x0)).predict(np.full((2, 3), 2.0), verbose=0), np.full((2, 3), 4.0))

    class Scaled:
        def __init__(self, by):
            self.by = by

        @gpunn.function
        def __call__(self, x):
            return x * self.by

        @gpunn.function(jit_compile=True)
        def named(self, x):
            return x + self.by

    two, five = Scaled(2.0), Scaled(5.0)
    for n in (1.0, 2.0, 3.0):
        x = np.array([n], np.float32)
        assert [float(f(x).numpy()[0]) for f in (two, five, two.named, five.named)] == [2 * n, 5 * n, n + 2, n + 5]


@pytest.mark.usefixtures("cpu")
def test_arrays_of_other_libraries():
    """Tables, JAX's and PyTorch's, whose memory may change in place."""
    pandas, jnp = pytest.importorskip("pandas"), pytest.importorskip("jax.numpy")
    f = gpunn.function(lambda x: ops.sum(x * 2.0))
    for n in (1.0, 2.0, 3.0, 4.0):
        for make in (np.asarray, pandas.DataFrame, jnp.asarray):
            assert float(f(make(np.full((2, 3), n, np.float32)))) == 12 * n
    assert len(f._known) == 1
    torch = pytest.importorskip("torch")
    x = torch.ones((4, 2))
    for n in range(4):
        x.fill_(n)
        assert float(f(x)) == 16 * n


@pytest.mark.usefixtures("cpu")
def test_looking_into_one():
    seen = []
    f = gpunn.function(lambda x: (seen.append(1), ops.sum(x))[1])
    calls = lambda: [float(f(np.full(2, n, np.float32))) for n in (1, 2, 3)]  # noqa: E731
    assert calls() == [2, 4, 6] and len(seen) == 2
    run_functions_eagerly(True)
    try:
        assert calls() == [2, 4, 6] and len(seen) == 5
    finally:
        run_functions_eagerly(False)
    assert calls() == [2, 4, 6] and len(seen) == 5
