"""Twenty steps of an optimizer on a few parameters, in gpunn and in Keras: the gradient is that of a quadratic, with noise."""

import functools
import json

import numpy as np
from keras_twin import compute_in, jax, keras

from gpunn import optimizers
from gpunn.layers.base import Parameter
from gpunn.models.storage import Storage

SHAPES = {"one/kernel": (7, 5), "one/bias": (5,), "wide/kernel": (5, 9), "none/kernel": (4, 4), "deep/kernel": (2, 3, 2)}
STEPS = 20


def start(name):
    """The first weights; those of one parameter are all 0."""
    rng = np.random.default_rng(sorted(SHAPES).index(name))
    return rng.standard_normal(SHAPES[name]) * (name != "none/kernel")


def gradient(name, weights, step):
    """Of sum(scale * w^2) / 2 and a noise; every fifth of one parameter is exactly 0."""
    rng = np.random.default_rng([step, sorted(SHAPES).index(name)])
    scale = np.linspace(0.1, 2.0, weights.size).reshape(weights.shape)
    noise = rng.standard_normal(weights.shape)
    return (scale * np.asarray(weights, np.float64) + noise) * (name != "one/bias" or step % 5 > 0)


def made(library, name, options):
    """An optimizer of gpunn's or of Keras's; schedules are given as ``{"schedule": [class, arguments]}``."""
    options = dict(options)
    rate = options.get("learning_rate")
    if isinstance(rate, dict):
        kind, arguments = rate["schedule"]
        options["learning_rate"] = getattr(library.optimizers.schedules, kind)(**arguments)
    return getattr(library.optimizers, name)(**options)


def ours(ops, name, options, dtype="float64", steps=STEPS, exclude=()):
    """-> weights by name after the steps, and the optimizer."""
    import gpunn

    optimizer = name if isinstance(name, optimizers.Optimizer) else made(gpunn, name, options)
    if exclude:
        optimizer.exclude_from_weight_decay(var_names=list(exclude))
    parameters = [Parameter(n, start(n).astype(dtype), True, ops) for n in SHAPES]
    storage = Storage(ops, parameters, dtype)
    optimizer.bind(ops, storage)
    with ops.record() as program:
        optimizer.record(ops, storage.values[: storage.trainable_size], storage.gradients)
    for step in range(steps):
        for p in parameters:
            ops.write(p.gradient, gradient(p.name, ops.to_numpy(p.value), step))
        for _ in optimizer.portions(1):
            program.run(1)
    return {p.name: ops.to_numpy(p.value) for p in parameters}, optimizer


@functools.cache
def _keras(name, options, dtype, exclude):
    optimizer = made(keras, name, json.loads(options))
    variables = [keras.Variable(start(n).astype(dtype), name=n.replace("/", "_"), dtype=dtype) for n in SHAPES]
    optimizer.exclude_from_weight_decay(var_names=list(exclude))
    optimizer.build(variables)
    apply = optimizer.stateless_apply  # conditions of Keras's that are not compiled take a second a step
    apply = jax.jit(apply) if optimizer.gradient_accumulation_steps or optimizer.ema_overwrite_frequency else apply
    state, values = [v.value for v in optimizer.variables], [v.value for v in variables]
    for step in range(STEPS):
        gradients = [gradient(n, np.asarray(v), step).astype(dtype) for n, v in zip(SHAPES, values, strict=True)]
        values, state = apply(state, gradients, values)
    return {n: np.asarray(v) for n, v in zip(SHAPES, values, strict=True)}


def theirs(name, options, dtype="float64", exclude=()):
    """The same by Keras, once a test session."""
    compute_in(dtype)
    return _keras(name, json.dumps(options), dtype, tuple(exclude))
