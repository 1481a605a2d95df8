"""The most memory a run has used."""

import re
from pathlib import Path
from typing import Any

STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


class Peak:
    """``with Peak(ops) as peak:`` then ``peak.bytes``: the most memory in use within.

    On a GPU, what CuPy's pool holds of the device; on a CPU, resident memory of the process, where Linux tells (else None). The CPU's
    figure counts all that the process holds, the interpreter and the data set too: compare runs, or `before` and after.
    """

    def __init__(self, ops: Any):
        self._ops = ops
        self.before: int | None = None
        self.bytes: int | None = None

    def __enter__(self) -> "Peak":
        if self._ops.name == "gpu":
            import cupy

            cupy.get_default_memory_pool().free_all_blocks()
        else:
            try:
                CLEAR.write_text("5", encoding="utf-8")  # the high-water mark begins anew
            except OSError:
                return self
        self.before = self._now()
        return self

    def __exit__(self, *error: Any) -> None:
        self.bytes = None if self.before is None else self._now()

    def _now(self) -> int | None:
        if self._ops.name == "gpu":
            import cupy

            return int(cupy.get_default_memory_pool().total_bytes())
        try:
            found = re.search(r"VmHWM:\s+(\d+) kB", STATUS.read_text(encoding="utf-8"))
        except OSError:
            return None
        return None if found is None else 1024 * int(found.group(1))
