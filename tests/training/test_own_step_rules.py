"""What of a user's own train_step is not recorded, and why; metrics in recordings."""

import random
import re

import numpy as np
import pytest
from own_models import LABELS, WEIGHTS, Small, X, agree, small

import gpunn
from gpunn import metrics, ops
from gpunn.ops import drawing
from gpunn.training.recording import Recording


def counting(model, loss):
    """Behind a number that is drawn."""
    drawn = drawing.normal((), seed=model.numbers) + drawing.normal(())
    model.seen += 1
    return loss + drawn


def drawing_first(model, loss):
    """From a generator, and from the seed in force, before it reads."""
    drawn = drawing.normal((), seed=model.numbers) + drawing.normal(())
    return float(loss) + float(drawn)


def listing(model, loss):
    model.losses_seen.append(loss)
    model.last_seen["loss"] = loss
    model.seen = np.array(len(model.losses_seen))
    return loss


def jittered(model, loss):
    return loss + np.random.normal()


READS = {
    "a value": (lambda model, loss: float(loss), r"line \d+ reads a value"),
    "a value behind draws": (drawing_first, r"line \d+ reads a value"),
    "a branch": (lambda model, loss: loss if loss > 0 else -loss, r"line \d+ reads a value"),
    "a count": (counting, "sets attributes of the model"),
    "a list": (listing, "sets attributes of the model"),
    "a list alone": (lambda model, loss: model.losses_seen.append(loss) or loss, "sets attributes of the model"),
    "NumPy's numbers": (jittered, "draws numbers of NumPy's"),
    "Python's numbers": (lambda model, loss: loss + random.random(), "or of Python's random"),
}


@pytest.mark.usefixtures("cpu")
@pytest.mark.parametrize("name", READS)
def test_what_runs_as_it_is_written(name, made):
    more, why = READS[name]
    results = []
    for eager in (True, False):
        gpunn.utils.set_random_seed(1)
        random.seed(1)
        model = small(more, run_eagerly=eager)
        history = model.fit(X, X[:, :1], epochs=4, batch_size=8, verbose=0).history
        numbers = [np.asarray(history["loss"]), np.array([model.seen, len(model.losses_seen)])]
        results.append((sorted(history), numbers, model.get_weights()))
    agree(*results)
    assert re.search(f"runs as it is written: .*{why}", model.explain(print_fn=lambda text: None))


@pytest.mark.usefixtures("cpu")
def test_metrics_that_the_host_updates(made):
    """A user's own metric, and a reset within the step: in the order of the calls, and metrics that another batch has widened."""
    class Last(metrics.Metric):
        def __init__(self):
            super().__init__(name="last")
            self.value = self.add_variable((), "zeros")

        def update_state(self, y, p, sample_weight=None):
            self.value.assign(np.abs(np.asarray(p) - np.asarray(y)).max())

        def result(self):
            return self.value

    results = []
    for eager in (True, False):
        gpunn.utils.set_random_seed(1)
        last, mean, total, row = Last(), metrics.Mean(), metrics.Sum(), metrics.Mean()

        def more(model, loss, mean=mean, total=total, row=row):
            mean.update_state(loss)
            mean.reset_state()
            mean.update_state(2.0 * loss, sample_weight=3)
            total.update_state(ops.stack([[loss, loss], [loss, 0.5]]))
            row.update_state(ops.stack([[loss, loss], [loss, 0.5]]))
            return loss

        class Judged(Small):
            def train_step(self, data, last=last, mean=mean, total=total, row=row):
                found = super().train_step(data)
                last.update_state(data[1], self(data[0]))
                return {**found, "last": last.result(), "mean": mean.result(), "total": total.result(), "row": row.result()}

        model = Judged(more)
        model.compile("sgd", run_eagerly=eager)
        history = model.fit(X, X[:, :1], epochs=3, batch_size=8, verbose=0).history
        results.append((sorted(history), [np.asarray(v) for v in history.values()], model.get_weights()))
        assert mean.count == 3 and history["mean"][-1] == pytest.approx(2 * history["loss"][-1])
    agree(*results)
    assert made and all(isinstance(m, Recording) for m in made)


@pytest.mark.usefixtures("cpu")
def test_a_metric_whose_sums_another_call_has_moved():
    """It was given wider outputs by hand; the recorded step adds to the new sums."""
    right = metrics.F1Score()
    model = small(lambda model, loss: loss)
    f = gpunn.function(lambda y, p: right.update_state(y, p))
    one, two = np.eye(3, dtype=np.float32), np.eye(4, dtype=np.float32)
    for _ in range(3):
        f(one, one)
    right.reset_state()
    right.update_state(two, two)
    right.reset_state()
    right.update_state(one, one[::-1])
    before = right.result()
    f(one, one)
    assert (np.asarray(before) < 1).any() and not np.array_equal(before, right.result()) and model.factor == 1.0


@pytest.mark.usefixtures("cpu")
def test_weights_of_metrics():
    """Labels that a metric passes over count for it where it is weighted."""
    found = []
    for recorded in (False, True):
        metric = metrics.SparseCategoricalCrossentropy(from_logits=True, ignore_class=0)

        def update(y, p, weight, metric=metric):
            metric.update_state(y, p)
            metric.update_state(y, p, weight)
            return metric.result()

        f = gpunn.function(update) if recorded else update
        found += [np.array([f(LABELS[at : at + 13], X[at : at + 13, :3], WEIGHTS[at : at + 13]) for at in range(0, 52, 13)])]
    np.testing.assert_allclose(*found, rtol=1e-6)
    assert "as it is written" not in f.explain(lambda text: None)


@pytest.mark.usefixtures("cpu")
def test_explain_says_why():
    model = small(lambda model, loss: float(loss))
    model.fit(X, X[:, :1], verbose=0)
    text = model.explain(print_fn=lambda text: None)
    assert "Not recorded: train_step runs as it is written: line" in text and "reads a value." in text
    text = small_pullbacks().explain(print_fn=lambda text: None)
    assert "works with pullbacks" in text


def small_pullbacks():
    class Written(Small):
        def train_step(self, data):
            y_pred, backward = self.forward(data[0], training=True)
            loss, gradient = self.compute_loss(*data, y_pred)
            backward(gradient)
            self.apply_gradients()
            return {"loss": loss}

    model = Written()
    model.compile("sgd", "mse")
    model.fit(X, X[:, :1], verbose=0)
    return model
