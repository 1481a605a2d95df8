"""A kernel over several replicas in one launch: the same text, its operands found by the replica that a block belongs to.

On a device the function ``<kernel>_many_<f32|f64>`` takes for every array operand where replica 0's lies and how many elements lie between
two replicas' (0 where they share one). Block z of the grid's third axis is a replica: no kernel's own text uses that axis. A constant is
passed by value where the replicas have it in common, else (``each``) as an array with one number a replica.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from gpunn.kernels.cuda_text import SUFFIX
from gpunn.kernels.device import ModuleText, bounded, functions_of, launch_arguments, module_of
from gpunn.kernels.record import FLOATS, Kernel

Entry = tuple[Kernel, str, tuple[str, ...]]  # kernel, floating type, names of the constants that replicas have each their own of
MOST = 65535  # blocks along the third axis
HEAD = re.compile(r'(extern "C" __global__ void (?:__launch_bounds__\([\d, ]+\) )?)(\w+)\(([^)]*)\) \{')
_NUMBERS = {"T": None, "i8": "int64", "f8": "float64"}


def many_name(kernel: Kernel, dtype: Any, each: Sequence[str] = ()) -> str:
    return "_".join([kernel.name, "many", *each, SUFFIX[np.dtype(dtype).name]])


def many_text(kernel: Kernel, dtype: str, each: Sequence[str] = ()) -> str:
    """The CUDA C of the kernel over replicas."""
    text = bounded(kernel, dtype)
    head = HEAD.search(text)
    given = [] if head is None else [" ".join(p.split()) for p in head.group(3).split(",")]
    if head is None or len(given) != len(kernel.operands) + 2 or "blockIdx.z" in text or "gridDim.z" in text:
        raise ValueError(f"Kernel {kernel.name!r} has no form for several replicas.")
    parameters, moves = [], []
    for o, parameter in zip(kernel.operands, given, strict=False):
        kind, _, name = parameter.rpartition(" ")
        if o.kind == "const" and o.name in each:
            parameters.append(f"const {kind}* __restrict__ {name}_all_")
            moves.append(f"const {kind} {name} = {name}_all_[blockIdx.z];")
        elif o.kind == "const":
            parameters.append(parameter)
        else:
            parameters += [f"{kind} {name}_all_", f"long long {name}_by_"]
            moves.append(f"{kind} {name} = {name}_all_ + blockIdx.z * {name}_by_;")
    parameters += given[len(kernel.operands) :]
    start = f"{head.group(1)}{many_name(kernel, dtype, each)}({', '.join(parameters)}) {{\n  {' '.join(moves)}"
    return text[: head.start()] + start + text[head.end() :]


def many_module(entries: Iterable[Entry]) -> ModuleText:
    """One module of these."""
    chosen = list(entries)
    # of every type, as where all kernels are compiled together: a float kernel may reckon a learning rate in double
    functions = functions_of([(kernel, dtype) for kernel, _, _ in chosen for dtype in FLOATS])
    return module_of(functions, [many_text(*entry) for entry in chosen], [many_name(*entry) for entry in chosen])


def many_arguments(kernel: Kernel, arguments: Sequence[Any], steps: Sequence[int], tables: dict[str, Any]) -> tuple[Any, ...]:
    """What the function is called with: replica 0's arguments, the elements between two replicas' arrays, arrays of the constants that
    differ, by name."""
    plain = launch_arguments(kernel, arguments)
    out: list[Any] = []
    for o, a, step in zip(kernel.operands, plain, steps, strict=False):
        out += [tables[o.name]] if o.name in tables else [a] if o.kind == "const" else [a, np.int64(step)]
    return (*out, *plain[len(kernel.operands) :])


def table_dtype(kernel: Kernel, name: str, dtype: Any) -> np.dtype:
    """The type of the array of a constant."""
    (operand,) = (o for o in kernel.operands if o.name == name)
    return np.dtype(_NUMBERS[operand.dtype] or dtype)
