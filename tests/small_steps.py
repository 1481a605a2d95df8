"""A small network on the stand-in, trained as graphs or as one kernel."""

import numpy as np

import gpunn
from gpunn import layers, models, optimizers
from gpunn.training.loop import Training

RNG = np.random.default_rng(0)
X, Y = RNG.integers(0, 256, (150, 37)).astype(np.uint8), RNG.integers(0, 10, 150)


def network(kind="adam", activation="relu", between=(), loss="sparse_categorical_crossentropy"):
    gpunn.utils.set_random_seed(3)
    with gpunn.device("sim"):
        model = models.Sequential([layers.Input((37,)), layers.Rescaling(1 / 255)])
        for width in (30, 20):
            model.add(layers.Dense(width, activation=activation))
            for make in between:
                model.add(make())
        model.add(layers.Dense(10, activation="softmax" if "cross" in loss else None))
        made = {"adam": "adam", "sgd": optimizers.SGD(0.1), "momentum": optimizers.SGD(0.05, momentum=0.9)}
        model.compile(made[kind], loss, ["accuracy"] if "cross" in loss else None)
    return model


def fitted(ops, mode, make=network, epochs=2, **options):
    """(losses, weights, state of the optimizer) after a training of four whole batches an epoch and one of 22 rows."""
    ops.persistent = mode
    model = make(**options)
    y = Y if model.metrics_names != ["loss"] else np.eye(10, dtype=np.float32)[Y]
    history = model.fit(X, y, batch_size=32, epochs=epochs, verbose=0).history
    return history, model.get_weights(), [np.array(v) for v in model.optimizer.variables] if hasattr(model.optimizer, "variables") else []


def agree(one, other):
    for name, values in one[0].items():
        np.testing.assert_allclose(values, other[0][name], rtol=1e-5, err_msg=name)
    for a, b in zip([*one[1], *one[2]], [*other[1], *other[2]], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=2e-6)


def program_of(model, rows=32, x=X, y=Y):
    training = Training(model, model._check(x, y, None, None, "fit"), rows, False)
    return training.record(rows)
