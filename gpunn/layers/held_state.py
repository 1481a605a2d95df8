"""The state that a layer begins with, and the one that a stateful layer keeps from batch to batch."""

from collections.abc import Sequence
from typing import Any

from gpunn.layers.by_name import named_input
from gpunn.layers.dropout import Drawing
from gpunn.layers.graph import flat, symbolic
from gpunn.results import dressed


class Begun(Drawing):
    """A layer that is called on a sequence and perhaps the states to begin with, which ``initial_state`` names."""

    def __call__(self, x: Any = None, *others: Any, initial_state: Any = None, **options: Any) -> Any:
        x = named_input(self, options) if x is None else x
        if initial_state is None:
            return super().__call__(x, *others, **options)
        if symbolic(initial_state):
            return super().__call__(x, *others, initial_state=initial_state, **options)
        return super().__call__([x, *others, *flat(initial_state)], **options)


class Stateful(Begun):
    """A layer with a state of arrays (rows, size), which `stateful` carries on to the next batch."""

    stateful = False
    in_time = False  # backwards, but each output at its input's place
    _held: tuple[Any, list[Any]] | None = None  # a backend, the state there

    @property
    def state_sizes(self) -> list[int]:
        raise NotImplementedError

    def get_initial_state(self, batch_size: Any) -> Any:
        """States of zeros, as many rows as asked for, in a list; in a graph as many as `gpunn.ops.shape` says. None, which a call takes for
        zeros, where nobody knows how many."""
        from gpunn import ops  # which is made of layers

        return None if batch_size is None else [ops.zeros((batch_size, n), self.dtype) for n in self.state_sizes]

    @property
    def states(self) -> Any:
        """The state that a stateful layer has kept, as arrays that a call takes as ``initial_state``; None where there is none."""
        return None if self._held is None else [dressed(self._held[0].to_numpy(s).copy()) for s in self._held[1]]

    def again(self, **changed: Any) -> Any:
        """A fresh layer of the same configuration but for what is changed."""
        return type(self).from_config({**self.get_config(), **changed})

    def _initial(self, given: Sequence[Any], rows: int, dtype: Any) -> list[Any]:
        ops = self.backend
        if given or not self.stateful:
            return list(given) or [ops.zeros((rows, n), dtype) for n in self.state_sizes]
        return self._state(rows, dtype)

    def _state(self, rows: int, dtype: Any) -> list[Any]:
        """The arrays that hold the state from batch to batch, made at the first."""
        ops = self.backend
        if self._held is None:
            self._held = ops, [ops.zeros((rows, n), dtype) for n in self.state_sizes]
        elif self._held[0] is not ops:
            self._held = ops, [ops.asarray(self._held[0].to_numpy(s)) for s in self._held[1]]
        self.check_batches([rows])
        return self._held[1]

    def check_batches(self, sizes: Sequence[int]) -> None:
        """Raises ValueError where a stateful layer's batches would not all have as many rows as the state."""
        if not self.stateful:
            return
        wanted = sizes[0] if self._held is None else self._held[1][0].shape[0]
        for rows in sizes:
            if rows != wanted:
                raise ValueError(
                    f"Layer {self.name!r} is stateful: expected batches of {wanted} rows, as the first. Received: {rows} rows. "
                    "reset_state(rows=None) lets it begin with batches of another size."
                )

    def reset_state(self, rows: Any = 0) -> None:
        """Begin the next batch of a stateful layer with a state of zeros; with ``rows=None`` its number of rows may change, too."""
        if rows is None:
            self._held = None
        elif self._held is not None:
            for s in self._held[1]:
                self._held[0].write(s, 0)

    def reset_states(self) -> None:
        self.reset_state()
