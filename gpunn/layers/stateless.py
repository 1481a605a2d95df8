"""Calls that leave a layer or a model as it is: its variables' values are given, and the new ones come back."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from gpunn.layers.graph import KerasTensor, flat, mapped, packed
from gpunn.layers.parameter import Parameter
from gpunn.layers.tensor import Record, Tensor, records, set_tapes, tapes, watched
from gpunn.results import dressed


class Stateless:
    """`stateless_call` and `compute_output_spec`, under Keras's names."""

    name: str
    built: bool
    inbound_nodes: list[Any]
    trainable_weights: Any
    non_trainable_weights: Any
    losses: Any

    def stateless_call(
        self, trainable_variables: Sequence[Any], non_trainable_variables: Sequence[Any], *arguments: Any, return_losses: bool = False,
        **named: Any,
    ) -> Any:
        """The outputs with these values in the place of its variables' own. -> (outputs, values of ``non_trainable_variables`` after the
        call), and with `return_losses` what the call adds to the loss. Random numbers are drawn as in any other call.

        In a `GradientTape`'s block it gives tensors, with gradients to values that are tensors, variables or watched arrays; the way back
        computes the call once more. Raises ValueError where the layer has no weights yet, and for other numbers or shapes of values."""
        if not self.built:
            raise ValueError(f"Layer {self.name!r}: stateless_call needs its variables. Expected it to be built: call it on data first.")
        own = [*self.trainable_weights, *self.non_trainable_weights]
        values = [*trainable_variables, *non_trainable_variables]
        counts = len(trainable_variables), len(non_trainable_variables)
        if counts != (len(self.trainable_weights), len(self.non_trainable_weights)):
            raise ValueError(
                f"Layer {self.name!r}: stateless_call: expected {len(self.trainable_weights)} values of trainable_variables and "
                f"{len(self.non_trainable_weights)} of non_trainable_variables. Received: {counts[0]} and {counts[1]}."
            )
        call = _Call(self, own, [_array(self.name, p, v) for p, v in zip(own, values, strict=True)], arguments, named)
        if records(*flat([list(arguments), named])):
            out, losses = call.recorded([_leaf(v) for v in values])
        else:
            with held(own, call.values):
                out = self(*arguments, **named)  # type: ignore[operator]
                losses = self.losses if return_losses else []
                call.after = [p.numpy() for p in own]
        after = [dressed(v) for v in call.after[counts[0] :]]
        return (out, after, losses) if return_losses else (out, after)

    def compute_output_spec(self, *arguments: Any, **named: Any) -> Any:
        """What a call on symbolic tensors would give, in shapes and types, as tensors that no layer gives. A layer that is not built yet
        is built."""
        given = mapped(lambda v: KerasTensor(v.shape, v.dtype) if isinstance(v, KerasTensor) else v, [list(arguments), named])
        seen = len(self.inbound_nodes)
        try:
            out = self(*given[0], **given[1])  # type: ignore[operator]
        finally:
            del self.inbound_nodes[seen:]
        return mapped(lambda t: KerasTensor(t.shape, t.dtype), out)


class _Call:
    """One call with values in the place of variables; ``after``: theirs when it was over."""

    def __init__(self, layer: Any, own: list[Parameter], values: list[np.ndarray], arguments: Any, named: Any):
        self.layer, self.own, self.values, self.arguments, self.named = layer, own, values, arguments, named
        self.after: list[np.ndarray] = []

    def recorded(self, leaves: list[Tensor | None]) -> tuple[Any, list[Any]]:
        """-> (its outputs, what it adds to the loss), for a tape: gradients go to `leaves`, one for each value, None for a plain one, and
        to tensors among the arguments."""
        from gpunn.training.tape import GradientTape  # which is made of layers

        whole = [list(self.arguments), self.named]
        given = [v if isinstance(v, Tensor) else watched(v) if hasattr(v, "shape") else None for v in flat(whole)]
        mine = [None if t is None else Tensor(t.array, t.backend) for t in given]
        sources = [t for t in (*leaves, *given) if t is not None]
        before = tapes()
        inner = GradientTape(persistent=True)
        with self._alone(), held(self.own, self.values):
            with inner:
                for t in mine:
                    if t is not None:
                        inner.watch(t)
                arguments, named = packed(whole, [v if t is None else t for v, t in zip(flat(whole), mine, strict=True)])
                found = self.layer(*arguments, **named)
                losses = self.layer.losses
            self.after, versions = [p.numpy() for p in self.own], [p.version for p in self.own]
        outputs = [*flat(found), *losses]
        made = [Tensor(t.array, t.backend, t.dtype) for t in outputs]
        asked = [p for p, t in zip(self.own, leaves, strict=True) if t is not None] + [t for t in mine if t is not None]

        def pullback(gradients: list[Any], needs: Sequence[bool]) -> list[Any]:
            begun = [(t, g) for t, g in zip(outputs, gradients, strict=True) if g is not None]
            with self._alone(), held(self.own, self.values, versions):
                back = inner.gradient([t for t, _ in begun], asked, [Tensor(g, t.backend) for t, g in begun])
            return [None if g is None or not need else g.array for g, need in zip(back, needs, strict=True)]

        set_tapes(before)
        Record(sources, made, pullback)
        return packed([found, losses], made)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """No tape records in the block but those begun in it."""
        before = tapes()
        set_tapes(())
        try:
            yield
        finally:
            set_tapes(before)


@contextmanager
def held(own: Sequence[Parameter], values: Sequence[Any], versions: Sequence[int] | None = None) -> Iterator[None]:
    """In the block these parameters have these values; after it their own again, as if nothing had been."""
    kept = [(p, p.numpy(), p.version) for p in own]
    try:
        for k, (p, value) in enumerate(zip(own, values, strict=True)):
            p.assign(value)
            p.version = p.version if versions is None else versions[k]
        yield
    finally:
        for p, value, version in kept:
            p.assign(value)
            p.version = version


def _leaf(value: Any) -> Tensor | None:
    """The tensor that gradients of a value go to: itself, that of a variable, or that of an array which a tape watches."""
    from gpunn.layers.tensor import of_parameter

    if isinstance(value, Parameter):
        return of_parameter(value)
    return value if isinstance(value, Tensor) else watched(value)


def _array(layer: str, p: Parameter, value: Any) -> np.ndarray:
    """A value for a parameter. Raises ValueError for what is no array, and for another shape."""
    try:
        array = np.asarray(value)
    except Exception as error:  # whatever a tensor of another library raises
        raise ValueError(
            f"Layer {layer!r}: stateless_call: expected an array for {p.name}. Received: {type(value).__name__}. gpunn is not "
            "differentiated by jax.grad: call this in the block of a gpunn.GradientTape that watches the values, and ask it for gradients."
        ) from error
    if array.shape != p.shape:
        raise ValueError(f"Layer {layer!r}: stateless_call: expected shape {p.shape} for {p.name}. Received: {array.shape}.")
    return array
