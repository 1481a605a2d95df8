"""Rows copied, kept where they are not zero, and turned, a vector at a time: how `gemm_native` packs. Imported only with Numba."""

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from gpunn.kernels.gemm_tiles import I32, I64, VECTOR, _scalar
from gpunn.kernels.tile_ends import bytes_of


def keep(lanes: int) -> Any:
    """An intrinsic: copies `lanes` numbers from one address to another; -> whether any of them is not zero (1 or 0; a NaN is not zero)."""

    @intrinsic
    def copy(typingctx, like, source, target):
        def codegen(context, builder, sig, args):
            vector = ir.VectorType(_scalar(sig.args[0]), lanes)
            align = bytes_of(sig.args[0])
            value = builder.load(builder.inttoptr(args[1], vector.as_pointer()), align=align)
            builder.store(value, builder.inttoptr(args[2], vector.as_pointer()), align=align)
            live = builder.fcmp_unordered("!=", value, ir.Constant(vector, [0.0] * lanes))
            word = ir.IntType(lanes)
            return builder.zext(builder.icmp_unsigned("!=", builder.bitcast(live, word), word(0)), I64)

        return types.int64(like, types.int64, types.int64), codegen

    return copy


def copy_row(vectors: int) -> Any:
    """An intrinsic: copies so many vectors of numbers from one address to another."""

    @intrinsic
    def copied(typingctx, like, source, target):
        def codegen(context, builder, sig, args):
            scalar, align = _scalar(sig.args[0]), bytes_of(sig.args[0])
            lanes = VECTOR // align
            vector = ir.VectorType(scalar, lanes)
            row = [builder.load(_place(builder, vector, args[1], I64(v * lanes)), align=align) for v in range(vectors)]
            for v, value in enumerate(row):
                builder.store(value, _place(builder, vector, args[2], I64(v * lanes)), align=align)
            return context.get_dummy_value()

        return types.void(like, types.int64, types.int64), codegen

    return copied


def _turned(builder: Any, rows: list[Any], lanes: int) -> list[Any]:
    """A block of vectors, transposed. Eklundh's scheme: blocks of 1, 2, 4, ... change places, log2(lanes) rounds of shuffles."""

    def pick(a, b, lanes_of):
        return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(I32, lanes), lanes_of))

    size = 1
    while size < lanes:
        for i in range(lanes):
            if not i & size:
                a, b = rows[i], rows[i + size]
                rows[i] = pick(a, b, [j if not j & size else lanes + j - size for j in range(lanes)])
                rows[i + size] = pick(a, b, [j + size if not j & size else lanes + j for j in range(lanes)])
        size *= 2
    return rows


def _place(builder: Any, vector: Any, base: Any, numbers: Any) -> Any:
    """A pointer to the vector that lies so many numbers behind an address."""
    at = builder.gep(builder.inttoptr(base, vector.element.as_pointer()), [numbers])
    return builder.bitcast(at, vector.as_pointer())


def flip(lanes: int) -> Any:
    """An intrinsic: a lanes x lanes block of numbers, transposed from one address to another; strides in numbers, lanes a power of 2."""

    @intrinsic
    def transpose(typingctx, like, source, source_stride, target, target_stride):
        def codegen(context, builder, sig, args):
            vector, align = ir.VectorType(_scalar(sig.args[0]), lanes), bytes_of(sig.args[0])
            from_, line, to, step = args[1:]
            rows = [builder.load(_place(builder, vector, from_, builder.mul(line, I64(i))), align=align) for i in range(lanes)]
            for i, row in enumerate(_turned(builder, rows, lanes)):
                builder.store(row, _place(builder, vector, to, builder.mul(step, I64(i))), align=align)
            return context.get_dummy_value()

        return types.void(like, *[types.int64] * 4), codegen

    return transpose


def flip_kept(lanes: int) -> Any:
    """An intrinsic: the columns of a lanes x lanes block that are not all zeros, one behind the other at `target`, and their numbers
    (`first` is that of the block's first column) at `numbers`, int32; -> how many (a NaN is not zero)."""

    @intrinsic
    def kept(typingctx, like, source, stride, target, numbers, first):
        def codegen(context, builder, sig, args):
            vector, align = ir.VectorType(_scalar(sig.args[0]), lanes), bytes_of(sig.args[0])
            word, zero = ir.IntType(lanes), ir.Constant(vector, [0.0] * lanes)
            source, stride, target, numbers, first = args[1:]
            rows = [builder.load(_place(builder, vector, source, builder.mul(stride, I64(i))), align=align) for i in range(lanes)]
            held = builder.inttoptr(numbers, I32.as_pointer())
            n, number = I64(0), builder.trunc(first, I32)
            for i, row in enumerate(_turned(builder, rows, lanes)):  # what is not kept is written over by the next
                builder.store(row, _place(builder, vector, target, builder.mul(n, I64(lanes))), align=align)
                builder.store(builder.add(number, I32(i)), builder.gep(held, [n]))
                live = builder.bitcast(builder.fcmp_unordered("!=", row, zero), word)
                n = builder.add(n, builder.zext(builder.icmp_unsigned("!=", live, word(0)), I64))
            return n

        return types.int64(like, *[types.int64] * 5), codegen

    return kept
