"""Learning-rate schedules: the rate as a function of the step number. Names, arguments and forms are Keras 3's where Keras has them.

A schedule is given to an optimizer (``SGD(learning_rate=ExponentialDecay(...))``) or called with a step number, or an array of them. Those
defined here are formulas that a recorded step works out itself, on the device, from its own counter. A subclass with a `__call__` of its
own is any Python; it is called on the host for the next steps, some hundred at a time, and the step looks its rate up in that table.

Rates are worked out in double. Keras works them out in its `floatx`, so that under float32 the last digits differ.
"""

from gpunn.optimizers.schedules.base import LearningRateSchedule, deserialize, serialize
from gpunn.optimizers.schedules.cycles import OneCycle, StepDecay, WarmUp
from gpunn.optimizers.schedules.decays import (
    CosineDecay,
    CosineDecayRestarts,
    ExponentialDecay,
    InverseTimeDecay,
    PiecewiseConstantDecay,
    PolynomialDecay,
)

__all__ = [
    "CosineDecay", "CosineDecayRestarts", "ExponentialDecay", "InverseTimeDecay", "LearningRateSchedule", "OneCycle",
    "PiecewiseConstantDecay", "PolynomialDecay", "StepDecay", "WarmUp", "deserialize", "serialize",
]
__dir__ = __all__.copy
