"""Connectionist temporal classification: its loss with lengths of their own for labels and steps, and the labels that logits say."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from gpunn.layers.graph import KerasTensor
from gpunn.ops import arithmetic as a
from gpunn.ops import shaping
from gpunn.ops.of_arrays import of_arrays
from gpunn.ops.operation import Back, Definition, Place, apply

__all__ = ["ctc_decode", "ctc_loss"]

FAR = -1e9  # the logit of what a step cannot be


class Aligned(Definition):
    """-log of the likelihood of a row's labels, zeros behind them, over all alignments with its steps; 0 is the blank. (rows,). Labels are
    read on the host: they have no gradient, and a step with them is not recorded."""

    recordable = False

    def numpy(self, labels: Any, logits: Any) -> Any:
        from gpunn.losses import CTC  # losses are made of operations

        return CTC(reduction=None)(np.asarray(labels), np.asarray(logits))

    def outcome(self, operands: Sequence[Any], options: dict[str, Any]) -> tuple[Any, str]:
        return (operands[1].shape[0],), str(operands[1].dtype)

    def device(self, op: Place, operands: list[Any], options: dict[str, Any]) -> tuple[Any, Back]:
        from gpunn.losses import CTC

        ops, (labels, logits), loss = op.backend, operands, CTC(reduction=None)
        whole = ops.asarray(loss.prepare(ops.to_numpy(labels).reshape(labels.shape), logits.shape, op.dtype))
        ones = ops.asarray(np.ones(logits.shape[0], op.dtype))

        def back(dy: Any, needs: Sequence[bool]) -> list[Any]:
            return [None, loss.record(ops, whole, logits, dy.reshape(-1), 1.0)[1] if needs[1] else None]

        return loss.record(ops, whole, logits, ones, 1.0)[0].reshape(logits.shape[0]), back


ALIGNED = Aligned("ctc")


def ctc_loss(target: Any, output: Any, target_length: Any, output_length: Any, mask_index: int = 0) -> Any:
    """-log of the likelihood of each row's labels, summed over all alignments with its steps (Graves et al. 2006); (rows,).

    target: labels (rows, longest), of which the first `target_length` count; output: logits (rows, steps, classes), of which the first
    `output_length` steps count; `mask_index`: the class of the blank. Raises ValueError for other shapes, and as `gpunn.losses.CTC` does.
    """
    if shaping.ndim(target) != 2 or shaping.ndim(output) != 3 or None in tuple(output.shape)[1:]:
        raise ValueError(
            "ctc_loss: expected target (rows, longest) and output (rows, steps, classes) of known sizes. "
            f"Received: shapes {tuple(target.shape)} and {tuple(output.shape)}."
        )
    _, steps, classes = output.shape
    blank = mask_index % classes
    if blank:  # the blank is put first, and the classes before it one further
        output = shaping.take(output, [blank, *(i for i in range(classes) if i != blank)], axis=-1)
        target = a.where(a.less(target, blank), a.add(target, 1), target)
    inside = a.less(np.arange(target.shape[1]), shaping.expand_dims(target_length, -1))
    labels = a.where(inside, target, 0)
    going = a.less(np.arange(steps), shaping.expand_dims(output_length, -1))
    ended = np.where(np.arange(classes) == 0, 0.0, FAR)  # steps beyond the end are blanks for sure
    return apply(ALIGNED, labels, a.where(shaping.expand_dims(going, -1), output, ended.astype(_floats(output))))


def _floats(output: Any) -> str:
    return output.dtype if isinstance(output, KerasTensor) else np.asarray(output).dtype.name


def _decode(
    inputs: Any, sequence_lengths: Any, strategy: str = "greedy", beam_width: int = 100, top_paths: int = 1, merge_repeated: bool = True,
    mask_index: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """Labels of logits (rows, steps, classes), of which the first `sequence_lengths` steps of each row count.

    -> "greedy": the likeliest class of each step, without blanks and, with `merge_repeated`, repetitions: (labels (1, rows, steps) with -1
    behind them, -sum of the largest logits (rows, 1)). "beam_search": the `top_paths` likeliest sequences that a search with `beam_width`
    of them finds: (labels (top_paths, rows, steps), logarithms of their likelihoods (rows, top_paths)). Raises ValueError for others.
    """
    if strategy not in ("greedy", "beam_search"):
        raise ValueError(f"ctc_decode: expected strategy 'greedy' or 'beam_search'. Received: {strategy=}.")
    logits, lengths = np.asarray(inputs), np.asarray(sequence_lengths)
    if logits.ndim != 3 or lengths.shape != logits.shape[:1]:
        raise ValueError(
            f"ctc_decode: expected logits (rows, steps, classes) and lengths (rows,). Received: shapes {logits.shape} and {lengths.shape}."
        )
    blank = mask_index % logits.shape[-1]
    paths = 1 if strategy == "greedy" else top_paths
    labels, scores = np.full((paths, *logits.shape[:2]), -1, np.int32), np.zeros((len(logits), paths), logits.dtype)
    for row, (steps, n) in enumerate(zip(logits, lengths, strict=True)):
        found = _greedy(steps[:n], merge_repeated, blank) if strategy == "greedy" else _searched(steps[:n], beam_width, top_paths, blank)
        for path, (sequence, score) in enumerate(found):
            labels[path, row, : len(sequence)], scores[row, path] = sequence, score
    return labels, scores


def _greedy(steps: np.ndarray, merge_repeated: bool, blank: int) -> list[tuple[Any, float]]:
    best = steps.argmax(-1)
    kept = best != blank
    if merge_repeated:
        kept[1:] &= best[1:] != best[:-1]
    return [(best[kept], -steps.max(-1, initial=-np.inf).sum() if len(steps) else 0.0)]


def _searched(steps: np.ndarray, width: int, paths: int, blank: int) -> list[tuple[Any, float]]:
    """The likeliest sequences first. Each beam has two likelihoods: of alignments that end with a blank, and with its last label."""
    shifted = steps - steps.max(-1, keepdims=True)
    logs = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    beams: dict[tuple[int, ...], tuple[float, float]] = {(): (0.0, -np.inf)}
    for step in logs:
        grown: dict[tuple[int, ...], tuple[float, float]] = {}

        def add(sequence: tuple[int, ...], ends_blank: float, ends_label: float, into: dict[Any, Any] = grown) -> None:
            before = into.get(sequence, (-np.inf, -np.inf))
            into[sequence] = float(np.logaddexp(before[0], ends_blank)), float(np.logaddexp(before[1], ends_label))

        for sequence, (with_blank, with_label) in beams.items():
            either = np.logaddexp(with_blank, with_label)
            add(sequence, either + step[blank], with_label + step[sequence[-1]] if sequence else -np.inf)
            for label in range(len(step)):
                if label != blank:  # after the same label only a blank lets another one begin
                    again = sequence and label == sequence[-1]
                    add((*sequence, label), -np.inf, (with_blank if again else either) + step[label])
        beams = dict(sorted(grown.items(), key=lambda beam: -np.logaddexp(*beam[1]))[:width])
    ranked = sorted(beams.items(), key=lambda beam: -np.logaddexp(*beam[1]))[:paths]
    return [(list(sequence), float(np.logaddexp(*score))) for sequence, score in ranked]


ctc_decode = of_arrays("ctc_decode", _decode)
