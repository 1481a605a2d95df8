"""Attention and AdditiveAttention against numeric differences and Keras 3; on a device; in files."""

import numpy as np
import pytest
from keras_twin import assert_same_weights, compute_in, keras
from kernel_targets import needs_gxx
from sequence_gradient import check

import gpunn
from gpunn import layers

ROWS, STEPS, PLACES, WIDTH = 3, 4, 5, 6
OPTIONS = {
    "dot": ("Attention", {}), "dot_scaled": ("Attention", {"use_scale": True, "dropout": 0.3}),
    "concat": ("Attention", {"score_mode": "concat"}), "concat_scaled": ("Attention", {"score_mode": "concat", "use_scale": True}),
    "additive": ("AdditiveAttention", {"dropout": 0.3}), "additive_plain": ("AdditiveAttention", {"use_scale": False}),
}


def inputs(count=3, seed=0):
    rng = np.random.default_rng(seed)
    sizes = (STEPS, WIDTH), (PLACES, WIDTH if count == 2 else 2), (PLACES, WIDTH)
    return [rng.standard_normal((ROWS, *s)) for s in sizes[:count]]


def masks():
    rng = np.random.default_rng(1)
    queries, values = (rng.integers(0, 2, (ROWS, n)).astype(float) for n in (STEPS, PLACES))
    values[:, 0] = 1
    return queries, values


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("option", OPTIONS)
def test_gradient(option, count, either_cpu):
    name, options = OPTIONS[option]
    check(getattr(layers, name)(**options), either_cpu, inputs(count), [*masks(), None][:count])


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("option", OPTIONS)
def test_the_check_sees_a_gradient_off_by_a_thousandth(option, cpu):
    name, options = OPTIONS[option]
    with pytest.raises(AssertionError, match="analytic"):
        check(getattr(layers, name)(**options), cpu, inputs(), [*masks(), None], spoil=1.001)


class _Both(layers.Layer):
    """The layer called for its scores too, so that the check sends gradients into both."""

    takes_mask = True

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def build(self, shape):
        self.inner.ensure_built(shape)
        self.parameters = self.inner.parameters

    def forward(self, x, training=False, mask=None):
        self.inner.backend, self.inner.rng = self.backend, self.rng
        return self.inner.forward(x, training, mask=mask, use_causal_mask=True, return_attention_scores=True)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("option", ["dot_scaled", "additive"])
def test_gradient_through_the_scores(option, either_cpu):
    name, options = OPTIONS[option]
    check(_Both(getattr(layers, name)(**options)), either_cpu, inputs(), [*masks(), None])


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("option", OPTIONS)
def test_values_and_shares_of_keras(option, causal):
    compute_in("float64")
    name, options = OPTIONS[option]
    ours, theirs = (getattr(lib.layers, name)(**options) for lib in (gpunn, keras))
    query, value, key = inputs()
    queries, values = masks()
    values[1] = option == "additive_plain"  # no place left; there Keras's tanh has made the scores float32, and 1e9 swallows them
    given = {"use_causal_mask": causal, "return_attention_scores": True}
    theirs.build([a.shape for a in (query, value, key)])
    weights = [np.random.default_rng(2).standard_normal(w.shape) for w in theirs.weights]
    theirs.set_weights(weights)
    given["mask"] = [queries.astype(bool), values.astype(bool)]
    other, shares = theirs([query, value, key], **given)
    ours.ensure_built([(None, *a.shape[1:]) for a in (query, value, key)])
    assert [p.shape for p in ours.parameters] == [w.shape for w in weights]
    assert [p.name.rpartition("/")[2] for p in ours.parameters] == [w.name for w in theirs.weights]
    ours.set_weights(weights)
    mine, own = ours([query, value, key], **given)
    np.testing.assert_allclose(own, np.asarray(shares), rtol=1e-5, atol=1e-7)  # a row without places: scores less 1e9, rounded
    np.testing.assert_allclose(mine, np.asarray(other), rtol=1e-5, atol=1e-7)
    assert (mine[queries == 0] == 0).all()
    with gpunn.GradientTape():
        np.testing.assert_array_equal(ours([query, value, key], **given)[0].numpy(), mine)


def _model(lib, **options):
    tokens = lib.layers.Input((STEPS,))
    embedded = lib.layers.Embedding(7, 4, mask_zero=True)(tokens)
    x = lib.layers.Attention(use_scale=True)([embedded, embedded], use_causal_mask=True)
    x = lib.layers.AdditiveAttention(**options)([x, embedded])
    x = lib.layers.Attention(score_mode="concat")([x, embedded, embedded])
    model = lib.Model(tokens, lib.layers.Dense(2)(lib.layers.GlobalAveragePooling1D()(lib.layers.Dense(3)(x))))
    model.compile(optimizer=lib.optimizers.SGD(0.05), loss="mse")
    return model


def _data():
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 7, (6, STEPS)), rng.standard_normal((6, 2))
    x[:, 0] = 1 + x[:, 0] % 6
    return x, y


@pytest.mark.filterwarnings("ignore:Layer:UserWarning")
@pytest.mark.usefixtures("float64")
def test_twenty_steps_and_files(tmp_path):
    compute_in("float64")
    gpunn.utils.set_random_seed(3)
    ours, theirs = _model(gpunn), _model(keras)
    theirs.set_weights(ours.get_weights())
    x, y = _data()
    for model in (theirs, ours):
        model.fit(x, y, epochs=10, batch_size=3, shuffle=False, verbose=0)
    assert_same_weights(ours, theirs, 1e-6)
    for writer, reader in ((ours, keras.models.load_model), (theirs, gpunn.models.load_model)):
        writer.save(tmp_path / "model.keras")
        again = reader(tmp_path / "model.keras")
        np.testing.assert_allclose(np.asarray(again.predict(x, verbose=0)), writer.predict(x, verbose=0), rtol=1e-6, atol=1e-9)


@needs_gxx
def test_the_same_on_the_simulated_device():
    weights = []
    for device in ("cpu", "sim"):
        gpunn.utils.set_random_seed(5)
        with gpunn.device(device):
            model = _model(gpunn, dropout=0.3)
        model.fit(*_data(), epochs=3, batch_size=4, verbose=0)
        assert model.recordable
        weights.append(model.get_weights())
    for a, b in zip(*weights, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)


def test_scores_are_an_output_of_a_graph():
    query, value = layers.Input((STEPS, 2)), layers.Input((PLACES, 2))
    mixed, shares = layers.Attention()([query, value], return_attention_scores=True)
    assert mixed.shape == (None, STEPS, 2) and shares.shape == (None, STEPS, PLACES)
    model = gpunn.Model([query, value], [mixed, shares])
    found = model.predict([np.zeros((2, STEPS, 2)), np.zeros((2, PLACES, 2))], verbose=0)
    np.testing.assert_allclose(found[1], 1 / PLACES, rtol=1e-6)


@pytest.mark.parametrize(("make", "message"), [
    (lambda: layers.Attention(score_mode="cosine", name="a"), r"'a': score_mode must be 'dot' or 'concat'.*'cosine'"),
    (lambda: layers.AdditiveAttention(dropout=1.0, name="a"), r"'a': dropout must be at least 0 and below 1"),
    (lambda: layers.Attention(name="a")(layers.Input((3, 2))), r"'a': expected a list of two or three inputs.*\(None, 3, 2\)"),
    (
        lambda: layers.Attention(name="a")([layers.Input((3, 2)), layers.Input((4, 5))]),
        r"'a': expected query and key of as many features. Received: query \(None, 3, 2\), key \(None, 4, 5\)",
    ),
    (lambda: layers.Attention(name="a")([layers.Input((3,)), layers.Input((4, 5))]), r"'a': expected inputs of shape \(rows, steps, feat"),
])
def test_errors(make, message):
    with pytest.raises(ValueError, match=message):
        make()
