"""One library of `calls.py`: medians of each call's microseconds for every line that comes in; 0 where it has no such call."""

import os
import statistics
import sys
import time
import warnings

import numpy as np

CALLS = (
    "predict, 1 row", "predict, 128 rows", "predict_on_batch, 1 row", "model(x), 1 row", "evaluate, 128 rows", "train_on_batch, 128 rows",
    "test_on_batch, 128 rows", "fit, one epoch of 128 rows", "fit, one epoch of 2,048 rows",
)
SPENT = 0.3  # seconds of each call a round
RNG = np.random.default_rng(0)
X, Y = RNG.random((2048, 784), dtype=np.float32), RNG.integers(0, 10, 2048)
ONE, FEW, LABELS = X[:1], X[:128], Y[:128]


def of_keras(model, as_array):
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return (
        lambda: model.predict(ONE, verbose=0), lambda: model.predict(FEW, batch_size=128, verbose=0), lambda: model.predict_on_batch(ONE),
        lambda: as_array(model(ONE)), lambda: model.evaluate(FEW, LABELS, batch_size=128, verbose=0),
        lambda: model.train_on_batch(FEW, LABELS), lambda: model.test_on_batch(FEW, LABELS),
        lambda: model.fit(FEW, LABELS, batch_size=128, verbose=0), lambda: model.fit(X, Y, batch_size=128, verbose=0),
    )


def gpunn():
    from gpunn.layers import Dense, Input
    from gpunn.models import Sequential

    return of_keras(Sequential([Input((784,)), Dense(300, "relu"), Dense(100, "relu"), Dense(10, "softmax")]), np.asarray)


def keras():
    os.environ.setdefault("KERAS_BACKEND", "jax")
    import keras
    from keras.layers import Dense, Input

    return of_keras(keras.Sequential([Input((784,)), Dense(300, "relu"), Dense(100, "relu"), Dense(10, "softmax")]), np.asarray)


def torch():
    import torch
    from torch.nn import Linear, ReLU

    net = torch.nn.Sequential(Linear(784, 300), ReLU(), Linear(300, 100), ReLU(), Linear(100, 10))
    optimizer, loss = torch.optim.Adam(net.parameters()), torch.nn.CrossEntropyLoss()

    def predict(x):
        with torch.no_grad():
            return torch.softmax(net(torch.from_numpy(x)), 1).numpy()

    def test(x, y):
        with torch.no_grad():
            z = net(torch.from_numpy(x))
            y = torch.from_numpy(y)
            return loss(z, y).item(), (z.argmax(1) == y).float().mean().item()

    def train(x, y):
        optimizer.zero_grad()
        z, y = net(torch.from_numpy(x)), torch.from_numpy(y)
        value = loss(z, y)
        value.backward()
        optimizer.step()
        return value.item(), (z.argmax(1) == y).float().mean().item()

    def epoch():
        order = np.random.permutation(len(X))
        return [train(X[rows], Y[rows]) for rows in order.reshape(-1, 128)]

    return (
        lambda: predict(ONE), lambda: predict(FEW), lambda: predict(ONE), lambda: predict(ONE), lambda: test(FEW, LABELS),
        lambda: train(FEW, LABELS), lambda: test(FEW, LABELS), lambda: train(FEW, LABELS), epoch,
    )


def sklearn():
    from sklearn.neural_network import MLPClassifier

    warnings.simplefilter("ignore")
    net = MLPClassifier((300, 100), batch_size=128, max_iter=1).fit(X, Y)
    return (
        lambda: net.predict_proba(ONE), lambda: net.predict_proba(FEW), None, None, lambda: net.score(FEW, LABELS),
        lambda: net.partial_fit(FEW, LABELS), None, lambda: net.partial_fit(FEW, LABELS), lambda: net.partial_fit(X, Y),
    )


def microseconds(call) -> float:
    """Median of so many as fit the time."""
    if call is None:
        return 0.0
    call()
    taken, end = [], time.perf_counter() + SPENT
    while time.perf_counter() < end or not taken:
        began = time.perf_counter()
        call()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken) * 1e6


def main() -> None:
    calls = {"gpunn": gpunn, "keras": keras, "torch": torch, "sklearn": sklearn}[sys.argv[1]]()
    for call in calls:
        _ = call and call()  # compiles
    print("ready", flush=True)
    for _ in sys.stdin:
        began = time.perf_counter()
        words = [f"{microseconds(call):.1f}" for call in calls]
        print(f"{time.perf_counter() - began:.6f}", *words, flush=True)


if __name__ == "__main__":
    main()
