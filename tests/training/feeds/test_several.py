"""Several inputs and outputs through every feed: the same to the bit."""

import numpy as np
import pytest

import gpunn
from gpunn import config, layers
from gpunn.models import Model
from gpunn.training.loop import Training

RNG = np.random.default_rng(3)
ROWS, SIZE = 61, 8
IMAGES, TABLE = RNG.integers(0, 256, (ROWS, 4, 4, 1)).astype(np.uint8), RNG.standard_normal((ROWS, 5))
LABELS, NUMBERS, WEIGHTS = RNG.integers(0, 3, ROWS), RNG.standard_normal((ROWS, 1)), RNG.uniform(0.5, 2, ROWS)
X, Y, W = {"table": TABLE, "images": IMAGES}, {"number": NUMBERS, "kind": LABELS}, {"kind": WEIGHTS, "number": WEIGHTS[::-1].copy()}
OPTIONS = {"epochs": 2, "batch_size": SIZE, "verbose": 0, "shuffle": False}


def network(device="cpu"):
    with gpunn.device(device):
        gpunn.utils.set_random_seed(5)
        images, table = layers.Input((4, 4, 1), name="images"), layers.Input((5,), name="table")
        h = layers.Concatenate()([layers.Flatten()(images), table])
        h = layers.Dropout(0.2)(layers.Dense(6, activation="relu")(h))
        kind, number = layers.Dense(3, activation="softmax", name="kind")(h), layers.Dense(1, name="number")(h)
        model = Model([images, table], [kind, number], name="net")
        losses = {"kind": "sparse_categorical_crossentropy", "number": "mse"}
        model.compile("adam", losses, {"kind": ["accuracy"]}, {"number": ["mae"]}, {"kind": 1.0, "number": 0.001})
    return model


def outcome(model, *data, **options):
    history = model.fit(*data, **OPTIONS | options).history
    return history, model.get_weights(), model.predict(X, verbose=0), model.evaluate([IMAGES, TABLE], [LABELS, NUMBERS], verbose=0)


def cut(value, i):
    if isinstance(value, dict):
        return {name: cut(v, i) for name, v in value.items()}
    return [cut(v, i) for v in value] if isinstance(value, list) else value[i * SIZE : (i + 1) * SIZE]


def generator(*data):
    while True:
        for i in range(-(-ROWS // SIZE)):
            yield tuple(cut(v, i) for v in data)


class Numbered(gpunn.utils.Sequence):
    def __len__(self):
        return -(-ROWS // SIZE)

    def __getitem__(self, i):
        return cut([IMAGES, TABLE], i), cut([LABELS, NUMBERS], i), cut([W["kind"], W["number"]], i)


def loader():
    torch = pytest.importorskip("torch")
    each = lambda d, i: {name: a[i] for name, a in d.items()}  # noqa: E731
    data = [(each(X, i), each(Y, i), (WEIGHTS[i], W["number"][i])) for i in range(ROWS)]

    def gather(rows):
        x, y, w = zip(*rows, strict=True)
        join = lambda parts: {n: torch.from_numpy(np.stack([np.asarray(p[n]) for p in parts])) for n in parts[0]}  # noqa: E731
        return join(x), join(y), {"kind": torch.tensor([p[0] for p in w]), "number": torch.tensor([p[1] for p in w])}

    return torch.utils.data.DataLoader(data, SIZE, collate_fn=gather)


STEPS = {"steps_per_epoch": -(-ROWS // SIZE)}
SOURCES = {
    "lists": lambda m: outcome(m, [IMAGES, TABLE], [LABELS, NUMBERS], sample_weight=[WEIGHTS, W["number"]]),
    "float32 at once": lambda m: outcome(m, {"images": IMAGES, "table": TABLE.astype("float32")}, Y, sample_weight=W),
    "a generator of dicts": lambda m: outcome(m, generator(X, Y, W), **STEPS),
    "a generator of lists": lambda m: outcome(m, generator([IMAGES, TABLE], [LABELS, NUMBERS], [WEIGHTS, W["number"]]), **STEPS),
    "a Sequence": lambda m: outcome(m, Numbered()),
    "a DataLoader": lambda m: outcome(m, loader()),
    "streamed": lambda m: streamed(m),
}


def streamed(model):
    before = config.streaming()
    config.set_streaming("always")
    try:
        return outcome(model, X, Y, sample_weight=W)
    finally:
        config.set_streaming(before)


@pytest.mark.parametrize("source", SOURCES)
def test_the_same_from_everywhere(source, cpu):
    np.testing.assert_equal(SOURCES[source](network()), outcome(network(), X, Y, sample_weight=W))


def test_what_is_on_the_device_stays(sim_with):
    sim_with()
    model = network("sim")
    ops = model.backend
    there = {name: ops.asarray(a) for name, a in X.items()}
    rows = model._check(there, {n: ops.asarray(a) for n, a in Y.items()}, None, None, "fit")
    assert all(not isinstance(a, np.ndarray) or ops.name == "sim" for a in rows.xs)
    feed = Training(model, rows, SIZE, False).feed
    assert len(feed.xs) == 2 and feed.xs[0].dtype == np.uint8
    near, far = outcome(model, there, Y), outcome(network("cpu"), X, Y)
    for a, b in zip(near[1], far[1], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def test_validation(cpu):
    models = [network(), network()]
    cutoff = int(ROWS * 0.75)
    first, last = (lambda d: {n: a[:cutoff] for n, a in d.items()}), (lambda d: {n: a[cutoff:] for n, a in d.items()})
    one = models[0].fit(X, Y, sample_weight=W, validation_split=0.25, **OPTIONS).history
    two = models[1].fit(
        first(X), first(Y), sample_weight=first(W), validation_data=([IMAGES[cutoff:], TABLE[cutoff:]], last(Y), last(W)), **OPTIONS
    ).history
    assert one == two
    assert list(one)[:7] == ["loss", "kind_loss", "number_loss", "kind_accuracy", "number_mae", "val_loss", "val_kind_loss"]


@pytest.mark.parametrize("steps", [None, 3])
def test_predict_from_batches(steps, cpu):
    model = network()
    whole = model.predict([IMAGES, TABLE], verbose=0)
    parts = model.predict(generator(X), steps=steps or 8, verbose=0)
    for a, b in zip(whole, parts, strict=True):
        np.testing.assert_array_equal(a[: len(b)], b)
        assert len(b) == (ROWS if steps is None else steps * SIZE)


def test_a_batch_that_does_not_fit(cpu):
    def wrong():
        yield cut(X, 0), cut(Y, 0)
        yield cut(X, 1), {"kind": LABELS[:SIZE]}

    with pytest.raises(ValueError, match=r"batch 2 of epoch 1 .*does not fit. Argument y of fit: expected outputs named \['kind'"):
        network().fit(wrong(), steps_per_epoch=2, verbose=0)
