"""An update that leaves an optimizer and its variables as they are: values are given, and the new ones come back."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from gpunn.layers.stateless import held
from gpunn.results import dressed


class Stateless:
    """`stateless_apply`, under Keras's name."""

    name: str
    variables: Any
    apply: Any
    own_variables: Any
    _owner: Any

    def stateless_apply(
        self, optimizer_variables: Sequence[Any], grads: Sequence[Any], trainable_variables: Sequence[Any]
    ) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """One update of values: ``optimizer_variables``, of what ``optimizer.variables`` lists, and ``trainable_variables``, of those that
        it was built for, in their order. -> (values of these after the update, values of the optimizer's own).

        Raises ValueError where it was not built, and for other numbers or shapes of values."""
        own = self._known()
        counted = (
            ("trainable_variables", own, trainable_variables), ("grads", own, grads),
            ("optimizer_variables", self.variables, optimizer_variables),
        )
        for what, expected, received in counted:
            if len(expected) != len(received):
                raise ValueError(
                    f"Optimizer {self.name!r}: stateless_apply: expected {len(expected)} values in {what}. Received: {len(received)}."
                )
        for p, value in zip(own, trainable_variables, strict=True):
            if np.shape(value) != p.shape:
                raise ValueError(
                    f"Optimizer {self.name!r}: stateless_apply: expected shape {p.shape} for {p.name}. Received: {np.shape(value)}."
                )
        with held(own, [np.asarray(v) for v in trainable_variables]), _kept(self.variables):
            for variable, value in zip(self.variables, optimizer_variables, strict=True):
                variable.assign(np.asarray(value))
            self.apply([None if g is None else np.asarray(g) for g in grads], own)
            return [dressed(p.numpy()) for p in own], [dressed(v.numpy()) for v in self.variables]

    def _known(self) -> list[Any]:
        """The variables it was built for. Raises ValueError where it was not."""
        owner = None if self._owner is None else self._owner()
        if owner is None:
            raise ValueError(
                f"Optimizer {self.name!r}: stateless_apply needs its variables. Expected optimizer.build(model.trainable_variables) before."
            )
        return list(self.own_variables.known.values() if self.own_variables is not None else owner.trainable_weights)


@contextmanager
def _kept(variables: Sequence[Any]) -> Iterator[None]:
    """After the block these have the values that they have now."""
    before = [v.numpy() for v in variables]
    try:
        yield
    finally:
        for variable, value in zip(variables, before, strict=True):
            variable.assign(value)
