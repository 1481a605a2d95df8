"""CUDA C text: types filled in, and the hand-written kernels of ``cuda/*.cu`` one by one.

A kernel stands in its file as ``KERNEL(name)(parameters) { ... }`` with the type parameter ``T``, its closing brace alone at the start of a
line. `cuda_kernel` cuts it out and fills in the types, so that float and double come from one text.
"""

import functools
import pathlib
import re
from collections.abc import Callable

CTYPES = {
    "float32": "float", "float64": "double", "u1": "unsigned char", "i4": "int", "i8": "long long", "u4": "unsigned int", "f8": "double",
}
SUFFIX = {"float32": "f32", "float64": "f64"}
FOLDER = pathlib.Path(__file__).parent / "cuda"
_SECTION = re.compile(r"^KERNEL\((\w+)\).*?^\}\n", re.MULTILINE | re.DOTALL)


def typed(text: str, dtype: str) -> str:
    """CUDA text with the type parameter T filled in."""
    return re.sub(r"\bT\b", CTYPES[dtype], text)


def cuda_kernel(file: str, section: str, name: str | None = None, **words: str) -> Callable[[str], str]:
    """``cuda(dtype) -> str`` for one hand-written kernel.

    `section` is its name in the file, `name` (by default the same) the kernel's; `words` replace further words of the text, such as
    ``S="unsigned char"`` for the type of the source. The file is read at the first call.
    """

    def cuda(dtype: str) -> str:
        text = _sections(file)[section]
        for word, value in words.items():
            text = re.sub(rf"\b{word}\b", value, text)
        head = f'extern "C" __global__ void {name or section}_{SUFFIX[dtype]}'
        return typed(text.replace(f"KERNEL({section})", head, 1), dtype)

    return cuda


def prelude() -> str:
    """Device functions that any kernel may use."""
    return (FOLDER / "prelude.cuh").read_text() + (FOLDER / "images.cuh").read_text()


@functools.cache
def _sections(file: str) -> dict[str, str]:
    return {m.group(1): m.group(0) for m in _SECTION.finditer((FOLDER / file).read_text())}
