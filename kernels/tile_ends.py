"""What tiles know of their numbers, and stores of a tile's last vectors, of which only some lanes are there. Needs Numba.

AVX-512 stores by a mask as fast as without. Elsewhere a masked store is slow (some 12 cycles on AMD's AVX2 cores) or becomes a branch a
lane: whole vectors are stored whole, others in pieces of 1, 2, 4, ... lanes, the same pieces of all of a tile's rows together.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

I32, I64 = ir.IntType(32), ir.IntType(64)


def bytes_of(like: Any) -> int:
    """Of a number; `like` is its type or that of an array of them."""
    return 4 if getattr(like, "dtype", like) == types.float32 else 8


@intrinsic
def size_of(typingctx, like):
    """The same, a constant of the compiled code: an array's ``itemsize`` is read from memory, and dividing by it is a division."""

    def codegen(context, builder, signature, args):
        return I64(bytes_of(signature.args[0]))

    return types.int64(like), codegen


def store_ends(builder: Any, values: list[Any], pointers: list[Any], rest: Any, align: int) -> None:
    """``pointers[i][:rest] = values[i][:rest]``, 0 < rest <= lanes; the pointers are to numbers."""
    lanes = values[0].type.count
    with builder.if_else(builder.icmp_signed("==", rest, I64(lanes))) as (then, otherwise):
        with then:
            for value, pointer in zip(values, pointers, strict=True):
                _put(builder, value, pointer, align)
        with otherwise:
            size = lanes // 2
            while size > 0:
                values, pointers = _piece(builder, values, pointers, rest, size, align)
                size //= 2


def _piece(builder: Any, values: list[Any], pointers: list[Any], rest: Any, size: int, align: int) -> tuple[list[Any], list[Any]]:
    """The lower `size` lanes are stored where `rest` has that bit -> what remains to be stored, vectors of `size` lanes, and where."""
    there = builder.icmp_signed("!=", builder.and_(rest, I64(size)), I64(0))
    low, high = ([_lanes(builder, v, first, size) for v in values] for first in (0, size))
    with builder.if_then(there):
        for value, pointer in zip(low, pointers, strict=True):
            _put(builder, value, pointer, align)
    step = builder.select(there, I64(size), I64(0))
    left = [builder.select(there, b, a) for a, b in zip(low, high, strict=True)]
    return left, [builder.gep(p, [step]) for p in pointers]


def _lanes(builder: Any, value: Any, first: int, size: int) -> Any:
    numbers = ir.Constant(ir.VectorType(I32, size), list(range(first, first + size)))
    return builder.shuffle_vector(value, ir.Constant(value.type, ir.Undefined), numbers)


def _put(builder: Any, value: Any, pointer: Any, align: int) -> None:
    builder.store(value, builder.bitcast(pointer, value.type.as_pointer()), align=align)
