"""What is written around an update formula: every target against the same steps one after another in NumPy."""

import kernel_inputs
import numpy as np
import pytest
from kernel_targets import MARKS, TARGETS, copies, needs_numba, outputs, run_sim
from test_parity import compare

from gpunn.backend.sim import HostModule
from gpunn.kernels import REGISTRY
from gpunn.kernels.device import module_text
from gpunn.kernels.update import OPERANDS, Options, with_options

NUMBERS = {"o_unscale": 0.25, "o_share": 0.5, "o_limit": 1.5, "o_mix": 0.7, "rate": 0.01}
OPTIONS = [
    Options(unscale=True), Options(clip="value"), Options(clip="model"), Options(clip="rows"), Options(decay="model"),
    Options(decay="rows"), Options(accumulate="add"), Options(accumulate="added"), Options(average=True), Options(gate=True),
    Options(True, "add", "value", "model", average=True), Options(True, "added", "rows", "rows", average=True),
    Options(True, "added", "model", "rows", average=True),
]
BASES = ("sgd", "adam", "ftrl_root", "lamb_moments")
CASES = [(b, o) for b in BASES for o in OPTIONS if b in ("sgd", "adam") or "rows" in o.decay]
CASES = [(b, o) for b, o in CASES if not (b == "lamb_moments" and o.average)] + [
    ("lamb_moments", Options(True, "added", "rows", "rows")), ("scaled_step", Options(gate=True, average=True)),
]


def arguments(kernel, base, dtype, rows, columns, gate, put):
    m = kernel_inputs.Maker(dtype)
    numbers = kernel_inputs.ELEMENTWISE[base.name] | NUMBERS | {"o_gate": gate, "o_put": put, "o_shrink": 0.3, "o_decay": 0.2}
    known = kernel_inputs.ELEMENTWISE
    arrays = {o.name for o in kernel.operands if o.kind == "col"}
    kernel_inputs.ELEMENTWISE = known | {kernel.name: {k: v for k, v in numbers.items() if k not in arrays}}
    try:
        return kernel_inputs._elementwise(kernel, m, rows, columns)
    finally:
        kernel_inputs.ELEMENTWISE = known


def one_after_another(kernel, base, options, args):
    """The outputs in float64, by the base formula and plain NumPy."""
    v = {o.name: np.array(a, np.float64) for o, a in zip(kernel.operands, copies(args), strict=True)}
    for name in ("o_shrink", "o_decay"):
        if name in v and any(o.name == name and o.kind == "col" for o in kernel.operands):
            v[name] = v[name][:, None]
    old = {k: a.copy() for k, a in v.items()}
    gate = not (options.gate or options.accumulate) or v["o_gate"].item() > 0
    if options.unscale and options.accumulate != "added":
        v["g"] = v["g"] * v["o_unscale"]
    if options.accumulate:
        v["o_sum"] = v["o_sum"] + (v["g"] if options.accumulate == "add" else 0)
        v["g"] = v["o_sum"] * v["o_share"]
    if options.clip == "value":
        v["g"] = np.clip(v["g"], -v["o_limit"], v["o_limit"])
    elif options.clip:
        v["g"] = v["g"] * v["o_shrink"]
    if options.decay:
        v["p"] = v["p"] - v["rate"] * v["o_decay"] * v["p"]
    given = [v[o.name].item() if o.kind == "const" else v[o.name] for o in base.operands]
    base.reference(*given)
    v |= {o.name: a for o, a in zip(base.operands, given, strict=True) if o.written}
    if not gate:
        v |= {k: old[k] for k in ("p", "m", "v", "n", "z") if k in v}
    if options.accumulate and gate:
        v["o_sum"] = np.zeros_like(v["o_sum"])
    if options.average:
        v["o_average"] = v["o_mix"] * v["o_average"] + (1 - v["o_mix"]) * v["p"]
        if v["o_put"].item() > 0:
            v["p"] = v["o_average"]
    return {o.name: v[o.name] for o in kernel.operands if o.written}


@pytest.fixture(scope="module")
def library():
    """All of these kernels as one module."""
    kernels = [with_options(REGISTRY[b], o) for b, o in CASES]
    return HostModule(code=module_text(kernels=kernels).source, order="shuffled", guard=True, watch=True)


WHERE = [pytest.param(t, "float32", marks=MARKS[t]) for t in ("numpy", "numba", "sim-shuffled")]
WHERE += [pytest.param(t, "float64", marks=MARKS[t]) for t in ("numpy", "sim-shuffled")]
WHERE += [pytest.param("numba", "float64", marks=[needs_numba, pytest.mark.slow])]


@pytest.mark.parametrize(("target", "dtype"), WHERE)
@pytest.mark.parametrize(("name", "options"), CASES, ids=lambda c: c if isinstance(c, str) else c.suffix)
def test_options(name, options, target, dtype, request):
    base = REGISTRY[name]
    kernel = with_options(base, options)
    assert with_options(base, options) is kernel, "made once a combination"
    assert all(o.name in OPERANDS for o in kernel.operands if o.name.startswith("o_"))
    run = run_sim("shuffled", library=request.getfixturevalue("library")) if target.startswith("sim") else TARGETS[target]
    for rows, columns in ((0, 16), (1, 16), (33, 16)):
        for gate, put in ((0, 0), (1, 1)):
            args = arguments(kernel, base, dtype, rows, columns, gate, put)
            want = one_after_another(kernel, base, options, args)
            run(kernel, args)
            compare(kernel, args, outputs(kernel, args), want, f"{kernel.name} {dtype} {rows} rows, gate {gate} on {target}")


def test_no_option_is_the_formula_itself():
    assert with_options(REGISTRY["adam"], Options()) is REGISTRY["adam"]
    assert Options(True, "add", "rows", "model", average=True).suffix == "_unscale_add_clip_rows_decay_model_average"
