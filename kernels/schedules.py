"""Learning-rate schedules as formulas of the step number, so that a recorded step works its own rate out. All in double.

Forms are Keras 3's; `gpunn.optimizers.schedules` gives them their numbers, and calls the same formulas on the host. A schedule that is
any Python function is looked up in a table of the next steps instead (`LOOK_UP`).
"""

from gpunn.kernels.cuda_text import cuda_kernel
from gpunn.kernels.elementwise import elementwise, from_formula, text_formula
from gpunn.kernels.record import REGISTRY, Kernel, parse, register

# ruff: noqa: F821  (floor, pow ... are words of the formula language)
PI = 3.141592653589793


@elementwise("step:scalar:i8, initial:const, steps:const, decay:const, stairs:const -> rate:scalar", family="exponential_decay")
def exponential_decay(step, initial, steps, decay, stairs):
    part = floor(step / steps) if stairs > 0.0 else step / steps
    return initial * pow(decay, part)


@elementwise("step:scalar:i8, initial:const, steps:const, decay:const, stairs:const -> rate:scalar", family="inverse_time_decay")
def inverse_time_decay(step, initial, steps, decay, stairs):
    part = floor(step / steps) if stairs > 0.0 else step / steps
    return initial / (1.0 + decay * part)


@elementwise("step:scalar:i8, initial:const, steps:const, end:const, power:const, cycle:const -> rate:scalar", family="polynomial_decay")
def polynomial_decay(step, initial, steps, end, power, cycle):
    rounds = 1.0 if step == 0.0 else -floor(-(step / steps))
    part = step / (steps * rounds) if cycle > 0.0 else minimum(step, steps) / steps
    return (initial - end) * pow(1.0 - part, power) + end


@elementwise("step:scalar:i8, initial:const, steps:const, alpha:const, target:const, warm:const -> rate:scalar", family="cosine_decay")
def cosine_decay(step, initial, steps, alpha, target, warm):
    """Loshchilov & Hutter 2017 without restarts, after a line from `initial` to `target`."""
    part = (minimum(step, steps + warm) - warm) / steps
    cosine = 0.5 * (1.0 + cos(PI * part))
    line = (target - initial) * step / warm + initial
    return line if step < warm else target * ((1.0 - alpha) * cosine + alpha)


@elementwise("step:scalar:i8, initial:const, steps:const, times:const, factor:const, alpha:const -> rate:scalar", family="cosine_restarts")
def cosine_decay_restarts(step, initial, steps, times, factor, alpha):
    """Loshchilov & Hutter 2017. A restart falls on its own step although its logarithm may be rounded down (the 1e-12)."""
    part = step / steps
    periods = floor(part) if times == 1.0 else floor(log(1.0 - part * (1.0 - times)) / log(times) + 1e-12)
    past = periods if times == 1.0 else (1.0 - pow(times, periods)) / (1.0 - times)
    within = (part - past) / pow(times, periods)
    cosine = 0.5 * pow(factor, periods) * (1.0 + cos(PI * within))
    return initial * ((1.0 - alpha) * cosine + alpha)


@elementwise("step:scalar:i8, initial:const, factor:const, every:const -> rate:scalar", family="step_decay")
def step_decay(step, initial, factor, every):
    return initial * pow(factor, floor(step / every))


@elementwise("step:scalar:i8, initial:const, top:const, bottom:const, up:const, down:const -> rate:scalar", family="one_cycle")
def one_cycle(step, initial, top, bottom, up, down):
    """Smith & Topin 2018 with cosines: from `initial` at 0 to `top` at step `up`, to `bottom` at step `down`, and there it stays."""
    part = step / up if step <= up else minimum((step - up) / (down - up), 1.0)
    start = initial if step <= up else top
    end = top if step <= up else bottom
    return end + (start - end) * 0.5 * (1.0 + cos(PI * part))


@elementwise("rate:scalar, step:scalar:i8, decay:const, every:const -> current:scalar", family="time_decay")
def time_decay(rate, step, decay, every):
    """Keras 2's ``decay=``: by the number of updates so far, one every `every` steps."""
    return rate / (1.0 + decay * floor(step / every))


def piecewise_constant(pieces: int) -> Kernel:
    """The kernel of a schedule of so many pieces, made once: value k up to bound k, included."""
    bounds, values = [f"bound_{k}" for k in range(pieces - 1)], [f"value_{k}" for k in range(pieces)]
    name = f"piecewise_constant_{pieces}"
    if name in REGISTRY:
        return REGISTRY[name]
    text = values[-1]
    for bound, value in zip(reversed(bounds), reversed(values[:-1]), strict=True):
        text = f"({value} if step <= {bound} else {text})"
    source = f"def {name}({', '.join(['step', *bounds, *values])}):\n    return {text}\n"
    signature = f"step:scalar:i8, {', '.join(f'{n}:const' for n in [*bounds, *values])} -> rate:scalar"
    return from_formula(text_formula(name, source, {}), signature, "piecewise_constant")


def warmed_up(kernel: Kernel) -> Kernel:
    """A line from a first rate over so many steps to the schedule's first rate, then the schedule; made once a schedule.

    The two numbers come before the schedule's own: ``o_initial_1, o_warm_1`` (2 where that is a warm-up itself ...).
    """
    name = f"warm_up_{kernel.name}"
    if name in REGISTRY:
        return REGISTRY[name]
    numbers = [o.name for o in kernel.operands if o.kind == "const"]
    depth, inner, more = name.count("warm_up_"), kernel.formula.name, "".join(f", {n}" for n in numbers)
    initial, warm = f"o_initial_{depth}", f"o_warm_{depth}"
    source = (
        f"def {name}(step, {initial}, {warm}{more}):\n"
        f"    target = {inner}(maximum(step - {warm}, 0.0){more})\n"
        f"    return (target - {initial}) * step / {warm} + {initial} if step < {warm} else target\n"
    )
    signature = f"step:scalar:i8, {initial}:const, {warm}:const{''.join(f', {n}:const' for n in numbers)} -> rate:scalar"
    return from_formula(text_formula(name, source, {inner: kernel}), signature, kernel.family)


for _pieces in (2, 3):
    piecewise_constant(_pieces)
warmed_up(cosine_decay)


def _look_up_reference(step, first, table, rate):
    rate[...] = table[int(step.reshape(-1)[0] - first.reshape(-1)[0])]


def _look_up_native(step, first, table, rate, lo, hi, scratch):
    rate[0] = table[step[0] - first[0]]


# rate = table[step - first]
LOOK_UP = register(
    Kernel(
        name="look_up", operands=parse("step:row:i8, first:row:i8, table:row:f8 -> rate:scalar"), extent=lambda *a: 1,
        reference=_look_up_reference, native=_look_up_native, cuda=cuda_kernel("data.cu", "look_up"), geometry="one", family="look_up",
    )
)
