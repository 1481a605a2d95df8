"""Kernels over several replicas in one launch: the bits of one launch after another."""

import re

import numpy as np
import pytest
from kernel_inputs import arguments
from kernel_targets import H200, copies, needs_gxx, outputs

from gpunn.backend.sim import HostModule
from gpunn.kernels import REGISTRY
from gpunn.kernels.device import instances, launch_arguments, launch_geometry, module_text
from gpunn.kernels.many import many_arguments, many_module, many_name, many_text, table_dtype
from gpunn.kernels.record import Kernel, Operand

COUNT = 3
SAMPLE = [  # every geometry, formulas and hand-written text, constants of every type
    "relu", "bias_relu", "normalize_bwd", "adam", "adam_rate", "column_sum", "moments", "softmax", "softmax_ce_sparse", "gather_u8",
    "gather_float", "pick_labels", "advance", "accumulate", "dropout", "masked", "gaussian", "relu_bwd_sum", "softmax_ce_sparse_hit",
    "finish_adam", "gather_batch_u8",
]  # fmt: skip
SEEDED = {"dropout", "masked", "gaussian"}


def apart(arrays):
    """Copies of one array side by side, a little apart: (their buffer, views of each, elements between two)."""
    step = arrays[0].size + 64 // arrays[0].itemsize
    buffer = np.full(step * len(arrays), 77, arrays[0].dtype)
    views = [buffer[i * step : i * step + a.size].reshape(a.shape) for i, a in enumerate(arrays)]
    for view, a in zip(views, arrays, strict=True):
        view[...] = a
    return buffer, views, step


@needs_gxx
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_one_launch_for_all(dtype):
    kernels = [REGISTRY[n] for n in SAMPLE]
    entries = [(k, d, ("seed",) if k.name in SEEDED else ()) for k, d in instances([dtype], kernels)]
    single = HostModule(code=module_text(kernels=kernels).source, order="shuffled", guard=True, watch=True)
    together = HostModule(code=many_module(entries).source, order="shuffled", watch=True)
    for kernel, d, each in entries:
        replicas = [copies(arguments(kernel, d, 6, 37, seed=r)) for r in range(COUNT)]
        grid, block = launch_geometry(kernel, replicas[0], H200)
        tables, steps, stacked = {}, [], []
        for i, o in enumerate(kernel.operands):
            own = [args[i] for args in replicas]
            if o.kind == "const":
                steps.append(0)
                stacked.append(own)
                for args in replicas[1:]:
                    args[i] = own[0]
                if o.name in each:
                    for r, args in enumerate(replicas):
                        args[i] = int(args[i]) + r
                    tables[o.name] = np.array([args[i] for args in replicas], table_dtype(kernel, o.name, d))
            else:
                _, views, step = apart(own)
                steps.append(step)
                stacked.append(views)
        first = [views[0] for views in stacked]
        name = many_name(kernel, d, each)
        together.get_function(name)((grid[0], 1, COUNT), block, many_arguments(kernel, first, steps, tables))
        for r, args in enumerate(replicas):
            single.get_function(name.replace("_many", "").replace("_seed", ""))(grid, block, launch_arguments(kernel, args))
            got = {o.name: views[r] for o, views in zip(kernel.operands, stacked, strict=True) if o.written}
            for operand, value in outputs(kernel, args).items():
                assert np.array_equal(got[operand], value), f"{name}, replica {r}: {operand}"


def test_every_kernel_has_the_form():
    """Every array operand is found by its replica, and nothing else of the text changes."""
    for kernel, dtype in instances():
        text, plain = many_text(kernel, dtype), kernel.cuda(dtype)
        for o in kernel.operands:
            assert o.kind == "const" or kernel.formula is None or f"{o.name} = {o.name}_all_ + blockIdx.z * {o.name}_by_;" in text
        assert text.count("_all_ + blockIdx.z * ") == sum(o.kind != "const" for o in kernel.operands), kernel.name
        assert text.split("{", 1)[1].split(";\n", 1)[-1].endswith(plain.split("{", 1)[1].split("\n", 1)[1][-40:])
        assert re.search(rf"void __launch_bounds__\([\d, ]+\) {many_name(kernel, dtype)}\(", text)


def test_a_text_of_its_own_third_axis_is_refused():
    text = 'extern "C" __global__ void odd_f32(float* __restrict__ x, long long rows, long long columns) {\n  x[blockIdx.z] = 0;\n}\n'
    kernel = Kernel("odd", (Operand("x", written=True),), len, print, cuda=lambda dtype: text)
    with pytest.raises(ValueError, match="'odd' has no form for several replicas"):
        many_text(kernel, "float32")
