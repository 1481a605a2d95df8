"""What NVRTC makes of the kernels, without a GPU: instructions of each loop, and how much memory a thread waits for at once.

    python bench/gpu/compiled.py [--arch 90] [--kernels relu adam ...] [--nvdisasm PATH] [--before PYTHON] [--save]

A multiprocessor reaches the device's bandwidth only with so many bytes under way (its share of bandwidth times latency), and that is what
its threads have asked for before they use any of it. For each loop that loads: instructions, loads, and the bytes loaded before one of
these values is used. Needs NVRTC (CuPy's extras) and nvdisasm (``pip install nvidia-cuda-nvdisasm``, or a CUDA toolkit).
"""

import argparse
import importlib.util
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import contest

from gpunn.kernels import REGISTRY
from gpunn.kernels.device import ModuleText, module_text

USUAL = (
    "relu", "sigmoid", "tanh_", "bias_relu", "relu_bwd", "adam", "sgd", "normalize", "column_sum", "relu_bwd_sum", "moments",
    "binary_crossentropy_logits", "softmax", "gather_u8", "im2col", "max_pool", "finish_adam",
)


def disassembler() -> str | None:
    found = importlib.util.find_spec("nvidia")
    for folder in found.submodule_search_locations if found else ():
        for path in pathlib.Path(folder).rglob("nvdisasm"):
            path.chmod(0o755)
            return str(path)
    return shutil.which("nvdisasm")


def machine_code(text: ModuleText, architecture: str, tool: str) -> str:
    from cupy_backends.cuda.libs import nvrtc

    program = nvrtc.createProgram(text.source, "gpunn.cu", (), ())
    nvrtc.compileProgram(program, ("-std=c++17", "-ftz=true", f"-arch=sm_{architecture}"))
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "gpunn.cubin"
        path.write_bytes(nvrtc.getCUBIN(program) + b"\0")  # CuPy leaves the last byte out
        return subprocess.run([tool, "-c", str(path)], capture_output=True, text=True, check=True).stdout


def functions(code: str) -> dict[str, tuple[list[str], dict[str, int]]]:
    """Of each kernel its instructions, and where its labels stand among them."""
    out = {}
    parts = re.split(r"\n\.text\.(\w+):\n", code)
    for name, body in zip(parts[1::2], parts[2::2], strict=True):
        instructions: list[str] = []
        labels: dict[str, int] = {}
        for line in body.split("\n\t.section")[0].splitlines():
            if label := re.match(r"\s*(\.L_x_\d+):", line):
                labels[label.group(1)] = len(instructions)
            elif instruction := re.search(r"/\*[0-9a-f]{4,}\*/\s+(.*?);", line):
                instructions.append(instruction.group(1))
        out[name] = instructions, labels
    return out


def loops(instructions: list[str], labels: dict[str, int]) -> list[dict[str, int]]:
    out = []
    for end, instruction in enumerate(instructions):
        target = re.search(r"BRA.*?(\.L_x_\d+)", instruction)
        start = labels.get(target.group(1), end + 1) if target else end + 1
        body = instructions[start : end + 1]
        if loads := sum("LDG" in i for i in body):
            out.append({"instructions": len(body), "loads": loads, "bytes_at_once": at_once(body)})
    return out


def at_once(body: list[str]) -> int:
    """The most bytes that are loaded before one of these values is used."""
    waiting: dict[str, int] = {}
    most = 0
    for instruction in body:
        load = re.match(r"(?:@!?U?P\d\s+)?LDG(\S*)\s+R(\d+)", instruction)
        used = set(re.findall(r"\bR(\d+)\b", instruction)) - ({load.group(2)} if load else set())
        if used & set(waiting):
            waiting = {}
        if load:
            width = re.search(r"\.(128|64|U8|S8|U16)\b", load.group(1))
            waiting[load.group(2)] = {"128": 16, "64": 8, "U8": 1, "S8": 1, "U16": 2}[width.group(1)] if width else 4
            most = max(most, sum(waiting.values()))
    return most


def measured(names: list[str], architecture: str, tool: str) -> dict[str, list[dict[str, int]]]:
    found = functions(machine_code(module_text(["float32"], [REGISTRY[n] for n in names]), architecture, tool))
    return {n: loops(*found[f"{n}_f32" if f"{n}_f32" in found else f"{n}_f64"]) for n in names}


def show(results: dict[str, list[dict[str, int]]]) -> None:
    for name, each in results.items():
        words = ("{instructions} instructions, {loads} loads, {bytes_at_once} bytes at once".format(**loop) for loop in each)
        print(f"{name:32}", "; ".join(words) or "no loop that loads")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--arch", default="90", help="without sm_ (default: %(default)s)")
    parser.add_argument("--kernels", nargs="+", default=list(USUAL))
    parser.add_argument("--nvdisasm", default=disassembler(), help="its path")
    parser.add_argument("--before", help="the Python of an environment with another checkout, whose kernels are shown first")
    parser.add_argument("--json", action="store_true", help="write the figures to stdout in this form")
    parser.add_argument("--save", action="store_true", help="write bench/results/compiled-sm<arch>-<date>.json")
    options = parser.parse_args()
    if options.nvdisasm is None:
        parser.error("nvdisasm is not here: pip install nvidia-cuda-nvdisasm")
    results = {}
    if options.before:
        command = [options.before, __file__, "--json", "--arch", options.arch, "--nvdisasm", options.nvdisasm]
        said = subprocess.run([*command, "--kernels", *options.kernels], capture_output=True, check=True).stdout
        results["before"] = json.loads(said)
    results["now"] = measured(options.kernels, options.arch, options.nvdisasm)
    if options.json:
        print(json.dumps(results["now"]))
        return
    for when, each in results.items():
        print(f"{when}:")
        show(each)
    if options.save:
        contest.save(f"compiled-sm{options.arch}", results)


if __name__ == "__main__":
    main()
