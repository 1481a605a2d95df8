"""Rows of bytes copied from and to anywhere in memory. Imported only with Numba."""

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from gpunn.kernels.gather_native import LINE
from gpunn.kernels.native import prefetch

BYTES = types.Array(types.uint8, 1, "C", readonly=True)
AHEAD = 4  # rows under way


@intrinsic
def copy(typingctx, target, at, source, place, count):
    """`count` bytes of a flat array from `place` on to those of another from `at` on: the system's memcpy."""

    def codegen(context, builder, signature, args):
        data = [cgutils.create_struct_proxy(signature.args[k])(context, builder, value=args[k]).data for k in (0, 2)]
        into, out_of = (builder.gep(d, [i]) for d, i in zip(data, (args[1], args[3]), strict=True))
        cgutils.raw_memcpy(builder, into, out_of, args[4], ir.Constant(args[4].type, 1))
        return context.get_dummy_value()

    return types.void(target, types.int64, source, types.int64, types.int64), codegen


@njit(types.void(BYTES, types.int32[::1], types.uint8[::1], types.int64), nogil=True, cache=True)
def gather(source, rows, out, width):
    """Row rows[i] of the source becomes row i."""
    for i in range(rows.size):
        if i + AHEAD < rows.size:
            at = rows[i + AHEAD] * width
            for j in range(at, at + width, LINE):
                prefetch(source, j)
        copy(out, i * width, source, rows[i] * width, width)


@njit("i8(i4[::1],i8,i8,i8,i8)", nogil=True, cache=True)
def count(inverse, lo, hi, first, size):
    """How many of the rows lo to hi have a place from `first` to first + size."""
    n = 0
    for r in range(lo, hi):
        n += (inverse[r] >= first) & (inverse[r] < first + size)
    return n


@njit("void(u1[::1],i8,i8,i8,i4[::1],i8,i8,i8,i8,i4[::1],i8,u1[::1],i4[::1],i8)", nogil=True, cache=True)
def sift(piece, shift, stride, width, inverse, lo, hi, first, size, free, at, store, slots, begin):
    """Of the rows lo to hi, row r at byte ``shift + r * stride`` of the piece, those that `count` counts go to the slots free[at:] of the
    store; slots[begin + place - first] becomes the slot of each. Both are rings."""
    for r in range(lo, hi):
        k = inverse[r] - first
        if k >= 0 and k < size:
            slot = free[at]
            at = at + 1 if at + 1 < free.size else 0
            copy(store, slot * width, piece, shift + r * stride, width)
            k += begin
            slots[k if k < slots.size else k - slots.size] = slot
