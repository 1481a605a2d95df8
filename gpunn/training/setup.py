"""What compile decided: loss, optimizer, metrics and their names in the logs, and which stages run."""

from dataclasses import dataclass, field
from typing import Any, cast

from gpunn import losses, optimizers
from gpunn import metrics as measures
from gpunn.training import fuse


@dataclass
class Setup:
    """What compile decided."""

    loss: losses.Loss
    optimizer: optimizers.Optimizer
    asked: list[Any]
    asked_weighted: list[Any] = field(default_factory=list)
    open_loss: bool = False  # "crossentropy", which one the first targets say
    stages: list[fuse.Stage] = field(default_factory=list)
    fused: bool = False
    penalties: Any = None  # a `Penalties`, once the model is built
    metrics: list[measures.Metric] = field(default_factory=list)

    def resolve(self, output_shape: tuple[int | None, ...], target_shape: tuple[int | None, ...] | None = None) -> None:
        """Metrics for an output and, once they are seen, targets of these shapes. One that stays what it was stays the same object."""
        found = []
        for i, asked in enumerate([*self.asked, *self.asked_weighted]):
            old = self.metrics[i] if i < len(self.metrics) else None
            if old is None or (isinstance(asked, str) and asked.lower() in (*measures.ACCURACY, *losses.CROSSENTROPY)):
                new = measures.resolve(asked, self.loss, output_shape, target_shape)
                kinds = [(type(m), type(getattr(m, "loss", None))) for m in (old, new)]
                old = old if kinds[0] == kinds[1] else new
            found.append(cast(measures.Metric, old))
        self.metrics = found

    @property
    def recordable(self) -> bool:
        """Whether what compile was given only launches kernels."""
        penalties = self.penalties is None or self.penalties.recordable
        return penalties and self.loss.recordable and all(m.recordable for m in self.metrics)

    @property
    def names(self) -> list[str]:
        """Log names as Keras gives them: a second metric of a name is ``name_1``, a weighted one ``weighted_name``."""
        seen: dict[str, int] = {}
        out = []
        for i, name in enumerate(m.name for m in self.metrics):
            if name in seen and i >= len(self.asked):
                name = f"weighted_{name}"
            count = seen.get(name, 0)
            seen[name] = count + 1
            out.append(f"{name}_{count}" if count else name)
        return ["loss", *out]
