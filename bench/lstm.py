"""Images a second of an LSTM over the rows of Fashion-MNIST images against PyTorch: ``python bench/lstm.py [--busy] [--rounds 5]``.

28 steps of 28 numbers, LSTM(128), Dense(10, softmax), Adam, float32, public `fit`. Prints a table and writes
bench/results/lstm-cpu[-busy]-DATE.json.
"""

import argparse
import os

from contest import save
from mlp import contest

PEERS = ("torch_lstm",)
ROWS = 12800


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--busy", action="store_true", help="a spinning process on each core")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batches", type=int, nargs="+", default=[32, 128, 1024])
    parser.add_argument("--peers", nargs="+", default=list(PEERS), help="torch_lstm, keras_lstm")
    parser.add_argument("--rows", type=int, default=ROWS, help="of an epoch")
    parser.add_argument("--threads", type=int, help="of each contestant; by default as many as each takes")
    parser.add_argument("--dry", action="store_true", help="print, write no file")
    given = parser.parse_args()
    if given.threads:
        os.environ["GPUNN_THREADS"] = str(given.threads)
    results = []
    for batch in given.batches:
        results.append(contest(batch, given.rounds, given.busy, given.peers, "gpunn_lstm", given.rows))
        r = results[-1]
        ratios = "  ".join(f"{name} x{ratio:.2f}" for name, ratio in r["ratio"].items())
        print(f"batch {batch:5d}  gpunn {r['images_per_second']['gpunn_lstm']:8,d} img/s  {ratios}", flush=True)
    if not given.dry:
        name = "lstm-cpu" + ("-busy" if given.busy else "") + (f"-{given.threads}-threads" if given.threads else "")
        print(save(name, {"rows": given.rows, "threads": given.threads, "load_average": os.getloadavg()[0], "results": results}))


if __name__ == "__main__":
    main()
