"""The lecture's Fashion-MNIST classifier, as printed: 784-300-100-10, SGD, batch 32, the first 4,000 rows for validation, 30 epochs."""

import pytest

import gpunn
from gpunn.datasets import DatasetError, fashion_mnist
from gpunn.layers import Dense, Flatten
from gpunn.models import Sequential


@pytest.mark.slow
def test_the_lectures_classifier_reaches_its_accuracy():
    try:
        (x, y), _ = fashion_mnist.load_data()
    except DatasetError as error:
        pytest.skip(f"needs the Fashion-MNIST files: {error}")
    gpunn.utils.set_random_seed(42)
    model = Sequential()
    model.add(Flatten(input_shape=[28, 28]))
    model.add(Dense(300, activation="relu"))
    model.add(Dense(100, activation="relu"))
    model.add(Dense(10, activation="softmax"))
    model.compile(loss="sparse_categorical_crossentropy", optimizer="sgd", metrics=["accuracy"])
    history = model.fit(x[4000:] / 255.0, y[4000:], epochs=30, validation_data=(x[:4000] / 255.0, y[:4000]), verbose=0)
    assert history.history["val_accuracy"][-1] >= 0.88
