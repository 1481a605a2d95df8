"""Models through `pickle`, `copy.deepcopy` and joblib: what a file of theirs holds, with the user's classes by reference."""

from typing import Any

from gpunn import lookup, optimizers
from gpunn.models import saving
from gpunn.models.files import npz


def reduced(model: Any) -> tuple[Any, tuple[Any, ...]]:
    """(a function, its arguments) that give a model with the same weights, random state, and optimizer where it was.

    Raises what `Model.save` raises for a class of the user's without a configuration."""
    with lookup.noting() as own:
        if not model.built:
            setup = model._setup
            compiled = None if setup is None else (optimizers.serialize(setup.optimizer), setup.given)
            return _unbuilt, (type(model), model.get_config(), own, compiled)
        config = saving.describe(model)
        return _built, (npz.configured(config), npz.arrays_of(model, config), own)


def _unbuilt(kind: Any, config: dict[str, Any], own: dict[str, Any], compiled: Any) -> Any:
    with lookup.custom_objects(own):
        model = kind.from_config(config)
        if compiled is not None:
            optimizer, given = compiled
            model.compile(optimizers.deserialize(optimizer, own), given.loss, given.metrics, given.weighted_metrics, given.loss_weights)
    return model


def _built(config: dict[str, Any], arrays: dict[str, Any], own: dict[str, Any]) -> Any:
    return saving.restored(npz.Source(config, arrays), own)
