"""`predict` of a model whose class gives a ``predict_step``: what that returns, batch by batch."""

from typing import Any

import numpy as np

from gpunn.backend.foreign import on_host
from gpunn.layers.graph import flat, packed
from gpunn.results import dressed
from gpunn.training.prediction import Prediction


def own_predictions(model: Any, rows: Any, batch: int, steps: int | None, chain: Any) -> Any:
    """What the batches' results are together, one behind the other, in their lists and dicts."""
    prediction = _OwnPrediction(model, rows, batch, steps)
    return prediction.packed(prediction.run(chain))


class _OwnPrediction(Prediction):
    """Runs the step on arrays of the host, as it is written."""

    def __init__(self, *given: Any):
        super().__init__(*given)
        self._of_rows = False  # a step may return what it likes
        self._like: Any = None  # how it returns it

    def _outputs(self, rows: int) -> list[Any]:
        model = self.model
        xs = [dressed(on_host(x, self.ops)) for x in self.feed.gather_inputs(self.ops, rows, np.dtype(model.dtype))]
        x: Any = dict(zip(model.input_names, xs, strict=True)) if isinstance(model._input, dict) else xs if len(xs) > 1 else xs[0]
        self._like = model.predict_step(x)
        return [np.asarray(on_host(v, self.ops)) for v in flat(self._like)]

    def packed(self, values: list[np.ndarray]) -> Any:
        return packed(self._like, values)
