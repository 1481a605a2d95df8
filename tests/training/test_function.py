"""gpunn.function: steps that are recorded give what they give as they are written."""

import threading

import numpy as np
import pytest
from kernel_targets import needs_gxx
from own_loop import LABELS, Loop, X, agree, network

import gpunn
from gpunn import GradientTape, Variable, losses, ops, optimizers
from gpunn import layers as L
from gpunn.ops import drawing
from gpunn.training.function import MOST
from gpunn.training.recording import Recording

PLACES = ["cpu", pytest.param("sim", marks=needs_gxx)]


@pytest.fixture(params=PLACES)
def place(request):
    with gpunn.device(request.param):
        yield request.param


KINDS = {
    "dense": lambda: (network(), optimizers.Adam(0.01)),
    "dropout, normalized": lambda: (network(L.BatchNormalization(), L.Dropout(0.3), L.Dense(5, "gelu"), L.GaussianNoise(0.1)), "sgd"),
    "clipped, a function as rate": lambda: (network(), optimizers.SGD(lambda step: 0.1 / (1 + step), clipnorm=0.5)),
    "a schedule": lambda: (network(), optimizers.RMSprop(optimizers.schedules.CosineDecay(0.01, 9))),
    "recurrent": lambda: (network(L.Reshape((4, 2)), L.GRU(4, dropout=0.2)), "adam"),
    "own formula": lambda: (network(), "adam", losses.LossFunctionWrapper(lambda y, p: ops.mean(ops.abs(p - 1.0), axis=-1))),
}


@pytest.mark.parametrize("kind", KINDS)
def test_as_written(place, kind):
    """Whole batches and a short last one, both of which are recorded."""
    results = []
    for recorded in (False, True):
        model, optimizer, *loss = KINDS[kind]()
        loop = Loop(model, optimizers.get(optimizer), *loss, recorded=recorded)
        results.append(loop.run())
    agree(*results)
    assert len(loop.recordings()) == 2, loop.step.explain()


def test_what_changes_between_calls(place):
    """The learning rate, weights and what is frozen count from the next call on; so does another optimizer state."""
    def story(recorded):
        loop = Loop(network(L.Dropout(0.5)), optimizers.Adam(0.01), recorded=recorded)
        seen = loop.run()
        loop.optimizer.learning_rate = 0.1
        loop.model.set_weights([w * 2 for w in loop.model.get_weights()])
        seen += loop.run()
        loop.model.layers[1].rate = 0.1
        seen += loop.run()
        loop.optimizer.beta_1 = 0.5
        seen += loop.run()
        state = loop.optimizer.get_weights() if hasattr(loop.optimizer, "get_weights") else None
        if state is not None:
            loop.optimizer.set_weights([0 * np.asarray(s) for s in state])
        return seen + loop.run()

    agree(story(False), story(True))


@pytest.mark.usefixtures("cpu")
def test_results_stay():
    """What one call returned is not what the next one writes to; tensors forget how they were made."""
    f = gpunn.function(lambda x: {"twice": ops.add(x, x), "x": x, "two": 2})
    given = [np.full((2, 3), n, np.float32) for n in range(4)]
    results = [f(x) for x in given]
    for n, out in enumerate(results):
        assert (out["twice"].numpy() == 2 * n).all() and (out["x"].numpy() == n).all() and out["two"] == 2
        assert out["twice"].made_by is None
    integers = gpunn.function(lambda n: ops.maximum(n, 2))
    assert [integers(np.array([n])).numpy().tolist() for n in (1, 3, 5)] == [[2], [3], [5]]
    assert integers(np.array([7])).dtype == "int64"


def test_tensors_as_arguments(place):
    """What one function returned is an argument of another; and of itself."""
    halved, summed = gpunn.function(lambda x: x * 0.5), gpunn.function(lambda x, y: ops.sum(x * y) + ops.cast(ops.max(y), "float32"))
    for n in range(1, 5):
        half = halved(halved(np.full((2, 3), 4 * n, np.float32)))
        assert float(summed(half, np.full((2, 3), n))) == 6 * n * n + n
    assert all(isinstance(v, Recording) for f in (halved, summed) for v in f._known.values())


@pytest.mark.usefixtures("cpu")
def test_gradients_of_arguments():
    """An adversarial example: the gradient by the images; and of float64 images given to a float32 model."""
    model, loss = network(), losses.SparseCategoricalCrossentropy(from_logits=True)

    def step(x, y):
        with GradientTape() as tape:
            tape.watch(x)
            value = loss(y, model(x))
        return tape.gradient(value, x)

    for x in (X, X.astype(np.float64)):
        recorded = gpunn.function(step)
        for at in (0, 10, 20, 30):
            part, labels = x[at : at + 10].copy(), LABELS[at : at + 10]
            found = recorded(part, labels).numpy()
            np.testing.assert_allclose(found, step(part, labels), rtol=1e-5, atol=1e-8)
            assert np.abs(found).max() > 0


@pytest.mark.usefixtures("cpu")
def test_two_models_and_noise():
    """A GAN: two tapes, two optimizers, numbers drawn anew in every call."""
    def story(recorded):
        gpunn.utils.set_random_seed(3)
        maker = gpunn.Sequential([gpunn.Input((4,)), L.Dense(8, "relu"), L.BatchNormalization(), L.Dense(6)])
        judge = gpunn.Sequential([gpunn.Input((6,)), L.Dense(8), L.LeakyReLU(), L.Dropout(0.3), L.Dense(1)])
        adams, loss = [optimizers.Adam(0.01) for _ in range(2)], losses.BinaryCrossentropy(from_logits=True)

        def step(real):
            noise = drawing.normal((real.shape[0], 4))
            with GradientTape() as one, GradientTape() as other:
                made = maker(noise, training=True)
                yes, no = judge(real, training=True), judge(made, training=True)
                of_maker = loss(ops.ones_like(no), no)
                of_judge = loss(ops.ones_like(yes), yes) + loss(ops.zeros_like(no), no)
            for tape, model, value, adam in ((one, maker, of_maker, adams[0]), (other, judge, of_judge, adams[1])):
                adam.apply_gradients(zip(tape.gradient(value, model.trainable_weights), model.trainable_weights, strict=True))
            return of_maker, of_judge, drawing.uniform((3,))

        f, seen = gpunn.function(step) if recorded else step, []
        for at in (0, 10, 20, 30, 40):
            seen += [np.asarray(v) for v in f(X[at : at + 10])]
        assert not recorded or any(isinstance(v, Recording) for v in f._known.values()), f.explain()
        return [*seen, *maker.get_weights(), *judge.get_weights()]

    agree(story(False), story(True))


TARGETS = [
    losses.MeanSquaredError(), losses.MeanAbsoluteError(reduction="sum"), losses.BinaryCrossentropy(),
    losses.BinaryCrossentropy(label_smoothing=0.1), losses.CategoricalCrossentropy(), losses.Hinge(), losses.Huber(), losses.KLDivergence(),
    losses.Poisson(), losses.LogCosh(), losses.CosineSimilarity(), losses.MeanSquaredLogarithmicError(reduction=None),
]  # fmt: skip


@pytest.mark.usefixtures("cpu")
@pytest.mark.parametrize("loss", TARGETS, ids=lambda loss: loss.name)
def test_targets_that_were_worked_out(loss):
    """They need not come to the host where a loss takes them as they are; weights are an argument."""
    def step(x, p, w):
        return loss(ops.softmax(x), p), loss(ops.cast(x > 0, "float32"), p, w), loss(x * 0.0, ops.abs(p))

    f, shares = gpunn.function(step), np.abs(X) / np.abs(X).sum(axis=1, keepdims=True)
    for at in (0, 10, 20, 30):
        given = X[at : at + 10], shares[at : at + 10], np.arange(at, at + 10, dtype=np.float32)
        agree([v.numpy() for v in f(*given)], [np.asarray(v) for v in step(*given)])


@pytest.mark.usefixtures("cpu")
def test_threads_share_a_recording():
    f, found = gpunn.function(lambda x: ops.sum(x * 2.0)), []
    f(np.zeros(3000, np.float32)), f(np.zeros(3000, np.float32))

    def call(n):
        found.extend(float(f(np.full(3000, n, np.float32))) == 6000 * n for _ in range(50))

    threads = [threading.Thread(target=call, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 200 and all(found)


@pytest.mark.usefixtures("cpu")
def test_variables_and_numbers():
    """A fit by hand; numbers and words among the arguments are looked up by their values."""
    w, b = Variable(1.0), Variable([0.0])
    adam = optimizers.SGD(0.1)

    @gpunn.function
    def step(x, y, *, scale, how="mean"):
        with GradientTape() as tape:
            error = ops.square(x * w + b - y) * scale
            loss = ops.mean(error) if how == "mean" else ops.sum(error)
        adam.apply(tape.gradient(loss, [w, b]), [w, b])
        return loss

    x = np.linspace(-1, 1, 30).astype(np.float32)
    for _ in range(150):
        step(x, 3 * x + 2, scale=1.0)
    assert float(w) == pytest.approx(3, abs=0.01) and float(b.numpy()[0]) == pytest.approx(2, abs=0.01)
    assert int(adam.iterations) == 150
    assert [float(step(x, 3 * x + 3, scale=0.0, how=how)) for how in ("sum", "mean", "sum")] == [0, 0, 0]
    for scale in range(3 * MOST):
        step(x, x, scale=float(scale))
    assert len(step._known) == MOST


def test_assignments_of_tensors(place):
    """A moving average of weights, a variable that nobody reads within, one that is read behind its assignment; weights as values."""
    def story(recorded):
        gpunn.utils.set_random_seed(4)
        model, slow = network(), network()
        last, total, twice = (Variable(np.zeros((20, 6), np.float32), trainable=False) for _ in range(3))

        def step(x):
            for a, b in zip(slow.weights, model.weights, strict=True):
                a.assign(0.9 * a + 0.1 * b)
            last.assign(x)
            total.assign_add(x)
            twice.assign(total * 2.0)
            model.weights[-1].assign(slow.weights[-1])
            model.weights[-1].assign_sub(ops.ones_like(model.weights[-1]))
            return ops.sum(twice)

        f = gpunn.function(step) if recorded else step
        seen = [np.asarray(f(X[at : at + 20])) for at in (0, 10, 20, 30)]
        assert not recorded or all(isinstance(v, Recording) for v in f._known.values()), f.explain()
        return [*seen, *model.get_weights(), *slow.get_weights(), last.numpy(), total.numpy(), twice.numpy(), X[30:]]

    written, recorded = story(False), story(True)
    agree(written, recorded)
    np.testing.assert_array_equal(recorded[-4], X[30:])


@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_whole_numbers_are_counted(place, dtype):
    steps, left = Variable(0, trainable=False, dtype=dtype), Variable([[9, 2**31 - 1]], trainable=False, dtype=dtype)

    @gpunn.function
    def step(x):
        steps.assign_add(1)
        left.assign_sub(np.int64(2))
        return ops.sum(x)

    for _ in range(4):
        step(X[:4])
    assert all(isinstance(v, Recording) for v in step._known.values()), step.explain()
    assert int(steps) == 4 and steps.numpy().dtype == left.numpy().dtype == dtype
    np.testing.assert_array_equal(left, [[1, 2**31 - 9]])


@pytest.mark.usefixtures("cpu")
def test_an_assignment_between_the_tape_and_its_gradient_is_an_error():
    """Recorded, too: who reads the weight sees the new one."""
    w = Variable(np.ones((2, 2), np.float32))

    @gpunn.function
    def f(x):
        with GradientTape() as tape:
            y = ops.sum(w * x)
        w.assign(w + x)
        return tape.gradient(y, w)

    for _ in range(3):
        with pytest.raises(RuntimeError, match="was assigned or updated after the tape had read it"):
            f(np.ones((2, 2), np.float32))


@pytest.mark.usefixtures("cpu")
def test_assignments_are_seen():
    """By a tape that read the weight before, and by a model that has laid its weights out anew meanwhile."""
    model = network()
    weight = model.weights[0]
    f = gpunn.function(lambda x: weight.assign(x))
    values = [np.full(weight.shape, n, np.float32) for n in range(5)]
    for x in values[:3]:
        f(x)
    with GradientTape() as tape:
        y = ops.sum(weight * 2.0)
    f(values[3])
    with pytest.raises(RuntimeError, match="was assigned or updated after the tape had read it"):
        tape.gradient(y, weight)
    before = weight.value
    model.layers[-1].trainable = False
    model.compile("sgd", "mse")
    assert weight.value is not before
    f(values[4])
    np.testing.assert_array_equal(weight.numpy(), values[4])
