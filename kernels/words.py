"""The gradient of a table of words on a device, in two launches (see `gpunn.backend.words`).

A word that stands at most places, as padding does, would keep one block at work for all of them, one after another. So equal words are
summed within each part of the places first, all parts at once; then a table's row gathers what the parts have of its word. Sums stand in
the order of the places: the same bits in every run.
"""

import numpy as np

from gpunn.kernels.cuda_text import cuda_kernel
from gpunn.kernels.record import Kernel, columns_of, matrix, parse, register, rows_of

PART = 256  # places of a part


def _merge_reference(tokens, dy, words, merged, leader):
    at = np.clip(tokens.reshape(-1).astype(np.int64), 0, int(words) - 1)
    values = dy.reshape(at.size, columns_of(merged))
    merged[...], leader[...] = 0, -1
    for start in range(0, at.size, PART):
        part = slice(start, start + PART)
        found, first, which = np.unique(at[part], return_index=True, return_inverse=True)
        leader.reshape(-1)[start + first] = found
        np.add.at(matrix(merged), start + first[which], values[part])


# of the places of a part that have the same word, the first gets the sum of dy and the word; the others get 0 and -1
MERGE_WORDS = register(
    Kernel(
        name="merge_words", operands=parse("tokens:whole, dy:whole, words:const:i8 -> merged, leader:col"),
        extent=lambda tokens, dy, words, merged, leader: rows_of(merged), reference=_merge_reference,
        cuda=cuda_kernel("words.cu", "merge_words", PART=f"{PART}LL"), geometry="warps",
    )
)


def _add_reference(leader, merged, count, add, table):
    if not add:
        table[...] = 0
    word = leader.reshape(-1).astype(np.int64)
    np.add.at(matrix(table), word[word >= 0], matrix(merged)[word >= 0])


# table[v] (+)= sum of the rows of `merged` whose leader is v
ADD_WORDS = register(
    Kernel(
        name="add_words", operands=parse("leader:whole, merged:whole, count:const:i8, add:const, table -> table"),
        extent=lambda leader, merged, count, add, table: rows_of(table), reference=_add_reference,
        cuda=cuda_kernel("words.cu", "add_words"), geometry="warps",
    )
)
