"""compile, and the checks of data against what was compiled: what a model that trains inherits first."""

from typing import Any

import numpy as np

from gpunn import losses, optimizers
from gpunn.layers.graph import flat
from gpunn.losses.targets import beside
from gpunn.training import data, fuse, parts
from gpunn.training.changes import converted
from gpunn.training.declared import Declared
from gpunn.training.feeds.sources import Source
from gpunn.training.heads import Given, Shape, heads, nested
from gpunn.training.penalties import Penalties
from gpunn.training.plan import plan
from gpunn.training.setup import Setup
from gpunn.training.targets import ManyTargets, NoTargets, Targets
from gpunn.training.without_loss import Unsaid, added_to, no_targets, unsaid

FIRST = 4096  # rows of targets in a file that are looked at before training
STEPPING = ("fit", "evaluate", "train_on_batch", "test_on_batch")  # where a class's own step is called
IGNORED = ("steps_per_execution", "jit_compile", "auto_scale_loss")  # a step is recorded whenever it can be


class Compiled(Declared):
    """A model's `compile`, and its checks of data."""

    # ------------------------------------------------------------------ compile
    def compile(
        self, optimizer: Any = "rmsprop", loss: Any = None, metrics: Any = None, weighted_metrics: Any = None, loss_weights: Any = None,
        run_eagerly: bool = False, **unknown: Any,
    ) -> None:
        """Choose optimizer, loss and metrics (names, objects, functions or configurations; `metrics` may be a bare name).

        For a model with several outputs: `loss`, one for all, a list, or a dict by the outputs' names, None for one that is not trained;
        `loss_weights`, what each is multiplied by in their sum; `metrics`, a list with an entry (a metric, a list of them, or None) for
        each output, or a dict. `metrics` leave sample and class weights alone, `weighted_metrics` use them. "crossentropy" is the one that
        output and targets call for. Raises ValueError for unknown names (listing the valid ones) and for an optimizer that another model
        uses; the model keeps what it had. Without a loss what the layers add to it is all that `fit` makes smaller, and a class with a
        `train_step` or a `compute_loss` of its own works it out; `fit` then takes x without y, too; with `run_eagerly`
        each of its steps runs as it is written, to look into one.
        """
        if unknown := {name: value for name, value in unknown.items() if name not in IGNORED}:
            raise TypeError(f"compile got unknown arguments: {', '.join(sorted(unknown))}.")
        loss = Unsaid() if loss is None else loss
        setup = Setup(Given(loss, loss_weights, metrics, weighted_metrics), optimizers.get(optimizer))
        if self.built:
            setup.heads, setup.outputs = heads(setup.given, self.output_names, self.output_shapes(self.row_shape)), len(self.output_names)
        elif len(self.output_names) == 1 and not any(map(nested, (loss, loss_weights))) and not isinstance(metrics, dict):
            setup.heads = heads(setup.given, self.output_names, [(None, 2)])  # unknown names show here
        else:  # how many outputs there are shows when it is built
            for one in flat(loss):
                losses.get(one)
        setup.optimizer.claim(self)
        self._setup, self.run_eagerly = setup, bool(run_eagerly)
        self._programs: dict[Any, Any] = {}
        if self.built:
            self._arrange()

    @property
    def compiled(self) -> bool:
        return self._setup is not None

    @property
    def optimizer(self) -> optimizers.Optimizer | None:
        return self._setup.optimizer if self._setup else None

    @property
    def loss(self) -> Any:
        """That of the one output; what compile was given, where there are several."""
        if self._setup is None:
            return None
        return self._setup.loss if len(self._setup.heads) == 1 else self._setup.given.loss

    @property
    def metrics_names(self) -> list[str]:
        return self._need_setup("metrics_names").listed

    def _need_setup(self, what: str) -> Setup:
        if self._setup is None:
            raise ValueError(f"You must call `compile()` before calling `{what}()`.")
        return self._setup

    def _resolve(self, shapes: list[Shape]) -> None:
        """Heads and their metrics for outputs of these shapes."""
        setup = self._need_setup("fit")
        if not setup.heads or setup.outputs != len(shapes):
            setup.heads, setup.outputs = heads(setup.given, self.output_names, shapes), len(shapes)
        setup.named = self.names_outputs
        for head in setup.heads:
            head.name = self.output_names[head.index]
            if shapes[head.index][:1] != (None,):
                raise ValueError(f"Output {head.name!r}: a loss takes a row for each of the batch's. Received: shape {shapes[head.index]}.")
            head.resolve(shapes[head.index])

    def _arrange(self) -> None:
        """After build: metrics for the outputs' shapes, fused stages, flat storage, optimizer state."""
        setup = self._setup
        if setup is None:
            return
        self._resolve(self.output_shapes(self.row_shape))
        chosen: list[Any] = [None] * setup.outputs
        for head in setup.heads:
            chosen[head.index] = head.loss
        setup.plan, fused = fuse.fuse(plan(self, True), chosen)
        for head in setup.heads:
            head.fused = fused[head.index]
        self.pack()
        self._flags = self.set_flags()
        setup.penalties = Penalties(self.backend, self.storage, self.parameters, setup.stages)
        added_to(setup, self)
        setup.evaluation = None
        if self.varies:
            own, fused = fuse.fuse(plan(self, False), chosen)
            penalties = Penalties(self.backend, self.storage, self.parameters, own.stages)
            setup.evaluation = own, penalties, [fused[head.index] for head in setup.heads]
        setup.optimizer.bind(self.backend, self.storage)

    def _follow_flags(self) -> None:
        """Before steps: what learns, and where it is, is this model's affair again. Another one may have trained some of the layers
        meanwhile, with others of them frozen: what was recorded holds if they are as they were."""
        if self._setup is not None and not self.storage_fits():
            same = self.set_flags() == self._flags and self._setup.plan is not None
            if not (same and self.storage_fits()):
                self._arrange()

    # ------------------------------------------------------------------ checks
    def _check(
        self, x: Any, y: Any, sample_weight: Any, class_weight: Any, where: str, lazy: bool = False, whole: bool = True, makes: Any = None
    ) -> data.Rows:
        """Everything that can be refused is refused here, before anything changes.

        lazy: rows in files stay there; whole: these are all rows, not a batch of them; makes: the `ManyTargets` of the batches before."""
        setup, ops = self._need_setup(where), self.backend
        x = self._inputs(x, where, lazy)
        first = x[0] if isinstance(x, list) else x
        absent = y is None and (unsaid(setup) or self.steps_itself)
        if y is None and not absent:
            raise ValueError(f"Argument y of {where}: expected targets. Received: None.")
        shapes = self.output_shapes(data.Rows(x, [], None).row_shape)
        if not setup.heads:
            self._resolve(shapes)
        free = self.steps_itself and self.outputs == self.inputs  # no `call`: what the targets are for is its step's affair
        several = len(shapes) > 1
        if several and class_weight is not None:
            raise ValueError(f"Argument class_weight of {where}: it is only supported for models with a single output.")
        chosen = [head.index for head in setup.heads]
        ys = [no_targets(len(first))] * len(chosen) if absent else parts.per_output(y, self.output_names, chosen, "y", where)
        given = parts.per_output(sample_weight, self.output_names, chosen, "sample_weight", where)
        targets: list[list[Any]] = []
        weights, laters, found = [], [], []
        for k, (head, y, weight) in enumerate(zip(setup.heads, ys, given, strict=True)):
            name, suffix = self.output_names[head.index], f"[{self.output_names[head.index]!r}]" if several else ""
            if y is None:
                raise ValueError(f"Argument y of {where}: expected targets for the output {name!r}. Received: None.")
            y = data.targets(y, f"y{suffix}", ops, lazy and not several)
            if weight is not None:
                weight = data.targets(weight, f"sample_weight{suffix}", ops)
            data.same_length(first, y, f"y{suffix}", where)
            later = y if isinstance(y, Source) else None
            seen = y if later is None else later.block(slice(0, min(len(later), FIRST)))
            output = shapes[head.index]
            with ops.here():
                loss = Unsaid() if absent or free else losses.crossentropy(output, y.shape) if head.open_loss else head.loss
                if weight is None or weight.size == len(first):  # weights of steps tell them apart
                    output = beside(y.shape, output, loss.squeezes)
                before = None if makes is None else makes.parts[k]
                made = before.again(seen, None, shapes[head.index], output) if before else [loss.prepare(seen, output, self.dtype)]
                places = tuple(int(n or 0) for n in loss.value_shape(output)[1:]) if loss.positions(output) > 1 else ()
                labels = made[0] if loss.sparse and later is None and made[0].shape[1:] == places else None
                weights.append(data.row_weights(weight, class_weight, y, len(first), self.dtype, where, ops, places, labels))
                if weights[-1] is not None and not loss.weighable:
                    raise ValueError(
                        f"Loss {loss.name}: its values are not those of rows, and cannot be weighed by rows. Received: weights in {where}."
                    )
            targets.append(made)
            laters.append(later)
            found.append((loss, seen, y.shape, output))
        if makes is None:
            with ops.here():
                makes = self._targets(found, targets, shapes, whole and laters == [None] * len(laters))
        flat_weights = weights if len(weights) > 1 else weights[0]
        every = [t for made in targets for t in made]
        self._without_targets, self._targets_like = absent, [made[0][:0] for made in targets]
        return data.Rows(x, every, flat_weights, makes.chosen, laters[0], makes, divisible=lazy, loss_targets=makes.losses)

    def _targets(self, found: list[Any], targets: list[list[Any]], shapes: list[Shape], whole: bool) -> ManyTargets:
        """What makes targets, from the first ones, for each head: (loss, y, its shape, the output's as the loss takes it). Completes
        `targets` with the metrics'."""
        setup = self._need_setup("fit")
        made: list[Targets] = []
        for k, (head, (loss, seen, y_shape, output)) in enumerate(zip(setup.heads, found, strict=True)):
            if isinstance(loss, Unsaid) and loss is not head.loss:  # an own step is given no targets, or takes them as they come
                made.append(NoTargets(loss, head.metrics, shapes[head.index], self.dtype))
                continue
            if type(loss) is not type(head.loss):
                head.loss, setup.plan = loss, None
                self._programs.clear()
            head.resolve(shapes[head.index], y_shape)
            part = Targets(loss, head.metrics, shapes[head.index], self.dtype, output)
            targets[k] = part.first(seen, targets[k][0], whole)
            made.append(part)
        return ManyTargets(made, setup.measured)

    def _inputs(self, x: Any, where: str, lazy: bool = False) -> Any:
        """The rows as an array, or a list of them for a model with several inputs, in its order."""
        where = f"{where} of model {self.name!r}"
        arrays, labels = parts.inputs_of(converted(self, x), self.input_names, where)
        if self.input_names is None:
            self._like = sorted(x) if isinstance(x, dict) else None
        if self.built and not self.steps_itself and all(hasattr(a, "shape") for a in arrays):
            self.reopen([tuple(a.shape[1:]) for a in arrays])
        known = list(self.row_shape) if isinstance(self.row_shape, list) else [self.row_shape] * len(arrays)
        for i, layer in enumerate(self.first_layers()):
            if getattr(layer, "converts", False) and known[i] is not None:
                known[i] = layer.converted_shape((None, *known[i]))[1:]
        if self.steps_itself and where.startswith(STEPPING):  # what its train_step makes of rows of another shape is its affair
            known = [shape if len(shape or ()) == len(np.shape(a)) - 1 else None for shape, a in zip(known, arrays, strict=True)]
        out = [
            data.inputs(a, shape, self.dtype, where, name, self.backend, lazy) for a, shape, name in zip(arrays, known, labels, strict=True)
        ]
        for a, name in zip(out, labels, strict=True):
            if len(a) != len(out[0]):
                raise ValueError(f"Argument {name} of {where}: expected as many rows as {labels[0]}, {len(out[0])}. Received: {len(a)}.")
        for rows, layer in zip(out, self.first_layers(converted=True), strict=False):
            if hasattr(layer, "check_rows") and not isinstance(rows, Source):
                layer.check_rows(rows if isinstance(rows, np.ndarray) else self.backend.to_numpy(rows), where)
        several = len(out) > 1 or (self.input_names is None and isinstance(x, (dict, list, tuple)) and len(arrays) != 1)
        return out if several else out[0]

    def _ready(self, row_shape: Any) -> None:
        if not self.built:
            self.build([(None, *shape) for shape in row_shape] if isinstance(row_shape, list) else (None, *row_shape))
            return
        self.follow_activations()
        if self._setup is not None and self._setup.plan is None:
            self._arrange()
        else:
            self._follow_flags()
