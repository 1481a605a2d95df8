"""Networks and trainings that the experiments share."""

import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gpunn import optimizers
from gpunn.layers import BatchNormalization, Dense, Dropout, Input
from gpunn.models import Replicas, Sequential

CROSS_ENTROPY = "sparse_categorical_crossentropy"


def net(
    inputs: int, widths: Sequence[int], outputs: int = 10, activation: Any = "relu", output: str = "softmax", batch_norm: bool = False,
    dropout: float = 0.0, init: Any = "glorot_uniform", penalty: Any = None,
) -> Any:
    """A network of dense layers, not compiled."""
    from gpunn.layers import Activation

    layers: list[Any] = [Input((inputs,))]
    for width in widths:
        if batch_norm:
            layers += [Dense(width, kernel_initializer=init), BatchNormalization(), Activation(activation)]
        else:
            given = activation() if isinstance(activation, type) else activation
            if isinstance(given, str):
                layers.append(Dense(width, given, kernel_initializer=init, kernel_regularizer=penalty))
            else:  # an activation that is a layer
                layers += [Dense(width, kernel_initializer=init, kernel_regularizer=penalty), given]
        if dropout:
            layers.append(Dropout(dropout))
    return Sequential([*layers, Dense(outputs, output, kernel_regularizer=penalty)])


def compiled(model: Any, optimizer: Any = "sgd", rate: float | None = None, loss: Any = CROSS_ENTROPY, **config: Any) -> Any:
    """The model, compiled with an optimizer's name at a rate; accuracy among the metrics for classes."""
    if isinstance(optimizer, str):
        optimizer = optimizers.get({"class_name": optimizer, "config": config | ({} if rate is None else {"learning_rate": rate})})
    classes = isinstance(loss, str) and loss.endswith("crossentropy")
    model.compile(optimizer, loss, ["accuracy"] if classes else [])
    return model


def fitted(
    model: Any, data: tuple[Any, Any], epochs: int, batch: int = 64, held: Any = None, callbacks: Any = None, **fit: Any
) -> dict[str, Any]:
    """Train; -> the history as a plain dict. A loss that is not finite ends in NaN, without a warning."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The loss became NaN", RuntimeWarning)
        history = model.fit(*data, batch_size=batch, epochs=epochs, validation_data=held, callbacks=callbacks, verbose=0, **fit)
    return {k: [float(v) for v in values] for k, values in history.history.items()}


def fitted_by_seed(
    make: Callable[[], Any], seeds: int, data: tuple[Any, Any], epochs: int, batch: int = 64, held: Any = None,
    callbacks: Callable[[int], Any] | None = None,
) -> list[tuple[Any, dict[str, Any]]]:
    """`make()`, a compiled model, trained from the seeds 0, 1, ... together: what `fitted` gives under each. -> (model, history) of each.
    `callbacks`: a function of the seed."""
    replicas = Replicas(make, seeds=range(seeds))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The loss of replica", RuntimeWarning)
        histories = replicas.fit(*data, batch_size=batch, epochs=epochs, validation_data=held, callbacks=callbacks)
    plain = [{k: [float(v) for v in values] for k, values in h.history.items()} for h in histories]
    return list(zip(replicas.models, plain, strict=True))


def score(model: Any, data: tuple[Any, Any]) -> dict[str, float]:
    """Loss (and accuracy) over these rows."""
    return {k: float(v) for k, v in model.evaluate(*data, batch_size=1024, verbose=0, return_dict=True).items()}


def first_below(values: Sequence[float], limit: float) -> int | None:
    """From 1: the first that is at most `limit`; None where none is."""
    return next((i for i, v in enumerate(values, 1) if v <= limit), None)


def first_above(values: Sequence[float], limit: float) -> int | None:
    return next((i for i, v in enumerate(values, 1) if v >= limit), None)


def descend(
    scales: Sequence[float], start: Sequence[float], optimizer: Any, steps: int,
) -> np.ndarray:
    """The weights before and after each of `steps` steps on f(w) = sum_i scales_i w_i^2 / 2, from `start`: (steps + 1, weights).

    It is the squared error of one linear unit on rows that have one feature each.
    """
    from gpunn.callbacks import LambdaCallback

    n = len(scales)
    x = np.diag([math.sqrt(s * n / 2) for s in scales]).astype(np.float32)  # the mean over n rows: sum_i (x_i w_i)^2 / n
    model = Sequential([Input((n,)), Dense(1, use_bias=False)])
    model.set_weights([np.array(start, np.float32)[:, None]])
    model.compile(optimizer, "mse")
    path = [np.array(start, float)]
    keep = LambdaCallback(on_epoch_end=lambda epoch, logs: path.append(model.get_weights()[0][:, 0].astype(float)))
    fitted(model, (x, np.zeros((n, 1), np.float32)), steps, n, callbacks=[keep], shuffle=False)
    return np.array(path)


def shown(values: Sequence[float], digits: int = 3) -> str:
    return ", ".join(f"{v:.{digits}g}" for v in values)
