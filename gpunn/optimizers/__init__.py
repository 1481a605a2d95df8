"""Optimizers: one launch over the whole model's flat vectors. Names, arguments, defaults and forms are Keras 3's."""

from typing import Any

from gpunn.lookup import find, from_identifier, key_of
from gpunn.optimizers import legacy, schedules
from gpunn.optimizers.accumulating import Adadelta, Adagrad, Ftrl, RMSprop
from gpunn.optimizers.adafactor import Adafactor
from gpunn.optimizers.adam import Adam, Adamax, AdamW, Lamb, Nadam
from gpunn.optimizers.base import Optimizer
from gpunn.optimizers.decay import Exclusion
from gpunn.optimizers.descent import SGD, Lion
from gpunn.optimizers.lbfgs import LBFGS
from gpunn.optimizers.loss_scale import LossScaleOptimizer
from gpunn.optimizers.muon import Muon
from gpunn.optimizers.schedule_free import ScheduleFreeAdamW

GradientDescent = SGD
NAMES: dict[str, Any] = {"gradient_descent": SGD, "GradientDescent": SGD}
for _c in (SGD, Adagrad, Adadelta, RMSprop, Adam, AdamW, Adamax, Nadam, Ftrl, Lion, Lamb, Muon, Adafactor, ScheduleFreeAdamW, LBFGS):
    NAMES |= {_c.__name__: _c, _c.__name__.lower(): _c}


def get(identifier: Any) -> Optimizer:
    """An optimizer from its name, itself or its configuration. Raises ValueError listing the names."""
    if isinstance(identifier, dict) and "class_name" in identifier:
        return deserialize(identifier)
    return from_identifier("optimizer", identifier, NAMES, Optimizer)


def serialize(optimizer: Optimizer) -> dict[str, Any]:
    """``{"module", "class_name", "config", "registered_name"}`` of an optimizer, as Keras writes it; without its state."""
    kind = type(optimizer)
    module = "gpunn.optimizers" if NAMES.get(kind.__name__) is kind else None
    return {"module": module, "class_name": key_of(kind), "config": optimizer.get_config(), "registered_name": None}


def deserialize(config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Optimizer:
    """An optimizer from what `serialize` (or Keras's) gives. Raises ValueError for an unknown class, listing the names."""
    found = find("optimizer", config["class_name"], NAMES | (custom_objects or {}))
    return found.from_config(dict(config.get("config", {})), custom_objects)


__all__ = [
    "LBFGS", "SGD", "Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "Exclusion", "Ftrl", "GradientDescent", "Lamb", "Lion",
    "LossScaleOptimizer", "Muon", "Nadam", "Optimizer", "RMSprop", "ScheduleFreeAdamW", "deserialize", "get", "legacy", "schedules",
    "serialize",
]
__dir__ = __all__.copy
