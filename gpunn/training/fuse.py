"""Which neighbours of a model run as one: decided once at compile, shown by `Model.explain`."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from gpunn import activations
from gpunn.layers import BatchNormalization, Conv1D, Conv2D, Conv3D, Dense, MaxPooling1D, MaxPooling2D
from gpunn.layers.activation import ALONE
from gpunn.training import fuse_operations
from gpunn.training.penalties import output_penalty
from gpunn.training.plan import Plan, Stage

# The largest number stays the largest behind these, so they may come behind a pooling, on fewer numbers. Where they are flat to a float's
# precision equals may have another winner than before, but no gradient.
INCREASING = (
    activations.linear, activations.relu, activations.tanh, activations.sigmoid, activations.leaky_relu, activations.elu, activations.selu,
    activations.softplus, activations.softsign, activations.relu6, activations.hard_sigmoid, activations.hard_tanh,
)


def fuse(given: Plan, losses: Sequence[Any] | None = None) -> tuple[Plan, list[bool]]:
    """-> (the plan with fewer stages, for each output whether its loss takes over the last activation).

    `losses`: one for each output, or None. Where there are any, an output's penalty is a stage behind its layer."""
    uses = Counter(i for stage in given.stages for i in stage.inputs) + Counter(given.outputs)
    makers: dict[int, Stage] = {}
    out: list[Stage] = []
    fresh = 1 + max((i for stage in given.stages for i in (*stage.inputs, *stage.outputs)), default=0)
    renamed: dict[int, int] = {}
    for old in given.stages:
        layer, inputs = old.layer, tuple(renamed.get(i, i) for i in old.inputs)
        before = makers.get(inputs[0]) if len(inputs) == 1 and uses[old.inputs[0]] == 1 else None
        penalised = losses is not None and layer.activity_regularizer is not None
        if type(layer) in ALONE and before is not None and _open(before) and not penalised:
            before.activation, before.outputs = layer.activation, old.outputs
            before.notes.append(f"{layer.name} ({layer.activation.name}) in the same pass")
            makers[old.outputs[0]] = before
            continue
        if before is not None and _pools(before, layer) and not penalised:
            before.pool, before.outputs = layer, old.outputs
            before.notes.append(f"{layer.name} in the same pass (on a CPU): its winners alone are kept")
            makers[old.outputs[0]] = before
            continue
        stage = Stage(
            layer, inputs, old.outputs, old.many_in, old.many_out, old.training, old.options, old.stream, old.activation,
            notes=list(old.notes),
        )
        if type(layer) is Dense and layer.activation is not activations.linear and layer.activation.elementwise:
            stage.notes.append(f"bias + {layer.activation.name} in one pass, their gradients in one pass")
        out.append(stage)
        for i in stage.outputs:
            makers[i] = stage
            if penalised:
                penalty = output_penalty(layer)
                how = "values and gradient in the rows' passes" if penalty.recordable else "called from Python in every step"
                out.append(Stage(penalty, (i,), (fresh,), notes=[f"{layer.activity_regularizer!r}, {how}"]))
                makers[fresh], renamed[i], fresh = out[-1], fresh, fresh + 1
    outputs = [renamed.get(i, i) for i in given.outputs]
    alone = [uses[i] == 1 for i in given.outputs]
    chosen = losses or [None] * len(outputs)
    fused = [single and _with_loss(makers.get(i), loss) for i, single, loss in zip(outputs, alone, chosen, strict=True)]
    return fuse_operations.fused(Plan(out, given.inputs, outputs)), fused


def _with_loss(last: Stage | None, loss: Any) -> bool:
    """Whether a loss takes over the activation of the stage before it, which is then left out there."""
    if last is None or loss is None or loss.fuses is None or getattr(loss, "from_logits", False):
        return False
    own = last.activation or getattr(last.layer, "activation", None)
    if own is not activations.get(loss.fuses) or type(last.layer) not in (Dense, BatchNormalization, *ALONE):
        return False
    last.activation = activations.linear
    last.notes.append(f"{loss.fuses} + {loss.name}: value and gradient in one pass, from the logits")
    return True


def _open(stage: Stage) -> bool:
    """Whether an activation may move into this stage."""
    if stage.activation is not None or stage.pool is not None:
        return False
    if type(stage.layer) in (Dense, Conv1D, Conv2D, Conv3D):
        return stage.layer.activation is activations.linear
    return type(stage.layer) is BatchNormalization


def _pools(stage: Stage, layer: Any) -> bool:
    """Whether a pooling may move into this convolution: windows side by side, an activation after which the largest stays the largest."""
    if (type(stage.layer), type(layer)) not in ((Conv1D, MaxPooling1D), (Conv2D, MaxPooling2D)) or stage.pool is not None:
        return False
    chosen = stage.activation or stage.layer.activation
    return layer.strides == layer.pool_size and layer.padding == "valid" and chosen in INCREASING
