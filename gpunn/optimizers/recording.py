"""One update, as it is recorded: the step's scalars, the gradient's norm if it is clipped by it, the fused update, the counter."""

from typing import Any

from gpunn.kernels import optimizers as formulas
from gpunn.kernels import segments
from gpunn.kernels.data import ADVANCE
from gpunn.kernels.record import Kernel
from gpunn.kernels.segments import ROW
from gpunn.kernels.update import Options, with_options
from gpunn.optimizers.decay import by_row
from gpunn.optimizers.norms import Parts


def record(optimizer: Any, ops: Any, parameters: Any, gradients: Any) -> None:
    """Launch a step's update of the flat vectors, and count it."""
    optimizer.update(Step(optimizer, ops, parameters, gradients))
    ops.launch(ADVANCE, optimizer.scalar("unused", "int64"), optimizer.step, 0, 1)


class Step:
    """What an optimizer needs to record its update.

    Attributes: ``ops``; ``p`` and ``g``, the flat vectors; ``rate``, the scalar that holds this step's learning rate; ``updates``, the
    number of updates before this one, on the device; ``gate``, 0 where this step only accumulates (None where every step updates).
    """

    def __init__(self, optimizer: Any, ops: Any, parameters: Any, gradients: Any):
        self.optimizer, self.ops, self.p, self.g = optimizer, ops, parameters, gradients
        self.updates, self.gate = optimizer.step, None
        self._mean: dict[str, Any] = {}
        every, average = optimizer.gradient_accumulation_steps, optimizer.use_ema
        if every or average:
            updates, gate, mix, put = self.scalar("updates", "int64"), self.scalar("gate"), self.scalar("mix"), self.scalar("put")
            momentum, frequency = float(optimizer.ema_momentum), float(optimizer.ema_overwrite_frequency or 0)
            ops.launch(formulas.update_counters, optimizer.step, float(every or 1), momentum, frequency, updates, gate, mix, put)
            if every:
                self.updates, self.gate = updates, gate
            if average:
                self._mean = {"o_average": optimizer.state["average"], "o_mix": mix, "o_put": put}
        self.rate = optimizer._rate.record(ops, optimizer)
        if every:
            ops.launch(formulas.applied_rate, self.rate, self.gate, self.scalar("applied"))

    def scalar(self, name: str, dtype: str = "float64", initial: float = 0) -> Any:
        return self.optimizer.scalar(name, dtype, initial)

    def vector(self, name: str) -> Any:
        """A flat vector that need not outlive the step."""
        return self._table(name, lambda: self.ops.zeros((self.p.size,), self.p.dtype))

    def rows(self, name: str, value: Any) -> Any:
        """``value(name, shape)`` of each parameter, on the device, for each row of 16 elements."""
        o = self.optimizer
        return self._table(name, lambda: self.ops.asarray(by_row(o._places, o._size, value).astype(self.p.dtype)))

    def parts(self, name: str = "all", choose: Any = None) -> Parts:
        """The parameters (those that ``choose(name, shape)`` takes) as parts with norms."""
        o = self.optimizer
        chosen = {n: place for n, place in o._places.items() if choose is None or choose(n, place[1])}
        return self._table(f"parts of {name}", lambda: Parts(self.ops, chosen, o._size, self.p.dtype))

    def _table(self, name: str, make: Any) -> Any:
        tables = self.optimizer._tables
        if name not in tables:
            tables[name] = make()
        return tables[name]

    # ------------------------------------------------------------------ the update
    def launch(self, kernel: Kernel, operands: dict[str, Any], begin: bool = True, end: bool = True) -> None:
        """The kernel over the whole model, with the options around it.

        An update of several launches says which of them takes the gradient (`begin`) and which changes the parameters last (`end`).
        """
        o = self.optimizer
        given = {"p": self.p, "g": self.g, "rate": self.rate, "o_gate": self.gate} | operands
        chosen: dict[str, Any] = {"gate": self.gate is not None}
        if begin:
            chosen |= self._gradient(given) | self._decay(given)
        if end and o.use_ema:
            given |= self._mean
            chosen["average"] = True
        kernel = with_options(kernel, Options(**chosen))
        arguments = [given[operand.name] for operand in kernel.operands]
        if any(operand.kind == "col" for operand in kernel.operands):
            arguments = [a.reshape(-1, ROW) if x.kind == "full" else a for x, a in zip(kernel.operands, arguments, strict=True)]
        self.ops.launch(kernel, *arguments)

    def _gradient(self, given: dict[str, Any]) -> dict[str, Any]:
        """The options that make the gradient what the formula takes; launches its norm."""
        o = self.optimizer
        unscale, every, norm = 1.0 / (o.loss_scale_factor or 1.0), o.gradient_accumulation_steps, o.clipnorm or o.global_clipnorm
        chosen: dict[str, Any] = {"unscale": o.loss_scale_factor is not None}
        given["o_unscale"] = unscale
        source, factor = self.g, unscale
        if every:
            chosen["accumulate"] = "added" if norm else "add"
            given |= {"o_sum": o.state["gradient_accumulator"], "o_share": 1.0 / every}
            if norm:
                source, factor = o.state["gradient_accumulator"], 1.0 / every
                self.ops.launch(formulas.gather_gradient, source, self.g, unscale)
        if o.clipvalue:
            given["o_limit"], chosen["clip"] = o.clipvalue, "value"
        elif o.clipnorm:
            parts = self.parts()
            share = parts.numbers(self.ops, segments.CLIP, [source], [o.clipnorm, factor])
            given["o_shrink"], chosen["clip"] = parts.spread(self.ops, share), "rows"
        elif o.global_clipnorm:
            whole = self._table("the whole", lambda: Parts(self.ops, {"": (0, (o._size,))}, o._size, self.p.dtype))
            given["o_shrink"] = whole.numbers(self.ops, segments.CLIP_MODEL, [source], [o.global_clipnorm, factor])
            chosen["clip"] = "model"
        return chosen

    def _decay(self, given: dict[str, Any]) -> dict[str, Any]:
        values = self.optimizer.weight_decays()
        if isinstance(values, float):
            given["o_decay"] = values
            return {"decay": "model"} if values else {}
        given["o_decay"] = self.rows("decay", values)
        return {"decay": "rows"}


def launches(optimizer: Any, ops: Any, storage: Any) -> list[str]:
    """The names of the kernels of one update."""
    size = storage.trainable_size
    with ops.record() as program:
        record(optimizer, ops, storage.values[:size], storage.gradients[:size])
    return [node.kernel.name for node in program.nodes]
