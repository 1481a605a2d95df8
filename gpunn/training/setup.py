"""What compile decided: losses, optimizer, metrics and their names in the logs, and which stages run."""

from dataclasses import dataclass, field
from typing import Any

from gpunn import losses, optimizers
from gpunn import metrics as measures
from gpunn.training.heads import Given, Head
from gpunn.training.plan import Plan, Stage


@dataclass
class Setup:
    """What compile decided. ``heads`` are the outputs with a loss, none of them as long as a model with several is not built, and
    ``named`` whether these have names of their own; ``plan`` is there once the model is built, and ``penalties``, a `Penalties`;
    ``evaluation`` is the same two for an evaluation, with whether each output's loss takes over its activation, where the model's graph may
    be another one then."""

    given: Given
    optimizer: optimizers.Optimizer
    heads: list[Head] = field(default_factory=list)
    outputs: int = 1
    named: bool = True
    plan: Plan | None = None
    penalties: Any = None
    evaluation: tuple[Plan, Any, list[bool]] | None = None

    def of_step(self, training: bool) -> tuple[Any, Any, list[bool]]:
        """(plan, penalties, whether each head's loss takes over its output's activation) of a train step, or of an evaluation's."""
        if training or self.evaluation is None:
            return self.plan, self.penalties, [head.fused for head in self.heads]
        return self.evaluation

    @property
    def stages(self) -> list[Stage]:
        return [] if self.plan is None else self.plan.stages

    @property
    def loss(self) -> losses.Loss:
        """That of the first output."""
        return self.heads[0].loss

    @property
    def fused(self) -> bool:
        """Whether the first output's loss takes over its activation."""
        return self.heads[0].fused

    @property
    def asked(self) -> list[Any]:
        return [m for head in self.heads for m in head.asked]

    @property
    def asked_weighted(self) -> list[Any]:
        return [m for head in self.heads for m in head.asked_weighted]

    @property
    def measured(self) -> list[tuple[int, bool, measures.Metric]]:
        """(number of the head, whether it is weighted, metric), in the order of the logs."""
        plain = [(k, False, m) for k, head in enumerate(self.heads) for m in head.metrics[: len(head.asked)]]
        return plain + [(k, True, m) for k, head in enumerate(self.heads) for m in head.metrics[len(head.asked) :]]

    @property
    def metrics(self) -> list[measures.Metric]:
        return [m for _, _, m in self.measured]

    @property
    def recordable(self) -> bool:
        """Whether what compile was given only launches kernels."""
        penalties = self.penalties is None or self.penalties.recordable
        return penalties and all(head.recordable for head in self.heads)

    @property
    def names(self) -> list[str]:
        """Log names as Keras gives them: with several losses each one's, ``<output>_loss``; with several outputs metrics are
        ``<output>_<metric>``; a second one of a name is ``name_1``, a weighted metric ``weighted_name``. Where outputs have no names of
        their own losses have that of their formula, ``mse_loss``, and metrics theirs alone."""
        seen: dict[str, int] = {}

        def numbered(name: str) -> str:
            count = seen.get(name, 0)
            seen[name] = count + 1
            return f"{name}_{count}" if count else name

        several = len(self.heads) > 1
        out = ["loss", *(numbered(f"{head.name if self.named else head.label}_loss") for head in self.heads if several)]
        for k, weighted, metric in self.measured:
            prefix = f"{self.heads[k].name}_" if self.outputs > 1 and self.named else ""
            again = weighted and prefix + metric.name in seen
            out.append(numbered(f"{prefix}{'weighted_' if again else ''}{metric.name}"))
        return out

    @property
    def listed(self) -> list[str]:
        """The same in the order of what `evaluate` lists: of several outputs that have names Keras sorts the metrics, of others it lists
        them before the losses."""
        names, losses = self.names, len(self.heads) + 1 if len(self.heads) > 1 else 1
        if self.outputs == 1:
            return names
        return [*names[:losses], *sorted(names[losses:])] if self.named else ["loss", *names[losses:], *names[1:losses]]

    def written_down(self) -> dict[str, Any]:
        """Losses and metrics as a file keeps them: of one output alone, of several by their names."""
        out = {
            head.name: {
                "loss": losses.serialize(head.loss), "metrics": [measures.serialize(m) for m in head.asked],
                "weighted_metrics": [measures.serialize(m) for m in head.asked_weighted], "loss_weights": head.weight,
            } for head in self.heads
        }
        if self.outputs > 1:
            kinds = ("loss", "metrics", "weighted_metrics", "loss_weights")
            return {what: {name: one[what] for name, one in out.items()} for what in kinds}
        (one,) = out.values()
        return one | {"loss_weights": None if one["loss_weights"] == 1 else one["loss_weights"]}
