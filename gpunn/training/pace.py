"""How many steps run between two looks at callbacks and signals."""

import time
from collections.abc import Callable

CHUNK = 0.1  # seconds of them


class Pace:
    """``chunk``: steps between two looks, as the last ones came to; it does not begin with single steps, launches of their own, again."""

    def __init__(self, chunk: int = 1):
        self.chunk = chunk

    def run(self, step: Callable[[int], object], left: int, most: Callable[[int], int] = int) -> int:
        """``step(n)`` for some of the steps that are left. `most`: how many of n may run now. -> n"""
        n = most(min(left, self.chunk))
        began = time.perf_counter()
        step(n)
        took = time.perf_counter() - began
        if n == self.chunk or n < left:  # else it was as long as there was something to do
            self.chunk = max(1, min(4 * self.chunk, int(n * CHUNK / max(took, 1e-6))))
        return n
