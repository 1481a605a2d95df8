"""EX-12 and SN-26: deck 4's XOR network, one online step by hand, then online and batch learning as its pseudo-code has them."""

import numpy as np
import pytest

from gpunn import losses
from gpunn.layers import Activation, Dense
from gpunn.models import Sequential
from gpunn.optimizers import SGD

pytestmark = pytest.mark.usefixtures("either_cpu", "float64")

W1, W2 = np.array([[0.1, 0.5], [-0.7, 0.3]]), np.array([[0.2], [0.4]])
X, T = np.array([[0.0, 1], [1, 0], [1, 1], [0, 0]]), np.array([[1.0], [1], [0], [0]])  # d1 ... d4
RATE = 0.25


def network(loss="sse"):
    """2-2-1, sigmoid, no biases; the loss is half the squared error."""
    model = Sequential([
        Dense(2, use_bias=False, input_dim=2), Activation("sigmoid"), Dense(1, use_bias=False), Activation("sigmoid"),
    ])
    model.set_weights([W1, W2])
    model.compile(optimizer=SGD(RATE), loss=loss)
    return model


@pytest.mark.parametrize("loss", ["sse", "half_mse"])
def test_ex12_one_step_by_hand(loss):
    """All of the slide's figures (it cuts digits off), but for the hidden delta of 0.046 and the weight of -0.684 (ERR-32)."""
    model = network(loss)
    values, x = [], X[:1]
    for layer in model.layers:
        x = np.array(layer(x))
        values.append(x)
    h_in, h, o_in, o = values
    np.testing.assert_allclose(h_in, [[-0.7, 0.3]])
    np.testing.assert_allclose(h, [[0.331812, 0.574443]], atol=5e-7)
    assert o_in.item() == pytest.approx(0.296139, abs=5e-7) and o.item() == pytest.approx(0.573499, abs=5e-7)
    assert (T[0] - o).item() == pytest.approx(0.426501, abs=5e-7)

    assert model.train_on_batch(X[:1], T[:1]) == pytest.approx(0.5 * 0.426501**2, abs=5e-7)
    gradient_1, gradient_2 = (np.array(model.layers[i].kernel.gradient) for i in (0, 2))
    np.testing.assert_allclose(gradient_1, [[0, 0], [-0.004626, -0.010201]], atol=5e-7)  # the input is (0, 1): minus the hidden deltas
    np.testing.assert_allclose(gradient_2, [[-0.034615], [-0.059927]], atol=5e-7)
    assert -gradient_2[0].item() / h[0, 0] == pytest.approx(0.104321, abs=5e-7)  # the output's delta
    new_1, new_2 = model.get_weights()
    np.testing.assert_allclose(new_1, [[0.1, 0.5], [-0.698844, 0.302550]], atol=5e-7)
    np.testing.assert_allclose(new_2, [[0.208654], [0.414982]], atol=5e-7)
    assert model.predict(X[:1], verbose=0).item() == pytest.approx(0.576380, abs=5e-7)


def test_ex12_the_gradient_by_differences():
    model, loss = network(), losses.get("sse")
    model.train_on_batch(X[:1], T[:1])
    for index, start in enumerate((W1, W2)):
        gradient = np.array(model.layers[2 * index].kernel.gradient)
        for place in np.ndindex(start.shape):
            values = []
            for sign in (1, -1):
                moved = [W1.copy(), W2.copy()]
                moved[index][place] += sign * 1e-5
                model.set_weights(moved)
                values.append(loss(T[:1], model.predict(X[:1], verbose=0)))
            assert gradient[place] == pytest.approx((values[0] - values[1]) / 2e-5, abs=1e-9)


def total(model):
    return losses.get("sse")(T, model.predict(X, verbose=0))


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def by_hand(batches):
    """One epoch of the pseudo-code: forward, backward, gradients of the batch summed, update."""
    w1, w2, outputs = W1.copy(), W2.copy(), []
    for rows in batches:
        sum_1, sum_2 = np.zeros_like(w1), np.zeros_like(w2)
        for x, t in zip(X[rows], T[rows], strict=True):
            h = sigmoid(x @ w1)
            o = sigmoid(h @ w2)
            outputs.append(o.item())
            delta = (o - t) * o * (1 - o)
            sum_1 += np.outer(x, (w2 @ delta) * h * (1 - h))
            sum_2 += np.outer(h, delta)
        w1, w2 = w1 - RATE * sum_1, w2 - RATE * sum_2
    return w1, w2, outputs


def test_sn26_online_learning():
    """batch_size=1, shuffle=False: each row's step is seen by the next."""
    model = network()
    assert total(model) == pytest.approx(0.512601, abs=5e-7)
    model.fit(X, T, batch_size=1, shuffle=False, verbose=0)
    w1, w2, outputs = by_hand([[0], [1], [2], [3]])
    assert outputs == pytest.approx([0.573499, 0.590939, 0.592922, 0.576224], abs=5e-7)
    for found, hand, listed in zip(
        model.get_weights(), (w1, w2),
        ([[0.09947087, 0.49912332], [-0.70065896, 0.29926274]], [[0.19134546], [0.38805708]]), strict=True,
    ):
        np.testing.assert_allclose(found, hand, rtol=1e-12)
        np.testing.assert_allclose(found, listed, atol=5e-9)
    assert total(model) == pytest.approx(0.511768, abs=5e-7)


def test_sn26_batch_learning():
    """The gradients of the batch summed (DEC-03), as "sse" does; "half_mse", the mean, needs the rate times the rows."""
    model = network("sse")
    model.fit(X, T, batch_size=4, shuffle=False, verbose=0)
    w1, w2, _ = by_hand([[0, 1, 2, 3]])
    for found, hand, listed in zip(
        model.get_weights(), (w1, w2),
        ([[0.09962011, 0.49930802], [-0.70046956, 0.29950959]], [[0.19162501], [0.38846136]]), strict=True,
    ):
        np.testing.assert_allclose(found, hand, rtol=1e-12)
        np.testing.assert_allclose(found, listed, atol=5e-9)
    assert total(model) == pytest.approx(0.511797, abs=5e-7)
    mean = network("half_mse")
    mean.compile(optimizer=SGD(4 * RATE), loss="half_mse")
    mean.fit(X, T, batch_size=4, shuffle=False, verbose=0)
    np.testing.assert_allclose(mean.get_weights()[0], w1, rtol=1e-12)


def test_ex31_a_chain_of_slopes():
    """Slopes multiply: 3 and 5 make 15. The slide's text says 3 times faster and its formula 5 (ERR-36); with 3 it would be 9."""
    for dog_per_turtle, expected in [(5.0, 15), (3.0, 9)]:
        model = Sequential([Dense(1, use_bias=False, input_dim=1), Dense(1, use_bias=False)])
        model.set_weights([[[dog_per_turtle]], [[3.0]]])
        assert np.diff(model.predict([[1.0], [2.0]], verbose=0), axis=0).item() == expected
