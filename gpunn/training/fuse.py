"""Which neighbours of a model run as one: decided once at compile, shown by `Model.explain`."""

from dataclasses import dataclass, field
from typing import Any

from gpunn import activations
from gpunn.layers import BatchNormalization, Conv1D, Conv2D, Dense, InputLayer, MaxPooling1D, MaxPooling2D
from gpunn.layers.activation import ALONE
from gpunn.training.penalties import output_penalty


@dataclass
class Stage:
    """A layer as the step runs it: perhaps with the activation of the layer after it, or without its own; perhaps with a pooling."""

    layer: Any
    activation: Any = None  # None: the layer's own
    pool: Any = None
    notes: list[str] = field(default_factory=list)

    @property
    def recordable(self) -> bool:
        """Whether the layer's own class says that it only launches kernels; one that a user wrote on top of ours must say so again."""
        return bool(type(self.layer).__dict__.get("recordable", False)) and getattr(self.layer, "all_recordable", True)

    def forward(self, x: Any, training: bool, mask: Any = None) -> Any:
        options = {"activation": self.activation, "pool": self.pool}
        more = {name: option for name, option in options.items() if option is not None}
        if self.layer.takes_mask:
            more["mask"] = mask
        return self.layer.forward(x, training, **more)


def stages(layers: list[Any], loss: Any = None) -> tuple[list[Stage], bool]:
    """-> (stages, whether the loss takes over the last activation). Where there is a loss to add it to, an output's penalty is a stage."""
    out: list[Stage] = []
    for layer in layers:
        if isinstance(layer, InputLayer):
            continue
        before = out[-1] if out else None
        penalised = loss is not None and layer.activity_regularizer is not None
        if type(layer) in ALONE and before is not None and _open(before) and not penalised:
            before.activation = layer.activation
            before.notes.append(f"{layer.name} ({layer.activation.name}) in the same pass")
            continue
        if before is not None and _pools(before, layer) and not penalised:
            before.pool = layer
            before.notes.append(f"{layer.name} in the same pass (on a CPU): its winners alone are kept")
            continue
        stage = Stage(layer)
        if type(layer) is Dense and layer.activation is not activations.linear and layer.activation.elementwise:
            stage.notes.append(f"bias + {layer.activation.name} in one pass, their gradients in one pass")
        out.append(stage)
        if penalised:
            penalty = output_penalty(layer)
            how = "values and gradient in the rows' passes" if penalty.recordable else "called from Python in every step"
            out.append(Stage(penalty, notes=[f"{layer.activity_regularizer!r}, {how}"]))
    fused = bool(out) and loss is not None and loss.fuses is not None and not getattr(loss, "from_logits", False)
    if fused:
        last = out[-1]
        own = last.activation or getattr(last.layer, "activation", None)
        fused = own is activations.get(loss.fuses) and type(last.layer) in (Dense, BatchNormalization, *ALONE)
        if fused:
            last.activation = activations.linear
            last.notes.append(f"{loss.fuses} + {loss.name}: value and gradient in one pass, from the logits")
    return out, fused


def _open(stage: Stage) -> bool:
    """Whether an activation may move into this stage."""
    if stage.activation is not None or stage.pool is not None:
        return False
    if type(stage.layer) in (Dense, Conv1D, Conv2D):
        return stage.layer.activation is activations.linear
    return type(stage.layer) is BatchNormalization


def _pools(stage: Stage, layer: Any) -> bool:
    """Whether a pooling may move into this convolution: windows side by side, and an activation after which the largest stays the largest."""
    if (type(stage.layer), type(layer)) not in ((Conv1D, MaxPooling1D), (Conv2D, MaxPooling2D)) or stage.pool is not None:
        return False
    chosen = stage.activation or stage.layer.activation
    return layer.strides == layer.pool_size and layer.padding == "valid" and chosen in (activations.linear, activations.relu)
