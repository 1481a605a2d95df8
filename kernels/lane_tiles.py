"""Register tiles of convolutions whose lanes are channels: each lane sums over its own group. LLVM's vector types; needs Numba.

A group of as many filters as channels, n of them side by side, fits into a vector n at a time: filter f of a block needs channel f, then
f + 1, ... f + n - 1, counted around within the block. So a vector of pixels is turned n times, and every turn is one product of all lanes
with the weights that belong to it (`lane_layout` lays them out so). Turning takes AVX-512's permutations by a register of indices;
where there are none, only groups of one (depthwise convolutions, nothing to turn) come here.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from gpunn.kernels.ahead_native import AHEAD, LINE
from gpunn.kernels.gemm_tiles import I64, VECTOR, _scalar, _TileBuilder
from gpunn.kernels.native import ask_for

TURNS = VECTOR == 64
SIDE = 3  # taps side by side that share what was loaded and turned
TURNED = 8  # turns of an upstream vector that a tile of a weight gradient holds at a time


class _Lanes(_TileBuilder):
    """What both kinds of tiles need: vectors behind addresses that are integers, turns of them, counted loops over accumulators."""

    def __init__(self, builder, like):
        scalar = _scalar(like)
        self.size = 4 if isinstance(scalar, ir.FloatType) else 8
        super().__init__(builder, scalar, VECTOR // self.size, 1, 1, True)
        self.indices = ir.VectorType(ir.IntType(8 * self.size), self.lanes)

    def at(self, where, last=False):
        return self.load(self.b.inttoptr(where, self.scalar.as_pointer()), last)

    def put(self, value, where):
        self.store(value, self.b.inttoptr(where, self.scalar.as_pointer()))

    def put_last(self, values, places):
        self.store_last(values, [self.b.inttoptr(where, self.scalar.as_pointer()) for where in places])

    def index(self, where):
        return self.b.load(self.b.inttoptr(where, self.indices.as_pointer()), align=self.size)

    def turn(self, value, index):
        name = "llvm.x86.avx512.permvar." + ("sf.512" if self.size == 4 else "df.512")
        kind = ir.FunctionType(self.vector, [self.vector, self.indices])
        return self.b.call(cgutils.get_or_insert_function(self.b.module, kind, name), [value, index])

    def counted(self, count, values, body):
        """``values = body(i, values)`` for i below `count`, at least once -> the values after the last; all of them are LLVM values."""
        bd, before = self.b, self.b.block
        loop, done = bd.append_basic_block("loop"), bd.append_basic_block("done")
        bd.branch(loop)
        bd.position_at_end(loop)
        i = bd.phi(I64)
        held = [bd.phi(v.type) for v in values]
        new = body(i, held)
        following = bd.add(i, I64(1))
        for phi, first, later in ((i, I64(0), following), *zip(held, values, new, strict=True)):
            phi.add_incoming(first, before)
            phi.add_incoming(later, bd.block)
        back = bd.cbranch(bd.icmp_signed("<", following, count), loop, done)
        back.set_metadata("llvm.loop", self._as_it_is())
        bd.position_at_end(done)
        return new

    def _as_it_is(self):
        """What keeps LLVM from unrolling a loop: its vectors fill the registers. Such a note names itself first."""
        module = self.b.module
        never = module.add_metadata(["llvm.loop.unroll.disable"])
        node = ir.values.MDValue(module, (), str(len(module.metadata)))
        node.operands = (node, never)
        return node


@intrinsic
def copy_vectors(typingctx, like, source, target, count):
    """`count` vectors, at least one, from one address to another; what comes `AHEAD` bytes later is asked for meanwhile.

    A line of an image is too short for memcpy, and ends before the processor has seen where it goes.
    """

    def codegen(context, builder, sig, args):
        source, target, count = args[1:]
        t = _Lanes(builder, sig.args[0])

        def one(i, values):
            offset = builder.mul(i, I64(VECTOR))
            ahead = builder.add(builder.add(source, offset), I64(AHEAD))
            ask_for(builder, builder.inttoptr(ahead, ir.IntType(8).as_pointer()), 0, 3)
            t.put(t.at(builder.add(source, offset)), builder.add(target, offset))
            return []

        t.counted(count, [], one)
        return context.get_dummy_value()

    return types.void(like, *[types.int64] * 3), codegen


@intrinsic
def ask_to_write(typingctx, like, where, size):
    """Ask for the lines of `size` bytes, more than none, from an address on, before they are written."""

    def codegen(context, builder, sig, args):
        def one(i, values):
            at = builder.add(args[1], builder.mul(i, I64(LINE)))
            ask_for(builder, builder.inttoptr(at, ir.IntType(8).as_pointer()), 1, 3)
            return []

        lines = builder.sdiv(builder.add(args[2], I64(LINE - 1)), I64(LINE))
        _Lanes(builder, sig.args[0]).counted(lines, [], one)
        return context.get_dummy_value()

    return types.void(like, types.int64, types.int64), codegen


def line_tile(pixels: int, side: int, turning: bool) -> Any:
    """An intrinsic: `pixels` places of a line, a vector of filters each: ``begin`` (0: nothing) + the sum over taps and turns.

    ``table``: `count` addresses, each of the first of `side` taps, a place apart, of the line's first place; the tile's is `offset` bytes
    behind. ``w``: vectors of weights in the order of (address, turn, side); ``index``: 1 << `shift` vectors of indices, one a turn.
    `step` and `ldc` are the bytes from a place to the next, read and written.
    """

    @intrinsic
    def sums(typingctx, like, table, count, offset, w, shift, index, begin, c, step, ldc, rest):
        signature = types.void(like, *[types.int64] * 11)

        def codegen(context, builder, sig, args):
            table, count, offset, w, shift, index, begin, c, step, ldc, rest = args[1:]
            bd, t = builder, _Lanes(builder, sig.args[0])
            t.hold_back(rest)
            held = bd.inttoptr(table, I64.as_pointer())
            begun = bd.icmp_signed("!=", begin, I64(0))
            with bd.if_else(begun) as (then, otherwise):
                with then:
                    some, first = t.at(begin, True), bd.block
                with otherwise:
                    none = bd.block
            start = bd.phi(t.vector)
            start.add_incoming(some, first)
            start.add_incoming(t.zero, none)
            turns = bd.shl(I64(1), shift)

            def one(i, values):
                tap, turn = (bd.lshr(i, shift), bd.and_(i, bd.sub(turns, I64(1)))) if turning else (i, None)
                base = bd.add(bd.load(bd.gep(held, [tap])), offset)
                index_now = t.index(bd.add(index, bd.mul(turn, I64(VECTOR)))) if turning else None
                first = bd.add(w, bd.mul(i, I64(side * VECTOR)))
                weights = [t.at(bd.add(first, I64(j * VECTOR))) for j in range(side)]
                values = list(values)
                for q in range(pixels + side - 1):
                    x = t.at(bd.add(base, bd.mul(step, I64(q))))
                    x = t.turn(x, index_now) if turning else x
                    for j in range(side):
                        if 0 <= q - j < pixels:
                            values[q - j] = bd.call(t.fma, [x, weights[j], values[q - j]])
                return values

            total = t.counted(bd.mul(count, turns), [start] * pixels, one)
            t.put_last(total, [bd.add(c, bd.mul(ldc, I64(q))) for q in range(pixels)])
            return context.get_dummy_value()

        return signature, codegen

    return sums


def gradient_tile(taps: int, turns: int) -> Any:
    """An intrinsic: total[tap, turn] += the sum over `rows` x `columns` places of x at the tap times the upstream vector, turned.

    ``table``: how many bytes behind ``x`` each of `taps` taps of the first place lies. ``total``: taps x turns vectors. x moves by `across`
    bytes from place to place and by `down` from row to row, the upstream gradient ``d`` by `d_across` and `d_down`; of its vectors `rest`
    lanes are there.
    """

    @intrinsic
    def sums(typingctx, like, x, table, d, rows, columns, across, down, d_across, d_down, index, first, total, rest):
        signature = types.void(like, *[types.int64] * 13)

        def codegen(context, builder, sig, args):
            x, table, d, rows, columns, across, down, d_across, d_down, index, first, total, rest = args[1:]
            bd, t = builder, _Lanes(builder, sig.args[0])
            t.hold_back(rest)
            held = bd.inttoptr(table, I64.as_pointer())
            offsets = [bd.load(bd.gep(held, [I64(i)])) for i in range(taps)]
            places = [bd.add(total, I64(n * VECTOR)) for n in range(taps * turns)]
            begin, step = (t.index(first), t.index(bd.add(index, I64(VECTOR)))) if turns > 1 else (None, None)

            def row(r, values):
                starts = [bd.add(x, bd.mul(r, down)), bd.add(d, bd.mul(r, d_down))]

                def one(p, values):
                    here, up = values[-2:]
                    pixels = [t.at(bd.add(here, offset)) for offset in offsets]
                    turned = t.at(up, True) if begin is None else t.turn(t.at(up, True), begin)
                    new = list(values[:-2])
                    for s in range(turns):  # one step at a time: the indices of every turn would fill a third of the registers
                        turned = t.turn(turned, step) if s > 0 else turned
                        for i in range(taps):
                            new[i * turns + s] = bd.call(t.fma, [pixels[i], turned, new[i * turns + s]])
                    return [*new, bd.add(here, across), bd.add(up, d_across)]

                return t.counted(columns, [*values, *starts], one)[:-2]

            last = t.counted(rows, [t.at(place) for place in places], row)
            for place, value in zip(places, last, strict=True):
                t.put(value, place)
            return context.get_dummy_value()

        return signature, codegen

    return sums
