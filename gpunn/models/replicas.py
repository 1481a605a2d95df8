"""Replicas: one architecture trained several times at once, with other seeds or learning rates."""

import copy
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gpunn import optimizers, random
from gpunn.callbacks import CallbackList, History
from gpunn.layers.graph import mapped
from gpunn.models.alike import check_alike, check_together
from gpunn.models.joint import JointFit, settled
from gpunn.training import parts
from gpunn.training.counts import epochs_to_validate, whole
from gpunn.training.feeds.iterables import batched
from gpunn.training.together import Evaluations

FEW = 8  # rows that the other replicas' losses and metrics see of the data, which the first one has checked


class Replicas:
    """Models of one architecture, trained together; each ends as it would have ended alone.

        replicas = Replicas(make_model, seeds=range(8))
        replicas.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
        histories = replicas.fit(x, y, epochs=5, batch_size=128)
        replicas.evaluate(x_test, y_test, return_dict=True)["accuracy"].mean()

    Arguments:
        model_function: ``model_function()`` -> a model, compiled or not. It is called once for each replica, under that one's seed: initial
            weights, the order of rows, and what layers draw are those of ``set_random_seed(seed)``, the same function, and `fit`.
        seeds: integers, one a replica; by default all replicas have the seed in force.
        learning_rates: numbers (or schedules), one a replica; by default the optimizer's own.

    On a CPU replicas are spread over the threads, each running its own recorded step: the results have the bits that they have alone. On a
    GPU arrays of the replicas lie side by side and one launch, one batched product serves all: equal up to rounding, as a library may sum
    in another order for a batch of products. Rows of data are there once.

    Attributes: ``models``, the replicas, ordinary models that may be used and saved; ``seeds``; ``learning_rates`` or None.
    Raises ValueError for no replicas, lists of different lengths, other architectures, and layers whose step cannot be recorded.
    """

    def __init__(self, model_function: Callable[[], Any], seeds: Sequence[int] | None = None, learning_rates: Sequence[Any] | None = None):
        if not callable(model_function) or hasattr(model_function, "fit"):
            raise ValueError(f"Replicas: expected a function that makes a model. Received: {model_function!r}.")
        seeds, self.learning_rates = _listed("seeds", seeds), _listed("learning_rates", learning_rates)
        if seeds is None and self.learning_rates is None:
            raise ValueError("Replicas: expected seeds, learning_rates, or both. Received: neither.")
        if seeds is not None and self.learning_rates is not None and len(seeds) != len(self.learning_rates):
            raise ValueError(
                f"Replicas: expected one learning rate for each of the {len(seeds)} seeds. Received: {len(self.learning_rates)} of them."
            )
        self.seeds = [random.current_seed()] * len(self.learning_rates or ()) if seeds is None else seeds
        self._scopes = [random.Scope(seed) for seed in self.seeds]
        self.models: list[Any] = []
        for scope in self._scopes:
            with scope:
                self.models.append(model_function())
        if not all(hasattr(m, "fit") and hasattr(m, "leaves") for m in self.models):
            raise ValueError(f"Replicas: expected a function that makes a model. Received one that gives {self.models[0]!r}.")
        if len({id(m) for m in self.models}) < len(self.models):
            raise ValueError("Replicas: expected a new model from every call of the function. Received: the same one again.")
        check_alike(self.models)
        check_together(self.models)
        if self.models[0].optimizer is not None:
            self._set_rates()

    def __len__(self) -> int:
        return len(self.models)

    def __repr__(self) -> str:
        return f"<Replicas {len(self)} x {self.models[0]!r}>"

    # ------------------------------------------------------------------ compile
    def compile(
        self, optimizer: Any = "rmsprop", loss: Any = None, metrics: Any = None, weighted_metrics: Any = None, loss_weights: Any = None,
        **unknown: Any,
    ) -> None:
        """As `Model.compile`, for every replica: each gets an optimizer, metrics and losses of its own, like those given.

        Raises ValueError, naming it, for an optimizer, loss or metric that cannot be part of a joint step."""
        chosen = optimizers.get(optimizer)
        if chosen._owner is not None:
            raise ValueError(f"Replicas.compile: expected an optimizer that no model has. Received: {chosen.name!r}.")
        for model in self.models:
            own = copy.deepcopy({"loss": loss, "metrics": metrics, "weighted_metrics": weighted_metrics, "loss_weights": loss_weights})
            model.compile(copy.deepcopy(chosen), **own, **unknown)
        self._set_rates()
        check_together(self.models)

    def _set_rates(self) -> None:
        for model, rate in zip(self.models, self.learning_rates or (), strict=bool(self.learning_rates)):
            model.optimizer.learning_rate = rate

    # ------------------------------------------------------------------ fit
    def fit(
        self, x: Any, y: Any, batch_size: int | None = None, epochs: int = 1, verbose: Any = 0,
        callbacks: Callable[[int], Any] | None = None, validation_split: float = 0.0, validation_data: Any = None, shuffle: Any = True,
        class_weight: Any = None, sample_weight: Any = None, initial_epoch: int = 0, validation_batch_size: int | None = None,
        validation_freq: Any = 1,
    ) -> list[History]:
        """Train every replica for `epochs` epochs. -> a `History` for each.

        Arguments are those of `Model.fit`; x and y are arrays. `callbacks`: a function of a replica's number (from 0) that makes its
        callbacks; those with hooks for single batches, or that change the size of batches, cannot be used. A replica that one of them stops
        stays as it is then. `verbose`: with 1 or 2 a line an epoch. Raises ValueError, and changes nothing, for what does not fit.
        """
        first = self._compiled("fit")
        epochs, initial_epoch = whole("epochs", epochs, 0), whole("initial_epoch", initial_epoch, 0)
        batch_size = whole("batch_size", first.optimizer.default_batch if batch_size is None else batch_size, 1)
        validates = epochs_to_validate(validation_freq)
        if callbacks is not None and not callable(callbacks):
            raise ValueError("Replicas.fit: expected callbacks as a function of a replica's number, as every replica needs its own.")
        held = None
        if validation_data is not None:
            held = parts.validation(validation_data)
        elif validation_split:
            (x, y, sample_weight), held = parts.split(x, y, sample_weight, validation_split, first.backend, self._several)
        rows = self._check(x, y, sample_weight, class_weight, "fit")
        held_rows = None if held is None else self._check(*held, None, "fit (validation_data)")
        if held_rows is not None and held_rows.row_shape != rows.row_shape:
            raise ValueError(f"Argument validation_data of fit: expected rows of shape {rows.row_shape}. Received: {held_rows.row_shape}.")
        chains = [self._chain(r, None if callbacks is None else callbacks(r), epochs, rows.steps(batch_size)) for r in range(len(self))]
        self._ready(rows.row_shape)
        held_batch = 0
        if held_rows is not None:
            held_batch = whole("validation_batch_size", validation_batch_size or first._held_batch(batch_size, None, False), 1)
        joint = JointFit(self.models, chains, rows, batch_size, shuffle, held_rows, held_batch, validates, verbose)
        joint.run(range(initial_epoch, epochs))
        return [chain.history for chain in chains]

    def _chain(self, r: int, given: Any, epochs: int, steps: int) -> Any:
        chain = CallbackList(given, self.models[r], {"verbose": 0, "epochs": epochs, "steps": steps}, history=True)
        if any(chain.batch_size(epoch) is not None for epoch in range(epochs)):
            raise ValueError("Replicas.fit: a callback changes the size of batches, which replicas have in common.")
        if chain.every_chunk or chain.test_batches:
            raise ValueError("Replicas.fit: callbacks with hooks for single batches cannot be used: a step is that of all replicas.")
        return chain

    # ------------------------------------------------------------------ evaluate, predict
    def evaluate(
        self, x: Any, y: Any, batch_size: int | None = None, sample_weight: Any = None, return_dict: bool = False, verbose: Any = 0
    ) -> Any:
        """What `Model.evaluate` gives, of every replica: arrays whose first axis are the replicas, (replicas,) or (replicas, 1 + metrics),
        or a dict of the former."""
        first = self._compiled("evaluate")
        rows = self._check(x, y, sample_weight, None, "evaluate")
        self._ready(rows.row_shape)
        size = first._held_batch(32, None, False) if batch_size is None else whole("batch_size", batch_size, 1)
        stack = settled(self.models)
        logs = Evaluations(stack, self.models, rows, size).run()
        if return_dict:
            return {name: np.array([log[name] for log in logs]) for name in logs[0]}
        names = first.metrics_names
        values = np.array([[log[name] for name in names] for log in logs])
        return values[:, 0] if len(names) == 1 else values

    def predict(self, x: Any, batch_size: int | None = None, verbose: Any = 0) -> np.ndarray:
        """The outputs of every replica: (replicas, rows, ...)."""
        return np.stack([m.predict(x, batch_size=batch_size, verbose=0) for m in self.models])

    # ------------------------------------------------------------------ what the calls have in common
    def _compiled(self, where: str) -> Any:
        for model in self.models:
            model._need_setup(where)
        check_alike(self.models)
        check_together(self.models)
        return self.models[0]

    def _check(self, x: Any, y: Any, sample_weight: Any, class_weight: Any, where: str) -> Any:
        """The data, checked once and converted once; the other replicas see as much as tells them its kind."""
        if (source := batched(x)) is not None:
            raise ValueError(f"Argument x of Replicas.{where}: expected arrays. Received: {source.kind}.")
        rows = self.models[0]._check(x, y, sample_weight, class_weight, where)
        few = min(len(rows), FEW)
        several = (self._several[0], self._several[1], self._several[1])
        some = [_first(a, few, nested) for a, nested in zip((x, y, sample_weight), several, strict=True)]
        for model in self.models[1:]:
            model._check(*some, class_weight, where)
        return rows

    @property
    def _several(self) -> tuple[bool, bool]:
        """Whether there may be lists or dicts of inputs, and of outputs."""
        names = self.models[0].input_names
        return names is None or len(names) > 1, len(self.models[0].output_names) > 1

    def _ready(self, row_shape: Any) -> None:
        """Built, each under its own seed."""
        for model, scope in zip(self.models, self._scopes, strict=True):
            with scope:
                model._ready(row_shape)
        check_alike(self.models)
        check_together(self.models)


def _listed(name: str, value: Any) -> list[Any] | None:
    if value is None:
        return None
    if isinstance(value, (str, bytes)) or not hasattr(value, "__iter__"):
        raise ValueError(f"Replicas: expected {name} as a sequence, one a replica. Received: {name}={value!r}.")
    out = [v.item() if isinstance(v, np.generic) else v for v in value]
    if not out:
        raise ValueError(f"Replicas: expected at least one replica. Received: {name}={value!r}.")
    return out


def _first(value: Any, few: int, several: bool) -> Any:
    """The first rows of what `fit` was given."""
    if value is None:
        return None
    if several and (isinstance(value, dict) or all(hasattr(v, "shape") for v in value)):
        return mapped(lambda v: parts.part(v, 0, few), value)
    return parts.part(np.asarray(value) if isinstance(value, (list, tuple)) else value, 0, few)
