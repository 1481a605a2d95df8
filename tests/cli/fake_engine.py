"""A stand-in for the library below the command line: it has the names that the commands use and learns nothing.

Its "training" makes up numbers by a rule, so that the tests of progress, results and exit codes are quick and certain.
"""

import signal
import sys
import time
import warnings
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np


class Plan:
    """What the fake fit does: at the given epoch (from 1) lose its mind, be interrupted, warn, or raise."""

    nan_at: int | None = None
    interrupt_at: int | None = None
    warn_at: int | None = None
    error: Exception | None = None
    delay = 0.0  # seconds a batch

    def __init__(self, **changes):
        vars(self).update(changes)


class Callback:
    def __init__(self):
        self.model = self.params = None

    def set_model(self, model):
        self.model = model

    def set_params(self, params):
        self.params = params


for _hook in ("train_begin", "train_end", "epoch_begin", "epoch_end", "train_batch_begin", "train_batch_end", "test_begin", "test_end"):
    setattr(Callback, f"on_{_hook}", lambda self, *arguments, **named: None)


class Adam:
    def __init__(self, learning_rate=0.001):
        self.learning_rate = learning_rate


class SGD(Adam):
    def __init__(self, learning_rate=0.01):
        super().__init__(learning_rate)


def get_optimizer(identifier):
    name = identifier["class_name"] if isinstance(identifier, dict) else identifier
    known = {"adam": Adam, "sgd": SGD}
    if name.lower() not in known:
        raise ValueError(f"Unknown optimizer. Expected one of adam, sgd. Received: {name!r}")
    return known[name.lower()](**(identifier["config"] if isinstance(identifier, dict) else {}))


class Sequential:
    plan = Plan()

    def __init__(self, layers):
        self.layers, self.optimizer, self.stop_training = list(layers), None, False
        self.device, self.seed = STATE.device, STATE.seed

    def compile(self, optimizer, loss, metrics=()):
        self.optimizer = get_optimizer(optimizer) if isinstance(optimizer, str) else optimizer
        self.metrics = list(metrics)

    def count_params(self):
        return 1234

    def save(self, path):
        Path(path).write_bytes(b"fake model")

    def fit(self, x, y, batch_size, epochs, verbose, validation_data=None, callbacks=()):
        steps = -(-len(x) // batch_size)
        STATE.fits.append(SimpleNamespace(model=self, x=x, y=y, batch_size=batch_size, epochs=epochs, validation_data=validation_data))

        def tell(hook, *arguments):
            for callback in callbacks:
                getattr(callback, f"on_{hook}")(*arguments)

        for callback in callbacks:
            callback.set_model(self)
            callback.set_params({"epochs": epochs, "steps": steps, "verbose": verbose})
        if self.plan.error is not None:
            raise self.plan.error
        tell("train_begin", None)
        for epoch in range(epochs):
            tell("epoch_begin", epoch, None)
            for batch in range(steps):
                time.sleep(self.plan.delay)
                tell("train_batch_begin", batch, None)
                tell("train_batch_end", batch, Unread())
            if self.plan.interrupt_at == epoch + 1:
                signal.raise_signal(signal.SIGINT)
                time.sleep(0.1)
            if self.plan.warn_at == epoch + 1:
                warnings.warn("odd", RuntimeWarning, stacklevel=2)
            tell("test_begin", None)
            tell("test_end", None)
            tell("epoch_end", epoch, self.logs(epoch + 1))
            if self.stop_training:
                break
        tell("train_end", None)

    def logs(self, epoch):
        loss = float("nan") if self.plan.nan_at == epoch else 2.0 / epoch
        logs = {"loss": loss, "val_loss": loss + 0.1 + 0.01 * epoch}
        if self.metrics:
            logs |= {"accuracy": 1 - 0.8 / epoch, "val_accuracy": 1 - 0.9 / epoch}
        return logs

    def evaluate(self, x, y, batch_size, verbose, return_dict):
        return {"loss": 0.25} | ({"accuracy": 0.97} if self.metrics else {})


class Unread(dict):
    """Logs of a batch: whoever reads them would cost a device read."""

    def __getitem__(self, name):
        raise RuntimeError("the logs of a batch were read")

    get = items = values = __iter__ = __getitem__


STATE = SimpleNamespace(device=None, seed=None, fits=[])


@contextmanager
def device(name):
    STATE.device = name
    yield
    STATE.device = None


def layer(*arguments, **named):
    return SimpleNamespace(arguments=arguments, **named)


def load_digits():
    generator = np.random.default_rng(0)
    x, y = generator.integers(0, 17, (150, 8, 8), dtype=np.uint8), np.arange(150, dtype=np.uint8) % 10
    return (x[:100], y[:100]), (x[100:], y[100:])


def load_mnist(path=None):
    if path is not None and Path(path).is_dir():
        return load_digits()
    raise ValueError(f"MNIST was not found. Looked in:\n  - path '{path}'\n  - user cache 'nowhere'\nOffline there is `digits`.")


def place(name, folder=None, tried=()):
    return SimpleNamespace(name=name, folder=folder, tried=tuple(tried), mend=f"mend {name}")


def report():
    return [
        place("mnist", tried=["GPUNN_DATA: not set", "user cache: no such folder"]),
        place("fashion-mnist", "data/fashion-mnist"),
        place("digits", "sklearn/datasets/data"),
    ]


def names():
    """Name in ``gpunn`` -> its stand-in."""
    return {
        "callbacks": SimpleNamespace(Callback=Callback),
        "layers": SimpleNamespace(Flatten=layer, Dense=layer),
        "models": SimpleNamespace(Sequential=Sequential),
        "optimizers": SimpleNamespace(get=get_optimizer, Adam=Adam, SGD=SGD),
        "utils": SimpleNamespace(set_random_seed=lambda seed: setattr(STATE, "seed", seed)),
        "Input": layer,
        "device": device,
    }


def dataset_modules():
    """Name in ``gpunn.datasets`` -> its stand-in."""
    places = ModuleType("gpunn.datasets.places")
    places.report = report
    return {
        "digits": SimpleNamespace(load_data=load_digits),
        "mnist": SimpleNamespace(load_data=load_mnist),
        "fashion_mnist": SimpleNamespace(load_data=load_mnist),
        "places": places,
    }


def install(plan=None):
    """For a process of its own (the tests in this process use the fixture ``engine``)."""
    import gpunn
    import gpunn.datasets

    Sequential.plan = plan or Plan()
    for name, value in names().items():
        setattr(gpunn, name, value)
    for name, value in dataset_modules().items():
        setattr(gpunn.datasets, name, value)
        sys.modules[f"gpunn.datasets.{name}"] = value


if __name__ == "__main__":
    install(Plan(**eval(sys.argv.pop(1))))
    from gpunn.cli import main

    main()
