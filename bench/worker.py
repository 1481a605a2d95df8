"""One contestant in a process of its own: trains one epoch each time a line comes in, answers with seconds and loss.

    python bench/worker.py gpunn|jax|torch|sklearn|keras|gpunn_lstm|torch_lstm|keras_lstm BATCH [ROWS]

The work: Fashion-MNIST rows, 784-300-100-10, ReLU, softmax cross-entropy, Adam 1e-3, float32, reshuffled every epoch, data in memory.
"""

import itertools
import os
import sys
import warnings

import numpy as np
from contest import serve
from torch_epochs import epochs

SIZES = (784, 300, 100, 10)
RATE = 1e-3


def load(rows: int) -> tuple[np.ndarray, np.ndarray]:
    from gpunn.datasets import fashion_mnist

    (x, y), _ = fashion_mnist.load_data()
    return x[:rows].reshape(rows, 784).astype(np.float32) / 255, y[:rows].astype(np.int64)


def weights(rng: np.random.Generator) -> list[tuple[np.ndarray, np.ndarray]]:
    pairs = itertools.pairwise(SIZES)
    return [((rng.uniform(-1, 1, (a, b)) * np.sqrt(6 / (a + b))).astype(np.float32), np.zeros(b, np.float32)) for a, b in pairs]


def gpunn(x, y, batch):
    from gpunn.layers import Dense, Input
    from gpunn.models import Sequential

    model = Sequential([Input((784,)), Dense(300, "relu"), Dense(100, "relu"), Dense(10, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    return lambda: model.fit(x, y, batch_size=batch, verbose=0).history["loss"][-1]


def jax(x, y, batch):
    import jax
    import jax.numpy as jnp

    def loss(ps, x, y):
        for w, b in ps[:-1]:
            x = jax.nn.relu(x @ w + b)
        logits = x @ ps[-1][0] + ps[-1][1]
        return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(logits), y[:, None], 1))

    rng = np.random.default_rng(0)
    ps = [(jnp.array(w), jnp.array(b)) for w, b in weights(rng)]
    zeros = jax.tree.map(jnp.zeros_like, ps)
    xs, ys = jnp.array(x), jnp.array(y)
    whole = len(x) // batch * batch

    def step(carry, rows):
        ps, m, v, t = carry
        value, g = jax.value_and_grad(loss)(ps, xs[rows], ys[rows])
        t = t + 1
        m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, g)
        v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, g)
        scale = RATE * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        return (jax.tree.map(lambda p, m, v: p - scale * m / (jnp.sqrt(v) + 1e-7), ps, m, v), m, v, t), value

    run = jax.jit(lambda carry, order: jax.lax.scan(step, carry, order))
    carry = [(ps, zeros, zeros, jnp.float32(0))]

    def epoch():
        carry[0], values = run(carry[0], jnp.array(rng.permutation(len(x))[:whole].reshape(-1, batch)))
        return float(values.mean())

    return epoch


def torch(x, y, batch):
    import torch

    torch.set_num_threads(os.cpu_count() or 1)
    layers = []
    for w, b in weights(np.random.default_rng(0)):
        linear = torch.nn.Linear(*w.shape)
        linear.weight.data, linear.bias.data = torch.tensor(w.T.copy()), torch.tensor(b)
        layers += [linear, torch.nn.ReLU()]
    model = torch.nn.Sequential(*layers[:-1])
    return epochs(model, torch.from_numpy(x), torch.from_numpy(y), batch, RATE)


def sklearn(x, y, batch):
    from sklearn.neural_network import MLPClassifier

    warnings.simplefilter("ignore")
    model = MLPClassifier((300, 100), learning_rate_init=RATE, batch_size=batch, alpha=0, max_iter=1, warm_start=True)
    return lambda: model.fit(x, y).loss_


def keras(x, y, batch):
    os.environ.setdefault("KERAS_BACKEND", "jax")
    import keras

    dense = keras.layers.Dense
    model = keras.Sequential([keras.layers.Input((784,)), dense(300, "relu"), dense(100, "relu"), dense(10, "softmax")])
    model.compile(loss="sparse_categorical_crossentropy", optimizer="adam")
    return lambda: model.fit(x, y, batch_size=batch, verbose=0).history["loss"][-1]


def main() -> None:
    name, batch = sys.argv[1], int(sys.argv[2])
    rows = int(sys.argv[3]) if len(sys.argv) > 3 else 60000
    x, y = load(rows)
    known = {"gpunn": gpunn, "jax": jax, "torch": torch, "sklearn": sklearn, "keras": keras}
    if name not in known:
        import lstm_worker

        known |= {f.__name__: f for f in (lstm_worker.gpunn_lstm, lstm_worker.torch_lstm, lstm_worker.keras_lstm)}
    serve(known[name](x, y, batch))


if __name__ == "__main__":
    main()
