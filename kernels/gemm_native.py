"""The CPU's matrix product: register tiles in LLVM's vector types, driven by Numba loops. Imported only when Numba is there."""

from typing import Any

import numpy as np
from llvmlite import binding, ir
from numba import carray, njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from gpunn.kernels.gemm import BLOCK_K, BLOCK_K_TN, BLOCK_N_NT, BLOCK_ROWS
from gpunn.kernels.native import address, pointer

I32, I64 = ir.IntType(32), ir.IntType(64)


def _machine() -> tuple[int, int, int, int, int]:
    """-> vector bytes, then (rows, vectors) of a tile for packed rows and for packed columns: as many accumulators as registers allow."""
    features = binding.get_host_cpu_features()
    if features.get("avx512f"):
        return 64, 8, 3, 4, 6
    if features.get("avx2") and features.get("fma"):
        return 32, 6, 2, 4, 2
    if "aarch64" in binding.get_process_triple() or "arm64" in binding.get_process_triple():
        return 16, 8, 3, 4, 6
    return 16, 4, 2, 4, 2


VECTOR, ROWS_N, VECTORS_N, ROWS_T, VECTORS_T = _machine()


def _tile(rows: int, vectors: int, masked: bool) -> Any:
    """An intrinsic: c[rows, vectors] (+)= sum over t of a[t, rows] * b[ks[t], vectors]; addresses come as integers, the type from `like`.

    With `masked` the last vector holds `rest` columns only.
    """

    @intrinsic
    def tile(typingctx, like, a, ks, count, b, ldb, c, ldc, accumulate, rest):
        signature = types.void(like, *[types.int64] * 9)

        def codegen(context, builder, sig, args):
            scalar = ir.FloatType() if sig.args[0].dtype == types.float32 else ir.DoubleType()
            lanes = VECTOR // (4 if sig.args[0].dtype == types.float32 else 8)
            _TileBuilder(builder, scalar, lanes, rows, vectors, masked).build(*args[1:])
            return context.get_dummy_value()

        return signature, codegen

    return tile


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

    def store(self, value, pointer, last):
        pointer = self.b.bitcast(pointer, self.vector.as_pointer())
        if last and self.masked:
            self.b.call(self.mstore, [value, pointer, self.align, self.mask])
        else:
            self.b.store(value, pointer, align=self.align.constant)

    def build(self, a, ks, count, b, ldb, c, ldc, accumulate, rest):
        bd, cells = self.b, [(i, v) for i in range(self.rows) for v in range(self.vectors)]
        a, b, c = (bd.inttoptr(x, self.scalar.as_pointer()) for x in (a, b, c))
        ks = bd.inttoptr(ks, I32.as_pointer())

        def k(value):
            return ir.Constant(I64, value)

        def cell(i, v):
            return bd.gep(c, [bd.add(bd.mul(k(i), ldc), k(v * self.lanes))])

        if self.masked:
            wide = ir.VectorType(I64, self.lanes)
            self.mask = bd.icmp_signed("<", ir.Constant(wide, list(range(self.lanes))), self.splat(rest, wide))
        entry = bd.block
        load, start, loop, done = (bd.append_basic_block(n) for n in ("load", "start", "loop", "done"))
        bd.cbranch(bd.icmp_signed("!=", accumulate, k(0)), load, start)
        bd.position_at_end(load)
        held = {(i, v): self.load(cell(i, v), v == self.vectors - 1) for i, v in cells}
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
        row = bd.gep(b, [bd.mul(bd.sext(bd.load(bd.gep(ks, [t])), I64), ldb)])
        right = [self.load(bd.gep(row, [k(v * self.lanes)]), v == self.vectors - 1) for v in range(self.vectors)]
        packed = bd.gep(a, [bd.mul(t, k(self.rows))])
        new = {}
        for i in range(self.rows):
            left = self.splat(bd.load(bd.gep(packed, [k(i)])), self.vector)
            for v in range(self.vectors):
                new[i, v] = bd.call(self.fma, [left, right[v], sums[i, v]])
        following = bd.add(t, k(1))
        t.add_incoming(k(0), start)
        t.add_incoming(following, loop)
        for at in cells:
            sums[at].add_incoming(first[at], start)
            sums[at].add_incoming(new[at], loop)
        bd.cbranch(bd.icmp_signed("<", following, count), loop, done)
        bd.position_at_end(done)
        for i, v in cells:
            out = bd.phi(self.vector)
            out.add_incoming(first[i, v], start)
            out.add_incoming(new[i, v], loop)
            held[i, v] = out
        for i, v in cells:
            self.store(held[i, v], cell(i, v), v == self.vectors - 1)


_n_full, _n1, _n2, _n3 = (_tile(ROWS_N, VECTORS_N, False), *(_tile(ROWS_N, min(v, VECTORS_N), True) for v in (1, 2, 3)))
_t_full = _tile(ROWS_T, VECTORS_T, False)
_t1, _t2, _t3, _t4, _t5, _t6 = (_tile(ROWS_T, min(v, VECTORS_T), True) for v in (1, 2, 3, 4, 5, 6))
_fast: dict[str, Any] = {"nogil": True, "error_model": "numpy"}


@njit(**_fast)
def _tile_n(like, whole, vectors, a, ks, count, b, ldb, c, ldc, accumulate, rest):
    if whole:
        _n_full(like, a, ks, count, b, ldb, c, ldc, accumulate, rest)
    elif vectors == 1:
        _n1(like, a, ks, count, b, ldb, c, ldc, accumulate, rest)
    elif vectors == 2:
        _n2(like, a, ks, count, b, ldb, c, ldc, accumulate, rest)
    else:
        _n3(like, a, ks, count, b, ldb, c, ldc, accumulate, rest)


@njit(**_fast)
def _tile_t(like, whole, vectors, a, ks, count, b, ldb, c, ldc, accumulate, rest):
    if whole:
        _t_full(like, a, ks, count, b, ldb, c, ldc, accumulate, rest)
    elif vectors == 1:
        _t1(like, a, ks, count, b, ldb, c, ldc, accumulate, rest)
    elif vectors == 2:
        _t2(like, a, ks, count, b, ldb, c, ldc, accumulate, rest)
    elif vectors == 3:
        _t3(like, a, ks, count, b, ldb, c, ldc, accumulate, rest)
    elif vectors == 4:
        _t4(like, a, ks, count, b, ldb, c, ldc, accumulate, rest)
    elif vectors == 5:
        _t5(like, a, ks, count, b, ldb, c, ldc, accumulate, rest)
    else:
        _t6(like, a, ks, count, b, ldb, c, ldc, accumulate, rest)


@njit(**_fast)
def _pack_rows(a, lo, hi, k0, k1, tall, packed, ks, counts):
    """Rows lo..hi of a, `tall` at a time: packed[block, t, row], the k of each t, and how many t; short blocks are filled with zeros."""
    zero = a.dtype.type(0)
    width = k1 - k0
    for block in range((hi - lo + tall - 1) // tall):
        first, at, n = lo + block * tall, block * width * tall, 0
        if first + tall <= hi:
            for k in range(k0, k1):
                live = False
                for i in range(tall):
                    v = a[first + i, k]
                    packed[at + n * tall + i] = v
                    live |= v != zero
                ks[block * width + n] = k - k0
                n += 1 if live else 0
        else:
            for k in range(k0, k1):
                for i in range(tall):
                    packed[at + n * tall + i] = a[first + i, k] if first + i < hi else zero
                ks[block * width + n] = k - k0
                n += 1
        counts[block] = n


@njit(**_fast)
def _pack_columns(a, lo, hi, k0, k1, tall, packed, ks, counts):
    """The same for columns lo..hi of a, summed over its rows k0..k1."""
    zero = a.dtype.type(0)
    width = k1 - k0
    for block in range((hi - lo + tall - 1) // tall):
        first, at, n = lo + block * tall, block * width * tall, 0
        if first + tall <= hi:
            for k in range(k0, k1):
                live = False
                for i in range(tall):
                    v = a[k, first + i]
                    packed[at + n * tall + i] = v
                    live |= v != zero
                ks[block * width + n] = k - k0
                n += 1 if live else 0
        else:
            for k in range(k0, k1):
                for i in range(tall):
                    packed[at + n * tall + i] = a[k, first + i] if first + i < hi else zero
                ks[block * width + n] = k - k0
                n += 1
        counts[block] = n


def _panels_of(tile):
    @njit(**_fast)
    def panels(tall, wide, packed, ks, counts, width, b, ldb, columns, out, row, hi, column, accumulate, spare):
        """All tiles of rows row..hi: columns of b (at address b) in panels, so that a panel is read from cache by every block of rows."""
        size = out.itemsize
        lanes = VECTOR // size
        ldc = out.shape[1]
        left = (columns + lanes - 1) // lanes
        panels = (left * lanes + wide - 1) // wide
        j = 0
        while left > 0:  # panels of nearly equal width: a narrow last one would leave most registers idle
            vectors = (left + panels - 1) // panels
            w = min(vectors * lanes, columns - j)
            rest = w - (vectors - 1) * lanes
            for block in range((hi - row + tall - 1) // tall):
                r = row + block * tall
                a, index = address(packed) + block * width * tall * size, address(ks) + block * width * 4
                if r + tall <= hi:
                    c = address(out) + (r * ldc + column + j) * size
                    tile(out, w == wide, vectors, a, index, counts[block], b + j * size, ldb, c, ldc, accumulate, rest)
                else:  # fewer rows than a tile: through a spare one, by the same sums as in a whole one
                    if accumulate:
                        for i in range(hi - r):
                            for q in range(w):
                                spare[i * wide + q] = out[r + i, column + j + q]
                    tile(out, w == wide, vectors, a, index, counts[block], b + j * size, ldb, address(spare), wide, accumulate, rest)
                    for i in range(hi - r):
                        for q in range(w):
                            out[r + i, column + j + q] = spare[i * wide + q]
            j += w
            left -= vectors
            panels -= 1

    return panels


_panels_n, _panels_t = _panels_of(_tile_n), _panels_of(_tile_t)


@njit(**_fast)
def _carve(like, scratch):
    """Packed rows, their k, the counts, a spare tile and the transposed block, in private memory."""
    size = like.itemsize
    area = (BLOCK_ROWS + 16) * BLOCK_K
    at = scratch
    packed = carray(pointer(at, like), (area,))
    at += area * size
    ks = carray(pointer(at, np.int32(0)), (area,))
    at += area * 4
    counts = carray(pointer(at, np.int64(0)), (512,))
    at += 4096
    spare = carray(pointer(at, like), (4096,))
    return packed, ks, counts, spare, at + 4096 * 8


@njit(**_fast)
def gemm_nn(a, b, add, out, lo, hi, scratch):
    packed, ks, counts, spare, _ = _carve(out, scratch)
    lanes = VECTOR // out.itemsize
    n = b.shape[1]
    for k0 in range(0, max(b.shape[0], 1), BLOCK_K):  # a sum of no terms is zero, and is written
        k1 = min(k0 + BLOCK_K, b.shape[0])
        more = 1 if k0 > 0 or add[0] != 0.0 else 0
        for row in range(lo, hi, BLOCK_ROWS):
            end = min(row + BLOCK_ROWS, hi)
            _pack_rows(a, row, end, k0, k1, ROWS_N, packed, ks, counts)
            right = address(b) + k0 * n * out.itemsize
            _panels_n(ROWS_N, VECTORS_N * lanes, packed, ks, counts, k1 - k0, right, n, n, out, row, end, 0, more, spare)


@njit(**_fast)
def gemm_nt(a, b, add, out, lo, hi, scratch):
    packed, ks, counts, spare, at = _carve(out, scratch)
    flipped = carray(pointer(at, out), (BLOCK_K * BLOCK_N_NT,))
    lanes = VECTOR // out.itemsize
    for k0 in range(0, max(b.shape[1], 1), BLOCK_K):
        k1 = min(k0 + BLOCK_K, b.shape[1])
        more = 1 if k0 > 0 or add[0] != 0.0 else 0
        for j in range(0, b.shape[0], BLOCK_N_NT):
            w = min(BLOCK_N_NT, b.shape[0] - j)
            _transpose(b, j, w, k0, k1, flipped)
            for row in range(lo, hi, BLOCK_ROWS):
                end = min(row + BLOCK_ROWS, hi)
                _pack_rows(a, row, end, k0, k1, ROWS_N, packed, ks, counts)
                _panels_n(ROWS_N, VECTORS_N * lanes, packed, ks, counts, k1 - k0, at, w, w, out, row, end, j, more, spare)


@njit(**_fast)
def _transpose(b, j, w, k0, k1, flipped):
    """flipped[k, i] = b[j + i, k0 + k], sixteen rows of b at a time."""
    for i in range(0, w - 15, 16):
        for k in range(k0, k1):
            at = (k - k0) * w + i
            for q in range(16):
                flipped[at + q] = b[j + i + q, k]
    for i in range(w // 16 * 16, w):
        for k in range(k0, k1):
            flipped[(k - k0) * w + i] = b[j + i, k]


@njit(**_fast)
def gemm_tn(a, b, add, out, lo, hi, scratch):
    packed, ks, counts, spare, _ = _carve(out, scratch)
    lanes = VECTOR // out.itemsize
    n = b.shape[1]
    for row in range(lo, hi, BLOCK_ROWS):
        end = min(row + BLOCK_ROWS, hi)
        for k0 in range(0, max(a.shape[0], 1), BLOCK_K_TN):
            k1 = min(k0 + BLOCK_K_TN, a.shape[0])
            more = 1 if k0 > 0 or add[0] != 0.0 else 0
            _pack_columns(a, row, end, k0, k1, ROWS_T, packed, ks, counts)
            right = address(b) + k0 * n * out.itemsize
            _panels_t(ROWS_T, VECTORS_T * lanes, packed, ks, counts, k1 - k0, right, n, n, out, row, end, 0, more, spare)
