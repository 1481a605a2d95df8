"""The gradient a recorded step leaves in the flat vector is that of the loss the step reports: every fusion at once."""

import numpy as np
import pytest
from gradient import compare

from gpunn.layers import Activation, BatchNormalization, Dense, Dropout, Flatten, Input, Reshape
from gpunn.models import Sequential

pytestmark = pytest.mark.usefixtures("float64")
RNG = np.random.default_rng(0)
X, LABELS = RNG.standard_normal((9, 6)), RNG.integers(0, 3, 9)
TARGETS = {"sparse_categorical_crossentropy": LABELS, "categorical_crossentropy": np.eye(3)[LABELS], "mse": RNG.standard_normal((9, 3))}
TARGETS["binary_crossentropy"] = (TARGETS["mse"] > 0).astype(float)
ENDS = {
    "sparse_categorical_crossentropy": "softmax",
    "categorical_crossentropy": "softmax",
    "mse": "softmax",
    "binary_crossentropy": "sigmoid",
}


def stack(loss):
    return Sequential(
        [
            Input((6,)),
            Reshape((2, 3)),
            Dense(4, activation="tanh"),
            Flatten(),
            Dense(5),
            BatchNormalization(),
            Activation("relu"),
            Dropout(0.3),
            Dense(4),
            Activation("sigmoid"),
            Activation("softmax"),
            BatchNormalization(),
            Dense(3),
            Activation(ENDS[loss]),
        ]
    )


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("loss", TARGETS)
def test_gradient_of_a_whole_step(loss, weighted, either_cpu):
    model = stack(loss)
    model.compile("sgd", loss)
    model.optimizer.learning_rate = 0.0
    model.set_weights([w + 0.3 * RNG.standard_normal(w.shape) ** 2 for w in model.get_weights()])
    weights = RNG.uniform(0.1, 2, 9) if weighted else None
    y = TARGETS[loss]

    def value():
        model.rng.step[...] = 5  # the mask is held
        return model.train_on_batch(X, y, sample_weight=weights)

    value()
    gradients = {name: g.copy() for name, g in model.storage.split(model.storage.gradients).items()}
    parameters = [p for p in model.parameters if p.learns]
    compare(value, [p.value for p in parameters], [gradients[p.name] for p in parameters], 0, loss)
    with pytest.raises(AssertionError, match="analytic"):
        compare(value, [parameters[0].value], [gradients[parameters[0].name] * 1.001], 0)


@pytest.mark.parametrize("loss", TARGETS)
def test_fused_and_alone_agree(loss, cpu):
    """The same model with its activation where nothing fuses (after a Reshape) takes the same steps."""
    results = []
    for alone in (False, True):
        model = Sequential([Input((6,)), Dense(3, kernel_initializer="ones"), *([Reshape((3,))] if alone else []), Activation(ENDS[loss])])
        model.compile("sgd", loss)
        losses = model.fit(X, TARGETS[loss], epochs=5, batch_size=4, shuffle=False, verbose=0).history["loss"]
        results.append((losses, model.get_weights(), model.predict(X)))
        assert ("in the same pass" in model.explain(print_fn=str)) == (not alone)
    np.testing.assert_allclose(results[0][0], results[1][0], rtol=1e-9)
    np.testing.assert_allclose(results[0][2], results[1][2], rtol=1e-9)
    np.testing.assert_allclose(results[0][1][0], results[1][1][0], rtol=1e-9)


def test_moving_statistics_converge_to_the_data(cpu):
    """After a long converged stream inference gives what training gives: the side momentum multiplies is right."""
    model = Sequential([BatchNormalization(momentum=0.9, input_shape=(3,))])
    model.compile("sgd", "mse")
    model.optimizer.learning_rate = 0.0
    x = 5 + 2 * RNG.standard_normal((64, 3))
    model.fit(x, x, batch_size=64, epochs=300, verbose=0)
    _, _, mean, variance = model.get_weights()
    np.testing.assert_allclose(mean, x.mean(axis=0), rtol=1e-9)
    np.testing.assert_allclose(variance, x.var(axis=0), rtol=1e-9)  # biased, as Keras has it
    np.testing.assert_allclose(model.predict(x), (x - mean) / np.sqrt(variance + 1e-3), rtol=1e-9)
