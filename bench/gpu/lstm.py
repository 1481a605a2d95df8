"""Microseconds a training step of LSTM(128) over 28 steps of 28 numbers (Adam), against PyTorch's (cuDNN) on the same device: medians."""

import common
import numpy as np
from steps import contest, ours

BATCHES = (4,) if common.DRY else (32, 128, 1024)
SHAPE, UNITS = ((3, 4), 8) if common.DRY else ((28, 28), 128)
ROWS = 80 if common.DRY else 1 << 15


def network():
    import gpunn
    from gpunn import layers, models

    with gpunn.device(common.BACKEND):
        model = models.Sequential([layers.Input(SHAPE), layers.LSTM(UNITS), layers.Dense(10, "softmax")])
        model.compile("adam", "sparse_categorical_crossentropy")
    return model


def torch_eager(x, y, batch: int):
    import torch

    lstm, dense = torch.nn.LSTM(SHAPE[1], UNITS, batch_first=True).cuda(), torch.nn.Linear(UNITS, 10).cuda()
    optimizer = torch.optim.Adam([*lstm.parameters(), *dense.parameters()], fused=True)
    data, labels, order = torch.from_numpy(x).cuda(), torch.from_numpy(y).cuda(), torch.randperm(len(x), device="cuda")

    def run(steps: int) -> None:
        for i in range(steps):
            rows = order[i * batch : (i + 1) * batch]
            optimizer.zero_grad(set_to_none=True)
            torch.nn.functional.cross_entropy(dense(lstm(data[rows])[0][:, -1]), labels[rows]).backward()
            optimizer.step()
        torch.cuda.synchronize()

    return run


def body(results: dict) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.random((ROWS, *SHAPE), np.float32), rng.integers(0, 10, ROWS)
    results["unit"] = "microseconds a step, median of rounds"
    for batch in BATCHES:
        row = results.setdefault(str(batch), {})
        makers = {"gpunn": lambda b=batch: ours(x, y, b, make=network)}
        if not common.DRY:
            makers["torch eager"] = lambda b=batch: torch_eager(x, y, b)
        contest(makers, batch, row, ROWS)
        print(batch, {k: round(v["us"], 1) if "us" in v else v["error"][:60] for k, v in row.items()}, flush=True)


if __name__ == "__main__":
    common.run("lstm", body)
