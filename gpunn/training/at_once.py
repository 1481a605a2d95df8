"""`predict` of rows like some that were predicted before: what their form alone decides is not asked again."""

from typing import Any

import numpy as np

from gpunn.training import data
from gpunn.training.again import kept, key_of
from gpunn.training.prediction import Prediction


def at_once(model: Any, x: Any, batch: int, where: str) -> list[np.ndarray] | None:
    """The outputs of one batch of the host, where the model keeps the pass over another one of this form; None for anything else. `where`:
    what the user called.

    Raises ValueError for a value that the door refuses."""
    if type(x) is not np.ndarray or x.ndim < 2 or x.dtype.kind not in "iubf" or len(x) > batch:
        return None
    like = x if x.dtype in (np.uint8, model.dtype) else np.empty(x.shape, model.dtype)
    key = key_of(Prediction, data.Rows(like, [], None), batch, None)
    if key not in model._programs:
        return None
    where = f"{where} of model {model.name!r}"
    rows = data.inputs(x, x.shape[1:], model.dtype, where)
    first = model.first_layers(converted=True)[0]
    if hasattr(first, "check_rows"):
        first.check_rows(rows, where)
    with kept(model, key, data.Rows(rows, [], None)) as prediction:
        return prediction.run()
