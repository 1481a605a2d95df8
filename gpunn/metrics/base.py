"""Metric: what every metric is. Sums on the device that a step adds to, and a number worked out of them when somebody asks."""

from collections.abc import Callable
from functools import partial, wraps
from typing import Any

import numpy as np

from gpunn.backend import get_backend
from gpunn.backend.foreign import on_host
from gpunn.backend.traced import each_time, trace
from gpunn.kernels import data as feeding
from gpunn.layers.base import fresh_name
from gpunn.layers.graph import symbolic
from gpunn.lookup import snake
from gpunn.losses import targets
from gpunn.losses.function import own_targets
from gpunn.metrics.launched import add_rows
from gpunn.metrics.stateless import Stateless
from gpunn.metrics.variable import Sums, Variable
from gpunn.ops.expression import scaled
from gpunn.results import dressed


class Metric(Stateless):
    """Base class.

    A metric owns a vector of sums: `prepare` checks targets and, with the output's shape, settles its `size`; `accumulate` launches the
    kernels that add a batch to sums on the device; `result` works the number (or the array of numbers) out of `sums`.
    Used by itself: ``update_state(y_true, y_pred, sample_weight)``, ``result()``, ``reset_state()``.

    A user's own metric gives ``update_state``, ``result`` and ``reset_state`` in NumPy, as in Keras (`add_variable` makes what is set back
    to zero by itself); steps with it run launch by launch.
    """

    direction: str | None = None  # "up" or "down": which way is better
    default_name = ""  # "": the class's, counted as Keras counts it
    elementwise = False  # whether a vector of predictions is a column of rows, or one row
    each_weighs = False  # whether each number of a position may have a weight of its own
    weighted = False  # whether the batches that are added have weights
    ignored: int | None = None  # a label that the loss passes over, whatever number it is

    def __init__(self, dtype: Any = None, name: str | None = None):
        self.name = name or self.default_name or fresh_name(snake(type(self).__name__))
        self.dtype = dtype
        self._sums: np.ndarray | None = None
        self._place: tuple[Any, Any] | None = None  # the device on which a recording adds to the sums, and where
        self._variables: list[Variable] = []

    def __init_subclass__(cls, **named: Any) -> None:
        super().__init_subclass__(**named)
        if "result" in vars(cls):
            cls.result = _dressed(cls.result)  # type: ignore[method-assign]
        for name in ("update_state", "reset_state"):
            if name in vars(cls) and not hasattr(vars(cls)[name], "host_method"):
                setattr(cls, name, each_time(vars(cls)[name]))

    # ------------------------------------------------------------------ what a subclass gives
    @property
    def size(self) -> int:
        """How many sums there are; once `prepare` has seen the output's shape."""
        return 0

    def fresh(self) -> np.ndarray:
        """The sums of nothing."""
        return np.zeros(self.size)

    def prepare(self, y: Any, output_shape: tuple[int | None, ...], dtype: str) -> np.ndarray:
        """Targets as the kernels take them, checked; a user's class gets them in whatever shape they are. Raises ValueError for what does
        not fit the output."""
        if self.on_host:
            return own_targets(y, output_shape, dtype, f"Metric {self.name}")
        return targets.numbers(y, output_shape, dtype, f"Metric {self.name}")

    def accumulate(self, ops: Any, y: Any, p: Any, weight: Any, sums: Any, step: Any) -> None:
        """Add a batch. weight: one for each position; sums: float64, of length `size`; step: the step's number, on the device."""
        raise NotImplementedError

    def result(self) -> Any:
        """The number that the sums give."""
        raise NotImplementedError

    # ------------------------------------------------------------------ what a step asks
    @property
    def on_host(self) -> bool:
        """Whether a user's class does its sums itself."""
        return type(self).update_state is not Metric.update_state

    @property
    def recordable(self) -> bool:
        """Whether a step with this metric only launches kernels."""
        return not self.on_host

    # ------------------------------------------------------------------ where the sums are
    @property
    def sums(self) -> np.ndarray | None:
        """The sums so far; None before the first batch."""
        return self._sums if self._place is None else self._place[0].to_numpy(self._place[1])

    @sums.setter
    def sums(self, values: np.ndarray | None) -> None:
        if self._place is not None:
            (ops, array), values = self._place, self.fresh() if values is None else values
            if array.size == values.size:
                ops.write(array, values)
                return
        self._place, self._sums = None, values

    def place(self, ops: Any) -> Any:
        """The sums on the device, from now on; None where they are on another one already."""
        if self._place is None or self._place[1].size != self.size:
            self._place = ops, ops.asarray(np.array(self.state()))
        return self.placed if self._place[0] is ops else None

    @property
    def placed(self) -> Any:
        """The array on a device, or None."""
        return None if self._place is None else self._place[1]

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_sums": self.sums, "_place": None}

    # ------------------------------------------------------------------ by itself
    @partial(each_time, launched=add_rows)
    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add rows. y_pred: (rows, ..., columns), or a vector; sample_weight: one for each row or position."""
        ops = get_backend()
        y_true, y_pred, sample_weight = (on_host(v, ops) for v in (y_true, y_pred, sample_weight))
        p = floating(y_pred)
        if p.ndim == 1:
            flat = self.elementwise or sample_weight is not None
            p, y_true = (p[:, None], np.asarray(y_true)) if flat else (p[None], np.asarray(y_true)[None])
        y = self.prepare(y_true, (None, *p.shape[1:]), p.dtype.name)
        if len(y) != len(p):
            raise ValueError(f"Metric {self.name}: as many targets as predictions are needed. Received: {len(y)} and {len(p)}.")
        weight = np.ones(p.shape[:-1], p.dtype) if sample_weight is None else self.spread(sample_weight, p.shape, p.dtype)
        self.weighted = sample_weight is not None
        sums = ops.zeros((self.size,), "float64")
        ops.write(sums, self.state())
        given = ops.asarray(np.ascontiguousarray(weight.reshape(-1)))
        self.accumulate(ops, ops.asarray(y), ops.asarray(p), given, sums, ops.zeros((1,), "int64"))
        self.sums = ops.to_numpy(sums)

    def spread(self, sample_weight: Any, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        """Weights for predictions of this shape: one for each position, or, where these have weights of their own, for each number. Raises
        ValueError for any other shape."""
        given = np.asarray(sample_weight, dtype)
        own = self.each_weighs and given.ndim == len(shape) and given.shape[-1] == shape[-1] > 1
        if own and all(n in (1, m) for n, m in zip(given.shape, shape, strict=True)):
            return np.broadcast_to(given, shape)
        return targets.spread(given, self.weighed_shape(shape), f"Metric {self.name}: sample_weight")

    def weighed_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of the positions that weights are for, in an output of this shape."""
        return shape[:-1]

    def state(self) -> np.ndarray:
        """The sums so far; those of nothing before the first batch, or where the output has another width than before."""
        sums = self.sums
        if sums is None or sums.size != self.size:
            self.sums = sums = self.fresh()
        return sums

    @each_time
    def reset_state(self) -> None:
        self.sums = None
        for variable in self._variables:
            variable.reset()

    def reset_states(self) -> None:
        """`reset_state`, as Keras 2 called it."""
        self.reset_state()

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        self.update_state(*arguments, **named)
        return self.result()

    def add_variable(
        self, shape: Any = (), initializer: Any = "zeros", dtype: Any = None, name: str | None = None, **unused: Any
    ) -> Variable:
        """A NumPy array that `reset_state` sets back: for users' own metrics. As in Keras 2 the name may come first."""
        if isinstance(shape, str):
            shape, name = () if name is None or isinstance(name, str) else name, shape
        self._variables.append(Variable(shape, initializer, dtype, name))
        return self._variables[-1]

    add_weight = add_variable

    @property
    def variables(self) -> list[Any]:
        """What it keeps: the sums of a metric of gpunn's own, what a user's class added, and what metrics keep that are its attributes."""
        inside = [v for one in vars(self).values() if isinstance(one, Metric) for v in one.variables]
        return [*([] if self.on_host and self.size == 0 else [Sums(self)]), *self._variables, *inside]

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Metric":
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"


def _dressed(result: Callable[..., Any]) -> Callable[..., Any]:
    """The same method, whose numbers its caller gets as `gpunn.results` gives them."""

    @wraps(result)
    def given(self: Metric) -> Any:
        return dressed(result(self)) if (recorded := trace()) is None else recorded.later(self, lambda: dressed(result(self)))

    return given


class BuiltIn(Metric):
    """A metric of gpunn's own: its arguments stand in the order in which those of Keras's own stand."""

    def __init__(self, name: str | None = None, dtype: Any = None):
        super().__init__(dtype, name)


class MeanOfRows(BuiltIn):
    """A metric that is the weighted mean of one value a position. A subclass gives `record`."""

    def record(self, ops: Any, y: Any, p: Any) -> Any:
        """One value a position, on the device."""
        raise NotImplementedError

    @property
    def size(self) -> int:
        return 3

    def fresh(self) -> np.ndarray:
        return np.array([0.0, 0.0, -1.0])  # weighted total, weight, first step that was not finite: see kernels.data.ACCUMULATE

    def accumulate(self, ops: Any, y: Any, p: Any, weight: Any, sums: Any, step: Any) -> None:
        rows = len(p)
        y, p = self.parts(y, p, weight)
        add_up(ops, self.record(ops, y, p), weight, rows, sums, step)

    def parts(self, y: Any, p: Any, weight: Any) -> tuple[Any, Any]:
        """Targets and predictions; each number a position of its own, where it has a weight of its own."""
        alone = self.each_weighs and weight.size == p.size
        return (y.reshape(-1, 1), p.reshape(-1, 1)) if alone else (y, p)

    def result(self) -> float:
        total, weight, _ = self.state()
        return float(total / weight) if weight else 0.0


def add_up(ops: Any, values: Any, weight: Any, rows: int, sums: Any, step: Any) -> None:
    """Values and their weights into the sums of a mean, of so many rows, which weigh alike however many values each has, as in Keras."""
    each = values.size // max(rows, 1)
    if each > 1 and weight.size == values.size:
        weight = scaled(ops, weight, 1.0 / each)
    ops.launch(feeding.ACCUMULATE, values, weight, step, sums)


def ones(ops: Any, count: int, dtype: Any) -> Any:
    return ops.asarray(np.ones(count, dtype))


def floating(values: Any) -> np.ndarray:
    """As an array of floats. Raises TypeError for a symbolic tensor."""
    values = valued(values)
    return values.astype("float64" if values.dtype == np.float64 else "float32")


def valued(values: Any, dtype: Any = None) -> np.ndarray:
    """As an array. Raises TypeError for a symbolic tensor."""
    if symbolic(values):
        raise TypeError(
            f"A metric takes values, which {values!r} has none of yet: within a layer's or a model's call none can be updated. Expected it "
            "in compile(metrics=...), or updated in a train_step or a loop of one's own."
        )
    return np.asarray(values, dtype)


def as_rows(array: Any) -> Any:
    """(positions, columns)."""
    return array.reshape(-1, array.shape[-1]) if array.size else array.reshape(0, array.shape[-1])


def share(part: Any, whole: Any) -> np.ndarray:
    """part / whole, 0 where nothing is."""
    part, whole = np.broadcast_arrays(np.asarray(part, np.float64), np.asarray(whole, np.float64))
    return np.divide(part, whole, out=np.zeros(whole.shape), where=whole != 0)


def plain(value: Any) -> Any:
    """A float of a single number, else the array."""
    return float(value) if np.ndim(value) == 0 else np.asarray(value)
