"""A plain copy as a kernel: libc's ``memcpy``, run by the same threads in the same way as the kernels whose measure it is."""

from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from gpunn.kernels.native import address, pointer
from gpunn.kernels.record import Kernel, first_rows, parse


@intrinsic
def memcpy(typingctx, target, source, count):
    """`count` bytes. LLVM leaves a length that it does not know to libc."""

    def codegen(context, builder, signature, args):
        cgutils.raw_memcpy(builder, *args, 1)
        return context.get_dummy_value()

    return types.void(target, source, count), codegen


@njit(nogil=True)
def body(source, target, lo, hi, scratch):
    pitch = source.shape[1] * source.itemsize
    memcpy(pointer(address(target) + lo * pitch, target), pointer(address(source) + lo * pitch, source), (hi - lo) * pitch)


COPY = Kernel(
    name="plain_copy", operands=parse("source -> target"), extent=first_rows, reference=lambda source, target: None,
    native_text="from plain_copy import body", cost=lambda source, target: 0.05 * source.shape[1],
)  # fmt: skip
