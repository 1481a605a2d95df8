"""One training of a model function: its score, its best weights, from a seed of its own."""

import inspect
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gpunn.random import Scope

FIT = ("batch_size", "epochs", "shuffle", "class_weight")  # of `fit`, what a search may vary


@dataclass
class Outcome:
    """Of one training: the best value of the monitor, which way it is better ("min" or "max"), its epoch (from 0), the history, and the
    model with the weights of that epoch."""

    score: float
    mode: str
    epoch: int
    history: dict[str, list[Any]]
    model: Any


def check_monitor(monitor: str, fit: dict[str, Any], where: str) -> None:
    """Raises ValueError where the monitored value can never be there."""
    validated = fit.get("validation_data") is not None or fit.get("validation_split")
    if monitor.startswith("val_") and not validated:
        raise ValueError(f"{where}: monitor={monitor!r} needs validation_data or validation_split.")


def train(
    build: Callable[..., Any], arguments: dict[str, Any], monitor: str, mode: str, seed: int, data: tuple[Any, Any], **fit: Any
) -> Outcome:
    """Build a model with these arguments and train it. Raises what `build` and `fit` raise, and ValueError where the monitor never came."""
    from gpunn.callbacks import EarlyStopping

    given = fit.pop("callbacks", None)
    chain = list(given) if isinstance(given, (list, tuple)) else [] if given is None else [given]
    best = EarlyStopping(monitor=monitor, mode=mode, patience=10**9, restore_best_weights=True)
    with Scope(seed), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The loss became NaN", RuntimeWarning)
        model = build(**arguments)
        if not hasattr(model, "fit"):
            raise TypeError(f"The model function must return a compiled model. Received: {model!r}.")
        history = model.fit(*data, callbacks=[*chain, best], **({"verbose": 0} | fit)).history
    if best.best is None:
        raise ValueError(f"monitor={monitor!r} is not in the logs. There are: {', '.join(history)}.")
    return Outcome(float(best.best), "max" if best._rising else "min", best.best_epoch, dict(history), model)


def divide(build: Callable[..., Any], names: list[str], where: str) -> tuple[list[str], list[str]]:
    """(names that `build` takes, names that `fit` takes). Raises ValueError for one that neither does, listing them."""
    parameters = inspect.signature(build).parameters.values()
    own = [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    anything = any(p.kind is p.VAR_KEYWORD for p in parameters)
    for name in names:
        if name not in own and name not in FIT and not anything:
            raise ValueError(
                f"{where}: neither the model function nor fit takes {name!r}. The function takes: {', '.join(own) or 'nothing'}; "
                f"of fit there are: {', '.join(FIT)}."
            )
    for_fit = [name for name in names if name in FIT and name not in own]
    return [name for name in names if name not in for_fit], for_fit


def training_score(
    build: Callable[..., Any], x: Any, y: Any = None, monitor: str = "val_loss", mode: str = "auto", seed: int = 0, **fit: Any
) -> Callable[..., float]:
    """A function that trains ``build(...)`` with its own arguments on this data and gives the best value of `monitor` over the epochs:
    what `capacity_search` takes. Other arguments are `fit`'s."""
    check_monitor(monitor, fit, "training_score")

    def score(*arguments: Any, **named: Any) -> float:
        bound = inspect.signature(build).bind(*arguments, **named)
        return train(lambda: build(*bound.args, **bound.kwargs), {}, monitor, mode, seed, (x, y), **fit).score

    return score
