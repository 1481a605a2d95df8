"""What a batch-size study is told: sizes, seeds, rates, budget; and what each of its jobs is."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from gpunn.callbacks.monitor import number, whole

LR_RULES = ("none", "linear", "sqrt", "tuned")
BUDGETS = ("epochs", "steps", "time", "target-accuracy")
DEFAULT_AMOUNT = {"epochs": 5.0, "steps": 2000.0, "time": 10.0, "target-accuracy": 20.0}
WHERE = "BatchSizeStudy"


def parse_sizes(text: str) -> list[int]:
    """``"8..8192"`` (doubling), ``"8,32,128"`` or a mixture, in rising order. Raises ValueError for anything else."""
    found: set[int] = set()
    for part in str(text).split(","):
        low, dots, high = part.strip().partition("..")
        try:
            first, last = int(low), int(high if dots else low)
        except ValueError:
            raise ValueError(f"Batch sizes are written like 8..8192 (doubling) or 8,32,128. Received: {text!r}.") from None
        if not 1 <= first <= last:
            raise ValueError(f"Batch sizes are whole numbers from 1, the smaller first. Received: {part.strip()!r}.")
        while first <= last:
            found.add(first)
            first *= 2
    return sorted(found)


@dataclass(frozen=True)
class Settings:
    """The numbers of a study; see `BatchSizeStudy`. `check` refuses what does not fit."""

    sizes: tuple[int, ...]
    seeds: int = 5
    lr_rule: str = "sqrt"
    budget: str = "epochs"
    amount: float = 5.0
    optimizer: str = "sgd"
    optimizer_config: dict[str, Any] = field(default_factory=dict)
    learning_rate: float | None = None
    base_batch: int = 128
    target: float | None = None
    first_seed: int = 0
    diagnostics: bool = True

    def check(self, rows: int) -> None:
        """Raises ValueError for numbers out of range, and for sizes above the rows of the training data."""
        if not self.sizes:
            raise ValueError(f"{WHERE}: sizes must be at least one batch size. Received: none.")
        for size in self.sizes:
            whole("size", size, WHERE, 1)
        if (large := [n for n in self.sizes if n > rows]):
            raise ValueError(
                f"{WHERE}: a batch cannot have more rows than the training data, {rows}. Received: sizes {', '.join(map(str, large))}."
            )
        whole("seeds", self.seeds, WHERE, 1)
        whole("first_seed", self.first_seed, WHERE)
        whole("base_batch", self.base_batch, WHERE, 1)
        for name, value, allowed in (("lr_rule", self.lr_rule, LR_RULES), ("budget", self.budget, BUDGETS)):
            if value not in allowed:
                raise ValueError(f"{WHERE}: {name} must be one of {', '.join(allowed)}. Received: {name}={value!r}.")
        if number("amount", self.amount, WHERE, 0.0) == 0:
            raise ValueError(f"{WHERE}: amount must be above 0. Received: amount={self.amount!r}.")
        if self.learning_rate is not None and number("learning_rate", self.learning_rate, WHERE, 0.0) == 0:
            raise ValueError(f"{WHERE}: learning_rate must be above 0. Received: learning_rate={self.learning_rate!r}.")
        if self.target is not None and not 0 < number("target", self.target, WHERE) <= 1:
            raise ValueError(f"{WHERE}: target is an accuracy, in (0, 1]. Received: target={self.target!r}.")
        if self.budget == "target-accuracy" and self.target is None:
            raise ValueError(f"{WHERE}: budget='target-accuracy' needs a target.")

    def rate(self, size: int, base: float) -> float:
        """The learning rate of a batch size by the rule, from the rate of `base_batch` rows; for "tuned" where the search begins."""
        factor = {"none": 1.0, "linear": size / self.base_batch}.get(self.lr_rule, math.sqrt(size / self.base_batch))
        return base * factor

    def plain(self) -> dict[str, Any]:
        """As JSON takes it."""
        return asdict(self) | {"sizes": list(self.sizes)}


@dataclass(frozen=True)
class Job:
    """One thing to do, independent of all others: a training ("run"), the search for a size's rate ("tune"), or the gradient's direction
    against the batch size at common weights ("law")."""

    kind: str
    size: int
    seed: int
    learning_rate: float

    @property
    def key(self) -> tuple[str, int, int]:
        return self.kind, self.size, self.seed


def whole_steps(settings: Settings, size: int, rows: int) -> tuple[int, int | None]:
    """(epochs of `fit`, steps after which it ends or None) of a run by its budget. Time and target end it in a callback."""
    per_epoch = -(-rows // size)
    if settings.budget == "steps":
        return -(-int(settings.amount) // per_epoch), int(settings.amount)
    if settings.budget == "time":
        return 10**6, None
    return max(1, math.ceil(settings.amount)), None if settings.amount >= 1 else max(1, round(settings.amount * per_epoch))


def sized(sizes: Sequence[int]) -> tuple[int, ...]:
    return tuple(sorted({int(n) for n in sizes}))
