"""Rows of bytes copied from and to anywhere in memory. Imported only with Numba."""

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from gpunn.kernels.gather_native import LINE
from gpunn.kernels.native import prefetch, prefetch_to_write

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


@njit("i8(i4[::1],i8,i8,i8,i8,i4[::1])", nogil=True, cache=True)
def within(inverse, lo, hi, first, size, out):
    """The rows from lo to hi that have a place from `first` to first + size, into `out`. -> how many there are."""
    n = 0
    for r in range(lo, hi):
        out[n] = r
        n += (inverse[r] >= first) & (inverse[r] < first + size)
    return n


@njit("void(u1[::1],i8,i8,i8,i4[::1],i4[::1],i8,i4[::1],i8,u1[::1],i4[::1])", nogil=True, cache=True)
def sift(piece, shift, stride, width, rows, inverse, base, free, at, store, slots):
    """Row r of `rows`, at byte ``shift + r * stride`` of the piece, goes to the next of the slots free[at:] of the store; slots[base +
    inverse[r]] becomes the slot. Both are rings. A slot's lines have been asked for when its turn comes."""
    ahead = at
    for i in range(-AHEAD, rows.size):
        if i + AHEAD < rows.size:
            begin = free[ahead] * width
            ahead = ahead + 1 if ahead + 1 < free.size else 0
            for j in range(begin, begin + width, LINE):
                prefetch_to_write(store, j)
        if i >= 0:
            slot, place = free[at], base + inverse[rows[i]]
            at = at + 1 if at + 1 < free.size else 0
            copy(store, slot * width, piece, shift + rows[i] * stride, width)
            slots[place % slots.size if place >= slots.size else place] = slot
