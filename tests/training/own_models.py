"""Models with a train_step of their own, as keras.io's guides and examples have them, and what they give in `fit`."""

import numpy as np

import gpunn
from gpunn import GradientTape, losses, metrics, ops, optimizers
from gpunn import layers as L
from gpunn.ops import drawing
from gpunn.utils import unpack_x_y_sample_weight

rng = np.random.default_rng(0)
X = rng.standard_normal((52, 6)).astype(np.float32)
LABELS, WEIGHTS = X[:, :3].argmax(axis=1), rng.uniform(0.5, 2, 52).astype(np.float32)


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


class Several(gpunn.Model):
    """A functional model of two inputs and two outputs, all by name."""

    def train_step(self, data):
        x, y, weight = unpack_x_y_sample_weight(data)
        with GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.compute_loss(x, y, y_pred, weight)
        self.optimizer.apply(tape.gradient(loss, self.trainable_weights), self.trainable_weights)
        return {**self.compute_metrics(x, y, y_pred, weight), "loss": loss}


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


def several():
    table, words = L.Input((6,), name="table"), L.Input((4,), name="words")
    found = L.GlobalAveragePooling1D()(L.Embedding(9, 3, mask_zero=True)(words))
    hidden = L.BatchNormalization()(L.Concatenate()([L.Dense(6, "relu")(table), found]))
    outputs = {"kind": L.Dense(3, "softmax", name="kind")(hidden), "price": L.Dense(1, name="price")(hidden)}
    model = Several({"table": table, "words": words}, outputs)
    model.compile(
        "adam", {"kind": "sparse_categorical_crossentropy", "price": "mse"}, metrics={"kind": ["accuracy"], "price": ["mae"]},
        weighted_metrics={"kind": ["accuracy"]}, loss_weights={"kind": 1.0, "price": 0.3},
    )
    return model


def parts(given, rows):
    """So many rows of an array, or of those in a dict."""
    return {name: a[:rows] for name, a in given.items()} if isinstance(given, dict) else given[:rows]


BY_NAME = {"table": X, "words": rng.integers(0, 9, (52, 4))}, {"kind": LABELS, "price": X[:, :1]}
KINDS = {
    "guide": (classifier, (X, LABELS), {"validation_data": (X[:30], LABELS[:30])}),
    "guide, weighted": (classifier, (X, LABELS), {"sample_weight": WEIGHTS}),
    "super": (lambda: classifier(Handed), (X, LABELS), {"validation_data": (X[:30], LABELS[:30])}),
    "distillation": (taught, (X, LABELS), {}),
    "autoencoder": (coded, (X,), {}),
    "adversarial": (rivals, (X,), {}),
    "several": (several, BY_NAME, {"sample_weight": {"kind": WEIGHTS, "price": WEIGHTS[::-1]}, "validation_data": BY_NAME}),
}


def story(make, given, eager, **named):
    """Losses, metrics and weights of three epochs of whole batches and a short last one, and of one more batch."""
    gpunn.utils.set_random_seed(1)
    model = make()
    model.run_eagerly = eager
    history = model.fit(*given, epochs=3, batch_size=16, verbose=0, **named).history
    numbers = [np.asarray(v) for v in history.values()]
    for rows in (5, 5, 5, 7):
        numbers += [np.asarray(v) for v in model.train_on_batch(*(parts(a, rows) for a in given), return_dict=True).values()]
    layers = [model, *(layer for layer in vars(model).values() if isinstance(layer, L.Layer))]
    return sorted(history), numbers, [p.numpy() for layer in layers for p in layer.parameters], model


def agree(one, other):
    assert one[0] == other[0]
    for a, b in zip([*one[1], *one[2]], [*other[1], *other[2]], strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-4, atol=3e-6)


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
