"""gpunn's own format: one .npz of arrays beside a JSON text. It needs no other package, and keeps every bit."""

import math
import pathlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from gpunn.models import archive

FORMAT, WEIGHTS_FORMAT = "gpunn-1", "gpunn-weights-1"


def save_model(model: Any, path: pathlib.Path, config: dict[str, Any]) -> None:
    archive.write(path, configured(config), arrays_of(model, config))


def configured(config: dict[str, Any]) -> dict[str, Any]:
    return {"format": FORMAT} | config


def arrays_of(model: Any, config: dict[str, Any]) -> dict[str, np.ndarray]:
    """The weights, and the optimizer's state where the configuration has one."""
    arrays = {f"weight/{i}": w for i, w in enumerate(model.get_weights())}
    if "compile" in config:
        arrays |= {f"optimizer/{name}": array for name, array in model.optimizer.export(model.storage).items()}
    return arrays


def save_weights(model: Any, path: pathlib.Path) -> None:
    from gpunn.models import state

    arrays: dict[str, np.ndarray] = {}
    taken = state.take(model)
    kept = {name: taken[name] for name in ("weights", "optimizer") if name in taken}
    archive.write(path, {"format": WEIGHTS_FORMAT, "state": archive.flatten(kept, arrays, "state")}, arrays)


@contextmanager
def reading(path: pathlib.Path) -> Iterator["Source"]:
    yield Source(*archive.read(path))


class Source:
    """What `gpunn.models.saving` and `gpunn.models.state` ask of a file."""

    def __init__(self, config: dict[str, Any], arrays: dict[str, np.ndarray]):
        self.config, self.arrays = config, arrays
        self.state = archive.unflatten(config["state"], arrays) if config.get("format") == WEIGHTS_FORMAT else None

    def numbers(self) -> int:
        return sum(math.prod(a.shape) for a in self.arrays.values())

    def model_config(self, own: dict[str, Any] | None) -> dict[str, Any]:
        if self.config.get("format") != FORMAT:
            raise ValueError(
                f"expected a {self.config.get('class_name', 'Sequential')} in the format {FORMAT}. "
                f"Received: {self.config.get('class_name')!r} in {self.config.get('format')!r}."
            )
        return self.config | {"rng": self.config["rng"]}  # which every such file has

    def weights(self, model: Any) -> list[np.ndarray]:
        if self.state is not None:
            return self.state["weights"]
        return [self.arrays[f"weight/{i}"] for i in range(sum(n.startswith("weight/") for n in self.arrays))]

    def optimizer_state(self, model: Any) -> Callable[[], None] | None:
        """What puts the optimizer of a whole model's file where it was."""
        saved = {name.removeprefix("optimizer/"): a for name, a in self.arrays.items() if name.startswith("optimizer/")}
        return lambda: model.optimizer.restore(model.storage, self.config["iterations"], saved)

    def optimizer_of_weights(self, model: Any) -> Callable[[], None] | str | None:
        """The same for a file of weights; or the name of the optimizer that the state is of, where it is another; or None."""
        from gpunn.models import state

        given = None if self.state is None else self.state.get("optimizer")
        if given is None:
            return None
        return (lambda: state.put_optimizer(model, given)) if given["class_name"] == type(model.optimizer).__name__ else given["class_name"]
