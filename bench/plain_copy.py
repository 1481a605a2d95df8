"""A plain copy as a kernel: libc's ``memcpy``, run by the same threads in the same way as the kernels whose measure it is."""

from numba import njit

from gpunn.kernels.native import address, move
from gpunn.kernels.record import Kernel, first_rows, parse


@njit(nogil=True)
def body(source, target, lo, hi, scratch):
    pitch = source.shape[1] * source.itemsize
    move(address(source) + lo * pitch, address(target) + lo * pitch, (hi - lo) * pitch)


COPY = Kernel(
    name="plain_copy", operands=parse("source -> target"), extent=first_rows, reference=lambda source, target: None,
    native_text="from plain_copy import body", cost=lambda source, target: 0.05 * source.shape[1],
)  # fmt: skip
