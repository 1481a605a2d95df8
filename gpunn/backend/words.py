"""Gradients of large batches of words on a device: `merge_words` and `add_words` in the place of `embed_bwd`, in which one block of threads
adds up all places of a word, one after another."""

from collections.abc import Sequence
from typing import Any

from gpunn.backend.schedule import Node
from gpunn.kernels.record import rows_of
from gpunn.kernels.sequences import EMBED_BWD
from gpunn.kernels.words import ADD_WORDS, MERGE_WORDS

LEAST = 512  # places: for fewer, another launch costs more than it gains; an estimate, still to be measured


def merge(nodes: Sequence[Node], ops: Any) -> list[Node]:
    """The same launches; gradients of many words in two each."""
    return [launch for node in nodes for launch in (_two(node, ops) if _many(node) else [node])]


def _many(node: Node) -> bool:
    return node.kernel is EMBED_BWD and getattr(node, "count", 1) == 1 and node.arguments[2] >= LEAST


def _two(node: Node, ops: Any) -> list[Node]:
    tokens, dy, count, add, table = node.arguments
    merged, leader = ops.empty((count, table.shape[1]), dy.dtype), ops.empty((count,), dy.dtype)
    return [
        Node(MERGE_WORDS, [tokens.reshape(-1), dy.reshape(merged.shape), rows_of(table), merged, leader], count),
        Node(ADD_WORDS, [leader, merged, count, add, table], rows_of(table)),
    ]
