"""Register tiles, written in LLVM's vector types: the inner loops of `gemm_native`. Imported only with Numba."""

from collections.abc import Sequence
from typing import Any

from llvmlite import binding, ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from gpunn.kernels.linked import PLAIN
from gpunn.kernels.tile_ends import bytes_of, store_ends

I32, I64 = ir.IntType(32), ir.IntType(64)


def _machine() -> tuple[int, int, int, int, int]:
    """-> vector bytes, then (rows, vectors) of a tile for packed rows and for packed columns: as many accumulators as registers allow."""
    features = binding.get_host_cpu_features()
    if features.get("avx512f"):
        return 64, 8, 3, 8, 3
    if features.get("avx2") and features.get("fma"):
        return 32, 4, 3, 4, 3
    if "aarch64" in binding.get_process_triple() or "arm64" in binding.get_process_triple():
        return 16, 8, 3, 4, 6
    return 16, 4, 2, 4, 2


VECTOR, ROWS_N, VECTORS_N, ROWS_T, VECTORS_T = _machine()


def _scalar(like: Any) -> Any:
    return ir.FloatType() if bytes_of(like) == 4 else ir.DoubleType()


def tile(rows: int, vectors: int, masked: bool) -> Any:
    """An intrinsic: c[rows, vectors] (+)= sum over t of a[t, rows] * b[ks[t], vectors]; addresses come as integers, the type from `like`.

    With `masked` the last vector holds `rest` columns only.
    """

    @intrinsic
    def product(typingctx, like, a, ks, count, b, ldb, c, ldc, accumulate, rest):
        signature = types.void(like, *[types.int64] * 9)

        def codegen(context, builder, sig, args):
            scalar = _scalar(sig.args[0])
            lanes = VECTOR // bytes_of(sig.args[0])
            _TileBuilder(builder, scalar, lanes, rows, vectors, masked).build(*args[1:])
            return context.get_dummy_value()

        return signature, codegen

    return product


def gather_tile(rows: int, vectors: int, masked: bool, along: bool = False) -> Any:
    """An intrinsic: c[rows, vectors] = begin[rows, vectors] + sum over t of places[row][table[t]] * b[t, vectors].

    With `along` the left side is vectors too, number times number: places[row][table[t] + column] * b[t, column].

    The left matrix is never laid out: `places` are addresses, one a row, and `table` says how many numbers behind each lies term t. That is
    a convolution, where places are pixels and the table the taps, or the other way round. `begin` 0 is nothing to begin with; its rows are
    `step` numbers apart (0: one row for all, a bias).
    """

    @intrinsic
    def product(typingctx, like, places, table, count, b, ldb, c, ldc, begin, step, rest):
        signature = types.void(like, *[types.int64] * 10)

        def codegen(context, builder, sig, args):
            scalar = _scalar(sig.args[0])
            lanes = VECTOR // bytes_of(sig.args[0])
            places, table, count, b, ldb, c, ldc, begin, step, rest = args[1:]
            held = builder.inttoptr(places, I64.as_pointer())
            starts = [
                builder.inttoptr(builder.load(builder.gep(held, [I64(i)])), scalar.as_pointer()) for i in range(rows)
            ]
            table = builder.inttoptr(table, I32.as_pointer())
            first, out = (builder.inttoptr(x, scalar.as_pointer()) for x in (begin, c))
            matrix = builder.inttoptr(b, scalar.as_pointer())

            def left(t):
                offset = builder.sext(builder.load(builder.gep(table, [t])), I64)
                return lambda i: builder.gep(starts[i], [offset])

            def row(t):
                return builder.gep(matrix, [builder.mul(t, ldb)])

            begun = builder.icmp_signed("!=", begin, I64(0))
            tile_builder = _TileBuilder(builder, scalar, lanes, rows, vectors, masked)
            tile_builder.loop(left, row, count, (first, step), begun, (out, ldc), rest, along)
            return context.get_dummy_value()

        return signature, codegen

    return product


class _TileBuilder:
    """Emits the loop of one tile."""

    def __init__(self, builder, scalar, lanes, rows, vectors, masked):
        self.b, self.scalar, self.lanes, self.rows, self.vectors, self.masked = builder, scalar, lanes, rows, vectors, masked
        self.vector = ir.VectorType(scalar, lanes)
        name = f"v{lanes}f{32 if isinstance(scalar, ir.FloatType) else 64}"
        p, mask, module = self.vector.as_pointer(), ir.VectorType(ir.IntType(1), lanes), builder.module
        declare = cgutils.get_or_insert_function
        self.fma = declare(module, ir.FunctionType(self.vector, [self.vector] * 3), f"llvm.fma.{name}")
        self.mload = declare(module, ir.FunctionType(self.vector, [p, I32, mask, self.vector]), f"llvm.masked.load.{name}.p0")
        self.mstore = declare(module, ir.FunctionType(ir.VoidType(), [self.vector, p, I32, mask]), f"llvm.masked.store.{name}.p0")
        self.zero = ir.Constant(self.vector, [0.0] * lanes)
        self.align = ir.Constant(I32, 4 if isinstance(scalar, ir.FloatType) else 8)

    def splat(self, value, vector):
        empty = ir.Constant(vector, ir.Undefined)
        one = self.b.insert_element(empty, value, ir.Constant(I32, 0))
        return self.b.shuffle_vector(one, empty, ir.Constant(ir.VectorType(I32, self.lanes), [0] * self.lanes))

    def load(self, pointer, last):
        pointer = self.b.bitcast(pointer, self.vector.as_pointer())
        if last and self.masked:
            return self.b.call(self.mload, [pointer, self.align, self.mask, self.zero])
        return self.b.load(pointer, align=self.align.constant)

    def hold_back(self, rest):
        """Loads and stores with ``last`` leave out all but `rest` lanes."""
        words = ir.VectorType(I32 if isinstance(self.scalar, ir.FloatType) else I64, self.lanes)  # as wide as a lane: one comparison
        self.rest = rest
        number = self.b.trunc(rest, words.element) if words.element is I32 else rest
        self.mask = self.b.icmp_signed("<", ir.Constant(words, list(range(self.lanes))), self.splat(number, words))

    def store(self, value, pointer):
        self.b.store(value, self.b.bitcast(pointer, self.vector.as_pointer()), align=self.align.constant)

    def store_last(self, values, pointers):
        """Vectors of which some lanes may not be there."""
        if self.masked and VECTOR < 64:
            store_ends(self.b, values, pointers, self.rest, self.align.constant)
            return
        for value, pointer in zip(values, pointers, strict=True):
            if self.masked:
                self.b.call(self.mstore, [value, self.b.bitcast(pointer, self.vector.as_pointer()), self.align, self.mask])
            else:
                self.store(value, pointer)

    def build(self, a, ks, count, b, ldb, c, ldc, accumulate, rest):
        bd = self.b
        a, b, c = (bd.inttoptr(x, self.scalar.as_pointer()) for x in (a, b, c))
        ks = bd.inttoptr(ks, I32.as_pointer())

        def row(t):
            return bd.gep(b, [bd.mul(bd.sext(bd.load(bd.gep(ks, [t])), I64), ldb)])

        def left(t):
            packed = bd.gep(a, [bd.mul(t, I64(self.rows))])
            return lambda i: bd.gep(packed, [I64(i)])

        self.loop(left, row, count, (c, ldc), bd.icmp_signed("!=", accumulate, I64(0)), (c, ldc), rest)

    def loop(self, left, row, count, begin, begun, out, rest, along=False):
        """out = begin (where `begun`; else 0) + sum over t of left(t)(i), a pointer to a number, times the vectors at row(t).

        With `along` that pointer is to as many numbers as the vectors hold.

        `begin` and `out` are (pointer, numbers from row to row).
        """
        bd, cells = self.b, [(i, v) for i in range(self.rows) for v in range(self.vectors)]

        def k(value):
            return ir.Constant(I64, value)

        def cell(area, i, v):
            return bd.gep(area[0], [bd.add(bd.mul(k(i), area[1]), k(v * self.lanes))])

        if self.masked:
            self.hold_back(rest)
        entry = bd.block
        load, start, loop, done = (bd.append_basic_block(n) for n in ("load", "start", "loop", "done"))
        bd.cbranch(begun, load, start)
        bd.position_at_end(load)
        held = {(i, v): self.load(cell(begin, i, v), v == self.vectors - 1) for i, v in cells}
        bd.branch(start)
        bd.position_at_end(start)
        first = {at: bd.phi(self.vector) for at in cells}
        for at in cells:
            first[at].add_incoming(self.zero, entry)
            first[at].add_incoming(held[at], load)
        bd.cbranch(bd.icmp_signed(">", count, k(0)), loop, done)
        bd.position_at_end(loop)
        t = bd.phi(I64)
        sums = {at: bd.phi(self.vector) for at in cells}
        place, number = row(t), left(t)
        right = [self.load(bd.gep(place, [k(v * self.lanes)]), v == self.vectors - 1) for v in range(self.vectors)]
        new = {}
        for i in range(self.rows):
            factor = None if along else self.splat(bd.load(number(i)), self.vector)
            for v in range(self.vectors):
                each = self.load(bd.gep(number(i), [k(v * self.lanes)]), v == self.vectors - 1) if along else factor
                new[i, v] = bd.call(self.fma, [each, right[v], sums[i, v]])
        following = bd.add(t, k(1))
        t.add_incoming(k(0), start)
        t.add_incoming(following, loop)
        for at in cells:
            sums[at].add_incoming(first[at], start)
            sums[at].add_incoming(new[at], loop)
        bd.cbranch(bd.icmp_signed("<", following, count), loop, done)
        bd.position_at_end(done)
        for i, v in cells:
            total = bd.phi(self.vector)
            total.add_incoming(first[i, v], start)
            total.add_incoming(new[i, v], loop)
            held[i, v] = total
        end = self.vectors - 1
        for i, v in cells:
            if v < end:
                self.store(held[i, v], cell(out, i, v))
        self.store_last([held[i, end] for i in range(self.rows)], [cell(out, i, end) for i in range(self.rows)])


def by_width(full: Any, narrow: Sequence[Any], arguments: str) -> Any:
    """One compiled function of many tiles: ``f(like, whole, vectors, <arguments>)`` runs `full` where whole, else the tile of so many
    vectors, and the last of `narrow` where there are more."""
    lines = [f"def chosen(like, whole, vectors, {arguments}):", "    if whole:", f"        full(like, {arguments})"]
    for v in range(1, len(narrow) + 1):
        lines += [f"    elif vectors == {v}:" if v < len(narrow) else "    else:", f"        narrow_{v}(like, {arguments})"]
    space = {"full": full, **{f"narrow_{v}": tile for v, tile in enumerate(narrow, 1)}}
    exec("\n".join(lines), space)
    return njit(nogil=True, error_model="numpy", **PLAIN)(space["chosen"])
