"""A user's own train_step in `fit`, recorded: it gives what it gives as it is written, and says why where it is not recorded."""

import random
import re

import numpy as np
import pytest
from kernel_targets import needs_gxx

import gpunn
from gpunn import GradientTape, losses, metrics, ops, optimizers
from gpunn import layers as L
from gpunn.ops import drawing
from gpunn.training import own_runs
from gpunn.training.recording import Recording
from gpunn.utils import unpack_x_y_sample_weight

rng = np.random.default_rng(0)
X = rng.standard_normal((52, 6)).astype(np.float32)
LABELS, WEIGHTS = X[:, :3].argmax(axis=1), rng.uniform(0.5, 2, 52).astype(np.float32)
PLACES = ["cpu", pytest.param("sim", marks=needs_gxx)]


@pytest.fixture(params=PLACES)
def place(request):
    with gpunn.device(request.param):
        yield request.param


@pytest.fixture
def made(monkeypatch):
    """What was recorded, or why not, in the order of the attempts."""
    found, record = [], own_runs.record
    monkeypatch.setattr(own_runs, "record", lambda *given, **named: found.append(record(*given, **named)) or found[-1])
    return found


class Classifier(gpunn.Model):
    """Keras's guide: the loss of compile, metrics in a loop."""

    def __init__(self, **named):
        super().__init__(**named)
        self.first, self.normal, self.drop = L.Dense(8, "relu", kernel_constraint="max_norm"), L.BatchNormalization(), L.Dropout(0.2)
        self.last = L.Dense(3, "softmax", kernel_regularizer="l2", activity_regularizer="l1")

    def call(self, x):
        return self.last(self.drop(self.normal(self.first(x))))

    def train_step(self, data):
        x, y, weight = unpack_x_y_sample_weight(data)
        with GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.compute_loss(y=y, y_pred=y_pred, sample_weight=weight)
        self.optimizer.apply(tape.gradient(loss, self.trainable_weights), self.trainable_weights)
        for metric in self.metrics:
            metric.update_state(*([loss] if metric.name == "loss" else [y, y_pred]))
        return {metric.name: metric.result() for metric in self.metrics}

    def test_step(self, data):
        x, y, _ = unpack_x_y_sample_weight(data)
        y_pred = self(x, training=False)
        loss = self.compute_loss(y=y, y_pred=y_pred)
        for metric in self.metrics:
            metric.update_state(*([loss] if metric.name == "loss" else [y, y_pred]))
        return {metric.name: metric.result() for metric in self.metrics}


class Handed(Classifier):
    """The built-in steps, by super."""

    def train_step(self, data):
        return super(Classifier, self).train_step(data)

    def test_step(self, data):
        return super(Classifier, self).test_step(data)


class Taught(gpunn.Model):
    """Distillation: loss objects of its own, one of labels, one of what another model says."""

    def __init__(self):
        super().__init__()
        self.student, self.teacher = gpunn.Sequential([L.Dense(5, "relu"), L.Dense(3)]), gpunn.Sequential([L.Dense(3)])
        self.hard, self.soft = losses.SparseCategoricalCrossentropy(from_logits=True), losses.KLDivergence()
        self.right, self.share = metrics.SparseCategoricalAccuracy("right"), 0.5

    def call(self, x):
        return self.student(x)

    def train_step(self, data):
        x, y = data
        said = ops.softmax(self.teacher(x, training=False) / 2.0)
        with GradientTape() as tape:
            logits = self.student(x, training=True)
            loss = self.share * self.hard(y, logits) + (1 - self.share) * self.soft(said, ops.softmax(logits / 2.0))
        weights = self.student.trainable_weights
        self.optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))
        self.right.update_state(y, logits)
        return {"loss": loss, "right": self.right.result()}


class Coded(gpunn.Model):
    """A variational autoencoder: no targets, noise drawn in every step, three means."""

    def __init__(self):
        super().__init__()
        self.inner, self.outer = gpunn.Sequential([L.Dense(5, "tanh"), L.Dense(4)]), gpunn.Sequential([L.Dense(5, "tanh"), L.Dense(6)])
        self.means = [metrics.Mean(name) for name in ("loss", "error", "kl")]

    @property
    def metrics(self):
        return self.means

    def train_step(self, data):
        with GradientTape() as tape:
            code = self.inner(data)
            mean, log_var = code[:, :2], code[:, 2:]
            z = mean + ops.exp(log_var / 2) * drawing.normal((data.shape[0], 2))
            error = ops.mean(ops.sum(ops.square(data - self.outer(z)), axis=-1))
            kl = ops.mean(ops.sum(-0.5 * (1 + log_var - ops.square(mean) - ops.exp(log_var)), axis=1))
            total = error + kl
        self.optimizer.apply(tape.gradient(total, self.trainable_weights), self.trainable_weights)
        for metric, value in zip(self.means, (total, error, kl), strict=True):
            metric.update_state(value)
        return {m.name: m.result() for m in self.means}


class Rivals(gpunn.Model):
    """A GAN: two optimizers, two tapes, labels as they come."""

    def __init__(self):
        super().__init__()
        self.maker = gpunn.Sequential([gpunn.Input((4,)), L.Dense(8), L.LeakyReLU(), L.BatchNormalization(), L.Dense(6)])
        self.judge = gpunn.Sequential([gpunn.Input((6,)), L.Dense(8, "relu"), L.Dropout(0.3), L.Dense(1)])
        self.of_judge, self.of_maker = metrics.Mean(name="d_loss"), metrics.Mean(name="g_loss")

    def compile(self, first, second, loss_fn):
        super().compile()
        self.first, self.second, self.loss_fn = first, second, loss_fn

    def train_step(self, real):
        count = ops.shape(real)[0]
        images = ops.concatenate([self.maker(drawing.normal((count, 4))), real], axis=0)
        labels = ops.concatenate([ops.ones((count, 1)), ops.zeros((count, 1))], axis=0)
        labels = labels + 0.05 * drawing.uniform(ops.shape(labels))
        with GradientTape() as tape:
            found = self.loss_fn(labels, self.judge(images, training=True))
        weights = self.judge.trainable_weights
        self.first.apply(tape.gradient(found, weights), weights)
        with GradientTape() as tape:
            fooled = self.loss_fn(ops.zeros((count, 1)), self.judge(self.maker(drawing.normal((count, 4)), training=True)))
        weights = self.maker.trainable_weights
        self.second.apply(tape.gradient(fooled, weights), weights)
        self.of_judge.update_state(found)
        self.of_maker.update_state(fooled)
        return {"d_loss": self.of_judge.result(), "g_loss": self.of_maker.result()}


def classifier(kind=Classifier, **options):
    model = kind()
    model.compile(options.pop("optimizer", "adam"), "sparse_categorical_crossentropy", ["accuracy"], **options)
    return model


def taught():
    model = Taught()
    model.compile(optimizers.SGD(optimizers.schedules.ExponentialDecay(0.1, 5, 0.9), momentum=0.9))
    return model


def coded():
    model = Coded()
    model.compile("adam")
    return model


def rivals():
    model = Rivals()
    model.compile(optimizers.Adam(0.01, beta_1=0.5), optimizers.Adam(0.01), losses.BinaryCrossentropy(from_logits=True))
    return model


KINDS = {
    "guide": (classifier, (X, LABELS), {"validation_data": (X[:30], LABELS[:30])}),
    "guide, weighted": (classifier, (X, LABELS), {"sample_weight": WEIGHTS}),
    "super": (lambda: classifier(Handed), (X, LABELS), {"validation_data": (X[:30], LABELS[:30])}),
    "distillation": (taught, (X, LABELS), {}),
    "autoencoder": (coded, (X,), {}),
    "adversarial": (rivals, (X,), {}),
}


def story(make, given, eager, **named):
    """Losses, metrics and weights of three epochs of whole batches and a short last one, and of one more batch."""
    gpunn.utils.set_random_seed(1)
    model = make()
    model.run_eagerly = eager
    history = model.fit(*given, epochs=3, batch_size=16, verbose=0, **named).history
    numbers = [np.asarray(v) for v in history.values()]
    for rows in (5, 5, 5, 7):
        numbers += [np.asarray(v) for v in model.train_on_batch(*(a[:rows] for a in given), return_dict=True).values()]
    layers = [layer for layer in vars(model).values() if isinstance(layer, L.Layer)]
    return sorted(history), numbers, [p.numpy() for layer in layers for p in layer.parameters], model


def agree(one, other):
    assert one[0] == other[0]
    for a, b in zip([*one[1], *one[2]], [*other[1], *other[2]], strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-4, atol=3e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_as_written(place, kind, made):
    make, given, named = KINDS[kind]
    written = story(make, given, True, **named)
    assert not made
    recorded = story(make, given, False, **named)
    agree(written, recorded)
    assert made and all(isinstance(m, Recording) for m in made), made
    assert "Nodes:" in recorded[-1].explain(8, print_fn=lambda text: None)


@pytest.mark.usefixtures("cpu")
def test_what_does_the_same_gives_the_same():
    """By super a step adds penalties of outputs too, as the built-in one does."""
    class Plain(Classifier):
        train_step, test_step = gpunn.Model.train_step, gpunn.Model.test_step

    built_in, own = (story(lambda kind=kind: classifier(kind), (X, LABELS), False) for kind in (Plain, Handed))
    agree(built_in, own)


@pytest.mark.usefixtures("cpu")
def test_steps_of_a_chunk_run_without_python(made):
    """A step that only launches is replayed many at a time, and looked at once."""
    model = classifier()
    model.fit(np.tile(X, (20, 1)), np.tile(LABELS, 20), epochs=3, batch_size=16, verbose=0)
    assert len(made) == 1 and not made[0].trace.before and not made[0].trace.after
    assert made[0].runs == 3 * 65 - 1


@pytest.mark.parametrize("given", ["arrays", "batches", "growing", "files"])
def test_data_of_any_kind(given, made, place, tmp_path):
    """Batches that somebody else makes, and rows that stay in a file, are looked at where labels are to be checked."""
    results = []
    for eager in (True, False):
        gpunn.utils.set_random_seed(1)
        model = taught()
        model.run_eagerly = eager
        if given in ("batches", "growing"):
            cuts = np.cumsum([0, 13, 13, 13, 13] if given == "batches" else [0, 5, 5, 5, 16, 16, 5])

            class Batches(gpunn.utils.PyDataset):
                def __len__(self, cuts=cuts):
                    return len(cuts) - 1

                def __getitem__(self, i, cuts=cuts):
                    return X[cuts[i] : cuts[i + 1]], LABELS[cuts[i] : cuts[i + 1]]

            history = model.fit(Batches(workers=0), epochs=3, shuffle=False, verbose=0)
        elif given == "files":
            np.save(tmp_path / "x.npy", X)
            gpunn.config.set_streaming("always")
            try:
                history = model.fit(np.load(tmp_path / "x.npy", mmap_mode="r"), LABELS, epochs=3, batch_size=13, verbose=0)
            finally:
                gpunn.config.set_streaming("auto")
        else:
            history = model.fit(X, LABELS, epochs=3, batch_size=13, verbose=0)
        results.append((sorted(history.history), [np.asarray(v) for v in history.history.values()], model.student.get_weights()))
    agree(*results)
    assert all(isinstance(m, Recording) and bool(m.trace.before) == (given != "arrays") for m in made)
    assert made if given == "growing" else len(made) == 1


@pytest.mark.usefixtures("cpu")
@pytest.mark.parametrize("given", ["arrays", "batches"])
def test_labels_that_are_refused(given):
    """In a batch behind the recorded one."""
    wrong = LABELS.copy()
    wrong[45] = 7
    model = taught()

    def batches():
        for at in range(0, 52, 13):
            yield X[at : at + 13], wrong[at : at + 13]

    with pytest.raises(ValueError, match="label"):
        if given == "arrays":
            model.fit(X, wrong, batch_size=13, shuffle=False, verbose=0)
        else:
            model.fit(batches(), verbose=0)


@pytest.mark.usefixtures("cpu")
@pytest.mark.parametrize("dtype", ["int32", "float32"])
@pytest.mark.parametrize("given", ["arrays", "batches"])
def test_targets_that_only_some_batches_keep(given, dtype):
    """A hinge loss takes labels 0 and 1 for -1 and 1: the first batches have none that it changes."""
    class Hinged(Taught):
        def __init__(self):
            super().__init__()
            self.student, self.hinge = gpunn.Sequential([L.Dense(1)]), losses.Hinge()

        def train_step(self, data):
            x, y = data
            with GradientTape() as tape:
                loss = self.hinge(y, self.student(x))
            self.optimizer.apply(tape.gradient(loss, self.student.trainable_weights), self.student.trainable_weights)
            return {"loss": loss}

    ones = np.ones((52, 1), dtype)
    ones[40:] = 0

    def batches():
        while True:
            for at in range(0, 52, 13):
                yield X[at : at + 13], ones[at : at + 13]

    results = []
    for eager in (True, False):
        gpunn.utils.set_random_seed(1)
        model = Hinged()
        model.compile("sgd", run_eagerly=eager)
        if given == "arrays":
            history = model.fit(X, ones, epochs=2, batch_size=13, shuffle=False, verbose=0)
        else:
            history = model.fit(batches(), epochs=2, steps_per_epoch=4, verbose=0)
        results.append((sorted(history.history), [np.asarray(history.history["loss"])], model.student.get_weights()))
    agree(*results)


class Small(gpunn.Model):
    """A mean squared error, and what a test adds."""

    def __init__(self, more=lambda self, loss: loss):
        super().__init__()
        self.dense, self.more, self.factor, self.seen = L.Dense(1), more, 1.0, 0
        self.losses_seen, self.last_seen, self.numbers = [], {}, drawing.SeedGenerator(3)

    def call(self, x):
        return self.dense(x)

    def train_step(self, data):
        x, y = data
        with GradientTape() as tape:
            loss = self.factor * ops.mean(ops.square(self(x) - y))
        self.optimizer.apply(tape.gradient(loss, self.trainable_weights), self.trainable_weights)
        return {"loss": self.more(self, loss)}


def small(*more, **options):
    model = Small(*more)
    model.compile("sgd", **options)
    return model


def counting(model, loss):
    model.seen += 1
    return loss


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
    "a count": (counting, "it sets attributes of the model"),
    "a list": (listing, "it sets attributes of the model"),
    "a list alone": (lambda model, loss: model.losses_seen.append(loss) or loss, "it sets attributes of the model"),
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


@pytest.mark.usefixtures("cpu")
def test_attributes_count_from_the_next_step_on(made):
    """Those of the model, as a callback sets them; and of its layers."""
    results = []
    for eager in (True, False):
        gpunn.utils.set_random_seed(1)
        model = small(run_eagerly=eager)
        change = gpunn.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs, m=model: setattr(m, "factor", 1.0 + epoch))
        history = model.fit(X, X[:, :1], epochs=4, batch_size=8, callbacks=[change], verbose=0).history
        results.append((sorted(history), [np.asarray(history["loss"])], model.get_weights()))
    agree(*results)
    assert len(made) >= 4


@pytest.mark.usefixtures("cpu")
@pytest.mark.parametrize("how", ["tensor", "mean"])
def test_a_loss_that_is_not_finite_is_told(how):
    x = X.copy()
    mean = metrics.Mean("loss")

    def kept(model, loss):
        if how == "tensor":
            return loss
        mean.update_state(loss)
        return mean.result()

    y = np.ones((52, 1), np.float32)
    y[40] = 3e38
    with pytest.warns(RuntimeWarning, match="NaN or infinite at step 6 of epoch 1"):
        small(kept).fit(x, y, batch_size=8, shuffle=False, verbose=0)


@pytest.mark.usefixtures("cpu")
@pytest.mark.parametrize("make", [taught, rivals])
def test_calls_batch_by_batch_are_recorded_once(make, made):
    """Whatever models within draw from, and with an epoch of `fit` on as many rows in between, which has a recording of its own."""
    model, given = make(), (X[:8], LABELS[:8])[: 2 if make is taught else 1]
    for _ in range(4):
        model.train_on_batch(*given)
    assert len(made) == 1
    model.fit(*given, batch_size=4, epochs=3, verbose=0)
    model.train_on_batch(*given)
    assert len(made) == 2 and made[0].runs == 4 and made[1].runs == 5


@pytest.mark.usefixtures("cpu")
def test_rows_of_another_call():
    """`train_on_batch` keeps its recording, and checks the labels that come."""
    model = taught()
    for _ in range(3):
        model.train_on_batch(X[:8], LABELS[:8])
    with pytest.raises(ValueError, match="label"):
        model.train_on_batch(X[:8], np.full(8, 9))
    assert np.isfinite(model.train_on_batch(X[8:16], LABELS[8:16])).all()
