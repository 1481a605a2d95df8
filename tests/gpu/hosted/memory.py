"""Host memory in the place of a device's. New memory holds 0xFF (NaN): what is read before it is written shows."""

import ctypes
import mmap

libc = ctypes.CDLL(None, use_errno=True)
libc.aligned_alloc.restype = libc.mmap.restype = ctypes.c_void_p
libc.aligned_alloc.argtypes = [ctypes.c_size_t, ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
PAGE, NONE, DONT_NEED = mmap.PAGESIZE, 0, 4


class Plain:
    """Aligned to 512 bytes, as a device's is."""

    def take(self, size: int) -> int:
        address = libc.aligned_alloc(512, max(512, -(-size // 512) * 512))
        ctypes.memset(address, 0xFF, size)
        return address

    def give(self, address: int, size: int) -> None:
        libc.free(address)


class Guarded:
    """Each piece, rounded up to 16 bytes, ends where a page begins that nobody may touch. What is given back may not be touched either."""

    def _pages(self, address: int, size: int) -> tuple[int, int]:
        start = address // PAGE * PAGE
        return start, address + -(-size // 16) * 16 - start

    def take(self, size: int) -> int:
        whole = max(PAGE, -(-size // PAGE) * PAGE)
        start = libc.mmap(None, whole + PAGE, mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, -1, 0)
        if start in (None, ctypes.c_void_p(-1).value) or libc.mprotect(start + whole, PAGE, NONE):
            raise MemoryError(f"no {size} bytes of guarded memory")
        ctypes.memset(start, 0xFF, whole)
        return start + whole - -(-size // 16) * 16

    def give(self, address: int, size: int) -> None:
        start, length = self._pages(address, size)
        libc.madvise(start, length, DONT_NEED)
        libc.mprotect(start, length, NONE)
