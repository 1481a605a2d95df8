"""The door for everything that `fit`, `evaluate` and `predict` take: arrays, or what makes batches."""

from typing import Any

from gpunn import config
from gpunn.training import data, parts
from gpunn.training.feeds.batches import GivenBatches
from gpunn.training.feeds.iterables import batched
from gpunn.training.feeds.loose import Loose, is_loose
from gpunn.training.own_step import OwnSteps


def check_batches(model: Any, feed: Any) -> None:
    """Raises ValueError where a layer keeps a state from batch to batch and the batches are not of its size."""
    for layer in model.leaves:
        if hasattr(layer, "check_batches"):
            layer.check_batches([n for n in (feed.batch, feed.rest) if n])


def given(
    model: Any, x: Any, y: Any, sample_weight: Any, class_weight: Any, where: str, shuffle: Any = False, workers: int | None = None,
    ahead: int | None = None,
) -> Any:
    """A checked data set with targets: `Rows` of arrays, or `GivenBatches` of what makes batches.

    Raises ValueError for what does not fit the model, and changes nothing; of batches the first is taken and checked."""
    source = batched(x, workers, ahead)
    if source is None:
        return model._check(x, y, sample_weight, class_weight, where, lazy=config.streaming() != "never")
    model._need_setup(where)
    for name, value in (("y", y), ("sample_weight", sample_weight)):
        if value is not None:
            raise ValueError(f"Argument {name} of {where}: expected None, as the batches of x, {source.kind}, have their own.")
    makes: Any = None

    step = "train_step" if where == "fit" else "test_step"
    takes_all = getattr(type(model), step) is not getattr(OwnSteps, step)

    def check(item: Any) -> data.Rows | Loose:
        nonlocal makes
        if takes_all and is_loose(item, len(model.output_names)):
            return Loose(item, model.dtype, where)
        x, y, weight = parts.unpack(item, model.backend, model.steps_itself)
        rows = model._check(x, y, weight, class_weight, where, whole=False, makes=makes)
        makes = rows.makes
        return rows

    return GivenBatches(source, check, where, model.rng.seed, model.epochs_seen, shuffle)


def given_inputs(model: Any, x: Any, where: str, workers: int | None = None, ahead: int | None = None) -> Any:
    """The same for inputs alone; whatever else batches have is left out."""
    source = batched(x, workers, ahead)
    if source is None:
        return data.Rows(model._inputs(x, where, lazy=config.streaming() != "never"), [], None, divisible=True)

    def check(item: Any) -> data.Rows:
        return data.Rows(model._inputs(parts.unpack(item, model.backend)[0], where), [], None)

    return GivenBatches(source, check, where, model.rng.seed, model.epochs_seen, False)
