"""The CPU's matrix product: loops that pack, and register tiles that multiply. Imported only when Numba is there."""

from typing import Any

import numpy as np
from numba import carray, njit

from gpunn.kernels.gemm import BLOCK_K, BLOCK_K_TN, BLOCK_ROWS, PANEL_K
from gpunn.kernels.gemm_moves import copy_row, flip, flip_kept, keep
from gpunn.kernels.gemm_tiles import ROWS_N, ROWS_T, VECTOR, VECTORS_N, VECTORS_T, by_width, tile
from gpunn.kernels.linked import PLAIN
from gpunn.kernels.native import address, move, pointer

_ARGUMENTS = "a, ks, count, b, ldb, c, ldc, accumulate, rest"
_tile_n = by_width(tile(ROWS_N, VECTORS_N, False), [tile(ROWS_N, min(v, VECTORS_N), True) for v in (1, 2, 3)], _ARGUMENTS)
_tile_t = by_width(tile(ROWS_T, VECTORS_T, False), [tile(ROWS_T, min(v, VECTORS_T), True) for v in range(1, 7)], _ARGUMENTS)
_wide_1, _last_1 = tile(1, VECTORS_N, False), tile(1, 1, True)
_keep_t, _flip_n, _flip_kept = keep(ROWS_T), flip(ROWS_N), flip_kept(ROWS_N)
_copy_row = by_width(copy_row(1), [copy_row(v) for v in range(1, max(VECTORS_N, VECTORS_T) + 1)], "source, target")
LAID_FROM = 1024  # bytes from row to row of the right matrix: a panel of longer rows has every row or so on a page of its own
LAYS = VECTOR == 32  # bytes, of AVX2: where it was measured to pay
LAID_BLOCKS = 4  # blocks of rows that read a panel: fewer do not pay for laying it out
_fast: dict[str, Any] = {"nogil": True, "error_model": "numpy", **PLAIN}


@njit(**_fast)
def _pack_rows(a, lo, hi, k0, k1, packed, ks, counts):
    """Rows lo..hi of a, a tile's height at a time: packed[block, t, row], the k of each t, and how many t; short blocks end in zeros."""
    width, tall, size, stride = k1 - k0, ROWS_N, a.itemsize, a.shape[1]
    for block in range((hi - lo + tall - 1) // tall):
        first, at, n = lo + block * tall, block * width * tall, 0
        whole = (width // tall) * tall if first + tall <= hi else 0
        for k in range(k0, k0 + whole, tall):
            source, numbers = address(a) + (first * stride + k) * size, address(ks) + (block * width + n) * 4
            n += _flip_kept(a, source, stride, address(packed) + (at + n * tall) * size, numbers, k - k0)
        for k in range(k0 + whole, k1):
            for i in range(tall):
                packed[at + n * tall + i] = a[first + i, k] if first + i < hi else a.dtype.type(0)
            ks[block * width + n] = k - k0
            n += 1
        counts[block] = n


@njit(**_fast)
def _pack_columns(a, lo, hi, k0, k1, packed, ks, counts):
    """The same for columns lo..hi of a, summed over its rows k0..k1."""
    width, tall, size, stride = k1 - k0, ROWS_T, a.itemsize, a.shape[1]
    for block in range((hi - lo + tall - 1) // tall):
        first, at, n = lo + block * tall, block * width * tall, 0
        if first + tall <= hi:
            for k in range(k0, k1):
                ks[block * width + n] = k - k0
                n += _keep_t(a, address(a) + (k * stride + first) * size, address(packed) + (at + n * tall) * size)
        else:
            for k in range(k0, k1):
                for i in range(tall):
                    packed[at + n * tall + i] = a[k, first + i] if first + i < hi else a.dtype.type(0)
                ks[block * width + n] = k - k0
                n += 1
        counts[block] = n


@njit(**_fast)
def _lay(out, b, ldb, count, vectors, rest, panel):
    """A panel of b, row behind row; its last vector has `rest` columns, and what rows hold behind it, but nothing behind the last row."""
    size = out.itemsize
    line = vectors * VECTOR
    for k in range(count - 1):
        _copy_row(out, False, vectors, b + k * ldb * size, panel + k * line)
    source, target = b + (count - 1) * ldb * size, panel + (count - 1) * line
    if rest * size == VECTOR:
        _copy_row(out, False, vectors, source, target)
    else:
        move(source, target, line - VECTOR + rest * size)


@njit(**_fast)
def turn(like, source, stride, rows, count, target, line):
    """target[k, i] = source[i, k] for i < rows and k < count; addresses, and how many numbers their rows are apart."""
    n, size = ROWS_N, like.itemsize
    wide, deep = rows // n * n, count // n * n
    for k in range(0, deep, n):
        for i in range(0, wide, n):
            _flip_n(like, source + (i * stride + k) * size, stride, target + (k * line + i) * size, line)
    turned = carray(pointer(target, like), (count * line,))
    for i in range(rows):
        row = carray(pointer(source + i * stride * size, like), (count,))
        for k in range(deep if i < wide else 0, count):
            turned[k * line + i] = row[k]


def _panels_of(tile, turned=False):
    """`turned`: b is transposed, its rows in panels."""

    @njit(**_fast)
    def panels(tall, wide, packed, ks, counts, width, b, ldb, columns, out, row, hi, column, accumulate, spare, panel):
        """All tiles of rows row..hi: columns of b (at address b) in panels, so that a panel is read from cache by every block of rows;
        where that pays it is copied to the address `panel` (0: nowhere)."""
        size = out.itemsize
        lanes = VECTOR // size
        ldc = out.shape[1]
        left = (columns + lanes - 1) // lanes
        panels = (left * lanes + wide - 1) // wide
        lays = not turned and LAYS and panel != 0 and width > 0 and ldb * size >= LAID_FROM and hi - row >= LAID_BLOCKS * tall
        j = 0
        while left > 0:  # panels of nearly equal width: a narrow last one would leave most registers idle
            vectors = (left + panels - 1) // panels
            w = min(vectors * lanes, columns - j)
            rest = w - (vectors - 1) * lanes
            right, line = b + j * (ldb if turned else 1) * size, ldb
            if turned:
                turn(out, right, ldb, w, width, panel, vectors * lanes)
            elif lays:
                _lay(out, right, ldb, width, vectors, rest, panel)
            if turned or lays:
                right, line = panel, vectors * lanes
            for block in range((hi - row + tall - 1) // tall):
                r = row + block * tall
                a, index = address(packed) + block * width * tall * size, address(ks) + block * width * 4
                if r + tall <= hi:
                    c = address(out) + (r * ldc + column + j) * size
                    tile(out, w == wide, vectors, a, index, counts[block], right, line, c, ldc, accumulate, rest)
                else:  # fewer rows than a tile: through a spare one, by the same sums as in a whole one
                    if accumulate:
                        for i in range(hi - r):
                            for q in range(w):
                                spare[i * wide + q] = out[r + i, column + j + q]
                    tile(out, w == wide, vectors, a, index, counts[block], right, line, address(spare), wide, accumulate, rest)
                    for i in range(hi - r):
                        for q in range(w):
                            out[r + i, column + j + q] = spare[i * wide + q]
            j += w
            left -= vectors
            panels -= 1

    return panels


_panels_n, _panels_nt, _panels_t = _panels_of(_tile_n), _panels_of(_tile_n, turned=True), _panels_of(_tile_t)


@njit(**_fast)
def _carve(like, scratch):
    """Packed rows, their k, the counts and a spare tile, in private memory; and the address where the rest of it begins."""
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
def _panel(packed):
    """The address of a laid-out panel: behind packed rows, of which sums over PANEL_K terms leave most of the room."""
    return address(packed) + (BLOCK_ROWS + 16) * PANEL_K * packed.itemsize


@njit(**_fast)
def _one_row(a, b, add, out, row, packed, ks):
    """The product's row: in a tile for several, the others would be worked out for nothing. The same sums, but for what is zero."""
    n, size, lanes = b.shape[1], out.itemsize, VECTOR // out.itemsize
    wide = VECTORS_N * lanes
    for k0 in range(0, max(b.shape[0], 1), PANEL_K):
        count = 0
        for k in range(k0, min(k0 + PANEL_K, b.shape[0])):
            packed[count], ks[count] = a[row, k], k - k0
            count += a[row, k] != 0
        more = 1 if k0 > 0 or add[0] != 0.0 else 0
        right, c = address(b) + k0 * n * size, address(out) + row * n * size
        for j in range(0, n - wide + 1, wide):
            _wide_1(out, address(packed), address(ks), count, right + j * size, n, c + j * size, n, more, lanes)
        for j in range(n // wide * wide, n, lanes):
            _last_1(out, address(packed), address(ks), count, right + j * size, n, c + j * size, n, more, min(lanes, n - j))


@njit(**_fast)
def gemm_nn(a, b, add, out, lo, hi, scratch):
    packed, ks, counts, spare, _ = _carve(out, scratch)
    lanes = VECTOR // out.itemsize
    n = b.shape[1]
    if hi - lo == 1:
        _one_row(a, b, add, out, lo, packed, ks)
        return
    for k0 in range(0, max(b.shape[0], 1), PANEL_K):  # a sum of no terms is zero, and is written
        k1 = min(k0 + PANEL_K, b.shape[0])
        more = 1 if k0 > 0 or add[0] != 0.0 else 0
        for row in range(lo, hi, BLOCK_ROWS):
            end = min(row + BLOCK_ROWS, hi)
            _pack_rows(a, row, end, k0, k1, packed, ks, counts)
            right = address(b) + k0 * n * out.itemsize
            _panels_n(ROWS_N, VECTORS_N * lanes, packed, ks, counts, k1 - k0, right, n, n, out, row, end, 0, more, spare, _panel(packed))


@njit(**_fast)
def gemm_parts(a, b, part, parts, lo, hi, scratch):
    packed, ks, counts, spare, _ = _carve(parts, scratch)
    lanes = VECTOR // parts.itemsize
    m, n, size = a.shape[0], b.shape[1], part[0]
    for p in range(lo // size, (hi + size - 1) // size):
        first, last = p * size, min((p + 1) * size, b.shape[0])
        out = carray(pointer(address(parts) + p * m * n * parts.itemsize, parts), (m, n))
        for k0 in range(first, last, PANEL_K):
            k1 = min(k0 + PANEL_K, last)
            more, right = 1 if k0 > first else 0, address(b) + k0 * n * parts.itemsize
            for row in range(0, m, BLOCK_ROWS):
                end = min(row + BLOCK_ROWS, m)
                _pack_rows(a, row, end, k0, k1, packed, ks, counts)
                _panels_n(
                    ROWS_N, VECTORS_N * lanes, packed, ks, counts, k1 - k0, right, n, n, out, row, end, 0, more, spare, _panel(packed)
                )


@njit(**_fast)
def gemm_symmetric(a, b, out, lo, hi, scratch):
    packed, ks, counts, spare, _ = _carve(out, scratch)
    lanes = VECTOR // out.itemsize
    n = out.shape[0]
    for half in range(2):  # rows lo..hi, and as many from the end: what both halves name, the middle row, belongs to the first
        first, last = (lo, hi) if half == 0 else (max(n - hi, hi), n - lo)
        for row in range(first, last, BLOCK_ROWS):
            end = min(row + BLOCK_ROWS, last)
            for k0 in range(0, max(b.shape[0], 1), BLOCK_K):
                k1 = min(k0 + BLOCK_K, b.shape[0])
                _pack_rows(a, row, end, k0, k1, packed, ks, counts)
                right = address(b) + k0 * n * out.itemsize
                more = 1 if k0 > 0 else 0
                _panels_n(ROWS_N, VECTORS_N * lanes, packed, ks, counts, k1 - k0, right, n, end, out, row, end, 0, more, spare, 0)
            _mirror(out, row, end)


@njit(**_fast)
def _mirror(out, row, end):
    """out[j, i] = out[i, j] for rows i from row to end and columns j before row."""
    n, size, tall = out.shape[1], out.itemsize, ROWS_N
    wide, deep = row // tall * tall, row + (end - row) // tall * tall
    for j in range(0, wide, tall):
        for i in range(row, deep, tall):
            _flip_n(out, address(out) + (i * n + j) * size, n, address(out) + (j * n + i) * size, n)
    for j in range(row):
        for i in range(deep if j < wide else row, end):
            out[j, i] = out[i, j]


@njit(**_fast)
def gemm_nt(a, b, add, out, lo, hi, scratch):
    packed, ks, counts, spare, _ = _carve(out, scratch)
    lanes = VECTOR // out.itemsize
    n, terms = b.shape
    for k0 in range(0, max(terms, 1), PANEL_K):
        k1 = min(k0 + PANEL_K, terms)
        more = 1 if k0 > 0 or add[0] != 0.0 else 0
        for row in range(lo, hi, BLOCK_ROWS):
            end = min(row + BLOCK_ROWS, hi)
            _pack_rows(a, row, end, k0, k1, packed, ks, counts)
            right, panel = address(b) + k0 * out.itemsize, _panel(packed)
            _panels_nt(ROWS_N, VECTORS_N * lanes, packed, ks, counts, k1 - k0, right, terms, n, out, row, end, 0, more, spare, panel)


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
            _pack_columns(a, row, end, k0, k1, packed, ks, counts)
            right = address(b) + k0 * n * out.itemsize
            _panels_t(ROWS_T, VECTORS_T * lanes, packed, ks, counts, k1 - k0, right, n, n, out, row, end, 0, more, spare, _panel(packed))


@njit(**_fast)
def flip_rows(x, out, lo, hi, scratch):
    n, size, wide, columns = ROWS_N, x.itemsize, x.shape[0], x.shape[1]
    line = max(n, 64 // size)  # rows whose numbers fill a cache line of the other
    deep = columns // n * n
    for first in range(lo, hi, line):
        end = min(first + line, hi)
        whole = first + (end - first) // n * n
        for j in range(0, deep, n):
            for i in range(first, whole, n):
                _flip_n(x, address(x) + (i * columns + j) * size, columns, address(out) + (j * wide + i) * size, wide)
        for i in range(first, end):
            for j in range(deep if i < whole else 0, columns):
                out[j, i] = x[i, j]
