"""Microseconds a training step of a classifier of texts (a table of words, mean over the words, two dense layers, Adam), padded as texts
are: the table's gradient in two launches and in one, and PyTorch on the same device."""

from unittest import mock

import common
import numpy as np
from steps import contest, ours

BATCHES = (16,) if common.DRY else (32, 128, 1024)
LENGTH, WORDS, WIDTH = (40, 60, 5) if common.DRY else (200, 10_000, 32)
ROWS = 288 if common.DRY else 1 << 15
PADDED = 0.6  # of the places


def network():
    import gpunn
    from gpunn import layers, models

    with gpunn.device(common.BACKEND):
        model = models.Sequential(
            [
                layers.Input((LENGTH,)), layers.Embedding(WORDS, WIDTH), layers.GlobalAveragePooling1D(), layers.Dense(16, "relu"),
                layers.Dense(2, "softmax"),
            ]
        )  # fmt: skip
        model.compile("adam", "sparse_categorical_crossentropy")
    return model


def in_one_launch(x, y, batch: int):
    with mock.patch("gpunn.backend.words.LEAST", 1 << 62):
        return ours(x, y, batch, persistent="never", make=network)


def torch_eager(x, y, batch: int):
    import torch

    table, first, last = torch.nn.Embedding(WORDS, WIDTH).cuda(), torch.nn.Linear(WIDTH, 16).cuda(), torch.nn.Linear(16, 2).cuda()
    optimizer = torch.optim.Adam([p for part in (table, first, last) for p in part.parameters()], fused=True)
    data, labels, order = torch.from_numpy(x).long().cuda(), torch.from_numpy(y).cuda(), torch.randperm(len(x), device="cuda")

    def run(steps: int) -> None:
        for i in range(steps):
            rows = order[i * batch : (i + 1) * batch]
            optimizer.zero_grad(set_to_none=True)
            torch.nn.functional.cross_entropy(last(first(table(data[rows]).mean(1)).relu()), labels[rows]).backward()
            optimizer.step()
        torch.cuda.synchronize()

    return run


def body(results: dict) -> None:
    rng = np.random.default_rng(0)
    words = rng.integers(1, WORDS, (ROWS, LENGTH))
    x, y = np.where(rng.random((ROWS, LENGTH)) < PADDED, 0, words).astype(np.int32), rng.integers(0, 2, ROWS)
    results["unit"] = "microseconds a step, median of rounds"
    for batch in BATCHES:
        row = results.setdefault(str(batch), {})
        makers = {
            "gpunn": lambda b=batch: ours(x, y, b, make=network),
            "gpunn, two launches": lambda b=batch: ours(x, y, b, persistent="never", make=network),
            "gpunn, one launch": lambda b=batch: in_one_launch(x, y, b),
        }
        if not common.DRY:
            makers["torch eager"] = lambda b=batch: torch_eager(x, y, b)
        contest(makers, batch, row, ROWS)
        print(batch, {k: round(v["us"], 1) if "us" in v else v["error"][:60] for k, v in row.items()}, flush=True)


if __name__ == "__main__":
    common.run("texts", body)
