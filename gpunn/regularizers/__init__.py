"""Regularizers: what is added to the loss for the size of weights or outputs. Names, defaults and sums are Keras 3's.

`L1`, `L2` and `L1L2` sum over the elements; `Lasso`, `Ridge` and `ElasticNet` take means, as statistics courses write them. A regularizer
of your own is one of three things:

* two formulas (`FromFormula`), for a sum over elements: fused with the others, and recorded;
* a subclass of `Regularizer` whose ``__call__(w)`` returns ``(value, gradient)`` of the weight array ``w``;
* a function of ``w`` that returns the same. Nothing is differentiated for you.

The last two are called from Python in every step, which is then not recorded.
"""

from typing import Any

from gpunn import lookup
from gpunn.regularizers.angles import OrthogonalRegularizer
from gpunn.regularizers.base import FromFunction, Regularizer, value_and_gradient, value_of
from gpunn.regularizers.elements import L1, L1L2, L2, ElasticNet, FromFormula, Lasso, Ridge

l1, l2, l1_l2, orthogonal_regularizer = L1, L2, L1L2, OrthogonalRegularizer
NAMES: dict[str, Any] = {
    "L1": L1, "l1": L1, "L2": L2, "l2": L2, "L1L2": L1L2, "l1l2": L1L2, "l1_l2": L1L2, "Lasso": Lasso, "lasso": Lasso, "Ridge": Ridge,
    "ridge": Ridge, "ElasticNet": ElasticNet, "elastic_net": ElasticNet, "OrthogonalRegularizer": OrthogonalRegularizer,
    "orthogonal_regularizer": OrthogonalRegularizer,
}


def get(identifier: Any) -> Regularizer | None:
    """A regularizer from its name, itself, its configuration, a function ``f(w) -> (value, gradient)``, or None.

    Raises ValueError listing the names.
    """
    if identifier == "l1_l2":
        return L1L2(0.01, 0.01)  # what Keras says of the string; the class has zeros
    return lookup.optional("regularizer", identifier, NAMES, Regularizer, FromFunction)


def of_output(identifier: Any, layer: str) -> Regularizer | None:
    """A regularizer for what a layer gives. Raises ValueError for one that is for weights only."""
    regularizer = get(identifier)
    if regularizer is not None and regularizer.recordable and (regularizer.penalty is None or regularizer.threshold(1)):
        raise ValueError(f"Layer {layer!r}: activity_regularizer cannot be {regularizer!r}, which is for weights.")
    return regularizer


def serialize(regularizer: Regularizer | None) -> dict[str, Any] | None:
    """Its configuration, for `deserialize`."""
    return lookup.serialize(regularizer)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Regularizer | None:
    """A regularizer from its configuration; classes of your own are found in `custom_objects`."""
    with lookup.custom_objects(custom_objects):
        return get(config)


__all__ = [
    "L1", "L1L2", "L2", "NAMES", "ElasticNet", "FromFormula", "FromFunction", "Lasso", "OrthogonalRegularizer", "Regularizer", "Ridge",
    "deserialize", "get", "l1", "l1_l2", "l2", "of_output", "orthogonal_regularizer", "serialize", "value_and_gradient", "value_of",
]
__dir__ = __all__.copy
