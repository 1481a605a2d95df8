"""ONNX: onnxruntime predicts as the model does, for any number of rows; a layer that has no ONNX form is named."""

import graphs
import numpy as np
import pytest

import gpunn
from gpunn import activations
from gpunn import layers as L
from gpunn.models.onnx.layers import WRITERS

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")
pytestmark = pytest.mark.usefixtures("cpu")
RNG = np.random.default_rng(0)


def predicted(path, x):
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: x})[0]


def check(model, tmp_path, x, near=2e-6):
    model.export(tmp_path / "m.onnx")
    for rows in (len(x), 1, 0):
        there = predicted(tmp_path / "m.onnx", x[:rows])
        assert there.dtype == x.dtype and there.shape == (rows, *model.output_shape[1:])
        if rows:
            np.testing.assert_allclose(there, model.predict(x[:rows]), rtol=2e-5, atol=near)
    assert [f.name for f in tmp_path.iterdir()] == ["m.onnx"]


# one list for each family: every layer there is
STACKS = {
    "spectral": [lambda: L.SpectralNormalization(L.Dense(5, "tanh")), lambda: L.Dense(3)],
    "dense, norms": [
        lambda: L.Dense(6, "relu"), lambda: L.BatchNormalization(), lambda: L.Dropout(0.3), lambda: L.LayerNormalization(),
        lambda: L.Dense(8, use_bias=False), lambda: L.BatchNormalization(scale=False), lambda: L.GroupNormalization(2),
        lambda: L.RMSNormalization(), lambda: L.UnitNormalization(), lambda: L.GaussianNoise(0.1), lambda: L.GaussianDropout(0.1),
        lambda: L.AlphaDropout(0.1), lambda: L.ActivityRegularization(0.1), lambda: L.Dense(3, "softmax"),
    ],
    "axes": [
        lambda: L.Reshape((3, 4)), lambda: L.LayerNormalization(axis=[1, 2]), lambda: L.PReLU("uniform", shared_axes=[1]),
        lambda: L.SpatialDropout1D(0.1), lambda: L.Dense(6), lambda: L.GroupNormalization(3), lambda: L.Softmax(axis=1),
        lambda: L.Softmax(axis=[1, 2]), lambda: L.Reshape((3, 2, 3)), lambda: L.SpatialDropout2D(0.1), lambda: L.ReLU(3.0, 0.1, 0.2),
        lambda: L.LeakyReLU(), lambda: L.ELU(), lambda: L.Reshape((1, 3, 2, 3)), lambda: L.SpatialDropout3D(0.1), lambda: L.Flatten(),
        lambda: L.Activation("tanh"),
    ],
    "einsum": [
        lambda: L.Reshape((3, 4)), lambda: L.EinsumDense("abc,cde->abde", (3, 2, 5), "relu", "e"),
        lambda: L.EinsumDense("...xy,xy->...x", 2),
        lambda: L.Pipeline([L.Dense(3), L.EinsumDense("abc,cd->abd", (3, 2), bias_axes="bd"), L.Dropout(0.1)]),
    ],
}
OTHERS = {  # (input shape, layers)
    "images": ((9, 8, 4), [
        lambda: L.Conv2D(6, 3, activation="relu"), lambda: L.Conv2D(4, (2, 3), (2, 1), "same", groups=2),
        lambda: L.Conv2D(4, 2, dilation_rate=2, padding="same"), lambda: L.DepthwiseConv2D(2, depth_multiplier=2),
        lambda: L.SeparableConv2D(3, 2, padding="same", depth_multiplier=2), lambda: L.Flatten(),
    ]),
    "images made larger": ((2, 2, 2), [
        lambda: L.Conv2DTranspose(3, 3, 2, "same"), lambda: L.Conv2DTranspose(2, 2, 3, "valid", use_bias=False),
        lambda: L.Conv2DTranspose(2, 3, 2, "same", output_padding=1), lambda: L.Cropping2D(4), lambda: L.Conv2DTranspose(2, 1, 3),
        lambda: L.UpSampling2D((1, 2)),
        lambda: L.UpSampling2D(2, interpolation="bilinear"), lambda: L.ZeroPadding2D(((1, 2), (0, 3))), lambda: L.Cropping2D(15),
        lambda: L.GlobalAveragePooling2D(),
    ]),
    "pooling": ((11, 10, 3), [
        lambda: L.MaxPooling2D(3, 2, "same"), lambda: L.AveragePooling2D(3, 1, "same"), lambda: L.AveragePooling2D(2),
        lambda: L.MaxPooling2D(2), lambda: L.GlobalMaxPooling2D(keepdims=True),
    ]),
    "volumes": ((5, 6, 5, 2), [
        lambda: L.Conv3D(4, (2, 3, 3), (1, 2, 1), "same", groups=2, activation="relu"), lambda: L.MaxPooling3D(2, padding="same"),
        lambda: L.Conv3DTranspose(3, 3, 2, "same"), lambda: L.UpSampling3D((1, 2, 1)), lambda: L.ZeroPadding3D(1), lambda: L.Cropping3D(2),
        lambda: L.AveragePooling3D((1, 2, 2), padding="same"), lambda: L.AdaptiveMaxPooling3D(2), lambda: L.AdaptiveAveragePooling3D(2),
        lambda: L.GlobalMaxPooling3D(keepdims=True), lambda: L.GlobalAveragePooling3D(),
    ]),
    "adaptive pooling": ((11, 10, 3), [
        lambda: L.AdaptiveMaxPooling2D((7, 10)), lambda: L.AdaptiveAveragePooling2D((4, 6)), lambda: L.Reshape((24, 3)),
        lambda: L.AdaptiveAveragePooling1D(9), lambda: L.AdaptiveMaxPooling1D(5),
    ]),
    "steps": ((14, 3), [
        lambda: L.Conv1D(4, 3, padding="causal", dilation_rate=2), lambda: L.DepthwiseConv1D(2, padding="same"),
        lambda: L.SeparableConv1D(4, 3, 2, "same"), lambda: L.MaxPooling1D(2), lambda: L.Conv1DTranspose(3, 2, 2),
        lambda: L.AveragePooling1D(2, padding="same"), lambda: L.UpSampling1D(3), lambda: L.ZeroPadding1D((1, 0)), lambda: L.Cropping1D(1),
        lambda: L.GlobalAveragePooling1D(keepdims=True), lambda: L.GlobalMaxPooling1D(),
    ]),
    "sizes": ((9, 7, 3), [
        lambda: L.Rescaling([0.1, 0.2, 0.3], 1.0), lambda: L.Normalization(mean=[0.0, 1.0, 2.0], variance=[1.0, 2.0, 3.0]),
        lambda: L.AutoContrast((-1, 2)), lambda: L.RandomHue(0.1),
        lambda: L.RandomFlip(), lambda: L.RandomCrop(6, 8), lambda: L.CenterCrop(5, 5), lambda: L.CenterCrop(4, 7),
        lambda: L.Resizing(6, 5, "nearest"), lambda: L.Resizing(4, 9, crop_to_aspect_ratio=True),
        lambda: L.Resizing(8, 8, pad_to_aspect_ratio=True, fill_value=0.5), lambda: L.Normalization(axis=None, mean=0.3, variance=2.0),
        lambda: L.Normalization(mean=[0.0, 1.0, 2.0], variance=[1.0, 2.0, 3.0], invert=True),
    ]),
    "recurrent": ((6, 3), [
        lambda: L.SimpleRNN(4, "relu", return_sequences=True, go_backwards=True),
        lambda: L.LSTM(5, recurrent_activation="hard_sigmoid", return_sequences=True, dropout=0.2),
        lambda: L.GRU(4, return_sequences=True, use_bias=False), lambda: L.GRU(3, "softsign", reset_after=False, return_sequences=True),
        lambda: L.TimeDistributed(L.Dense(4, "tanh")), lambda: L.Bidirectional(L.LSTM(3, return_sequences=True), "sum"),
        lambda: L.Bidirectional(L.GRU(4), "mul"), lambda: L.Dense(2),
    ]),
    "masked steps": ((6, 3), [
        lambda: L.Masking(0.5), lambda: L.GRU(4, return_sequences=True, go_backwards=True), lambda: L.Dropout(0.1),
        lambda: L.LSTM(4, return_sequences=True, zero_output_for_mask=True),
        lambda: L.Bidirectional(L.SimpleRNN(3, return_sequences=True, zero_output_for_mask=True)),
        lambda: L.Bidirectional(L.LSTM(3, zero_output_for_mask=True), "ave"),
    ]),
    "tokens": ((7,), [lambda: L.Embedding(9, 4, mask_zero=True), lambda: L.LSTM(5), lambda: L.Dense(3, "softmax")]),
    "tokens without a mask": ((7,), [lambda: L.Embedding(9, 4), lambda: L.GRU(5)]),
}


def built(stack, shape=(12,)):
    model = gpunn.Sequential([L.Input(shape), *(make() for make in stack)])
    model.set_weights([w + 0.3 * RNG.random(w.shape).astype(w.dtype) for w in model.get_weights()])
    return model


@pytest.mark.parametrize("stack", STACKS)
def test_layers(tmp_path, stack):
    check(built(STACKS[stack]), tmp_path, RNG.standard_normal((7, 12)).astype("float32"))


@pytest.mark.parametrize("stack", OTHERS)
def test_layers_of_images_and_steps(tmp_path, stack):
    shape, layers = OTHERS[stack]
    x = RNG.standard_normal((7, *shape)).astype("float32")
    if "tokens" in stack:
        x = RNG.integers(0, 9, (7, *shape)).astype("float32")
    if stack == "masked steps":
        x[:3, 2:4] = x[2:5, 5] = x[6] = 0.5
    check(built(layers, shape), tmp_path, x, 2e-5)


def test_heads_that_share_keys_and_a_table_both_ways(tmp_path):
    tokens = L.Input((7,))
    table = L.ReversibleEmbedding(9, 4, logit_soft_cap=2.0)
    h = L.GroupQueryAttention(3, 4, 2)(table(tokens), table(tokens), use_causal_mask=True)
    check(gpunn.Model(tokens, table(h, reverse=True)), tmp_path, RNG.integers(0, 9, (7, 7)).astype("float32"))


def test_stateful_layers_are_refused(tmp_path):
    model = gpunn.Sequential([L.Input((4, 3)), L.LSTM(2, stateful=True, name="kept")])
    with pytest.raises(ValueError, match="Layer 'kept' is stateful: ONNX keeps no state"):
        model.export(tmp_path / "m.onnx")


def test_every_layer_is_exported():
    around = {"Wrapper", "STFTSpectrogram", "MelSpectrogram"}  # what a layer of the user's does; sounds
    cells = {  # a loop over any layer has no form there
        "RNN", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D", "SimpleRNNCell", "LSTMCell", "GRUCell", "StackedRNNCells",
    }
    numbering = {"CategoryEncoding", "Discretization", "HashedCrossing", "Hashing", "IntegerLookup", "StringLookup"}  # as the user's layers
    assert {k.__name__ for k in L.NAMES.values()} - {k.__name__ for k in WRITERS} == cells | numbering | around


def test_lookups_are_refused(tmp_path):
    model = gpunn.Sequential([L.Input((4,)), L.IntegerLookup(vocabulary=[1, 2], name="lookup")])
    with pytest.raises(ValueError, match=r"Layer 'lookup' \(IntegerLookup\) cannot be exported to ONNX"):
        model.export(tmp_path / "m.onnx")


def test_layers_of_cells_are_refused(tmp_path):
    model = gpunn.Sequential([L.Input((4, 3)), L.RNN(L.GRUCell(2), name="of_cells")])
    with pytest.raises(ValueError, match=r"Layer 'of_cells' \(RNN\) cannot be exported to ONNX"):
        model.export(tmp_path / "m.onnx")
    assert not (tmp_path / "m.onnx").exists()


@pytest.mark.parametrize("name", sorted({a.name for a in activations.NAMES.values()}))
def test_activations(tmp_path, name):
    """Over small, usual and large numbers; 12 columns, so that glu has halves."""
    given = activations.NAMES[name]
    given = given if given.parameters is not None else given.configured(0.4, 0.7)
    model = gpunn.Sequential([L.Input((12,)), L.Activation(given)])
    x = np.concatenate([RNG.standard_normal((6, 12)), 1e-4 * RNG.standard_normal((3, 12)), 30 * RNG.standard_normal((3, 12))])
    check(model, tmp_path, x.astype("float32"))


def test_sparsemax_and_glu_along_an_inner_axis(tmp_path):
    stack = [lambda: L.Reshape((2, 2, 3)), lambda: L.Activation(activations.sparsemax.configured(axis=1)),
             lambda: L.Activation(activations.glu.configured(axis=2))]
    check(built(stack), tmp_path, RNG.standard_normal((5, 12)).astype("float32"))


def test_float64(tmp_path, float64):
    model = gpunn.Sequential([L.Input((12,)), L.Dense(4, "tanh"), L.Dense(2)])
    check(model, tmp_path, RNG.standard_normal((5, 12)), 1e-12)


def test_without_an_input_layer_and_a_formula_of_the_users(tmp_path):
    @gpunn.elementwise("x, width:const -> y", name="onnx_bump")
    def bump(x, width):
        return exp(-x * x / width) if x > -1.0 and not x > 2.0 else x**3  # noqa: F821

    @gpunn.elementwise("dy, x, width:const -> dx", name="onnx_bump_bwd")
    def bump_bwd(dy, x, width):
        return dy * width

    model = gpunn.Sequential([L.Dense(4, activation=activations.FromFormula(bump, bump_bwd, 0.5), input_dim=12)])
    check(model, tmp_path, RNG.standard_normal((9, 12)).astype("float32"))


class Mine(L.Layer):
    def forward(self, x, training=False):
        return x, lambda dy: dy


def test_what_cannot_be_exported(tmp_path):
    model = gpunn.Sequential([L.Input((3,)), Mine(name="special")])
    with pytest.raises(ValueError, match=r"Layer 'special' \(Mine\) cannot be exported to ONNX. Those that can are: .*Dense"):
        model.export(tmp_path / "m.onnx")
    with pytest.raises(ValueError, match="is not built"):
        gpunn.Sequential([L.Dense(3)]).export(tmp_path / "m.onnx")
    with pytest.raises(ValueError, match="format='tf_saved_model'"):
        model.export(tmp_path / "m", format="tf_saved_model")
    assert not list(tmp_path.iterdir())


# ---------------------------------------------------------------------- graphs
def masked_branches(k):
    """Masks through merges and along concatenated steps, states handed on, a formula as a layer, tokens as integers."""
    a, b = k.Input((5,), dtype="int32", name="a"), k.Input((5,), name="b")
    embed = k.layers.Embedding(9, 4, mask_zero=True)
    left, right = embed(a), embed(b)
    both = k.layers.Concatenate(axis=1)([k.layers.Add()([left, right]), left])
    y, h, c = k.layers.LSTM(3, return_sequences=True, return_state=True)(both)
    z = k.layers.LSTM(3)(right, initial_state=[h, c])
    w = k.layers.GRU(3)(k.layers.Concatenate()([y, k.layers.Dense(2)(both)]))
    out = k.layers.Lambda(lambda x: activations.leaky_relu(x, 0.1))(k.layers.Subtract()([z, w]))
    tokens = [RNG.integers(0, 9, (graphs.ROWS, 5)) for _ in range(2)]
    tokens[1][:, 3:] = 0
    return k.Model([a, b], {"out": out, "state": k.layers.Identity()(h)}), tokens, None


def attention(k):
    """Masked queries and places, causal, one input for all three."""
    a, b = k.Input((5,), name="a"), k.Input((5,), name="b")
    embed = k.layers.Embedding(9, 4, mask_zero=True)
    left, right = embed(a), embed(b)
    h = k.layers.MultiHeadAttention(2, 3, output_shape=6)(left, left, use_causal_mask=True)
    h = k.layers.MultiHeadAttention(3, 2, value_dim=4, use_bias=False)([h, right])
    h = k.layers.MultiHeadAttention(1, 3)([h, right, left])
    tokens = [RNG.integers(0, 9, (graphs.ROWS, 5)) for _ in range(2)]
    tokens[0][:, 4:] = tokens[1][:, 2:] = 0
    return k.Model([a, b], k.layers.MultiHeadAttention(2, 2)(h)), tokens, None


def scored(k):
    """Attention and AdditiveAttention: masked queries and places, causal, keys of their own, the scores handed out."""
    a, b = k.Input((5,), name="a"), k.Input((5,), name="b")
    embed = k.layers.Embedding(9, 4, mask_zero=True)
    left, right = embed(a), embed(b)
    h = k.layers.Attention(use_scale=True)([left, right], use_causal_mask=True)
    h = k.layers.Attention(score_mode="concat")([h, right, left])
    h, shares = k.layers.AdditiveAttention()([h, right], return_attention_scores=True)
    tokens = [RNG.integers(0, 9, (graphs.ROWS, 5)) for _ in range(2)]
    tokens[0][:, 4:] = tokens[1][:, 2:] = 0
    return k.Model([a, b], [h, shares]), tokens, None


BUILDS = [attention, scored, graphs.residual, graphs.shared, graphs.nested, graphs.moved, graphs.many, masked_branches]


@pytest.mark.parametrize("build", BUILDS)
def test_graphs(tmp_path, build):
    """Several inputs and outputs by their names, shared layers, models within."""
    model, x, _ = build(gpunn)
    model.export(tmp_path / "m.onnx")
    session = runtime.InferenceSession(str(tmp_path / "m.onnx"), providers=["CPUExecutionProvider"])
    given = x if isinstance(x, list) else [x]
    assert [i.name for i in session.get_inputs()] == model.input_names
    feed = {i.name: a.astype("int32" if "int32" in i.type else "float32") for i, a in zip(session.get_inputs(), given, strict=True)}
    there = session.run(None, feed)
    ours = model.predict([a.astype("float32") for a in given] if len(given) > 1 else given[0].astype("float32"))
    ours = [ours[n] for n in model.output_names] if isinstance(ours, dict) else ours if isinstance(ours, list) else [ours]
    for a, b in zip(there, ours, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=3e-6)


def test_calls_that_have_no_form(tmp_path):
    x = gpunn.Input((3,))
    model = gpunn.Model(x, L.Dropout(0.5, name="always")(x, training=True))
    with pytest.raises(ValueError, match="Layer 'always' is called with training=True"):
        model.export(tmp_path / "m.onnx")
    model = gpunn.Sequential([L.Input((3,)), L.Lambda(np.cumsum, backward=lambda dy, x: dy, arguments={"axis": 1}, name="own")])
    with pytest.raises(ValueError, match="Layer 'own': a function of arrays cannot be exported"):
        model.export(tmp_path / "m.onnx")


def test_masked_steps_of_a_product_have_no_form(tmp_path):
    x = gpunn.Input((5, 3))
    model = gpunn.Model(x, gpunn.layers.Multiply()([gpunn.layers.Masking()(x), x]))
    with pytest.raises(ValueError, match=r"'multiply\w*' \(Multiply\) cannot be exported to ONNX with inputs that have masks"):
        model.export(tmp_path / "m.onnx", format="onnx")
