"""What every kernel asks of the caches and of memory, without a GPU: bytes beside those that it must move.

    python bench/gpu/traffic.py [--kernels relu adam ...] [--rows 512] [--columns 300] [--save]

The kernels run on the stand-in for a device, and every access is counted (traffic.cpp), in sectors of 32 bytes. As multiples of the bytes
that the registry says a kernel must move (`bytes_moved`): what its warps move, an instruction's sectors each once ("first": what the
first-level caches serve, some six times as fast as memory); what each multiprocessor reads for the first time, or writes ("second": what
the second-level cache serves at best, hardly faster than memory, as if the first ones kept all); what is touched at all ("memory"); and
of shared memory the turns its banks take, as a multiple of the fewest ("shared"). 1.0 is the least; a kernel with "second" at 1.5 or
"first" at 6 cannot be expected near a copy's bandwidth.
"""

import argparse
import pathlib
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests" / "kernels"))  # the inputs of every kernel
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import contest
from kernel_inputs import NAMES, arguments

from gpunn.backend.sim import HostModule
from gpunn.kernels import REGISTRY
from gpunn.kernels.device import Properties, function_name, launch_arguments, launch_geometry, module_text
from gpunn.kernels.record import bytes_moved

COUNTER = pathlib.Path(__file__).with_name("traffic.cpp")
H200 = Properties(132)
ALIGNED = 512
WHOLE = ("-fno-tree-sra",)  # or g++ would take neighbours that are moved at once apart


def aligned(array: np.ndarray) -> np.ndarray:
    """A copy that begins where a device's allocator would have it begin."""
    raw = np.empty(array.nbytes + ALIGNED, np.uint8)
    copy = raw[-raw.ctypes.data % ALIGNED :][: array.nbytes].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


def counted(module: HostModule, kernel, rows: int, columns: int) -> dict | None:
    args = [aligned(a) if isinstance(a, np.ndarray) else a for a in arguments(kernel, "float32", rows, columns)]
    launch = launch_geometry(kernel, args, H200)
    if launch is None:
        return None
    module.get_function(function_name(kernel, kernel.dtype(args)))(*launch, launch_arguments(kernel, args))
    numbers = np.zeros(10, np.uint64)
    module.library.traffic(numbers.ctypes)
    read, written = (dict(zip(("asked", "first", "second", "memory"), map(int, part), strict=True)) for part in numbers[:8].reshape(2, 4))
    least = bytes_moved(kernel, args)
    return {
        "bytes": least, "asked": (read["asked"] + written["asked"]) / least, "first": (read["first"] + written["first"]) / least,
        "second": (read["second"] + written["first"]) / least, "memory": (read["memory"] + written["memory"]) / least,
        **({"shared": int(numbers[8]) / int(numbers[9])} if numbers[9] else {}),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kernels", nargs="*", help="their names; all without it")
    parser.add_argument("--rows", type=int, default=512)
    parser.add_argument("--columns", type=int, default=300)
    parser.add_argument("--save", action="store_true", help="keep the result in bench/results")
    asked = parser.parse_args()
    chosen = [REGISTRY[n] for n in asked.kernels or NAMES]
    chosen = [k for k in chosen if k.cuda is not None and k.has_float_arrays]
    module = HostModule(code=module_text(["float32"], chosen).source, watch=COUNTER, options=WHOLE)
    module.library.traffic_of(H200.multiprocessors)
    table = {}
    for kernel in chosen:
        found = counted(module, kernel, asked.rows, asked.columns)
        if found:
            table[kernel.name] = {k: v if k == "bytes" else round(v, 2) for k, v in found.items()}
    for name, row in sorted(table.items(), key=lambda item: -item[1]["second"]):
        print(f"{name:40}", *(f"{key} {value:<10}" for key, value in row.items()))
    if asked.save:
        print(contest.save("traffic", {"rows": asked.rows, "columns": asked.columns, "kernels": table}))


if __name__ == "__main__":
    main()
