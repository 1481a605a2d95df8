"""How long a program takes until its first short training is done: ``python bench/first_run.py [--rounds 3]``, from the start of Python on.

784-300-100-10, Adam, ten batches of 128. gpunn with nothing in its cache, its kernels compiled by one process and by as many as it takes by
itself, and with all of them there; Keras 3 on JAX; PyTorch eager. One after another in each round. Writes
bench/results/first-run-cpu-DATE.json.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time

from contest import REST, save

DATA = "import numpy as np; r = np.random.default_rng(0); x = r.random((1280, 784), np.float32); y = r.integers(0, 10, 1280)"
KERAS_FACE = """
model = m.Sequential([m.Input((784,)), m.layers.Dense(300, "relu"), m.layers.Dense(100, "relu"), m.layers.Dense(10, "softmax")])
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x, y, batch_size=128, verbose=0)
"""
TORCH = """
import torch
from torch import nn
net = nn.Sequential(nn.Linear(784, 300), nn.ReLU(), nn.Linear(300, 100), nn.ReLU(), nn.Linear(100, 10))
optimizer, loss = torch.optim.Adam(net.parameters()), nn.CrossEntropyLoss()
for i in range(0, 1280, 128):
    optimizer.zero_grad()
    loss(net(torch.from_numpy(x[i:i + 128])), torch.from_numpy(y[i:i + 128])).backward()
    optimizer.step()
"""
PROGRAMS = {
    "gpunn, one compiles": ("import gpunn as m\n" + KERAS_FACE, {"GPUNN_COMPILERS": "1"}),
    "gpunn": ("import gpunn as m\n" + KERAS_FACE, {}),
    "gpunn, compiled before": ("import gpunn as m\n" + KERAS_FACE, {}),
    "keras": ("import keras as m\n" + KERAS_FACE, {"KERAS_BACKEND": "jax"}),
    "torch": (TORCH, {}),
}


def took(program: str, environment: dict[str, str]) -> float:
    time.sleep(REST)
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", f"{DATA}\n{program}"], env={**os.environ, **environment}, check=True)
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--dry", action="store_true", help="print, write no file")
    given = parser.parse_args()
    seconds: dict[str, list[float]] = {name: [] for name in PROGRAMS}
    with tempfile.TemporaryDirectory() as kept:
        took(PROGRAMS["gpunn"][0], {"GPUNN_CACHE": kept})
        for _ in range(given.rounds):
            for name, (program, environment) in PROGRAMS.items():
                with tempfile.TemporaryDirectory() as empty:
                    cache = kept if name == "gpunn, compiled before" else empty
                    seconds[name].append(took(program, {**environment, "GPUNN_CACHE": cache}))
    for name, all_of_it in seconds.items():
        print(f"{name:24s} {statistics.median(all_of_it):6.1f} s")
    if not given.dry:
        print(save("first-run-cpu", {"rounds": given.rounds, "seconds": {n: [round(s, 2) for s in v] for n, v in seconds.items()}}))


if __name__ == "__main__":
    main()
