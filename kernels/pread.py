"""Rows of a file into memory by the system's ``pread``, in compiled code that holds no lock. Imported only when Numba is there."""

import ctypes

from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

I32, I64 = ir.IntType(32), ir.IntType(64)


@intrinsic
def pread(typingctx, function, file, buffer, size, offset):
    def codegen(context, builder, signature, args):
        kind = ir.FunctionType(I64, [I32, I64, I64, I64])
        target = builder.inttoptr(args[0], kind.as_pointer())
        return builder.call(target, [builder.trunc(args[1], I32), *args[2:]])

    return types.int64(*[types.int64] * 5), codegen


@njit("i8(i8,i8,i4[::1],i8,i8,i8,i8)", nogil=True, cache=True)
def read_rows(function, file, rows, start, stride, width, out):
    """Row rows[i] of `width` bytes, at ``start + rows[i] * stride`` in the file, to ``out + i * width``. -> -1, or the first i that could
    not be read."""
    for i in range(rows.size):
        done = 0
        while done < width:
            n = pread(function, file, out + i * width + done, width - done, start + rows[i] * stride + done)
            if n <= 0:
                return i
            done += n
    return -1


def address() -> int:
    """Where the system's function is; its last argument is 64 bits long on every system this runs on."""
    return ctypes.cast(ctypes.CDLL(None).pread, ctypes.c_void_p).value or 0
