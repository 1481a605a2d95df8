"""What can go wrong on a device, in words: out of memory, and kernels that do not compile."""

import hashlib
import os

from gpunn.kernels import cache
from gpunn.kernels.device import ModuleText
from gpunn.kernels.offline import explain


class DeviceMemoryError(MemoryError):
    """The device has not enough free memory.

    Attributes: ``asked`` and ``free``, in bytes.
    """

    def __init__(self, asked: int, free: int, name: str, hint: str = ""):
        self.asked, self.free, self.name = asked, free, name
        super().__init__(f"The device {name!r} is out of memory: {size(asked)} were asked for, {size(free)} are free.{hint and ' ' + hint}")


class KernelCompileError(RuntimeError):
    """The compiler of CUDA text refused a kernel. The message names it, its source line and the file with the whole log."""


def size(n: float) -> str:
    for unit in ("bytes", "KB", "MB"):
        if n < 1024:
            return f"{n:.0f} bytes" if unit == "bytes" else f"{n:.1f} {unit}"
        n /= 1024
    return f"{n:.1f} GB"


def compile_error(log: str, text: ModuleText, where: str) -> KernelCompileError:
    """The exception for a compiler's log; the log and the source are kept in the user's cache folder."""
    file = cache.folder("logs") / f"compile-{hashlib.sha256((log + text.source).encode()).hexdigest()[:12]}.log"
    temporary = file.with_suffix(f".{os.getpid()}.tmp")
    temporary.write_text(f"{log}\n\n{text.source}")
    os.replace(temporary, file)
    return KernelCompileError(f"A kernel does not compile.\n{explain(log, text, where)}\nThe whole log: {file}")
