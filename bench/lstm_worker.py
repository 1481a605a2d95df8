"""The contestants of `lstm.py`; `worker.py` runs them. Each makes ``epoch() -> loss`` of rows (28, 28) and labels."""

import os

import numpy as np
from torch_epochs import epochs

RATE, UNITS = 1e-3, 128


def _images(x: np.ndarray) -> np.ndarray:
    return x.reshape(len(x), 28, 28)


def gpunn_lstm(x, y, batch):
    from gpunn.layers import LSTM, Dense, Input
    from gpunn.models import Sequential

    model = Sequential([Input((28, 28)), LSTM(UNITS), Dense(10, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    x = _images(x)
    return lambda: model.fit(x, y, batch_size=batch, verbose=0).history["loss"][-1]


def keras_lstm(x, y, batch):
    os.environ.setdefault("KERAS_BACKEND", "jax")
    import keras

    model = keras.Sequential([keras.layers.Input((28, 28)), keras.layers.LSTM(UNITS), keras.layers.Dense(10, "softmax")])
    model.compile(loss="sparse_categorical_crossentropy", optimizer="adam")
    x = _images(x)
    return lambda: model.fit(x, y, batch_size=batch, verbose=0).history["loss"][-1]


def torch_lstm(x, y, batch):
    import torch

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm = torch.nn.LSTM(28, UNITS, batch_first=True)
            self.dense = torch.nn.Linear(UNITS, 10)

        def forward(self, rows):
            return self.dense(self.lstm(rows)[0][:, -1])

    torch.set_num_threads(int(os.environ.get("GPUNN_THREADS") or os.cpu_count() or 1))
    model = Net()
    return epochs(model, torch.from_numpy(_images(x).copy()), torch.from_numpy(y), batch, RATE)
