"""Attributes of a user's class of models, which its own steps may depend on and set."""

from collections.abc import Callable
from typing import Any

# those that are not its user's, and change as a model is trained and asked
FIT = frozenset(
    "added alone stop_training history epochs_seen calls_in_step _given_here _without_targets _targets_like _programs _plans "
    "_traced _found _activations".split()
)


def attributes(model: Any) -> list[Any]:
    """All of a model and of those within, and what is in lists and dicts that are attributes."""
    models = (model, *model.inner_models)
    inside = (v for m in models for held in _held(m).values() for v in (len(held), *held))
    return [*(v for m in models for name, v in vars(m).items() if name not in FIT), *inside]


def keep(model: Any) -> Callable[[], None]:
    """-> what puts all of them back as they are now."""
    kept = [(m, dict(vars(m)), _held(m)) for m in (model, *model.inner_models)]

    def put_back() -> None:
        for m, values, held in kept:
            vars(m).clear()
            vars(m).update(values)
            for name, inside in held.items():
                _refill(values[name], inside)

    return put_back


def _held(model: Any) -> dict[str, list[Any]]:
    """What is in its lists and dicts, by their names; of a dict keys and values in turn."""
    found = {name: v for name, v in vars(model).items() if name not in FIT and type(v) in (list, dict)}
    return {name: [*v] if isinstance(v, list) else [part for item in v.items() for part in item] for name, v in found.items()}


def _refill(container: Any, inside: list[Any]) -> None:
    if isinstance(container, list):
        container[:] = inside
    else:
        container.clear()
        container.update(zip(inside[::2], inside[1::2], strict=True))
