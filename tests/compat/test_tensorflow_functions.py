"""Functions of TensorFlow that examples use around a model, against NumPy; sums that begin with an array."""

import numpy as np
import pytest

from gpunn import compat

pytestmark = pytest.mark.usefixtures("cpu")
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(3, 4)).astype("float32"), RNG.normal(size=(3, 4)).astype("float32")
IMAGES = RNG.random((2, 6, 4, 3)).astype("float32")
HOT = np.eye(4, dtype="float32")[[2, 0, 3]]
LOGS = X - np.log(np.exp(X).sum(1, keepdims=True))
PLACES = np.array([[0, 2], [1, 1], [3, 0]])
CASES = {
    "identity": (lambda tf: tf.identity(X), X),
    "matmul": (lambda tf: tf.matmul(X, Y, transpose_b=True), X @ Y.T),
    "linalg.matmul": (lambda tf: tf.linalg.matmul(X, Y, transpose_a=True), X.T @ Y),
    "split": (lambda tf: tf.split(X, [1, -1], axis=1)[1], X[:, 1:]),
    "split in parts": (lambda tf: tf.split(X, 2, axis=-1)[0], X[:, :2]),
    "gather": (lambda tf: tf.gather(X, [2, 0]), X[[2, 0]]),
    "gather of rows": (lambda tf: tf.gather(X, PLACES, batch_dims=1), np.take_along_axis(X, PLACES, 1)),
    "reverse": (lambda tf: tf.reverse(X, axis=[1]), X[:, ::-1]),
    "range": (lambda tf: tf.range(1, 7, 2), np.arange(1, 7, 2)),
    "fill": (lambda tf: tf.fill((2, 3), 7), np.full((2, 3), 7)),
    "pad": (lambda tf: tf.pad(X, [[0, 0], [1, 2]], constant_values=3.0), np.pad(X, [(0, 0), (1, 2)], constant_values=3.0)),
    "cumsum": (lambda tf: tf.cumsum(X, axis=1, exclusive=True, reverse=True), X[:, ::-1].cumsum(1)[:, ::-1] - X),
    "rank": (lambda tf: tf.rank(X), 2),
    "size": (lambda tf: tf.size(X), 12),
    "argmax is along the first axis": (lambda tf: tf.argmax(X), X.argmax(0)),
    "argmin is along the first axis": (lambda tf: tf.math.argmin(X), X.argmin(0)),
    "K.argmax is along the last": (lambda tf: tf.keras.backend.argmax(X), X.argmax(-1)),
    "K.argmin is along the last": (lambda tf: tf.keras.backend.argmin(X), X.argmin(-1)),
    "where": (lambda tf: tf.where(X > 0), np.argwhere(X > 0)),
    "where of two": (lambda tf: tf.where(X > 0, X, Y), np.where(X > 0, X, Y)),
    "ops.where": (lambda tf: tf.stack(tf.keras.ops.where(X > 0)), np.stack(np.nonzero(X > 0))),
    "norm": (lambda tf: tf.norm(X), (X**2).sum() ** 0.5),
    "squared_difference": (lambda tf: tf.math.squared_difference(X, Y), (X - Y) ** 2),
    "slice": (lambda tf: tf.slice(X, [1, 0], [2, -1]), X[1:]),
    "gather_nd": (lambda tf: tf.gather_nd(IMAGES, [[1, 5], [0, 2]]), IMAGES[[1, 0], [5, 2]]),
    "boolean_mask": (lambda tf: tf.boolean_mask(X, [True, False, True]), X[[0, 2]]),
    "boolean_mask of an axis": (lambda tf: tf.boolean_mask(IMAGES, IMAGES[0, :, 0, 0] > 0.5, axis=1), IMAGES[:, IMAGES[0, :, 0, 0] > 0.5]),
    "unique": (lambda tf: tf.unique([4, 1, 4, 9, 1])[0], np.array([4, 1, 9])),
    "places in unique": (lambda tf: tf.unique([4, 1, 4, 9, 1])[1], np.array([0, 1, 0, 2, 1])),
    "bincount": (lambda tf: tf.math.bincount([3, 1, 3], minlength=5), np.array([0, 1, 0, 2, 0])),
    "confusion_matrix": (lambda tf: tf.math.confusion_matrix([0, 1, 2, 1], [0, 2, 2, 1]), np.array([[1, 0, 0], [0, 1, 1], [0, 0, 1]])),
    "sequence_mask": (lambda tf: tf.sequence_mask([1, 3]), np.tri(3, 3, dtype=bool)[[0, 2]]),
    "sequence_mask of a length": (lambda tf: tf.sequence_mask(tf.constant([1, 3]), 4, dtype=tf.float32), np.tri(3, 4)[[0, 2]]),
    "labels in lists": (lambda tf: tf.nn.sparse_softmax_cross_entropy_with_logits([1, 0], [[1.0, 1.0], [3.0, 3.0]]), np.full(2, np.log(2))),
    "parts of a list": (lambda tf: tf.stack(tf.unstack([[1, 2], [3, 4]], axis=1)), np.array([[1, 3], [2, 4]])),
    "words of arguments": (
        lambda tf: tf.reshape(tensor=tf.clip_by_value(X, clip_value_min=-0.1, clip_value_max=0.5), shape=[4, 3]),
        X.clip(-0.1, 0.5).reshape(4, 3),
    ),
    "more of them": (
        lambda tf: tf.reduce_sum(input_tensor=tf.add(x=X, y=tf.tile(input=Y[:1], multiples=[3, 1])), axis=1), (X + Y[0]).sum(1)
    ),
    "means of whole numbers": (lambda tf: tf.reduce_mean(tf.constant([[3, 4], [-1, -2]]), axis=1), np.array([3, -1], "int32")),
    "in a list": (lambda tf: tf.reduce_mean([1, 2]).dtype == "int32", True),
    "cumprod": (lambda tf: tf.math.cumprod(X, axis=1), X.cumprod(1)),
    "map_fn": (lambda tf: tf.map_fn(lambda row: row * 2, X), X * 2),
    "band_part": (lambda tf: tf.linalg.band_part(X, -1, 0), np.tril(X)),
    "l2_normalize": (lambda tf: tf.math.l2_normalize(X, axis=1), X / np.linalg.norm(X, axis=1, keepdims=True)),
    "embedding_lookup": (lambda tf: tf.nn.embedding_lookup(X, PLACES[:2] - 1), X[PLACES[:2] - 1]),
    "sigmoid_cross_entropy": (
        lambda tf: tf.nn.sigmoid_cross_entropy_with_logits(labels=HOT, logits=X), np.log1p(np.exp(X)) - HOT * X
    ),
    "softmax_cross_entropy": (lambda tf: tf.nn.softmax_cross_entropy_with_logits(labels=HOT, logits=X), -(HOT * LOGS).sum(1)),
    "sparse_softmax_cross_entropy": (
        lambda tf: tf.nn.sparse_softmax_cross_entropy_with_logits(labels=HOT.argmax(1), logits=X), -(HOT * LOGS).sum(1)
    ),
    "moments": (lambda tf: tf.nn.moments(X, axes=[0])[1], X.var(0)),
    "leaky_relu": (lambda tf: tf.nn.leaky_relu(X), np.where(X > 0, X, 0.2 * X)),
    "max_pool2d": (lambda tf: tf.nn.max_pool2d(IMAGES, 2, 2, "VALID"), IMAGES.reshape(2, 3, 2, 2, 2, 3).max((2, 4))),
    "conv2d": (lambda tf: tf.nn.conv2d(IMAGES, np.ones((1, 1, 3, 1), "float32"), [1, 2, 2, 1], "SAME"),
               IMAGES[:, ::2, ::2].sum(-1, keepdims=True)),
    "depth_to_space": (lambda tf: tf.nn.depth_to_space(tf.nn.space_to_depth(IMAGES, 2), 2), IMAGES),
    "acos": (lambda tf: tf.acos(X / 9), np.arccos(X / 9)),
    "extract_patches": (
        lambda tf: tf.image.extract_patches(IMAGES, [1, 2, 2, 1], [1, 2, 2, 1], [1, 1, 1, 1], "VALID"),
        IMAGES.reshape(2, 3, 2, 2, 2, 3).transpose(0, 1, 3, 2, 4, 5).reshape(2, 3, 2, 12),
    ),
    "resize": (lambda tf: tf.image.resize(IMAGES, (12, 8), method="nearest"), IMAGES.repeat(2, 1).repeat(2, 2)),
    "crop_to_bounding_box": (lambda tf: tf.image.crop_to_bounding_box(IMAGES, 1, 2, 3, 2), IMAGES[:, 1:4, 2:4]),
    "pad_to_bounding_box": (lambda tf: tf.image.pad_to_bounding_box(IMAGES[0], 1, 2, 9, 6), np.pad(IMAGES[0], [(1, 2), (2, 0), (0, 0)])),
    "central_crop": (lambda tf: tf.image.central_crop(IMAGES, 0.5), IMAGES[:, 1:5, 1:3]),
    "flips": (lambda tf: tf.image.flip_up_down(tf.image.flip_left_right(IMAGES)), IMAGES[:, ::-1, ::-1]),
    "rot90": (lambda tf: tf.image.rot90(IMAGES), np.rot90(IMAGES, 1, (1, 2))),
    "adjust_contrast": (
        lambda tf: tf.image.adjust_contrast(IMAGES, 0.0), np.broadcast_to(IMAGES.mean((1, 2), keepdims=True), IMAGES.shape)
    ),
    "per_image_standardization": (
        lambda tf: tf.image.per_image_standardization(IMAGES),
        (IMAGES - IMAGES.mean((1, 2, 3), keepdims=True)) / IMAGES.std((1, 2, 3), keepdims=True),
    ),
    "psnr": (lambda tf: tf.image.psnr(IMAGES, IMAGES + 0.1, 1.0), np.full(2, 20.0)),
    "total_variation": (
        lambda tf: tf.image.total_variation(IMAGES),
        np.abs(np.diff(IMAGES, axis=1)).sum((1, 2, 3)) + np.abs(np.diff(IMAGES, axis=2)).sum((1, 2, 3)),
    ),
    "convert_image_dtype": (lambda tf: tf.image.convert_image_dtype(np.array([0, 255], "uint8"), "float32"), np.array([0.0, 1.0])),
    "grey and back": (lambda tf: tf.image.grayscale_to_rgb(tf.image.rgb_to_grayscale(IMAGES)),
                      (IMAGES @ np.array([0.2989, 0.587, 0.114]))[..., None].repeat(3, -1)),
}


@pytest.fixture
def tf():
    with compat.install():
        import tensorflow

        yield tensorflow


@pytest.mark.parametrize("case", CASES)
def test_as_numpy_has_it(tf, case):
    function, expected = CASES[case]
    found = function(tf)
    assert np.shape(found) == np.shape(expected)
    np.testing.assert_allclose(np.asarray(found), expected, rtol=1e-4, atol=1e-4)
    if np.ndim(found):
        assert np.array_equal(found.numpy(), found)


@pytest.mark.parametrize(
    ("draw", "mean", "deviation"),
    [
        (lambda tf: tf.random.gamma((4000,), alpha=[2.0]), 2.0, 2**0.5),
        (lambda tf: tf.random.truncated_normal((4000, 1), 1.0), 1.0, 0.88),
        (lambda tf: tf.random.uniform((4000, 1), 0, 4, dtype="int32"), 1.5, 1.118),
        (lambda tf: tf.random.categorical(np.log([[0.5, 0.25, 0.25]]), 4000), 0.75, 0.829),
        (lambda tf: tf.keras.random.beta((4000, 1), 2.0, 2.0), 0.5, 0.2236),
        (lambda tf: tf.keras.random.binomial((4000, 1), 8, 0.5), 4.0, 2**0.5),
        (lambda tf: tf.keras.random.randint((4000, 1), 2, 4), 2.5, 0.5),
        (lambda tf: tf.random.shuffle(np.arange(4000.0)), 1999.5, 1154.7),
    ],
)
def test_numbers_of_a_distribution(tf, draw, mean, deviation):
    tf.random.set_seed(1)
    first = np.asarray(draw(tf))
    assert first.size == 4000
    assert first.mean() == pytest.approx(mean, abs=4 * deviation / 4000**0.5)
    assert first.std() == pytest.approx(deviation, rel=0.05)
    assert not np.array_equal(first, draw(tf))
    tf.random.set_seed(1)
    np.testing.assert_array_equal(first, draw(tf))


def test_what_is_not_there_is_said(tf):
    with pytest.raises(ValueError, match="sizes whose sum is 4"):
        tf.split(X, [1, 2], axis=1)
    with pytest.raises(ValueError, match=r"from 0 to below 2\. Received: 2 labels and 2 predictions"):
        tf.math.confusion_matrix([0, 1], [0, 2], num_classes=2)
    with pytest.raises(ValueError, match=r"ensure_shape: expected shape \(None, 5\). Received: \(3, 4\)"):
        tf.ensure_shape(X, (None, 5))
    with pytest.raises(ValueError, match="where: expected both x1 and x2, or neither"):
        tf.where(X > 0, X)
    with pytest.raises(TypeError, match="where: expected x1 and x2 with a symbolic condition"):
        tf.keras.ops.where(tf.keras.Input((3,)) > 0)
    with pytest.raises(TypeError, match="expected whole numbers"):
        tf.keras.random.randint((None, 2), 0, 3)
    with pytest.raises(ValueError, match="expected logits"):
        tf.random.categorical([0.1, 0.2], 3)
    assert tf.keras.ops.nn.relu is tf.keras.ops.relu and tf.keras.ops.image.resize and tf.keras.ops.numpy.mean and tf.keras.ops.linalg.inv


# ---------------------------------------------------------------------- what a tape sees
def test_a_sum_that_begins_with_an_array(tf):
    """deep_dream and style transfer begin with tf.zeros(shape=()): `+=` must not put the tensor's value into that array."""
    w, x = tf.Variable(X), tf.constant(Y)
    for start in (tf.zeros(shape=()), np.float32(0), np.zeros((), "float32")):
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = start
            loss += tf.reduce_sum(w * x)
            x2 = x
            x2 -= w
            loss -= tf.reduce_sum(x2)
        by_w, by_x = tape.gradient(loss, [w, x])
        np.testing.assert_allclose(by_w, Y + 1, rtol=1e-6)
        np.testing.assert_allclose(by_x, X - 1, rtol=1e-6)
    total = np.zeros((3, 4), "float32")
    same = total
    total += w  # outside of a tape it is NumPy's, in place
    assert total is same and np.array_equal(same, X)


def test_a_layers_weight_as_a_tensor(tf):
    """convert_to_tensor in a layer's `call` takes the weight itself, which goes on learning."""
    keras = tf.keras

    class Shifted(keras.layers.Layer):
        def build(self, input_shape):
            self.shift = self.add_weight(shape=(1, input_shape[-1]), initializer="zeros")

        def call(self, x):
            return x + keras.ops.slice(keras.ops.convert_to_tensor(self.shift), (0, 0), (1, x.shape[-1]))

    model = keras.Sequential([keras.Input((4,)), Shifted()])
    model.compile(keras.optimizers.SGD(0.5), "mse")
    model.fit(X, X + 1, epochs=1, verbose=0)
    np.testing.assert_allclose(model.get_weights()[0], np.full((1, 4), 0.25), rtol=1e-5)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.convert_to_tensor([model.layers[0].shift, model.layers[0].shift]))
    np.testing.assert_array_equal(tape.gradient(loss, model.trainable_weights)[0], np.full((1, 4), 2.0))


def test_grad_cam(tf):
    """The class is chosen by a tensor; what is made of tensors after the block answers .numpy()."""
    keras = tf.keras
    inputs = keras.Input((6, 4, 3))
    seen = keras.layers.Conv2D(5, 2, activation="relu", name="last")(inputs)
    model = keras.Model(inputs, keras.layers.Dense(3, "softmax")(keras.layers.GlobalAveragePooling2D()(seen)))
    model.layers[-1].activation = None
    both = keras.Model(model.inputs, [model.get_layer("last").output, model.output])
    with tf.GradientTape() as tape:
        features, scores = both(IMAGES[:1])
        score = scores[:, tf.argmax(scores[0])]
    gradient = tape.gradient(score, features)
    best = np.argmax(model.predict(IMAGES[:1], verbose=0))
    np.testing.assert_allclose(gradient, np.broadcast_to(model.get_weights()[2][:, best] / 15, (1, 5, 3, 5)), rtol=1e-5)
    heat = features[0] @ tf.reduce_mean(gradient, axis=(0, 1, 2))[..., tf.newaxis]
    assert heat.numpy().shape == (5, 3, 1)


def test_whole_numbers_of_a_layer(tf):
    """Swin's table of places: a variable of integers in a `call` is what it holds; it cannot be counted up there."""
    keras = tf.keras

    class Biased(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.table = self.add_weight(shape=(3, 1), initializer="ones")
            self.places = keras.Variable(np.array([[0, 2], [2, 1]]), dtype="int32", trainable=False)

        def call(self, x):
            return x + keras.ops.reshape(keras.ops.take(self.table, keras.ops.reshape(self.places, (-1,)), axis=0), (1, 4))

    model = keras.Sequential([keras.Input((4,)), Biased()])
    model.compile(keras.optimizers.SGD(1.0), "mse")
    model.fit(X, X, verbose=0)
    np.testing.assert_allclose(model.get_weights()[0], [[0.5], [0.5], [0.0]], rtol=1e-5)

    class Counting(Biased):
        def call(self, x):
            self.places.assign_add(np.ones((2, 2), "int32"))
            return x

    with pytest.raises(TypeError, match="cannot be counted up"):
        Counting()(X)


ASSERTIONS = {
    "equal": (X, X, Y), "none_equal": (X, Y, X), "less": (X, X + 1, X), "less_equal": (X, X, X - 1), "greater": (X, X - 1, X),
    "greater_equal": (X, X, X + 1), "near": (X, X + 1e-7, X + 1e-3), "rank": (X, 2, 1),
}


def test_what_functions_of_keras_and_tensorflow_give_has_numpy(tf):
    keras, square, matrix = tf.keras, X.T @ X + np.eye(4, dtype="float32"), np.array([[3.0, 0.0], [4.0, 5.0], [0.0, 1.0]], "float32")
    found = {
        "inv": tf.linalg.inv(square), "det": tf.linalg.det(square), "qr": tf.linalg.qr(square)[0], "eigh": tf.linalg.eigh(square)[0],
        "drawn": keras.random.normal((2,)), "whole": keras.random.randint((2,), 0, 3), "initial": keras.initializers.HeNormal()((2, 2)),
        "rate": keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5)(10), "penalty": keras.regularizers.l2(0.1)(np.ones(3)),
        "short": keras.constraints.MaxNorm(1.0)(X), "right": keras.metrics.categorical_accuracy(np.eye(3), np.eye(3)),
    }
    values = {name: value.numpy() for name, value in found.items()}
    assert values["rate"] == np.float32(0.05) and values["penalty"] == np.float32(0.3) and values["right"].tolist() == [1, 1, 1]
    np.testing.assert_allclose(values["inv"] @ square, np.eye(4), atol=1e-4)
    s, u, v = tf.linalg.svd(matrix)
    np.testing.assert_allclose(u.numpy() @ np.diag(s.numpy()) @ v.numpy().T, matrix, atol=1e-5)
    np.testing.assert_allclose(tf.linalg.svd(matrix, compute_uv=False), s, rtol=1e-6)
    best = tf.math.top_k([3.0, 9.0, 5.0], k=2)
    assert best.values.numpy().tolist() == [9, 5] and best.indices.numpy().tolist() == [1, 2]
    assert tf.fill([2], tf.constant(3)).dtype == "int32"


def test_functions_of_python_in_a_data_set(tf):
    data = tf.data.Dataset.range(3)
    doubled = data.map(lambda v: tf.py_function(lambda x: x.numpy() * 2.5, [v], tf.float32))
    both = data.map(lambda v: tf.numpy_function(lambda x: (x + 1, f"{x}"), [v], (tf.int64, tf.string)))
    assert [(float(v), v.dtype.name) for v in doubled] == [(0.0, "float32"), (2.5, "float32"), (5.0, "float32")]
    assert [(int(n), str(text)) for n, text in both] == [(1, "0"), (2, "1"), (3, "2")]


def test_one_place_of_each_row(tf):
    places = np.array([2, 0, 3])
    assert tf.gather(X, places, axis=1, batch_dims=1).numpy().tolist() == X[np.arange(3), places].tolist()
    assert tf.gather(X, places[:, None], batch_dims=1).numpy().tolist() == X[np.arange(3), places][:, None].tolist()
    with tf.GradientTape() as tape:
        v = tf.Variable(X)
        chosen = tf.gather(v, places, axis=1, batch_dims=1)
    assert chosen.shape == (3,) and tape.gradient(chosen, v).numpy().tolist() == np.eye(4)[places].tolist()


def test_assertions(tf):
    for name, (x, right, wrong) in ASSERTIONS.items():
        check = getattr(tf.debugging, f"assert_{name}")
        check(x, right)
        with pytest.raises(ValueError, match=rf"odd\. tf\.debugging\.assert_{name}: expected .* Received: "):
            check(x, wrong, message="odd.")
    tf.debugging.assert_positive(np.abs(X) + 1)
    tf.debugging.assert_all_finite(X, "numbers")
    for check in (tf.debugging.assert_non_negative, tf.debugging.assert_positive):
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"expected numbers .* Received: "):
            check(X)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"these tf\.debugging\.assert_all_finite: expected finite numbers"):
        tf.debugging.assert_all_finite(X + np.inf, "these")


def test_a_generator(tf):
    one, other = (tf.random.Generator.from_seed(3) for _ in range(2))
    drawn = [g.normal((2, 500), mean=1.0, stddev=2.0) for g in (one, other, one)]
    assert np.array_equal(drawn[0], drawn[1]) and not np.array_equal(drawn[0], drawn[2])
    assert abs(drawn[0].numpy().mean() - 1) < 0.2 and abs(drawn[0].numpy().std() - 2) < 0.2
    whole = one.uniform((100,), 2, 5, dtype=tf.int32)
    assert set(np.unique(whole)) == {2, 3, 4}  # whose elements can be hashed
    with pytest.raises(TypeError, match="unhashable"):
        hash(whole)
    one.reset_from_seed(3)
    assert np.array_equal(one.normal((2, 500), 1.0, 2.0), drawn[0])


def test_print(tf, capsys):
    tf.print("loss:", np.float32(0.5), sep="")
    assert capsys.readouterr().err == "loss:0.5\n"


def test_variables_give_themselves_and_what_is_not_watched_has_no_gradient(tf):
    v, other = tf.Variable([2.0, 3.0]), tf.Variable(2.0)
    assert v.assign_add([2, 3]).numpy().tolist() == [4, 6] and v.assign_sub([1, 1]) is v and v.assign([1, 2]).numpy().tolist() == [1, 2]
    with tf.GradientTape(persistent=True) as tape:
        y = tf.reduce_sum(v**2)
    one = other + 1.0  # of no axes, and of no tape
    assert tape.gradient(y, [one, other]) == [None, None]
    zeros = tape.gradient(y, {"one": one, "v": v}, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    assert zeros["one"].numpy() == 0 and zeros["v"].numpy().tolist() == [2, 4]


def test_places_in_a_sequence_of_open_length(tf):
    class Places(tf.keras.layers.Layer):
        def call(self, x):
            length = tf.shape(x)[-1]
            return x + tf.cast(tf.range(start=0, limit=length, delta=1), "float32")

    start = tf.keras.Input((None,))
    model = tf.keras.Model(start, Places()(start))
    for n in (3, 5):
        np.testing.assert_allclose(model(np.ones((2, n), "float32")), np.ones((2, n)) + np.arange(n))


def test_a_table_of_places_and_a_mask_of_open_length(tf):
    class Encoding(tf.keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.table = tf.constant(np.arange(32.0).reshape(1, 8, 4), tf.float32)

        def call(self, x):
            return x + self.table[:, : tf.shape(x)[1]]

    start = tf.keras.Input((None, 4))
    n = tf.shape(start)[1]
    seen = tf.linalg.band_part(tf.ones((n, n), tf.bool), -1, 0)
    scores = tf.keras.layers.MultiHeadAttention(2, 3)(start, start, attention_mask=seen, return_attention_scores=True)[1]
    model = tf.keras.Model(start, [Encoding()(start), scores])
    for length in (3, 5):
        x = RNG.normal(size=(2, length, 4)).astype("float32")
        encoded, scores = model.predict(x, verbose=0)
        np.testing.assert_allclose(encoded, x + np.arange(4.0 * length).reshape(1, length, 4), rtol=1e-6)
        assert (scores[:, :, np.triu(np.ones((length, length)), 1) > 0] == 0).all() and (scores > 0).sum() == 4 * length * (length + 1) / 2


def test_modules_find_their_variables(tf):
    class Dense(tf.Module):
        def __init__(self, wide, name=None):
            super().__init__(name=name)
            self.wide, self.built = wide, False

        @tf.function
        def __call__(self, x):
            if not self.built:
                self.w, self.b, self.built = tf.Variable(tf.ones((x.shape[-1], self.wide))), tf.Variable(tf.zeros([self.wide])), True
            return tf.matmul(x, self.w) + self.b

    class Several(tf.Module):
        def __init__(self):
            self.parts = [Dense(3), Dense(1, name="last")]
            self.layer, self.count = tf.keras.layers.Dense(2), tf.Variable(1.0, trainable=False)

        def __call__(self, x):
            for part in self.parts:
                x = part(x)
            return self.layer(x) * self.count

    module = Several()
    y = module(X)
    assert [v.shape for v in module.variables] == [(), (1, 2), (2,), (3,), (4, 3), (1,), (3, 1)]
    assert len(module.trainable_variables) == 6 and module.non_trainable_variables == (module.count,)
    assert module.submodules == (module.layer, *module.parts) and module.parts[1].name == "last" and module.name == "several"
    before = np.asarray(tf.reduce_mean(y**2))
    for _ in range(5):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(module(X) ** 2)
        for v, g in zip(module.trainable_variables, tape.gradient(loss, module.trainable_variables), strict=True):
            v.assign_sub(0.01 * g)
    assert 0 < float(loss) < before


def test_lines_in_columns(tf):
    defaults = [0.0, 7, "none", tf.constant([], tf.float32)]
    found = tf.io.decode_csv(["1.5,,a,2", ',3,"b,c",4'], defaults)
    for mine, expected in zip(found, ([1.5, 0], [7, 3], ["a", "b,c"], [2, 4]), strict=True):
        np.testing.assert_array_equal(mine, expected)
    assert [str(column.dtype) for column in (found[0], found[1], found[3])] == ["float32", "int32", "float32"]
    assert tf.io.decode_csv("1;2", [0, 0], field_delim=";")[1].shape == ()
    odd = {"1,2,a,": "field 3 has no default", "1,2": "expected 4 fields. Received: 2", "x,2,a,1": "expected a number in field 0"}
    for line, text in odd.items():
        with pytest.raises(ValueError, match=text):
            tf.io.decode_csv(line, defaults)
